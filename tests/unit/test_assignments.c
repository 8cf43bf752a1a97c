#include "daemon/assignments.h"

#include "base/log.h"
#include "fixture.h"
#include "plant.h"

#include <errno.h>

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    plant_add_model(&(struct tiny_model){.name = "two"});
    plant_add_model(&(struct tiny_model){.name = "liar", .random = true, .wrong_selftest = 2});
    plant_make_key();
    return r;
}

static struct config *config;
static struct assignments assignments;
static struct diag warning;

static int start(const char *models, const char *state, struct diag *diag)
{
    config = plant_load_config(models, "");
    warning = *diag = DIAG_INIT;
    return assignments_start(&assignments, config, state, &warning, diag);
}

static void start_well(const char *models, const char *state)
{
    struct diag diag;
    if (start(models, state, &diag) < 0)
        fail_msg("%s", diag.text);
}

/* Ends the assignments and gives their saved state, which the caller frees. */
static char *stop(void)
{
    char *state = assignments_format_state(&assignments);
    assignments_deinit(&assignments);
    config_free(config);
    return state;
}

static void expect(const char *robot, const char *model)
{
    const struct assignment *found = assignments_find(&assignments, robot);
    assert_non_null(found);
    assert_string_equal(found->active, model);
    assert_string_equal(found->model->name, model);
    assert_int_equal(sample_decoder_channels(found->decoder), found->model->channels);
}

static void activate(const char *robot, const char *model)
{
    struct assignment *own = *robot ? assignments_own(&assignments, robot)
                                    : assignments_find(&assignments, ASSIGNMENT_DEFAULT);
    assignment_activate(own, model, tiny_model_new(&(struct tiny_model){.name = model}));
}

static void test_configured_models(void **state)
{
    start_well("\"default\":\"one\",\"robots\":{\"a\":\"two\",\"b\":\"one\"}", NULL);
    expect("a", "two");
    expect("b", "one");
    expect("c", "one");
    assert_string_equal(warning.text, "");
    /* One file, one set of weights. */
    assert_ptr_equal(assignments_find(&assignments, "b")->model,
                     assignments_find(&assignments, "c")->model);
    free(stop());
}

static void test_models_that_cannot_be_used(void **state)
{
    struct diag diag;
    assert_true(start("\"default\":\"none\"", NULL, &diag) < 0);
    fixture_expect_text(diag.text, "none.safetensors");
    config_free(config);
    assert_true(start("\"default\":\"one\",\"robots\":{\"a\":\"liar\"}", NULL, &diag) < 0);
    fixture_expect_text(diag.text, "liar.safetensors: self-test");
    config_free(config);
}

static void test_what_an_operator_chose_survives(void **state)
{
    start_well("\"default\":\"one\"", NULL);
    activate("", "two");
    activate("a", "one");
    char *saved = stop();
    start_well("\"default\":\"one\"", saved);
    free(saved);
    expect("", "two");
    expect("a", "one");
    assert_string_equal(assignments_find(&assignments, "")->previous_name, "one");
    assert_null(assignments_find(&assignments, "")->previous); /* its file is read when wanted */
    assert_string_equal(assignments_find(&assignments, "a")->previous_name, "two");
    free(stop());
}

static void test_until_that_key_changes(void **state)
{
    start_well("\"default\":\"one\",\"robots\":{\"a\":\"one\"}", NULL);
    activate("", "two");
    activate("a", "two");
    char *saved = stop();
    start_well("\"default\":\"two\",\"robots\":{\"a\":\"one\"}", saved);
    expect("", "two");
    assert_string_equal(assignments_find(&assignments, "")->previous_name, "");
    expect("a", "two"); /* another key */
    free(stop());
    start_well("\"default\":\"one\",\"robots\":{\"b\":\"one\"}", saved);
    expect("a", "two"); /* no longer named: the default's, which still stands as it was chosen */
    expect("b", "one");
    free(stop());
    free(saved);
}

static void test_a_choice_that_is_gone_falls_back(void **state)
{
    start_well("\"default\":\"one\"", NULL);
    activate("", "gone");
    activate("a", "gone");
    char *saved = stop();
    start_well("\"default\":\"one\"", saved);
    free(saved);
    expect("", "one");
    expect("a", "one");
    assert_int_equal(assignments.count, 1);
    fixture_expect_text(warning.text, "gone.safetensors");
    free(stop());
}

static void test_a_saved_state_that_is_junk(void **state)
{
    static const char *const junk[] = {
        "",
        "{",
        "[]",
        "{\"assignments\":3}",
        "{\"assignments\":[3,null,{},{\"key\":1}]}",
        "{\"assignments\":[{\"key\":\"\",\"configured\":\"one\",\"active\":\"../../etc/passwd\"}]}",
        "{\"assignments\":[{\"key\":\"a/b\",\"configured\":\"\",\"active\":\"two\"}]}",
        "{\"assignments\":[{\"key\":\"\",\"configured\":\"x\",\"active\":\"two\"}]}",
    };
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        start_well("\"default\":\"one\"", junk[i]);
        expect("", "one");
        assert_int_equal(assignments.count, 1);
        free(stop());
    }
}

static void test_own_and_drop(void **state)
{
    start_well("\"default\":\"one\"", NULL);
    struct assignment *a = assignments_own(&assignments, "a");
    struct assignment *b = assignments_own(&assignments, "b");
    assert_ptr_equal(assignments_own(&assignments, "a"), a);
    assert_ptr_equal(a->model, assignments_find(&assignments, "c")->model);
    assignments_drop(&assignments, a);
    assert_string_equal(assignments_find(&assignments, "a")->key, ASSIGNMENT_DEFAULT);
    assert_ptr_equal(assignments_find(&assignments, "b"), b);
    assignments_drop(&assignments, b);
    assert_int_equal(assignments.count, 1);
    free(stop());
    start_well("\"robots\":{\"a\":\"one\"}", NULL);
    assert_null(assignments_own(&assignments, "b"));
    assert_null(assignments_find(&assignments, "b"));
    free(stop());
}

/* ---- versions ---- */

/* cell, version `version`, under a file name. */
static void put_version(const char *file_name, int64_t version)
{
    plant_add_model_as(file_name, &(struct tiny_model){.name = "cell", .version = version});
}

static void expect_version(const char *robot, const char *file_name, int64_t version)
{
    const struct assignment *found = assignments_find(&assignments, robot);
    assert_non_null(found);
    assert_string_equal(found->active, file_name);
    assert_int_equal(found->model->version, version);
}

static void activate_version(const char *file_name, int64_t version)
{
    struct assignment *standard = assignments_find(&assignments, ASSIGNMENT_DEFAULT);
    assignment_activate(standard, file_name,
                        tiny_model_new(&(struct tiny_model){.name = "cell", .version = version}));
    assert_int_equal(accepted_note(&assignments.accepted, "cell", version), 0);
}

/* The state as the daemon saves it after a start; ends the assignments. */
static char *stop_after_start(const char *saved)
{
    char *state = assignments_format_start(&assignments, saved, *warning.text);
    free(stop());
    return state;
}

static void test_a_file_that_has_become_older(void **state)
{
    put_version("cell", 3);
    start_well("\"default\":\"cell\"", NULL);
    char *saved = stop_after_start(NULL); /* nobody has commanded anything yet */
    put_version("cell", 2);
    start_well("\"default\":\"cell\"", saved);
    fixture_expect_text(warning.text,
                        "cell is used, for there is nothing else: model cell version 2 "
                        "is older than version 3");
    expect_version("a", "cell", 2); /* no robot is unwatched */
    assert_true(assignments_find(&assignments, "a")->unasked);
    char *again = stop_after_start(saved);
    assert_string_equal(again, saved);
    free(saved);
    start_well("\"default\":\"cell\"", again); /* being in use has not made it right */
    assert_true(assignments_find(&assignments, "a")->unasked);
    free(stop());
    put_version("cell", 3);
    start_well("\"default\":\"cell\"", again);
    assert_string_equal(warning.text, "");
    assert_false(assignments_find(&assignments, "a")->unasked);
    free(stop());
    put_version("cell", 4);
    start_well("\"default\":\"cell\"", again);
    assert_string_equal(warning.text, "");
    assert_int_equal(accepted_version(&assignments.accepted, "cell"), 4);
    free(again);
    free(stop());
}

/* The operator's choice has become older: the configured one is better, if that is not. */
static void test_the_configured_one_in_the_place_of_an_older_one(void **state)
{
    put_version("cell", 3);
    put_version("other", 5);
    start_well("\"default\":\"cell\"", NULL);
    activate_version("other", 5);
    char *saved = stop();
    put_version("other", 4);
    start_well("\"default\":\"cell\"", saved);
    expect_version("", "other", 4); /* both are older: what the operator chose */
    free(stop());
    put_version("cell", 5);
    start_well("\"default\":\"cell\"", saved);
    fixture_expect_text(warning.text, "cell is used instead of other");
    expect_version("", "cell", 5);
    assert_false(assignments_find(&assignments, "")->unasked);
    free(saved);
    free(stop());
}

static void test_the_configuration_may_ask_for_an_older_one(void **state)
{
    put_version("cell", 3);
    put_version("cell-old", 2);
    start_well("\"default\":\"cell\"", NULL);
    char *saved = stop();
    start_well("\"default\":\"cell-old\",\"robots\":{\"a\":\"cell\"}", saved);
    assert_string_equal(warning.text, "");
    expect_version("", "cell-old", 2);
    assert_false(assignments_find(&assignments, "")->unasked);
    free(saved);
    saved = stop();
    start_well("\"default\":\"cell-old\",\"robots\":{\"a\":\"cell\"}", saved);
    assert_string_equal(warning.text, ""); /* it is what was in use */
    assert_int_equal(accepted_version(&assignments.accepted, "cell"), 3);
    free(saved);
    free(stop());
}

static void test_a_rollback_survives(void **state)
{
    put_version("cell", 3);
    put_version("cell-4", 4);
    start_well("\"default\":\"cell\"", NULL);
    activate_version("cell-4", 4);
    activate_version("cell", 3); /* asked for by rollback */
    char *saved = stop();
    start_well("\"default\":\"cell\"", saved);
    assert_string_equal(warning.text, "");
    expect_version("", "cell", 3);
    struct assignment *standard = assignments_find(&assignments, "");
    assert_string_equal(standard->previous_name, "cell-4");
    assert_int_equal(strlen(standard->previous_sha256), 64);
    free(stop());
    put_version("cell", 2);
    start_well("\"default\":\"cell\"", saved);
    assert_true(assignments_find(&assignments, "")->unasked); /* that one was never asked for */
    free(saved);
    free(stop());
}

static int check(int64_t version, bool rollback)
{
    struct diag diag = DIAG_INIT;
    const struct assignment *standard = assignments_find(&assignments, "");
    struct model *model = tiny_model_new(&(struct tiny_model){.name = "cell", .version = version});
    int r = rollback ? assignments_check_previous(&assignments, standard, model, &diag)
                     : assignments_check_version(&assignments, standard, model, &diag);
    assert_true((r == 0) == (*diag.text == '\0'));
    model_unref(model);
    return r;
}

static void test_who_may_go_back_to_what(void **state)
{
    put_version("cell", 3);
    start_well("\"default\":\"cell\"", NULL);
    assert_int_equal(check(2, false), -EINVAL);
    assert_int_equal(check(3, false), 0);
    assert_int_equal(check(4, false), 0);
    activate_version("cell-5", 5);
    assert_int_equal(check(3, false), -EINVAL);
    assert_int_equal(check(3, true), 0);
    assert_int_equal(check(2, true), -EINVAL); /* not the one before */
    assert_int_equal(check(6, true), 0);
    activate_version("cell", 3);
    assert_int_equal(check(3, false), 0); /* its own file again */
    assert_int_equal(check(4, false), -EINVAL);
    assert_int_equal(check(5, false), 0);
    /* The same again is no step forward: the one before stays. */
    activate_version("copy", 3);
    assert_string_equal(assignments_find(&assignments, "")->active, "copy");
    assert_int_equal(check(5, true), 0);
    assert_string_equal(assignments_find(&assignments, "")->previous_name, "cell-5");
    free(stop());
}

static void test_saved_versions_that_are_junk(void **state)
{
    static const char *const junk[] = {
        "{\"assignments\":[{\"key\":\"\",\"configured\":\"cell\",\"active\":\"cell\",\"sha256\":7,"
        "\"previous\":\"cell\",\"previous_sha256\":[]}],\"accepted\":[3]}",
        "{\"assignments\":[{\"key\":\"\",\"configured\":\"cell\",\"active\":\"cell\",\"sha256\":"
        "\"00000000000000000000000000000000000000000000000000000000000000000000000000000000\"}],"
        "\"accepted\":{}}",
    };
    put_version("cell", 3);
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        start_well("\"default\":\"cell\"", junk[i]);
        assert_string_equal(warning.text, "");
        expect_version("", "cell", 3);
        free(stop());
    }
}

/* ---- signatures ---- */

static void test_signatures_at_the_start(void **state)
{
    static const char required[] = "\"default\":\"cell\",\"signature\":\"require\","
                                   "\"public_key_file\":\"model-pub.key\"";
    static const char warned[] = "\"default\":\"cell\",\"public_key_file\":\"model-pub.key\"";
    struct diag diag;
    put_version("cell", 3);
    assert_int_equal(start(required, NULL, &diag), -EKEYREJECTED);
    fixture_expect_text(diag.text, "not signed");
    config_free(config);
    start_well(warned, NULL);
    assert_int_equal(assignments_find(&assignments, "")->model->signature, SIGNATURE_MISSING);
    free(stop());
    plant_sign("cell");
    start_well(required, NULL);
    assert_int_equal(assignments_find(&assignments, "")->model->signature, SIGNATURE_VALID);
    assert_int_equal(assignments.trust.policy, TRUST_REQUIRE);
    free(stop());
    plant_make_key();
    assert_int_equal(start(required, NULL, &diag), -EKEYREJECTED);
    fixture_expect_text(diag.text, "not the signature of this file");
    config_free(config);
    assert_int_equal(start("\"default\":\"cell\",\"public_key_file\":\"none\"", NULL, &diag),
                     -ENOENT);
    fixture_expect_text(diag.text, "models.public_key_file: none");
    config_free(config);
    fixture_write("junk.key", "junk");
    assert_int_equal(start("\"default\":\"cell\",\"public_key_file\":\"junk.key\"", NULL, &diag),
                     -EINVAL);
    config_free(config);
    start_well("\"default\":\"cell\",\"public_key_file\":\"none\",\"signature\":\"off\"", NULL);
    free(stop());
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configured_models),
        cmocka_unit_test(test_models_that_cannot_be_used),
        cmocka_unit_test(test_what_an_operator_chose_survives),
        cmocka_unit_test(test_until_that_key_changes),
        cmocka_unit_test(test_a_choice_that_is_gone_falls_back),
        cmocka_unit_test(test_a_saved_state_that_is_junk),
        cmocka_unit_test(test_own_and_drop),
        cmocka_unit_test(test_a_file_that_has_become_older),
        cmocka_unit_test(test_the_configured_one_in_the_place_of_an_older_one),
        cmocka_unit_test(test_the_configuration_may_ask_for_an_older_one),
        cmocka_unit_test(test_a_rollback_survives),
        cmocka_unit_test(test_who_may_go_back_to_what),
        cmocka_unit_test(test_saved_versions_that_are_junk),
        cmocka_unit_test(test_signatures_at_the_start),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}

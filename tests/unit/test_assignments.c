#include "daemon/assignments.h"
#include "fixture.h"
#include "plant.h"

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    plant_add_model(&(struct tiny_model){.name = "two"});
    plant_add_model(&(struct tiny_model){.name = "liar", .random = true, .wrong_selftest = 2});
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configured_models),
        cmocka_unit_test(test_models_that_cannot_be_used),
        cmocka_unit_test(test_what_an_operator_chose_survives),
        cmocka_unit_test(test_until_that_key_changes),
        cmocka_unit_test(test_a_choice_that_is_gone_falls_back),
        cmocka_unit_test(test_a_saved_state_that_is_junk),
        cmocka_unit_test(test_own_and_drop),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}

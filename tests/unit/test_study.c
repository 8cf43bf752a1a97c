#include "lab/study.h"

#include "fixture.h"

#include <errno.h>

static const char *const names[] = {"action", "machine_power", "sensor_id1_AccX"};

static struct study_options options_of(unsigned groups)
{
    return (struct study_options){.stable = fit_defaults(ADVERSARY_STABLE),
                                  .paper = fit_defaults(ADVERSARY_PAPER),
                                  .groups = groups,
                                  .seeds = 5,
                                  .ablation_seeds = 2,
                                  .names = names,
                                  .channels = 3};
}

static const struct study_row *row_of(const struct study *study, const char *key)
{
    size_t index = study_find(study, key);
    if (index == STUDY_NO_ROW)
        fail_msg("no row %s", key);
    return &study->row[index];
}

static void groups_are_read_by_name(void **state)
{
    (void)state;
    unsigned groups;
    struct diag diag = DIAG_INIT;
    assert_int_equal(study_groups_parse("all", &groups, &diag), 0);
    assert_int_equal(groups, (1u << STUDY_GROUPS) - 1);
    assert_int_equal(study_groups_parse("scalers,peers", &groups, &diag), 0);
    assert_int_equal(groups, 1u << STUDY_SCALER | 1u << STUDY_PEER);
    assert_int_equal(study_groups_parse("scalers,scaler", &groups, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "\"scaler\""));
    assert_non_null(strstr(diag.text, "windows"));
    assert_int_equal(study_groups_parse("", &groups, &diag), -EINVAL);
}

/* Keys are names of curves and of files: none may stand twice. Every reference exists. */
static void every_row_is_told_apart(void **state)
{
    (void)state;
    struct study study;
    struct study_options options = options_of((1u << STUDY_GROUPS) - 1);
    assert_int_equal(study_make(&options, &study), 0);
    assert_true(study.count > 50);
    for (size_t i = 0; i < study.count; i++) {
        const struct study_row *row = &study.row[i];
        assert_int_equal(study_find(&study, row->key), i);
        assert_true(row->seeds >= 1 && row->seeds <= 5);
        if (row->reference != STUDY_NO_ROW)
            assert_true(row->reference < study.count);
        if (row->twin != STUDY_NO_ROW)
            assert_int_equal(study.row[row->twin].source, STUDY_TWIN);
    }
    study_deinit(&study);
}

static void the_papers_rows_are_all_there(void **state)
{
    (void)state;
    static const char *const keys[] = {"ae1-stable", "ae1-two-stable", "ae2-stable",
                                       "ae1-paper",  "ae1-two-paper",  "ae2-paper"};
    struct study study;
    struct study_options options = options_of(1u << STUDY_PAPER);
    assert_int_equal(study_make(&options, &study), 0);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct study_row *row = row_of(&study, keys[i]);
        assert_int_equal(row->seeds, 5);
        assert_int_equal(row->source, STUDY_TRAINED);
        assert_true(row->twin != STUDY_NO_ROW);
        assert_int_equal(row->fit.train.adversary.kind, i < 3 ? ADVERSARY_STABLE : ADVERSARY_PAPER);
        assert_int_equal(row->fit.architecture.kind,
                         i % 3 == 2 ? ARCHITECTURE_DEEP : ARCHITECTURE_BASIC);
        assert_int_equal(row->fit.architecture.second_decoder_layer, i % 3 == 1);
        assert_int_equal(row->fit.architecture.sigmoid, i >= 3);
    }
    row_of(&study, "random");
    row_of(&study, "untrained");
    assert_int_equal(study_find(&study, "pca"), STUDY_NO_ROW);
    study_deinit(&study);
}

static void each_scaler_has_both_outputs(void **state)
{
    (void)state;
    struct study study;
    struct study_options options = options_of(1u << STUDY_SCALER);
    assert_int_equal(study_make(&options, &study), 0);
    for (int kind = 0; kind < SCALER_KINDS; kind++) {
        for (int sigmoid = 0; sigmoid <= 1; sigmoid++) {
            char key[STUDY_KEY_MAX];
            snprintf(key, sizeof key, "%s-%s", scaler_kind_name((enum scaler_kind)kind),
                     sigmoid ? "sigmoid" : "linear");
            const struct study_row *row = row_of(&study, key);
            assert_int_equal(row->fit.scaler.kind, kind);
            assert_int_equal(row->fit.architecture.sigmoid, sigmoid);
            assert_int_equal(row->fit.train.adversary.kind, ADVERSARY_NONE);
            assert_int_equal(row->seeds, 2);
        }
    }
    row_of(&study, "ae2"); /* what they are compared with */
    study_deinit(&study);
}

static void ablations_of_channels_keep_what_is_ignored(void **state)
{
    (void)state;
    static const char *const ignored[] = {"sensor_id1_AccX", NULL};
    struct study study;
    struct study_options options = options_of(1u << STUDY_CHANNELS);
    options.stable.ignore = ignored;
    assert_int_equal(study_make(&options, &study), 0);
    const struct study_row *row = row_of(&study, "channels-no-power");
    assert_string_equal(row->fit.ignore[0], "sensor_id1_AccX");
    assert_string_equal(row->fit.ignore[1], "machine_*");
    assert_null(row->fit.ignore[2]);
    assert_true(row->fit.keep_drift);
    row = row_of(&study, "channels-no-action");
    assert_string_equal(row->fit.ignore[1], "action");
    study_deinit(&study);
    options.channels = 0; /* of another machine */
    assert_int_equal(study_make(&options, &study), 0);
    assert_int_equal(study_find(&study, "channels-no-action"), STUDY_NO_ROW);
    study_deinit(&study);
}

/* Kinds that need a program step only where there is one; rows of the paper are autoencoders. */
static void each_kind_of_detector_has_a_row(void **state)
{
    (void)state;
    struct study study;
    struct study_options options = options_of(1u << STUDY_DETECTORS | 1u << STUDY_BASELINE);
    assert_int_equal(study_make(&options, &study), 0);
    static const char *const kinds[] = {"analog", "step-time", "cycle-power", "knn"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct study_row *row = row_of(&study, kinds[i]);
        assert_int_equal(row->group, STUDY_DETECTORS);
        assert_string_equal(row->fit.detectors[0], kinds[i]);
        assert_null(row->fit.detectors[1]);
        assert_int_equal(row->seeds, 1);
    }
    assert_null(row_of(&study, "set")->fit.detectors);
    assert_int_equal(row_of(&study, "set")->seeds, 5);
    assert_string_equal(row_of(&study, "ae2-stable")->fit.detectors[0], "autoencoder");
    assert_int_equal(row_of(&study, "pca")->group, STUDY_BASELINE); /* once, and not twice */
    study_deinit(&study);
    options.names = names + 1;
    options.channels = 2;
    options.groups = 1u << STUDY_DETECTORS;
    assert_int_equal(study_make(&options, &study), 0);
    assert_int_equal(study_find(&study, "analog"), STUDY_NO_ROW);
    assert_int_equal(row_of(&study, "knn")->group, STUDY_DETECTORS);
    assert_int_equal(row_of(&study, "pca")->group, STUDY_DETECTORS);
    study_deinit(&study);
    options.stable.step_channel = "machine_power";
    assert_int_equal(study_make(&options, &study), 0);
    row_of(&study, "analog");
    study_deinit(&study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_read_by_name),
        cmocka_unit_test(every_row_is_told_apart),
        cmocka_unit_test(the_papers_rows_are_all_there),
        cmocka_unit_test(each_scaler_has_both_outputs),
        cmocka_unit_test(ablations_of_channels_keep_what_is_ignored),
        cmocka_unit_test(each_kind_of_detector_has_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

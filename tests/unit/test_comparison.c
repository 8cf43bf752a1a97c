/* A small study on a toy arm whose anomalies are plain: what the report says of rows that can be
 * reckoned, that the same input gives the same report, and what is wrong with bad input. */
#include "lab/comparison.h"

#include "base/rng.h"
#include "fixture.h"
#include "nn/blas.h"

#include <errno.h>
#include <math.h>

#define CHANNELS 4
#define ROWS 2500

static const char *const channel_names[CHANNELS] = {"a", "b", "c", "d"};

/* Two waves, their product and noise. An anomaly adds to one channel. */
static struct recording *arm(uint64_t seed, size_t rows, bool anomalous)
{
    struct recording *recording = recording_new(rows, CHANNELS, channel_names, false, anomalous);
    struct rng rng;
    rng_init(&rng, seed);
    double phase = 6 * rng_uniform(&rng);
    for (size_t i = 0; recording && i < rows; i++) {
        float *row = recording->values + i * CHANNELS;
        double x = sin(phase + 0.1 * (double)i), y = cos(phase + 0.037 * (double)i);
        row[0] = (float)(x + 0.05 * rng_normal(&rng));
        row[1] = (float)(y + 0.05 * rng_normal(&rng));
        row[2] = (float)(x * y + 0.05 * rng_normal(&rng));
        row[3] = (float)(x + y + 0.05 * rng_normal(&rng));
        if (anomalous && i % 250 >= 200) {
            recording->label[i] = 1;
            row[2] += 3;
        }
    }
    assert_non_null(recording);
    return recording;
}

struct study_input {
    struct recording *normal[2], *anomalous[2];
};

static const char *const normal_files[] = {"n1.npy", "n2.npy"};
static const char *const anomalous_files[] = {"somewhere/x1.npy", "x2.npy"};

static struct comparison_input input_of(struct study_input *input)
{
    for (size_t i = 0; i < 2; i++) {
        input->normal[i] = arm(i + 1, ROWS, false);
        input->anomalous[i] = arm(i + 11, 1000, true);
    }
    return (struct comparison_input){.normal = {input->normal, normal_files, 2},
                                     .anomalous = {input->anomalous, anomalous_files, 2}};
}

static void release(struct study_input *input)
{
    for (size_t i = 0; i < 2; i++) {
        recording_free(input->normal[i]);
        recording_free(input->anomalous[i]);
    }
}

static struct comparison_options options_of(unsigned groups)
{
    struct comparison_options options = {
        .study = {.stable = fit_defaults(ADVERSARY_STABLE),
                  .paper = fit_defaults(ADVERSARY_PAPER),
                  .groups = groups,
                  .seeds = 2,
                  .ablation_seeds = 1},
        .period_s = 0.1,
        .test_share = 0.2,
        .false_alarms_per_day = 240,
        .events = EVALUATION_AUTO,
        .jobs = 2,
    };
    options.study.stable.train.epochs = options.study.paper.train.epochs = 8;
    options.study.stable.train.batch = options.study.paper.train.batch = 64;
    return options;
}

static cJSON *compare(const struct comparison_input *input,
                      const struct comparison_options *options)
{
    struct diag diag = DIAG_INIT;
    cJSON *report = NULL;
    if (comparison_run(input, options, &report, &diag) != 0)
        fail_msg("%s", diag.text);
    return report;
}

static const cJSON *row_of(const cJSON *report, const char *key)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(report, "rows"))
    {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(row, "key");
        if (!strcmp(name->valuestring, key))
            return row;
    }
    fail_msg("no row %s", key);
    return NULL;
}

/* A number inside nested objects: "metrics", "roc_auc", "mean". */
static double number(const cJSON *object, const char *first, const char *second, const char *third)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, first);
    item = cJSON_GetObjectItemCaseSensitive(item, second);
    item = cJSON_GetObjectItemCaseSensitive(item, third);
    if (!cJSON_IsNumber(item))
        fail_msg("no number %s.%s.%s", first, second, third);
    return item->valuedouble;
}

static void between(const char *what, double value, double low, double high)
{
    if (!(value >= low && value <= high))
        fail_msg("%s: %g, expected %g to %g", what, value, low, high);
}

static void rows_say_what_they_should(void **state)
{
    struct study_input recordings;
    const struct comparison_input input = input_of(&recordings);
    const struct comparison_options options = options_of(1u << STUDY_BASELINE | 1u << STUDY_PAPER);
    cJSON *report = compare(&input, &options);
    const cJSON *random = row_of(report, "random"), *stable = row_of(report, "ae2-stable");
    between("random", number(random, "metrics", "roc_auc", "mean"), 0.46, 0.54);
    between("untrained", number(row_of(report, "untrained"), "metrics", "roc_auc", "mean"), 0, 1);
    /* An offset of 60 deviations of the noise in one channel is nothing to miss. */
    between("Mahalanobis", number(row_of(report, "mahalanobis"), "metrics", "roc_auc", "mean"),
            0.98, 1);
    double mean = number(stable, "metrics", "roc_auc", "mean");
    between("AE2", mean, 0.8, 1);
    between("AE2", mean, number(stable, "metrics", "roc_auc", "low") - 1e-9,
            number(stable, "metrics", "roc_auc", "high") + 1e-9);
    double twin = number(row_of(report, "ae2"), "metrics", "roc_auc", "mean");
    between("difference", number(stable, "differences", "roc_auc", "mean"), mean - twin - 1e-9,
            mean - twin + 1e-9);
    const cJSON *states = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(stable, "adversary"), "states");
    assert_int_equal(cJSON_GetArraySize(states), 2);
    /* Two files of one label each are two kinds. */
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(stable, "classes")), 2);
    assert_non_null(cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(report, "curves"),
                                         "ae2-stable"),
        "epochs"));
    cJSON_Delete(report);
    release(&recordings);
}

/* "d" names a program step that never changes: what needs one is skipped, and the rest of the study
 * goes on. */
static void detectors_that_do_not_suit_are_skipped(void **state)
{
    struct study_input recordings;
    const struct comparison_input input = input_of(&recordings);
    struct comparison_options options = options_of(1u << STUDY_DETECTORS);
    options.study.stable.step_channel = options.study.paper.step_channel = "d";
    for (size_t i = 0; i < 4; i++) {
        struct recording *recording = i < 2 ? recordings.normal[i] : recordings.anomalous[i - 2];
        for (size_t row = 0; row < recording->rows; row++)
            recording->values[row * CHANNELS + 3] = 3;
    }
    cJSON *report = compare(&input, &options);
    between("knn", number(row_of(report, "knn"), "metrics", "roc_auc", "mean"), 0.98, 1);
    const cJSON *analog = row_of(report, "analog");
    assert_null(cJSON_GetObjectItemCaseSensitive(analog, "metrics"));
    fixture_expect_text(cJSON_GetObjectItemCaseSensitive(analog, "skipped")->valuestring,
                        "detector analog");
    cJSON_Delete(report);
    options.study.stable.step_channel = options.study.paper.step_channel = NULL;
    report = compare(&input, &options);
    between("set", number(row_of(report, "set"), "metrics", "roc_auc", "mean"), 0.9, 1);
    cJSON_Delete(report);
    release(&recordings);
}

/* Whatever the number of processes. What the clock and the memory say may differ. */
static void the_same_input_gives_the_same_report(void **state)
{
    char *text[2];
    for (size_t i = 0; i < 2; i++) {
        struct study_input recordings;
        const struct comparison_input input = input_of(&recordings);
        struct comparison_options options = options_of(1u << STUDY_WINDOW);
        options.jobs = i == 0 ? 1 : 3;
        cJSON *report = compare(&input, &options), *row;
        cJSON_DeleteItemFromObject(report, "seconds");
        cJSON_DeleteItemFromObject(report, "peak_memory_mb");
        cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(report, "rows"))
            cJSON_DeleteItemFromObject(row, "seconds");
        text[i] = cJSON_PrintUnformatted(report);
        cJSON_Delete(report);
        release(&recordings);
    }
    assert_string_equal(text[0], text[1]);
    cJSON_free(text[0]);
    cJSON_free(text[1]);
}

static void a_trial_that_cannot_run_is_named(void **state)
{
    struct study_input recordings;
    const struct comparison_input input = input_of(&recordings);
    struct comparison_options options = options_of(1u << STUDY_PAPER);
    static const char *const unknown[] = {"nobody", NULL};
    options.study.stable.ignore = unknown;
    struct diag diag = DIAG_INIT;
    cJSON *report = NULL;
    assert_int_equal(comparison_run(&input, &options, &report, &diag), -EINVAL);
    assert_null(report);
    assert_non_null(strstr(diag.text, "nobody"));
    assert_non_null(strstr(diag.text, "seed"));
    release(&recordings);
}

static void a_test_without_anomalies_is_refused(void **state)
{
    struct study_input recordings;
    const struct comparison_input input = input_of(&recordings);
    const struct comparison_options options = options_of(1u << STUDY_PAPER);
    struct diag diag = DIAG_INIT;
    cJSON *report = NULL;
    for (size_t i = 0; i < 2; i++)
        memset(recordings.anomalous[i]->label, 0, 1000 * sizeof(int));
    assert_int_equal(comparison_run(&input, &options, &report, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "without a label only"));
    release(&recordings);
}

/* Scores that come from a script: here twice the first channel's magnitude, so that they rank. */
static void a_peer_stands_beside(void **state)
{
    struct study_input recordings;
    const struct comparison_input input = input_of(&recordings);
    struct comparison_options options = options_of(1u << STUDY_PEER);
    static const char text[] =
        "import json, pathlib, struct, sys\n"
        "d = pathlib.Path(sys.argv[1])\n"
        "def load(name):\n"
        "    b = (d / name).read_bytes()\n"
        "    n = struct.unpack('<H', b[8:10])[0] + 10\n"
        "    head = eval(b[10:n].decode())\n"
        "    return head['shape'], struct.unpack('<%dd' % ((len(b) - n) // 8), b[n:])\n"
        "split = json.loads((d / 'split.json').read_text())\n"
        "for part in ('calibration', 'test'):\n"
        "    for i, files in enumerate(split[part]):\n"
        "        (rows, width), values = load(files['rows'])\n"
        "        shape, ends = load(files['ends'])\n"
        "        scores = [abs(values[int(e) * width + 2]) - 1 for e in ends]\n"
        "        head = \"{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }\" % "
        "len(scores)\n"
        "        head += ' ' * (-(len(head) + 11) % 64) + '\\n'\n"
        "        (d / ('scores-toy-1-%s-%d.npy' % (part, i))).write_bytes(b'\\x93NUMPY\\x01\\x00' "
        "+\n"
        "            struct.pack('<H', len(head)) + head.encode() +\n"
        "            struct.pack('<%dd' % len(scores), *scores))\n"
        "(d / 'peers.json').write_text(json.dumps({'tool': 'toy', 'peers': [{'key': 'toy',\n"
        "    'name': 'toy score', 'seeds': [1], 'note': 'by hand'}]}))\n";
    options.peers_script = fixture_write("peer.py", text);
    cJSON *report = compare(&input, &options);
    const cJSON *row = row_of(report, "toy");
    between("toy", number(row, "metrics", "roc_auc", "mean"), 0.8, 1);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(row, "note")->valuestring, "by hand");
    cJSON_Delete(report);
    options.peers_script = "/nowhere/peers.py";
    report = compare(&input, &options);
    const cJSON *skipped = cJSON_GetObjectItemCaseSensitive(row_of(report, "peers"), "skipped");
    assert_non_null(strstr(skipped->valuestring, "peers.py"));
    cJSON_Delete(report);
    release(&recordings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_what_they_should),
        cmocka_unit_test(detectors_that_do_not_suit_are_skipped),
        cmocka_unit_test(the_same_input_gives_the_same_report),
        cmocka_unit_test(a_trial_that_cannot_run_is_named),
        cmocka_unit_test(a_test_without_anomalies_is_refused),
        cmocka_unit_test_setup_teardown(a_peer_stands_beside, fixture_setup, fixture_teardown),
    };
    blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

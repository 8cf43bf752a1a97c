/* What knn and pca learn of small sessions, and what they say of a channel that is off. */
#include "base/json.h"
#include "base/rng.h"
#include "golden.h"
#include "lab/fit.h"
#include "nn/blas.h"

#include <errno.h>
#include <string.h>

#define SESSIONS 5
#define ROWS 1000
#define CHANNELS 4
#define WINDOW 3

static const char *const names[CHANNELS] = {"first", "second", "sum", "noise"};

static struct recording *record(uint64_t session)
{
    struct recording *recording = recording_new(ROWS, CHANNELS, names, false, false);
    assert_non_null(recording);
    recording->named = true;
    struct rng rng;
    rng_init(&rng, session);
    for (size_t i = 0; i < ROWS; i++) {
        float *row = recording->values + i * CHANNELS;
        row[0] = (float)(10 + sin(0.7 * (double)i) + 0.02 * rng_normal(&rng));
        row[1] = (float)(3 * cos(1.1 * (double)i) + 0.02 * rng_normal(&rng));
        row[2] = (float)((double)(row[0] + row[1]) + 0.02 * rng_normal(&rng));
        row[3] = (float)rng_normal(&rng);
    }
    return recording;
}

struct bench {
    struct recording *sessions[SESSIONS];
    struct fit_options options;
    struct draft *draft;
    struct fit_report report;
};

static struct bench bench_new(const char *const *detectors)
{
    struct bench bench = {.options = fit_defaults(ADVERSARY_NONE)};
    for (size_t s = 0; s < SESSIONS; s++)
        bench.sessions[s] = record(s + 1);
    bench.options.period_s = 1;
    bench.options.window = WINDOW;
    bench.options.detectors = detectors;
    return bench;
}

static int bench_fit(struct bench *bench, struct diag *diag)
{
    return fit(bench->sessions, SESSIONS, &bench->options, &bench->draft, &bench->report, diag);
}

static void bench_fit_well(struct bench *bench)
{
    struct diag diag = DIAG_INIT;
    if (bench_fit(bench, &diag) != 0)
        fail_msg("%s", diag.text);
    if (model_selftest(bench->report.model, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void bench_free(struct bench *bench)
{
    for (size_t s = 0; s < SESSIONS; s++)
        recording_free(bench->sessions[s]);
    draft_free(bench->draft);
    fit_report_deinit(&bench->report);
}

static double score_of(struct bench *bench, size_t detector, const float *window)
{
    double score;
    detector_score(&bench->report.model->detector[detector], &window, 1, &score);
    return score;
}

/* The sum is off: each says so, in the channel's unit. pca expects less of it, for what the sum
 * says is also in its parts. */
static void test_a_channel_that_is_off_is_named(void **state)
{
    static const char *const kinds[] = {"knn", "pca", NULL};
    struct bench bench = bench_new(kinds);
    bench_fit_well(&bench);
    assert_int_equal(bench.report.model->detectors, 2);
    for (size_t d = 0; d < 2; d++) {
        struct detector *detector = &bench.report.model->detector[d];
        assert_string_equal(detector->kind->name, kinds[d]);
        assert_string_equal(detector->name, kinds[d]);
        struct deviation deviations[CHANNELS];
        float window[WINDOW * CHANNELS];
        memcpy(window, bench.sessions[SESSIONS - 1]->values, sizeof window);
        double before = score_of(&bench, d, window);
        for (size_t w = 0; w < WINDOW; w++)
            window[w * CHANNELS + 2] += 3;
        double score = score_of(&bench, d, window);
        if (!(score > 2.5 * before))
            fail_msg("%s: %g, before %g", kinds[d], score, before);
        detector_explain(detector, window, deviations);
        for (size_t c = 0; c < CHANNELS; c++) {
            if (c != 2 && !(deviations[c].share < deviations[2].share))
                fail_msg("%s: %s has %g, the sum %g", kinds[d], names[c], deviations[c].share,
                         deviations[2].share);
        }
        assert_true(deviations[2].z > 2);
        double excess = deviations[2].observed - deviations[2].expected;
        if (!(excess > 0.8 && excess < 3.4))
            fail_msg("%s: %g over what was expected", kinds[d], excess);
    }
    bench_free(&bench);
}

static struct safetensors_shape reference_shape(struct bench *bench)
{
    void *data;
    size_t size;
    struct diag diag = DIAG_INIT;
    struct safetensors *file = NULL;
    if (draft_format(bench->draft, &data, &size, &diag) < 0 ||
        safetensors_parse(data, size, &file, &diag) < 0)
        fail_msg("%s", diag.text);
    const struct safetensors_tensor *tensor = safetensors_find(file, "0.reference.windows");
    assert_non_null(tensor);
    struct safetensors_shape shape = tensor->shape;
    safetensors_free(file);
    free(data);
    return shape;
}

/* The mean score of windows that training has seen, and of those that it has not. */
static double mean_score(struct bench *bench, size_t session)
{
    double sum = 0;
    for (size_t i = 0; i + WINDOW <= ROWS; i++)
        sum += score_of(bench, 0, bench->sessions[session]->values + i * CHANNELS);
    return sum / (ROWS - WINDOW + 1);
}

static void test_all_windows_are_kept_where_they_fit(void **state)
{
    struct bench bench = bench_new((const char *const[]){"knn", NULL});
    bench_fit_well(&bench);
    assert_int_equal(reference_shape(&bench).dims[0], 3 * (ROWS - WINDOW + 1));
    expect_near(mean_score(&bench, 0), 0, 0);
    double unseen = mean_score(&bench, SESSIONS - 2); /* held out: what the weights are made of */
    if (!(unseen > 0.6 && unseen < 1))
        fail_msg("held-out windows score %g", unseen);
    bench_free(&bench);
}

static void test_references_stay_within_the_bound(void **state)
{
    struct bench bench = bench_new((const char *const[]){"knn", NULL});
    bench.options.knn_bytes_max = 100 * WINDOW * CHANNELS * sizeof(float) + 1;
    bench_fit_well(&bench);
    assert_int_equal(reference_shape(&bench).dims[0], 100);
    assert_int_equal(reference_shape(&bench).dims[1], WINDOW * CHANNELS);
    bench_free(&bench);
}

static void test_too_few_references_are_refused(void **state)
{
    struct bench bench = bench_new((const char *const[]){"knn", NULL});
    struct diag diag = DIAG_INIT;
    bench.options.knn_bytes_max = 4 * WINDOW * CHANNELS * sizeof(float);
    bench.options.knn_neighbours = 5;
    assert_int_equal(bench_fit(&bench, &diag), -EINVAL);
    assert_string_equal(diag.text,
                        "detector knn: 4 windows of 12 values, of which each score needs 5");
    bench_free(&bench);
}

/* "KIND:PATTERN" is for that kind alone. */
static void test_a_kind_ignores_what_it_is_told(void **state)
{
    struct bench bench = bench_new((const char *const[]){"knn", "pca", NULL});
    bench.options.ignore = (const char *const[]){"knn:first", "pca:noise", NULL};
    bench_fit_well(&bench);
    for (size_t d = 0; d < 2; d++) {
        struct deviation deviations[CHANNELS];
        float window[WINDOW * CHANNELS];
        memcpy(window, bench.sessions[0]->values, sizeof window);
        for (size_t c = 0; c < CHANNELS; c++)
            window[(WINDOW - 1) * CHANNELS + c] += 5;
        detector_explain(&bench.report.model->detector[d], window, deviations);
        for (size_t c = 0; c < CHANNELS; c++) {
            bool ignored = c == (d == 0 ? 0 : 3);
            if ((deviations[c].share <= 0) != ignored)
                fail_msg("%zu: %s has %g", d, names[c], deviations[c].share);
        }
    }
    bench_free(&bench);
}

static void expect_filter(struct bench *bench, unsigned k, unsigned n)
{
    bench_fit_well(bench);
    const struct alert_filter *filter = &bench->report.model->detector[0].filter;
    if (filter->k != k || filter->n != n)
        fail_msg("%u of %u, expected %u of %u", filter->k, filter->n, k, n);
    bench_free(bench);
}

/* Windows of three rows: an odd row is in three of them. */
static void test_odd_rows_ask_for_a_longer_filter(void **state)
{
    for (int odd = 0; odd <= 1; odd++) {
        for (int choose = 0; choose <= 1; choose++) {
            struct bench bench = bench_new((const char *const[]){"knn", NULL});
            bench.options.choose_filter = choose;
            for (size_t s = 0; odd && s < SESSIONS; s++) {
                for (size_t i = 60 + s; i < ROWS; i += 97)
                    bench.sessions[s]->values[i * CHANNELS] += 50 + (float)i;
            }
            if (odd && choose)
                expect_filter(&bench, WINDOW + 1, WINDOW + 3);
            else
                expect_filter(&bench, 3, 5);
        }
    }
}

/* No channel names a program step here. */
static void test_the_default_without_steps(void **state)
{
    struct bench bench = bench_new(NULL);
    bench_fit_well(&bench);
    assert_int_equal(bench.report.model->detectors, 1);
    assert_string_equal(bench.report.model->detector[0].kind->name, "knn");
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_channel_that_is_off_is_named),
        cmocka_unit_test(test_all_windows_are_kept_where_they_fit),
        cmocka_unit_test(test_references_stay_within_the_bound),
        cmocka_unit_test(test_too_few_references_are_refused),
        cmocka_unit_test(test_a_kind_ignores_what_it_is_told),
        cmocka_unit_test(test_odd_rows_ask_for_a_longer_filter),
        cmocka_unit_test(test_the_default_without_steps),
    };
    blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/rng.h"
#include "golden.h"
#include "lab/metrics.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define CASES 8 /* the last three: equal scores, one anomalous row, one among ties */

struct golden_case {
    double *score, *cut, *expected, *weighted, *volumes;
    int64_t *weight;
    int *label;
    size_t count;
};

static struct golden_case open_case(const struct golden *golden, int index)
{
    struct golden_case its;
    char prefix[16];
    size_t size;
    snprintf(prefix, sizeof prefix, "%d.", index);
    its.score = golden_values(golden, prefix, "score", &its.count);
    its.cut = golden_values(golden, prefix, "cut", &size);
    its.expected = golden_values(golden, prefix, "expected", &size);
    its.weighted = golden_values(golden, prefix, "weighted", &size);
    its.volumes = golden_values(golden, prefix, "vus", &size);
    assert_int_equal(size, 8);
    its.weight = golden_values(golden, prefix, "weight", &size);
    assert_int_equal(size, its.count);
    int64_t *wide = golden_values(golden, prefix, "label", &size);
    its.label = malloc(its.count * sizeof *its.label);
    assert_non_null(its.label);
    for (size_t row = 0; row < its.count; row++)
        its.label[row] = (int)wide[row];
    free(wide);
    return its;
}

static void close_case(struct golden_case *its)
{
    free(its->score);
    free(its->cut);
    free(its->expected);
    free(its->weighted);
    free(its->volumes);
    free(its->weight);
    free(its->label);
}

static void expect_figures(const struct metrics_ranking *ranking,
                           const struct metrics_confusion *confusion, const double *expected)
{
    expect_near(ranking->roc_auc, expected[0], 1e-9);
    expect_near(ranking->average_precision, expected[1], 1e-9);
    expect_near(ranking->prevalence, expected[2], 1e-9);
    expect_near(confusion->precision, expected[3], 1e-9);
    expect_near(confusion->recall, expected[4], 1e-9);
    expect_near(confusion->f1, expected[5], 1e-9);
    expect_near(confusion->accuracy, expected[6], 1e-9);
    expect_near(confusion->false_positive_rate, expected[7], 1e-9);
}

static void test_golden(void **state)
{
    static const size_t windows[4] = {0, 1, 10, 21};
    struct golden golden = golden_open("metrics.safetensors");
    for (int i = 0; i < CASES; i++) {
        struct golden_case its = open_case(&golden, i);
        struct metrics_series series = {its.score, its.label, its.count};
        struct metrics_ranking ranking;
        struct metrics_confusion confusion;
        struct diag diag = DIAG_INIT;
        assert_int_equal(metrics_rank(&series, &ranking, &diag), 0);
        metrics_confusion(&series, *its.cut, &confusion);
        expect_figures(&ranking, &confusion, its.expected);
        for (size_t w = 0; w < 4; w++) {
            struct metrics_volume volume;
            assert_int_equal(metrics_volume(&series, windows[w], &volume, &diag), 0);
            expect_near(volume.roc, its.volumes[2 * w], 1e-9);
            expect_near(volume.pr, its.volumes[2 * w + 1], 1e-9);
        }
        metrics_sort(its.score, its.count);
        expect_near(metrics_percentile(its.score, its.count, 90), *its.cut, 1e-12);
        close_case(&its);
    }
    golden_close(&golden);
}

/* Weights are repetitions: the same figures from rows that are really repeated. */
static void test_golden_weighted(void **state)
{
    struct golden golden = golden_open("metrics.safetensors");
    for (int i = 0; i < CASES; i++) {
        struct golden_case its = open_case(&golden, i);
        uint32_t *weight = malloc(2 * its.count * sizeof *weight), *group = weight + its.count;
        double *score = malloc(4 * its.count * sizeof *score);
        int *label = malloc(4 * its.count * sizeof *label);
        struct metrics_series repeated = {score, label, 0};
        assert_true(weight && score && label);
        for (size_t row = 0; row < its.count; row++) {
            group[row] = (uint32_t)(its.count - 1 - row);
            weight[group[row]] = (uint32_t)its.weight[row];
            for (int64_t k = 0; k < its.weight[row]; k++) {
                score[repeated.count] = its.score[row];
                label[repeated.count++] = its.label[row];
            }
        }
        struct metrics_series series = {its.score, its.label, its.count};
        struct metrics_order order;
        struct metrics_ranking ranking, plain;
        struct metrics_confusion confusion;
        assert_int_equal(metrics_order(&series, group, &order, NULL), 0);
        metrics_rank_weighted(&order, weight, &ranking);
        metrics_confusion(&repeated, *its.cut, &confusion);
        expect_figures(&ranking, &confusion, its.weighted);
        assert_int_equal(metrics_rank(&repeated, &plain, NULL), 0);
        expect_near(ranking.roc_auc, plain.roc_auc, 0);
        expect_near(ranking.average_precision, plain.average_precision, 1e-12);
        metrics_order_deinit(&order);
        free(weight);
        free(score);
        free(label);
        close_case(&its);
    }
    golden_close(&golden);
}

static void test_a_class_without_weight_has_no_rank(void **state)
{
    static const double score[] = {1, 2, 3};
    static const int label[] = {0, 1, 0};
    static const uint32_t group[] = {0, 1, 0}, weight[] = {1, 0};
    struct metrics_order order;
    struct metrics_ranking ranking;
    assert_int_equal(metrics_order(&(struct metrics_series){score, label, 3}, group, &order, NULL),
                     0);
    metrics_rank_weighted(&order, weight, &ranking);
    assert_true(isnan(ranking.roc_auc) && isnan(ranking.average_precision));
    metrics_order_deinit(&order);
}

static void test_golden_poisson(void **state)
{
    struct golden golden = golden_open("metrics.safetensors");
    size_t count;
    int64_t *events = golden_values(&golden, "poisson.", "count", &count);
    double *lower = golden_values(&golden, "poisson.", "lower", &count);
    double *upper = golden_values(&golden, "poisson.", "upper", &count);
    for (size_t i = 0; i < count; i++) {
        expect_near(metrics_poisson_lower((size_t)events[i], 0.95), lower[i],
                    1e-9 * fmax(1, lower[i]));
        expect_near(metrics_poisson_upper((size_t)events[i], 0.95), upper[i], 1e-9 * upper[i]);
    }
    expect_near(metrics_poisson_upper(0, 0.95), -log(0.05), 1e-12);
    assert_true(metrics_poisson_upper(3, 1 - 1e-9) > metrics_poisson_upper(3, 0.95));
    assert_true(metrics_poisson_lower(1000000, 0.95) > 998000);
    free(events);
    free(lower);
    free(upper);
    golden_close(&golden);
}

static void test_known_values(void **state)
{
    static const double score[] = {1, 2, 3, 4};
    static const int perfect[] = {0, 0, 2, 1}, reversed[] = {1, 1, 0, 0};
    static const double constant[] = {7, 7, 7, 7};
    struct metrics_ranking ranking;
    struct diag diag = DIAG_INIT;
    assert_int_equal(metrics_rank(&(struct metrics_series){score, perfect, 4}, &ranking, &diag), 0);
    expect_near(ranking.roc_auc, 1, 0);
    expect_near(ranking.average_precision, 1, 0);
    expect_near(ranking.prevalence, 0.5, 0);
    assert_int_equal(metrics_rank(&(struct metrics_series){score, reversed, 4}, &ranking, &diag),
                     0);
    expect_near(ranking.roc_auc, 0, 0);
    expect_near(ranking.average_precision, (1.0 / 3 + 2.0 / 4) / 2, 1e-15);
    assert_int_equal(metrics_rank(&(struct metrics_series){constant, perfect, 4}, &ranking, &diag),
                     0);
    expect_near(ranking.roc_auc, 0.5, 0);
    expect_near(ranking.average_precision, 0.5, 0);
}

static void test_refuses(void **state)
{
    static const double score[] = {1, 2, 3}, bad[] = {1, (double)NAN, 3};
    static const int none[] = {0, 0, 0}, all[] = {1, 1, 1}, both[] = {0, 1, 0};
    const struct metrics_series cases[] = {
        {score, none, 3}, {score, all, 3}, {bad, both, 3}, {score, both, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct metrics_ranking ranking;
        struct metrics_volume volume;
        struct diag diag = DIAG_INIT;
        assert_int_equal(metrics_rank(&cases[i], &ranking, &diag), -EINVAL);
        assert_string_not_equal(diag.text, "");
        assert_int_equal(metrics_volume(&cases[i], 5, &volume, &diag), -EINVAL);
    }
}

static void test_threshold_is_not_an_alarm(void **state)
{
    static const double score[] = {1, 2, 2, 3};
    static const int label[] = {0, 0, 1, 1};
    struct metrics_confusion confusion;
    metrics_confusion(&(struct metrics_series){score, label, 4}, 2, &confusion);
    assert_int_equal(confusion.true_positives, 1);
    assert_int_equal(confusion.false_positives, 0);
    assert_int_equal(confusion.true_negatives, 2);
    assert_int_equal(confusion.false_negatives, 1);
    metrics_confusion(&(struct metrics_series){score, label, 4}, 3, &confusion);
    expect_near(confusion.precision, 0, 0);
    expect_near(confusion.f1, 0, 0);
}

/* An alarm a little late counts for the volume, and not for the average precision. */
static void test_volume_forgives_lateness(void **state)
{
    double score[1000] = {0};
    int label[1000] = {0};
    for (size_t i = 0; i < 1000; i++)
        score[i] = (double)(i % 7) * 1e-3;
    for (size_t i = 500; i < 520; i++) {
        label[i] = 1;
        score[i + 10] = 1;
    }
    struct metrics_series series = {score, label, 1000};
    struct metrics_volume exact, tolerant;
    struct diag diag = DIAG_INIT;
    assert_int_equal(metrics_volume(&series, 0, &exact, &diag), 0);
    assert_int_equal(metrics_volume(&series, 40, &tolerant, &diag), 0);
    if (!(tolerant.pr > exact.pr + 0.1))
        fail_msg("VUS-PR %g with tolerance, %g without", tolerant.pr, exact.pr);
}

/* Labels at both ends, single rows, windows wider than the series. */
static void test_volume_at_the_edges(void **state)
{
    struct rng rng;
    rng_init(&rng, 4);
    for (size_t count = 2; count < 300; count += 17) {
        double score[300];
        int label[300];
        for (size_t i = 0; i < count; i++) {
            score[i] = rng_normal(&rng);
            label[i] = i == 0 || i + 1 == count || rng_below(&rng, 10) == 0;
        }
        label[1] = 0;
        struct metrics_series series = {score, label, count};
        struct metrics_volume volume;
        struct diag diag = DIAG_INIT;
        assert_int_equal(metrics_volume(&series, 400, &volume, &diag), 0);
        if (!(volume.pr >= 0 && volume.pr <= 1 + 1e-12 && isfinite(volume.roc)))
            fail_msg("%zu rows: VUS-PR %g, VUS-ROC %g", count, volume.pr, volume.roc);
    }
}

static void test_percentile(void **state)
{
    double values[] = {4, 1, 3, 2};
    metrics_sort(values, 4);
    expect_near(metrics_percentile(values, 4, 0), 1, 0);
    expect_near(metrics_percentile(values, 4, 50), 2.5, 0);
    expect_near(metrics_percentile(values, 4, 100), 4, 0);
    expect_near(metrics_percentile(values, 1, 90), 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_golden_weighted),
        cmocka_unit_test(test_a_class_without_weight_has_no_rank),
        cmocka_unit_test(test_golden_poisson),
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_threshold_is_not_an_alarm),
        cmocka_unit_test(test_volume_forgives_lateness),
        cmocka_unit_test(test_volume_at_the_edges),
        cmocka_unit_test(test_percentile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/rng.h"
#include "lab/curves.h"
#include "lab/metrics.h"
#include "nn/blas.h"

#include "scored_fixture.h"
#include "tiny_model.h"

#include <errno.h>
#include <string.h>

static cJSON *curves_of(const struct curves_input *input)
{
    cJSON *json = NULL;
    struct diag diag = DIAG_INIT;
    if (curves_json(input, &json, &diag) < 0)
        fail_msg("%s", diag.text);
    return json;
}

static const cJSON *member(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item)
        fail_msg("no member %s", key);
    return item;
}

static double at(const cJSON *array, int index)
{
    const cJSON *item = cJSON_GetArrayItem(array, index);
    assert_non_null(item);
    return cJSON_IsNull(item) ? (double)NAN : item->valuedouble;
}

static const cJSON *last_of(const cJSON *array)
{
    return cJSON_GetArrayItem(array, cJSON_GetArraySize(array) - 1);
}

static double sum_of(const cJSON *array)
{
    const cJSON *item;
    double sum = 0;
    cJSON_ArrayForEach(item, array) sum += item->valuedouble;
    return sum;
}

/* An hour of noise with a fault of two minutes in every ten; `coarse`: four values only. */
static struct scored noisy(size_t rows, bool coarse)
{
    struct rng rng;
    struct scored scored = scored_fixture(rows, 1, false);
    rng_init(&rng, 5);
    for (size_t i = 0; i < rows; i++) {
        int label = i % 600 >= 480;
        double score = exp(rng_normal(&rng) - 2 + 1.5 * label);
        scored_fixture_label(&scored, i, i + 1, label);
        scored_fixture_ratio(&scored, i, coarse ? fmin(floor(score * 4), 3) : score);
    }
    return scored;
}

static double trapezoids(const cJSON *curve)
{
    double area = 0, x = 0, y = 0;
    const cJSON *point;
    cJSON_ArrayForEach(point, curve)
    {
        assert_true(at(point, 0) >= x && at(point, 1) >= y);
        area += (at(point, 0) - x) * (at(point, 1) + y) / 2;
        x = at(point, 0);
        y = at(point, 1);
    }
    return area;
}

/* As average precision: each point's precision over the recall since the one before. */
static double steps(const cJSON *curve)
{
    double area = 0, recall = 0;
    const cJSON *point;
    cJSON_ArrayForEach(point, curve)
    {
        area += (at(point, 0) - recall) * at(point, 1);
        recall = at(point, 0);
    }
    return area;
}

static void check_curves(size_t rows, bool coarse, double tolerance)
{
    struct scored scored = noisy(rows, coarse);
    struct scored_windows windows;
    struct metrics_ranking ranking;
    assert_int_equal(scored_collect(&scored, 1, SCORED_ROBOT, &windows), 0);
    const struct metrics_series series = {windows.score, windows.label, windows.count};
    assert_int_equal(metrics_rank(&series, &ranking, NULL), 0);
    cJSON *json = curves_of(&(struct curves_input){.scored = &scored, .count = 1});
    const cJSON *roc = member(json, "roc"), *pr = member(json, "pr");
    if (cJSON_GetArraySize(roc) > CURVES_POINTS || cJSON_GetArraySize(pr) > CURVES_POINTS)
        fail_msg("%d and %d points", cJSON_GetArraySize(roc), cJSON_GetArraySize(pr));
    expect_near(at(cJSON_GetArrayItem(roc, 0), 0), 0, 0);
    expect_near(at(cJSON_GetArrayItem(roc, 0), 1), 0, 0);
    expect_near(at(last_of(roc), 0), 1, 0);
    expect_near(at(last_of(roc), 1), 1, 0);
    expect_near(at(last_of(pr), 0), 1, 0);
    expect_near(at(last_of(pr), 1), ranking.prevalence, 1e-4);
    expect_near(trapezoids(roc), ranking.roc_auc, tolerance);
    expect_near(steps(pr), ranking.average_precision, tolerance);
    assert_true(cJSON_IsNull(member(json, "attribution")));
    cJSON_Delete(json);
    scored_windows_deinit(&windows);
    scored_deinit(&scored);
}

static void test_curves_hold_the_areas(void **state)
{
    check_curves(36000, false, 0.005);
    check_curves(600, false, 0.01);
    check_curves(36000, true, 1e-3); /* nothing to thin */
}

static void test_one_class_has_no_curve(void **state)
{
    struct scored scored = scored_fixture(100, 1, false);
    for (size_t i = 0; i < 100; i++)
        scored_fixture_ratio(&scored, i, 0.01 * (double)i);
    cJSON *json = curves_of(&(struct curves_input){.scored = &scored, .count = 1});
    const cJSON *histogram = member(json, "histogram");
    assert_int_equal(cJSON_GetArraySize(member(json, "roc")), 0);
    assert_int_equal(cJSON_GetArraySize(member(json, "pr")), 0);
    assert_int_equal(cJSON_GetArraySize(member(histogram, "anomalous")), 0);
    expect_near(sum_of(member(histogram, "normal")), 1, 1e-3);
    cJSON_Delete(json);
    for (size_t i = 0; i < 100; i++)
        scored.ratio[i] = NAN;
    const struct curves_input input = {.scored = &scored, .count = 1};
    assert_int_equal(curves_json(&input, &json, NULL), -EINVAL);
    scored_deinit(&scored);
}

/* The limit is an edge: the shares to its right are those of the windows over it. */
static void test_histogram(void **state)
{
    struct scored scored = noisy(36000, false);
    for (size_t i = 0; i < 10; i++)
        scored_fixture_ratio(&scored, i, i < 5 ? 0 : 1e9); /* far outside */
    cJSON *json = curves_of(&(struct curves_input){.scored = &scored, .count = 1});
    const cJSON *histogram = member(json, "histogram"), *edges = member(histogram, "edges");
    int bins = cJSON_GetArraySize(edges) - 1, limit = -1;
    assert_true(bins >= 20 && bins <= 60);
    for (int b = 0; b <= bins; b++) {
        assert_true(b == 0 || at(edges, b) > at(edges, b - 1));
        limit = fabs(at(edges, b)) < 1e-12 ? b : limit;
    }
    assert_true(limit > 0);
    assert_true(at(edges, 0) > -6 && at(edges, bins) < 4);
    static const char *const classes[] = {"normal", "anomalous"};
    for (int c = 0; c < 2; c++) {
        const cJSON *shares = member(histogram, classes[c]);
        double over = 0, expected = 0, windows = 0;
        assert_int_equal(cJSON_GetArraySize(shares), bins);
        expect_near(sum_of(shares), 1, 1e-3);
        for (int b = limit; b < bins; b++)
            over += at(shares, b);
        for (size_t i = 0; i < scored.rows; i++) {
            expected += scored.window_label[i] == c && scored.ratio[i] > 1;
            windows += scored.window_label[i] == c;
        }
        expect_near(over, expected / windows, 1e-3);
    }
    cJSON_Delete(json);
    scored_deinit(&scored);
}

static void test_timeline(void **state)
{
    struct scored scored[2] = {scored_fixture(36000, 0.1, false), scored_fixture(100, 0.1, false)};
    scored[0].name = "slow.npy";
    for (size_t i = 0; i < 36000; i++) {
        scored[0].time_ns[i] += INT64_C(1700000000000000000) + (i >= 18000 ? 600000000000 : 0);
        scored_fixture_ratio(&scored[0], i, 0.25);
    }
    scored_fixture_label(&scored[0], 1000, 1200, 1);
    scored_fixture_label(&scored[0], 1200, 1300, 3);
    scored_fixture_trigger(&scored[0], 1100, 1150);
    scored_fixture_trigger(&scored[0], 30000, 30010);
    cJSON *json = curves_of(&(struct curves_input){.scored = scored, .count = 2});
    assert_int_equal(cJSON_GetArraySize(member(json, "timeline")), 2);
    const cJSON *line = cJSON_GetArrayItem(member(json, "timeline"), 0);
    const cJSON *min = member(line, "min"), *max = member(line, "max");
    const cJSON *labels = member(line, "labels"), *alerts = member(line, "alerts");
    double step_s = member(line, "step_s")->valuedouble;
    int columns = cJSON_GetArraySize(min);
    assert_string_equal(member(line, "recording")->valuestring, "slow.npy");
    assert_true(cJSON_IsFalse(member(line, "healthy")));
    expect_near(member(line, "start_s")->valuedouble, 0, 0);
    if (columns < 1400 || columns > CURVES_COLUMNS)
        fail_msg("%d columns", columns);
    assert_int_equal(cJSON_GetArraySize(max), columns);
    assert_true((columns - 1) * step_s <= 4199.9 && columns * step_s > 4199.9);
    assert_true(isnan(at(min, (int)(2100 / step_s)))); /* the pause of ten minutes */
    assert_true(isnan(at(max, (int)(2100 / step_s))));
    expect_near(at(min, (int)(115 / step_s)), 0.25, 1e-9); /* triggers end at 114.9 s */
    expect_near(at(max, (int)(112 / step_s)), 2, 1e-9);
    expect_near(at(max, (int)(3600.5 / step_s)), 2, 1e-9);
    expect_near(at(max, (int)(4000 / step_s)), 0.25, 1e-9);
    assert_int_equal(cJSON_GetArraySize(labels), 2);
    expect_near(at(cJSON_GetArrayItem(labels, 0), 0), 100, 1e-9);
    expect_near(at(cJSON_GetArrayItem(labels, 0), 1), 120, 1e-9);
    expect_near(at(cJSON_GetArrayItem(labels, 1), 1), 130, 1e-9);
    expect_near(at(cJSON_GetArrayItem(labels, 1), 2), 3, 0);
    assert_int_equal(cJSON_GetArraySize(alerts), 2);
    expect_near(at(cJSON_GetArrayItem(alerts, 0), 0), 110, 1e-9);
    assert_true(cJSON_IsTrue(cJSON_GetArrayItem(cJSON_GetArrayItem(alerts, 0), 1)));
    expect_near(at(cJSON_GetArrayItem(alerts, 1), 0), 3600, 1e-9);
    assert_true(cJSON_IsFalse(cJSON_GetArrayItem(cJSON_GetArrayItem(alerts, 1), 1)));
    line = cJSON_GetArrayItem(member(json, "timeline"), 1);
    assert_string_equal(member(line, "recording")->valuestring, "recording 2");
    assert_true(cJSON_IsTrue(member(line, "healthy")));
    assert_int_equal(cJSON_GetArraySize(member(line, "min")), 50);
    cJSON_Delete(json);
    scored_deinit(&scored[0]);
    scored_deinit(&scored[1]);
}

/* Channel b is what is wrong in the fault, a in the highest of the normal windows; c belongs to
 * another group. A window that the live history would not have put together is not explained. */
static void test_attribution(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    struct model *model = tiny_model_new(&(struct tiny_model){.window = {4}});
    struct recording *recording = recording_new(2000, 3, names, true, true);
    struct scored scored;
    for (size_t i = 0; i < 2000; i++) {
        recording->time_ns[i] = (int64_t)i * 100000000;
        recording->label[i] = i >= 1000;
        recording->values[i * 3] = i < 700 ? 0.75F : 0;
        recording->values[i * 3 + 1] = i >= 1000 ? 3 : 0.25F;
        recording->values[i * 3 + 2] = i >= 1000 ? 1 : 0;
    }
    recording->time_ns[1500] = recording->time_ns[1499]; /* dropped live */
    for (size_t c = 0; c < 3; c++)
        recording->values[1500 * 3 + c] = c == 0 ? 1000 : 0;
    assert_int_equal(scored_from_model(recording, model, 1, &scored, NULL), 0);
    cJSON *json = curves_of(&(struct curves_input){
        .scored = &scored, .count = 1, .model = model, .recordings = &recording});
    const cJSON *attribution = member(json, "attribution");
    const cJSON *normal = member(attribution, "normal");
    const cJSON *anomalous = member(attribution, "anomalous");
    assert_string_equal(cJSON_GetArrayItem(member(attribution, "channels"), 1)->valuestring, "b");
    assert_int_equal(cJSON_GetArraySize(member(attribution, "groups")), 3);
    assert_string_equal(cJSON_GetArrayItem(member(attribution, "groups"), 1)->valuestring, "arm");
    expect_near(at(normal, 0), 0.9, 1e-3); /* .75^2 beside .25^2 */
    expect_near(at(normal, 1), 0.1, 1e-3);
    expect_near(at(anomalous, 0), 0, 1e-3);
    expect_near(at(anomalous, 1), 0.9, 2e-3); /* 3^2 beside 1, but for the first windows */
    expect_near(at(anomalous, 2), 0.1, 2e-3);
    cJSON_Delete(json);
    scored_deinit(&scored);
    recording_free(recording);
    model_unref(model);
}

static int start_blas(void **state)
{
    blas_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves_hold_the_areas),
        cmocka_unit_test(test_one_class_has_no_curve),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_timeline),
        cmocka_unit_test(test_attribution),
    };
    return cmocka_run_group_tests(tests, start_blas, NULL);
}

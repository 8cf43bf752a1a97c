#include "base/rng.h"
#include "lab/bootstrap.h"
#include "lab/metrics.h"

#include "scored_fixture.h"

#include <errno.h>

static struct bootstrap_plan plan_of(const struct scored *scored, size_t count, bool by_steps,
                                     size_t replicates)
{
    struct bootstrap_plan plan;
    struct diag diag = DIAG_INIT;
    const struct bootstrap_options options = {
        .by_steps = by_steps, .replicates = replicates, .seed = 7};
    if (bootstrap_plan_init(&plan, scored, count, &options, &diag) < 0)
        fail_msg("%s", diag.text);
    return plan;
}

static struct bootstrap run(const struct bootstrap_plan *plan, const struct scored *scored,
                            size_t count)
{
    struct bootstrap bootstrap;
    struct diag diag = DIAG_INIT;
    if (bootstrap_run(plan, scored, count, &bootstrap, &diag) < 0)
        fail_msg("%s", diag.text);
    return bootstrap;
}

/* ---- segments ---- */

static void expect_cuts(const struct bootstrap_plan *plan, const size_t *cuts, size_t count)
{
    assert_int_equal(plan->segments, count + 1);
    for (size_t i = 0, next = 0; i < plan->rows; i++) {
        next += next < count && cuts[next] == i;
        if (plan->segment[i] != next)
            fail_msg("row %zu: segment %u, expected %zu", i, plan->segment[i], next);
    }
}

static void test_where_segments_end(void **state)
{
    struct scored scored[2] = {scored_fixture(2000, 0.1, true), scored_fixture(100, 0.1, false)};
    scored_fixture_label(&scored[0], 700, 1000, 1);
    scored_fixture_label(&scored[0], 1000, 1100, 2);
    for (size_t i = 0; i < 2000; i++) {
        scored[0].step[i] = (int)(i / 250);
        scored[0].time_ns[i] += i >= 50 ? 200000000 : 0;   /* three periods: no pause */
        scored[0].time_ns[i] += i >= 100 ? 300000000 : 0;  /* four: one */
        scored[0].time_ns[i] -= i >= 1900 ? 500000000 : 0; /* a clock that was set */
        scored[0].hole[i] = i == 60 || (i >= 1200 && i < 1205);
    }
    static const size_t runs[] = {100, 700, 1000, 1100, 1205, 1805, 1900, 2000};
    struct bootstrap_plan plan = plan_of(scored, 2, false, 1);
    expect_cuts(&plan, runs, 8);
    bootstrap_plan_deinit(&plan);
    static const size_t steps[] = {100, 700, 750, 1000, 1100, 1205, 1805, 1900, 2000};
    plan = plan_of(scored, 2, true, 1);
    expect_cuts(&plan, steps, 9);
    bootstrap_plan_deinit(&plan);
    scored_deinit(&scored[0]);
    scored_deinit(&scored[1]);
}

/* As many of each class as there are, in every replicate; not always the same ones; again the same
 * from the same seed. */
static void test_both_classes_are_drawn(void **state)
{
    struct scored scored = scored_fixture(6000, 0.1, false);
    scored_fixture_label(&scored, 1000, 1050, 1);
    scored_fixture_label(&scored, 3000, 3050, 1);
    struct bootstrap_plan plan = plan_of(&scored, 1, false, 200), again;
    size_t distinct[2] = {0};
    const uint32_t labelled[] = {plan.segment[1000], plan.segment[3000]};
    for (size_t b = 0; b < plan.replicates; b++) {
        const uint32_t *weight = plan.weight + b * plan.segments;
        size_t sum = 0;
        for (size_t s = 0; s < plan.segments; s++)
            sum += weight[s];
        assert_int_equal(sum, plan.segments);
        assert_int_equal(weight[labelled[0]] + weight[labelled[1]], 2);
        distinct[0] += weight[labelled[0]] == 2;
        distinct[1] += weight[labelled[1]] == 2;
    }
    assert_true(distinct[0] > 25 && distinct[0] < 75); /* a quarter of 200 */
    assert_true(distinct[1] > 25 && distinct[1] < 75);
    again = plan_of(&scored, 1, false, 200);
    assert_memory_equal(plan.weight, again.weight,
                        plan.replicates * plan.segments * sizeof *plan.weight);
    bootstrap_plan_deinit(&plan);
    bootstrap_plan_deinit(&again);
    scored_deinit(&scored);
}

static void test_refuses(void **state)
{
    struct scored scored = scored_fixture(10, 0.1, false), other = scored_fixture(11, 0.1, false);
    struct bootstrap_plan plan = plan_of(&scored, 1, false, 2);
    struct bootstrap bootstrap;
    struct diag diag = DIAG_INIT;
    assert_int_equal(bootstrap_run(&plan, &other, 1, &bootstrap, &diag), -EINVAL);
    assert_string_not_equal(diag.text, "");
    bootstrap_plan_deinit(&plan);
    for (size_t i = 0; i < 10; i++)
        scored.hole[i] = true;
    const struct bootstrap_options options = {.seed = 1};
    assert_int_equal(bootstrap_plan_init(&plan, &scored, 1, &options, &diag), -EINVAL);
    scored_deinit(&scored);
    scored_deinit(&other);
}

/* ---- figures ---- */

/* Scores with ties, passing faults, holes, rows that are not evaluated. */
static struct scored mixed(uint64_t seed, size_t rows)
{
    struct rng rng;
    struct scored scored = scored_fixture(rows, 1, false);
    rng_init(&rng, seed);
    for (size_t i = 0; i < rows; i++) {
        size_t place = i % 150;
        int label = place >= 100 && place < 112;
        scored_fixture_label(&scored, i, i + 1, label);
        double score = floor(rng_uniform(&rng) * 8) / 8 + (label ? 0.3 : 0.1);
        scored_fixture_ratio(&scored, i, score);
        scored.triggered[i] = score > 1;
        scored.hole[i] = rng_below(&rng, 100) == 0;
        if (scored.hole[i] || rng_below(&rng, 50) == 0)
            scored.ratio[i] = NAN;
    }
    return scored;
}

/* The windows of a replicate, each as often as its segment was drawn, measured by plain loops. */
static void measure_plainly(const struct bootstrap_plan *plan, const uint32_t *weight,
                            const struct scored *scored, double ret[BOOTSTRAP_METRICS])
{
    double *score = malloc(64 * scored->rows * sizeof *score);
    int *label = malloc(64 * scored->rows * sizeof *label);
    double events = 0, found = 0;
    size_t count = 0;
    assert_true(score && label);
    for (size_t i = 0; i < scored->rows; i++) {
        for (uint32_t k = 0; !isnan(scored->ratio[i]) && k < weight[plan->segment[i]]; k++) {
            score[count] = (double)scored->ratio[i];
            label[count++] = scored->window_label[i];
        }
    }
    struct event_list list = {0};
    assert_int_equal(event_collect(scored, false, EVENT_ANY_CONDITION, &list), 0);
    for (size_t e = 0; e < list.count; e++) {
        events += weight[plan->segment[list.item[e].first]];
        found += weight[plan->segment[list.item[e].first]] * (double)list.item[e].found;
    }
    free(list.item);
    const struct metrics_series series = {score, label, count};
    struct metrics_confusion confusion;
    metrics_confusion(&series, 1, &confusion);
    double pairs = 0, won = 0, precisions = 0, positives = 0;
    for (size_t i = 0; i < count; i++) {
        double above = 0, above_positive = 0;
        for (size_t j = 0; j < count; j++) {
            above += score[j] >= score[i];
            above_positive += score[j] >= score[i] && label[j];
            pairs += label[i] && !label[j];
            won += label[i] && !label[j] ? (score[i] > score[j]) + 0.5 * (score[i] == score[j]) : 0;
        }
        precisions += label[i] ? above_positive / above : 0;
        positives += label[i] != 0;
    }
    ret[BOOTSTRAP_ROC_AUC] = won / pairs;
    ret[BOOTSTRAP_AVERAGE_PRECISION] = precisions / positives;
    ret[BOOTSTRAP_PRECISION] = confusion.precision;
    ret[BOOTSTRAP_RECALL] = confusion.recall;
    ret[BOOTSTRAP_F1] = confusion.f1;
    ret[BOOTSTRAP_ACCURACY] = confusion.accuracy;
    ret[BOOTSTRAP_FALSE_POSITIVE_RATE] = confusion.false_positive_rate;
    ret[BOOTSTRAP_EVENT_RECALL] = found / events;
    free(score);
    free(label);
}

static void test_replicates_are_what_plain_loops_find(void **state)
{
    struct scored scored = mixed(3, 900);
    struct bootstrap_plan plan = plan_of(&scored, 1, false, 20);
    struct bootstrap bootstrap = run(&plan, &scored, 1);
    assert_true(plan.segments > 20);
    for (size_t b = 0; b < plan.replicates; b++) {
        double expected[BOOTSTRAP_METRICS];
        measure_plainly(&plan, plan.weight + b * plan.segments, &scored, expected);
        for (int m = 0; m < BOOTSTRAP_METRICS; m++)
            expect_near(bootstrap.replicate[b][m], expected[m], 1e-12);
    }
    bootstrap_deinit(&bootstrap);
    bootstrap_plan_deinit(&plan);
    scored_deinit(&scored);
}

/* The figures themselves are those of the evaluation, to the last bit. */
static void test_the_point_is_the_ranking(void **state)
{
    struct scored scored[2] = {mixed(4, 5000), mixed(5, 3000)};
    struct bootstrap_plan plan = plan_of(scored, 2, false, 2);
    struct bootstrap bootstrap = run(&plan, scored, 2);
    struct scored_windows windows;
    struct metrics_ranking ranking;
    struct metrics_confusion confusion;
    assert_int_equal(scored_collect(scored, 2, SCORED_ROBOT, &windows), 0);
    const struct metrics_series series = {windows.score, windows.label, windows.count};
    assert_int_equal(metrics_rank(&series, &ranking, NULL), 0);
    metrics_confusion(&series, 1, &confusion);
    expect_near(bootstrap.point[BOOTSTRAP_ROC_AUC], ranking.roc_auc, 0);
    expect_near(bootstrap.point[BOOTSTRAP_AVERAGE_PRECISION], ranking.average_precision, 0);
    expect_near(bootstrap.point[BOOTSTRAP_PRECISION], confusion.precision, 0);
    expect_near(bootstrap.point[BOOTSTRAP_RECALL], confusion.recall, 0);
    expect_near(bootstrap.point[BOOTSTRAP_F1], confusion.f1, 0);
    expect_near(bootstrap.point[BOOTSTRAP_ACCURACY], confusion.accuracy, 0);
    expect_near(bootstrap.point[BOOTSTRAP_FALSE_POSITIVE_RATE], confusion.false_positive_rate, 0);
    scored_windows_deinit(&windows);
    bootstrap_deinit(&bootstrap);
    bootstrap_plan_deinit(&plan);
    scored_deinit(&scored[0]);
    scored_deinit(&scored[1]);
}

static void test_healthy_recordings_have_a_false_positive_rate(void **state)
{
    struct scored scored = scored_fixture(6000, 0.1, false);
    scored_fixture_trigger(&scored, 100, 400);
    struct bootstrap_plan plan = plan_of(&scored, 1, false, 100);
    struct bootstrap bootstrap = run(&plan, &scored, 1);
    const struct bootstrap *seeds[] = {&bootstrap};
    struct bootstrap_interval interval;
    assert_int_equal(bootstrap_interval(seeds, 1, BOOTSTRAP_FALSE_POSITIVE_RATE, &interval), 0);
    expect_near(interval.mean, 0.05, 1e-12);
    assert_true(interval.low < 0.05 && interval.high > 0.05);
    static const enum bootstrap_metric without[] = {BOOTSTRAP_ROC_AUC, BOOTSTRAP_RECALL,
                                                    BOOTSTRAP_F1, BOOTSTRAP_EVENT_RECALL};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(bootstrap_interval(seeds, 1, without[i], &interval), 0);
        assert_true(isnan(interval.mean) && isnan(interval.low) && isnan(interval.high));
    }
    bootstrap_deinit(&bootstrap);
    bootstrap_plan_deinit(&plan);
    scored_deinit(&scored);
}

/* ---- seeds and pairs ---- */

static void test_an_interval_of_known_replicates(void **state)
{
    struct bootstrap one = {.seed = 1, .replicates = 201};
    one.replicate = calloc(one.replicates, sizeof *one.replicate);
    for (size_t b = 0; b < 201; b++)
        one.replicate[b][BOOTSTRAP_F1] = (double)((b * 7) % 201) / 200;
    one.point[BOOTSTRAP_F1] = 0.4;
    const struct bootstrap *seeds[] = {&one, &one, &one};
    for (size_t count = 1; count <= 3; count++) {
        struct bootstrap_interval interval; /* equal seeds add nothing */
        assert_int_equal(bootstrap_interval(seeds, count, BOOTSTRAP_F1, &interval), 0);
        expect_near(interval.mean, 0.4, 1e-15);
        expect_near(interval.low, 0.025, 1e-12);
        expect_near(interval.high, 0.975, 1e-12);
    }
    free(one.replicate);
}

/* Where segments make no difference, what is left is the chance of the seeds: the spread of the
 * mean of three draws from three. */
static void test_seeds_are_drawn_too(void **state)
{
    struct bootstrap seed[3];
    const struct bootstrap *seeds[3];
    for (int s = 0; s < 3; s++) {
        seed[s] = (struct bootstrap){.seed = 1, .replicates = 2000};
        seed[s].replicate = calloc(2000, sizeof *seed[s].replicate);
        for (size_t b = 0; b < 2000; b++)
            seed[s].replicate[b][BOOTSTRAP_RECALL] = 0.3 * s;
        seed[s].point[BOOTSTRAP_RECALL] = 0.3 * s;
        seeds[s] = &seed[s];
    }
    struct bootstrap_interval interval;
    assert_int_equal(bootstrap_interval(seeds, 3, BOOTSTRAP_RECALL, &interval), 0);
    expect_near(interval.mean, 0.3, 1e-12);
    expect_near(interval.low, 0, 1e-12); /* all three alike: 1 in 27, over 2.5 % */
    expect_near(interval.high, 0.6, 1e-12);
    for (int s = 0; s < 3; s++)
        free(seed[s].replicate);
}

/* A small lead in every window: lost in the spread of either, plain in the difference. */
static void test_a_difference_is_paired(void **state)
{
    struct rng rng;
    struct scored a = scored_fixture(6000, 1, false), b = scored_fixture(6000, 1, false);
    rng_init(&rng, 11);
    double shift = 0;
    for (size_t i = 0; i < 6000; i++) {
        shift = i % 60 == 0 ? rng_normal(&rng) : shift; /* of the whole segment */
        int label = i % 600 >= 300;
        double score = 3 + shift + 0.5 * rng_normal(&rng) + label;
        scored_fixture_label(&a, i, i + 1, label);
        scored_fixture_label(&b, i, i + 1, label);
        scored_fixture_ratio(&a, i, score + 0.1 * label);
        scored_fixture_ratio(&b, i, score);
    }
    struct bootstrap_plan plan = plan_of(&a, 1, false, 300);
    struct bootstrap figures[2] = {run(&plan, &a, 1), run(&plan, &b, 1)};
    const struct bootstrap *pa[] = {&figures[0]}, *pb[] = {&figures[1]};
    struct bootstrap_interval ia, ib, lead, none;
    assert_int_equal(bootstrap_interval(pa, 1, BOOTSTRAP_ROC_AUC, &ia), 0);
    assert_int_equal(bootstrap_interval(pb, 1, BOOTSTRAP_ROC_AUC, &ib), 0);
    assert_int_equal(bootstrap_difference(pa, pb, 1, BOOTSTRAP_ROC_AUC, &lead), 0);
    assert_int_equal(bootstrap_difference(pa, pa, 1, BOOTSTRAP_ROC_AUC, &none), 0);
    expect_near(lead.mean, ia.mean - ib.mean, 1e-15);
    if (!(lead.low > 0 && lead.high - lead.low < (ia.high - ia.low) / 4 && ia.low < ib.high))
        fail_msg("lead %g (%g..%g) of %g..%g over %g..%g", lead.mean, lead.low, lead.high, ia.low,
                 ia.high, ib.low, ib.high);
    expect_near(none.mean, 0, 0);
    expect_near(none.low, 0, 0);
    expect_near(none.high, 0, 0);
    for (int i = 0; i < 2; i++)
        bootstrap_deinit(&figures[i]);
    bootstrap_plan_deinit(&plan);
    scored_deinit(&a);
    scored_deinit(&b);
}

/* ---- coverage ---- */

/* 40 segments of 60 rows; half of the spread of a score belongs to its segment. Normal scores N(3,
 * 1), anomalous N(4, 1): the area is Phi(1 / sqrt 2). `alone`: each row a segment of its own, as if
 * windows were independent. */
static bool covers(uint64_t seed, bool alone)
{
    struct rng rng;
    struct scored scored = scored_fixture(2400, 1, false);
    rng_init(&rng, seed);
    double shift = 0;
    for (size_t i = 0; i < 2400; i++) {
        shift = i % 60 == 0 ? sqrt(0.5) * rng_normal(&rng) : shift;
        int label = (i / 60) % 2 == 1;
        scored_fixture_label(&scored, i, i + 1, label);
        scored_fixture_ratio(&scored, i, 3 + label + shift + sqrt(0.5) * rng_normal(&rng));
        scored.time_ns[i] *= alone ? 60 : 1;
    }
    struct bootstrap_plan plan = plan_of(&scored, 1, false, 200);
    assert_int_equal(plan.segments, alone ? 2400 : 40);
    struct bootstrap bootstrap = run(&plan, &scored, 1);
    const struct bootstrap *seeds[] = {&bootstrap};
    struct bootstrap_interval interval;
    assert_int_equal(bootstrap_interval(seeds, 1, BOOTSTRAP_ROC_AUC, &interval), 0);
    bootstrap_deinit(&bootstrap);
    bootstrap_plan_deinit(&plan);
    scored_deinit(&scored);
    double area = 0.5 * erfc(-0.5);
    return interval.low <= area && area <= interval.high;
}

/* 95 % of intervals hold the truth, a little less with 20 segments a class. With 200 trials the
 * share of a true 93 % lies within 88 and 98 % (2.6 standard deviations). */
static void test_coverage(void **state)
{
    int covered = 0, naive = 0;
    for (uint64_t seed = 0; seed < 200; seed++)
        covered += covers(100 + seed, false);
    for (uint64_t seed = 0; seed < 50; seed++)
        naive += covers(100 + seed, true);
    if (covered < 176 || covered > 196)
        fail_msg("%d of 200 intervals hold the area, 176 to 196 are expected", covered);
    if (naive > 35)
        fail_msg("%d of 50 hold it where windows are drawn singly: nothing was tested", naive);
}

static void test_names(void **state)
{
    assert_string_equal(bootstrap_metric_name(BOOTSTRAP_ROC_AUC), "roc_auc");
    assert_string_equal(bootstrap_metric_name(BOOTSTRAP_EVENT_RECALL), "event_recall");
    for (int m = 0; m < BOOTSTRAP_METRICS; m++)
        assert_non_null(bootstrap_metric_name((enum bootstrap_metric)m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_segments_end),
        cmocka_unit_test(test_both_classes_are_drawn),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_replicates_are_what_plain_loops_find),
        cmocka_unit_test(test_the_point_is_the_ranking),
        cmocka_unit_test(test_healthy_recordings_have_a_false_positive_rate),
        cmocka_unit_test(test_an_interval_of_known_replicates),
        cmocka_unit_test(test_seeds_are_drawn_too),
        cmocka_unit_test(test_a_difference_is_paired),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

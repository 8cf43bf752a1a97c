/* The alerts of two models beside each other, and the report that is made of it. */
#include "daemon/shadow_match.h"
#include "daemon/shadow_report.h"

#include "base/clock.h"
#include "fixture.h"

#include <math.h>

#define S CLOCK_NS_PER_S

static struct shadow_match match;
static struct shadow_report report;

static int setup(void **state)
{
    match = (struct shadow_match){0};
    shadow_report_begin(&report, 5 * S);
    return 0;
}

static void on_found(void *user, enum shadow_side side, enum shadow_finding finding,
                     const struct shadow_alert *alert)
{
    shadow_report_found(user, "kuka1", side, finding, alert);
}

static void raise_at(enum shadow_side side, int64_t s)
{
    const struct shadow_alert alert = {.started_ns = s * S, .open = true, .peak = 2};
    report.alerts[side]++;
    shadow_match_raise(&match, side, &alert, on_found, &report);
}

static void clear_at(enum shadow_side side, int64_t s)
{
    shadow_match_clear(&match, side, s * S, on_found, &report);
}

static void turn_to(int64_t s)
{
    shadow_match_turn(&match, s * S, on_found, &report);
}

static void expect(uint64_t matched_live, uint64_t matched_candidate, uint64_t missing,
                   uint64_t extra)
{
    assert_int_equal(report.matched[SHADOW_LIVE], matched_live);
    assert_int_equal(report.matched[SHADOW_CANDIDATE], matched_candidate);
    assert_int_equal(report.alone[SHADOW_LIVE], missing);
    assert_int_equal(report.alone[SHADOW_CANDIDATE], extra);
    assert_int_equal(report.listed[SHADOW_LIVE], missing);
    assert_int_equal(report.listed[SHADOW_CANDIDATE], extra);
}

static void test_alerts_that_overlap(void **state)
{
    raise_at(SHADOW_LIVE, 100);
    raise_at(SHADOW_CANDIDATE, 103);
    expect(1, 1, 0, 0);
    clear_at(SHADOW_LIVE, 110);
    clear_at(SHADOW_CANDIDATE, 150);
    turn_to(300);
    expect(1, 1, 0, 0);
    assert_int_equal(match.side[0].count + match.side[1].count, 0);
}

static void test_alerts_that_are_near(void **state)
{
    raise_at(SHADOW_CANDIDATE, 100);
    clear_at(SHADOW_CANDIDATE, 101);
    turn_to(105);
    raise_at(SHADOW_LIVE, 101 + SHADOW_NEAR_S);
    expect(1, 1, 0, 0);
    clear_at(SHADOW_LIVE, 120);
    turn_to(125);
    raise_at(SHADOW_CANDIDATE, 121 + SHADOW_NEAR_S); /* a second too late */
    clear_at(SHADOW_CANDIDATE, 140);
    turn_to(200);
    expect(1, 1, 0, 1);
}

/* One long alert of the candidate covers two of the live model. */
static void test_one_for_two(void **state)
{
    raise_at(SHADOW_CANDIDATE, 100);
    raise_at(SHADOW_LIVE, 101);
    clear_at(SHADOW_LIVE, 105);
    turn_to(160);
    raise_at(SHADOW_LIVE, 170);
    expect(2, 1, 0, 0);
}

static void test_missing_is_told_when_its_time_is_up(void **state)
{
    raise_at(SHADOW_LIVE, 100);
    clear_at(SHADOW_LIVE, 103);
    turn_to(103 + SHADOW_NEAR_S);
    expect(0, 0, 0, 0);
    turn_to(104 + SHADOW_NEAR_S);
    expect(0, 0, 1, 0);
    raise_at(SHADOW_LIVE, 200); /* this one goes on */
    turn_to(200 + SHADOW_LONE_S);
    expect(0, 0, 1, 0);
    turn_to(201 + SHADOW_LONE_S);
    expect(0, 0, 2, 0);
    assert_true(report.list[SHADOW_LIVE][1].alert.open);
    shadow_match_follow(&match, SHADOW_LIVE, 7);
    clear_at(SHADOW_LIVE, 300);
    assert_false(report.list[SHADOW_LIVE][1].alert.open);
    assert_int_equal(report.list[SHADOW_LIVE][1].alert.ended_ns, 300 * S);
    assert_true(report.list[SHADOW_LIVE][1].alert.peak == 7);
    turn_to(1000);
    expect(0, 0, 2, 0);
}

static void test_what_was_open_before_is_no_case(void **state)
{
    const struct shadow_alert before = {.started_ns = 50 * S, .open = true, .before = true};
    shadow_match_raise(&match, SHADOW_LIVE, &before, on_found, &report);
    raise_at(SHADOW_CANDIDATE, 100); /* and this one is not extra for that */
    turn_to(200);
    clear_at(SHADOW_LIVE, 210);
    clear_at(SHADOW_CANDIDATE, 210);
    turn_to(300);
    expect(0, 1, 0, 0);
}

/* A storm of alerts is bounded, and none of it is forgotten in the counts. */
static void test_many_alerts(void **state)
{
    for (int i = 0; i < 100; i++) {
        raise_at(SHADOW_CANDIDATE, 100 + i);
        clear_at(SHADOW_CANDIDATE, 100 + i);
    }
    turn_to(1000);
    assert_int_equal(report.alone[SHADOW_CANDIDATE], 100);
    assert_int_equal(report.listed[SHADOW_CANDIDATE], SHADOW_LISTED_MAX);
    const struct shadow_listed *last = &report.list[SHADOW_CANDIDATE][SHADOW_LISTED_MAX - 1];
    assert_int_equal(last->alert.started_ns, 199 * S); /* the newest */
}

static void test_clearing_what_was_never_raised(void **state)
{
    clear_at(SHADOW_LIVE, 100);
    turn_to(200);
    expect(0, 0, 0, 0);
}

static double at(const cJSON *tree, const char *part, const char *key)
{
    const cJSON *item =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tree, part), key);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static void fill(void)
{
    for (int i = 1; i <= 1000; i++) {
        double live = pow(10, -1 + 0.001 * i);
        shadow_report_pair(&report, live, live * live);
        report.windows[SHADOW_LIVE]++;
        report.windows[SHADOW_CANDIDATE]++;
    }
    shadow_report_pair(&report, 1.5, 0.5);
    shadow_report_pair(&report, 0.5, 1.5);
    shadow_report_pair(&report, 0.9, 1e300); /* counts as a thousand */
    shadow_report_cost(&report, SHADOW_LIVE, 1000);
    shadow_report_cost(&report, SHADOW_LIVE, 3000);
    raise_at(SHADOW_LIVE, 100);
    clear_at(SHADOW_LIVE, 101);
    raise_at(SHADOW_CANDIDATE, 500);
    turn_to(600);
}

static char *print(const struct shadow_report *one)
{
    cJSON *tree = cJSON_CreateObject();
    shadow_report_json(one, true, tree);
    char *text = cJSON_Print(tree);
    cJSON_Delete(tree);
    return text;
}

static void test_figures(void **state)
{
    fill();
    char *text = print(&report);
    cJSON *tree = json_parse(text, strlen(text), NULL);
    cJSON_free(text);
    assert_true(at(tree, "windows", "both") == 1003);
    assert_true(fabs(at(tree, "agreement", "same_side") - 1000.0 / 1003) < 1e-5);
    assert_true(at(tree, "agreement", "over_by_live_only") == 1);
    assert_true(at(tree, "agreement", "over_by_candidate_only") == 2);
    assert_true(at(tree, "agreement", "correlation") > 0.9);
    assert_true(at(tree, "agreement", "correlation") < 1);
    assert_true(fabs(at(tree, "agreement", "usual_score_live") / pow(10, -0.4995) - 1) < 0.01);
    assert_true(at(tree, "cost_us", "live") == 2);
    assert_true(isnan(at(tree, "cost_us", "candidate")));
    assert_true(at(tree, "alerts", "missing") == 1 && at(tree, "alerts", "extra") == 1);
    const cJSON *extra = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(tree, "alerts"), "extra_alerts");
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(extra->child, "ended")));
    cJSON_Delete(tree);
}

static void test_saved_and_restored(void **state)
{
    fill();
    cJSON *saved = shadow_report_save(&report);
    char *text = cJSON_Print(saved), *before = print(&report);
    cJSON_Delete(saved);
    saved = json_parse(text, strlen(text), NULL);
    struct shadow_report restored;
    shadow_report_begin(&restored, 0);
    shadow_report_load(&restored, saved);
    char *after = print(&restored);
    assert_string_equal(before, after);
    shadow_report_pair(&restored, 1, 1);
    assert_int_equal(restored.both, 1004);
    cJSON_free(after);
    shadow_report_begin(&restored, 7);
    shadow_report_load(&restored, NULL);
    assert_int_equal(restored.both, 0);
    assert_int_equal(restored.since_ns, 7);
    cJSON_Delete(saved);
    cJSON_free(text);
    cJSON_free(before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_alerts_that_overlap),
        TEST(test_alerts_that_are_near),
        TEST(test_one_for_two),
        TEST(test_missing_is_told_when_its_time_is_up),
        TEST(test_what_was_open_before_is_no_case),
        TEST(test_many_alerts),
        TEST(test_clearing_what_was_never_raised),
        TEST(test_figures),
        TEST(test_saved_and_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Time and work as plants keep them: what is not to be judged raises nothing, and is seen. */
#include "plant_arm.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROBOT "kuka1"
#define ALERT "armwatch/robot/" ROBOT "/alert"
#define SILENT_S 4

/* ---- a week of a robot */

static void configure(struct cell *cell, const char *gate)
{
    cell_configure(cell, "models.directory", "\"" SHIPPED_MODELS "\"");
    cell_configure(cell, "models.default", "\"kuka-sim\"");
    cell_configure(cell, "alerts.false_alarms_per_day", "1");
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_configure(cell, "scores.rate_hz", "0");
    cell_configure(cell, "input.gate", gate);
    cell_configure(cell, "input.settle_s", "1");
    cell_start(cell);
}

/* Rows of a condition, and more of them until it is seen as a state with that reason: without any
 * the robot would become stale. */
static void show(struct plant_arm *arm, size_t rows, const char *state, const char *reason)
{
    plant_arm_run(arm, rows);
    for (int i = 0; !plant_arm_is(arm, state, reason); i++) {
        if (i == 300)
            fail_msg("no state %s with %s", state, reason);
        plant_arm_run(arm, 2);
        wait_ms(&arm->cell->harness->loop, 20);
    }
}

/* At full speed, until it is judged again, or a part happens to be late. */
static void work(struct plant_arm *arm, size_t rows)
{
    plant_arm_set(arm, "auto", 100, false);
    plant_arm_run(arm, rows);
    if (!plant_arm_is(arm, NULL, "part_present false"))
        show(arm, 0, "ok", NULL);
}

static void change_modes(struct plant_arm *arm)
{
    for (int i = 0; i < 10; i++) {
        const char *mode = i % 2 ? "t2" : "t1";
        plant_arm_set(arm, mode, 100, false);
        show(arm, 100, "not_evaluated", i % 2 ? "mode t2" : "mode t1");
        work(arm, 150);
    }
}

static void turn_the_override(struct plant_arm *arm)
{
    for (int percent = 10; percent <= 100; percent += 10) {
        char reason[32];
        snprintf(reason, sizeof reason, "$OV_PRO %d", percent);
        plant_arm_set(arm, "auto", percent, false);
        if (percent < 100)
            show(arm, 150, "not_evaluated", reason);
        work(arm, 150);
    }
}

static void stop_in_an_emergency(struct plant_arm *arm)
{
    plant_arm_set(arm, "auto", 100, true);
    show(arm, 300, "not_evaluated", "$STOPMESS true");
    work(arm, 200);
}

static void wait_for_late_parts(struct plant_arm *arm)
{
    for (int i = 0; i < 20; i++) {
        simulator_delay_part(arm->simulator, 12 + i);
        for (int step = 0; !simulator_waits(arm->simulator); step++) {
            assert_true(step < 100);
            plant_arm_run(arm, 20);
        }
        /* The part does not come before it was missed; where that takes a second, it is stale. */
        cell_wait(arm->cell, plant_arm_is(arm, NULL, "part_present false"), 5000);
        while (simulator_waits(arm->simulator))
            plant_arm_run(arm, 20);
        plant_arm_run(arm, 60);
    }
}

/* Nothing is sent for 62 hours of sample time, and for longer than silent_s. */
static void have_a_weekend_off(struct plant_arm *arm)
{
    arm->program = "#P_STOP";
    plant_arm_set(arm, "auto", 100, true);
    show(arm, 50, "not_evaluated", "$PRO_STATE #P_STOP");
    cell_wait(arm->cell, plant_arm_is(arm, "stale", "$PRO_STATE #P_STOP"), 5000);
    wait_ms(&arm->cell->harness->loop, SILENT_S * 1000 + 1000);
    assert_true(plant_arm_is(arm, "stale", "not_evaluated"));
    arm->pause_ns += 62 * 3600 * CLOCK_NS_PER_S;
    arm->program = "#P_ACTIVE";
    work(arm, 600);
}

static void expect_no_alert(struct plant_arm *arm, const char *when)
{
    if (cell_count(arm->cell, ALERT) == 0)
        return;
    fail_msg("%s: %s", when, cell_last(arm->cell, ALERT)->payload);
}

/* It is found, and over before the next thing happens. Returns how many alerts it gave: an arm that
 * was hit may be late in that step, too. */
static size_t collide(struct plant_arm *arm)
{
    const struct anomaly collision = {.kind = ANOMALY_COLLISION};
    simulator_set_anomaly(arm->simulator, &collision);
    for (int i = 0; arm->touch_ns == 0; i++) {
        assert_true(i < 300);
        plant_arm_run(arm, 5);
    }
    simulator_set_anomaly(arm->simulator, NULL);
    plant_arm_run(arm, 30);
    cell_wait(arm->cell, cell_count_alerts(arm->cell, ALERT, "raised") >= 1, 5000);
    cJSON *raised = cell_json(arm->cell, ALERT, 0);
    int64_t started_ns;
    const char *started = json_text(raised, "data.started");
    assert_true(clock_parse_rfc3339(started, strlen(started), &started_ns));
    assert_string_equal(json_text(raised, "data.kind"), "anomaly");
    assert_in_range(started_ns - arm->touch_ns, 0, 2 * CLOCK_NS_PER_S);
    cJSON_Delete(raised);
    plant_arm_run(arm, 400);
    size_t raised_by_it = cell_count_alerts(arm->cell, ALERT, "raised");
    cell_wait(arm->cell, cell_count_alerts(arm->cell, ALERT, "cleared") == raised_by_it, 5000);
    return raised_by_it;
}

static void test_what_happens_in_a_plant(void **state)
{
    struct cell *cell = *state;
    struct plant_arm arm;
    plant_arm_init(&arm, cell, ROBOT, 401);
    char silent_s[16];
    snprintf(silent_s, sizeof silent_s, "%d", SILENT_S);
    cell_configure(cell, "input.silent_s", silent_s);
    configure(cell, PLANT_ARM_GATE);
    work(&arm, 300);
    change_modes(&arm);
    expect_no_alert(&arm, "modes");
    turn_the_override(&arm);
    expect_no_alert(&arm, "override");
    stop_in_an_emergency(&arm);
    expect_no_alert(&arm, "emergency stop");
    size_t collisions = collide(&arm);
    wait_for_late_parts(&arm);
    have_a_weekend_off(&arm);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), collisions);
    assert_true(cell_counter(cell, ROBOT, "alerts") == (double)collisions);
    assert_true(cell_counter(cell, ROBOT, "overload") == 0);
    assert_true(cell_counter(cell, ROBOT, "gated") > 10 * 100 + 9 * 150 + 300 + 20 * 100 + 50);
    assert_true(cell_counter(cell, ROBOT, "scored") > 3000);
    plant_arm_deinit(&arm);
    cell_stop(cell);
}

/* The control: that arm would be reported if nothing said why it is slow. */
static void test_the_same_without_a_gate(void **state)
{
    struct cell *cell = *state;
    struct plant_arm arm;
    plant_arm_init(&arm, cell, ROBOT, 401);
    configure(cell, "{}");
    plant_arm_run(&arm, 450);
    expect_no_alert(&arm, "at full speed");
    plant_arm_set(&arm, "auto", 50, false);
    plant_arm_run(&arm, 200);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") >= 1, 5000);
    plant_arm_deinit(&arm);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_what_happens_in_a_plant),
        CELL_TEST(test_the_same_without_a_gate),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}

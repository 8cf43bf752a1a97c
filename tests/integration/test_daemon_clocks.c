/* Clocks of sources that are set, drift, or begin in 1970: no alert, but a state or a counter. */
#include "cell.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOUR (3600 * CLOCK_NS_PER_S)
#define PERIOD TOY_ARM_PERIOD_NS

/* A source with a clock of its own. */
struct source {
    struct cell *cell;
    const char *name;
    struct toy_arm arm;
    bool numbered; /* it sends seq */
    bool numeric;  /* its time is a number */
    int64_t time_ns;
    double ppm; /* by which its clock is fast */
};

static struct source make(struct cell *cell, const char *name, bool numbered, int64_t time_ns)
{
    struct source source = {.cell = cell, .name = name, .numbered = numbered, .time_ns = time_ns};
    toy_arm_init(&source.arm, TOY_ARM_CHANNELS, 700 + (uint64_t)name[0]);
    return source;
}

static void send_row(struct source *source)
{
    float v[TOY_ARM_CHANNELS];
    char time[CLOCK_RFC3339_MAX], seq[40] = "", text[300], number[40];
    size_t row = source->arm.row;
    toy_arm_next(&source->arm, 0, v);
    clock_format_rfc3339(source->time_ns, time);
    snprintf(number, sizeof number, "%.3f", (double)source->time_ns / 1e9);
    if (source->numbered)
        snprintf(seq, sizeof seq, "\"seq\":%zu,", row);
    int size = snprintf(text, sizeof text, "{\"time\":%s%s%s,%s\"values\":[%.9g,%.9g,%.9g,%.9g]}",
                        source->numeric ? "" : "\"", source->numeric ? number : time,
                        source->numeric ? "" : "\"", seq, (double)v[0], (double)v[1], (double)v[2],
                        (double)v[3]);
    cell_publish(source->cell, cell_topic(source->name, "sample"), text, (size_t)size);
    source->time_ns += PERIOD + (int64_t)((double)PERIOD * source->ppm / 1e6);
}

static void run(struct source *source, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        send_row(source);
        if (i % 50 == 49 || i + 1 == rows)
            cell_wait(source->cell,
                      cell_counter(source->cell, source->name, "received") ==
                          (double)source->arm.row,
                      5000);
    }
}

static double counter(const struct source *source, const char *name)
{
    return cell_counter(source->cell, source->name, name);
}

/* All is judged but the first rows of each stretch, and nothing is raised. */
static void expect_judged(const struct source *source, size_t stretches)
{
    double least = (double)source->arm.row - 10 * (double)stretches;
    cell_wait(source->cell, counter(source, "scored") >= least, 5000);
    assert_true(counter(source, "alerts") == 0);
    assert_true(counter(source, "late") == 0);
    assert_int_equal(cell_count(source->cell, cell_topic(source->name, "alert")), 0);
}

/* Summer time ends and begins for a source that sends local time; with numbers and without. */
static void test_an_hour_back_and_forth(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    for (int numbered = 0; numbered < 2; numbered++) {
        struct source source =
            make(cell, numbered ? "numbered" : "plain", numbered, TOY_ARM_START_NS);
        run(&source, 200);
        source.time_ns -= HOUR;
        run(&source, 200);
        assert_true(counter(&source, "restarts") == 1);
        assert_true(counter(&source, "gaps") == 0);
        source.time_ns += HOUR;
        run(&source, 200);
        assert_true(counter(&source, "restarts") == 1);
        assert_true(counter(&source, "gaps") == 1);
        expect_judged(&source, 3);
    }
    cell_stop(cell);
}

/* A controller without a battery: after each start it is 1970, in seconds from its start. */
static void test_a_source_that_begins_in_1970(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    struct source source = make(cell, "epoch", false, TOY_ARM_START_NS);
    source.numeric = true;
    run(&source, 100);
    for (int start = 1; start <= 3; start++) {
        source.time_ns = 5 * CLOCK_NS_PER_S;
        run(&source, 150);
        assert_true(counter(&source, "restarts") == start);
    }
    source.time_ns = TOY_ARM_START_NS + 24 * HOUR; /* it was synchronised */
    run(&source, 100);
    assert_true(counter(&source, "gaps") == 1);
    expect_judged(&source, 5);
    cell_stop(cell);
}

static double skew_of(const struct source *source)
{
    char body[80];
    snprintf(body, sizeof body, "\"command\":\"status\",\"robot\":\"%s\"", source->name);
    cJSON *reply = cell_command(source->cell, body);
    double skew_s = json_number(json_at(reply, "robot_states")->child, "clock_skew_s");
    cJSON_Delete(reply);
    return skew_s;
}

static bool is_clock_told(const struct source *source)
{
    cJSON *state = cell_last_json(source->cell, cell_topic(source->name, "state"));
    bool told = state && json_has_text(json_at(state, "reasons"), "clock");
    cJSON_Delete(state);
    return told;
}

/* As far away as a clock without synchronisation is after some days, and drifting on. */
static void test_days_without_synchronisation(void **state)
{
    static const struct {
        const char *name;
        double ppm, days;
    } cases[] = {{"a", 50, 3}, {"b", 500, 3}, {"c", -50, 3}, {"d", -500, 3}};
    struct cell *cell = *state;
    cell_start(cell);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double off_s = cases[i].days * 86400 * cases[i].ppm * 1e-6;
        struct source source = make(cell, cases[i].name, i % 2, 0);
        source.time_ns = clock_realtime_ns() + (int64_t)(off_s * 1e9) - 300 * PERIOD;
        source.ppm = cases[i].ppm;
        run(&source, 300);
        /* The run is faster than in truth, so that it has begun in the past. */
        if (!(skew_of(&source) > off_s - 20 && skew_of(&source) < off_s + 1))
            fail_msg("%g ppm: %g s, expected %g", cases[i].ppm, skew_of(&source), off_s);
        expect_judged(&source, 1);
        assert_true(counter(&source, "gaps") == 0);
        assert_true(counter(&source, "restarts") == 0);
        if (off_s > 25)
            cell_wait(cell, is_clock_told(&source), 3000);
        else if (off_s < 0)
            assert_false(is_clock_told(&source));
    }
    cell_stop(cell);
}

/* The gate, too, runs on the source's clock. */
static void test_settling_when_the_clock_is_set(void **state)
{
    struct cell *cell = *state;
    cell_configure(cell, "input.gate.axis1", "{\"max\":1000}");
    cell_configure(cell, "input.settle_s", "3000");
    cell_start(cell);
    struct source source = make(cell, "settles", false, TOY_ARM_START_NS);
    run(&source, 50);
    assert_true(counter(&source, "gated") == 0);
    char text[160], time[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(source.time_ns, time);
    snprintf(text, sizeof text, "{\"time\":\"%s\",\"mode\":\"t1\",\"values\":[0,0,0,0]}", time);
    cell_publish(cell, cell_topic("settles", "sample"), text, strlen(text));
    source.arm.row++; /* it is received */
    source.time_ns += PERIOD;
    run(&source, 20);
    assert_true(counter(&source, "gated") == 21);
    source.time_ns -= HOUR;
    run(&source, 50);
    assert_true(counter(&source, "gated") == 21);
    expect_judged(&source, 4);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_an_hour_back_and_forth),
        CELL_TEST(test_a_source_that_begins_in_1970),
        CELL_TEST(test_days_without_synchronisation),
        CELL_TEST(test_settling_when_the_clock_is_set),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}

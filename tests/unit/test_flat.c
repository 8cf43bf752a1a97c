#include "golden.h"

#include "base/clock.h"
#include "pipeline/flat.h"
#include "pipeline/sensor_fault.h"

#include <math.h>
#include <string.h>

/* Two sensors of a gyro and a noisy channel each, the program step, and a constant. */
enum { GYRO_A, NOISE_A, GYRO_B, NOISE_B, STEP, CONSTANT, CHANNELS };
enum { GROUP_A, GROUP_B, GROUP_OTHER, GROUPS };

struct rig {
    struct model model;
    struct model_channel channel[CHANNELS];
    size_t group_run[GROUPS], motion[2];
    float rest[2], rest_level[2];
    struct flat flat;
    struct sensor_fault fault;
    float row[CHANNELS];
    int64_t time_ns;
    uint64_t seq;
};

/* Healthy: a gyro stands still for 4 rows in motion, noise for 2, a sensor for 1, all for 1. */
static void build(struct rig *rig)
{
    static const size_t runs[CHANNELS] = {4, 2, 4, 2, 0, 0};
    static const size_t groups[CHANNELS] = {GROUP_A, GROUP_A,     GROUP_B,
                                            GROUP_B, GROUP_OTHER, GROUP_OTHER};
    *rig = (struct rig){.group_run = {1, 1, 0}, .motion = {GYRO_A, GYRO_B}, .rest_level = {1, 1}};
    for (size_t c = 0; c < CHANNELS; c++)
        rig->channel[c] = (struct model_channel){
            .group = groups[c], .longest_run = runs[c], .constant = c == CONSTANT};
    rig->model = (struct model){.channels = CHANNELS,
                                .width = CHANNELS,
                                .channel = rig->channel,
                                .groups = GROUPS,
                                .group_run = rig->group_run,
                                .whole_run = 1,
                                .period_s = 0.2,
                                .derivation = {.channels = CHANNELS,
                                               .step_channel = STEP,
                                               .motions = 2,
                                               .motion = rig->motion,
                                               .rest = rig->rest,
                                               .rest_level = rig->rest_level}};
    assert_int_equal(flat_init(&rig->flat, &rig->model.derivation), 0);
}

/* Every channel of the mask takes a value that it never had; gyros beyond their rest. */
static enum flat_verdict push(struct rig *rig, unsigned changing)
{
    rig->time_ns += 200 * CLOCK_NS_PER_MS;
    rig->seq++;
    for (int c = 0; c < CHANNELS; c++) {
        if (changing & 1U << c)
            rig->row[c] = (float)rig->seq + 5;
    }
    flat_push(&rig->flat, rig->row);
    return flat_judge(&rig->flat, &rig->model);
}

static enum alert_transition push_episode(struct rig *rig, unsigned changing)
{
    const struct sensor_fault_row row = {
        .verdict = push(rig, changing), .time_ns = rig->time_ns, .seq = rig->seq};
    return sensor_fault_push(&rig->fault, &rig->flat, &rig->model, &row);
}

#define A (1U << GYRO_A | 1U << NOISE_A)
#define B (1U << GYRO_B | 1U << NOISE_B)

static void test_a_channel_over_twice_its_longest_run(void **state)
{
    struct rig rig;
    build(&rig);
    push(&rig, A | B);
    for (int i = 2; i <= 8; i++)
        assert_int_equal(push(&rig, 1U << NOISE_A | B), FLAT_NONE);
    assert_int_equal(push(&rig, 1U << NOISE_A | B), FLAT_SENSOR_FAULT);
    assert_true(flat_has(&rig.flat, &rig.model, GYRO_A));
    assert_false(flat_has(&rig.flat, &rig.model, NOISE_A));
    assert_false(flat_has(&rig.flat, &rig.model, STEP));
    assert_int_equal(push(&rig, A | B), FLAT_NONE);
    flat_deinit(&rig.flat);
}

static void test_a_whole_sensor_is_seen_sooner(void **state)
{
    struct rig rig;
    build(&rig);
    push(&rig, A | B);
    assert_int_equal(push(&rig, B), FLAT_NONE);
    assert_int_equal(push(&rig, B), FLAT_SENSOR_FAULT);
    assert_true(flat_has(&rig.flat, &rig.model, GYRO_A));
    assert_true(flat_has(&rig.flat, &rig.model, NOISE_A));
    assert_false(flat_has(&rig.flat, &rig.model, GYRO_B));
    /* A dropout to zero changes once, then stands still. */
    assert_int_equal(push(&rig, A | B), FLAT_NONE);
    rig.row[GYRO_B] = rig.row[NOISE_B] = 0;
    assert_int_equal(push(&rig, A), FLAT_NONE);
    assert_int_equal(push(&rig, A), FLAT_NONE);
    assert_int_equal(push(&rig, A), FLAT_SENSOR_FAULT);
    assert_true(flat_has(&rig.flat, &rig.model, GYRO_B));
    flat_deinit(&rig.flat);
}

/* A coarse channel's few rows are no evidence, whatever the training has seen. */
static void test_a_single_channel_gets_a_second(void **state)
{
    struct rig rig;
    build(&rig);
    rig.model.period_s = 0.05;
    push(&rig, A | B);
    for (int i = 2; i <= 20; i++)
        assert_int_equal(push(&rig, 1U << NOISE_A | B), FLAT_NONE);
    assert_int_equal(push(&rig, 1U << NOISE_A | B), FLAT_SENSOR_FAULT);
    push(&rig, A | B);
    push(&rig, B);
    assert_int_equal(push(&rig, B), FLAT_SENSOR_FAULT); /* a group does not */
    flat_deinit(&rig.flat);
}

/* An hour of rest, with noise: the gyros read the same all the time. */
static void test_rest_brings_nothing_nearer_to_its_limit(void **state)
{
    struct rig rig;
    build(&rig);
    push(&rig, A | B);
    rig.row[GYRO_A] = rig.row[GYRO_B] = 0.5F;
    for (int i = 0; i < 36000; i++)
        assert_int_equal(push(&rig, 1U << NOISE_A | 1U << NOISE_B), FLAT_NONE);
    for (int i = 2; i <= 8; i++)
        assert_int_equal(push(&rig, 1U << NOISE_A | B), FLAT_NONE);
    assert_int_equal(push(&rig, 1U << NOISE_A | B), FLAT_SENSOR_FAULT);
    flat_deinit(&rig.flat);
}

/* A gyro that froze at a speed does not keep the arm moving. */
static void test_a_stuck_gyro_is_no_motion(void **state)
{
    struct rig rig;
    build(&rig);
    push(&rig, A | B);
    rig.row[GYRO_B] = 0;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(push(&rig, 1U << NOISE_A | 1U << NOISE_B), FLAT_NONE);
    assert_true(rig.row[GYRO_A] > 1);
    flat_deinit(&rig.flat);
}

/* All gyros froze at speed, and another sensor goes on: their bus is dead. */
static void test_all_motion_channels_frozen_at_speed(void **state)
{
    struct rig rig;
    build(&rig);
    push(&rig, A | B);
    for (int i = 2; i <= 8; i++)
        assert_int_equal(push(&rig, 1U << NOISE_A | 1U << NOISE_B), FLAT_NONE);
    assert_int_equal(push(&rig, 1U << NOISE_A | 1U << NOISE_B), FLAT_SENSOR_FAULT);
    assert_true(flat_has(&rig.flat, &rig.model, GYRO_A));
    assert_false(flat_has(&rig.flat, &rig.model, NOISE_A));
    flat_deinit(&rig.flat);
}

static void test_all_still_is_stopped(void **state)
{
    struct rig rig;
    build(&rig);
    push(&rig, A | B);
    assert_int_equal(push(&rig, 0), FLAT_NONE);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(push(&rig, 0), FLAT_STOPPED);
    assert_int_equal(push(&rig, A | B), FLAT_NONE);
    flat_deinit(&rig.flat);
}

static void test_without_motion_channels_half_of_all_must_change(void **state)
{
    struct rig rig;
    build(&rig);
    rig.model.derivation.motions = 0;
    push(&rig, A | B);
    for (int i = 0; i < 100; i++)
        assert_int_equal(push(&rig, 1U << NOISE_A | 1U << NOISE_B), FLAT_NONE);
    for (int i = 2; i <= 8; i++)
        assert_int_equal(push(&rig, 1U << NOISE_A | B), FLAT_NONE);
    assert_int_equal(push(&rig, 1U << NOISE_A | B), FLAT_SENSOR_FAULT);
    flat_deinit(&rig.flat);
}

static void test_without_limits_nothing_is_flat(void **state)
{
    struct rig rig;
    build(&rig);
    for (size_t c = 0; c < CHANNELS; c++)
        rig.channel[c].longest_run = 0;
    memset(rig.group_run, 0, sizeof rig.group_run);
    rig.model.whole_run = 0;
    for (int i = 0; i < 200; i++)
        assert_int_equal(push(&rig, i < 100 ? B : 0), FLAT_NONE);
    flat_deinit(&rig.flat);
}

static void test_a_restart_forgets(void **state)
{
    struct rig rig;
    build(&rig);
    push(&rig, A | B);
    assert_int_equal(push(&rig, B), FLAT_NONE);
    flat_restart(&rig.flat);
    assert_int_equal(push(&rig, B), FLAT_NONE);
    assert_int_equal(push(&rig, B), FLAT_NONE);
    assert_int_equal(push(&rig, B), FLAT_SENSOR_FAULT);
    flat_deinit(&rig.flat);
}

static void test_an_episode(void **state)
{
    struct rig rig;
    build(&rig);
    for (int i = 0; i < 10; i++)
        assert_int_equal(push_episode(&rig, A | B), ALERT_NONE);
    int64_t last_ns = rig.time_ns;
    assert_int_equal(push_episode(&rig, B), ALERT_NONE);
    assert_int_equal(push_episode(&rig, B), ALERT_RAISED);
    const struct alert_episode *episode = &rig.fault.episode;
    assert_true(episode->open);
    assert_int_equal(episode->severity, ALERT_WARNING);
    assert_int_equal(episode->started_ns, last_ns);
    assert_int_equal(episode->first_seq, 10);
    for (int i = 0; i < 5; i++)
        assert_int_equal(push_episode(&rig, B), ALERT_NONE);
    assert_int_equal(episode->windows, 6);
    assert_int_equal(episode->last_seq, 17);
    assert_int_equal(rig.fault.channels, 2);
    assert_int_equal(rig.fault.listed[0].channel, GYRO_A);
    expect_near((double)rig.fault.listed[1].observed, 15, 0);
    expect_near(rig.fault.flat_s, 1.4, 1e-9);
    /* It varies for a while, freezes once more, and then for two. */
    for (int i = 0; i < 9; i++)
        assert_int_equal(push_episode(&rig, A | B), ALERT_NONE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(push_episode(&rig, B), ALERT_NONE);
    for (int i = 0; i < 10; i++)
        assert_int_equal(push_episode(&rig, A | B), ALERT_NONE);
    assert_int_equal(push_episode(&rig, A | B), ALERT_CLEARED);
    assert_int_equal(episode->ended_ns, rig.time_ns);
    assert_false(episode->open);
    assert_int_equal(episode->windows, 7);
    flat_deinit(&rig.flat);
}

/* After a gap the runs are counted anew; a sensor that is dead is so for all that. */
static void test_a_gap_makes_no_sensor_live(void **state)
{
    struct rig rig;
    build(&rig);
    push_episode(&rig, A | B);
    push_episode(&rig, B);
    assert_int_equal(push_episode(&rig, B), ALERT_RAISED);
    for (int i = 0; i < 200; i++) {
        if (i % 2 == 0) /* never two rows in motion after each other */
            flat_restart(&rig.flat);
        assert_int_equal(push_episode(&rig, B), ALERT_NONE);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(push_episode(&rig, A | B), ALERT_NONE);
    assert_int_equal(push_episode(&rig, A | B), ALERT_CLEARED);
    /* Nor is it held open by a channel that another model does not judge. */
    for (int i = 0; i < 2; i++)
        push_episode(&rig, B);
    assert_true(rig.fault.episode.open);
    rig.channel[GYRO_A].constant = rig.channel[NOISE_A].constant = true;
    for (int i = 0; i < 10; i++)
        assert_int_equal(push_episode(&rig, B), ALERT_NONE);
    assert_int_equal(push_episode(&rig, B), ALERT_CLEARED);
    flat_deinit(&rig.flat);
}

/* A temperature that was frozen with its sensor may keep its value for hours in health. */
static void test_a_group_that_lives_holds_nothing_open(void **state)
{
    struct rig rig;
    build(&rig);
    rig.channel[NOISE_A].longest_run = 0; /* no limit of its own */
    push_episode(&rig, A | B);
    push_episode(&rig, B);
    assert_int_equal(push_episode(&rig, B), ALERT_RAISED);
    for (int i = 0; i < 10; i++)
        assert_int_equal(push_episode(&rig, 1U << GYRO_A | B), ALERT_NONE);
    assert_int_equal(push_episode(&rig, 1U << GYRO_A | B), ALERT_CLEARED);
    /* One that was over its own limit has to vary itself. */
    for (int i = 0; i < 9; i++)
        push_episode(&rig, B);
    assert_true(rig.fault.episode.open);
    for (int i = 0; i < 30; i++)
        assert_int_equal(push_episode(&rig, 1U << NOISE_A | B), ALERT_NONE);
    for (int i = 0; i < 10; i++)
        assert_int_equal(push_episode(&rig, A | B), ALERT_NONE);
    assert_int_equal(push_episode(&rig, A | B), ALERT_CLEARED);
    flat_deinit(&rig.flat);
}

static void test_a_stop_does_not_clear_and_muting_does_not_raise(void **state)
{
    struct rig rig;
    build(&rig);
    push_episode(&rig, A | B);
    push_episode(&rig, B);
    struct sensor_fault_row row = {.verdict = push(&rig, B), .time_ns = rig.time_ns, .muted = true};
    assert_int_equal(row.verdict, FLAT_SENSOR_FAULT);
    assert_int_equal(sensor_fault_push(&rig.fault, &rig.flat, &rig.model, &row), ALERT_NONE);
    assert_int_equal(push_episode(&rig, B), ALERT_RAISED);
    for (int i = 0; i < 100; i++)
        assert_int_equal(push_episode(&rig, 0), ALERT_NONE);
    assert_true(rig.fault.episode.open);
    flat_deinit(&rig.flat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_channel_over_twice_its_longest_run),
        cmocka_unit_test(test_a_whole_sensor_is_seen_sooner),
        cmocka_unit_test(test_a_single_channel_gets_a_second),
        cmocka_unit_test(test_rest_brings_nothing_nearer_to_its_limit),
        cmocka_unit_test(test_a_stuck_gyro_is_no_motion),
        cmocka_unit_test(test_all_motion_channels_frozen_at_speed),
        cmocka_unit_test(test_all_still_is_stopped),
        cmocka_unit_test(test_without_motion_channels_half_of_all_must_change),
        cmocka_unit_test(test_without_limits_nothing_is_flat),
        cmocka_unit_test(test_a_restart_forgets),
        cmocka_unit_test(test_an_episode),
        cmocka_unit_test(test_a_gap_makes_no_sensor_live),
        cmocka_unit_test(test_a_group_that_lives_holds_nothing_open),
        cmocka_unit_test(test_a_stop_does_not_clear_and_muting_does_not_raise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

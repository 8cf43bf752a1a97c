/* Derived channels: what is known when, on which rows a step counts as moving, and signs. */
#include "model/derived.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CHANNELS 6 /* step, speed, q1..q4 */
#define WIDTH 7
#define PERIOD_S 0.1

static int steps[] = {0, 3};
static size_t motion[] = {1};
static float rest[] = {0.5F}, rest_level[] = {1};
static size_t rotation[][4] = {{2, 3, 4, 5}};
static float reference[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1}; /* step 0, step 3, others */

static struct derivation make(void)
{
    return (struct derivation){.channels = CHANNELS,
                               .count = 1,
                               .channel = {{.kind = DERIVED_MOVING_TIME, .name = "moving_time"}},
                               .step_channel = 0,
                               .steps = 2,
                               .step = steps,
                               .motions = 1,
                               .motion = motion,
                               .rest = rest,
                               .rest_level = rest_level,
                               .load = DERIVED_NONE,
                               .rotations = 1,
                               .rotation = rotation,
                               .reference = reference};
}

static float push(struct deriver *deriver, float step, float speed)
{
    float row[WIDTH] = {step, speed, 1};
    deriver_push(deriver, row);
    return row[CHANNELS];
}

static void test_moving_time(void **state)
{
    struct derivation derivation = make();
    struct deriver deriver;
    deriver_init(&deriver, &derivation, PERIOD_S);
    assert_int_equal(derivation_width(&derivation), WIDTH);
    assert_int_equal(derivation_find(&derivation, DERIVED_MOVING_TIME), CHANNELS);

    /* The first step may have begun before the first row. */
    assert_true(isnan(push(&deriver, 0, 9)));
    assert_true(isnan(push(&deriver, 0, 9)));
    /* From a change on it is known; rest does not count, within its level of its own centre. */
    assert_float_equal(push(&deriver, 3, 9), 0.1, 1e-6);
    assert_float_equal(push(&deriver, 3, 1.4F), 0.1, 1e-6);
    assert_float_equal(push(&deriver, 3, -0.4F), 0.1, 1e-6);
    assert_float_equal(push(&deriver, 3, -0.6F), 0.2, 1e-6);
    assert_float_equal(push(&deriver, 3, 1.6F), 0.3, 1e-6);
    /* A new step starts at zero, also one that training has not seen. */
    assert_float_equal(push(&deriver, 7, 0), 0, 1e-6);
    assert_float_equal(push(&deriver, 7, 5), 0.1, 1e-6);
    /* After a gap nothing is known until the step changes. */
    deriver_break(&deriver);
    assert_true(isnan(push(&deriver, 7, 5)));
    assert_true(isnan(push(&deriver, 7, 5)));
    assert_float_equal(push(&deriver, 0, 5), 0.1, 1e-6);
    /* What is no step ends the step, and begins none. */
    assert_true(isnan(push(&deriver, 0.5F, 5)));
    assert_true(isnan(push(&deriver, 0, 5)));
    assert_float_equal(push(&deriver, 3, 5), 0.1, 1e-6);
}

/* The sum outlasts a gap; where the arm is in its program is not known until the step changes. */
static void test_load_after_a_gap(void **state)
{
    struct derivation derivation = make();
    struct deriver deriver;
    float usual[] = {10, 10}, row[WIDTH] = {0};
    derivation.channel[0] = (struct derived_channel){.kind = DERIVED_LOAD_SUM, .name = "load"};
    derivation.load = 2;
    derivation.load_usual = usual;
    derivation.load_spread = 1;
    derivation.rotations = 0;
    deriver_init(&deriver, &derivation, PERIOD_S);
    for (int i = 0; i < 100; i++) {
        row[0] = i / 10 % 2 ? 3 : 0;
        row[1] = 9;
        row[2] = 20;
        deriver_push(&deriver, row);
        assert_int_equal(isnan(row[CHANNELS]) != 0, i < 20); /* after a whole step */
    }
    float before = row[CHANNELS];
    assert_true(before > 1);
    deriver_break(&deriver);
    deriver_push(&deriver, row);
    assert_true(isnan(row[CHANNELS]));
    row[0] = 0;
    deriver_push(&deriver, row);
    assert_float_equal(row[CHANNELS], before, 1e-6);
}

#define POINTS 8

/* Two steps of the same usual course, on channel 2. */
static size_t point_first[] = {0, POINTS, 2 * POINTS};
static float point_load[] = {10, 12, 20, 26, 30, 24, 14, 11, 10, 12, 20, 26, 30, 24, 14, 11};
static float load_usual[] = {18, 18}, contrast_usual[] = {0.25F, 0.25F};

static struct derivation make_with_points(void)
{
    struct derivation derivation = make();
    derivation.channel[0] = (struct derived_channel){.kind = DERIVED_LOAD_SUM, .name = "load"};
    derivation.load = 2;
    derivation.load_usual = load_usual;
    derivation.load_spread = 1;
    derivation.point_first = point_first;
    derivation.point_load = point_load;
    derivation.point_least = 10;
    derivation.contrast_usual = contrast_usual;
    derivation.contrast_spread = 1;
    derivation.rotations = 0;
    return derivation;
}

static float push_load(struct deriver *deriver, float step, bool moving, float load)
{
    float row[WIDTH] = {step, moving ? 9 : 0.5F, load};
    deriver_push(deriver, row);
    return row[CHANNELS];
}

/* A deriver at the end of step 0, of which the first row is the next. */
static struct deriver before_a_step(const struct derivation *derivation)
{
    struct deriver deriver;
    deriver_init(&deriver, derivation, PERIOD_S);
    push_load(&deriver, 0, true, 99);
    return deriver;
}

static float contrast_of(const float excess[POINTS])
{
    const struct derivation derivation = make_with_points();
    struct deriver deriver = before_a_step(&derivation);
    for (size_t i = 0; i < POINTS; i++)
        push_load(&deriver, 3, true, point_load[i] + excess[i]);
    push_load(&deriver, 0, false, 0);
    assert_true(deriver.load.finished && deriver.load.step == 3);
    return (float)deriver.load.contrast;
}

/* The first value is from numpy, by the sums that the levels stand for. */
static void test_contrast(void **state)
{
    const float odd[] = {1, 0, 2, -1, 3, 1, 0, 2}, none[POINTS] = {0};
    const float even[] = {4, 4, 4, 4, 4, 4, 4, 4}, burst[] = {0, 0, 0, 16, 16, 0, 0, 0};
    const float rough[] = {0, 1, 5, 8, 10, 7, 2, 0.5F}; /* half the rise; in sum about as `even` */
    assert_float_equal(contrast_of(odd), 1.256436181, 1e-6);
    assert_float_equal(contrast_of(none), 0, 1e-9);
    assert_float_equal(contrast_of(burst), 4 * contrast_of((const float[]){0, 0, 0, 4, 4, 0, 0, 0}),
                       1e-6);
    if (!(contrast_of(rough) > 2 * contrast_of(even)))
        fail_msg("%g by friction, %g by another consumer", (double)contrast_of(rough),
                 (double)contrast_of(even));
}

/* Waiting before the first motion, and rest after two seconds, are at no point. A step that lasts
 * longer than usual is at its last. */
static void test_points(void **state)
{
    const struct derivation derivation = make_with_points();
    struct deriver deriver = before_a_step(&derivation);
    assert_int_equal(deriver.load.point, DERIVED_NONE); /* when the step began is not known */
    push_load(&deriver, 3, false, 500);
    assert_int_equal(deriver.load.point, DERIVED_NONE);
    for (size_t i = 0; i < POINTS; i++) {
        push_load(&deriver, 3, true, point_load[i]);
        assert_int_equal(deriver.load.point, i);
    }
    for (size_t i = 0; i < 20; i++) {
        push_load(&deriver, 3, false, 11);
        assert_int_equal(deriver.load.point, POINTS + i);
    }
    for (size_t i = 0; i < 20; i++) {
        push_load(&deriver, 3, false, 500);
        assert_int_equal(deriver.load.point, DERIVED_NONE);
    }
    push_load(&deriver, 3, true, 11);
    assert_int_equal(deriver.load.point, POINTS + 20);
    push_load(&deriver, 0, true, 10);
    assert_int_equal(deriver.load.point, 0);
    assert_float_equal((float)deriver.load.contrast, 0, 1e-9);
}

/* Each step adds its contrast less the usual and the allowance, at most two spreads; one that is as
 * much below takes as much away, and counts on the other side. */
static void test_sum_of_contrasts(void **state)
{
    const float plus[] = {0, 0, 0, 3, 3, 0, 0, 0};
    struct derivation derivation = make_with_points();
    derivation.contrast_spread =
        (double)contrast_of(plus) - 0.25; /* so that it is one spread over the usual */
    struct deriver deriver = before_a_step(&derivation);
    float sum = 0;
    for (int step = 0; step < 5; step++) {
        deriver.load.compared = false;
        for (size_t i = 0; i < POINTS; i++)
            sum = push_load(&deriver, step % 2 ? 0.0F : 3.0F, true, point_load[i] + plus[i]);
    }
    assert_float_equal(sum, 4 * 0.5F, 1e-6);
    assert_float_equal((float)deriver.load.high, sum, 1e-6);
    assert_true(deriver.load.low == 0);
    for (size_t i = 0; i < POINTS; i++)
        push_load(&deriver, 0, true, point_load[i] + (i == 4 ? 500.0F : 0));
    push_load(&deriver, 3, true, 10);
    assert_float_equal((float)deriver.load.high, 5 * 0.5F + 1.5F, 1e-6);
}

static void test_steps(void **state)
{
    struct derivation derivation = make();
    static const struct {
        float value;
        int step;
    } cases[] = {{0, 0}, {3, 3}, {1023, 1023}, {1024, -1}, {-1, -1}, {2.5F, -1}, {NAN, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float row[WIDTH] = {cases[i].value};
        int step = derivation_step(&derivation, row);
        if (step != cases[i].step)
            fail_msg("%g is step %d, must be %d", (double)cases[i].value, step, cases[i].step);
    }
    assert_int_equal(derivation_step_index(&derivation, 0), 0);
    assert_int_equal(derivation_step_index(&derivation, 3), 1);
    assert_true(derivation_step_index(&derivation, 1) == DERIVED_NONE);
    assert_true(derivation_step_index(&derivation, 4) == DERIVED_NONE);
    derivation.step_channel = DERIVED_NONE;
    float row[WIDTH] = {3};
    assert_int_equal(derivation_step(&derivation, row), -1);
}

/* q and -q become the same; which of the two depends on the step. */
static void test_rotations(void **state)
{
    struct derivation derivation = make();
    static const struct {
        float step, q[4];
        float sign;
    } cases[] = {
        {0, {0.6F, -0.8F, 0, 0}, 1},     {0, {-0.6F, 0.8F, 0, 0}, -1},
        {3, {0.6F, -0.8F, 0, 0}, -1},    {3, {-0.6F, 0.8F, 0, 0}, 1},
        {7, {0.6F, 0.48F, 0, 0.64F}, 1}, {7, {-0.6F, -0.48F, 0, -0.64F}, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct deriver deriver;
        float row[WIDTH] = {cases[i].step, 0};
        memcpy(row + 2, cases[i].q, sizeof cases[i].q);
        deriver_init(&deriver, &derivation, PERIOD_S);
        deriver_push(&deriver, row);
        for (size_t j = 0; j < 4; j++) {
            float expected = cases[i].sign * cases[i].q[j];
            if (row[2 + j] != expected)
                fail_msg("case %zu: q%zu is %g, must be %g", i, j + 1, (double)row[2 + j],
                         (double)expected);
        }
        /* Once more over the result changes nothing. */
        float again[WIDTH];
        memcpy(again, row, sizeof again);
        deriver_init(&deriver, &derivation, PERIOD_S);
        deriver_push(&deriver, again);
        assert_memory_equal(again, row, CHANNELS * sizeof *row);
    }
}

static void test_nothing_derived(void **state)
{
    struct derivation derivation = {
        .channels = 2, .step_channel = DERIVED_NONE, .load = DERIVED_NONE};
    struct deriver deriver;
    float row[2] = {3, -4};
    deriver_init(&deriver, &derivation, PERIOD_S);
    deriver_push(&deriver, row);
    assert_float_equal(row[0], 3, 0);
    assert_float_equal(row[1], -4, 0);
    assert_int_equal(derivation_width(&derivation), 2);
    assert_true(derivation_find(&derivation, DERIVED_MOVING_TIME) == DERIVED_NONE);
    assert_false(derivation_moving(&derivation, row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moving_time),      cmocka_unit_test(test_load_after_a_gap),
        cmocka_unit_test(test_contrast),         cmocka_unit_test(test_points),
        cmocka_unit_test(test_sum_of_contrasts), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_rotations),        cmocka_unit_test(test_nothing_derived)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

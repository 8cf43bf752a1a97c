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
        cmocka_unit_test(test_moving_time), cmocka_unit_test(test_load_after_a_gap),
        cmocka_unit_test(test_steps), cmocka_unit_test(test_rotations),
        cmocka_unit_test(test_nothing_derived)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "nn/adam.h"
#include "nn/schedule.h"
#include "nn/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_close(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

/* With the corrections a constant gradient of any size moves by the rate, from the first step on.
 */
static void a_constant_gradient_moves_by_the_rate(void **state)
{
    struct adam adam;
    assert_int_equal(adam_init(&adam, 3, 0.9, 0.999), 0);
    const real gradient[] = {1e-3f, -20, 0};
    real parameters[] = {1, 1, 1};
    for (int i = 1; i <= 5; i++) {
        adam_step(&adam, 0.01, gradient, parameters);
        assert_close((double)parameters[0], 1 - 0.01 * i, 1e-5);
        assert_close((double)parameters[1], 1 + 0.01 * i, 1e-5);
        assert_true(parameters[2] == 1);
    }
    adam_deinit(&adam);
}

/* The update of the paper, written out in double. */
static void steps_equal_the_definition(void **state)
{
    enum { N = 37 };
    static const double betas[][2] = {{0.9, 0.999}, {0, 0.99}};
    for (size_t b = 0; b < 2; b++) {
        struct adam adam;
        assert_int_equal(adam_init(&adam, N, betas[b][0], betas[b][1]), 0);
        real parameters[N], gradient[N];
        double p[N], m[N] = {0}, v[N] = {0};
        for (size_t i = 0; i < N; i++)
            p[i] = (double)(parameters[i] = (real)i * 0.1f);
        for (int t = 1; t <= 20; t++) {
            for (size_t i = 0; i < N; i++)
                gradient[i] = sinf((float)(i + 1) * (float)t);
            adam_step(&adam, 0.005, gradient, parameters);
            for (size_t i = 0; i < N; i++) {
                double g = (double)gradient[i];
                m[i] = betas[b][0] * m[i] + (1 - betas[b][0]) * g;
                v[i] = betas[b][1] * v[i] + (1 - betas[b][1]) * g * g;
                p[i] -= 0.005 * m[i] / (1 - pow(betas[b][0], t)) /
                        (sqrt(v[i] / (1 - pow(betas[b][1], t))) + 1e-8);
            }
        }
        for (size_t i = 0; i < N; i++)
            assert_close((double)parameters[i], p[i], 5e-6);
        adam_deinit(&adam);
    }
}

static void schedules_fall_as_they_say(void **state)
{
    static const struct {
        const char *name;
        double at[4]; /* of 0.1, at steps 0, 50, 75 and 100 of 100 */
    } cases[SCHEDULE_KINDS] = {
        {"constant", {0.1, 0.1, 0.1, 0.1}},
        {"cosine", {0.1, 0.05, 0.014644660940672624, 0}},
        {"step", {0.1, 0.01, 0.001, 0.001}},
        {"exponential", {0.1, 0.01, 0.0031622776601683794, 0.001}},
    };
    static const uint64_t steps[] = {0, 50, 75, 100};
    for (int i = 0; i < SCHEDULE_KINDS; i++) {
        enum schedule_kind kind;
        assert_string_equal(schedule_name((enum schedule_kind)i), cases[i].name);
        assert_true(schedule_from_name(cases[i].name, &kind) && (int)kind == i);
        for (size_t j = 0; j < 4; j++)
            assert_close(schedule_rate(kind, 0.1, steps[j], 100), cases[i].at[j], 1e-15);
    }
    enum schedule_kind kind;
    assert_false(schedule_from_name("linear", &kind));
    assert_close(schedule_rate(SCHEDULE_STEP, 0.1, 49, 100), 0.1, 1e-15);
}

static void long_gradients_are_clipped(void **state)
{
    real gradient[] = {3, -4};
    assert_close(vector_clip_norm(2, 10, gradient), 5, 1e-6);
    assert_true(gradient[0] == 3 && gradient[1] == -4);
    assert_close(vector_clip_norm(2, 1, gradient), 5, 1e-6);
    assert_close((double)gradient[0], 0.6, 1e-6);
    assert_close((double)gradient[1], -0.8, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_constant_gradient_moves_by_the_rate),
        cmocka_unit_test(steps_equal_the_definition),
        cmocka_unit_test(schedules_fall_as_they_say),
        cmocka_unit_test(long_gradients_are_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

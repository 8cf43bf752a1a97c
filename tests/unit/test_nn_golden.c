/* Layers, losses, Adam and whole networks against PyTorch, in double. make_nn_golden.py has made
 * the figures; inputs and parameters are the same formula on both sides. */
#include "nn/adam.h"
#include "nn/blas.h"
#include "nn/loss.h"
#include "nn/network.h"
#include "nn/penalty.h"
#include "nn/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct golden_network {
    const char *name;
    const struct nn_layer_spec *layers;
    size_t count, inputs, rows;
    bool training;
    double penalty; /* its weight; 0: an ordinary backward pass */
    const double *output, *input_gradient;
    const double *gradients; /* of all parameters, in order, or NULL */
    const double *running;   /* statistics after the pass, or NULL */
};

#include "../golden/nn_golden.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BOUND 1e-9 /* of the largest value of the array */

static double pattern(uint32_t seed, size_t i)
{
    uint32_t h = ((uint32_t)i + 1 + seed * 1000003U) * 2654435761U;
    h ^= h >> 16;
    h *= 2246822519U;
    h ^= h >> 13;
    return h * 0x1p-32 - 0.5;
}

static real *pattern_vector(uint32_t seed, size_t count, double scale)
{
    real *vector = vector_new(count);
    assert_non_null(vector);
    for (size_t i = 0; i < count; i++)
        vector[i] = scale * pattern(seed, i);
    return vector;
}

static void compare(const char *name, const char *what, size_t count, const real *got,
                    const double *expected)
{
    double scale = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(expected[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(got[i] - expected[i]) <= BOUND * fmax(scale, 1e-3)))
            fail_msg("%s: %s[%zu] is %.12g, expected %.12g", name, what, i, got[i], expected[i]);
}

static void fill_parameters(struct network *network)
{
    for (size_t t = 0; t < network_tensors(network); t++) {
        const struct network_tensor *tensor = network_tensor(network, t);
        double offset = strcmp(tensor->name, "running_var") == 0 ? 1 : 0;
        for (size_t i = 0; i < tensor->size; i++)
            tensor->data[i] = pattern(100 + (uint32_t)t, i) + offset;
    }
}

static void compare_tensors(const struct golden_network *golden, struct network *network)
{
    const double *gradients = golden->gradients, *running = golden->running;
    const real *block = network_parameters(network);
    for (size_t t = 0; t < network_tensors(network); t++) {
        const struct network_tensor *tensor = network_tensor(network, t);
        if (tensor->name[0] == 'r' && running) {
            compare(golden->name, tensor->name, tensor->size, tensor->data, running);
            running += tensor->size;
        } else if (tensor->name[0] != 'r' && gradients) {
            const real *gradient = network_gradients(network) + (tensor->data - block);
            compare(golden->name, tensor->name, tensor->size, gradient, gradients);
            gradients += tensor->size;
        }
    }
}

static void networks(void **state)
{
    for (size_t i = 0; i < COUNT(golden_networks); i++) {
        const struct golden_network *golden = &golden_networks[i];
        struct network *network;
        struct diag diag = DIAG_INIT;
        if (network_new(golden->inputs, golden->layers, golden->count, golden->rows, &network,
                        &diag))
            fail_msg("%s: %s", golden->name, diag.text);
        fill_parameters(network);
        size_t outputs = golden->rows * network_outputs(network);
        size_t inputs = golden->rows * golden->inputs;
        real *x = pattern_vector(1, inputs, 4), *dy = pattern_vector(2, outputs, 2);
        const real *y = network_forward(network, golden->rows, x, golden->training);
        compare(golden->name, "output", outputs, y, golden->output);
        struct penalty *penalty = golden->penalty > 0 ? penalty_new(network) : NULL;
        const real *dx =
            penalty ? penalty_backward(penalty, dy, golden->penalty)
                    : network_backward(network, dy,
                                       NETWORK_PARAMETER_GRADIENTS | NETWORK_INPUT_GRADIENT);
        compare(golden->name, "input gradient", inputs, dx, golden->input_gradient);
        compare_tensors(golden, network);
        penalty_free(penalty);
        network_free(network);
        free(x);
        free(dy);
    }
}

static void losses(void **state)
{
    enum { N = COUNT(mse_gradient) };
    real *y = pattern_vector(3, N, 3), *target = pattern_vector(4, N, 3);
    real *logits = pattern_vector(3, N, 40), *gradient = vector_new(N);
    assert_non_null(gradient);
    real value = loss_mse(N, y, target, gradient);
    compare("mse", "value", 1, &value, mse_value);
    compare("mse", "gradient", N, gradient, mse_gradient);
    value = loss_smooth_l1(N, y, target, 0.7, gradient);
    compare("smooth_l1", "value", 1, &value, smooth_l1_value);
    compare("smooth_l1", "gradient", N, gradient, smooth_l1_gradient);
    value = loss_bce_logits(N, logits, loss_smoothed_label(1, 0.2), gradient);
    compare("bce", "value", 1, &value, bce_value);
    compare("bce", "gradient", N, gradient, bce_gradient);
    free(y);
    free(target);
    free(logits);
    free(gradient);
}

static void adam_steps(void **state)
{
    enum { N = COUNT(adam_parameters) };
    static const struct {
        double beta1, beta2;
        const double *expected;
    } cases[] = {{0.9, 0.999, adam_parameters}, {0, 0.99, adam_without_momentum_parameters}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct adam adam;
        assert_int_equal(adam_init(&adam, N, cases[i].beta1, cases[i].beta2), 0);
        real *parameters = pattern_vector(5, N, 1);
        for (uint32_t step = 0; step < 6; step++) {
            real *gradient = pattern_vector(10 + step, N, 1);
            adam_step(&adam, 0.01, gradient, parameters);
            free(gradient);
        }
        compare("adam", "parameters", N, parameters, cases[i].expected);
        free(parameters);
        adam_deinit(&adam);
    }
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),
        cmocka_unit_test(losses),
        cmocka_unit_test(adam_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "nn/blas.h"
#include "nn/network.h"
#include "nn/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct nn_layer_spec deep[] = {
    {NN_LAYER_DENSE, 6, 0},  {NN_LAYER_BATCHNORM, 0, 0}, {NN_LAYER_RELU, 0, 0},
    {NN_LAYER_DENSE, 10, 0}, {NN_LAYER_SIGMOID, 0, 0},
};

static struct network *make(const struct nn_layer_spec *layers, size_t count, size_t inputs,
                            size_t max_rows)
{
    struct network *network;
    struct diag diag = DIAG_INIT;
    if (network_new(inputs, layers, count, max_rows, &network, &diag))
        fail_msg("%s", diag.text);
    return network;
}

static void kinds_have_names(void **state)
{
    for (int i = 0; i < NN_LAYER_KINDS; i++) {
        enum nn_layer_kind kind;
        assert_true(nn_layer_kind_from_name(nn_layer_kind_name((enum nn_layer_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    enum nn_layer_kind kind;
    assert_false(nn_layer_kind_from_name("conv", &kind));
}

static void wrong_layers_are_refused(void **state)
{
    static const struct {
        size_t inputs;
        struct nn_layer_spec layer;
        const char *said;
    } cases[] = {
        {0, {NN_LAYER_DENSE, 3, 0}, "0 inputs"},
        {4, {NN_LAYER_DENSE, 0, 0}, "layer 0: dense has 0 outputs"},
        {4, {NN_LAYER_RELU, 5, 0}, "relu has 5 outputs"},
        {4, {NN_LAYER_RELU, 0, 0.5}, "relu has the parameter 0.5"},
        {4, {NN_LAYER_DROPOUT, 0, 1}, "dropout has the parameter 1"},
        {4, {NN_LAYER_LEAKY_RELU, 0, -0.1}, "leaky_relu has the parameter -0.1"},
        {4, {NN_LAYER_BATCHNORM, 0, (double)NAN}, "batchnorm has the parameter"},
        {4, {(enum nn_layer_kind)99, 0, 0}, "unknown kind 99"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct diag diag = DIAG_INIT;
        struct network *network = NULL;
        int error = network_new(cases[i].inputs, &cases[i].layer, 1, 2, &network, &diag);
        if (error == 0 || !strstr(diag.text, cases[i].said))
            fail_msg("case %zu: %d, \"%s\"", i, error, diag.text);
    }
}

static void tensors_are_a_state_dict(void **state)
{
    static const struct {
        size_t layer;
        const char *name;
        size_t dimensions, rows, columns;
    } expected[] = {
        {0, "weight", 2, 6, 8},  {0, "bias", 1, 6, 0},         {1, "weight", 1, 6, 0},
        {1, "bias", 1, 6, 0},    {1, "running_mean", 1, 6, 0}, {1, "running_var", 1, 6, 0},
        {3, "weight", 2, 10, 6}, {3, "bias", 1, 10, 0},
    };
    struct network *network = make(deep, COUNT(deep), 8, 4);
    network_initialise(network, 1);
    assert_int_equal(network_tensors(network), COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        const struct network_tensor *tensor = network_tensor(network, i);
        assert_int_equal(tensor->layer, expected[i].layer);
        assert_string_equal(tensor->name, expected[i].name);
        assert_int_equal(tensor->dimensions, expected[i].dimensions);
        assert_int_equal(tensor->shape[0], expected[i].rows);
        assert_int_equal(tensor->shape[1], expected[i].columns);
        assert_int_equal(tensor->size,
                         expected[i].rows * (tensor->dimensions == 2 ? expected[i].columns : 1));
        memset(tensor->data, 0, tensor->size * sizeof *tensor->data); /* ASan sees a wrong place */
    }
    network_free(network);
}

static void initialisation_is_that_of_pytorch(void **state)
{
    static const struct nn_layer_spec layers[] = {{NN_LAYER_DENSE, 400, 0},
                                                  {NN_LAYER_BATCHNORM, 0, 0}};
    struct network *network = make(layers, COUNT(layers), 100, 2);
    network_initialise(network, 1);
    const struct network_tensor *weight = network_tensor(network, 0);
    double largest = 0;
    for (size_t i = 0; i < weight->size; i++)
        largest = fmax(largest, fabs((double)weight->data[i]));
    assert_true(largest <= 0.1 && largest > 0.0999);
    double variance = vector_sum_squares(weight->size, weight->data) / (double)weight->size;
    if (fabs(variance / (0.01 / 3) - 1) > 0.02)
        fail_msg("variance %g, expected %g", variance, 0.01 / 3);
    static const double constants[] = {1, 0, 0, 1};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 400; j++)
            assert_true((double)network_tensor(network, 2 + i)->data[j] == constants[i]);

    float first = weight->data[0];
    network_initialise(network, 2);
    assert_true(weight->data[0] != first);
    network_initialise(network, 1);
    assert_true(weight->data[0] == first);
    network_free(network);
}

static void batchnorm_follows_the_batches(void **state)
{
    static const struct nn_layer_spec layer = {NN_LAYER_BATCHNORM, 0, 0};
    struct network *network = make(&layer, 1, 1, 4);
    network_initialise(network, 1);
    const float x[] = {1, 2, 3, 6}; /* mean 3, biased variance 3.5, unbiased 14/3 */
    const float *y = network_forward(network, 4, x, true);
    for (size_t i = 0; i < 4; i++)
        if (fabs((double)y[i] - ((double)x[i] - 3) / sqrt(3.5 + 1e-5)) > 1e-6)
            fail_msg("y[%zu] = %g", i, (double)y[i]);
    double mean = (double)network_tensor(network, 2)->data[0];
    double var = (double)network_tensor(network, 3)->data[0];
    if (fabs(mean - 0.3) > 1e-6 || fabs(var - (0.9 + 0.1 * 14 / 3)) > 1e-6)
        fail_msg("running mean %g, variance %g", mean, var);
    y = network_forward(network, 1, x, false);
    if (fabs((double)y[0] - (1 - mean) / sqrt(var + 1e-5)) > 1e-6)
        fail_msg("evaluation gives %g", (double)y[0]);
    assert_true((double)network_tensor(network, 2)->data[0] == mean);
    network_free(network);
}

static void batchnorm_survives_a_large_mean(void **state)
{
    static const struct nn_layer_spec layer = {NN_LAYER_BATCHNORM, 0, 0};
    struct network *network = make(&layer, 1, 1, 4);
    network_initialise(network, 1);
    const float x[] = {10001, 10002, 10003, 10006};
    const float *y = network_forward(network, 4, x, true);
    if (fabs((double)y[3] - 3 / sqrt(3.5)) > 1e-4)
        fail_msg("y[3] = %.7g, expected %.7g", (double)y[3], 3 / sqrt(3.5));
    network_free(network);
}

static void dropout_keeps_the_mean(void **state)
{
    enum { WIDTH = 1000, ROWS = 100 };
    static const struct nn_layer_spec layer = {NN_LAYER_DROPOUT, 0, 0.3};
    struct network *network = make(&layer, 1, WIDTH, ROWS);
    network_initialise(network, 1);
    float *ones = vector_new(WIDTH * ROWS);
    assert_non_null(ones);
    vector_fill(WIDTH * ROWS, 1, ones);
    const float *y = network_forward(network, ROWS, ones, true);
    size_t zeros = 0;
    for (size_t i = 0; i < WIDTH * ROWS; i++)
        zeros += y[i] == 0;
    double share = (double)zeros / (WIDTH * ROWS);
    double mean = vector_sum(WIDTH * ROWS, y) / (WIDTH * ROWS);
    if (fabs(share - 0.3) > 0.006 || fabs(mean - 1) > 0.01)
        fail_msg("zeros %g, mean %g", share, mean);
    y = network_forward(network, ROWS, ones, false);
    assert_memory_equal(y, ones, WIDTH * ROWS * sizeof *y);
    free(ones);
    network_free(network);
}

static void a_copy_is_the_same_network(void **state)
{
    struct network *from = make(deep, COUNT(deep), 8, 4), *to = make(deep, COUNT(deep), 8, 2);
    network_initialise(from, 1);
    network_initialise(to, 2);
    float x[4 * 8];
    for (size_t i = 0; i < COUNT(x); i++)
        x[i] = (float)(i * i % 7);
    network_forward(from, 4, x, true); /* moves the running statistics */
    network_copy(from, to);
    float kept[2 * 10];
    memcpy(kept, network_forward(from, 2, x, false), sizeof kept);
    assert_memory_equal(kept, network_forward(to, 2, x, false), sizeof kept);
    network_free(from);
    network_free(to);
}

static void gradients_add_up(void **state)
{
    struct network *network = make(deep, COUNT(deep), 8, 4);
    network_initialise(network, 1);
    float x[4 * 8], dy[4 * 10];
    for (size_t i = 0; i < COUNT(x); i++)
        x[i] = (float)(i * i % 7);
    for (size_t i = 0; i < COUNT(dy); i++)
        dy[i] = (float)(i % 3) - 1;
    size_t count = network_parameter_count(network);
    double norm[2];
    for (size_t i = 0; i < 2; i++) {
        network_forward(network, 4, x, false);
        assert_null(network_backward(network, dy, NETWORK_PARAMETER_GRADIENTS));
        norm[i] = sqrt(vector_sum_squares(count, network_gradients(network)));
    }
    assert_true(norm[0] > 0);
    if (fabs(norm[1] / norm[0] - 2) > 1e-5)
        fail_msg("norms %g and %g", norm[0], norm[1]);
    network_zero_gradients(network);
    assert_true(vector_sum_squares(count, network_gradients(network)) == 0);
    network_free(network);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(wrong_layers_are_refused),
        cmocka_unit_test(tensors_are_a_state_dict),
        cmocka_unit_test(initialisation_is_that_of_pytorch),
        cmocka_unit_test(batchnorm_follows_the_batches),
        cmocka_unit_test(batchnorm_survives_a_large_mean),
        cmocka_unit_test(dropout_keeps_the_mean),
        cmocka_unit_test(a_copy_is_the_same_network),
        cmocka_unit_test(gradients_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/rng.h"
#include "nn/blas.h"
#include "nn/mlp.h"
#include "nn/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void fill(struct rng *rng, size_t count, float *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_normal(rng);
}

static double activate(const struct mlp_layer *layer, double x)
{
    switch (layer->activation) {
    case NN_LINEAR:
        return x;
    case NN_RELU:
        return x > 0 ? x : 0;
    case NN_LEAKY_RELU:
        return x > 0 ? x : (double)layer->slope * x;
    case NN_SIGMOID:
        return 1 / (1 + exp(-x));
    }
    return (double)NAN;
}

/* The definition, in double. */
static void reference(const struct mlp_layer *layers, size_t count, const float *input,
                      double *ret_output)
{
    double x[64], y[64];
    for (size_t i = 0; i < layers[0].inputs; i++)
        x[i] = (double)input[i];
    for (size_t l = 0; l < count; l++) {
        for (size_t o = 0; o < layers[l].outputs; o++) {
            double sum = (double)layers[l].bias[o];
            for (size_t i = 0; i < layers[l].inputs; i++)
                sum += (double)layers[l].weight[o * layers[l].inputs + i] * x[i];
            y[o] = activate(&layers[l], sum);
        }
        memcpy(x, y, sizeof x);
    }
    memcpy(ret_output, x, layers[count - 1].outputs * sizeof *x);
}

static void assert_close(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance * (1 + fabs(expected))))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

#define INPUTS 37
#define HIDDEN 19
#define NARROW 7
#define BATCH 15

struct fixture {
    float w1[HIDDEN * INPUTS], b1[HIDDEN];
    float w2[NARROW * HIDDEN], b2[NARROW];
    float w3[HIDDEN * NARROW], b3[HIDDEN];
    float w4[INPUTS * HIDDEN], b4[INPUTS];
    struct mlp_layer layers[4];
};

static void make(struct fixture *f)
{
    struct rng rng;
    rng_init(&rng, 7);
    fill(&rng, COUNT(f->w1), f->w1);
    fill(&rng, COUNT(f->b1), f->b1);
    fill(&rng, COUNT(f->w2), f->w2);
    fill(&rng, COUNT(f->b2), f->b2);
    fill(&rng, COUNT(f->w3), f->w3);
    fill(&rng, COUNT(f->b3), f->b3);
    fill(&rng, COUNT(f->w4), f->w4);
    fill(&rng, COUNT(f->b4), f->b4);
    f->layers[0] = (struct mlp_layer){INPUTS, HIDDEN, f->w1, f->b1, NN_RELU, 0};
    f->layers[1] = (struct mlp_layer){HIDDEN, NARROW, f->w2, f->b2, NN_LEAKY_RELU, 0.2f};
    f->layers[2] = (struct mlp_layer){NARROW, HIDDEN, f->w3, f->b3, NN_LINEAR, 0};
    f->layers[3] = (struct mlp_layer){HIDDEN, INPUTS, f->w4, f->b4, NN_SIGMOID, 0};
}

static void check_forward(enum mlp_kernel kernel, size_t batch)
{
    struct fixture f;
    make(&f);
    struct mlp *mlp = mlp_new_with(kernel, f.layers, 4, BATCH);
    assert_non_null(mlp);
    assert_int_equal(mlp_inputs(mlp), INPUTS);
    assert_int_equal(mlp_outputs(mlp), INPUTS);
    struct rng rng;
    rng_init(&rng, 8);
    float input[BATCH * INPUTS], output[BATCH * INPUTS], single[INPUTS];
    fill(&rng, COUNT(input), input);
    mlp_forward(mlp, batch, input, output);
    for (size_t b = 0; b < batch; b++) {
        double expected[INPUTS];
        reference(f.layers, 4, input + b * INPUTS, expected);
        mlp_forward(mlp, 1, input + b * INPUTS, single);
        for (size_t i = 0; i < INPUTS; i++) {
            assert_close((double)output[b * INPUTS + i], expected[i], 2e-5);
            assert_close((double)single[i], expected[i], 2e-5);
        }
        /* what a window comes to does not depend on its batch */
        if (kernel == MLP_STREAM)
            assert_memory_equal(single, output + b * INPUTS, sizeof single);
    }
    mlp_free(mlp);
}

static void forward_equals_definition(void **state)
{
    for (size_t batch = 1; batch <= BATCH; batch++) {
        check_forward(MLP_BLAS, batch);
        check_forward(mlp_best_kernel(), batch);
    }
}

static void one_layer_needs_no_scratch(void **state)
{
    struct fixture f;
    make(&f);
    struct mlp *mlp = mlp_new(f.layers, 1, 2);
    assert_non_null(mlp);
    float input[2 * INPUTS] = {1}, output[2 * HIDDEN];
    mlp_forward(mlp, 2, input, output);
    double expected[HIDDEN];
    reference(f.layers, 1, input, expected);
    for (size_t i = 0; i < HIDDEN; i++)
        assert_close((double)output[i], expected[i], 1e-5);
    mlp_free(mlp);
}

static void nan_reaches_the_output(void **state)
{
    struct fixture f;
    make(&f);
    struct mlp *mlp = mlp_new(f.layers, 4, BATCH);
    assert_non_null(mlp);
    float input[BATCH * INPUTS] = {0}, output[BATCH * INPUTS];
    input[3] = NAN;
    for (size_t batch = 1; batch <= 2; batch++) {
        mlp_forward(mlp, batch, input, output);
        for (size_t i = 0; i < INPUTS; i++)
            if (!isnan(output[i]))
                fail_msg("batch %zu output %zu is %g", batch, i, (double)output[i]);
    }
    mlp_free(mlp);
}

static void folded_batchnorm_equals_the_layer(void **state)
{
    struct fixture f;
    make(&f);
    f.layers[0].activation = NN_LINEAR;
    float gamma[HIDDEN], beta[HIDDEN], mean[HIDDEN], var[HIDDEN], input[INPUTS];
    struct rng rng;
    rng_init(&rng, 9);
    fill(&rng, HIDDEN, gamma);
    fill(&rng, HIDDEN, beta);
    fill(&rng, HIDDEN, mean);
    for (size_t i = 0; i < HIDDEN; i++)
        var[i] = (float)(0.01 + rng_uniform(&rng));
    fill(&rng, INPUTS, input);
    double expected[HIDDEN];
    reference(f.layers, 1, input, expected);
    for (size_t i = 0; i < HIDDEN; i++)
        expected[i] =
            (expected[i] - (double)mean[i]) / sqrt((double)var[i] + 1e-5) * (double)gamma[i] +
            (double)beta[i];
    struct batchnorm_parameters norm = {gamma, beta, mean, var, 1e-5};
    mlp_fold_batchnorm(HIDDEN, INPUTS, f.w1, f.b1, &norm);
    struct mlp *mlp = mlp_new(f.layers, 1, 1);
    assert_non_null(mlp);
    float output[HIDDEN];
    mlp_forward(mlp, 1, input, output);
    for (size_t i = 0; i < HIDDEN; i++)
        assert_close((double)output[i], expected[i], 2e-5);
    mlp_free(mlp);
}

static void sigmoid_equals_libm(void **state)
{
    enum { N = 40001 };
    float *x = vector_new(N), *y = vector_new(N);
    assert_non_null(x);
    assert_non_null(y);
    for (size_t i = 0; i < N; i++)
        x[i] = ((float)i - N / 2) * 0.005f;
    vector_sigmoid(N, x, y);
    for (size_t i = 0; i < N; i++) {
        double expected = 1 / (1 + exp(-(double)x[i]));
        if (expected > 1e-37 && fabs((double)y[i] / expected - 1) > 4e-7)
            fail_msg("sigmoid(%g) = %.9g, expected %.9g", (double)x[i], (double)y[i], expected);
    }
    float edge[] = {INFINITY, -INFINITY, NAN};
    vector_sigmoid(3, edge, edge);
    assert_true(edge[0] == 1.0f);
    assert_true(edge[1] >= 0 && edge[1] < 1e-37f);
    assert_true(isnan(edge[2]));
    free(x);
    free(y);
}

static void blas_runs_on_one_thread(void **state)
{
    assert_int_equal(blas_threads(), 1);
    assert_true(strlen(blas_core_name()) > 0);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_equals_definition),
        cmocka_unit_test(one_layer_needs_no_scratch),
        cmocka_unit_test(nan_reaches_the_output),
        cmocka_unit_test(folded_batchnorm_equals_the_layer),
        cmocka_unit_test(sigmoid_equals_libm),
        cmocka_unit_test(blas_runs_on_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * bench_widths: how scoring grows with the width of a network and of its windows.
 *
 *   bench_widths [--json] [--rounds N]
 *
 * Networks inputs - 2n - n - 2n - inputs with made-up weights, from one that the first cache holds
 * to ones that only the third does; a window alone, and in a batch of 64, both kernels by turns. So
 * it shows, too, whether the kernel that a processor gets is the better one for every size.
 */
#include "base/rng.h"
#include "bench.h"
#include "nn/blas.h"
#include "nn/dense_stream.h"
#include "nn/mlp.h"
#include "nn/vector.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LAYERS 4
#define BATCH 64
#define MULTIPLICATIONS 40e6 /* of a way in a round, some */

static const struct shape {
    size_t inputs, narrow; /* the narrowest layer */
} shapes[] = {{40, 32}, {430, 8}, {430, 32}, {430, 128}, {430, 512}, {5120, 32}};
#define SHAPES (sizeof shapes / sizeof shapes[0])

static struct mlp *network[2];
static float *input, *output;

static size_t run(enum mlp_kernel kernel, size_t batch)
{
    mlp_forward(network[kernel], batch, input, output);
    return batch;
}

static size_t stream_alone(void)
{
    return run(MLP_STREAM, 1);
}

static size_t stream_batch(void)
{
    return run(MLP_STREAM, BATCH);
}

static size_t blas_alone(void)
{
    return run(MLP_BLAS, 1);
}

static size_t blas_batch(void)
{
    return run(MLP_BLAS, BATCH);
}

static float *noise(size_t count, double spread, struct rng *rng)
{
    float *values = vector_new(count);
    if (!values)
        exit(1);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(rng_normal(rng) * spread);
    return values;
}

/* Returns the weights. */
static size_t set_up(const struct shape *shape)
{
    const size_t widths[LAYERS + 1] = {shape->inputs, 2 * shape->narrow, shape->narrow,
                                       2 * shape->narrow, shape->inputs};
    struct mlp_layer layers[LAYERS];
    struct rng rng;
    size_t weights = 0;
    rng_init(&rng, 1);
    for (size_t l = 0; l < LAYERS; l++) {
        layers[l] = (struct mlp_layer){.inputs = widths[l],
                                       .outputs = widths[l + 1],
                                       .weight = noise(widths[l] * widths[l + 1], 0.05, &rng),
                                       .bias = noise(widths[l + 1], 0.2, &rng),
                                       .activation = l + 1 < LAYERS ? NN_RELU : NN_LINEAR};
        weights += widths[l] * widths[l + 1];
    }
    input = noise(BATCH * shape->inputs, 1, &rng);
    output = noise(BATCH * shape->inputs, 0, &rng);
    network[MLP_BLAS] = mlp_new_with(MLP_BLAS, layers, LAYERS, BATCH);
    network[MLP_STREAM] =
        dense_stream_suits() ? mlp_new_with(MLP_STREAM, layers, LAYERS, BATCH) : NULL;
    for (size_t l = 0; l < LAYERS; l++) {
        free((void *)(uintptr_t)layers[l].weight);
        free((void *)(uintptr_t)layers[l].bias);
    }
    return weights;
}

static void tear_down(void)
{
    mlp_free(network[MLP_BLAS]);
    mlp_free(network[MLP_STREAM]);
    free(input);
    free(output);
}

static void measure(struct bench_output *bench, const struct shape *shape)
{
    size_t weights = set_up(shape);
    size_t repeats = (size_t)(MULTIPLICATIONS / (double)weights) + 1;
    bool stream = network[MLP_STREAM] != NULL;
    struct bench_way ways[] = {
        {"stream", stream ? stream_alone : NULL, repeats, {0}},
        {"BLAS", blas_alone, repeats, {0}},
        {"stream", stream ? stream_batch : NULL, repeats / BATCH + 1, {0}},
        {"BLAS", blas_batch, repeats / BATCH + 1, {0}},
    };
    bench_run(ways, 4, bench->rounds);
    for (size_t w = 0; w < 4; w += 2) {
        char what[96];
        snprintf(what, sizeof what, "%zu-%zu-%zu-%zu-%zu, %zu KiB: %s", shape->inputs,
                 2 * shape->narrow, shape->narrow, 2 * shape->narrow, shape->inputs,
                 weights * sizeof(float) / 1024, w == 0 ? "alone" : "in 64");
        const struct bench_row row = {.what = what, .unit = "us", .peer = "BLAS"};
        bench_compare(bench, &row, &ways[w], &ways[w + 1]);
    }
    tear_down();
}

int main(int argc, char **argv)
{
    struct bench_output bench;
    bench_begin(&bench, "widths", argc, argv);
    blas_init();
    bench_note(&bench, "BLAS: %s, %d thread", blas_core_name(), blas_threads());
    for (size_t s = 0; s < SHAPES; s++)
        measure(&bench, &shapes[s]);
    bench_end(&bench);
    return 0;
}

/*
 * What one window costs in the paper's network, 430-64-32-64-430: alone by the stream and by BLAS'
 * matrix-vector product, and in batches by its matrix-matrix product; beside the limit, reading the
 * weights from the cache that they are in. One run, interleaved rounds, medians.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "nn/blas.h"
#include "nn/dense_stream.h"
#include "nn/mlp.h"
#include "nn/vector.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 21
#define LAYERS 4
#define BATCH_MAX 256
#define WIDTH 430

static const size_t widths[LAYERS + 1] = {WIDTH, 64, 32, 64, WIDTH};
static struct mlp *mlp;
static float *input, *output, *scratch, *weights, *row_major[LAYERS];
static size_t weight_count;
static volatile float sink;

static void set_up(void)
{
    struct mlp_layer layers[LAYERS];
    struct rng rng;
    rng_init(&rng, 1);
    input = vector_new(BATCH_MAX * WIDTH);
    output = vector_new(BATCH_MAX * WIDTH);
    scratch = vector_new(WIDTH);
    for (size_t i = 0; i < BATCH_MAX * WIDTH; i++)
        input[i] = (float)rng_normal(&rng);
    for (size_t l = 0; l < LAYERS; l++) {
        size_t count = widths[l] * widths[l + 1];
        float *weight = vector_new(count), *bias = vector_new(widths[l + 1]);
        row_major[l] = vector_new(count);
        for (size_t i = 0; i < count; i++)
            row_major[l][i] = weight[i] = (float)rng_normal(&rng) / 16;
        layers[l] = (struct mlp_layer){.inputs = widths[l],
                                       .outputs = widths[l + 1],
                                       .weight = weight,
                                       .bias = bias,
                                       .activation = l + 1 < LAYERS ? NN_RELU : NN_LINEAR};
        weight_count += count;
    }
    weights = vector_new(weight_count);
    mlp = mlp_new(layers, LAYERS, BATCH_MAX);
    blas_init();
}

static size_t forward(size_t batch)
{
    mlp_forward(mlp, batch, input, output);
    sink = output[0];
    return batch;
}

static size_t alone(void)
{
    return forward(1);
}

static size_t in_32(void)
{
    return forward(32);
}

static size_t in_256(void)
{
    return forward(256);
}

/* The same products without biases and activations. */
static size_t by_blas(void)
{
    const float *x = input;
    for (size_t l = 0; l < LAYERS; l++) {
        float *y = l & 1 ? scratch : output;
        blas_vector_matrix(widths[l], widths[l + 1], x, row_major[l], y);
        x = y;
    }
    sink = x[0];
    return 1;
}

/* Every weight is read once and added to one of 64 sums. */
__attribute__((target("avx2"))) static float read_all(size_t count, const float *x)
{
    typedef float lanes __attribute__((vector_size(32)));
    lanes a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};
    for (size_t i = 0; i + 64 <= count; i += 64) {
        const lanes *at = (const lanes *)(x + i);
        a += at[0];
        b += at[1];
        c += at[2];
        d += at[3];
        e += at[4];
        f += at[5];
        g += at[6];
        h += at[7];
    }
    a += b + c + d + e + f + g + h;
    return a[0];
}

static size_t limit(void)
{
    sink = read_all(weight_count, weights);
    return 1;
}

static struct way {
    const char *name;
    size_t (*run)(void);
    size_t repeats;
    double us[ROUNDS];
} ways[] = {{"limit: the weights are read", limit, 4000, {0}},
            {"one window", alone, 4000, {0}},
            {"one window, BLAS' products alone", by_blas, 4000, {0}},
            {"a window in a batch of 32", in_32, 200, {0}},
            {"a window in a batch of 256", in_256, 30, {0}}};
#define WAYS (sizeof ways / sizeof ways[0])

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    set_up();
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t w = 0; w < WAYS; w++) {
            size_t windows = 0;
            int64_t start_ns = clock_monotonic_ns();
            for (size_t i = 0; i < ways[w].repeats; i++)
                windows += ways[w].run();
            ways[w].us[round] = (double)(clock_monotonic_ns() - start_ns) / 1e3 / (double)windows;
        }
    }
    for (size_t w = 0; w < WAYS; w++)
        qsort(ways[w].us, ROUNDS, sizeof ways[w].us[0], compare);
    printf("stream: %s; BLAS: %s, %d thread\n", dense_stream_suits() ? "yes" : "no",
           blas_core_name(), blas_threads());
    for (size_t w = 0; w < WAYS; w++)
        printf("%-34s %8.3f us   %6.2f of the limit\n", ways[w].name, ways[w].us[ROUNDS / 2],
               ways[w].us[ROUNDS / 2] / ways[0].us[ROUNDS / 2]);
    return 0;
}

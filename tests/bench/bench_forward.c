/*
 * What one window costs in the paper's network, 430-64-32-64-430: alone and in batches, beside ONNX
 * Runtime on the same weights, beside BLAS' products alone, and beside what this processor can do
 * at most: reading the weights from the cache that they are in, and multiplying and adding.
 *
 *   bench_forward [--json] [--rounds N] [LIBONNXRUNTIME]
 */
#include "bench.h"
#include "onnx.h"
#include "onnxruntime.h"
#include "processor_limits.h"

#include "base/rng.h"
#include "nn/blas.h"
#include "nn/dense_stream.h"
#include "nn/mlp.h"
#include "nn/vector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LAYERS 4
#define BATCH_MAX 256
#define WIDTH 430
#define TOLERANCE 1e-5 /* of ONNX Runtime's values to ours, over the largest */
#define FMA_ROUNDS 10000
#define L1_FLOATS 4096 /* 16 KiB, in the smallest first cache */

static const size_t widths[LAYERS + 1] = {WIDTH, 64, 32, 64, WIDTH};
static struct mlp_layer layers[LAYERS];
static struct mlp *mlp;
static float *input, *output, *their_output, *scratch, *weights, *row_major[LAYERS];
static size_t weight_count;
static volatile float sink;

static void set_up(void)
{
    struct rng rng;
    rng_init(&rng, 1);
    input = vector_new(BATCH_MAX * WIDTH);
    output = vector_new(BATCH_MAX * WIDTH);
    their_output = vector_new(BATCH_MAX * WIDTH);
    scratch = vector_new(WIDTH);
    for (size_t i = 0; i < BATCH_MAX * WIDTH; i++)
        input[i] = (float)rng_normal(&rng);
    for (size_t l = 0; l < LAYERS; l++) {
        size_t count = widths[l] * widths[l + 1];
        float *weight = vector_new(count), *bias = vector_new(widths[l + 1]);
        row_major[l] = vector_new(count);
        for (size_t i = 0; i < count; i++)
            row_major[l][i] = weight[i] = (float)rng_normal(&rng) / 16;
        for (size_t i = 0; i < widths[l + 1]; i++)
            bias[i] = (float)rng_normal(&rng) / 4;
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

/* ---- the sides */

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

static struct onnxruntime_binding *bound_1, *bound_32, *bound_256;

static size_t their_alone(void)
{
    onnxruntime_run(bound_1);
    return 1;
}

static size_t their_32(void)
{
    onnxruntime_run(bound_32);
    return 32;
}

static size_t their_256(void)
{
    onnxruntime_run(bound_256);
    return 256;
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

static size_t read_weights(void)
{
    sink = limits_read(weight_count, weights);
    return 1;
}

static size_t read_first_cache(void)
{
    sink = limits_read(L1_FLOATS, weights);
    return 1;
}

/* Its unit is the operations of a window, as many as there are weights, twice. */
static size_t operations;
static size_t multiply_add(void)
{
    float sum;
    operations += limits_multiply_add(FMA_ROUNDS, &sum);
    sink = sum;
    size_t windows = operations / (2 * weight_count);
    operations %= 2 * weight_count;
    return windows;
}

enum {
    ALONE,
    THEIR_ALONE,
    WEIGHTS,
    BLAS,
    IN_32,
    THEIR_32,
    IN_256,
    THEIR_256,
    FIRST,
    MULTIPLY,
    WAYS
};
static struct bench_way ways[WAYS] = {
    [ALONE] = {"one window", alone, 2000, {0}},
    [THEIR_ALONE] = {"ONNX Runtime", NULL, 1000, {0}},
    [WEIGHTS] = {"reading its weights", NULL, 4000, {0}},
    [BLAS] = {"BLAS' products alone", by_blas, 2000, {0}},
    [IN_32] = {"a window in a batch of 32", in_32, 120, {0}},
    [THEIR_32] = {"ONNX Runtime", NULL, 120, {0}},
    [IN_256] = {"a window in a batch of 256", in_256, 20, {0}},
    [THEIR_256] = {"ONNX Runtime", NULL, 20, {0}},
    [FIRST] = {"reading 16 KiB", NULL, 20000, {0}},
    [MULTIPLY] = {"multiplying and adding", NULL, 40, {0}},
};

/* ---- ONNX Runtime */

static void check_batch(struct onnxruntime_binding *binding, size_t batch)
{
    double largest = 0, difference = 0;
    onnxruntime_run(binding);
    mlp_forward(mlp, batch, input, output);
    for (size_t i = 0; i < batch * WIDTH; i++) {
        largest = fmax(largest, fabs((double)output[i]));
        difference = fmax(difference, fabs((double)output[i] - (double)their_output[i]));
    }
    if (difference <= TOLERANCE * largest && largest > 0)
        return;
    fprintf(stderr, "bench_forward: ONNX Runtime differs by %g of %g in a batch of %zu\n",
            difference, largest, batch);
    exit(1);
}

static struct onnxruntime_binding *bind(struct onnxruntime *runtime, size_t batch)
{
    const struct onnxruntime_shape shape = {batch, WIDTH, WIDTH};
    struct onnxruntime_binding *binding = onnxruntime_bind(runtime, shape, input, their_output);
    check_batch(binding, batch);
    return binding;
}

static void open_onnxruntime(struct bench_output *bench, const char *library)
{
    size_t size;
    unsigned char *model = onnx_write(layers, LAYERS, &size);
    struct onnxruntime *runtime = onnxruntime_open(library, model, size);
    free(model);
    if (!runtime) {
        bench_note(bench, "ONNX Runtime: skipped, no library %s", library);
        return;
    }
    bound_1 = bind(runtime, 1);
    bound_32 = bind(runtime, 32);
    bound_256 = bind(runtime, 256);
    ways[THEIR_ALONE].run = their_alone;
    ways[THEIR_32].run = their_32;
    ways[THEIR_256].run = their_256;
    bench_note(bench, "ONNX Runtime %s, one thread; its values equal ours to %g",
               onnxruntime_version(runtime), TOLERANCE);
}

/* ---- what came of it */

static void print_limits(struct bench_output *bench)
{
    double weight_us = bench_us(&ways[WEIGHTS]), first_us = bench_us(&ways[FIRST]);
    double window_us = bench_us(&ways[MULTIPLY]);
    const struct bench_row rows[] = {{"limit: reading 16 KiB from the first cache", NULL, "GB/s",
                                      L1_FLOATS * sizeof(float) / first_us / 1e3, 0, 0, 0},
                                     {"limit: reading the weights, 231 KiB", NULL, "GB/s",
                                      (double)(weight_count * sizeof(float)) / weight_us / 1e3, 0,
                                      0, 0},
                                     {"limit: multiplying and adding", NULL, "GFLOP/s",
                                      2 * (double)weight_count / window_us / 1e3, 0, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        bench_row(bench, &rows[i]);
}

static void print(struct bench_output *bench)
{
    const struct {
        struct bench_row row;
        int ours, theirs;
    } pairs[] = {
        {{.what = "one window", .goal = 1, .limit = 0.40}, ALONE, THEIR_ALONE},
        {{.what = "one window", .peer = "limit: weights read", .goal = 1, .limit = 1.4},
         ALONE,
         WEIGHTS},
        {{.what = "one window"}, ALONE, BLAS},
        {{.what = "a window in a batch of 32", .goal = 2, .limit = 0.85}, IN_32, THEIR_32},
        {{.what = "a window in a batch of 256", .goal = 2, .limit = 0.85}, IN_256, THEIR_256},
        {{.what = "a window in a batch of 256", .peer = "limit: arithmetic"}, IN_256, MULTIPLY},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        bench_compare(bench, &pairs[i].row, &ways[pairs[i].ours], &ways[pairs[i].theirs]);
    if (limits_known())
        print_limits(bench);
}

int main(int argc, char **argv)
{
    struct bench_output bench;
    bench_begin(&bench, "forward", argc, argv);
    set_up();
    bench_note(&bench,
               "network 430-64-32-64-430; own kernel for one window: %s; BLAS: %s, %d thread",
               dense_stream_suits() ? "yes" : "no", blas_core_name(), blas_threads());
    if (optind < argc)
        open_onnxruntime(&bench, argv[optind]);
    else
        bench_note(&bench, "ONNX Runtime: skipped, no library given");
    if (limits_known()) {
        ways[WEIGHTS].run = read_weights;
        ways[FIRST].run = read_first_cache;
        ways[MULTIPLY].run = multiply_add;
    } else {
        bench_note(&bench, "limits: skipped, the processor has no AVX2 with FMA");
    }
    bench_run(ways, WAYS, bench.rounds);
    print(&bench);
    bench_end(&bench);
    return 0;
}

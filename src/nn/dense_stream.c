/*
 * A window's 59,136 weights do not fit into the first cache, so each is read from the second one,
 * once for up to six windows: while a panel of 16 outputs streams by, the sums of all of them are
 * kept in registers. OpenBLAS' matrix-vector product loads and stores its sums at every row, or
 * every few, and its matrix-matrix product copies both matrices first.
 *
 * A tile is so many windows and so many panels that sums, weights and a value fill the sixteen
 * registers: six windows of one panel, or one window of four.
 */
#include "nn/dense_stream.h"

#include "nn/vector.h"

#include <stdint.h>
#include <string.h>

#define LANES 8
#define VECTORS (DENSE_PANEL / LANES)
#define ROWS_MAX 6
#define PANELS_MAX 4

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t lane_masks __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef lanes unaligned_lanes __attribute__((aligned(sizeof(float)), may_alias));

#if defined(__x86_64__)
#define TILE_TARGET __attribute__((target("avx2,fma")))

__attribute__((always_inline)) TILE_TARGET static inline lanes bend(lanes sum, float slope)
{
    lane_masks under = sum < 0;
    return (lanes)((under & (lane_masks)(slope * sum)) | (~under & (lane_masks)sum));
}

__attribute__((always_inline)) TILE_TARGET static inline void store(float *y, size_t count,
                                                                    const lanes *sum, float slope)
{
#pragma GCC unroll 8
    for (size_t v = 0; v < count; v++)
        *(unaligned_lanes *)(y + v * LANES) = bend(sum[v], slope);
}

/* By a copy: what has an address does not stay in registers. */
__attribute__((always_inline)) TILE_TARGET static inline void
store_part(float *y, size_t values, size_t count, const lanes *sum, float slope)
{
    lanes copy[PANELS_MAX * VECTORS];
#pragma GCC unroll 8
    for (size_t v = 0; v < count; v++)
        copy[v] = bend(sum[v], slope);
    memcpy(y, copy, values * sizeof *y);
}

/* rows and panels are constants where this is inlined; the sums are registers then. */
__attribute__((always_inline)) TILE_TARGET static inline void
sum_tile(size_t rows, size_t panels, const struct dense_stream *layer, size_t output,
         const float *x, float *ret_y)
{
    size_t inputs = layer->inputs;
    const float *weight = layer->weight + output * inputs;
    lanes sum[ROWS_MAX][PANELS_MAX * VECTORS];
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (size_t v = 0; v < panels * VECTORS; v++)
            sum[r][v] = *(const lanes *)(layer->bias + output + v * LANES);
    for (size_t i = 0; i < inputs; i++) {
        const float *at = weight + i * DENSE_PANEL;
#pragma GCC unroll 6
        for (size_t r = 0; r < rows; r++) {
            float value = x[r * inputs + i];
#pragma GCC unroll 8
            for (size_t v = 0; v < panels * VECTORS; v++)
                sum[r][v] += value * *(const lanes *)(at + v / VECTORS * inputs * DENSE_PANEL +
                                                      v % VECTORS * LANES);
        }
    }
    size_t width = panels * DENSE_PANEL, count = layer->outputs - output;
#pragma GCC unroll 6
    for (size_t r = 0; r < rows; r++) {
        float *y = ret_y + r * layer->outputs + output;
        if (count >= width)
            store(y, panels * VECTORS, sum[r], layer->slope);
        else
            store_part(y, count, panels * VECTORS, sum[r], layer->slope);
    }
}

#define TILE(rows, panels)                                                                         \
    TILE_TARGET static void tile_##rows##_##panels(const struct dense_stream *layer,               \
                                                   size_t output, const float *x, float *ret_y)    \
    {                                                                                              \
        sum_tile(rows, panels, layer, output, x, ret_y);                                           \
    }
TILE(1, 1)
TILE(1, 2)
TILE(1, 3)
TILE(1, 4)
TILE(2, 1)
TILE(2, 2)
TILE(2, 3)
TILE(3, 1)
TILE(3, 2)
TILE(4, 1)
TILE(5, 1)
TILE(6, 1)

static const struct {
    size_t panels; /* at most */
    void (*tile[PANELS_MAX])(const struct dense_stream *layer, size_t output, const float *x,
                             float *ret_y);
} tiles[ROWS_MAX] = {
    {4, {tile_1_1, tile_1_2, tile_1_3, tile_1_4}},
    {3, {tile_2_1, tile_2_2, tile_2_3}},
    {2, {tile_3_1, tile_3_2}},
    {1, {tile_4_1}},
    {1, {tile_5_1}},
    {1, {tile_6_1}},
};

bool dense_stream_suits(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* One tile of windows: the weights are read once, by as many panels at a time as there is room for
 * in registers. */
static void forward_few(const struct dense_stream *layer, size_t rows, size_t panels,
                        const float *x, float *ret_y)
{
    for (size_t p = 0; p < panels;) {
        size_t most = tiles[rows - 1].panels;
        size_t taken = panels - p < most ? panels - p : most;
        tiles[rows - 1].tile[taken - 1](layer, p * DENSE_PANEL, x, ret_y);
        p += taken;
    }
}

void dense_stream_forward(const struct dense_stream *layer, size_t count, const float *x,
                          float *ret_y)
{
    size_t panels = (layer->outputs + DENSE_PANEL - 1) / DENSE_PANEL;
    if (count <= ROWS_MAX) {
        forward_few(layer, count, panels, x, ret_y);
        return;
    }
    /* A panel stays in the first cache while the windows pass by, in tiles that are nearly of one
     * size: a small one would wait for each of its sums. */
    for (size_t p = 0; p < panels; p++) {
        size_t left = (count + ROWS_MAX - 1) / ROWS_MAX, rows;
        for (size_t r = 0; r < count; r += rows, left--) {
            rows = (count - r + left - 1) / left;
            tiles[rows - 1].tile[0](layer, p * DENSE_PANEL, x + r * layer->inputs,
                                    ret_y + r * layer->outputs);
        }
    }
}
#else
bool dense_stream_suits(void)
{
    return false;
}

void dense_stream_forward(const struct dense_stream *layer, size_t count, const float *x,
                          float *ret_y)
{
}
#endif

size_t dense_stream_biases(size_t outputs)
{
    return (outputs + DENSE_PANEL - 1) / DENSE_PANEL * DENSE_PANEL;
}

size_t dense_stream_weights(size_t inputs, size_t outputs)
{
    return dense_stream_biases(outputs) * inputs;
}

void dense_stream_pack(size_t inputs, size_t outputs, const float *weight, const float *bias,
                       float *ret_weight, float *ret_bias)
{
    memset(ret_weight, 0, dense_stream_weights(inputs, outputs) * sizeof *ret_weight);
    memset(ret_bias, 0, dense_stream_biases(outputs) * sizeof *ret_bias);
    memcpy(ret_bias, bias, outputs * sizeof *bias);
    for (size_t o = 0; o < outputs; o++) {
        float *panel = ret_weight + o / DENSE_PANEL * inputs * DENSE_PANEL;
        for (size_t i = 0; i < inputs; i++)
            panel[i * DENSE_PANEL + o % DENSE_PANEL] = weight[o * inputs + i];
    }
}

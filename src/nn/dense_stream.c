/*
 * A window's 59,136 weights do not fit into the first cache, so each is read from the second one,
 * once: the sums of 64 outputs are kept in registers while their rows stream by. OpenBLAS'
 * matrix-vector product loads and stores its sums at every row, or every few.
 */
#include "nn/dense_stream.h"

#include "nn/vector.h"

#include <string.h>

#define LANES 8
#define VECTORS (DENSE_BLOCK / LANES)

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

/* Eight sums of eight lanes: as many as there are registers for, with room for one value. */
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void
sum_block(size_t inputs, const lanes *weight, const lanes *bias, const float *x, lanes *ret_sums)
{
    lanes a = bias[0], b = bias[1], c = bias[2], d = bias[3];
    lanes e = bias[4], f = bias[5], g = bias[6], h = bias[7];
    for (size_t i = 0; i < inputs; i++, weight += VECTORS) {
        lanes value = {x[i], x[i], x[i], x[i], x[i], x[i], x[i], x[i]};
        a += value * weight[0];
        b += value * weight[1];
        c += value * weight[2];
        d += value * weight[3];
        e += value * weight[4];
        f += value * weight[5];
        g += value * weight[6];
        h += value * weight[7];
    }
    const lanes sums[VECTORS] = {a, b, c, d, e, f, g, h};
    memcpy(ret_sums, sums, sizeof sums);
}

bool dense_stream_suits(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
static void sum_block(size_t inputs, const lanes *weight, const lanes *bias, const float *x,
                      lanes *ret_sums)
{
}

bool dense_stream_suits(void)
{
    return false;
}
#endif

static size_t blocks_of(size_t outputs)
{
    return (outputs + DENSE_BLOCK - 1) / DENSE_BLOCK;
}

size_t dense_stream_weights(size_t inputs, size_t outputs)
{
    return blocks_of(outputs) * inputs * DENSE_BLOCK;
}

size_t dense_stream_biases(size_t outputs)
{
    return blocks_of(outputs) * DENSE_BLOCK;
}

void dense_stream_pack(size_t inputs, size_t outputs, const float *weight, const float *bias,
                       float *ret_weight, float *ret_bias)
{
    memset(ret_weight, 0, dense_stream_weights(inputs, outputs) * sizeof *ret_weight);
    memset(ret_bias, 0, dense_stream_biases(outputs) * sizeof *ret_bias);
    memcpy(ret_bias, bias, outputs * sizeof *bias);
    for (size_t o = 0; o < outputs; o++) {
        float *block = ret_weight + o / DENSE_BLOCK * inputs * DENSE_BLOCK;
        for (size_t i = 0; i < inputs; i++)
            block[i * DENSE_BLOCK + o % DENSE_BLOCK] = weight[o * inputs + i];
    }
}

void dense_stream_forward(const struct dense_stream *layer, const float *x, float *ret_y)
{
    for (size_t o = 0; o < layer->outputs; o += DENSE_BLOCK) {
        lanes sums[VECTORS];
        size_t count = layer->outputs - o < DENSE_BLOCK ? layer->outputs - o : DENSE_BLOCK;
        sum_block(layer->inputs, (const lanes *)(layer->weight + o * layer->inputs),
                  (const lanes *)(layer->bias + o), x, sums);
        memcpy(ret_y + o, sums, count * sizeof *ret_y);
    }
}

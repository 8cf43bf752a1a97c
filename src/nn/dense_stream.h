/*
 * dense_stream: one dense layer for one window or several, at the rate at which weights come from
 * the cache.
 *
 * Weights are packed in panels of DENSE_PANEL outputs, so that each is one stream, and its sums
 * stay in registers. A window's sums are added in one order, whatever it is computed with. Shape:
 * see mlp.h. Thread: any. Memory: packing is the caller's.
 */
#ifndef ARMWATCH_NN_DENSE_STREAM_H
#define ARMWATCH_NN_DENSE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#define DENSE_PANEL 16

/* Whether it was compiled for this processor's vectors; else BLAS is faster. */
bool dense_stream_suits(void);

/* Floats of the packed weights, and of the packed bias. */
size_t dense_stream_weights(size_t inputs, size_t outputs);
size_t dense_stream_biases(size_t outputs);
/* weight: [outputs][inputs]. ret_weight and ret_bias are 64-byte aligned, as vector_new gives them.
 */
void dense_stream_pack(size_t inputs, size_t outputs, const float *weight, const float *bias,
                       float *ret_weight, float *ret_bias);

struct dense_stream {
    size_t inputs, outputs;
    const float *weight, *bias; /* packed */
    float slope;                /* of sums under 0: 1 linear, 0 rectified. NaN stays NaN */
};

/* ret_y[count][outputs] = weight x[count][inputs] + bias, times slope where that is under 0. Only
 * where it suits. */
void dense_stream_forward(const struct dense_stream *layer, size_t count, const float *x,
                          float *ret_y);

#endif

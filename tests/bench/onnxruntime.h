/*
 * onnxruntime: ONNX Runtime's library, found at run time, as a peer of the forward pass.
 *
 * npm's onnxruntime-node ships the library without a header, so the few entries of its table of
 * functions that are needed are declared by their place in it; the table only ever grows at its
 * end. One thread, sequential, all optimisations of the graph.
 */
#ifndef ARMWATCH_BENCH_ONNXRUNTIME_H
#define ARMWATCH_BENCH_ONNXRUNTIME_H

#include <stdbool.h>
#include <stddef.h>

struct onnxruntime;

/* NULL if there is no such library; exits, with its words, if the library refuses something. What
 * is made lasts until the program ends. */
struct onnxruntime *onnxruntime_open(const char *library, const void *model, size_t size);
const char *onnxruntime_version(const struct onnxruntime *runtime);

/* The arrays are bound once, so that a run makes nothing anew. */
struct onnxruntime_binding;
struct onnxruntime_shape {
    size_t batch, inputs, outputs;
};
struct onnxruntime_binding *onnxruntime_bind(struct onnxruntime *runtime,
                                             struct onnxruntime_shape shape, float *input,
                                             float *output);
void onnxruntime_run(struct onnxruntime_binding *binding);

#endif

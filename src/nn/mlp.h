/*
 * mlp: inference through a stack of dense layers with everything else folded away.
 *
 * Shape: matrices are row-major. A batch is [batch][inputs] in, [batch][outputs] out.
 * Thread: whoever calls BLAS: the scorer thread in the daemon, the only thread in the command.
 * Memory: mlp_new copies and packs the weights; mlp_forward allocates nothing.
 */
#ifndef ARMWATCH_NN_MLP_H
#define ARMWATCH_NN_MLP_H

#include <stddef.h>

enum nn_activation { NN_LINEAR, NN_RELU, NN_LEAKY_RELU, NN_SIGMOID };

struct mlp_layer {
    size_t inputs;
    size_t outputs;
    const float *weight; /* [outputs][inputs], as PyTorch keeps it */
    const float *bias;   /* [outputs] */
    enum nn_activation activation;
    float slope; /* of NN_LEAKY_RELU below 0 */
};

struct mlp;

/* The stream keeps sums in registers, and a window's result does not depend on its batch; it needs
 * a processor that dense_stream_suits. With BLAS one window takes the matrix-vector product,
 * several the matrix-matrix product, which differ in the last digits, as the two kernels do. */
enum mlp_kernel { MLP_BLAS, MLP_STREAM };
enum mlp_kernel mlp_best_kernel(void);

/* Borrowed layers, each with the inputs of the layer before as outputs. Returns NULL when memory is
 * out. Without a kernel named: the best one for this processor. */
struct mlp *mlp_new(const struct mlp_layer *layers, size_t count, size_t max_batch);
struct mlp *mlp_new_with(enum mlp_kernel kernel, const struct mlp_layer *layers, size_t count,
                         size_t max_batch);
void mlp_free(struct mlp *mlp);
size_t mlp_inputs(const struct mlp *mlp);
size_t mlp_outputs(const struct mlp *mlp);

/* 1 <= batch <= max_batch. */
void mlp_forward(struct mlp *mlp, size_t batch, const float *input, float *ret_output);

/* Folds a BatchNorm that follows a dense layer into that layer, in place (evaluation mode: running
 * statistics). weight [outputs][inputs], all others [outputs]; computed in double. */
struct batchnorm_parameters {
    const float *weight, *bias, *running_mean, *running_var;
    double epsilon;
};
void mlp_fold_batchnorm(size_t outputs, size_t inputs, float *weight, float *bias,
                        const struct batchnorm_parameters *norm);

#endif

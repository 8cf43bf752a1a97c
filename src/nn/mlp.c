/*
 * Weights are kept [inputs][outputs]: the matrix-vector product then walks whole rows and adds
 * them, which streams from the cache at its full rate, and is four times faster than OpenBLAS' gemm
 * at a batch of one. Two scratch matrices take turns; the last layer writes to the caller's.
 */
#include "nn/mlp.h"

#include "nn/blas.h"
#include "nn/vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct packed_layer {
    size_t inputs, outputs;
    float *weight; /* [inputs][outputs] */
    float *bias;
    enum nn_activation activation;
    float slope;
};

struct mlp {
    size_t count;
    size_t max_batch;
    float *scratch[2]; /* [max_batch][widest hidden layer] */
    struct packed_layer layers[];
};

static bool pack(struct packed_layer *packed, const struct mlp_layer *layer)
{
    *packed = (struct packed_layer){
        .inputs = layer->inputs,
        .outputs = layer->outputs,
        .weight = vector_new(layer->inputs * layer->outputs),
        .bias = vector_new(layer->outputs),
        .activation = layer->activation,
        .slope = layer->slope,
    };
    if (!packed->weight || !packed->bias)
        return false;
    for (size_t o = 0; o < layer->outputs; o++)
        for (size_t i = 0; i < layer->inputs; i++)
            packed->weight[i * layer->outputs + o] = layer->weight[o * layer->inputs + i];
    vector_copy(layer->outputs, layer->bias, packed->bias);
    return true;
}

struct mlp *mlp_new(const struct mlp_layer *layers, size_t count, size_t max_batch)
{
    assert(count > 0 && max_batch > 0);
    struct mlp *mlp = calloc(1, sizeof *mlp + count * sizeof mlp->layers[0]);
    if (!mlp)
        return NULL;
    mlp->count = count;
    mlp->max_batch = max_batch;
    size_t widest = 0;
    for (size_t i = 0; i < count; i++) {
        assert(i == 0 || layers[i].inputs == layers[i - 1].outputs);
        if (!pack(&mlp->layers[i], &layers[i]))
            goto fail;
        if (i + 1 < count && layers[i].outputs > widest)
            widest = layers[i].outputs;
    }
    for (size_t i = 0; i < 2; i++) {
        mlp->scratch[i] = vector_new(max_batch * widest);
        if (!mlp->scratch[i])
            goto fail;
    }
    return mlp;
fail:
    mlp_free(mlp);
    return NULL;
}

void mlp_free(struct mlp *mlp)
{
    if (!mlp)
        return;
    for (size_t i = 0; i < mlp->count; i++) {
        free(mlp->layers[i].weight);
        free(mlp->layers[i].bias);
    }
    free(mlp->scratch[0]);
    free(mlp->scratch[1]);
    free(mlp);
}

size_t mlp_inputs(const struct mlp *mlp)
{
    return mlp->layers[0].inputs;
}

size_t mlp_outputs(const struct mlp *mlp)
{
    return mlp->layers[mlp->count - 1].outputs;
}

/* One pass over the product while it is still in the cache. Relu keeps NaN. */
NN_VECTORISED static void add_bias_rectified(size_t rows, size_t columns, const float *restrict row,
                                             float slope, float *restrict y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            float sum = y[r * columns + c] + row[c];
            y[r * columns + c] = sum < 0 ? slope * sum : sum;
        }
}

static void finish(const struct packed_layer *layer, size_t batch, float *y)
{
    switch (layer->activation) {
    case NN_RELU:
        add_bias_rectified(batch, layer->outputs, layer->bias, 0, y);
        break;
    case NN_LEAKY_RELU:
        add_bias_rectified(batch, layer->outputs, layer->bias, layer->slope, y);
        break;
    case NN_LINEAR:
        vector_add_row(batch, layer->outputs, layer->bias, y);
        break;
    case NN_SIGMOID:
        vector_add_row(batch, layer->outputs, layer->bias, y);
        vector_sigmoid(batch * layer->outputs, y, y);
        break;
    }
}

void mlp_forward(struct mlp *mlp, size_t batch, const float *input, float *ret_output)
{
    assert(batch > 0 && batch <= mlp->max_batch);
    for (size_t i = 0; i < mlp->count; i++) {
        const struct packed_layer *layer = &mlp->layers[i];
        float *output = i + 1 == mlp->count ? ret_output : mlp->scratch[i & 1];
        if (batch == 1)
            blas_vector_matrix(layer->inputs, layer->outputs, input, layer->weight, output);
        else
            blas_multiply((struct blas_size){batch, layer->outputs, layer->inputs}, input,
                          layer->weight, false, output);
        finish(layer, batch, output);
        input = output;
    }
}

void mlp_fold_batchnorm(size_t outputs, size_t inputs, float *weight, float *bias,
                        const struct batchnorm_parameters *norm)
{
    for (size_t o = 0; o < outputs; o++) {
        double scale = (double)norm->weight[o] / sqrt((double)norm->running_var[o] + norm->epsilon);
        for (size_t i = 0; i < inputs; i++)
            weight[o * inputs + i] = (float)(scale * (double)weight[o * inputs + i]);
        bias[o] = (float)(scale * ((double)bias[o] - (double)norm->running_mean[o]) +
                          (double)norm->bias[o]);
    }
}

/*
 * Two kernels. The stream of dense_stream.h, where the processor suits it, wants its weights in
 * panels. Else BLAS, which wants them [inputs][outputs]: for several windows its matrix-matrix
 * product, for one its matrix-vector product, which then adds whole rows and is four times faster
 * than the former. Two scratch matrices take turns; the last layer writes to the caller's.
 */
#include "nn/mlp.h"

#include "nn/blas.h"
#include "nn/dense_stream.h"
#include "nn/vector.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct packed_layer {
    size_t inputs, outputs;
    float *weight; /* for the stream packed, for BLAS [inputs][outputs] */
    float *bias;
    enum nn_activation activation;
    float slope;
};

struct mlp {
    enum mlp_kernel kernel;
    size_t count;
    size_t max_batch;
    float *scratch[2]; /* [max_batch][widest hidden layer] */
    struct packed_layer layers[];
};

static bool pack_stream(struct packed_layer *packed, const struct mlp_layer *layer)
{
    packed->weight = vector_new(dense_stream_weights(layer->inputs, layer->outputs));
    packed->bias = vector_new(dense_stream_biases(layer->outputs));
    if (!packed->weight || !packed->bias)
        return false;
    dense_stream_pack(layer->inputs, layer->outputs, layer->weight, layer->bias, packed->weight,
                      packed->bias);
    return true;
}

static bool pack_blas(struct packed_layer *packed, const struct mlp_layer *layer)
{
    packed->weight = vector_new(layer->inputs * layer->outputs);
    packed->bias = vector_new(layer->outputs);
    if (!packed->weight || !packed->bias)
        return false;
    for (size_t o = 0; o < layer->outputs; o++)
        for (size_t i = 0; i < layer->inputs; i++)
            packed->weight[i * layer->outputs + o] = layer->weight[o * layer->inputs + i];
    vector_copy(layer->outputs, layer->bias, packed->bias);
    return true;
}

static bool pack(enum mlp_kernel kernel, struct packed_layer *packed, const struct mlp_layer *layer)
{
    *packed = (struct packed_layer){.inputs = layer->inputs,
                                    .outputs = layer->outputs,
                                    .activation = layer->activation,
                                    .slope = layer->slope};
    return kernel == MLP_STREAM ? pack_stream(packed, layer) : pack_blas(packed, layer);
}

enum mlp_kernel mlp_best_kernel(void)
{
    return dense_stream_suits() ? MLP_STREAM : MLP_BLAS;
}

struct mlp *mlp_new(const struct mlp_layer *layers, size_t count, size_t max_batch)
{
    return mlp_new_with(mlp_best_kernel(), layers, count, max_batch);
}

struct mlp *mlp_new_with(enum mlp_kernel kernel, const struct mlp_layer *layers, size_t count,
                         size_t max_batch)
{
    assert(count > 0 && max_batch > 0);
    assert(kernel == MLP_BLAS || dense_stream_suits());
    struct mlp *mlp = calloc(1, sizeof *mlp + count * sizeof mlp->layers[0]);
    if (!mlp)
        return NULL;
    mlp->kernel = kernel;
    mlp->count = count;
    mlp->max_batch = max_batch;
    size_t widest = 0;
    for (size_t i = 0; i < count; i++) {
        assert(i == 0 || layers[i].inputs == layers[i - 1].outputs);
        if (!pack(kernel, &mlp->layers[i], &layers[i]))
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

static float slope_of(const struct packed_layer *layer)
{
    switch (layer->activation) {
    case NN_RELU:
        return 0;
    case NN_LEAKY_RELU:
        return layer->slope;
    case NN_LINEAR:
    case NN_SIGMOID:
        break;
    }
    return 1;
}

static void forward_stream(const struct packed_layer *layer, size_t batch, const float *x,
                           float *ret_y)
{
    const struct dense_stream dense = {.inputs = layer->inputs,
                                       .outputs = layer->outputs,
                                       .weight = layer->weight,
                                       .bias = layer->bias,
                                       .slope = slope_of(layer)};
    dense_stream_forward(&dense, batch, x, ret_y);
    if (layer->activation == NN_SIGMOID)
        vector_sigmoid(batch * layer->outputs, ret_y, ret_y);
}

static void forward_blas(const struct packed_layer *layer, size_t batch, const float *x,
                         float *ret_y)
{
    if (batch == 1)
        blas_vector_matrix(layer->inputs, layer->outputs, x, layer->weight, ret_y);
    else
        blas_multiply((struct blas_size){batch, layer->outputs, layer->inputs}, x, layer->weight,
                      false, ret_y);
    finish(layer, batch, ret_y);
}

void mlp_forward(struct mlp *mlp, size_t batch, const float *input, float *ret_output)
{
    assert(batch > 0 && batch <= mlp->max_batch);
    for (size_t i = 0; i < mlp->count; i++) {
        float *output = i + 1 == mlp->count ? ret_output : mlp->scratch[i & 1];
        if (mlp->kernel == MLP_STREAM)
            forward_stream(&mlp->layers[i], batch, input, output);
        else
            forward_blas(&mlp->layers[i], batch, input, output);
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

/*
 * Weights are kept twice. A batch takes BLAS, which wants them [inputs][outputs]: for several
 * windows its matrix-matrix product, for one its matrix-vector product, which then adds whole rows
 * and is four times faster than the former. One window takes the stream of dense_stream.h where the
 * processor suits that. Two scratch matrices take turns; the last layer writes to the caller's.
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
    float *weight; /* [inputs][outputs] */
    float *bias;
    float *stream_weight, *stream_bias; /* packed; NULL: BLAS is taken */
    enum nn_activation activation;
    float slope;
};

struct mlp {
    size_t count;
    size_t max_batch;
    float *scratch[2]; /* [max_batch][widest hidden layer] */
    struct packed_layer layers[];
};

static bool pack_stream(struct packed_layer *packed, const struct mlp_layer *layer)
{
    packed->stream_weight = vector_new(dense_stream_weights(layer->inputs, layer->outputs));
    packed->stream_bias = vector_new(dense_stream_biases(layer->outputs));
    if (!packed->stream_weight || !packed->stream_bias)
        return false;
    dense_stream_pack(layer->inputs, layer->outputs, layer->weight, layer->bias,
                      packed->stream_weight, packed->stream_bias);
    return true;
}

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
    return !dense_stream_suits() || pack_stream(packed, layer);
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
        free(mlp->layers[i].stream_weight);
        free(mlp->layers[i].stream_bias);
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

NN_VECTORISED static void rectify(size_t count, float slope, float *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = y[i] < 0 ? slope * y[i] : y[i];
}

/* One window. */
static void stream(const struct packed_layer *layer, const float *x, float *ret_y)
{
    const struct dense_stream dense = {layer->inputs, layer->outputs, layer->stream_weight,
                                       layer->stream_bias};
    dense_stream_forward(&dense, x, ret_y);
    if (layer->activation == NN_SIGMOID)
        vector_sigmoid(layer->outputs, ret_y, ret_y);
    else if (layer->activation != NN_LINEAR)
        rectify(layer->outputs, layer->activation == NN_RELU ? 0 : layer->slope, ret_y);
}

void mlp_forward(struct mlp *mlp, size_t batch, const float *input, float *ret_output)
{
    assert(batch > 0 && batch <= mlp->max_batch);
    for (size_t i = 0; i < mlp->count; i++) {
        const struct packed_layer *layer = &mlp->layers[i];
        float *output = i + 1 == mlp->count ? ret_output : mlp->scratch[i & 1];
        if (batch == 1 && layer->stream_weight) {
            stream(layer, input, output);
            input = output;
            continue;
        }
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

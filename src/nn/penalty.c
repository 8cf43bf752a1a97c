/*
 * With g = dD/dx, delta_k = dD/d(pre-activation k), a_k the input of dense layer k and m_k the
 * slopes of the rectifier behind it, times the mask of the dropout behind that:
 *     u_0 = g;  dW_k += weight delta_k^T u_k;  u_(k+1) = m_k (u_k W_k^T).
 * The loss itself has dW_k += (c delta_k)^T a_k with c the row's logit gradient, because there is
 * one output. Both share delta_k, so one product with (c a_k + weight u_k) gives their sum: the
 * penalty costs no second weight gradient.
 */
#include "nn/penalty.h"

#include "nn/blas.h"
#include "nn/network_internal.h"
#include "nn/vector.h"

#include <assert.h>
#include <stdlib.h>

struct penalty {
    struct network *network;
    real *ones;       /* [max_rows] */
    real *mixture;    /* [max_rows][widest input] */
    real *tangent[2]; /* [max_rows][widest hidden layer] */
};

bool penalty_applies(const struct network *network)
{
    for (size_t i = 0; i < network->count; i++) {
        enum nn_layer_kind kind = network->layers[i].spec.kind;
        bool masks =
            kind == NN_LAYER_RELU || kind == NN_LAYER_LEAKY_RELU || kind == NN_LAYER_DROPOUT;
        if (kind != NN_LAYER_DENSE && !(masks && i > 0))
            return false;
    }
    return network->outputs == 1 && network->layers[network->count - 1].spec.kind == NN_LAYER_DENSE;
}

struct penalty *penalty_new(struct network *network)
{
    assert(penalty_applies(network));
    struct penalty *penalty = calloc(1, sizeof *penalty);
    if (!penalty)
        return NULL;
    size_t widest = network->inputs, widest_output = 0;
    for (size_t i = 0; i < network->count; i++) {
        const struct layer *layer = &network->layers[i];
        widest = layer->inputs > widest ? layer->inputs : widest;
        widest_output = layer->outputs > widest_output ? layer->outputs : widest_output;
    }
    penalty->network = network;
    penalty->ones = vector_new(network->max_rows);
    penalty->mixture = vector_new(network->max_rows * widest);
    penalty->tangent[0] = vector_new(network->max_rows * widest_output);
    penalty->tangent[1] = vector_new(network->max_rows * widest_output);
    if (!penalty->ones || !penalty->mixture || !penalty->tangent[0] || !penalty->tangent[1]) {
        penalty_free(penalty);
        return NULL;
    }
    vector_fill(network->max_rows, 1, penalty->ones);
    return penalty;
}

void penalty_free(struct penalty *penalty)
{
    if (!penalty)
        return;
    free(penalty->ones);
    free(penalty->mixture);
    free(penalty->tangent[0]);
    free(penalty->tangent[1]);
    free(penalty);
}

struct rows_shape {
    size_t rows, columns;
};

/* mixture = c a + weight u, row by row */
NN_VECTORISED static void mix(struct rows_shape shape, const real *c, const real *restrict a,
                              real weight, const real *restrict u, real *restrict ret_mixture)
{
    for (size_t r = 0; r < shape.rows; r++)
        for (size_t i = r * shape.columns; i < (r + 1) * shape.columns; i++)
            ret_mixture[i] = c[r] * a[i] + weight * u[i];
}

NN_VECTORISED static void add_scaled_rows(struct rows_shape shape, const real *c,
                                          const real *restrict delta, real *restrict ret_sum)
{
    for (size_t r = 0; r < shape.rows; r++)
        for (size_t i = 0; i < shape.columns; i++)
            ret_sum[i] += c[r] * delta[r * shape.columns + i];
}

const real *penalty_backward(struct penalty *penalty, const real *logit_gradient, double weight)
{
    struct network *network = penalty->network;
    size_t rows = network->rows;
    const real *gradient = network_backward(network, penalty->ones, NETWORK_INPUT_GRADIENT);
    const real *u = gradient;
    for (size_t i = 0, turn = 0; i < network->count; i++) {
        struct layer *layer = &network->layers[i];
        real *next = penalty->tangent[turn & 1];
        if (layer->spec.kind != NN_LAYER_DENSE) {
            real *masked = penalty->tangent[(turn - 1) & 1]; /* u itself */
            layer_passes[layer->spec.kind].backward(layer, rows, u, false, masked);
            continue;
        }
        const struct dense *dense = &layer->part.dense;
        bool last = i + 1 == network->count;
        const real *delta = last ? penalty->ones : network->layers[i + 1].gradient;
        mix((struct rows_shape){rows, dense->inputs}, logit_gradient, layer->input, (real)weight, u,
            penalty->mixture);
        blas_multiply_transposed_a((struct blas_size){dense->outputs, dense->inputs, rows}, delta,
                                   penalty->mixture, true, dense->weight_gradient);
        add_scaled_rows((struct rows_shape){rows, dense->outputs}, logit_gradient, delta,
                        dense->bias_gradient);
        if (!last) {
            blas_multiply_transposed_b((struct blas_size){rows, dense->outputs, dense->inputs}, u,
                                       dense->weight, false, next);
            u = next;
            turn++;
        }
    }
    return gradient;
}

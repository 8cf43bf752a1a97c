/* Every backward pass against signed central differences, in double: inputs and parameters. */
#include "base/rng.h"
#include "nn/blas.h"
#include "nn/loss.h"
#include "nn/network.h"
#include "nn/network_internal.h"
#include "nn/penalty.h"
#include "nn/vector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define STEP 1e-5
#define BOUND 1e-6 /* of the largest gradient of the block */

typedef double (*objective)(void *subject);

/* The largest |numeric - analytic| of the block, relative to its largest |analytic|; a bias before
 * a batchnorm has exactly none, hence the floor. */
static double worst_error(objective f, void *subject, size_t count, real *variables,
                          const real *analytic)
{
    double worst = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        double kept = variables[i];
        variables[i] = kept + STEP;
        double above = f(subject);
        variables[i] = kept - STEP;
        double below = f(subject);
        variables[i] = kept;
        worst = fmax(worst, fabs((above - below) / (2 * STEP) - analytic[i]));
        largest = fmax(largest, fabs(analytic[i]));
    }
    return worst / fmax(largest, 0.01);
}

static real *random_vector(struct rng *rng, size_t count)
{
    real *vector = vector_new(count);
    assert_non_null(vector);
    for (size_t i = 0; i < count; i++)
        vector[i] = rng_normal(rng);
    return vector;
}

/* sum of seeds * outputs, so that the output gradient is the seeds */
struct subject {
    struct network *network;
    size_t rows;
    bool training;
    real *input;
    real *seeds;
    struct penalty *penalty;
    double penalty_weight;
};

static void reseed_dropouts(struct network *network)
{
    for (size_t i = 0; i < network->count; i++)
        if (network->layers[i].spec.kind == NN_LAYER_DROPOUT)
            dropout_seed(&network->layers[i].part.dropout, 5);
}

static double weighted_outputs(void *context)
{
    struct subject *s = context;
    reseed_dropouts(s->network);
    const real *y = network_forward(s->network, s->rows, s->input, s->training);
    return vector_dot(s->rows * network_outputs(s->network), y, s->seeds);
}

static struct subject make(const struct nn_layer_spec *layers, size_t count, size_t inputs,
                           bool training)
{
    struct subject s = {.rows = 6, .training = training};
    struct diag diag = DIAG_INIT;
    if (network_new(inputs, layers, count, s.rows + 1, &s.network, &diag))
        fail_msg("%s", diag.text);
    network_initialise(s.network, 3);
    struct rng rng;
    rng_init(&rng, 4);
    /* Norms start as the identity, which would hide a wrong gradient of theirs. */
    for (size_t i = 0; i < network_tensors(s.network); i++) {
        const struct network_tensor *tensor = network_tensor(s.network, i);
        for (size_t j = 0; j < tensor->size; j++)
            tensor->data[j] += 0.3 * rng_uniform(&rng);
    }
    s.input = random_vector(&rng, s.rows * inputs);
    s.seeds = random_vector(&rng, s.rows * network_outputs(s.network));
    return s;
}

static void drop(struct subject *s)
{
    penalty_free(s->penalty);
    network_free(s->network);
    free(s->input);
    free(s->seeds);
}

static real *copy_of(size_t count, const real *x)
{
    real *copy = vector_new(count);
    assert_non_null(copy);
    vector_copy(count, x, copy);
    return copy;
}

static void assert_error_below(double error, double bound, const char *what)
{
    if (!(error < bound))
        fail_msg("%s: relative error %.3g, allowed %.3g", what, error, bound);
}

static void check_parameters(struct subject *s, objective f, const real *analytic)
{
    for (size_t i = 0; i < network_tensors(s->network); i++) {
        const struct network_tensor *tensor = network_tensor(s->network, i);
        if (tensor->name[0] == 'r')
            continue;
        size_t at = (size_t)(tensor->data - network_parameters(s->network));
        assert_error_below(worst_error(f, s, tensor->size, tensor->data, analytic + at), BOUND,
                           tensor->name);
    }
}

static void check_network(const struct nn_layer_spec *layers, size_t count, size_t inputs,
                          bool training)
{
    struct subject s = make(layers, count, inputs, training);
    weighted_outputs(&s);
    network_zero_gradients(s.network);
    const real *dx =
        network_backward(s.network, s.seeds, NETWORK_PARAMETER_GRADIENTS | NETWORK_INPUT_GRADIENT);
    real *input_gradient = copy_of(s.rows * inputs, dx);
    real *gradients = copy_of(network_parameter_count(s.network), network_gradients(s.network));
    assert_error_below(worst_error(weighted_outputs, &s, s.rows * inputs, s.input, input_gradient),
                       BOUND, nn_layer_kind_name(layers[0].kind));
    check_parameters(&s, weighted_outputs, gradients);

    /* Without parameter gradients the input gradient is the same, and the block stays as it was. */
    weighted_outputs(&s);
    network_zero_gradients(s.network);
    dx = network_backward(s.network, s.seeds, NETWORK_INPUT_GRADIENT);
    assert_memory_equal(dx, input_gradient, s.rows * inputs * sizeof *dx);
    assert_true(
        vector_sum_squares(network_parameter_count(s.network), network_gradients(s.network)) == 0);
    free(input_gradient);
    free(gradients);
    drop(&s);
}

static void each_layer(void **state)
{
    static const struct nn_layer_spec layers[] = {
        {NN_LAYER_DENSE, 5, 0},     {NN_LAYER_BATCHNORM, 0, 0}, {NN_LAYER_LAYERNORM, 0, 0.01},
        {NN_LAYER_RELU, 0, 0},      {NN_LAYER_SIGMOID, 0, 0},   {NN_LAYER_LEAKY_RELU, 0, 0.2},
        {NN_LAYER_DROPOUT, 0, 0.4},
    };
    for (size_t i = 0; i < COUNT(layers); i++) {
        check_network(&layers[i], 1, 7, true);
        check_network(&layers[i], 1, 7, false);
    }
}

static void layers_after_layers(void **state)
{
    /* Every pair that could work in place wrongly. */
    static const enum nn_layer_kind kinds[] = {
        NN_LAYER_RELU,    NN_LAYER_LEAKY_RELU, NN_LAYER_SIGMOID,
        NN_LAYER_DROPOUT, NN_LAYER_BATCHNORM,  NN_LAYER_LAYERNORM,
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (size_t j = 0; j < COUNT(kinds); j++) {
            struct nn_layer_spec layers[] = {
                {NN_LAYER_DENSE, 6, 0}, {kinds[i], 0, 0}, {kinds[j], 0, 0}, {NN_LAYER_DENSE, 3, 0}};
            for (size_t k = 1; k <= 2; k++)
                if (layers[k].kind == NN_LAYER_LEAKY_RELU || layers[k].kind == NN_LAYER_DROPOUT)
                    layers[k].parameter = 0.3;
            check_network(layers, COUNT(layers), 5, true);
        }
}

static void whole_networks(void **state)
{
    static const struct nn_layer_spec autoencoder[] = {
        {NN_LAYER_DENSE, 8, 0}, {NN_LAYER_BATCHNORM, 0, 0}, {NN_LAYER_RELU, 0, 0},
        {NN_LAYER_DENSE, 4, 0}, {NN_LAYER_BATCHNORM, 0, 0}, {NN_LAYER_RELU, 0, 0},
        {NN_LAYER_DENSE, 8, 0}, {NN_LAYER_BATCHNORM, 0, 0}, {NN_LAYER_RELU, 0, 0},
        {NN_LAYER_DENSE, 9, 0}, {NN_LAYER_SIGMOID, 0, 0},
    };
    static const struct nn_layer_spec discriminator[] = {
        {NN_LAYER_DENSE, 8, 0},     {NN_LAYER_LEAKY_RELU, 0, 0.2}, {NN_LAYER_LAYERNORM, 0, 0},
        {NN_LAYER_DENSE, 6, 0},     {NN_LAYER_LEAKY_RELU, 0, 0.2}, {NN_LAYER_LAYERNORM, 0, 0},
        {NN_LAYER_DROPOUT, 0, 0.4}, {NN_LAYER_DENSE, 1, 0},
    };
    check_network(autoencoder, COUNT(autoencoder), 9, true);
    check_network(autoencoder, COUNT(autoencoder), 9, false);
    check_network(discriminator, COUNT(discriminator), 9, true);
    struct nn_layer_spec batch_normed[COUNT(discriminator)];
    for (size_t i = 0; i < COUNT(discriminator); i++) {
        batch_normed[i] = discriminator[i];
        if (batch_normed[i].kind == NN_LAYER_LAYERNORM)
            batch_normed[i].kind = NN_LAYER_BATCHNORM;
    }
    check_network(batch_normed, COUNT(batch_normed), 9, true);
    check_network(batch_normed, COUNT(batch_normed), 9, false);
}

struct losses {
    double (*value)(const struct losses *losses, real *ret_gradient);
    real *y, *target;
};
enum { LOSS_VALUES = 700 }; /* more than one block of the summation */

static double mse(const struct losses *l, real *ret_gradient)
{
    return loss_mse(LOSS_VALUES, l->y, l->target, ret_gradient);
}

static double smooth_l1(const struct losses *l, real *ret_gradient)
{
    return loss_smooth_l1(LOSS_VALUES, l->y, l->target, 0.7, ret_gradient);
}

static double bce(const struct losses *l, real *ret_gradient)
{
    return loss_bce_logits(LOSS_VALUES, l->y, loss_smoothed_label(1, 0.2), ret_gradient);
}

static double loss_value(void *context)
{
    const struct losses *losses = context;
    return losses->value(losses, NULL);
}

static void each_loss(void **state)
{
    struct rng rng;
    rng_init(&rng, 11);
    struct losses losses = {NULL, random_vector(&rng, LOSS_VALUES),
                            random_vector(&rng, LOSS_VALUES)};
    real *gradient = vector_new(LOSS_VALUES);
    assert_non_null(gradient);
    double (*const values[])(const struct losses *, real *) = {mse, smooth_l1, bce};
    for (size_t i = 0; i < COUNT(values); i++) {
        losses.value = values[i];
        values[i](&losses, gradient);
        assert_error_below(worst_error(loss_value, &losses, LOSS_VALUES, losses.y, gradient), BOUND,
                           "loss");
    }
    free(gradient);
    free(losses.y);
    free(losses.target);
}

static const struct nn_layer_spec masked_linear[] = {
    {NN_LAYER_DENSE, 9, 0}, {NN_LAYER_LEAKY_RELU, 0, 0.2}, {NN_LAYER_DENSE, 7, 0},
    {NN_LAYER_RELU, 0, 0},  {NN_LAYER_DENSE, 5, 0},        {NN_LAYER_LEAKY_RELU, 0, 0.1},
    {NN_LAYER_DENSE, 1, 0},
};

/* The penalty as defined: from input gradients, which check_network has checked. */
static double penalised_outputs(void *context)
{
    struct subject *s = context;
    real ones[16];
    double value = weighted_outputs(s);
    vector_fill(s->rows, 1, ones);
    const real *g = network_backward(s->network, ones, NETWORK_INPUT_GRADIENT);
    return value +
           s->penalty_weight / 2 * vector_sum_squares(s->rows * network_inputs(s->network), g);
}

static void check_penalty(const struct nn_layer_spec *layers, size_t count, bool training)
{
    struct subject s = make(layers, count, 6, training);
    s.penalty_weight = 1.7;
    s.penalty = penalty_new(s.network);
    assert_non_null(s.penalty);
    weighted_outputs(&s);
    network_zero_gradients(s.network);
    const real *g = penalty_backward(s.penalty, s.seeds, s.penalty_weight);
    real *input_gradient = copy_of(s.rows * 6, g);
    real *gradients = copy_of(network_parameter_count(s.network), network_gradients(s.network));
    check_parameters(&s, penalised_outputs, gradients);

    vector_fill(s.rows, 1, s.seeds);
    assert_error_below(worst_error(weighted_outputs, &s, s.rows * 6, s.input, input_gradient),
                       BOUND, "dD/dx");
    free(input_gradient);
    free(gradients);
    drop(&s);
}

/* The paper's discriminator without norm: what is dropped stays the same between two passes. */
static const struct nn_layer_spec dropping[] = {
    {NN_LAYER_DENSE, 9, 0},        {NN_LAYER_LEAKY_RELU, 0, 0.2}, {NN_LAYER_DENSE, 8, 0},
    {NN_LAYER_LEAKY_RELU, 0, 0.2}, {NN_LAYER_DROPOUT, 0, 0.4},    {NN_LAYER_DENSE, 7, 0},
    {NN_LAYER_LEAKY_RELU, 0, 0.2}, {NN_LAYER_DROPOUT, 0, 0.3},    {NN_LAYER_DENSE, 1, 0},
};

static void gradient_penalty(void **state)
{
    check_penalty(masked_linear, COUNT(masked_linear), true);
    check_penalty(dropping, COUNT(dropping), true);
    check_penalty(dropping, COUNT(dropping), false);
}

/* R1 + R2 of a discriminator's step as the paper of the penalties has it: mean logistic losses of
 * real and of reconstructed rows, each with gamma / 2 times the mean of ||dD/dx||^2 over its own
 * rows. Nothing of the implementation is used but forward passes: dD/dx by differences too. */
enum { KIND_ROWS = 3 };
static const double gamma_of_step = 20;

static double mean_square_slope(struct subject *s, size_t first)
{
    double sum = 0, step = 1e-3; /* D is linear between kinks: a long step only rounds less */
    for (size_t r = first; r < first + KIND_ROWS; r++)
        for (size_t c = 0; c < 6; c++) {
            real *x = &s->input[r * 6 + c], kept = *x;
            *x = kept + step;
            double above = network_forward(s->network, s->rows, s->input, false)[r];
            *x = kept - step;
            double below = network_forward(s->network, s->rows, s->input, false)[r];
            *x = kept;
            sum += pow((above - below) / (2 * step), 2);
        }
    return sum / KIND_ROWS;
}

static double discriminator_objective(void *context)
{
    struct subject *s = context;
    double slopes = mean_square_slope(s, 0) + mean_square_slope(s, KIND_ROWS);
    const real *logits = network_forward(s->network, s->rows, s->input, false);
    return loss_bce_logits(KIND_ROWS, logits, 1, NULL) +
           loss_bce_logits(KIND_ROWS, logits + KIND_ROWS, 0, NULL) + gamma_of_step / 2 * slopes;
}

static void both_sides_are_penalised(void **state)
{
    struct subject s = make(masked_linear, COUNT(masked_linear), 6, false);
    assert_int_equal(s.rows, 2 * KIND_ROWS);
    s.penalty = penalty_new(s.network);
    assert_non_null(s.penalty);
    const real *logits = network_forward(s.network, s.rows, s.input, false);
    loss_bce_logits(KIND_ROWS, logits, 1, s.seeds);
    loss_bce_logits(KIND_ROWS, logits + KIND_ROWS, 0, s.seeds + KIND_ROWS);
    network_zero_gradients(s.network);
    penalty_backward(s.penalty, s.seeds, gamma_of_step / KIND_ROWS);
    real *gradients = copy_of(network_parameter_count(s.network), network_gradients(s.network));
    check_parameters(&s, discriminator_objective, gradients);
    free(gradients);
    drop(&s);
}

static void penalty_knows_where_it_applies(void **state)
{
    static const struct nn_layer_spec normed[] = {
        {NN_LAYER_DENSE, 9, 0}, {NN_LAYER_LAYERNORM, 0, 0}, {NN_LAYER_DENSE, 1, 0}};
    static const struct nn_layer_spec wide[] = {{NN_LAYER_DENSE, 2, 0}};
    struct subject s = make(masked_linear, COUNT(masked_linear), 6, true);
    assert_true(penalty_applies(s.network));
    drop(&s);
    s = make(dropping, COUNT(dropping), 6, true);
    assert_true(penalty_applies(s.network));
    drop(&s);
    s = make(normed, COUNT(normed), 6, true);
    assert_false(penalty_applies(s.network));
    drop(&s);
    s = make(wide, COUNT(wide), 6, true);
    assert_false(penalty_applies(s.network));
    drop(&s);
}

/* A wrong sign, a wrong factor and a missing term must be found by the same check. */
static void the_check_can_fail(void **state)
{
    struct subject s = make(masked_linear, COUNT(masked_linear), 6, true);
    weighted_outputs(&s);
    const real *dx = network_backward(s.network, s.seeds, NETWORK_INPUT_GRADIENT);
    size_t count = s.rows * 6;
    real *gradient = copy_of(count, dx);
    assert_error_below(worst_error(weighted_outputs, &s, count, s.input, gradient), BOUND, "dx");
    size_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fabs(gradient[i]) > fabs(gradient[largest]) ? i : largest;
    double right = gradient[largest];
    static const double factors[] = {-1, 1.0001, 0};
    for (size_t i = 0; i < COUNT(factors); i++) {
        gradient[largest] = factors[i] * right;
        double error = worst_error(weighted_outputs, &s, count, s.input, gradient);
        if (!(error > 50 * BOUND))
            fail_msg("factor %g gives only %.3g", factors[i], error);
    }
    free(gradient);
    drop(&s);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_layer),
        cmocka_unit_test(layers_after_layers),
        cmocka_unit_test(whole_networks),
        cmocka_unit_test(each_loss),
        cmocka_unit_test(gradient_penalty),
        cmocka_unit_test(both_sides_are_penalised),
        cmocka_unit_test(penalty_knows_where_it_applies),
        cmocka_unit_test(the_check_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

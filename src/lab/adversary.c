/*
 * Real and reconstructed rows go through the discriminator as one batch where no layer of it mixes
 * rows: one large product is faster than two. BatchNorm gets them apart, as in the pull, or the
 * statistics of a mixed batch would give away which is which.
 *
 * With gradient penalties a step has found dD/dx already, and the pull is made of that: of the
 * discriminator as it was before the step, which is gradient descent of both at once (Mescheder et
 * al. 2018). Else the pull is of the discriminator after its step, as the two are trained in turn
 * where they are two models; that takes a forward and a backward pass more.
 */
#include "lab/adversary.h"

#include "base/rng.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "nn/penalty.h"
#include "nn/vector.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MIN 1e-6 /* relative; below it the discriminator stands still */

static const char *const state_names[ADVERSARY_STATES] = {
    [ADVERSARY_TRAINING] = "training",     [ADVERSARY_DEAD] = "dead",
    [ADVERSARY_HEALTHY] = "healthy",       [ADVERSARY_SATURATED] = "saturated",
    [ADVERSARY_DOMINATING] = "dominating",
};

/* Sums over the rows of one kind since the last measurement. */
struct side {
    double correct, logit, norm, squared_norm;
    double *logits; /* [max_measured] */
};

struct adversary {
    struct adversary_options options;
    struct adversary_size size;
    struct network *network;
    struct penalty *penalty; /* NULL without gamma */
    struct adam adam;
    struct rng rng;
    real *batch;          /* [2 max_rows][width]: real, then reconstructed */
    real *logit_gradient; /* [2 max_rows] */
    size_t rows;          /* of one kind, in the last step */
    uint64_t seen;        /* batches */
    /* Of the reconstructed rows in the last step; slopes, dD/dx, are NULL where none were needed.
     */
    const real *logits, *slopes;
    real label_real, label_reconstructed;
    /* measurement */
    real *parameters_before;
    real *ones; /* [max_rows] */
    size_t measured;
    struct side genuine, reconstructed;
    double pull_ratio_sum;
    size_t pulls;
    size_t steps, batches; /* since the last measurement */
};

const char *adversary_state_name(enum adversary_state state)
{
    return state_names[state];
}

static void choose_labels(struct adversary *adversary)
{
    double amount = adversary->options.smoothing_amount;
    double genuine = 1, reconstructed = 0;
    switch (adversary->options.smoothing) {
    case ADVERSARY_SMOOTHING_TWO_SIDED:
        reconstructed = amount;
        genuine = 1 - amount;
        break;
    case ADVERSARY_SMOOTHING_ONE_SIDED:
        genuine = 1 - amount;
        break;
    case ADVERSARY_SMOOTHING_IN_LOSS:
        genuine = loss_smoothed_label(1, amount);
        reconstructed = loss_smoothed_label(0, amount);
        break;
    default:
        break;
    }
    adversary->label_real = (real)genuine;
    adversary->label_reconstructed = (real)reconstructed;
}

static int allocate(struct adversary *adversary, struct diag *diag)
{
    struct adversary_size size = adversary->size;
    struct nn_layer_spec layers[ADVERSARY_LAYERS_MAX];
    size_t layer_count = adversary_layers(&adversary->options, layers);
    int error =
        network_new(size.width, layers, layer_count, 2 * size.max_rows, &adversary->network, diag);
    if (error)
        return error;
    size_t count = network_parameter_count(adversary->network);
    error = adam_init(&adversary->adam, count, adversary->options.beta1, adversary->options.beta2);
    adversary->batch = vector_new(2 * size.max_rows * size.width);
    adversary->logit_gradient = vector_new(2 * size.max_rows);
    adversary->parameters_before = vector_new(count);
    adversary->ones = vector_new(size.max_rows);
    adversary->genuine.logits = calloc(size.max_measured, sizeof(double));
    adversary->reconstructed.logits = calloc(size.max_measured, sizeof(double));
    if (error || !adversary->batch || !adversary->logit_gradient || !adversary->parameters_before ||
        !adversary->ones || !adversary->genuine.logits || !adversary->reconstructed.logits)
        return diag_errno(diag, ENOMEM, "adversary");
    if (adversary->options.gamma > 0) {
        adversary->penalty = penalty_new(adversary->network);
        if (!adversary->penalty)
            return diag_errno(diag, ENOMEM, "adversary");
    }
    return 0;
}

int adversary_new(struct adversary_size size, const struct adversary_options *options,
                  uint64_t seed, struct adversary **ret_adversary, struct diag *diag)
{
    assert(options->kind == ADVERSARY_PAPER || options->kind == ADVERSARY_STABLE);
    assert(size.max_rows > 0 && size.max_measured > 0);
    int error = adversary_options_check(options, diag);
    if (error)
        return error;
    struct adversary *adversary = calloc(1, sizeof *adversary);
    if (!adversary)
        return diag_errno(diag, ENOMEM, "adversary");
    adversary->options = *options;
    adversary->size = size;
    error = allocate(adversary, diag);
    if (error) {
        adversary_free(adversary);
        return error;
    }
    network_initialise(adversary->network, seed);
    rng_init(&adversary->rng, seed + 1);
    choose_labels(adversary);
    vector_fill(size.max_rows, 1, adversary->ones);
    vector_copy(adversary->adam.count, network_parameters(adversary->network),
                adversary->parameters_before);
    *ret_adversary = adversary;
    return 0;
}

void adversary_free(struct adversary *adversary)
{
    if (!adversary)
        return;
    penalty_free(adversary->penalty);
    network_free(adversary->network);
    adam_deinit(&adversary->adam);
    free(adversary->batch);
    free(adversary->logit_gradient);
    free(adversary->parameters_before);
    free(adversary->ones);
    free(adversary->genuine.logits);
    free(adversary->reconstructed.logits);
    free(adversary);
}

struct network *adversary_network(struct adversary *adversary)
{
    return adversary->network;
}

static void add_noise(struct adversary *adversary, size_t count, real *values)
{
    double deviation = adversary->options.noise;
    if (deviation > 0)
        for (size_t i = 0; i < count; i++)
            values[i] += (real)(deviation * rng_normal(&adversary->rng));
}

/* What it makes of a batch. */
struct verdict {
    double loss;
    double correct; /* rows */
};

/* Of the rows of one kind that its last forward pass saw, from `first` on. */
static void judge_rows(struct adversary *adversary, bool genuine, size_t rows, const real *logits,
                       real *ret_gradient, struct verdict *verdict)
{
    real label = genuine ? adversary->label_real : adversary->label_reconstructed;
    verdict->loss += loss_bce_logits(rows, logits, (double)label, ret_gradient);
    for (size_t i = 0; i < rows; i++)
        verdict->correct += (logits[i] > 0) == genuine;
}

static void add_gradients(struct adversary *adversary)
{
    const real *gradient = adversary->logit_gradient;
    if (adversary->penalty)
        adversary->slopes = penalty_backward(adversary->penalty, gradient,
                                             adversary->options.gamma / (double)adversary->rows) +
                            adversary->rows * adversary->size.width;
    else
        network_backward(adversary->network, gradient, NETWORK_PARAMETER_GRADIENTS);
}

/* The whole batch; with `learning` its gradients too. */
static struct verdict see_batch(struct adversary *adversary, bool learning)
{
    struct network *network = adversary->network;
    size_t rows = adversary->rows;
    bool training = !adversary->options.frozen;
    bool apart = adversary->options.norm == ADVERSARY_NORM_BATCH;
    real *gradient = adversary->logit_gradient;
    struct verdict verdict = {0};
    if (learning)
        network_zero_gradients(network);
    const real *logits =
        network_forward(network, apart ? rows : 2 * rows, adversary->batch, training);
    judge_rows(adversary, true, rows, logits, gradient, &verdict);
    if (apart) {
        if (learning)
            add_gradients(adversary);
        logits = network_forward(network, rows, adversary->batch + rows * adversary->size.width,
                                 training);
        judge_rows(adversary, false, rows, logits, gradient, &verdict);
    } else {
        adversary->logits = logits + rows;
        judge_rows(adversary, false, rows, logits + rows, gradient + rows, &verdict);
    }
    if (learning)
        add_gradients(adversary);
    return verdict;
}

static unsigned steps_due(const struct adversary *adversary)
{
    const struct adversary_options *options = &adversary->options;
    return options->frozen || adversary->seen % options->every != 0 ? 0 : options->steps;
}

static bool knows_enough(const struct adversary *adversary, const struct verdict *verdict)
{
    double limit = adversary->options.accuracy_limit;
    return limit > 0 && verdict->correct > limit * 2 * (double)adversary->rows;
}

double adversary_step(struct adversary *adversary, size_t rows, const real *genuine,
                      const real *reconstructed)
{
    assert(rows > 0 && rows <= adversary->size.max_rows);
    size_t half = rows * adversary->size.width;
    adversary->rows = rows;
    vector_copy(half, genuine, adversary->batch);
    vector_copy(half, reconstructed, adversary->batch + half);
    add_noise(adversary, 2 * half, adversary->batch);
    adversary->slopes = NULL;

    const struct adversary_options *options = &adversary->options;
    struct verdict first = {0};
    unsigned steps = steps_due(adversary);
    for (unsigned i = 0; i == 0 || i < steps; i++) {
        struct verdict verdict = see_batch(adversary, steps > 0);
        if (i == 0)
            first = verdict;
        if (steps == 0 || knows_enough(adversary, &verdict))
            break;
        adam_step(&adversary->adam,
                  schedule_rate(options->schedule, options->rate, adversary->seen,
                                adversary->size.batches),
                  network_gradients(adversary->network), network_parameters(adversary->network));
        adversary->steps++;
    }
    adversary->seen++;
    adversary->batches++;
    return first.loss;
}

/* Row r of the pull is factor[r] times row r of these; NULL: all factors are 1. */
struct pull {
    const real *rows, *factor;
};

/* The gradient of the cross-entropy that takes the reconstructed rows for real ones. */
static struct pull find_pull(struct adversary *adversary)
{
    struct network *network = adversary->network;
    size_t rows = adversary->rows;
    double label = (double)adversary->label_real;
    real *gradient = adversary->logit_gradient;
    if (adversary->slopes) {
        loss_bce_logits(rows, adversary->logits, label, gradient);
        return (struct pull){adversary->slopes, gradient};
    }
    const real *logits = network_forward(
        network, rows, adversary->batch + rows * adversary->size.width, !adversary->options.frozen);
    loss_bce_logits(rows, logits, label, gradient);
    return (struct pull){network_backward(network, gradient, NETWORK_INPUT_GRADIENT), NULL};
}

static double pull_norm(const struct pull *pull, size_t rows, size_t width)
{
    double squares = 0;
    for (size_t r = 0; r < rows; r++) {
        double factor = pull->factor ? (double)pull->factor[r] : 1;
        squares += factor * factor * vector_sum_squares(width, pull->rows + r * width);
    }
    return sqrt(squares);
}

void adversary_pull(struct adversary *adversary, double influence, real *gradient)
{
    size_t rows = adversary->rows, width = adversary->size.width;
    struct pull pull = find_pull(adversary);
    double own = sqrt(vector_sum_squares(rows * width, gradient));
    double theirs = pull_norm(&pull, rows, width);
    if (own > 0) {
        adversary->pull_ratio_sum += theirs / own;
        adversary->pulls++;
    }
    double scale = influence * adversary->options.weight;
    if (adversary->options.kind == ADVERSARY_STABLE)
        scale *= theirs > 0 ? own / theirs : 0;
    for (size_t r = 0; r < rows; r++) {
        double factor = pull.factor ? (double)pull.factor[r] : 1;
        vector_add_scaled(width, (real)(scale * factor), pull.rows + r * width,
                          gradient + r * width);
    }
}

static void measure_side(struct adversary *adversary, struct side *side, size_t rows,
                         const real *values)
{
    size_t width = adversary->size.width;
    double sign = side == &adversary->genuine ? 1 : -1;
    const real *logits = network_forward(adversary->network, rows, values, false);
    for (size_t i = 0; i < rows; i++) {
        double logit = (double)logits[i];
        side->logits[adversary->measured + i] = logit;
        side->logit += logit;
        side->correct += sign * logit > 0 ? 1 : 0;
    }
    const real *g = network_backward(adversary->network, adversary->ones, NETWORK_INPUT_GRADIENT);
    for (size_t i = 0; i < rows; i++) {
        double square = vector_sum_squares(width, g + i * width);
        side->squared_norm += square;
        side->norm += sqrt(square);
    }
}

void adversary_measure(struct adversary *adversary, size_t rows, const real *genuine,
                       const real *reconstructed)
{
    assert(rows <= adversary->size.max_rows);
    assert(adversary->measured + rows <= adversary->size.max_measured);
    measure_side(adversary, &adversary->genuine, rows, genuine);
    measure_side(adversary, &adversary->reconstructed, rows, reconstructed);
    adversary->measured += rows;
}

static double relative_step(struct adversary *adversary)
{
    size_t count = adversary->adam.count;
    const real *now = network_parameters(adversary->network);
    real *before = adversary->parameters_before;
    vector_add_scaled(count, -1, now, before);
    double step = sqrt(vector_sum_squares(count, before) / vector_sum_squares(count, now));
    vector_copy(count, now, before);
    return step;
}

/* Keras counts a row as correct where its label equals (prediction > 0.5): 0.9 never does. */
static double reported_accuracy(const struct adversary_options *options,
                                const struct adversary_health *health)
{
    bool in_labels = options->smoothing_amount > 0;
    bool one = in_labels && (options->smoothing == ADVERSARY_SMOOTHING_ONE_SIDED ||
                             options->smoothing == ADVERSARY_SMOOTHING_TWO_SIDED);
    bool other = in_labels && options->smoothing == ADVERSARY_SMOOTHING_TWO_SIDED;
    return ((one ? 0 : health->accuracy_real) + (other ? 0 : health->accuracy_reconstructed)) / 2;
}

void adversary_measure_end(struct adversary *adversary, struct adversary_health *ret_health)
{
    const struct side *genuine = &adversary->genuine, *reconstructed = &adversary->reconstructed;
    double count = (double)adversary->measured;
    assert(adversary->measured > 0);
    struct adversary_health health = {
        .accuracy_real = genuine->correct / count,
        .accuracy_reconstructed = reconstructed->correct / count,
        .balanced_accuracy = (genuine->correct + reconstructed->correct) / (2 * count),
        .logit_real = genuine->logit / count,
        .logit_reconstructed = reconstructed->logit / count,
        .gradient_norm_real = genuine->norm / count,
        .gradient_norm_reconstructed = reconstructed->norm / count,
        .auc = adversary_auc(adversary->measured, genuine->logits, adversary->measured,
                             reconstructed->logits),
        .relative_step = relative_step(adversary),
        .learnt = adversary->batches ? (double)adversary->steps / (double)adversary->batches : 0,
        .pull_ratio = adversary->pulls ? adversary->pull_ratio_sum / (double)adversary->pulls : 0,
    };
    if (adversary->penalty)
        health.penalty = adversary->options.gamma / 2 *
                         (genuine->squared_norm + reconstructed->squared_norm) / count;
    health.reported_accuracy = reported_accuracy(&adversary->options, &health);
    *ret_health = health;
    adversary->measured = adversary->pulls = 0;
    adversary->steps = adversary->batches = 0;
    adversary->pull_ratio_sum = 0;
    adversary->genuine = (struct side){.logits = genuine->logits};
    adversary->reconstructed = (struct side){.logits = reconstructed->logits};
}

enum adversary_state adversary_judge(const struct adversary_health *health, double loss,
                                     double twin_loss)
{
    if (!(health->auc >= 0.6) || !(health->relative_step >= STEP_MIN))
        return ADVERSARY_DEAD;
    if (!(loss <= 1.25 * twin_loss))
        return ADVERSARY_DOMINATING;
    if (health->auc > 0.99)
        return ADVERSARY_SATURATED;
    if (health->auc >= 0.65 && health->auc <= 0.98 && loss <= 1.1 * twin_loss)
        return ADVERSARY_HEALTHY;
    return ADVERSARY_TRAINING;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double adversary_auc(size_t highs, double *high, size_t lows, double *low)
{
    qsort(high, highs, sizeof *high, compare_doubles);
    qsort(low, lows, sizeof *low, compare_doubles);
    double wins = 0;
    for (size_t i = 0, below = 0, not_above = 0; i < highs; i++) {
        while (below < lows && low[below] < high[i])
            below++;
        while (not_above < lows && low[not_above] <= high[i])
            not_above++;
        wins += ((double)below + (double)not_above) / 2;
    }
    return wins / ((double)highs * (double)lows);
}

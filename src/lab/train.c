/*
 * One learner is a network, its optimiser and its best epoch so far. With an adversary there are
 * two, and every batch goes through both; what is random (the order, the noise) is drawn once for
 * the two, and the adversary draws from a generator of its own, so the twin is exactly what a run
 * without an adversary would have been.
 */
#include "lab/train.h"

#include "base/rng.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "nn/vector.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ADVERSARY_SEED UINT64_C(0x5eed0fad7e25a121) /* sets its stream apart from the networks' */

struct learner {
    struct network *network;
    struct network *best;
    struct adam adam;
    double best_loss;
    size_t best_epoch;
};

struct trainer {
    const struct train_data *data;
    const struct train_options *options;
    size_t width;   /* values of a window */
    size_t batches; /* of an epoch */
    struct learner own, twin;
    struct adversary *adversary; /* NULL: no adversary, no twin */
    struct rng rng;
    size_t *order;     /* [training_count] */
    float *windows;    /* [batch][width] */
    float *noisy;      /* [batch][width], NULL without noise */
    float *gradient;   /* [batch][width] */
    uint64_t step;     /* batches so far */
    size_t first_best; /* epoch from which the best is sought */
    struct train_epoch *epochs;
};

struct train_options train_defaults(enum adversary_kind adversary)
{
    struct train_options options = {
        .loss = TRAIN_SMOOTH_L1,
        .beta = 1,
        .rate = 1e-3,
        .schedule = SCHEDULE_COSINE,
        .epochs = 40,
        .batch = 256,
        .clip_norm = 5,
        .patience = 8,
        .seed = 1,
        .adversary = adversary_defaults(adversary),
    };
    if (adversary == ADVERSARY_PAPER) {
        options.loss = TRAIN_MSE;
        options.rate = 0.005;
        options.schedule = SCHEDULE_CONSTANT;
        options.clip_norm = 0;
    }
    return options;
}

static int check_windows(const struct train_data *data, const char *what, const size_t *ends,
                         size_t count, struct diag *diag)
{
    size_t span = (data->window - 1) * data->spacing + 1;
    for (size_t i = 0; i < count; i++)
        if (ends[i] >= data->row_count || ends[i] + 1 < span)
            return diag_set(diag, "%s window %zu ends at row %zu; allowed are %zu to %zu", what, i,
                            ends[i], span - 1, data->row_count - 1);
    return 0;
}

static int check_data(const struct train_data *data, struct diag *diag)
{
    if (data->channels == 0 || data->window == 0 || data->spacing == 0)
        return diag_set(diag, "%zu channels, window %zu, spacing %zu: all must be at least 1",
                        data->channels, data->window, data->spacing);
    if (data->window > NN_WIDTH_MAX || data->channels > NN_WIDTH_MAX / data->window ||
        data->spacing > NN_WIDTH_MAX)
        return diag_set(diag, "%zu channels, window %zu, spacing %zu are too large: at most %zu",
                        data->channels, data->window, data->spacing, NN_WIDTH_MAX);
    if (data->training_count < 2 || data->held_out_count < 1)
        return diag_set(diag, "%zu windows to train on and %zu held out; needed are 2 and 1",
                        data->training_count, data->held_out_count);
    int error = check_windows(data, "training", data->training, data->training_count, diag);
    if (error)
        return error;
    return check_windows(data, "held-out", data->held_out, data->held_out_count, diag);
}

static int check_options(const struct train_options *options, size_t width, struct diag *diag)
{
    size_t outputs;
    int error = nn_spec_check(width, options->layers, options->layer_count, &outputs, diag);
    if (error)
        return error;
    if (outputs != width)
        return diag_set(diag, "the network gives %zu values for windows of %zu", outputs, width);
    if (options->epochs == 0 || options->batch < 2)
        return diag_set(diag, "%zu epochs in batches of %zu; at least 1 and 2 are needed",
                        options->epochs, options->batch);
    if (!(options->rate > 0 && options->rate <= 1) || !(options->clip_norm >= 0) ||
        !(options->input_noise >= 0 && options->input_noise <= 1e3))
        return diag_set(diag,
                        "rate %g, clip norm %g, input noise %g; allowed are above 0 to 1, from 0, "
                        "0 to 1000",
                        options->rate, options->clip_norm, options->input_noise);
    if (options->loss == TRAIN_SMOOTH_L1 && !(options->beta > 0 && isfinite(options->beta)))
        return diag_set(diag, "beta of the smooth L1 loss is %g; it must be above 0",
                        options->beta);
    return 0;
}

static int learner_init(struct learner *learner, const struct trainer *trainer, struct diag *diag)
{
    const struct train_options *options = trainer->options;
    int error = network_new(trainer->width, options->layers, options->layer_count, options->batch,
                            &learner->network, diag);
    if (!error)
        error = network_new(trainer->width, options->layers, options->layer_count, 1,
                            &learner->best, diag);
    if (error)
        return error;
    if (adam_init(&learner->adam, network_parameter_count(learner->network), 0.9, 0.999))
        return diag_errno(diag, ENOMEM, "optimiser");
    network_initialise(learner->network, options->seed);
    learner->best_loss = (double)INFINITY;
    return 0;
}

static void learner_deinit(struct learner *learner)
{
    network_free(learner->network);
    network_free(learner->best);
    adam_deinit(&learner->adam);
}

static size_t first_full_epoch(const struct train_options *options)
{
    if (options->adversary.kind == ADVERSARY_NONE)
        return 0;
    size_t first = (size_t)options->adversary.warmup_epochs + options->adversary.ramp_epochs;
    return first < options->epochs ? first : options->epochs - 1;
}

static int trainer_init_adversary(struct trainer *trainer, struct diag *diag)
{
    const struct train_options *options = trainer->options;
    if (options->adversary.kind == ADVERSARY_NONE)
        return 0;
    struct adversary_size size = {
        .width = trainer->width,
        .max_rows = options->batch,
        .max_measured = trainer->data->held_out_count,
        .batches = options->epochs * trainer->batches,
    };
    int error = adversary_new(size, &options->adversary, options->seed ^ ADVERSARY_SEED,
                              &trainer->adversary, diag);
    return error ? error : learner_init(&trainer->twin, trainer, diag);
}

static int trainer_init(struct trainer *trainer, struct diag *diag)
{
    const struct train_data *data = trainer->data;
    const struct train_options *options = trainer->options;
    size_t values = options->batch * trainer->width;
    /* A last batch of a single window is left out: it has no variance. */
    trainer->batches = (data->training_count + options->batch - 2) / options->batch;
    trainer->first_best = first_full_epoch(options);
    trainer->order = calloc(data->training_count, sizeof *trainer->order);
    trainer->windows = vector_new(values);
    trainer->gradient = vector_new(values);
    trainer->epochs = calloc(options->epochs, sizeof *trainer->epochs);
    if (options->input_noise > 0)
        trainer->noisy = vector_new(values);
    if (!trainer->order || !trainer->windows || !trainer->gradient || !trainer->epochs ||
        (options->input_noise > 0 && !trainer->noisy))
        return diag_errno(diag, ENOMEM, "training");
    memcpy(trainer->order, data->training, data->training_count * sizeof *trainer->order);
    rng_init(&trainer->rng, options->seed);
    int error = learner_init(&trainer->own, trainer, diag);
    return error ? error : trainer_init_adversary(trainer, diag);
}

static void trainer_deinit(struct trainer *trainer)
{
    learner_deinit(&trainer->own);
    learner_deinit(&trainer->twin);
    adversary_free(trainer->adversary);
    free(trainer->order);
    free(trainer->windows);
    free(trainer->noisy);
    free(trainer->gradient);
    free(trainer->epochs);
}

void train_gather(const struct train_data *data, const size_t *ends, size_t count,
                  float *ret_windows)
{
    size_t runs = data->spacing == 1 ? 1 : data->window;
    size_t run_rows = data->window / runs;
    size_t first = (data->window - 1) * data->spacing;
    for (size_t i = 0; i < count; i++)
        for (size_t run = 0; run < runs; run++) {
            size_t row = ends[i] - first + run * data->spacing;
            memcpy(ret_windows, data->rows + row * data->channels,
                   run_rows * data->channels * sizeof *ret_windows);
            ret_windows += run_rows * data->channels;
        }
}

static double reconstruction_loss(const struct train_options *options, size_t count,
                                  const float *reconstructed, const float *target,
                                  float *ret_gradient)
{
    return options->loss == TRAIN_MSE
               ? loss_mse(count, reconstructed, target, ret_gradient)
               : loss_smooth_l1(count, reconstructed, target, options->beta, ret_gradient);
}

/* One step of one learner on the gathered batch; the adversary (or NULL) learns from it first. */
static double learner_step(struct trainer *trainer, struct learner *learner, size_t rows,
                           struct adversary *adversary, struct train_epoch *epoch)
{
    const struct train_options *options = trainer->options;
    size_t values = rows * trainer->width;
    const float *input = trainer->noisy ? trainer->noisy : trainer->windows;
    const float *output = network_forward(learner->network, rows, input, true);
    double loss = reconstruction_loss(options, values, output, trainer->windows, trainer->gradient);
    if (adversary) {
        epoch->discriminator_loss += adversary_step(adversary, rows, trainer->windows, output);
        epoch->influence = adversary_influence(&options->adversary,
                                               (double)trainer->step / (double)trainer->batches);
        if (epoch->influence > 0)
            adversary_pull(adversary, epoch->influence, trainer->gradient);
    }
    size_t parameters = network_parameter_count(learner->network);
    float *gradients = network_gradients(learner->network);
    network_zero_gradients(learner->network);
    network_backward(learner->network, trainer->gradient, NETWORK_PARAMETER_GRADIENTS);
    double limit = options->clip_norm > 0 ? options->clip_norm : (double)INFINITY;
    double norm = vector_clip_norm(parameters, limit, gradients);
    double rate = schedule_rate(options->schedule, options->rate, trainer->step,
                                options->epochs * trainer->batches);
    adam_step(&learner->adam, rate, gradients, network_parameters(learner->network));
    if (learner == &trainer->own)
        epoch->gradient_norm += norm;
    return loss;
}

static void gather_batch(struct trainer *trainer, const size_t *ends, size_t rows)
{
    train_gather(trainer->data, ends, rows, trainer->windows);
    if (trainer->noisy)
        for (size_t i = 0; i < rows * trainer->width; i++)
            trainer->noisy[i] = trainer->windows[i] +
                                (float)(trainer->options->input_noise * rng_normal(&trainer->rng));
}

static int train_epoch_batches(struct trainer *trainer, size_t index)
{
    const struct train_options *options = trainer->options;
    struct train_epoch *epoch = &trainer->epochs[index];
    size_t count = trainer->data->training_count;
    rng_shuffle(&trainer->rng, trainer->order, count);
    for (size_t b = 0; b < trainer->batches; b++) {
        size_t start = b * options->batch;
        size_t rows = count - start < options->batch ? count - start : options->batch;
        gather_batch(trainer, trainer->order + start, rows);
        epoch->loss += learner_step(trainer, &trainer->own, rows, trainer->adversary, epoch);
        if (trainer->adversary)
            learner_step(trainer, &trainer->twin, rows, NULL, epoch);
        trainer->step++;
        if (options->progress && options->progress(index, b + 1, trainer->batches, options->user))
            return -ECANCELED;
    }
    epoch->loss /= (double)trainer->batches;
    epoch->gradient_norm /= (double)trainer->batches;
    epoch->discriminator_loss /= (double)trainer->batches;
    return 0;
}

static void evaluate(struct trainer *trainer, struct train_epoch *epoch)
{
    const struct train_data *data = trainer->data;
    const struct train_options *options = trainer->options;
    double own = 0, twin = 0;
    for (size_t start = 0; start < data->held_out_count; start += options->batch) {
        size_t left = data->held_out_count - start;
        size_t rows = left < options->batch ? left : options->batch;
        size_t values = rows * trainer->width;
        train_gather(data, data->held_out + start, rows, trainer->windows);
        const float *output = network_forward(trainer->own.network, rows, trainer->windows, false);
        own += (double)rows * reconstruction_loss(options, values, output, trainer->windows, NULL);
        if (!trainer->adversary)
            continue;
        adversary_measure(trainer->adversary, rows, trainer->windows, output);
        output = network_forward(trainer->twin.network, rows, trainer->windows, false);
        twin += (double)rows * reconstruction_loss(options, values, output, trainer->windows, NULL);
    }
    epoch->held_out_loss = own / (double)data->held_out_count;
    epoch->twin_held_out_loss = twin / (double)data->held_out_count;
    if (trainer->adversary) {
        adversary_measure_end(trainer->adversary, &epoch->adversary);
        epoch->state =
            adversary_judge(&epoch->adversary, epoch->held_out_loss, epoch->twin_held_out_loss);
    }
}

static void keep_best(struct learner *learner, size_t epoch, double loss)
{
    if (loss < learner->best_loss) {
        learner->best_loss = loss;
        learner->best_epoch = epoch;
        network_copy(learner->network, learner->best);
    }
}

/* Both learners must have run out: each is judged at its own best. */
static bool out_of_patience(const struct trainer *trainer, size_t epoch)
{
    size_t best = trainer->own.best_epoch;
    if (trainer->adversary && trainer->twin.best_epoch > best)
        best = trainer->twin.best_epoch;
    return trainer->options->patience > 0 && epoch >= trainer->first_best &&
           epoch - best >= trainer->options->patience;
}

static int run(struct trainer *trainer, size_t *ret_count, struct diag *diag)
{
    for (size_t i = 0; i < trainer->options->epochs; i++) {
        struct train_epoch *epoch = &trainer->epochs[i];
        *ret_count = i + 1;
        int error = train_epoch_batches(trainer, i);
        if (error)
            return diag_errno(diag, error, "training, epoch %zu", i);
        evaluate(trainer, epoch);
        if (!isfinite(epoch->loss) || !isfinite(epoch->held_out_loss) ||
            !isfinite(epoch->twin_held_out_loss)) {
            diag_set(diag, "the loss is no longer finite in epoch %zu (training %g, held out %g)",
                     i, epoch->loss, epoch->held_out_loss);
            return -EDOM;
        }
        if (i < trainer->first_best)
            continue;
        keep_best(&trainer->own, i, epoch->held_out_loss);
        if (trainer->adversary)
            keep_best(&trainer->twin, i, epoch->twin_held_out_loss);
        if (out_of_patience(trainer, i))
            break;
    }
    return 0;
}

static struct network *take_best(struct learner *learner)
{
    struct network *network = learner->network;
    network_copy(learner->best, network);
    learner->network = NULL;
    return network;
}

int train(const struct train_data *data, const struct train_options *options,
          struct train_result *ret_result, struct diag *diag)
{
    int error = check_data(data, diag);
    if (error)
        return error;
    struct trainer trainer = {
        .data = data, .options = options, .width = data->window * data->channels};
    error = check_options(options, trainer.width, diag);
    if (error)
        return error;
    size_t count = 0;
    error = trainer_init(&trainer, diag);
    if (!error)
        error = run(&trainer, &count, diag);
    if (!error) {
        *ret_result = (struct train_result){
            .network = take_best(&trainer.own),
            .epochs = trainer.epochs,
            .epoch_count = count,
            .best_epoch = trainer.own.best_epoch,
            .best_loss = trainer.own.best_loss,
        };
        trainer.epochs = NULL;
        if (trainer.adversary) {
            ret_result->twin = take_best(&trainer.twin);
            ret_result->twin_best_epoch = trainer.twin.best_epoch;
            ret_result->twin_best_loss = trainer.twin.best_loss;
        }
    }
    trainer_deinit(&trainer);
    return error;
}

void train_result_deinit(struct train_result *result)
{
    network_free(result->network);
    network_free(result->twin);
    free(result->epochs);
    *result = (struct train_result){.network = NULL};
}

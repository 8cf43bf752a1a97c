/*
 * Features, a network that reconstructs them, and the error as the score.
 *
 * An explanation goes back from features to channels: the shares of a window's score are exact
 * where the features are channels; principal components carry their residuals back to the channels,
 * where the error is counted again.
 */
#include "model/autoencoder.h"

#include "model/features_file.h"
#include "model/network_file.h"
#include "nn/mlp.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct autoencoder {
    struct features features;
    struct mlp *mlp; /* window * width of the features -> the same */
    bool smooth_l1;  /* else squared */
    float beta;      /* of Smooth-L1 */
    float *floor;    /* [channels] usual residual, in the channel's units */
    /* Scratch of the scoring thread. */
    float *input, *output;               /* [DETECTOR_BATCH_MAX][window * width] */
    float *scaled;                       /* [channels] */
    double *residual, *error, *expected; /* [channels] */
};

static void autoencoder_unload(struct detector *detector)
{
    struct autoencoder *ae = detector->part.autoencoder;
    if (!ae)
        return;
    features_deinit(&ae->features);
    mlp_free(ae->mlp);
    free(ae->floor);
    free(ae->input);
    free(ae->output);
    free(ae->scaled);
    free(ae->residual);
    free(ae->error);
    free(ae->expected);
    free(ae);
    detector->part.autoencoder = NULL;
}

static int load_score(struct autoencoder *ae, const cJSON *config, struct diag *diag)
{
    const char *score;
    double beta = 1;
    int r = json_get_string(config, "score", true, 32, &score, diag);
    if (r == 0)
        r = json_get_number(config, "beta", false, 1e-6, 1e6, &beta, diag);
    if (r < 0)
        return r;
    ae->smooth_l1 = !strcmp(score, "smooth-l1");
    ae->beta = (float)beta;
    if (!ae->smooth_l1 && strcmp(score, "mse") != 0)
        return diag_set(diag, "score: \"%s\", must be mse or smooth-l1", score);
    return 0;
}

static int load_floor(struct autoencoder *ae, size_t index, const struct safetensors *tensors,
                      struct diag *diag)
{
    size_t channels = ae->features.channels;
    char tensor[64];
    snprintf(tensor, sizeof tensor, "%zu.channel.floor", index);
    ae->floor = calloc(channels, sizeof *ae->floor);
    if (!ae->floor)
        return diag_errno(diag, ENOMEM, "%s", tensor);
    int r = safetensors_get_f32(tensors, tensor, SAFETENSORS_SHAPE(channels), ae->floor, diag);
    for (size_t i = 0; r == 0 && i < channels; i++) {
        if (!(ae->floor[i] > 0))
            r = diag_set(diag, "%s: entry %zu is %g, must be over 0", tensor, i,
                         (double)ae->floor[i]);
    }
    return r;
}

static int load_network(struct autoencoder *ae, const struct detector *detector,
                        const cJSON *config, const struct safetensors *tensors, struct diag *diag)
{
    size_t features = features_width(&ae->features), width = detector->window * features;
    int r =
        network_file_load_mlp(config, tensors, detector->index, DETECTOR_BATCH_MAX, &ae->mlp, diag);
    if (r < 0)
        return r;
    if (mlp_inputs(ae->mlp) != width || mlp_outputs(ae->mlp) != width)
        return diag_set(diag, "the network is %zu -> %zu wide, %zu rows of %zu %s are %zu",
                        mlp_inputs(ae->mlp), mlp_outputs(ae->mlp), detector->window, features,
                        ae->features.pca.components ? "components" : "channels", width);
    return 0;
}

static int make_scratch(struct autoencoder *ae, struct diag *diag)
{
    size_t width = mlp_inputs(ae->mlp), channels = ae->features.channels;
    ae->input = calloc(DETECTOR_BATCH_MAX * width, sizeof *ae->input);
    ae->output = calloc(DETECTOR_BATCH_MAX * width, sizeof *ae->output);
    ae->scaled = calloc(channels, sizeof *ae->scaled);
    ae->residual = calloc(channels, sizeof *ae->residual);
    ae->error = calloc(channels, sizeof *ae->error);
    ae->expected = calloc(channels, sizeof *ae->expected);
    bool complete =
        ae->input && ae->output && ae->scaled && ae->residual && ae->error && ae->expected;
    return complete ? 0 : diag_errno(diag, ENOMEM, "scratch");
}

static int autoencoder_load(struct detector *detector, const cJSON *config,
                            const struct safetensors *tensors, struct diag *diag)
{
    struct autoencoder *ae = calloc(1, sizeof *ae);
    if (!ae)
        return diag_errno(diag, ENOMEM, "autoencoder");
    detector->part.autoencoder = ae;
    const struct features_source source = {.config = config,
                                           .tensors = tensors,
                                           .detector = detector->index,
                                           .sample_channels = detector->channels};
    int r = features_file_load(&source, &ae->features, diag);
    if (r == 0)
        r = load_score(ae, config, diag);
    if (r == 0)
        r = load_floor(ae, detector->index, tensors, diag);
    if (r == 0)
        r = load_network(ae, detector, config, tensors, diag);
    return r < 0 ? r : make_scratch(ae, diag);
}

/* The features of one window, flattened into [window * width]. */
static void fill_input(const struct detector *detector, const float *window, float *ret_input)
{
    features_apply(&detector->part.autoencoder->features, detector->window, window,
                   detector->spacing * detector->channels, ret_input);
}

/* Written so that it vectorises: both branches of Smooth-L1 as one expression. */
static float element_error(const struct autoencoder *ae, float difference)
{
    if (!ae->smooth_l1)
        return difference * difference;
    float magnitude = fabsf(difference);
    float inner = magnitude < ae->beta ? magnitude : ae->beta;
    return inner * inner * 0.5F / ae->beta + (magnitude - inner);
}

static double window_error(const struct autoencoder *ae, const float *input, const float *output,
                           size_t width)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)element_error(ae, output[i] - input[i]);
    return sum / (double)width;
}

static void autoencoder_score(struct detector *detector, const float *const *windows, size_t count,
                              double *ret_scores)
{
    struct autoencoder *ae = detector->part.autoencoder;
    size_t width = mlp_inputs(ae->mlp);
    for (size_t i = 0; i < count; i++)
        fill_input(detector, windows[i], ae->input + i * width);
    mlp_forward(ae->mlp, count, ae->input, ae->output);
    for (size_t i = 0; i < count; i++) {
        double error = window_error(ae, ae->input + i * width, ae->output + i * width, width);
        ret_scores[i] = isnan(error) ? (double)INFINITY : error;
    }
}

/* Sums every channel's error over the window, and leaves the residual of the newest row behind.
 * Returns the sum over all channels. */
static double channel_errors(struct autoencoder *ae, size_t window)
{
    const struct features *features = &ae->features;
    size_t width = features_width(features);
    double total = 0;
    for (size_t c = 0; c < features->channels; c++)
        ae->error[c] = 0;
    for (size_t w = 0; w < window; w++) {
        features_residual(features, ae->input + w * width, ae->output + w * width, ae->residual);
        for (size_t c = 0; c < features->channels; c++) {
            double error = (double)element_error(ae, (float)ae->residual[c]);
            ae->error[c] += error;
            total += error;
        }
    }
    return total;
}

static void autoencoder_explain(struct detector *detector, const float *window,
                                struct deviation *ret_deviations)
{
    struct autoencoder *ae = detector->part.autoencoder;
    const struct features *features = &ae->features;
    const float *newest = window + (detector_span(detector) - 1) * detector->channels;
    fill_input(detector, window, ae->input);
    mlp_forward(ae->mlp, 1, ae->input, ae->output);
    double total = channel_errors(ae, detector->window);
    features_scale(features, 1, newest, detector->channels, ae->scaled);
    features_expected(features, ae->scaled, ae->residual, ae->expected);
    for (size_t c = 0; c < detector->channels; c++)
        ret_deviations[c] = (struct deviation){
            .channel = c, .observed = (double)newest[c], .expected = (double)newest[c]};
    for (size_t c = 0; c < features->channels; c++) {
        struct deviation *deviation = &ret_deviations[features->channel[c]];
        deviation->share = total > 0 ? ae->error[c] / total : 0;
        deviation->expected = ae->expected[c];
        deviation->z = (deviation->observed - deviation->expected) / (double)ae->floor[c];
    }
}

const struct detector_kind autoencoder_kind = {
    .name = "autoencoder",
    .load = autoencoder_load,
    .unload = autoencoder_unload,
    .score = autoencoder_score,
    .explain = autoencoder_explain,
};

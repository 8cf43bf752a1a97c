/*
 * An explanation goes back from features to channels: the shares of a window's error are exact
 * where the features are channels; principal components carry their residuals back to the channels,
 * where the error is counted again.
 */
#include "model/reconstruction.h"

#include "model/features_file.h"
#include "nn/vector.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A tensor "<index>.<name>" of numbers over 0. Memory: the caller's. */
static int load_positive(const struct safetensors *tensors, const char *name, size_t index,
                         size_t count, float **ret_values, struct diag *diag)
{
    char tensor[64];
    snprintf(tensor, sizeof tensor, "%zu.%s", index, name);
    float *values = *ret_values = calloc(count, sizeof *values);
    if (!values)
        return diag_errno(diag, ENOMEM, "%s", tensor);
    int r = safetensors_get_f32(tensors, tensor, SAFETENSORS_SHAPE(count), values, diag);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (!(values[i] > 0))
            r = diag_set(diag, "%s: entry %zu is %g, must be over 0", tensor, i, (double)values[i]);
    }
    return r;
}

int reconstruction_load_weight(struct reconstruction *reconstruction, size_t index,
                               const struct safetensors *tensors, struct diag *diag)
{
    size_t width = features_width(&reconstruction->features);
    reconstruction->weighted = calloc(width, sizeof *reconstruction->weighted);
    if (!reconstruction->weighted)
        return diag_errno(diag, ENOMEM, "scratch");
    return load_positive(tensors, "feature.weight", index, width, &reconstruction->weight, diag);
}

int reconstruction_load(struct reconstruction *reconstruction, const struct detector *detector,
                        const cJSON *config, const struct safetensors *tensors, struct diag *diag)
{
    const struct features_source source = {.config = config,
                                           .tensors = tensors,
                                           .detector = detector->index,
                                           .sample_channels = detector->channels};
    int r = features_file_load(&source, &reconstruction->features, diag);
    if (r == 0)
        r = load_positive(tensors, "channel.floor", detector->index,
                          reconstruction->features.channels, &reconstruction->floor, diag);
    if (r < 0)
        return r;
    size_t channels = reconstruction->features.channels;
    reconstruction->scaled = calloc(channels, sizeof *reconstruction->scaled);
    reconstruction->residual = calloc(channels, sizeof *reconstruction->residual);
    reconstruction->error = calloc(channels, sizeof *reconstruction->error);
    reconstruction->expected = calloc(channels, sizeof *reconstruction->expected);
    bool complete = reconstruction->scaled && reconstruction->residual && reconstruction->error &&
                    reconstruction->expected;
    return complete ? 0 : diag_errno(diag, ENOMEM, "scratch");
}

void reconstruction_deinit(struct reconstruction *reconstruction)
{
    features_deinit(&reconstruction->features);
    free(reconstruction->floor);
    free(reconstruction->weight);
    free(reconstruction->weighted);
    free(reconstruction->scaled);
    free(reconstruction->residual);
    free(reconstruction->error);
    free(reconstruction->expected);
    *reconstruction = (struct reconstruction){0};
}

void reconstruction_input(struct reconstruction *reconstruction, const struct detector *detector,
                          const float *window, float *ret_input)
{
    features_apply(&reconstruction->features, detector->window, window,
                   detector->spacing * detector->channels, ret_input);
}

/* Written so that it vectorises: both branches of Smooth-L1 as one expression, and no branch for
 * the square, which is the case of a bound that nothing reaches, times two. */
struct error_curve {
    float bound, halved; /* half of the square below it, straight on above; what is the half */
};

static struct error_curve curve_of(const struct reconstruction *reconstruction)
{
    return reconstruction->smooth_l1
               ? (struct error_curve){reconstruction->beta, 0.5F / reconstruction->beta}
               : (struct error_curve){INFINITY, 1};
}

static inline float element_error(struct error_curve curve, float difference)
{
    float magnitude = fabsf(difference);
    float inner = magnitude < curve.bound ? magnitude : curve.bound;
    return inner * inner * curve.halved + (magnitude - inner);
}

#define LANES 16

NN_VECTORISED static double sum_errors(struct error_curve curve, size_t count,
                                       const float *restrict input, const float *restrict output)
{
    double lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += (double)element_error(curve, output[i + j] - input[i + j]);
    for (size_t j = 0; i + j < count; j++)
        lanes[j] += (double)element_error(curve, output[i + j] - input[i + j]);
    for (size_t j = 0; j < LANES; j++)
        sum += lanes[j];
    return sum;
}

double reconstruction_error(const struct reconstruction *reconstruction, const float *input,
                            const float *output, size_t count)
{
    double sum = sum_errors(curve_of(reconstruction), count, input, output);
    return isnan(sum) ? (double)INFINITY : sum / (double)count;
}

/* What lies as far from the input as the residuals of an output count. */
static const float *weigh(struct reconstruction *reconstruction, const float *input,
                          const float *output)
{
    const float *weight = reconstruction->weight;
    if (!weight)
        return output;
    for (size_t k = 0; k < features_width(&reconstruction->features); k++)
        reconstruction->weighted[k] = input[k] - weight[k] * (input[k] - output[k]);
    return reconstruction->weighted;
}

/* Sums every channel's error over the window. Returns the sum over all channels. */
static double channel_errors(struct reconstruction *reconstruction, size_t window,
                             const float *input, const float *output)
{
    const struct features *features = &reconstruction->features;
    size_t width = features_width(features);
    struct error_curve curve = curve_of(reconstruction);
    double total = 0;
    for (size_t c = 0; c < features->channels; c++)
        reconstruction->error[c] = 0;
    for (size_t w = 0; w < window; w++, input += width, output += width) {
        features_residual(features, input, weigh(reconstruction, input, output),
                          reconstruction->residual);
        for (size_t c = 0; c < features->channels; c++) {
            double error = (double)element_error(curve, (float)reconstruction->residual[c]);
            reconstruction->error[c] += error;
            total += error;
        }
    }
    return total;
}

void reconstruction_explain(struct reconstruction *reconstruction, const struct detector *detector,
                            const float *window, const float *input, const float *output,
                            struct deviation *ret_deviations)
{
    const struct features *features = &reconstruction->features;
    const float *newest = window + (detector_span(detector) - 1) * detector->channels;
    double total = channel_errors(reconstruction, detector->window, input, output);
    size_t last = (detector->window - 1) * features_width(features);
    features_residual(features, input + last, output + last, reconstruction->residual);
    features_scale(features, 1, newest, detector->channels, reconstruction->scaled);
    features_expected(features, reconstruction->scaled, reconstruction->residual,
                      reconstruction->expected);
    for (size_t c = 0; c < detector->channels; c++)
        ret_deviations[c] = (struct deviation){
            .channel = c, .observed = (double)newest[c], .expected = (double)newest[c]};
    for (size_t c = 0; c < features->channels; c++) {
        struct deviation *deviation = &ret_deviations[features->channel[c]];
        deviation->share = total > 0 && isfinite(total) ? reconstruction->error[c] / total : 0;
        deviation->expected = reconstruction->expected[c];
        deviation->z =
            (deviation->observed - deviation->expected) / (double)reconstruction->floor[c];
    }
}

#include "model/autoencoder.h"

#include "model/network_file.h"
#include "model/scaler.h"
#include "nn/mlp.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct autoencoder {
    size_t channels;      /* it looks at */
    size_t *channel;      /* [channels] their places in a row */
    struct scaler scaler; /* over these channels */
    struct mlp *mlp;      /* window * channels -> the same */
    bool smooth_l1;       /* else squared */
    float beta;           /* of Smooth-L1 */
    float *floor;         /* [channels] usual residual, in the channel's units */
    float *input,
        *output; /* [DETECTOR_BATCH_MAX][window * channels]: scratch of the scoring thread */
};

static void autoencoder_unload(struct detector *detector)
{
    struct autoencoder *ae = detector->part.autoencoder;
    if (!ae)
        return;
    scaler_deinit(&ae->scaler);
    mlp_free(ae->mlp);
    free(ae->channel);
    free(ae->floor);
    free(ae->input);
    free(ae->output);
    free(ae);
    detector->part.autoencoder = NULL;
}

/* "channels": places in a row, rising; all of them if it is absent. */
static int load_channels(struct autoencoder *ae, const struct detector *detector,
                         const cJSON *config, struct diag *diag)
{
    const cJSON *list = NULL;
    int r = json_get_array(config, "channels", false, &list, diag);
    if (r < 0)
        return r;
    size_t count = list ? (size_t)cJSON_GetArraySize(list) : detector->channels;
    if (count == 0 || count > detector->channels)
        return diag_set(diag, "channels: %zu entries, must be 1 to %zu", count, detector->channels);
    ae->channel = calloc(count, sizeof *ae->channel);
    if (!ae->channel)
        return diag_errno(diag, ENOMEM, "channels");
    ae->channels = count;
    if (!list) {
        for (size_t i = 0; i < count; i++)
            ae->channel[i] = i;
        return 0;
    }
    size_t used = 0;
    double next = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        double place = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (place != floor(place) || place < next || place >= (double)detector->channels)
            return diag_set(diag, "channels: entry %zu must be an integer from %.0f to %zu", used,
                            next, detector->channels - 1);
        ae->channel[used++] = (size_t)place;
        next = place + 1;
    }
    return 0;
}

static int load_scaler(struct autoencoder *ae, size_t index, const cJSON *config,
                       const struct safetensors *tensors, struct diag *diag)
{
    const cJSON *object;
    const char *name;
    enum scaler_kind kind;
    double clip = (double)INFINITY;
    int r = json_get_object(config, "scaler", true, &object, diag);
    if (r == 0)
        r = json_get_string(object, "kind", true, 32, &name, diag);
    if (r == 0)
        r = json_get_number(object, "clip", false, 0, 1e6, &clip, diag);
    if (r == 0)
        r = scaler_kind_parse(name, &kind, diag);
    if (r == 0 && (r = scaler_init(&ae->scaler, kind, ae->channels)) < 0)
        diag_errno(diag, r, "scaler");
    if (r < 0)
        return r;
    ae->scaler.clip = clip;
    const struct safetensors_shape shape = SAFETENSORS_SHAPE(ae->channels);
    char tensor[64];
    snprintf(tensor, sizeof tensor, "%zu.scaler.offset", index);
    r = safetensors_get_f64(tensors, tensor, shape, ae->scaler.offset, diag);
    snprintf(tensor, sizeof tensor, "%zu.scaler.scale", index);
    if (r == 0)
        r = safetensors_get_f64(tensors, tensor, shape, ae->scaler.scale, diag);
    return r < 0 ? r : scaler_check(&ae->scaler, diag);
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
    char tensor[64];
    snprintf(tensor, sizeof tensor, "%zu.channel.floor", index);
    ae->floor = calloc(ae->channels, sizeof *ae->floor);
    if (!ae->floor)
        return diag_errno(diag, ENOMEM, "%s", tensor);
    int r = safetensors_get_f32(tensors, tensor, SAFETENSORS_SHAPE(ae->channels), ae->floor, diag);
    for (size_t i = 0; r == 0 && i < ae->channels; i++) {
        if (!(ae->floor[i] > 0))
            r = diag_set(diag, "%s: entry %zu is %g, must be over 0", tensor, i,
                         (double)ae->floor[i]);
    }
    return r;
}

static int load_network(struct autoencoder *ae, const struct detector *detector,
                        const cJSON *config, const struct safetensors *tensors, struct diag *diag)
{
    size_t width = detector->window * ae->channels;
    int r =
        network_file_load_mlp(config, tensors, detector->index, DETECTOR_BATCH_MAX, &ae->mlp, diag);
    if (r < 0)
        return r;
    if (mlp_inputs(ae->mlp) != width || mlp_outputs(ae->mlp) != width)
        return diag_set(diag, "the network is %zu -> %zu wide, %zu rows of %zu channels are %zu",
                        mlp_inputs(ae->mlp), mlp_outputs(ae->mlp), detector->window, ae->channels,
                        width);
    ae->input = calloc(DETECTOR_BATCH_MAX * width, sizeof *ae->input);
    ae->output = calloc(DETECTOR_BATCH_MAX * width, sizeof *ae->output);
    return ae->input && ae->output ? 0 : diag_errno(diag, ENOMEM, "scratch");
}

static int autoencoder_load(struct detector *detector, const cJSON *config,
                            const struct safetensors *tensors, struct diag *diag)
{
    struct autoencoder *ae = calloc(1, sizeof *ae);
    if (!ae)
        return diag_errno(diag, ENOMEM, "autoencoder");
    detector->part.autoencoder = ae;
    int r = load_channels(ae, detector, config, diag);
    if (r == 0)
        r = load_scaler(ae, detector->index, config, tensors, diag);
    if (r == 0)
        r = load_score(ae, config, diag);
    if (r == 0)
        r = load_floor(ae, detector->index, tensors, diag);
    if (r == 0)
        r = load_network(ae, detector, config, tensors, diag);
    return r;
}

/* Scales and flattens one window into [window * channels]. */
static void fill_input(const struct detector *detector, const float *window, float *ret_input)
{
    const struct autoencoder *ae = detector->part.autoencoder;
    for (size_t w = 0; w < detector->window; w++) {
        const float *row = window + w * detector->spacing * detector->channels;
        float *target = ret_input + w * ae->channels;
        for (size_t c = 0; c < ae->channels; c++)
            target[c] = row[ae->channel[c]];
    }
    scaler_apply(&ae->scaler, detector->window, ret_input, ret_input);
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
    size_t width = detector->window * ae->channels;
    for (size_t i = 0; i < count; i++)
        fill_input(detector, windows[i], ae->input + i * width);
    mlp_forward(ae->mlp, count, ae->input, ae->output);
    for (size_t i = 0; i < count; i++)
        ret_scores[i] = window_error(ae, ae->input + i * width, ae->output + i * width, width);
}

static void autoencoder_explain(struct detector *detector, const float *window,
                                struct deviation *ret_deviations)
{
    struct autoencoder *ae = detector->part.autoencoder;
    size_t width = detector->window * ae->channels;
    fill_input(detector, window, ae->input);
    mlp_forward(ae->mlp, 1, ae->input, ae->output);
    double total = window_error(ae, ae->input, ae->output, width) * (double)width;
    const float *newest = window + (detector_span(detector) - 1) * detector->channels;
    for (size_t c = 0; c < detector->channels; c++)
        ret_deviations[c] = (struct deviation){
            .channel = c, .observed = (double)newest[c], .expected = (double)newest[c]};
    for (size_t c = 0; c < ae->channels; c++) {
        struct deviation *deviation = &ret_deviations[ae->channel[c]];
        double sum = 0;
        for (size_t w = 0; w < detector->window; w++) {
            size_t at = w * ae->channels + c;
            sum += (double)element_error(ae, ae->output[at] - ae->input[at]);
        }
        deviation->share = total > 0 ? sum / total : 0;
        deviation->expected =
            scaler_inverse(&ae->scaler, c, (double)ae->output[width - ae->channels + c]);
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

/*
 * Features, a network that reconstructs them, and the error as the score. The principal components
 * are a network too, and a kind of their own because an operator reads the kind's name.
 * Mahalanobis' distance is not: what its network gives is no window that anyone would expect.
 */
#include "model/autoencoder.h"

#include "model/network_file.h"
#include "model/reconstruction.h"
#include "nn/mlp.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct autoencoder {
    struct reconstruction reconstruction;
    struct mlp *mlp;       /* window * width of the features -> the same */
    float *input, *output; /* [DETECTOR_BATCH_MAX][window * width] scratch of the scoring thread */
};

static void autoencoder_unload(struct detector *detector)
{
    struct autoencoder *ae = detector->part.autoencoder;
    if (!ae)
        return;
    reconstruction_deinit(&ae->reconstruction);
    mlp_free(ae->mlp);
    free(ae->input);
    free(ae->output);
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
    ae->reconstruction.smooth_l1 = !strcmp(score, "smooth-l1");
    ae->reconstruction.beta = (float)beta;
    if (!ae->reconstruction.smooth_l1 && strcmp(score, "mse") != 0)
        return diag_set(diag, "score: \"%s\", must be mse or smooth-l1", score);
    return 0;
}

static int load_network(struct autoencoder *ae, const struct detector *detector,
                        const cJSON *config, const struct safetensors *tensors, struct diag *diag)
{
    const struct features *features = &ae->reconstruction.features;
    size_t width = detector->window * features_width(features);
    int r =
        network_file_load_mlp(config, tensors, detector->index, DETECTOR_BATCH_MAX, &ae->mlp, diag);
    if (r < 0)
        return r;
    if (mlp_inputs(ae->mlp) != width || mlp_outputs(ae->mlp) != width)
        return diag_set(diag, "the network is %zu -> %zu wide, %zu rows of %zu %s are %zu",
                        mlp_inputs(ae->mlp), mlp_outputs(ae->mlp), detector->window,
                        features_width(features),
                        features->pca.components ? "components" : "channels", width);
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
    int r = load_score(ae, config, diag);
    if (r == 0)
        r = reconstruction_load(&ae->reconstruction, detector, config, tensors, diag);
    return r < 0 ? r : load_network(ae, detector, config, tensors, diag);
}

static void autoencoder_score(struct detector *detector, const float *const *windows, size_t count,
                              double *ret_scores)
{
    struct autoencoder *ae = detector->part.autoencoder;
    size_t width = mlp_inputs(ae->mlp);
    for (size_t i = 0; i < count; i++)
        reconstruction_input(&ae->reconstruction, detector, windows[i], ae->input + i * width);
    mlp_forward(ae->mlp, count, ae->input, ae->output);
    for (size_t i = 0; i < count; i++)
        ret_scores[i] = reconstruction_error(&ae->reconstruction, ae->input + i * width,
                                             ae->output + i * width, width);
}

static void autoencoder_explain(struct detector *detector, const float *window,
                                struct deviation *ret_deviations)
{
    struct autoencoder *ae = detector->part.autoencoder;
    reconstruction_input(&ae->reconstruction, detector, window, ae->input);
    mlp_forward(ae->mlp, 1, ae->input, ae->output);
    reconstruction_explain(&ae->reconstruction, detector, window, ae->input, ae->output,
                           ret_deviations);
}

#define KIND(kind_name)                                                                            \
    {                                                                                              \
        .name = kind_name, .load = autoencoder_load, .unload = autoencoder_unload,                 \
        .score = autoencoder_score, .explain = autoencoder_explain,                                \
    }

const struct detector_kind autoencoder_kind = KIND("autoencoder");
const struct detector_kind pca_kind = KIND("pca");

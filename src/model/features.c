/*
 * Rows go through in blocks, so that the scratch stays in the cache and its size is known
 * beforehand. The mean is subtracted before the product and not folded into it: the difference of
 * two large sums would cost the digits that matter.
 */
#include "model/features.h"

#include "nn/blas.h"
#include "nn/vector.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 64 /* rows */
#define LENGTH_TOLERANCE 1e-3

int features_init(struct features *features, const size_t *channel, size_t channels)
{
    assert(channels > 0);
    *features = (struct features){.channels = channels};
    features->channel = malloc(channels * sizeof *channel);
    if (!features->channel)
        return -ENOMEM;
    memcpy(features->channel, channel, channels * sizeof *channel);
    return 0;
}

int features_add_pca(struct features *features, size_t components)
{
    assert(components > 0 && components <= features->channels && !features->pca.components);
    features->pca.components = components;
    features->pca.mean = vector_new(features->channels);
    features->pca.basis = vector_new(components * features->channels);
    features->scratch = vector_new(BLOCK * features->channels);
    bool complete = features->pca.mean && features->pca.basis && features->scratch;
    return complete ? 0 : -ENOMEM;
}

static int check_pca(const struct features *features, struct diag *diag)
{
    const struct features_pca *pca = &features->pca;
    if (features->second.channels != pca->components)
        return diag_set(diag, "second scaler: %zu wide for %zu components",
                        features->second.channels, pca->components);
    for (size_t c = 0; c < features->channels; c++) {
        if (!isfinite(pca->mean[c]))
            return diag_set(diag, "pca: channel %zu: mean %g", c, (double)pca->mean[c]);
    }
    for (size_t k = 0; k < pca->components; k++) {
        double squares =
            vector_sum_squares(features->channels, pca->basis + k * features->channels);
        if (!(fabs(sqrt(squares) - 1) <= LENGTH_TOLERANCE))
            return diag_set(diag, "pca: component %zu has length %g, must be 1", k, sqrt(squares));
    }
    return scaler_check(&features->second, diag);
}

int features_check(const struct features *features, struct diag *diag)
{
    int r = scaler_check(&features->scaler, diag);
    if (r == 0 && features->scaler.channels != features->channels)
        r = diag_set(diag, "scaler: %zu wide for %zu channels", features->scaler.channels,
                     features->channels);
    return r < 0 || features->pca.components == 0 ? r : check_pca(features, diag);
}

void features_deinit(struct features *features)
{
    scaler_deinit(&features->scaler);
    scaler_deinit(&features->second);
    free(features->channel);
    free(features->pca.mean);
    free(features->pca.basis);
    free(features->scratch);
    *features = (struct features){0};
}

size_t features_width(const struct features *features)
{
    return features->pca.components ? features->pca.components : features->channels;
}

void features_scale(const struct features *features, size_t rows, const float *samples,
                    size_t stride, float *ret_scaled)
{
    float *target = ret_scaled;
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < features->channels; c++)
            target[c] = samples[features->channel[c]];
        samples += stride;
        target += features->channels;
    }
    scaler_apply(&features->scaler, rows, ret_scaled, ret_scaled);
}

static void project_scratch(struct features *features, size_t rows, float *ret_components)
{
    const struct features_pca *pca = &features->pca;
    for (size_t row = 0; row < rows; row++)
        vector_add_scaled(features->channels, -1, pca->mean,
                          features->scratch + row * features->channels);
    const struct blas_size size = {.m = rows, .n = pca->components, .k = features->channels};
    blas_multiply_transposed_b(size, features->scratch, pca->basis, false, ret_components);
}

/* In place this writes over rows that were read: a row of components is not wider. */
void features_project(struct features *features, size_t rows, const float *scaled,
                      float *ret_components)
{
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t count = rows - first < BLOCK ? rows - first : BLOCK;
        vector_copy(count * features->channels, scaled + first * features->channels,
                    features->scratch);
        project_scratch(features, count, ret_components + first * features->pca.components);
    }
}

void features_apply(struct features *features, size_t rows, const float *samples, size_t stride,
                    float *ret_features)
{
    if (features->pca.components == 0) {
        features_scale(features, rows, samples, stride, ret_features);
        return;
    }
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t count = rows - first < BLOCK ? rows - first : BLOCK;
        features_scale(features, count, samples + first * stride, stride, features->scratch);
        project_scratch(features, count, ret_features + first * features->pca.components);
    }
    scaler_apply(&features->second, rows, ret_features, ret_features);
}

void features_residual(const struct features *features, const float *input, const float *output,
                       double *ret_residual)
{
    const struct features_pca *pca = &features->pca;
    for (size_t c = 0; c < features->channels; c++)
        ret_residual[c] = pca->components ? 0 : (double)input[c] - (double)output[c];
    for (size_t k = 0; k < pca->components; k++) {
        const float *axis = pca->basis + k * features->channels;
        double residual = scaler_inverse(&features->second, k, (double)input[k]) -
                          scaler_inverse(&features->second, k, (double)output[k]);
        for (size_t c = 0; c < features->channels; c++)
            ret_residual[c] += residual * (double)axis[c];
    }
}

void features_expected(const struct features *features, const float *scaled, const double *residual,
                       double *ret_expected)
{
    for (size_t c = 0; c < features->channels; c++)
        ret_expected[c] = scaler_inverse(&features->scaler, c, (double)scaled[c] - residual[c]);
}

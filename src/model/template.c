#include "model/template.h"

#include "model/grouped.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct template
{
    size_t place;           /* of the moving time in a row */
    double bin_s;           /* of moving time */
    struct grouped grouped; /* what it looks at */
    size_t *first;          /* [steps + 1] of each step's bins; a step without one is not judged */
    float *mean, *spread;   /* [bins][TEMPLATE_STATES][channels] in the channel's units */
};

size_t template_bin(double moving_s, double bin_s)
{
    double bin = moving_s / bin_s + 0.01; /* a float32 may lie under the time that it means */
    return bin >= TEMPLATE_BINS_MAX ? TEMPLATE_BINS_MAX : bin > 0 ? (size_t)bin : 0;
}

static void template_unload(struct detector *detector)
{
    struct template *template = detector->part.template;
    if (!template)
        return;
    grouped_deinit(&template->grouped);
    free(template->first);
    free(template->mean);
    free(template->spread);
    free(template);
    detector->part.template = NULL;
}

/* ---- loading ---- */

/* "bins" [steps]: how many each step has. */
static int load_bins(struct template *template, const struct detector *detector,
                     const struct safetensors *tensors, struct diag *diag)
{
    char name[64];
    size_t steps = detector->derivation->steps;
    int64_t *bins = calloc(steps, sizeof *bins);
    template->first = calloc(steps + 1, sizeof *template->first);
    snprintf(name, sizeof name, "%zu.bins", detector->index);
    int r = bins && template->first
                ? safetensors_get_i64(tensors, name, SAFETENSORS_SHAPE(steps), bins, diag)
                : diag_errno(diag, ENOMEM, "bins");
    for (size_t s = 0; r == 0 && s < steps; s++) {
        if (bins[s] < 0 || bins[s] > TEMPLATE_BINS_MAX)
            r = diag_set(diag, "%s: entry %zu is %lld, must be 0 to %d", name, s,
                         (long long)bins[s], TEMPLATE_BINS_MAX);
        else
            template->first[s + 1] = template->first[s] + (size_t)bins[s];
    }
    free(bins);
    return r;
}

static int load_profiles(const struct template *template, const struct detector *detector,
                         const struct safetensors *tensors, const char *what, float **ret_values,
                         struct diag *diag)
{
    char name[64];
    size_t bins = template->first[detector->derivation->steps];
    struct safetensors_shape shape =
        SAFETENSORS_SHAPE(bins, (size_t)TEMPLATE_STATES, template->grouped.channels);
    snprintf(name, sizeof name, "%zu.%s", detector->index, what);
    const struct safetensors_tensor *tensor = safetensors_find(tensors, name);
    /* before any memory is taken: the number of bins is the file's word */
    if (!tensor || tensor->count != bins * TEMPLATE_STATES * template->grouped.channels)
        return diag_set(diag, "%s: missing, or not [%zu, %d, %zu]", name, bins, TEMPLATE_STATES,
                        template->grouped.channels);
    *ret_values = calloc(tensor->count + 1, sizeof **ret_values);
    return *ret_values ? safetensors_get_f32(tensors, name, shape, *ret_values, diag)
                       : diag_errno(diag, ENOMEM, "%s", name);
}

static int template_load(struct detector *detector, const cJSON *config,
                         const struct safetensors *tensors, struct diag *diag)
{
    size_t place = derivation_find(detector->derivation, DERIVED_MOVING_TIME);
    if (place == DERIVED_NONE)
        return diag_set(diag, "template needs a derived channel of the kind %s",
                        derived_kind_name(DERIVED_MOVING_TIME));
    if (detector->window != 1)
        return diag_set(diag, "template has windows of 1 row");
    struct template *template = calloc(1, sizeof *template);
    if (!template)
        return diag_errno(diag, ENOMEM, "template");
    detector->part.template = template;
    template->place = place;
    int r = json_get_number(config, "bin_s", true, 1e-6, 3600, &template->bin_s, diag);
    if (r == 0)
        r = grouped_load(&template->grouped, config, detector->channels, diag);
    if (r == 0)
        r = load_bins(template, detector, tensors, diag);
    if (r == 0)
        r = load_profiles(template, detector, tensors, "mean", &template->mean, diag);
    if (r == 0)
        r = load_profiles(template, detector, tensors, "spread", &template->spread, diag);
    if (r < 0)
        return r;
    size_t values =
        template->first[detector->derivation->steps] * TEMPLATE_STATES * template->grouped.channels;
    for (size_t i = 0; i < values; i++) {
        if (!(template->spread[i] > 0))
            return diag_set(diag, "%zu.spread: entry %zu is %g, must be over 0", detector->index, i,
                            (double)template->spread[i]);
    }
    return 0;
}

/* ---- scoring ---- */

/* Where the profile of a row begins in mean and spread; DERIVED_NONE: the row cannot be judged. */
static size_t profile_of(const struct detector *detector, const float *row)
{
    const struct template *template = detector->part.template;
    const struct derivation *derivation = detector->derivation;
    size_t step = derivation_step_index(derivation, derivation_step(derivation, row));
    if (step == DERIVED_NONE || isnan(row[template->place]))
        return DERIVED_NONE;
    size_t bins = template->first[step + 1] - template->first[step];
    if (bins == 0)
        return DERIVED_NONE;
    size_t bin = template_bin((double)row[template->place], template->bin_s);
    size_t state = derivation_moving(derivation, row) ? TEMPLATE_MOTION : TEMPLATE_REST;
    bin = template->first[step] + (bin < bins ? bin : bins - 1);
    return (bin * TEMPLATE_STATES + state) * template->grouped.channels;
}

/* Fills z and expected. */
static void judge(struct template *template, size_t profile, const float *row)
{
    struct grouped *grouped = &template->grouped;
    for (size_t c = 0; c < grouped->channels; c++) {
        grouped->expected[c] = (double)template->mean[profile + c];
        grouped->z[c] = ((double)row[grouped->channel[c]] - grouped->expected[c]) /
                        (double)template->spread[profile + c];
    }
}

static void template_score(struct detector *detector, const float *const *windows, size_t count,
                           double *ret_scores)
{
    struct template *template = detector->part.template;
    for (size_t i = 0; i < count; i++) {
        size_t profile = profile_of(detector, windows[i]);
        ret_scores[i] = (double)NAN;
        if (profile == DERIVED_NONE)
            continue;
        judge(template, profile, windows[i]);
        ret_scores[i] = grouped_score(&template->grouped);
    }
}

static void template_explain(struct detector *detector, const float *window,
                             struct deviation *ret_deviations)
{
    struct template *template = detector->part.template;
    size_t profile = profile_of(detector, window);
    if (profile == DERIVED_NONE) {
        grouped_explain_nothing(window, detector->channels, ret_deviations);
        return;
    }
    judge(template, profile, window);
    grouped_explain(&template->grouped, window, detector->channels, ret_deviations);
}

const struct detector_kind template_kind = {
    .name = "template",
    .load = template_load,
    .unload = template_unload,
    .score = template_score,
    .explain = template_explain,
};

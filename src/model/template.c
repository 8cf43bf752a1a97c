#include "model/template.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct template
{
    size_t place;    /* of the moving time in a row */
    double bin_s;    /* of moving time */
    size_t channels; /* that it looks at */
    size_t *channel; /* [channels] places in a row */
    size_t *group;   /* [channels] 0 to groups - 1 */
    size_t groups;
    double *group_size;   /* [groups] channels in it */
    size_t *first;        /* [steps + 1] of each step's bins; a step without one is not judged */
    float *mean, *spread; /* [bins][TEMPLATE_STATES][channels] in the channel's units */
    double *group_sum;    /* [groups] scratch of the scoring thread */
};

size_t template_bin(double moving_s, double bin_s)
{
    return (size_t)(moving_s / bin_s + 0.01); /* a float32 may lie under the time that it means */
}

static void template_unload(struct detector *detector)
{
    struct template *template = detector->part.template;
    if (!template)
        return;
    free(template->channel);
    free(template->group);
    free(template->group_size);
    free(template->first);
    free(template->mean);
    free(template->spread);
    free(template->group_sum);
    free(template);
    detector->part.template = NULL;
}

/* ---- loading ---- */

/* Whole numbers of a list of `count`, or of 1 and more where it is 0, each under `limit`. */
static int read_places(const cJSON *config, const char *key, size_t limit, size_t **ret_places,
                       size_t *count, struct diag *diag)
{
    const cJSON *list, *item;
    size_t used = 0;
    int r = json_get_array(config, key, true, &list, diag);
    if (r < 0)
        return r;
    size_t size = (size_t)cJSON_GetArraySize(list);
    if (size == 0 || (*count > 0 && size != *count))
        return diag_set(diag, "%s: %zu entries for %zu channels", key, size, *count);
    *ret_places = calloc(size, sizeof **ret_places);
    if (!*ret_places)
        return diag_errno(diag, ENOMEM, "%s", key);
    cJSON_ArrayForEach(item, list)
    {
        double place = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(place >= 0) || place != floor(place) || place >= (double)limit)
            return diag_set(diag, "%s: entry %zu must be an integer from 0 to %zu", key, used,
                            limit - 1);
        (*ret_places)[used++] = (size_t)place;
    }
    *count = used;
    return 0;
}

static int load_channels(struct template *template, const struct detector *detector,
                         const cJSON *config, struct diag *diag)
{
    int r = json_get_number(config, "bin_s", true, 1e-6, 3600, &template->bin_s, diag);
    if (r == 0)
        r = read_places(config, "channels", detector->channels, &template->channel,
                        &template->channels, diag);
    if (r == 0)
        r = read_places(config, "groups", template->channels, &template->group, &template->channels,
                        diag);
    if (r < 0)
        return r;
    for (size_t c = 0; c < template->channels; c++) {
        if (template->group[c] >= template->groups)
            template->groups = template->group[c] + 1;
    }
    template->group_size = calloc(template->groups, sizeof *template->group_size);
    template->group_sum = calloc(template->groups, sizeof *template->group_sum);
    if (!template->group_size || !template->group_sum)
        return diag_errno(diag, ENOMEM, "groups");
    for (size_t c = 0; c < template->channels; c++)
        template->group_size[template->group[c]]++;
    for (size_t g = 0; g < template->groups; g++) {
        if (template->group_size[g] < 1)
            return diag_set(diag, "groups: %zu has no channel", g);
    }
    return 0;
}

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
        SAFETENSORS_SHAPE(bins, (size_t)TEMPLATE_STATES, template->channels);
    snprintf(name, sizeof name, "%zu.%s", detector->index, what);
    const struct safetensors_tensor *tensor = safetensors_find(tensors, name);
    /* before any memory is taken: the number of bins is the file's word */
    if (!tensor || tensor->count != bins * TEMPLATE_STATES * template->channels)
        return diag_set(diag, "%s: missing, or not [%zu, %d, %zu]", name, bins, TEMPLATE_STATES,
                        template->channels);
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
    int r = load_channels(template, detector, config, diag);
    if (r == 0)
        r = load_bins(template, detector, tensors, diag);
    if (r == 0)
        r = load_profiles(template, detector, tensors, "mean", &template->mean, diag);
    if (r == 0)
        r = load_profiles(template, detector, tensors, "spread", &template->spread, diag);
    if (r < 0)
        return r;
    size_t values =
        template->first[detector->derivation->steps] * TEMPLATE_STATES * template->channels;
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
    return (bin * TEMPLATE_STATES + state) * template->channels;
}

static double z_of(const struct template *template, size_t profile, size_t channel,
                   const float *row)
{
    double observed = (double)row[template->channel[channel]];
    return (observed - (double)template->mean[profile + channel]) /
           (double)template->spread[profile + channel];
}

static double largest_group(struct template *template, size_t profile, const float *row)
{
    double largest = 0;
    for (size_t g = 0; g < template->groups; g++)
        template->group_sum[g] = 0;
    for (size_t c = 0; c < template->channels; c++)
        template->group_sum[template->group[c]] +=
            fmin(fabs(z_of(template, profile, c, row)), TEMPLATE_CLIP);
    for (size_t g = 0; g < template->groups; g++)
        largest = fmax(largest, template->group_sum[g] / template->group_size[g]);
    return largest;
}

static void template_score(struct detector *detector, const float *const *windows, size_t count,
                           double *ret_scores)
{
    for (size_t i = 0; i < count; i++) {
        size_t profile = profile_of(detector, windows[i]);
        ret_scores[i] = profile == DERIVED_NONE
                            ? (double)NAN
                            : largest_group(detector->part.template, profile, windows[i]);
    }
}

static void template_explain(struct detector *detector, const float *window,
                             struct deviation *ret_deviations)
{
    const struct template *template = detector->part.template;
    size_t profile = profile_of(detector, window);
    double total = 0;
    for (size_t c = 0; c < detector->channels; c++)
        ret_deviations[c] = (struct deviation){
            .channel = c, .observed = (double)window[c], .expected = (double)window[c]};
    if (profile == DERIVED_NONE)
        return;
    for (size_t c = 0; c < template->channels; c++)
        total += fmin(fabs(z_of(template, profile, c, window)), TEMPLATE_CLIP);
    for (size_t c = 0; c < template->channels; c++) {
        struct deviation *deviation = &ret_deviations[template->channel[c]];
        double z = z_of(template, profile, c, window);
        deviation->share = total > 0 ? fmin(fabs(z), TEMPLATE_CLIP) / total : 0;
        deviation->expected = (double)template->mean[profile + c];
        deviation->z = z;
    }
}

const struct detector_kind template_kind = {
    .name = "template",
    .load = template_load,
    .unload = template_unload,
    .score = template_score,
    .explain = template_explain,
};

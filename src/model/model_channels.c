#include "model/model_channels.h"

#include "model/derived_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL_TEXT_MAX 128
#define RUN_MAX (INT64_C(1) << 31) /* rows */

/* The number of a group, which is made if it is new. */
static int find_group(struct model *model, const char *name, size_t *ret_group)
{
    for (size_t g = 0; g < model->groups; g++) {
        if (!strcmp(model->group_names[g], name)) {
            *ret_group = g;
            return 0;
        }
    }
    char *copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    *ret_group = model->groups;
    model->group_names[model->groups++] = copy;
    return 0;
}

static int load_run(const cJSON *object, bool required, size_t *ret_run, struct diag *diag)
{
    int64_t run = 0;
    int r = json_get_integer(object, "longest_run", required, 1, RUN_MAX, &run, diag);
    *ret_run = (size_t)run;
    return r;
}

/* Its mean in health, and the spread of that: both or neither. */
static int load_usual(const cJSON *entry, struct model_channel *channel, struct diag *diag)
{
    channel->usual = channel->usual_spread = (double)NAN;
    if (!cJSON_HasObjectItem(entry, "mean"))
        return 0;
    int r = json_get_number(entry, "mean", true, -DBL_MAX, DBL_MAX, &channel->usual, diag);
    return r < 0 ? r
                 : json_get_number(entry, "spread", true, 0, DBL_MAX, &channel->usual_spread, diag);
}

static int load_channel(struct model *model, const cJSON *entry, struct model_channel *channel,
                        struct diag *diag)
{
    const char *name, *unit = "", *group = NULL;
    int r = json_get_string(entry, "name", true, CHANNEL_TEXT_MAX, &name, diag);
    if (r == 0)
        r = json_get_string(entry, "unit", false, CHANNEL_TEXT_MAX, &unit, diag);
    if (r == 0)
        r = json_get_string(entry, "group", false, CHANNEL_TEXT_MAX, &group, diag);
    if (r == 0)
        r = json_get_bool(entry, "constant", false, &channel->constant, diag);
    if (r == 0)
        r = load_run(entry, false, &channel->longest_run, diag);
    if (r == 0)
        r = load_usual(entry, channel, diag);
    if (r < 0)
        return r;
    if (!*name)
        return diag_set(diag, "name: must not be empty");
    channel->name = strdup(name);
    channel->unit = strdup(unit);
    if (!channel->name || !channel->unit ||
        find_group(model, group && *group ? group : name, &channel->group) < 0)
        return diag_errno(diag, ENOMEM, "channel");
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_unique_channels(const struct model *model, struct diag *diag)
{
    const char **names = malloc(model->channels * sizeof *names);
    if (!names)
        return diag_errno(diag, ENOMEM, "channels");
    for (size_t c = 0; c < model->channels; c++)
        names[c] = model->channel[c].name;
    qsort(names, model->channels, sizeof *names, compare_names);
    int r = 0;
    for (size_t c = 1; r == 0 && c < model->channels; c++) {
        if (!strcmp(names[c - 1], names[c]))
            r = diag_set(diag, "channels: \"%s\" appears twice", names[c]);
    }
    free(names);
    return r;
}

static int load_channels(struct model *model, struct diag *diag)
{
    const cJSON *list, *entry;
    int r = json_get_array(model->config, "channels", true, &list, diag);
    if (r < 0)
        return r;
    size_t count = (size_t)cJSON_GetArraySize(list);
    if (count == 0 || count > MODEL_CHANNELS_MAX)
        return diag_set(diag, "channels: %zu, must be 1 to %d", count, MODEL_CHANNELS_MAX);
    model->channel = calloc(count + DERIVED_MAX, sizeof *model->channel);
    model->group_names = calloc(count + 1, sizeof *model->group_names);
    if (!model->channel || !model->group_names)
        return diag_errno(diag, ENOMEM, "channels");
    cJSON_ArrayForEach(entry, list)
    {
        r = load_channel(model, entry, &model->channel[model->channels++], diag);
        if (r < 0) {
            diag_prefix(diag, "channels: entry %zu", model->channels - 1);
            return r;
        }
    }
    return check_unique_channels(model, diag);
}

static int load_group(struct model *model, const cJSON *entry, struct diag *diag)
{
    const char *name, *label = NULL;
    int r = json_get_string(entry, "name", true, CHANNEL_TEXT_MAX, &name, diag);
    if (r == 0)
        r = json_get_string(entry, "label", false, CHANNEL_TEXT_MAX, &label, diag);
    size_t g = 0;
    while (r == 0 && g < model->groups && strcmp(model->group_names[g], name) != 0)
        g++;
    if (r < 0)
        return r;
    if (g == model->groups)
        return diag_set(diag, "\"%s\" is no group of channels", name);
    if (label && *label && !model->group_labels[g] && !(model->group_labels[g] = strdup(label)))
        return diag_errno(diag, ENOMEM, "groups");
    return load_run(entry, false, &model->group_run[g], diag);
}

/* What groups of channels are called, and for how long they, and all of them, stood still in
 * health.
 */
static int load_groups(struct model *model, struct diag *diag)
{
    const cJSON *list = NULL, *entry;
    size_t at = 0;
    int r = load_run(model->config, false, &model->whole_run, diag);
    if (r == 0)
        r = json_get_array(model->config, "groups", false, &list, diag);
    model->group_run = calloc(model->groups + 1, sizeof *model->group_run);
    model->group_labels = calloc(model->groups + 2, sizeof *model->group_labels);
    if (r == 0 && (!model->group_run || !model->group_labels))
        return diag_errno(diag, ENOMEM, "groups");
    cJSON_ArrayForEach(entry, list)
    {
        if (r == 0 && (r = load_group(model, entry, diag)) < 0)
            diag_prefix(diag, "groups: entry %zu", at);
        at++;
    }
    return r;
}

/* The derived channels stand behind those of a sample, as a group of their own. */
static int load_derived(struct model *model, const struct safetensors *tensors, struct diag *diag)
{
    const char **names = calloc(model->channels, sizeof *names);
    const struct derived_names derived_names = {model->channels, names};
    if (!names)
        return diag_errno(diag, ENOMEM, "channels");
    for (size_t c = 0; c < model->channels; c++)
        names[c] = model->channel[c].name;
    int r = derived_file_load(model->config, tensors, &derived_names, &model->derivation, diag);
    free(names);
    model->width = r < 0 ? model->channels : derivation_width(&model->derivation);
    for (size_t c = model->channels; r == 0 && c < model->width; c++) {
        const struct derived_channel *derived = &model->derivation.channel[c - model->channels];
        struct model_channel *channel = &model->channel[c];
        channel->name = strdup(derived->name);
        channel->usual = channel->usual_spread = (double)NAN;
        const char *unit = derived_kind_unit(derived->kind);
        channel->unit = strdup(unit ? unit : model->channel[model->derivation.load].unit);
        if (!channel->name || !channel->unit ||
            find_group(model, DERIVED_GROUP, &channel->group) < 0)
            r = diag_errno(diag, ENOMEM, "channel");
    }
    return r;
}

/* A group without a label is called by its name. */
static int complete_labels(struct model *model, struct diag *diag)
{
    for (size_t g = 0; g < model->groups; g++) {
        if (!model->group_labels[g] && !(model->group_labels[g] = strdup(model->group_names[g])))
            return diag_errno(diag, ENOMEM, "groups");
    }
    return 0;
}

int model_channels_load(struct model *model, const struct safetensors *tensors, struct diag *diag)
{
    int r = load_channels(model, diag);
    if (r == 0)
        r = load_groups(model, diag);
    if (r == 0)
        r = load_derived(model, tensors, diag);
    return r < 0 ? r : complete_labels(model, diag);
}

void model_channels_deinit(struct model *model)
{
    for (size_t c = 0; model->channel && c < model->channels + DERIVED_MAX; c++) {
        free(model->channel[c].name);
        free(model->channel[c].unit);
    }
    for (size_t g = 0; g < model->groups; g++)
        free(model->group_names[g]);
    for (size_t g = 0; model->group_labels && g < model->groups; g++)
        free(model->group_labels[g]);
    free(model->group_labels);
    derivation_deinit(&model->derivation);
    free(model->channel);
    free(model->group_names);
    free(model->group_run);
}

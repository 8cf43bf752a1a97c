#include "model/features_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX SCALER_FILE_PREFIX_MAX

/* "channels": places in a sample, rising; all of them if it is absent. */
static int read_places(const struct features_source *source, const cJSON *list, size_t *ret_places,
                       struct diag *diag)
{
    size_t used = 0;
    double next = 0;
    const cJSON *item;
    for (size_t i = 0; !list && i < source->sample_channels; i++)
        ret_places[i] = i;
    cJSON_ArrayForEach(item, list)
    {
        double place = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (place != floor(place) || place < next || place >= (double)source->sample_channels)
            return diag_set(diag, "channels: entry %zu must be an integer from %.0f to %zu", used,
                            next, source->sample_channels - 1);
        ret_places[used++] = (size_t)place;
        next = place + 1;
    }
    return 0;
}

static int load_channels(const struct features_source *source, struct features *features,
                         struct diag *diag)
{
    const cJSON *list = NULL;
    int r = json_get_array(source->config, "channels", false, &list, diag);
    if (r < 0)
        return r;
    size_t count = list ? (size_t)cJSON_GetArraySize(list) : source->sample_channels;
    if (count == 0 || count > source->sample_channels)
        return diag_set(diag, "channels: %zu entries, must be 1 to %zu", count,
                        source->sample_channels);
    size_t *places = calloc(count, sizeof *places);
    if (!places)
        return diag_errno(diag, ENOMEM, "channels");
    r = read_places(source, list, places, diag);
    if (r == 0 && (r = features_init(features, places, count)) < 0)
        diag_errno(diag, r, "features");
    free(places);
    return r;
}

static int load_scaler(const struct features_source *source, const cJSON *config, const char *name,
                       size_t channels, struct scaler *ret_scaler, struct diag *diag)
{
    char prefix[PREFIX_MAX];
    struct scaler_source scaler = {.tensors = source->tensors, .prefix = prefix};
    snprintf(prefix, sizeof prefix, "%zu.%s", source->detector, name);
    int r = json_get_object(config, name, true, &scaler.object, diag);
    return r < 0 ? r : scaler_file_load(&scaler, channels, ret_scaler, diag);
}

static int load_pca(const struct features_source *source, const cJSON *reduction,
                    struct features *features, struct diag *diag)
{
    int64_t components = 0;
    int r = json_get_integer(reduction, "components", true, 1, (int64_t)features->channels,
                             &components, diag);
    if (r < 0)
        return r;
    r = features_add_pca(features, (size_t)components);
    if (r < 0)
        return diag_errno(diag, r, "pca");
    struct features_pca *pca = &features->pca;
    char tensor[PREFIX_MAX];
    r = json_get_number(reduction, "variance", false, 0, 1, &pca->variance, diag);
    snprintf(tensor, sizeof tensor, "%zu.pca.mean", source->detector);
    if (r == 0)
        r = safetensors_get_f32(source->tensors, tensor, SAFETENSORS_SHAPE(features->channels),
                                pca->mean, diag);
    snprintf(tensor, sizeof tensor, "%zu.pca.basis", source->detector);
    if (r == 0)
        r = safetensors_get_f32(source->tensors, tensor,
                                SAFETENSORS_SHAPE(pca->components, features->channels), pca->basis,
                                diag);
    if (r == 0)
        r = load_scaler(source, reduction, "second_scaler", pca->components, &features->second,
                        diag);
    return r;
}

static int load_reduction(const struct features_source *source, struct features *features,
                          struct diag *diag)
{
    const cJSON *reduction = NULL;
    const char *kind;
    int r = json_get_object(source->config, "reduction", false, &reduction, diag);
    if (r < 0 || !reduction)
        return r;
    r = json_get_string(reduction, "kind", true, 32, &kind, diag);
    if (r == 0 && strcmp(kind, "pca") != 0)
        r = diag_set(diag, "kind \"%s\", must be pca", kind);
    if (r == 0)
        r = load_pca(source, reduction, features, diag);
    if (r < 0)
        diag_prefix(diag, "reduction");
    return r;
}

int features_file_load(const struct features_source *source, struct features *ret_features,
                       struct diag *diag)
{
    *ret_features = (struct features){0};
    int r = load_channels(source, ret_features, diag);
    if (r == 0)
        r = load_scaler(source, source->config, "scaler", ret_features->channels,
                        &ret_features->scaler, diag);
    if (r == 0)
        r = load_reduction(source, ret_features, diag);
    return r < 0 ? r : features_check(ret_features, diag);
}

void features_file_format(const struct features *features, size_t sample_channels, cJSON *config)
{
    if (features->channels < sample_channels) {
        cJSON *list = cJSON_AddArrayToObject(config, "channels");
        for (size_t c = 0; c < features->channels; c++)
            cJSON_AddItemToArray(list, cJSON_CreateNumber((double)features->channel[c]));
    }
    cJSON_AddItemToObject(config, "scaler", scaler_file_format(&features->scaler));
    if (features->pca.components == 0)
        return;
    cJSON *reduction = cJSON_AddObjectToObject(config, "reduction");
    cJSON_AddStringToObject(reduction, "kind", "pca");
    cJSON_AddNumberToObject(reduction, "components", (double)features->pca.components);
    cJSON_AddNumberToObject(reduction, "variance", features->pca.variance);
    cJSON_AddItemToObject(reduction, "second_scaler", scaler_file_format(&features->second));
}

static int put_pca(const struct features *features, size_t detector, const struct tensor_sink *sink)
{
    const struct features_pca *pca = &features->pca;
    char name[PREFIX_MAX];
    snprintf(name, sizeof name, "%zu.pca.mean", detector);
    int r = sink->put(sink->to, name, SAFETENSORS_F32, SAFETENSORS_SHAPE(features->channels),
                      pca->mean);
    snprintf(name, sizeof name, "%zu.pca.basis", detector);
    if (r == 0)
        r = sink->put(sink->to, name, SAFETENSORS_F32,
                      SAFETENSORS_SHAPE(pca->components, features->channels), pca->basis);
    snprintf(name, sizeof name, "%zu.second_scaler", detector);
    return r < 0 ? r : scaler_file_put(&features->second, name, sink);
}

int features_file_put(const struct features *features, size_t detector,
                      const struct tensor_sink *sink)
{
    char prefix[PREFIX_MAX];
    snprintf(prefix, sizeof prefix, "%zu.scaler", detector);
    int r = scaler_file_put(&features->scaler, prefix, sink);
    return r < 0 || features->pca.components == 0 ? r : put_pca(features, detector, sink);
}

#include "model/scaler_file.h"

#include <math.h>
#include <stdio.h>

#define NAME_SIZE (SCALER_FILE_PREFIX_MAX + 32)

static void full_name(const char *prefix, const char *name, char ret_full[NAME_SIZE])
{
    snprintf(ret_full, NAME_SIZE, "%s.%s", prefix, name);
}

static int load_tensor(const struct scaler_source *source, const char *name,
                       struct safetensors_shape shape, double *ret_values, struct diag *diag)
{
    char full[NAME_SIZE];
    full_name(source->prefix, name, full);
    return safetensors_get_f64(source->tensors, full, shape, ret_values, diag);
}

/* How many quantiles a channel has is what the tensor says. */
static int count_quantiles(const struct scaler_source *source, enum scaler_kind kind,
                           size_t channels, size_t *ret_count, struct diag *diag)
{
    size_t least, most;
    scaler_kind_quantiles(kind, &least, &most);
    *ret_count = 0;
    if (most == 0)
        return 0;
    char full[NAME_SIZE];
    full_name(source->prefix, "quantiles", full);
    const struct safetensors_tensor *tensor = safetensors_find(source->tensors, full);
    if (!tensor || tensor->shape.rank != 2 || tensor->shape.dims[0] != channels ||
        tensor->shape.dims[1] < least || tensor->shape.dims[1] > most)
        return diag_set(diag, "%s: missing, or not %zu channels of %zu to %zu values", full,
                        channels, least, most);
    *ret_count = tensor->shape.dims[1];
    return 0;
}

static int load_parameters(const struct scaler_source *source, struct scaler *scaler,
                           struct diag *diag)
{
    const struct safetensors_shape shape = SAFETENSORS_SHAPE(scaler->channels);
    int r = load_tensor(source, "offset", shape, scaler->offset, diag);
    if (r == 0)
        r = load_tensor(source, "scale", shape, scaler->scale, diag);
    if (r == 0 && scaler->lambda)
        r = load_tensor(source, "lambda", shape, scaler->lambda, diag);
    if (r == 0 && scaler->quantiles)
        r = load_tensor(source, "quantiles",
                        SAFETENSORS_SHAPE(scaler->channels, scaler->quantile_count),
                        scaler->quantiles, diag);
    return r < 0 ? r : scaler_check(scaler, diag);
}

int scaler_file_load(const struct scaler_source *source, size_t channels, struct scaler *ret_scaler,
                     struct diag *diag)
{
    *ret_scaler = (struct scaler){0};
    const char *name;
    enum scaler_kind kind;
    double clip = (double)INFINITY;
    size_t quantiles = 0;
    int r = json_get_string(source->object, "kind", true, 32, &name, diag);
    if (r == 0)
        r = json_get_number(source->object, "clip", false, 0, 1e6, &clip, diag);
    if (r == 0)
        r = scaler_kind_parse(name, &kind, diag);
    if (r == 0)
        r = count_quantiles(source, kind, channels, &quantiles, diag);
    if (r == 0 && (r = scaler_init(ret_scaler, kind, channels, quantiles)) < 0)
        diag_errno(diag, r, "scaler");
    if (r < 0)
        return r;
    ret_scaler->clip = clip;
    return load_parameters(source, ret_scaler, diag);
}

cJSON *scaler_file_format(const struct scaler *scaler)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "kind", scaler_kind_name(scaler->kind));
    if (isfinite(scaler->clip))
        cJSON_AddNumberToObject(object, "clip", scaler->clip);
    return object;
}

static int put_tensor(const struct tensor_sink *sink, const char *prefix, const char *name,
                      struct safetensors_shape shape, const double *values)
{
    char full[NAME_SIZE];
    full_name(prefix, name, full);
    return sink->put(sink->to, full, SAFETENSORS_F64, shape, values);
}

int scaler_file_put(const struct scaler *scaler, const char *prefix, const struct tensor_sink *sink)
{
    const struct safetensors_shape shape = SAFETENSORS_SHAPE(scaler->channels);
    int r = put_tensor(sink, prefix, "offset", shape, scaler->offset);
    if (r == 0)
        r = put_tensor(sink, prefix, "scale", shape, scaler->scale);
    if (r == 0 && scaler->lambda)
        r = put_tensor(sink, prefix, "lambda", shape, scaler->lambda);
    if (r == 0 && scaler->quantiles)
        r = put_tensor(sink, prefix, "quantiles",
                       SAFETENSORS_SHAPE(scaler->channels, scaler->quantile_count),
                       scaler->quantiles);
    return r;
}

#include "model/scaler_file.h"

#include <math.h>
#include <stdio.h>

static int load_tensor(const struct scaler_source *source, const char *name,
                       struct safetensors_shape shape, double *ret_values, struct diag *diag)
{
    char full[SCALER_FILE_PREFIX_MAX + 32];
    snprintf(full, sizeof full, "%s.%s", source->prefix, name);
    return safetensors_get_f64(source->tensors, full, shape, ret_values, diag);
}

int scaler_file_load(const struct scaler_source *source, size_t channels, struct scaler *ret_scaler,
                     struct diag *diag)
{
    *ret_scaler = (struct scaler){0};
    const char *name;
    enum scaler_kind kind;
    double clip = (double)INFINITY;
    int r = json_get_string(source->object, "kind", true, 32, &name, diag);
    if (r == 0)
        r = json_get_number(source->object, "clip", false, 0, 1e6, &clip, diag);
    if (r == 0)
        r = scaler_kind_parse(name, &kind, diag);
    if (r == 0 && (r = scaler_init(ret_scaler, kind, channels)) < 0)
        diag_errno(diag, r, "scaler");
    if (r < 0)
        return r;
    ret_scaler->clip = clip;
    const struct safetensors_shape shape = SAFETENSORS_SHAPE(channels);
    r = load_tensor(source, "offset", shape, ret_scaler->offset, diag);
    if (r == 0)
        r = load_tensor(source, "scale", shape, ret_scaler->scale, diag);
    return r < 0 ? r : scaler_check(ret_scaler, diag);
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
    char full[SCALER_FILE_PREFIX_MAX + 32];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return sink->put(sink->to, full, SAFETENSORS_F64, shape, values);
}

int scaler_file_put(const struct scaler *scaler, const char *prefix, const struct tensor_sink *sink)
{
    const struct safetensors_shape shape = SAFETENSORS_SHAPE(scaler->channels);
    int r = put_tensor(sink, prefix, "offset", shape, scaler->offset);
    if (r == 0)
        r = put_tensor(sink, prefix, "scale", shape, scaler->scale);
    return r;
}

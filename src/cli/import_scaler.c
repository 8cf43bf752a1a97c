#include "cli/model_onnx.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCALER_FILE_MAX ((size_t)4 << 20)

static int make_none(size_t channels, struct scaler *ret_scaler)
{
    int r = scaler_init(ret_scaler, SCALER_MAXABS, channels, 0); /* offset 0, scale 1 */
    ret_scaler->clip = (double)INFINITY;
    return r;
}

static int read_numbers(const cJSON *root, const char *key, size_t channels, double *ret_values,
                        struct diag *diag)
{
    const cJSON *list, *item;
    size_t count = 0;
    int r = json_get_array(root, key, true, &list, diag);
    if (r < 0)
        return r;
    if ((size_t)cJSON_GetArraySize(list) != channels)
        return diag_set(diag, "%s: %d numbers, the recordings have %zu channels", key,
                        cJSON_GetArraySize(list), channels);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item))
            return diag_set(diag, "%s: entry %zu is %s, must be a number", key, count,
                            json_type_name(item));
        ret_values[count++] = item->valuedouble;
    }
    return 0;
}

static int read_object(const cJSON *root, size_t channels, struct scaler *ret_scaler,
                       struct diag *diag)
{
    const char *name = NULL;
    enum scaler_kind kind;
    size_t least, most;
    if (!cJSON_IsObject(root))
        return diag_set(diag, "%s, must be an object", json_type_name(root));
    int r = json_get_string(root, "kind", true, 32, &name, diag);
    if (r == 0)
        r = scaler_kind_parse(name, &kind, diag);
    if (r < 0)
        return r;
    scaler_kind_quantiles(kind, &least, &most);
    if (most > 0)
        return diag_set(diag,
                        "kind \"%s\" is not read here: standard, minmax, robust, maxabs or "
                        "signed-sqrt, whose result is (x - offset) * scale",
                        name);
    r = scaler_init(ret_scaler, kind, channels, 0);
    if (r < 0)
        return diag_errno(diag, r, "scaler");
    ret_scaler->clip = (double)INFINITY;
    r = read_numbers(root, "offset", channels, ret_scaler->offset, diag);
    if (r == 0)
        r = read_numbers(root, "scale", channels, ret_scaler->scale, diag);
    if (r == 0)
        r = json_get_number(root, "clip", false, 1e-6, 1e6, &ret_scaler->clip, diag);
    return r < 0 ? r : scaler_check(ret_scaler, diag);
}

int model_onnx_read_scaler(const char *path, size_t channels, struct scaler *ret_scaler,
                           struct diag *diag)
{
    void *data = NULL;
    size_t size;
    *ret_scaler = (struct scaler){0};
    if (!strcmp(path, "none"))
        return make_none(channels, ret_scaler);
    int r = file_read(path, SCALER_FILE_MAX, &data, &size, diag);
    if (r < 0)
        return r;
    cJSON *root = json_parse(data, size, diag);
    r = root ? read_object(root, channels, ret_scaler, diag) : -EINVAL;
    if (r < 0)
        diag_prefix(diag, "%s", path);
    cJSON_Delete(root);
    free(data);
    return r;
}

#include "model/calibration_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void tensor_name(size_t detector, char ret_name[64])
{
    snprintf(ret_name, 64, "%zu.calibration.maxima", detector);
}

static int load_figures(const cJSON *object, struct calibration *calibration, struct diag *diag)
{
    const char *tail;
    int64_t sessions = 0, blocks = 0, peaks = 0;
    int r = json_get_string(object, "tail", true, 32, &tail, diag);
    if (r == 0)
        r = calibration_tail_parse(tail, &calibration->tail, diag);
    const struct {
        const char *key;
        double *value;
    } numbers[] = {{"block_s", &calibration->block_s},
                   {"hours", &calibration->hours},
                   {"level", &calibration->level},
                   {"gamma", &calibration->excess.gamma},
                   {"sigma", &calibration->excess.sigma}};
    for (size_t i = 0; r == 0 && i < sizeof numbers / sizeof numbers[0]; i++)
        r = json_get_number(object, numbers[i].key, true, -1e300, 1e300, numbers[i].value, diag);
    const struct {
        const char *key;
        int64_t *value;
    } integers[] = {{"sessions", &sessions}, {"blocks", &blocks}, {"peaks", &peaks}};
    for (size_t i = 0; r == 0 && i < sizeof integers / sizeof integers[0]; i++)
        r = json_get_integer(object, integers[i].key, true, 0, INT64_C(1) << 40, integers[i].value,
                             diag);
    calibration->sessions = (size_t)sessions;
    calibration->blocks = (size_t)blocks;
    calibration->peaks = (size_t)peaks;
    return r;
}

int calibration_file_load(const cJSON *object, const struct safetensors *tensors, size_t detector,
                          struct calibration *ret_calibration, struct diag *diag)
{
    *ret_calibration = (struct calibration){0};
    int r = load_figures(object, ret_calibration, diag);
    if (r < 0)
        return r;
    char name[64];
    tensor_name(detector, name);
    const struct safetensors_tensor *tensor = safetensors_find(tensors, name);
    if (!tensor || tensor->shape.rank != 1 || tensor->count == 0 ||
        tensor->count > CALIBRATION_STORED_MAX)
        return diag_set(diag, "%s: missing, or not 1 to %d values", name, CALIBRATION_STORED_MAX);
    ret_calibration->stored = tensor->count;
    ret_calibration->maxima = malloc(tensor->count * sizeof(double));
    if (!ret_calibration->maxima)
        return diag_errno(diag, ENOMEM, "%s", name);
    r = safetensors_get_f64(tensors, name, tensor->shape, ret_calibration->maxima, diag);
    if (r == 0)
        r = calibration_check(ret_calibration, diag);
    if (r < 0)
        calibration_deinit(ret_calibration);
    return r;
}

int calibration_file_format(const struct calibration *calibration, cJSON **ret_object)
{
    cJSON *object = cJSON_CreateObject();
    if (!object)
        return -ENOMEM;
    cJSON_AddStringToObject(object, "method", "peaks over threshold on block maxima");
    cJSON_AddStringToObject(object, "tail", calibration_tail_name(calibration->tail));
    cJSON_AddNumberToObject(object, "block_s", calibration->block_s);
    cJSON_AddNumberToObject(object, "hours", calibration->hours);
    cJSON_AddNumberToObject(object, "sessions", (double)calibration->sessions);
    cJSON_AddNumberToObject(object, "blocks", (double)calibration->blocks);
    cJSON_AddNumberToObject(object, "peaks", (double)calibration->peaks);
    cJSON_AddNumberToObject(object, "level", calibration->level);
    cJSON_AddNumberToObject(object, "gamma", calibration->excess.gamma);
    cJSON_AddNumberToObject(object, "sigma", calibration->excess.sigma);
    *ret_object = object;
    return 0;
}

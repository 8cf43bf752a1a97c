#include "model/calibration_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT_MAX (INT64_C(1) << 40)

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
        r = json_get_integer(object, integers[i].key, true, 0, COUNT_MAX, integers[i].value, diag);
    calibration->sessions = (size_t)sessions;
    calibration->blocks = (size_t)blocks;
    calibration->peaks = (size_t)peaks;
    return r;
}

static int load_session(const cJSON *entry, struct calibration_session *session, struct diag *diag)
{
    int64_t number = 0, blocks = 0, over = 0;
    int r = json_get_integer(entry, "session", true, 1, COUNT_MAX, &number, diag);
    if (r == 0)
        r = json_get_number(entry, "hours", true, 0, 1e300, &session->hours, diag);
    if (r == 0)
        r = json_get_integer(entry, "blocks", true, 1, COUNT_MAX, &blocks, diag);
    if (r == 0)
        r = json_get_number(entry, "threshold", true, -1e300, 1e300, &session->threshold, diag);
    if (r == 0)
        r = json_get_integer(entry, "over", true, 0, COUNT_MAX, &over, diag);
    session->number = (size_t)number;
    session->blocks = (size_t)blocks;
    session->over = (size_t)over;
    return r;
}

static int load_sessions(const cJSON *list, struct calibration_left_out *left_out,
                         struct diag *diag)
{
    int count = cJSON_GetArraySize(list);
    if (count < 2 || count > CALIBRATION_SESSIONS_MAX)
        return diag_set(diag, "%d sessions, must be 2 to %d", count, CALIBRATION_SESSIONS_MAX);
    left_out->session = calloc((size_t)count, sizeof *left_out->session);
    if (!left_out->session)
        return diag_errno(diag, ENOMEM, "sessions");
    const cJSON *entry;
    cJSON_ArrayForEach(entry, list)
    {
        if (!cJSON_IsObject(entry))
            return diag_set(diag, "sessions: %s, must be an object", json_type_name(entry));
        int r = load_session(entry, &left_out->session[left_out->stored++], diag);
        if (r < 0)
            return r;
    }
    return 0;
}

static int load_left_out(const cJSON *object, struct calibration_left_out *left_out,
                         struct diag *diag)
{
    const cJSON *entry = NULL, *list;
    int64_t over = 0;
    int r = json_get_object(object, "left_out", false, &entry, diag);
    if (r < 0 || !entry)
        return r;
    r = json_get_number(entry, "false_alarms_per_day", true, 0, 1e300, &left_out->per_day, diag);
    if (r == 0)
        r = json_get_integer(entry, "over", true, 0, COUNT_MAX, &over, diag);
    left_out->over = (size_t)over;
    if (r == 0)
        r = json_get_array(entry, "sessions", true, &list, diag);
    if (r == 0)
        r = load_sessions(list, left_out, diag);
    if (r < 0)
        diag_prefix(diag, "left_out");
    return r;
}

static int load_reference(const cJSON *object, struct psi_reference *reference, struct diag *diag)
{
    const cJSON *entry = NULL;
    int r = json_get_object(object, "reference", false, &entry, diag);
    if (r == 0 && entry && (r = psi_reference_load(entry, reference, diag)) < 0)
        diag_prefix(diag, "reference");
    return r;
}

static int load_maxima(const struct safetensors *tensors, size_t detector,
                       struct calibration *calibration, struct diag *diag)
{
    char name[64];
    tensor_name(detector, name);
    const struct safetensors_tensor *tensor = safetensors_find(tensors, name);
    if (!tensor || tensor->shape.rank != 1 || tensor->count == 0 ||
        tensor->count > CALIBRATION_STORED_MAX)
        return diag_set(diag, "%s: missing, or not 1 to %d values", name, CALIBRATION_STORED_MAX);
    calibration->stored = tensor->count;
    calibration->maxima = malloc(tensor->count * sizeof(double));
    if (!calibration->maxima)
        return diag_errno(diag, ENOMEM, "%s", name);
    return safetensors_get_f64(tensors, name, tensor->shape, calibration->maxima, diag);
}

int calibration_file_load(const cJSON *object, const struct safetensors *tensors, size_t detector,
                          struct calibration *ret_calibration, struct diag *diag)
{
    *ret_calibration = (struct calibration){0};
    int r = load_figures(object, ret_calibration, diag);
    if (r == 0)
        r = load_left_out(object, &ret_calibration->left_out, diag);
    if (r == 0)
        r = load_reference(object, &ret_calibration->reference, diag);
    if (r == 0)
        r = load_maxima(tensors, detector, ret_calibration, diag);
    if (r == 0)
        r = calibration_check(ret_calibration, diag);
    if (r < 0)
        calibration_deinit(ret_calibration);
    return r;
}

static void add_left_out(const struct calibration_left_out *left_out, cJSON *object)
{
    if (left_out->stored == 0)
        return;
    cJSON *entry = cJSON_AddObjectToObject(object, "left_out");
    cJSON_AddNumberToObject(entry, "false_alarms_per_day", left_out->per_day);
    cJSON_AddNumberToObject(entry, "over", (double)left_out->over);
    cJSON *list = cJSON_AddArrayToObject(entry, "sessions");
    for (size_t s = 0; s < left_out->stored; s++) {
        const struct calibration_session *session = &left_out->session[s];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddNumberToObject(item, "session", (double)session->number);
        cJSON_AddNumberToObject(item, "hours", session->hours);
        cJSON_AddNumberToObject(item, "blocks", (double)session->blocks);
        cJSON_AddNumberToObject(item, "threshold", session->threshold);
        cJSON_AddNumberToObject(item, "over", (double)session->over);
        cJSON_AddItemToArray(list, item);
    }
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
    add_left_out(&calibration->left_out, object);
    if (calibration->reference.bins)
        cJSON_AddItemToObject(object, "reference", psi_reference_format(&calibration->reference));
    *ret_object = object;
    return 0;
}

#include "lab/draft.h"

#include "model/calibration_file.h"
#include "model/model_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tensor {
    char *name;
    enum safetensors_dtype dtype;
    struct safetensors_shape shape;
    void *values;
};

struct draft {
    cJSON *config;
    struct tensor *tensor;
    size_t count, capacity;
};

struct draft *draft_new(void)
{
    struct draft *draft = calloc(1, sizeof *draft);
    if (draft && !(draft->config = cJSON_CreateObject())) {
        free(draft);
        return NULL;
    }
    return draft;
}

void draft_free(struct draft *draft)
{
    if (!draft)
        return;
    for (size_t i = 0; i < draft->count; i++) {
        free(draft->tensor[i].name);
        free(draft->tensor[i].values);
    }
    free(draft->tensor);
    cJSON_Delete(draft->config);
    free(draft);
}

int draft_parse(const void *data, size_t size, struct draft **ret_draft, struct diag *diag)
{
    struct model_file file;
    int r = model_file_parse(data, size, &file, diag);
    if (r < 0)
        return r;
    struct draft *draft = draft_new();
    r = draft ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < safetensors_count(file.tensors); i++) {
        const struct safetensors_tensor *tensor = safetensors_at(file.tensors, i);
        r = draft_set(draft, tensor->name, tensor->dtype, tensor->shape, tensor->data);
    }
    if (r == 0) {
        cJSON_Delete(draft->config);
        draft->config = file.config;
        file.config = NULL;
        *ret_draft = draft;
    } else {
        draft_free(draft);
        diag_errno(diag, r, "model");
    }
    model_file_deinit(&file);
    return r;
}

cJSON *draft_config(struct draft *draft)
{
    return draft->config;
}

cJSON *draft_detector(struct draft *draft, size_t detector)
{
    cJSON *entry = NULL, *list = cJSON_GetObjectItemCaseSensitive(draft->config, "detectors");
    cJSON_ArrayForEach(entry, list)
    {
        if (detector-- == 0)
            return entry;
    }
    return NULL;
}

static struct tensor *find_or_add(struct draft *draft, const char *name)
{
    for (size_t i = 0; i < draft->count; i++) {
        if (!strcmp(draft->tensor[i].name, name))
            return &draft->tensor[i];
    }
    if (draft->count == draft->capacity) {
        size_t capacity = draft->capacity ? 2 * draft->capacity : 32;
        struct tensor *tensor = realloc(draft->tensor, capacity * sizeof *tensor);
        if (!tensor)
            return NULL;
        draft->tensor = tensor;
        draft->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy)
        return NULL;
    draft->tensor[draft->count] = (struct tensor){.name = copy};
    return &draft->tensor[draft->count++];
}

int draft_set(struct draft *draft, const char *name, enum safetensors_dtype dtype,
              struct safetensors_shape shape, const void *values)
{
    size_t size = safetensors_dtype_size(dtype);
    for (size_t i = 0; i < shape.rank; i++)
        size *= shape.dims[i];
    void *copy = malloc(size ? size : 1);
    struct tensor *tensor = copy ? find_or_add(draft, name) : NULL;
    if (!tensor) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, values, size);
    free(tensor->values);
    tensor->dtype = dtype;
    tensor->shape = shape;
    tensor->values = copy;
    return 0;
}

int draft_set_calibration(struct draft *draft, size_t detector,
                          const struct calibration *calibration)
{
    cJSON *entry = draft_detector(draft, detector), *object = NULL;
    char name[64];
    snprintf(name, sizeof name, "%zu.calibration.maxima", detector);
    int r = entry ? calibration_file_format(calibration, &object) : -EINVAL;
    if (r == 0)
        r = draft_set(draft, name, SAFETENSORS_F64, SAFETENSORS_SHAPE(calibration->stored),
                      calibration->maxima);
    if (r < 0) {
        cJSON_Delete(object);
        return r;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "calibration");
    cJSON_AddItemToObject(entry, "calibration", object);
    return 0;
}

int draft_format(struct draft *draft, void **ret_data, size_t *ret_size, struct diag *diag)
{
    struct safetensors_writer *writer = safetensors_writer_new();
    int r = writer ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < draft->count; i++)
        r = safetensors_writer_add(writer, draft->tensor[i].name, draft->tensor[i].dtype,
                                   draft->tensor[i].shape, draft->tensor[i].values);
    if (r < 0)
        diag_errno(diag, r, "model file");
    else
        r = model_file_format(draft->config, writer, ret_data, ret_size, diag);
    safetensors_writer_free(writer);
    return r;
}

int draft_build(struct draft *draft, struct model **ret_model, struct diag *diag)
{
    void *data;
    size_t size;
    int r = draft_format(draft, &data, &size, diag);
    if (r < 0)
        return r;
    r = model_parse(data, size, ret_model, diag);
    free(data);
    return r;
}

static int put_scores(struct draft *draft, size_t detector, const double *scores, size_t count)
{
    char name[64];
    snprintf(name, sizeof name, "%zu.selftest.score", detector);
    return draft_set(draft, name, SAFETENSORS_F64, SAFETENSORS_SHAPE(count), scores);
}

/* A file holds finite numbers only. */
static int put_rows(struct draft *draft, const float *rows, size_t count, size_t width)
{
    float *known = malloc(count * width * sizeof *known);
    for (size_t i = 0; known && i < count * width; i++)
        known[i] = isnan(rows[i]) ? MODEL_SELFTEST_UNKNOWN : rows[i];
    int r = known ? draft_set(draft, "selftest.input", SAFETENSORS_F32,
                              SAFETENSORS_SHAPE(count, width), known)
                  : -ENOMEM;
    free(known);
    return r;
}

/* A file without the right scores still loads: only the self-test itself compares them. So the
 * model is built with zeros first, and then says its own scores. */
int draft_set_selftest(struct draft *draft, const float *rows, size_t count, size_t width,
                       struct diag *diag)
{
    struct model *model = NULL;
    double *scores = calloc(count, sizeof *scores);
    int r = scores ? put_rows(draft, rows, count, width) : -ENOMEM;
    cJSON *entry;
    for (size_t d = 0; r == 0 && (entry = draft_detector(draft, d)); d++) {
        int64_t window = 1, spacing = 1;
        json_get_integer(entry, "window", true, 1, 1 << 20, &window, NULL);
        json_get_integer(entry, "spacing", false, 1, 1 << 20, &spacing, NULL);
        size_t span = (size_t)((window - 1) * spacing) + 1;
        r = span > count ? -EINVAL : put_scores(draft, d, scores, count - span + 1);
    }
    if (r < 0)
        diag_errno(diag, r, "self-test");
    else
        r = draft_build(draft, &model, diag);
    for (size_t d = 0; r == 0 && d < model->detectors; d++) {
        size_t windows = count - detector_span(&model->detector[d]) + 1;
        for (size_t i = 0; i < windows; i++) {
            const float *window = model->selftest_input + i * width;
            detector_score(&model->detector[d], &window, 1, &scores[i]);
            scores[i] = isnan(scores[i]) ? MODEL_SELFTEST_NO_SCORE : scores[i];
        }
        r = put_scores(draft, d, scores, windows);
    }
    model_unref(model);
    free(scores);
    return r;
}

#include "model/model.h"

#include "base/file.h"
#include "model/model_channels.h"
#include "model/model_file.h"
#include "model/row_shape.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELFTEST_ROWS_MAX 4096

static void free_model(struct model *model)
{
    for (size_t d = 0; d < model->detectors; d++) {
        detector_unload(&model->detector[d]);
        free(model->selftest_score[d]);
    }
    model_channels_deinit(model);
    free(model->selftest_input);
    cJSON_Delete(model->config);
    free(model);
}

static int load_header(struct model *model, struct diag *diag)
{
    const char *name;
    model->false_alarms_per_day = 1;
    int r = json_get_string(model->config, "name", true, NAME_MAX_LENGTH, &name, diag);
    if (r == 0 && !name_valid(name))
        r = diag_set(diag, "name \"%s\", must be %s", name, NAME_RULE);
    if (r == 0)
        r = json_get_integer(model->config, "version", true, 1, INT64_C(1) << 50, &model->version,
                             diag);
    if (r == 0)
        r = json_get_number(model->config, "sample_period_s", true, 1e-4, 3600, &model->period_s,
                            diag);
    if (r == 0)
        r = json_get_number(model->config, "false_alarms_per_day", false, 1e-3, 1e4,
                            &model->false_alarms_per_day, diag);
    if (r == 0)
        strcpy(model->name, name);
    return r;
}

static int load_detectors(struct model *model, const struct safetensors *tensors, struct diag *diag)
{
    const cJSON *list, *entry;
    int r = json_get_array(model->config, "detectors", true, &list, diag);
    if (r < 0)
        return r;
    int count = cJSON_GetArraySize(list);
    if (count < 1 || count > MODEL_DETECTORS_MAX)
        return diag_set(diag, "detectors: %d, must be 1 to %d", count, MODEL_DETECTORS_MAX);
    cJSON_ArrayForEach(entry, list)
    {
        struct detector *detector = &model->detector[model->detectors];
        detector->index = model->detectors++;
        detector->channels = model->width;
        detector->derivation = &model->derivation;
        r = detector_load(detector, entry, tensors, diag);
        if (r < 0) {
            diag_prefix(diag, "detector %zu", detector->index);
            return r;
        }
        for (size_t d = 0; d < detector->index; d++) {
            if (!strcmp(model->detector[d].name, detector->name))
                return diag_set(diag, "detectors: \"%s\" appears twice", detector->name);
        }
        if (detector_span(detector) > model->span)
            model->span = detector_span(detector);
    }
    if (model->span > MODEL_SPAN_MAX)
        return diag_set(diag, "a window spans %zu rows, at most %d are allowed", model->span,
                        MODEL_SPAN_MAX);
    if (model->span * model->width > MODEL_WINDOW_MAX)
        return diag_set(diag,
                        "a window spans %zu rows of %zu channels, at most %zu values are allowed",
                        model->span, model->width, MODEL_WINDOW_MAX);
    return 0;
}

static int load_selftest(struct model *model, const struct safetensors *tensors, struct diag *diag)
{
    const struct safetensors_tensor *input = safetensors_find(tensors, "selftest.input");
    if (!input || input->shape.rank != 2 || input->shape.dims[1] != model->width ||
        input->shape.dims[0] < model->span || input->shape.dims[0] > SELFTEST_ROWS_MAX)
        return diag_set(diag, "selftest.input: missing, or not [%zu to %d, %zu]", model->span,
                        SELFTEST_ROWS_MAX, model->width);
    model->selftest_rows = input->shape.dims[0];
    model->selftest_input = malloc(input->count * sizeof(float));
    if (!model->selftest_input)
        return diag_errno(diag, ENOMEM, "self-test");
    int r =
        safetensors_get_f32(tensors, "selftest.input", input->shape, model->selftest_input, diag);
    for (size_t i = 0; r == 0 && i < input->count; i++) {
        if (model->selftest_input[i] == MODEL_SELFTEST_UNKNOWN)
            model->selftest_input[i] = NAN;
    }
    for (size_t d = 0; r == 0 && d < model->detectors; d++) {
        size_t scores = model->selftest_rows - detector_span(&model->detector[d]) + 1;
        char name[64];
        snprintf(name, sizeof name, "%zu.selftest.score", d);
        model->selftest_score[d] = malloc(scores * sizeof(double));
        if (!model->selftest_score[d])
            return diag_errno(diag, ENOMEM, "self-test");
        r = safetensors_get_f64(tensors, name, SAFETENSORS_SHAPE(scores), model->selftest_score[d],
                                diag);
    }
    return r;
}

static void set_limits(struct model *model)
{
    for (size_t c = 0; c < model->channels; c++) {
        struct model_channel *channel = &model->channel[c];
        double largest = isnan(channel->usual) ? 0 : fabs(channel->usual);
        for (size_t row = 0; row < model->selftest_rows; row++)
            largest = fmax(largest, fabs((double)model->selftest_input[row * model->width + c]));
        channel->limit = largest > 0 ? fmax(MODEL_READING_FACTOR * largest, MODEL_READING_LEAST)
                                     : MODEL_READING_MOST;
    }
}

size_t model_find_impossible(const struct model *model, const float *values)
{
    size_t c = 0;
    while (c < model->channels && fabs((double)values[c]) <= model->channel[c].limit)
        c++;
    return c;
}

static int build(struct model *model, const struct safetensors *tensors, struct diag *diag)
{
    int r = cJSON_IsObject(model->config) ? 0 : diag_set(diag, "config: must be an object");
    if (r == 0)
        r = load_header(model, diag);
    if (r == 0)
        r = model_channels_load(model, tensors, diag);
    if (r == 0)
        r = row_shape_make(&model->derivation, model->period_s, &model->row_shape, diag);
    if (r == 0)
        r = load_detectors(model, tensors, diag);
    if (r == 0)
        r = load_selftest(model, tensors, diag);
    if (r == 0)
        set_limits(model);
    return r;
}

int model_parse(const void *data, size_t size, struct model **ret_model, struct diag *diag)
{
    struct model_file file;
    int r = model_file_parse(data, size, &file, diag);
    if (r < 0)
        return r;
    struct model *model = calloc(1, sizeof *model);
    if (!model) {
        model_file_deinit(&file);
        return diag_errno(diag, ENOMEM, "model");
    }
    model->references = 1;
    memcpy(model->sha256, file.sha256, sizeof model->sha256);
    model->config = file.config;
    file.config = NULL;
    r = build(model, file.tensors, diag);
    model_file_deinit(&file);
    if (r < 0) {
        free_model(model);
        return r;
    }
    *ret_model = model;
    return 0;
}

int model_load(const char *path, struct model **ret_model, struct diag *diag)
{
    void *data;
    size_t size;
    int r = file_read(path, MODEL_FILE_MAX, &data, &size, diag);
    if (r < 0)
        return r;
    r = model_parse(data, size, ret_model, diag);
    free(data);
    if (r < 0)
        diag_prefix(diag, "%s", path);
    return r;
}

struct model *model_ref(struct model *model)
{
    model->references++;
    return model;
}

void model_unref(struct model *model)
{
    if (!model)
        return;
    assert(model->references > 0);
    if (--model->references == 0)
        free_model(model);
}

static int check_scores(const struct model *model, size_t detector, size_t first,
                        const double *scores, size_t count, struct diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        double expected = model->selftest_score[detector][first + i];
        if (isnan(scores[i]) && expected == MODEL_SELFTEST_NO_SCORE)
            continue;
        if (!(fabs(scores[i] - expected) <= MODEL_SELFTEST_TOLERANCE * (fabs(expected) + 1e-9)))
            return diag_set(
                diag, "self-test: detector \"%s\", window %zu scored %.9g, the file says %.9g",
                model->detector[detector].name, first + i, scores[i], expected);
    }
    return 0;
}

static int selftest_detector(struct model *model, size_t d, struct diag *diag)
{
    struct detector *detector = &model->detector[d];
    size_t total = model->selftest_rows - detector_span(detector) + 1;
    for (size_t first = 0; first < total; first += DETECTOR_BATCH_MAX) {
        const float *windows[DETECTOR_BATCH_MAX];
        double scores[DETECTOR_BATCH_MAX];
        size_t count = total - first < DETECTOR_BATCH_MAX ? total - first : DETECTOR_BATCH_MAX;
        for (size_t i = 0; i < count; i++)
            windows[i] = model->selftest_input + (first + i) * model->width;
        /* Both kernels that live windows meet: one window alone, and a batch. */
        detector_score(detector, windows, 1, scores);
        int r = check_scores(model, d, first, scores, 1, diag);
        if (r == 0) {
            detector_score(detector, windows, count, scores);
            r = check_scores(model, d, first, scores, count, diag);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int model_selftest(struct model *model, struct diag *diag)
{
    for (size_t d = 0; d < model->detectors; d++) {
        int r = selftest_detector(model, d, diag);
        if (r < 0)
            return r;
    }
    return 0;
}

bool model_calibrated(const struct model *model)
{
    for (size_t d = 0; d < model->detectors; d++) {
        if (!model->detector[d].calibrated)
            return false;
    }
    return true;
}

double model_threshold(const struct model *model, size_t detector, double false_alarms_per_day)
{
    const struct detector *d = &model->detector[detector];
    if (!d->calibrated)
        return (double)INFINITY;
    if (false_alarms_per_day <= 0)
        false_alarms_per_day = model->false_alarms_per_day;
    return calibration_threshold(&d->calibration, false_alarms_per_day / (double)model->detectors);
}

const struct calibration *model_least_calibration(const struct model *model)
{
    const struct calibration *least = &model->detector[0].calibration;
    for (size_t d = 1; d < model->detectors; d++) {
        if (model->detector[d].calibration.hours < least->hours)
            least = &model->detector[d].calibration;
    }
    return model_calibrated(model) ? least : NULL;
}

int model_same_channels(const struct model *a, const struct model *b, struct diag *diag)
{
    if (a->channels != b->channels)
        return diag_set(diag, "%zu channels, %s has %zu", b->channels, a->name, a->channels);
    for (size_t c = 0; c < a->channels; c++) {
        if (strcmp(a->channel[c].name, b->channel[c].name) != 0)
            return diag_set(diag, "channel %zu is \"%s\", in %s it is \"%s\"", c,
                            b->channel[c].name, a->name, a->channel[c].name);
    }
    return 0;
}

#include "model/detector.h"

#include "model/analog.h"
#include "model/autoencoder.h"
#include "model/calibration_file.h"
#include "model/cycle_power.h"
#include "model/knn.h"
#include "model/step_time.h"
#include "model/template.h"

#include <assert.h>
#include <string.h>

#define WINDOW_MAX 512
#define SPACING_MAX 64

/* A new kind is a file with a struct detector_kind and a line here. */
static const struct detector_kind *const kinds[] = {
    &analog_kind,      &autoencoder_kind, &knn_kind,      &pca_kind,
    &cycle_power_kind, &step_time_kind,   &template_kind,
};

static const struct detector_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!strcmp(kinds[i]->name, name))
            return kinds[i];
    }
    return NULL;
}

static int load_filter(struct detector *detector, const cJSON *config, struct diag *diag)
{
    const cJSON *object;
    int64_t k = 0, n = 0;
    struct alert_filter *filter = &detector->filter;
    int r = json_get_object(config, "filter", true, &object, diag);
    if (r == 0)
        r = json_get_integer(object, "n", true, 1, ALERT_FILTER_N_MAX, &n, diag);
    if (r == 0)
        r = json_get_integer(object, "k", true, 1, n, &k, diag);
    if (r == 0)
        r = json_get_number(object, "clear_ratio", true, 0.01, 1, &filter->clear_ratio, diag);
    if (r == 0)
        r = json_get_number(object, "clear_s", true, 0, 3600, &filter->clear_s, diag);
    if (r < 0)
        diag_prefix(diag, "filter");
    filter->k = (unsigned)k;
    filter->n = (unsigned)n;
    return r;
}

static int load_calibration(struct detector *detector, const cJSON *config,
                            const struct safetensors *tensors, struct diag *diag)
{
    const cJSON *object = NULL;
    int r = json_get_object(config, "calibration", false, &object, diag);
    if (r < 0 || !object)
        return r;
    r = calibration_file_load(object, tensors, detector->index, &detector->calibration, diag);
    detector->calibrated = r == 0;
    if (r < 0)
        diag_prefix(diag, "calibration");
    return r;
}

static int load_geometry(struct detector *detector, const cJSON *config, struct diag *diag)
{
    const char *kind, *name;
    int64_t window = 0, spacing = 1;
    int r = json_get_string(config, "kind", true, 32, &kind, diag);
    if (r == 0)
        r = json_get_string(config, "name", true, DETECTOR_NAME_MAX - 1, &name, diag);
    if (r == 0)
        r = json_get_integer(config, "window", true, 1, WINDOW_MAX, &window, diag);
    if (r == 0)
        r = json_get_integer(config, "spacing", false, 1, SPACING_MAX, &spacing, diag);
    if (r < 0)
        return r;
    detector->kind = find_kind(kind);
    if (!detector->kind)
        return diag_set(diag, "kind \"%s\" is not known to this version", kind);
    if (!name_valid(name))
        return diag_set(diag, "name \"%s\", must be %s", name, NAME_RULE);
    strcpy(detector->name, name);
    detector->window = (size_t)window;
    detector->spacing = (size_t)spacing;
    return 0;
}

int detector_load(struct detector *detector, const cJSON *config, const struct safetensors *tensors,
                  struct diag *diag)
{
    int r = load_geometry(detector, config, diag);
    if (r == 0)
        r = load_filter(detector, config, diag);
    if (r == 0)
        r = load_calibration(detector, config, tensors, diag);
    return r < 0 ? r : detector->kind->load(detector, config, tensors, diag);
}

void detector_unload(struct detector *detector)
{
    if (detector->kind)
        detector->kind->unload(detector);
    if (detector->calibrated)
        calibration_deinit(&detector->calibration);
    detector->kind = NULL;
    detector->calibrated = false;
}

size_t detector_span(const struct detector *detector)
{
    return (detector->window - 1) * detector->spacing + 1;
}

void detector_score(struct detector *detector, const float *const *windows, size_t count,
                    double *ret_scores)
{
    assert(count <= DETECTOR_BATCH_MAX);
    detector->kind->score(detector, windows, count, ret_scores);
}

void detector_explain(struct detector *detector, const float *window,
                      struct deviation *ret_deviations)
{
    detector->kind->explain(detector, window, ret_deviations);
}

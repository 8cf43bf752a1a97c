/* A whole model file. What was accepted can judge: its own windows get scores and explanations that
 * keep to what detector.h promises, whatever its parameters are. */
#include "fuzz.h"
#include "model/model.h"
#include "nn/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS_MAX 8

static void check_thresholds(const struct model *model)
{
    for (size_t d = 0; d < model->detectors; d++) {
        double rare = model_threshold(model, d, 0.1), often = model_threshold(model, d, 100);
        FUZZ_CHECK(often > 0 && rare >= often);
        FUZZ_CHECK(model->detector[d].calibrated || isinf(rare));
        FUZZ_CHECK(model_threshold(model, d, 0) > 0);
        if (!model->detector[d].calibrated)
            continue;
        const struct calibration *calibration = &model->detector[d].calibration;
        double p = calibration_p_value(calibration, rare);
        FUZZ_CHECK(p > 0 && p <= 1);
        FUZZ_CHECK(calibration_supported_per_day(calibration) > 0);
    }
    FUZZ_CHECK(!model_calibrated(model) == !model_least_calibration(model));
}

static void check_parts(const struct model *model)
{
    FUZZ_CHECK(name_valid(model->name) && model->version >= 1 && model->period_s > 0);
    FUZZ_CHECK(model->channels >= 1 && model->channels <= model->width);
    FUZZ_CHECK(model->detectors >= 1 && model->detectors <= MODEL_DETECTORS_MAX);
    FUZZ_CHECK(model->span >= 1 && model->span <= model->selftest_rows);
    FUZZ_CHECK(model->span * model->width <= MODEL_WINDOW_MAX);
    for (size_t c = 0; c < model->width; c++) {
        FUZZ_CHECK(*model->channel[c].name && model->channel[c].unit);
        FUZZ_CHECK(model->channel[c].group < model->groups);
    }
    for (size_t g = 0; g < model->groups; g++)
        FUZZ_CHECK(*model->group_names[g] && *model->group_labels[g]);
    FUZZ_CHECK(model_same_channels(model, model, NULL) == 0);
}

/* NAN where it cannot be judged, infinite where the arithmetic overflowed, else 0 or over. */
static void check_score(double score)
{
    FUZZ_CHECK(isnan(score) || score >= 0);
}

static void check_detector(struct model *model, size_t d, struct deviation *deviations)
{
    struct detector *detector = &model->detector[d];
    size_t count = model->selftest_rows - detector_span(detector) + 1;
    count = count < WINDOWS_MAX ? count : WINDOWS_MAX;
    const float *windows[WINDOWS_MAX];
    double scores[WINDOWS_MAX];
    for (size_t i = 0; i < count; i++)
        windows[i] = model->selftest_input + i * model->width;
    detector_score(detector, windows, count, scores);
    for (size_t i = 0; i < count; i++) {
        check_score(scores[i]);
        if (!isfinite(scores[i]))
            continue;
        detector_explain(detector, windows[i], deviations);
        for (size_t c = 0; c < model->width; c++)
            FUZZ_CHECK(deviations[c].share >= 0 && deviations[c].share <= 1 + 1e-6);
    }
}

/* As live rows are made: what is derived is never what a file says it is. */
static void derive_rows(struct model *model)
{
    struct deriver deriver;
    deriver_init(&deriver, &model->derivation, model->period_s);
    for (size_t row = 0; row < model->selftest_rows; row++)
        deriver_push(&deriver, model->selftest_input + row * model->width);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    if (!is_ready)
        blas_init();
    is_ready = true;
    struct model *model;
    struct diag diag = DIAG_INIT;
    int r = model_parse(data, size, &model, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
        return 0;
    }
    check_parts(model);
    check_thresholds(model);
    r = model_selftest(model, &diag);
    if (r < 0)
        fuzz_check_refusal(r, &diag);
    derive_rows(model);
    struct deviation *deviations = calloc(model->width, sizeof *deviations);
    FUZZ_CHECK(deviations);
    for (size_t d = 0; d < model->detectors; d++)
        check_detector(model, d, deviations);
    free(deviations);
    model_unref(model);
    return 0;
}

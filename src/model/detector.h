/*
 * detector: one way of judging a window, as the model file lists them.
 *
 * A detector sees windows of `window` rows, `spacing` apart, of the model's channels and derived
 * channels in the units of the source, and gives each a score that grows with how unusual it is.
 * Its threshold follows from its calibration and a budget of false alarms. Thread: loading
 * anywhere; detector_score and detector_explain only on the thread that owns BLAS.
 */
#ifndef ARMWATCH_MODEL_DETECTOR_H
#define ARMWATCH_MODEL_DETECTOR_H

#include "base/diag.h"
#include "base/json.h"
#include "base/name.h"
#include "model/calibration.h"
#include "model/derived.h"
#include "model/safetensors.h"

#include <stdbool.h>
#include <stddef.h>

#define DETECTOR_NAME_MAX 32
#define DETECTOR_BATCH_MAX 64 /* windows */

struct analog;
struct autoencoder;
struct detector;
struct knn;
struct step_time;
struct template;

/* k of the last n scores above the threshold raise; all below clear_ratio of it for clear_s clear.
 * Part of the calibration, so it lives in the model and a configuration cannot change it. */
struct alert_filter {
    unsigned k, n;
    double clear_ratio;
    double clear_s;
};
#define ALERT_FILTER_N_MAX 64
#define ALERT_FILTER_DEFAULT                                                                       \
    ((struct alert_filter){.k = 3, .n = 5, .clear_ratio = 0.8, .clear_s = 2})

/* How one channel took part in a score. */
struct deviation {
    size_t channel;  /* of a row */
    double share;    /* of the window's score, 0..1; all 0 where that overflowed */
    double observed; /* newest row, in the channel's units */
    double expected;
    double z; /* (observed - expected) / the channel's usual residual */
};

struct detector_kind {
    const char *name;
    /* Fills the kind's own part from the detector's JSON object and its tensors "<index>.*". */
    int (*load)(struct detector *detector, const cJSON *config, const struct safetensors *tensors,
                struct diag *diag);
    void (*unload)(struct detector *detector);
    void (*score)(struct detector *detector, const float *const *windows, size_t count,
                  double *ret_scores);
    void (*explain)(struct detector *detector, const float *window,
                    struct deviation *ret_deviations);
};

struct detector {
    const struct detector_kind *kind;
    char name[DETECTOR_NAME_MAX];
    size_t index;                        /* in the model: the prefix of its tensors */
    size_t channels;                     /* of a row: the model's, derived ones included */
    const struct derivation *derivation; /* of the model */
    size_t window;                       /* rows in a window */
    size_t spacing;                      /* rows from one row of a window to the next */
    struct alert_filter filter;
    bool calibrated;
    struct calibration calibration; /* where calibrated */
    union {
        struct analog *analog;
        struct autoencoder *autoencoder;
        struct knn *knn;
        struct step_time *step_time;
        struct template *template;
    } part;
};

/* Loads one entry of the model's "detectors". detector->index, ->channels and ->derivation are set
 * by the caller. */
int detector_load(struct detector *detector, const cJSON *config, const struct safetensors *tensors,
                  struct diag *diag);
void detector_unload(struct detector *detector);

/* Rows from the oldest to the newest of a window: (window - 1) * spacing + 1. */
size_t detector_span(const struct detector *detector);

/* Shape: windows[i] points to the oldest of detector_span contiguous rows of [channels]; count <=
 * DETECTOR_BATCH_MAX. A score is NAN where the window cannot be judged (a derived value is not
 * known, a program step is new), infinite where the arithmetic overflowed, else 0 or over. */
void detector_score(struct detector *detector, const float *const *windows, size_t count,
                    double *ret_scores);

/* Every channel's part in one window: ret_deviations [channels], in the order of the model. */
void detector_explain(struct detector *detector, const float *window,
                      struct deviation *ret_deviations);

#endif

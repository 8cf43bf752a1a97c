/*
 * tiny_model: small model files for the tests, whole or broken in one place, and their scores by
 * plain C.
 *
 * The network is dense - BatchNorm - ReLU, dense - sigmoid or linear. Without `random` its weights
 * are 0, the output is 0 and the scaler changes nothing: the score of a window is the mean of its
 * squared values.
 */
#ifndef ARMWATCH_TESTS_TINY_MODEL_H
#define ARMWATCH_TESTS_TINY_MODEL_H

#include "base/json.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>

/* 0 and NULL take the default in brackets. */
struct tiny_model {
    const char *name; /* [tiny] */
    int64_t version;  /* [1] */
    size_t channels;  /* [3] named a, b, c, ...; the first two are of group "arm" */
    size_t unwatched; /* [0] of them, the first, the detectors do not see */
    const struct derivation *derivation; /* [nothing derived]; the detectors do not see it */
    size_t window[2];                    /* rows, by detector [4, 1] */
    size_t spacing;                      /* [1] */
    size_t detectors;                    /* [1]; two at most */
    double period_s;                     /* [0.1] */
    double limit;               /* [1] all block maxima: the threshold is a little over it */
    bool uncalibrated;          /* no calibration */
    struct alert_filter filter; /* n 0: ALERT_FILTER_DEFAULT */
    bool random;                /* weights, scaler with clip, Smooth-L1 */
    bool sigmoid;               /* the last layer; else linear */
    bool still;                 /* all rows of the self-test are 0 */

    /* what is wrong with it */
    void (*edit)(cJSON *config);
    const char *drop;      /* a tensor that is left out */
    const char *poison;    /* a tensor with this in its last element: */
    double poison_value;   /* [NaN] */
    const char *reshape;   /* a tensor with an element too many */
    double wrong_selftest; /* the factor of the last self-test score */
};

#define TINY_SELFTEST_ROWS 80 /* windows for more than one batch */

/* Memory: the caller frees *ret_data. */
void tiny_model_format(const struct tiny_model *tiny, void **ret_data, size_t *ret_size);
void tiny_model_write(const struct tiny_model *tiny, const char *path);
/* Formats and parses it. The caller owns the reference. */
struct model *tiny_model_new(const struct tiny_model *tiny);

/* The score that the file promises, computed in double, layer by layer, BatchNorm not folded.
 * window: the detector's span of rows [channels and derived ones]. */
double tiny_model_score(const struct tiny_model *tiny, size_t detector, const float *window);

#endif

/*
 * model: what a model file holds, ready to judge windows: channels, detectors, calibration,
 * self-test.
 *
 * A model is built in one step from the bytes of a file, checked whole, and constant from then on,
 * but for what belongs to the thread that scores: the scratch buffers of its detectors, and a mark.
 * Memory: reference-counted; the count belongs to the thread that owns the model (the loop in the
 * daemon).
 */
#ifndef ARMWATCH_MODEL_MODEL_H
#define ARMWATCH_MODEL_MODEL_H

#include "base/diag.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/name.h"
#include "model/derived.h"
#include "model/detector.h"
#include "model/signature.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_CHANNELS_MAX 4096
#define MODEL_DETECTORS_MAX 8
#define MODEL_SPAN_MAX 1024                /* rows */
#define MODEL_WINDOW_MAX ((size_t)1 << 18) /* values: rows of the longest window x channels */
#define MODEL_FILE_MAX ((size_t)64 << 20)  /* bytes; a service has 256 MiB for everything */
#define MODEL_SELFTEST_UNKNOWN (-FLT_MAX)  /* a derived value in its rows that is not known */
#define MODEL_SELFTEST_NO_SCORE (-1.0)     /* the window cannot be judged */
#define MODEL_SELFTEST_TOLERANCE                                                                   \
    1e-4 /* relative: single against double summation order, other BLAS kernels */

struct model_channel {
    char *name;
    char *unit;          /* "" if not known */
    size_t group;        /* channels of one group belong to one part of the machine */
    bool constant;       /* in training */
    size_t longest_run;  /* rows in motion for which it stood still in health; 0: not known */
    double usual;        /* mean in health; NAN: not known */
    double usual_spread; /* standard deviation of the means of stretches in health */
    double limit;        /* of a sample's: a value beyond, either way, can be no reading */
};

struct model {
    char name[NAME_MAX_LENGTH + 1];
    int64_t version;
    char sha256[HASH_HEX_SIZE];
    enum signature_verdict signature; /* of the file, where somebody looked: see trust.h */
    size_t channels;
    size_t width;                  /* of a row: the channels of a sample, and the derived ones */
    struct model_channel *channel; /* [width] in the order of a row's values */
    struct derivation derivation;
    uint64_t row_shape; /* equal in two models that make the same row of the same samples; a digest,
                           so that rows can be told apart when their model may be gone */
    size_t groups;
    char **group_names;  /* [groups] */
    char **group_labels; /* [groups] what a person calls it: "link 4"; the name where not known */
    size_t *group_run;   /* [groups] longest_run of all its channels together; 0: not known */
    size_t whole_run;    /* rows for which the whole sample stood still in health; 0: not known */
    double period_s;     /* nominal, from one sample to the next */
    size_t span;         /* rows of its longest window */
    size_t detectors;
    struct detector detector[MODEL_DETECTORS_MAX];
    double false_alarms_per_day; /* the target that it was made for */
    cJSON *config;               /* the file's own, for showing */
    size_t selftest_rows;
    float *selftest_input;                       /* [selftest_rows][width] */
    double *selftest_score[MODEL_DETECTORS_MAX]; /* [selftest_rows - span of the detector + 1] */
    unsigned references;
    bool tested; /* the scoring thread's own: its self-test has passed there */
};

/* Builds a model from a file's bytes, which are only borrowed. Calls no BLAS.
 * Errors: -EINVAL with what is wrong in diag, -ENOMEM. */
int model_parse(const void *data, size_t size, struct model **ret_model, struct diag *diag);
int model_load(const char *path, struct model **ret_model, struct diag *diag);

struct model *model_ref(struct model *model);
void model_unref(struct model *model); /* NULL is allowed */

/* Scores the windows that the file brings along and compares with the scores that its maker got.
 * Thread: the one that owns BLAS. Errors: -EINVAL with the difference in diag. */
int model_selftest(struct model *model, struct diag *diag);

/* Threshold of one detector: each has an equal share of the budget; 0 is the model's own target.
 * INFINITY if it is not calibrated. */
double model_threshold(const struct model *model, size_t detector, double false_alarms_per_day);

/* True if every detector is calibrated. */
bool model_calibrated(const struct model *model);

/* The calibration of the detector that judged least: what the model's promise rests on. NULL if it
 * is not calibrated. */
const struct calibration *model_least_calibration(const struct model *model);

/* The first channel whose value can be no reading, whatever happens to the arm: garbage, not an
 * anomaly; model->channels if there is none. The limit is MODEL_READING_FACTOR times the largest
 * magnitude that the model knows of the channel in health (rows of its self-test, usual mean), so
 * high that no collision or overload reaches it, and never under MODEL_READING_LEAST, because a
 * channel that is all but zero in health, such as a following error, may grow by any factor.
 * MODEL_READING_MOST where nothing is known, or zero: it lets every code of 32 bits pass. values:
 * [channels] finite. */
#define MODEL_READING_FACTOR 1e3
#define MODEL_READING_LEAST 1e6
#define MODEL_READING_MOST 1e10
size_t model_find_impossible(const struct model *model, const float *values);

/* 0 if samples for one model fit the other: same channels in the same order. Else -EINVAL with the
 * difference. */
int model_same_channels(const struct model *a, const struct model *b, struct diag *diag);

#endif

/*
 * armwatch.h: the scoring core of armwatch as a library: load a model, push samples, get scores and
 * alerts. docs/examples/score_csv.c is a whole program. C99 and C++.
 *
 * Shape: a sample is [armwatch_model_channels] floats in the model's channel order and the units of
 * the source. Units: int64_t nanoseconds since the Unix epoch; a score of 1 is the limit for every
 * model. Thread: OpenBLAS's serial build is not thread-safe, so all functions of one process must
 * be called from one thread at a time; no function makes a thread, prints, or reads a clock.
 * Memory: what a function makes, its _free releases; NULL is allowed there. Texts that are returned
 * live as long as the model. Errors: 0 is success, a negative errno is an error with a text in the
 * buffer that was given (which may be NULL); what ret_... points to is then left as it was, unless
 * a function says otherwise.
 *
 * Structures and functions stay as they are within one SONAME (libarmwatch.so.0).
 */
#ifndef ARMWATCH_ARMWATCH_H
#define ARMWATCH_ARMWATCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ARMWATCH_ERROR_MAX 512

typedef struct armwatch_model armwatch_model;
typedef struct armwatch_monitor armwatch_monitor;

/* Reads and checks a model file, and runs its self-test. Errors: -ENOENT, -EINVAL, -ENOMEM, ... */
int armwatch_model_load(const char *path, armwatch_model **ret_model,
                        char error[ARMWATCH_ERROR_MAX]);
/* The same from the bytes of such a file, which are only borrowed. */
int armwatch_model_load_memory(const void *data, size_t size, armwatch_model **ret_model,
                               char error[ARMWATCH_ERROR_MAX]);
void armwatch_model_free(armwatch_model *model);

const char *armwatch_model_name(const armwatch_model *model);
int64_t armwatch_model_version(const armwatch_model *model);
size_t armwatch_model_channels(const armwatch_model *model);
/* NULL beyond the last. */
const char *armwatch_model_channel_name(const armwatch_model *model, size_t channel);
/* Its place in a sample, or armwatch_model_channels if the model has no channel of this name. */
size_t armwatch_model_find_channel(const armwatch_model *model, const char *name);
double armwatch_model_period_s(const armwatch_model *model);
/* False alarms a day for which its own thresholds were made. */
double armwatch_model_false_alarms_per_day(const armwatch_model *model);
/* Hexadecimal, of its configuration and weights, as in the daemon's alerts. */
const char *armwatch_model_sha256(const armwatch_model *model);
size_t armwatch_model_detectors(const armwatch_model *model);
/* NULL beyond the last. */
const char *armwatch_model_detector_name(const armwatch_model *model, size_t detector);

/* One monitor follows one robot. false_alarms_per_day: the budget from which thresholds follow; 0
 * takes the model's own. The model may be freed before its monitors. Errors: -EINVAL the budget is
 * negative or not a number; -ENOMEM. */
int armwatch_monitor_new(armwatch_model *model, double false_alarms_per_day,
                         armwatch_monitor **ret_monitor);
void armwatch_monitor_free(armwatch_monitor *monitor);

enum armwatch_event { ARMWATCH_NONE, ARMWATCH_RAISED, ARMWATCH_UPDATED, ARMWATCH_CLEARED };

struct armwatch_score {
    int evaluated;             /* 0: no complete, unbroken window yet, or one of the last two below;
                                  score is 0 */
    double score;              /* largest of the detectors' score / threshold: 1 is the limit */
    enum armwatch_event event; /* of the alert episode, by the filter in the model */
    int alert;                 /* an episode is open */
    int sensor_fault;          /* an episode is open in which some sensor's readings stand still
                                  while the others move */
    int stopped;               /* the whole sample stands still */
};

/* values [armwatch_model_channels], all finite; allocates nothing. *ret_score is written in any
 * case. Errors: -EINVAL a value is not finite, or the time is before 1970; -ERANGE a value can be
 * no reading: in both cases the sample counts as missing; -EEXIST a duplicate or late sample, which
 * is dropped. */
int armwatch_monitor_push(armwatch_monitor *monitor, int64_t time_ns, const float *values,
                          struct armwatch_score *ret_score);

/* What one detector said of the sample that was pushed last. */
struct armwatch_detector_score {
    int evaluated;    /* 0: it could not judge; score is 0 */
    double score;     /* in its own unit */
    double threshold; /* the same unit; infinite: the model is not calibrated */
};
/* Errors: -EINVAL there is no such detector. */
int armwatch_monitor_detector(const armwatch_monitor *monitor, size_t detector,
                              struct armwatch_detector_score *ret_score);

/* One sentence about the open episode, that of the scores before that of a sensor: "the arm moves 9
 * % slower than expected in step 6". Cut to size bytes with the terminating 0; "" if no episode is
 * open. Returns the length before the cut. */
size_t armwatch_monitor_text(const armwatch_monitor *monitor, char *text, size_t size);

/* The library's version, such as "0.1.0". */
const char *armwatch_version(void);

#ifdef __cplusplus
}
#endif

#endif

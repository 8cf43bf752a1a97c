/*
 * monitor: the whole way of a sample for one robot in one thread: history, windows, scores,
 * episodes.
 *
 * What the daemon does on two threads, from the same parts and with the same results: for offline
 * scoring, evaluation, calibration and the library. Thread: the one that owns BLAS.
 */
#ifndef ARMWATCH_PIPELINE_MONITOR_H
#define ARMWATCH_PIPELINE_MONITOR_H

#include "pipeline/alert.h"
#include "pipeline/sample.h"
#include "pipeline/sensor_fault.h"
#include "pipeline/track.h"

struct monitor {
    struct model *model; /* a reference of its own */
    double thresholds[MODEL_DETECTORS_MAX];
    struct track track;
    struct alert alert;
    struct sensor_fault fault;
    uint64_t arrivals; /* samples that became a row */
};

/* What a sample came to. */
struct monitor_result {
    enum history_outcome outcome;
    bool evaluated; /* score and ratio hold */
    struct score score;
    double ratio;                     /* of the robot: 1 is the limit */
    enum alert_transition transition; /* of the episode of the scores */
    enum flat_verdict verdict;        /* other than FLAT_NONE: not evaluated for that */
    enum alert_transition fault;      /* of the episode of a sensor's fault */
};

/* max_gap_s 0: three sample periods. Errors: -ENOMEM. */
int monitor_init(struct monitor *monitor, struct model *model, double false_alarms_per_day,
                 double max_gap_s);
void monitor_deinit(struct monitor *monitor);

/* A sample with its time; values [channels]. */
void monitor_push(struct monitor *monitor, const struct sample *sample, const float *values,
                  struct monitor_result *ret_result);

/* A sample that is missing or was refused. */
void monitor_break(struct monitor *monitor);

#endif

/*
 * alert: from a robot's scores to episodes: raised once, updated as severity rises, cleared once.
 *
 * Everything runs on sample time, so a replay at any speed gives the same episodes as the live run.
 * Thread: one at a time.
 */
#ifndef ARMWATCH_PIPELINE_ALERT_H
#define ARMWATCH_PIPELINE_ALERT_H

#include "pipeline/score.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALERT_CRITICAL_SCORE 3.0

/* At most one episode of each is open for a robot. */
enum alert_kind {
    ALERT_ANOMALY,      /* by its scores: struct alert */
    ALERT_SENSOR_FAULT, /* readings stand still while the arm moves: struct sensor_fault */
    ALERT_SILENT,       /* no samples */
    ALERT_KINDS
};
const char *alert_kind_name(enum alert_kind kind);

enum alert_severity { ALERT_INFO, ALERT_WARNING, ALERT_CRITICAL, ALERT_SEVERITIES };
const char *alert_severity_name(enum alert_severity severity);

enum alert_transition { ALERT_NONE, ALERT_RAISED, ALERT_UPDATED, ALERT_CLEARED };
const char *alert_transition_name(enum alert_transition transition);

struct alert_window {
    double score;
    int64_t time_ns;
    uint64_t seq;
};

/* One detector's filter: the trigger statistic is the k-th largest of its last n scores. */
struct alert_trigger {
    char name[DETECTOR_NAME_MAX]; /* of the detector */
    struct alert_filter filter;
    double threshold;
    const struct calibration *calibration; /* borrowed from the model; NULL: no p-value */
    unsigned count, next;
    struct alert_window *last; /* [filter.n] a ring, within alert->windows */
};

struct alert_episode {
    bool open;
    enum alert_severity severity;
    int64_t started_ns; /* the first window over its threshold */
    int64_t ended_ns;   /* the window that cleared it; only once cleared */
    uint64_t first_seq, last_seq;
    double score, peak_score;          /* of the robot: 1 is the limit */
    double p_value;                    /* smallest so far, of all detectors together */
    double fired[MODEL_DETECTORS_MAX]; /* highest score of each detector whose condition was true;
                                          0: its was not */
    uint64_t windows;                  /* over the limit */
    struct score last; /* the newest window over the limit, its attribution included */
};

struct alert {
    size_t detectors;
    struct alert_trigger trigger[MODEL_DETECTORS_MAX];
    struct alert_window *windows; /* of all triggers: as many as their filters look at */
    struct alert_episode episode;
    bool below; /* every score since below_since_ns was under the clear ratio */
    /* [detectors] it has fired in the open episode, and its newest score was not under the clear
     * ratio: while it cannot judge, nothing says that it is over */
    bool holding[MODEL_DETECTORS_MAX];
    int64_t below_since_ns;
};

/* All zeros is one that no model was set for yet; nothing is pushed before. */
void alert_deinit(struct alert *alert);

/* Takes filters and thresholds [model->detectors] over; forgets the scores in the filters, keeps an
 * open episode, but nothing that the model before has said in it. Errors: -ENOMEM, and nothing has
 * changed. */
int alert_set_model(struct alert *alert, const struct model *model, const double *thresholds);

/* The same with one detector that no model has: thresholds [1]. */
int alert_set_filter(struct alert *alert, const struct alert_filter *filter, double threshold);

/* Other thresholds for the same model. */
void alert_set_thresholds(struct alert *alert, const double *thresholds);

/* p-values of a detector from another calibration than the model's: borrowed, until the model is
 * set again; NULL: the model's has none. */
void alert_set_calibration(struct alert *alert, size_t detector,
                           const struct calibration *calibration);

/* The stream began anew: scores from before it must not meet scores from after it. An open episode
 * stays. */
void alert_restart(struct alert *alert);

/* One window; one that no detector could judge says neither that an episode goes on nor that it is
 * over. With `muted` (maintenance) nothing is raised, but an open episode can
 * clear. */
enum alert_transition alert_push(struct alert *alert, const struct score *score, bool muted);

/* A window that nothing judged: the time around it was not quiet. alert_push does so by itself. */
void alert_unjudged(struct alert *alert);

/* True if a detector has just judged a window and k of its last n scores are over its threshold. */
bool alert_triggered(const struct alert *alert, const struct score *score, size_t detector);

/* The k-th largest of a detector's last n scores; negative while there are fewer than k. */
double alert_trigger_statistic(const struct alert *alert, size_t detector);

#endif

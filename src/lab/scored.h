/*
 * scored: one recording's rows with labels, scores and triggers: what all figures are counted from.
 *
 * Filled from a model, row by row as a live robot would be judged, or from the scores that another
 * program (a peer) gave the same rows. A peer's scores go through the same history and the same
 * alert filter, so that evaluated windows, triggers and calibration mean the same for both. Memory:
 * the table owns its arrays, some 30 bytes a row; scored_deinit frees them.
 */
#ifndef ARMWATCH_LAB_SCORED_H
#define ARMWATCH_LAB_SCORED_H

#include "base/diag.h"
#include "lab/recording.h"
#include "model/model.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCORED_FAULT (1U << MODEL_DETECTORS_MAX) /* in `triggered`, beside the detectors' bits */
#define SCORED_ROBOT MODEL_DETECTORS_MAX /* in the place of a detector: all of them together */

struct scored_detector {
    char name[DETECTOR_NAME_MAX];
    double threshold;
    float *score; /* [rows] as the detector gave it; NAN: not evaluated */
};

struct scored {
    const char
        *name; /* of the recording, for plots: the caller sets it and keeps it; may be NULL */
    size_t rows;
    double period_s;
    size_t span;       /* rows of the longest window */
    size_t reach;      /* rows after which a row has left all windows and all filters */
    bool judges_steps; /* a detector judges how a program step has gone so far: a row has left that
                          one only when the step is over */
    int64_t *time_ns;  /* [rows] of the recording, or row * period where it has none */
    bool *hole;        /* [rows] not measured */
    int *label;        /* [rows] 0 = normal */
    int *window_label; /* [rows] of the oldest labelled row in the window that ends here; 0: none */
    int *step; /* [rows] program step: the model's step channel, else "action"; NULL: neither */
    uint16_t *triggered; /* [rows] bit d: k of the last n scores of detector d are over its
                            threshold; SCORED_FAULT: a sensor's readings stand still, and the row is
                            not evaluated */
    float *ratio;        /* [rows] score of the robot, 1 is the limit; NAN: not evaluated */
    size_t detectors;
    struct scored_detector detector[MODEL_DETECTORS_MAX];
};

static inline bool scored_evaluated(const struct scored *scored, size_t row)
{
    return !isnan(scored->ratio[row]);
}

/* There is a verdict on the row, by its score or without one. */
static inline bool scored_judged(const struct scored *scored, size_t row)
{
    return scored_evaluated(scored, row) || scored->triggered[row];
}

/* The recording's channels are the model's. Thread: the one that owns BLAS. Errors: -EINVAL the
 * model is not calibrated; -ENOMEM. */
int scored_from_model(const struct recording *recording, struct model *model,
                      double false_alarms_per_day, struct scored *ret_scored, struct diag *diag);
void scored_deinit(struct scored *scored);

/* A detector of another program, of which only the scores are known. */
struct scored_peer {
    const char *name;
    double period_s;
    size_t span; /* rows of its window: no row is evaluated without as many unbroken ones */
    struct alert_filter filter;
    double threshold; /* over 0; of no meaning for calibration */
};

/* scores [recording->rows]: 0 or over, NAN where the peer gave none. Errors: -EINVAL a score that
 * is negative or infinite; -ENOMEM. */
int scored_from_peer(const struct recording *recording, const double *scores,
                     const struct scored_peer *peer, struct scored *ret_scored, struct diag *diag);

/* What runner_calibrate is for a model: scores[i] belong to sessions[i]. Memory:
 * calibration_deinit. Errors: -EINVAL too short, or as above; -ENOMEM. */
int scored_calibrate_peer(struct recording *const *sessions, const double *const *scores,
                          size_t count, const struct scored_peer *peer,
                          struct calibration *ret_calibration, struct diag *diag);

/* Takes the program steps from a recording of the same rows that still has the channel "action",
 * for scores of a model that does not see it. Without that channel nothing changes. Errors: -EINVAL
 * other rows; -ENOMEM. */
int scored_take_steps(struct scored *scored, const struct recording *recording, struct diag *diag);

/* Evaluated windows of some recordings, in their order. Memory: scored_windows_deinit. */
struct scored_windows {
    size_t count;
    double *score; /* over its threshold: 1 is the limit */
    int *label;    /* of the window */
    uint32_t *row; /* its newest, among the rows of all the recordings, one after the other */
};
/* which: a detector, or SCORED_ROBOT. Errors: -ENOMEM. */
int scored_collect(const struct scored *scored, size_t count, size_t which,
                   struct scored_windows *ret_windows);
void scored_windows_deinit(struct scored_windows *windows);

#endif

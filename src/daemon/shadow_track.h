/*
 * shadow_track: a candidate's side of one robot: its own rows and windows, for it may derive other
 * channels and see longer windows, and its own alert filter; none of it is told as an alert.
 *
 * What breaks the live history breaks this one, and gaps it sees by itself. Windows go to the
 * scorer behind the live ones, and come back with the shadow's number. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SHADOW_TRACK_H
#define ARMWATCH_DAEMON_SHADOW_TRACK_H

#include "daemon/robot.h"
#include "daemon/scorer.h"
#include "daemon/shadow_report.h"
#include "pipeline/alert.h"
#include "pipeline/track.h"

#include <stdint.h>

#define SHADOW_TRACK_PENDING_MAX 64 /* windows with the scorer */
#define SHADOW_TRACK_SCORES 256     /* live scores that wait for the candidate's */

struct shadow_track {
    uint32_t shadow;              /* its number */
    const struct model *model;    /* borrowed, as the next one */
    struct shadow_report *report; /* of all robots of the shadow */
    bool *changed;                /* set when the report has a new finding */
    struct track track;
    struct alert alert;
    uint64_t alert_epoch;
    unsigned pending;
    struct {
        uint64_t epoch, seq;
        double ratio;
    } live[SHADOW_TRACK_SCORES];
    size_t next;
    struct shadow_match match;
    char robot[NAME_MAX_LENGTH + 1];
};

struct shadow_track_options {
    uint32_t shadow;
    const struct model *model;
    const double *thresholds; /* of the candidate, for this robot */
    struct shadow_report *report;
    bool *changed;
    double max_gap_s;
};
/* Returns NULL when memory is out. An alert of the robot that is open now is no case of the
 * comparison. */
struct shadow_track *shadow_track_new(const struct robot *robot,
                                      const struct shadow_track_options *options);
void shadow_track_free(struct shadow_track *track);

/* As track_break, track_restart, history_shift of the live one. */
void shadow_track_break(struct shadow_track *track);
void shadow_track_restart(struct shadow_track *track);
void shadow_track_shift(struct shadow_track *track, int64_t step_ns);

/* The sample whose row the live history has just taken; `window` is sent where it completes one. */
void shadow_track_push(struct shadow_track *track, struct scorer *scorer, struct robot *robot,
                       const struct sample *sample, int64_t now_ns);

/* The live model has judged a window (ratio 0 or over), and told its alert. */
void shadow_track_live(struct shadow_track *track, const struct robot *robot,
                       const struct scorer_result *result, double ratio,
                       enum alert_transition transition);
/* The candidate has answered. muted: nothing is raised now. */
void shadow_track_result(struct shadow_track *track, const struct scorer_result *result,
                         bool muted);

/* Another live model: the comparison begins anew. */
void shadow_track_begin(struct shadow_track *track, const struct robot *robot);

#endif

/*
 * calibration: from the scores of healthy sessions to a threshold for a false-alarm budget.
 *
 * The statistic is the one that raises an alert: the k-th largest of the last n scores, so that the
 * alert filter is part of the calibration. Its maxima over blocks of evaluated time are nearly
 * independent, and a generalised Pareto tail, never one with an end, is fitted to the upper of
 * them. The data support no better promise than their own length: calibration_supported_per_day.
 * Whether one session foretells another is tried by leaving each out in turn:
 * calibration_leave_out.
 *
 * Units: seconds, hours of evaluated time. Thread: none of its own; a fitted one is constant.
 * Source: peaks over threshold, Siffer et al. 2017; conformal p-values, Vovk et al. 2005.
 */
#ifndef ARMWATCH_MODEL_CALIBRATION_H
#define ARMWATCH_MODEL_CALIBRATION_H

#include "base/diag.h"
#include "model/pareto.h"
#include "model/psi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALIBRATION_BLOCK_S 30.0
#define CALIBRATION_STORED_MAX 20000
#define CALIBRATION_SESSION_GAP_S 900.0 /* what comes after such a pause is another session */
#define CALIBRATION_SESSIONS_MAX 100
#define CALIBRATION_THRESHOLD_MIN 1e-9 /* scores are divided by it */

enum calibration_tail {
    CALIBRATION_PARETO,      /* from 100 blocks on */
    CALIBRATION_EXPONENTIAL, /* from 20 blocks on, and where the peaks show no shape */
    CALIBRATION_MAXIMUM,     /* fewer: the maximum, and the spread above the median as the margin */
};

/* One session, by the threshold that follows from all the others. */
struct calibration_session {
    size_t number; /* among all that were fed, from 1 */
    double hours;  /* evaluated time */
    size_t blocks;
    double threshold;
    size_t over; /* blocks whose maximum is above it: each about one alert */
};

struct calibration_left_out {
    double per_day; /* the budget that the thresholds are for */
    size_t over;    /* in all sessions */
    size_t stored;  /* of the sessions: all, or the CALIBRATION_SESSIONS_MAX most conspicuous; 0:
                       there is but one, or it was not tried */
    struct calibration_session *session; /* [stored], in the order in which they were fed */
};

/* Plain, to be stored as it is. */
struct calibration {
    double block_s;  /* evaluated time in a full block */
    double hours;    /* evaluated time in all blocks */
    size_t sessions; /* that they came from */
    size_t blocks;
    size_t stored;  /* of the block maxima: all, or CALIBRATION_STORED_MAX of them */
    double *maxima; /* [stored] ascending, evenly spaced in rank, both extremes among them */
    enum calibration_tail tail;
    double level;         /* of the statistic, above which the tail describes it */
    size_t peaks;         /* block maxima that the tail was fitted to */
    struct pareto excess; /* over the level */
    struct calibration_left_out left_out;
    struct psi_reference reference; /* of the scores themselves, for their drift */
};

/* "pareto", "exponential", "maximum". Errors: -EINVAL with the list in diag. */
int calibration_tail_parse(const char *name, enum calibration_tail *ret_tail, struct diag *diag);
const char *calibration_tail_name(enum calibration_tail tail);

/* Block maxima of a statistic that is fed in the order of time.
 * A block is full after block_s of evaluated time, however long it took to come by; a new session,
 * a step back in time or a gap of over block_s ends it early. Such a block counts if it is at least
 * half full. Memory: calibration_blocks_deinit frees. */
struct calibration_blocks {
    double block_s, period_s;
    size_t full;     /* windows in a full block */
    size_t in_block; /* windows in the one being filled */
    double maximum;  /* of these */
    int64_t time_ns; /* of the newest */
    bool in_session; /* the session has given a block */
    size_t ended;    /* sessions, with or without a block */
    size_t windows;  /* in all blocks that count */
    size_t sessions; /* that have given a block */
    struct calibration_source {
        size_t number;  /* of the session among all, from 1 */
        size_t first;   /* of its maxima: they go up to the next session's */
        size_t windows; /* in its blocks */
    } * source;         /* [sessions] */
    size_t count, capacity;
    double *maxima; /* [count] in the order of time */
};

/* period_s: from one window to the next. */
void calibration_blocks_init(struct calibration_blocks *blocks, double block_s, double period_s);
void calibration_blocks_deinit(struct calibration_blocks *blocks);
/* Errors: -EINVAL the statistic is not finite; -ENOMEM. */
int calibration_blocks_push(struct calibration_blocks *blocks, int64_t time_ns, double statistic);
/* Ends the block that is being filled; the session goes on. Errors: -ENOMEM. */
int calibration_blocks_end_block(struct calibration_blocks *blocks);
/* Ends a session, also the last one. Errors: -ENOMEM. */
int calibration_blocks_end_session(struct calibration_blocks *blocks);
/* Evaluated time in all blocks that count. */
double calibration_blocks_hours(const struct calibration_blocks *blocks);

/* Memory: calibration_deinit frees the maxima. Errors: -EINVAL no block; -ENOMEM. */
int calibration_fit(struct calibration *calibration, const struct calibration_blocks *blocks,
                    struct diag *diag);
/* Counts in each session the alarms of a threshold that was set on all the others; with one session
 * there is nothing to do. calibration: fitted to the same blocks. false_alarms_per_day > 0. Memory:
 * calibration_deinit. Errors: -ENOMEM, and the calibration is as before. */
int calibration_leave_out(struct calibration *calibration, const struct calibration_blocks *blocks,
                          double false_alarms_per_day, struct diag *diag);
void calibration_deinit(struct calibration *calibration);

/* For one that was restored (maxima and sessions allocated by malloc). Statistics are 0 or over, as
 * scores are. Errors: -EINVAL with the
 * member and what it must be in diag. */
int calibration_check(const struct calibration *calibration, struct diag *diag);
/* The part of it that is about sessions left out. */
int calibration_check_left_out(const struct calibration *calibration, struct diag *diag);

/* Smallest statistic that is *not* an alarm: an alert is raised above it. Falls as the budget
 * grows; never below the observed quantile that it stands for, nor below
 * CALIBRATION_THRESHOLD_MIN. false_alarms_per_day > 0, of evaluated time. */
double calibration_threshold(const struct calibration *calibration, double false_alarms_per_day);

/* How often the maximum of a healthy block is at least this high: conformal within the data,
 * continued by the fitted tail. Continuous, falling, in (0, 1]. The statistic is not a NaN. */
double calibration_p_value(const struct calibration *calibration, double statistic);

/* The rate that so many hours without a single alarm exclude at 95 %: 3 / T. */
double calibration_supported_per_day(const struct calibration *calibration);
/* The same of a number of hours (0: infinite), and the hours that support a rate over 0. */
double calibration_rate_of_hours(double hours);
double calibration_hours_for_rate(double per_day);

/* Chance, at 95 %, that a new session is unlike all that were seen: 1 - .05^(1/S). */
double calibration_new_session_risk(const struct calibration *calibration);

/* The stored session whose alarms the budget explains least. NULL: no session was left out, or none
 * had an alarm. */
const struct calibration_session *calibration_worst(const struct calibration_left_out *left_out);

#endif

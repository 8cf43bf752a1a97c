/*
 * record_stats: what a recording holds so far: rate, sessions, cycles, channels that stand still.
 *
 * Fed row by row. A session ends with a pause of CALIBRATION_SESSION_GAP_S, as in commissioning.
 * Memory: a fixed amount for each channel and session, and the last RECORD_STATS_STEPS steps.
 */
#ifndef ARMWATCH_CLI_RECORD_STATS_H
#define ARMWATCH_CLI_RECORD_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_STATS_STEPS 4096

struct record_stats_channel {
    float value;         /* of the last row that was measured */
    size_t run, longest; /* rows without a change */
    bool changed;
};

struct record_stats {
    size_t channels;
    char *const *names; /* [channels] borrowed */
    struct record_stats_channel *channel;
    size_t step_channel; /* that names the program step; `channels`: none */
    float first_step;
    uint64_t cycles; /* how often the first step began again */
    size_t rows, holes;
    size_t sessions;
    size_t *session_rows; /* [sessions] */
    size_t gaps;          /* pauses within a session */
    int64_t last_ns;
    double seconds; /* of the sessions, from the first row to the last */
    size_t steps;   /* all; the last ones are kept */
    int64_t step_ns[RECORD_STATS_STEPS];
    double period_s; /* the usual step, by record_stats_update; 0: not known */
};

/* step_channel: its name. Errors: -ENOMEM. */
int record_stats_init(struct record_stats *stats, char *const *names, size_t channels,
                      const char *step_channel);
void record_stats_deinit(struct record_stats *stats); /* also of zeros */

/* Whether a row of that time begins a session; not of the first row. */
bool record_stats_is_border(const struct record_stats *stats, int64_t time_ns);
/* values NULL: a hole. new_session: it is in another file. Errors: -ENOMEM. */
int record_stats_push(struct record_stats *stats, const float *values, int64_t time_ns,
                      bool new_session);
/* Looks at the steps again. */
void record_stats_update(struct record_stats *stats);

/* "a, b, ..." of the channels that never changed (dead), or else stood still for half of all rows
 * (flat); returns how many there are. Constant channels are usual: only a person knows which. */
size_t record_stats_dead(const struct record_stats *stats, char *ret_text, size_t size);
size_t record_stats_flat(const struct record_stats *stats, char *ret_text, size_t size);
/* The longest run of a channel that has changed; NULL: there is none. */
const char *record_stats_longest(const struct record_stats *stats, size_t *ret_rows);

/* What the rows that were measured are worth: for a calibration of all of them, and for the part
 * that training keeps for it. */
double record_stats_hours(const struct record_stats *stats);
double record_stats_kept_hours(const struct record_stats *stats);

#endif

/*
 * robot: everything that the loop keeps about one robot.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_ROBOT_H
#define ARMWATCH_DAEMON_ROBOT_H

#include "base/hash.h"
#include "base/name.h"
#include "daemon/evidence_recorder.h"
#include "daemon/rate.h"
#include "daemon/score_ring.h"
#include "daemon/suspensions.h"
#include "pipeline/alert.h"
#include "pipeline/assembler.h"
#include "pipeline/gate.h"
#include "pipeline/sample.h"
#include "pipeline/sensor_fault.h"
#include "pipeline/stability.h"
#include "pipeline/track.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assignment;
struct commissioning_record;
struct episode_log;
struct shadow_track;

/* In the order of precedence: the first that applies is the state. */
enum robot_state {
    ROBOT_SUSPENDED,     /* no alerts: maintenance */
    ROBOT_STALE,         /* no samples for stale_periods */
    ROBOT_ALERT,         /* an episode is open */
    ROBOT_STOPPED,       /* the whole sample stands still: nothing to be judged */
    ROBOT_NOT_EVALUATED, /* the gate is not open: a mode, an override, ... */
    ROBOT_DEGRADED,      /* judged, but not fully */
    ROBOT_COMMISSIONING, /* its thresholds are still to be learnt: scores, no alerts from them */
    ROBOT_WARMING,       /* no window is complete yet */
    ROBOT_OK,
    ROBOT_STATES
};
const char *robot_state_name(enum robot_state state);

/* Why a robot is degraded; each is the counter of its kind over the present and the last 10 s. The
 * first ones are trouble from over 1 % of its messages on. */
enum robot_trouble {
    ROBOT_REJECTED,                /* samples were refused */
    ROBOT_DUPLICATES,              /* messages repeat the one before */
    ROBOT_LATE,                    /* samples came behind a newer one */
    ROBOT_MISSING,                 /* samples did not come, by their numbers or times */
    ROBOT_SHARES,                  /* from here on a single one is trouble */
    ROBOT_OVERLOAD = ROBOT_SHARES, /* a window found no room */
    ROBOT_NONFINITE,               /* a score overflowed */
    ROBOT_CLOCK,                   /* a time was over ROBOT_CLOCK_AHEAD_S in the future */
    ROBOT_RATE,                    /* samples come at another period than the model's; no counter */
    ROBOT_TROUBLES
};
const char *robot_trouble_name(enum robot_trouble trouble);

#define ROBOT_COVERAGE_MINUTES 60
#define ROBOT_CLOCK_AHEAD_S 5

struct robot_counters {
    uint64_t received; /* messages on its topic */
    uint64_t rejected[SAMPLE_REFUSALS];
    uint64_t retained, duplicates, late, gated;
    uint64_t backlog;  /* of before its partition was taken over */
    uint64_t gaps;     /* over max_gap_s */
    uint64_t restarts; /* the source's clock was set back, or it counts anew */
    uint64_t missing;  /* that did not come, or not in their turn */
    uint64_t windows;  /* sent to the scorer */
    uint64_t scored;   /* came back with a score */
    uint64_t overload; /* found no room */
    uint64_t nonfinite;
    uint64_t faulty, stopped; /* rows that were not judged for readings that stand still */
    uint64_t due, evaluated;  /* windows, as coverage counts them */
    uint64_t alerts;          /* raised, of all kinds */
    uint64_t raised[ALERT_KINDS][ALERT_SEVERITIES]; /* by the severity that they began with */
    uint64_t tags[ASSEMBLER_REFUSALS];
};

/* What an operator says of an alert. */
enum robot_verdict {
    ROBOT_UNACKED,
    ROBOT_TRUE_ALARM,
    ROBOT_FALSE_ALARM,
    ROBOT_MAINTENANCE_ALARM,
    ROBOT_VERDICTS
};
const char *robot_verdict_name(enum robot_verdict verdict); /* "true", "false", "maintenance" */

#define ROBOT_NOTE_MAX 256 /* bytes */

struct robot_ack {
    enum robot_verdict verdict;
    int64_t time_ns; /* wall clock */
    char note[ROBOT_NOTE_MAX + 1];
};

/* An episode as it is published. */
struct robot_alert {
    char id[HASH_HEX_SIZE];
    char model[HASH_HEX_SIZE]; /* sha256 of the one that has raised it */
    struct robot_ack ack;
    uint64_t messages;          /* n of the last one */
    int64_t last_assert_ns;     /* monotonic */
    enum alert_transition owed; /* a message that could not be made yet */
};

struct robot {
    char name[NAME_MAX_LENGTH + 1];
    size_t number;     /* in scoring sets */
    int partition;     /* that its samples come in; negative: the robots are not parted */
    const char *owner; /* where they are: this instance, borrowed */
    uint64_t owner_epoch;
    int64_t adopted_ns; /* monotonic: when it came with its partition */
    bool absent;        /* its partition is another instance's: only its counters are kept */
    struct assignment *assignment;
    struct model *model;         /* the one that its results are from: usually the assignment's */
    struct assembler *assembler; /* NULL: no tag has come for it */
    bool assembler_dated;        /* its tags have times of their own */
    uint64_t sparkplug_node;     /* hash of the edge node that they come from; 0: none */
    struct evidence_recorder evidence;          /* see evidence.h */
    struct commissioning_record *commissioning; /* borrowed; NULL: the model's own calibration */
    struct {
        double per_day;     /* false alarms that its thresholds are for */
        const char *source; /* "armed", or as fleet_target_per_day says */
    } budget;
    struct {
        uint32_t number;  /* of the probation that it belongs to */
        uint64_t windows; /* judged in the open alert */
    } probation;
    struct track track;
    struct shadow_track *shadow; /* of a candidate that is compared; NULL: none */
    struct alert alert;
    struct sensor_fault fault;
    struct stability stability;   /* drift of its scores and channels */
    struct alert_episode silence; /* between samples: it runs on the clock */
    struct robot_counters counters;
    struct rate rate;
    bool dated;           /* the newest row's time is its source's */
    double clock_skew_s;  /* where dated: that time less the host's */
    uint64_t arrivals;    /* samples that became a row */
    unsigned pending;     /* windows with the scorer */
    uint64_t epoch;       /* grows when the history starts anew */
    uint64_t alert_epoch; /* of the windows that `alert` has seen */
    uint64_t first_epoch; /* windows before it are of its former stay here */
    struct {
        const struct conditions *conditions; /* borrowed */
        struct gate_reading known;           /* see gate_follow */
        bool heard;                          /* a sample was judged by it */
        bool shut;                           /* by the newest sample */
        bool settling;                       /* it has opened only just */
        int64_t opened_ns;                   /* sample time */
        uint64_t changes;                    /* of what is told of it */
    } gate;
    bool gated; /* the newest sample was not to be judged */
    bool suspended;
    struct suspension suspension; /* where suspended */
    int64_t resumed_ns;           /* monotonic; when the last one ended; 0: never */
    uint64_t muted_epoch;         /* windows up to this one raise nothing */
    bool stopped;
    bool scored; /* at least one window since the last restart of its history */
    bool stale;
    bool unknown_channel_seen;
    int64_t last_arrival_ns; /* monotonic, of a message that may be new; 0: none yet */
    int64_t kept_ns;         /* last_arrival_ns when the journal was told of it; 0: not yet */
    struct {
        int64_t row_ns;                 /* monotonic, of the newest row; 0: none yet */
        uint64_t since_row;             /* windows since then that could not be judged */
        uint64_t messages;              /* of these: for a message that was no row */
        uint64_t since_arrival, copies; /* since last_arrival_ns */
    } due;
    int64_t last_score_message_ns;
    double score;                               /* newest ratio; negative: none */
    double detector_score[MODEL_DETECTORS_MAX]; /* of the same window; negative: did not judge it */
    struct score_ring scores;
    struct episode_log *episodes; /* NULL: no alert yet */

    struct robot_alert alerts[ALERT_KINDS]; /* of the open episodes, or the ones before */

    /* the state, as it was published last */
    enum robot_state state;
    int64_t state_since_ns; /* wall clock */
    char published[384];    /* what a change is told from */

    struct {
        uint32_t minute, expected, evaluated;
    } coverage[ROBOT_COVERAGE_MINUTES];
    struct {
        int64_t slot;                                   /* of 10 s */
        uint64_t received[2], count[ROBOT_TROUBLES][2]; /* [0] present slot, [1] the one before */
    } recent;
};

/* Makes a robot for a model. Errors: NULL when memory is out. */
struct robot *robot_new(const char *name, size_t number, struct model *model, double max_gap_s);
void robot_free(struct robot *robot);

/* Another model with the same channels: windows of its length from now on. Errors: -ENOMEM, nothing
 * changed. */
int robot_set_model(struct robot *robot, struct model *model, const double *thresholds);

/* What is broken, begun anew or shifted of its history is so for a candidate, too: see track.h and
 * history_shift. */
void robot_break(struct robot *robot);
void robot_restart(struct robot *robot);
void robot_shift(struct robot *robot, int64_t step_ns);

/* It is another instance's now: nothing of it is open, awaited or told any more. */
void robot_leave(struct robot *robot);

/* The episode of a kind, open or not. */
const struct alert_episode *robot_episode(const struct robot *robot, enum alert_kind kind);
bool robot_has_open_episode(const struct robot *robot);

/* One window was due, and was or was not evaluated. now_ns: monotonic. */
void robot_count_window(struct robot *robot, bool evaluated, int64_t now_ns);

/* What arrives, and what does not, asks for windows that nobody can judge. Each is counted once,
 * however it shows: by a message, by the numbers or the times of the rows around it, by the clock.
 */
/* A sample that is in no window: refused, or not to be judged. */
void robot_heard(struct robot *robot, int64_t now_ns);
/* The newest row again: no sign of life. The first copy was judged with the row itself; where more
 * follow, each stands where a new sample was due. */
void robot_heard_copy(struct robot *robot, int64_t now_ns);
/* A new row, `missing` ones before it. Returns how many of them no message was refused for. */
uint64_t robot_heard_row(struct robot *robot, uint64_t missing, int64_t now_ns);
/* Sample periods since the newest row came; an hour's at most. */
uint64_t robot_periods_since_row(const struct robot *robot, int64_t now_ns);
/* Nothing new for longer than the robot may be quiet. */
void robot_heard_nothing(struct robot *robot, int64_t now_ns);

/* Share of the last hour's windows that were evaluated; 1 if none was due. */
double robot_coverage_1h(const struct robot *robot, int64_t now_ns);

void robot_note_received(struct robot *robot, int64_t now_ns);
void robot_note_trouble(struct robot *robot, enum robot_trouble trouble, int64_t now_ns);
void robot_note_missing(struct robot *robot, uint64_t count, int64_t now_ns);
bool robot_has_trouble(struct robot *robot, enum robot_trouble trouble, int64_t now_ns);

/* The states that apply now as a set of bits (1 << state); ROBOT_OK if no other does. */
unsigned robot_states(struct robot *robot, int64_t now_ns);

#endif

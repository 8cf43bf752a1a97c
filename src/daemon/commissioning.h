/*
 * commissioning: thresholds that are learnt where a robot works, instead of from recordings.
 *
 * While a robot is commissioned its scores raise nothing. The maxima that calibration is made from
 * (model/calibration.h: same statistic, same blocks) are collected; `arm` makes thresholds of them
 * by the same fit. They are state: the model file stays as it was signed.
 *
 * A record belongs to one robot and the content of one model. Another model starts a new one; the
 * record of the model before is kept, so that a rollback finds it as it was. Sessions are told from
 * each other by pauses of CALIBRATION_SESSION_GAP_S of sample time without an evaluated window: a
 * restart of the daemon is none.
 *
 * Memory: at most COMMISSIONING_RECORDS_MAX records, COMMISSIONING_BLOCKS_MAX maxima of each
 * detector of one, and COMMISSIONING_TOTAL_MAX in all: then what is there stays, and no more is
 * collected (full). The place for maxima grows by doubling, on the loop, once in many blocks.
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_COMMISSIONING_H
#define ARMWATCH_DAEMON_COMMISSIONING_H

#include "base/diag.h"
#include "base/hash.h"
#include "base/name.h"
#include "model/calibration.h"
#include "model/model.h"
#include "pipeline/score.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define COMMISSIONING_RECORDS_MAX 128
#define COMMISSIONING_PER_ROBOT 2      /* of the model in use, and of the one before */
#define COMMISSIONING_BLOCKS_MAX 20000 /* a week of evaluated time */
#define COMMISSIONING_TOTAL_MAX ((size_t)4 << 20)
#define COMMISSIONING_SAVE_S 60      /* what a crash can take */
#define COMMISSIONING_SAVE_QUIET_S 5 /* of a robot that has paused */

struct robot;

enum commissioning_mode {
    COMMISSIONING_IDLE,     /* the model's own calibration; what was learnt is kept */
    COMMISSIONING_LEARNING, /* raises nothing, collects */
    COMMISSIONING_ARMED,    /* thresholds from what was learnt */
    COMMISSIONING_MODES
};
const char *commissioning_mode_name(enum commissioning_mode mode); /* "idle", "learning", "armed" */

struct commissioning_record {
    char robot[NAME_MAX_LENGTH + 1];
    char sha256[HASH_HEX_SIZE]; /* of the model */
    enum commissioning_mode mode;
    bool asked;       /* by an operator: it goes on under another model */
    double per_day;   /* of one that is armed: the budget */
    double target;    /* the budget in force where it is not; not saved */
    int64_t began_ns; /* wall clock of its first window; 0: none yet */
    int64_t last_ns;  /* sample time of its newest one */
    size_t detectors;
    struct calibration_blocks blocks[MODEL_DETECTORS_MAX];
    struct calibration calibration[MODEL_DETECTORS_MAX]; /* of one that is armed */
    uint64_t used;                                       /* the larger, the later */
    bool full;                                           /* no more is collected; not saved */
    bool dirty, quiet, urgent;
    int64_t saved_ns; /* monotonic */
};

struct commissioning {
    size_t count;
    struct commissioning_record *record[COMMISSIONING_RECORDS_MAX];
    uint64_t uses;
    size_t total; /* maxima of all, at the last tick */
    struct commissioning_saver {
        uv_loop_t *loop;
        char *directory; /* NULL: nothing is saved */
        uv_work_t work;
        bool busy, failed, flushing;
        uint64_t failures;
        int64_t tried_ns;                    /* monotonic */
        struct commissioning_record *record; /* being written; NULL: it is gone */
        char *path;
        void *data;
        size_t size;
        int result;
        struct diag diag;
    } saver;
};

void commissioning_deinit(struct commissioning *commissioning);

/* NULL if there is none. */
struct commissioning_record *commissioning_find(const struct commissioning *commissioning,
                                                const char *robot, const char *sha256);

/* The robot is new, or has another model: gives it its record. One is made where the model has no
 * calibration, or an operator has asked for one under the model before. */
void commissioning_attach(struct commissioning *commissioning, struct robot *robot);

/* An operator asks for it: from the beginning, if it is not learning already. Errors: -ENOSPC no
 * record is free; -ENOMEM. */
int commissioning_begin(struct commissioning *commissioning, struct robot *robot);

/* Whether its scores raise nothing, for that they are to be learnt from. */
bool commissioning_learns(const struct robot *robot);

/* A window that was judged, after alert_push. Those within an episode are left out. */
void commissioning_push(const struct commissioning *commissioning, struct robot *robot,
                        const struct score *score);

struct commissioning_progress {
    double hours;    /* evaluated, of the detector that judged least */
    size_t sessions; /* of that one, the present one included */
    size_t windows;
    double supported_per_day; /* INFINITY: nothing yet */
    double needed_hours;      /* for the target */
    bool ready;               /* the target is supported */
    double rate;              /* evaluated hours an hour of the clock so far; 0: not known */
};
struct commissioning_progress commissioning_progress(const struct commissioning_record *record,
                                                     int64_t wall_ns);

/* Thresholds for a budget from what was learnt; learning ends. Errors: -ENODATA a detector has no
 * full block yet; -ENOMEM; the record is as before, with the reason in diag. */
int commissioning_arm(struct commissioning_record *record, const struct model *model,
                      double false_alarms_per_day, struct diag *diag);
/* Back to the model's own calibration, or to learning where it has none. What was learnt stays. */
void commissioning_disarm(struct commissioning_record *record, const struct model *model);
/* Of one that is armed; INFINITY of one that learns, whose model's own ones are what is not
 * trusted: an episode that they have opened clears. ret_thresholds [record->detectors]. */
void commissioning_thresholds(const struct commissioning_record *record, double *ret_thresholds);

/* For one that was restored: fits it if it is armed. Errors: as commissioning_arm. */
int commissioning_refit(struct commissioning_record *record, struct diag *diag);
void commissioning_record_free(struct commissioning_record *record);

/* ---- on the disk: STATE_DIRECTORY/commissioning/ROBOT.SHA256.safetensors, in libuv's pool, one
 * after the other (commissioning_save.c) */

/* Reads what earlier runs left; what cannot be read is logged and moved aside. Errors: -ENOMEM. */
int commissioning_open(struct commissioning *commissioning, uv_loop_t *loop,
                       const char *state_directory);
/* Writes what is due. now_ns: monotonic. */
void commissioning_tick(struct commissioning *commissioning, int64_t now_ns);
/* Everything that is not on the disk yet goes there while the loop turns; nothing may come after.
 */
void commissioning_flush(struct commissioning *commissioning);
/* Another record needs its place: takes its file away. */
void commissioning_forget(struct commissioning *commissioning,
                          const struct commissioning_record *record);

#endif

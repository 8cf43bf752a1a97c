/*
 * evidence: what the alerts rest on: keeps the newest samples and scores of every robot in memory,
 * and writes those around an alert to the state directory, off the loop.
 *
 * No alert needs it and none waits for it. What it takes is bounded: memory by
 * `evidence.memory_mib`, the disk by `evidence.max_mib`, `max_age_days` and `keep_free_mib`, one
 * robot by `evidence.max_per_day`; what does not fit is counted.
 *
 * A pack is cut when the samples behind its alert have come, or their time has passed, or earlier,
 * where the robot's model changes or the daemon stops. At most one job is in libuv's pool; what the
 * disk refuses is tried again every EVIDENCE_RETRY_S.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_EVIDENCE_H
#define ARMWATCH_DAEMON_EVIDENCE_H

#include "base/json.h"
#include "config/config.h"
#include "daemon/evidence_store.h"
#include "daemon/robot.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define EVIDENCE_RETRY_S 10
#define EVIDENCE_WAITING_MAX 512 /* packs and notes that wait for the disk */
#define EVIDENCE_STOP_NS INT64_C(2000000000)

struct evidence_item;

struct evidence {
    uv_loop_t *loop;
    const struct config *config;         /* borrowed; may be replaced between two calls */
    struct evidence_item *first, **end;  /* what waits for the disk */
    size_t waiting, waiting_bytes;       /* of these */
    size_t ring_bytes;                   /* of all robots */
    uint64_t written, failed;            /* packs; attempts */
    uint64_t dropped;                    /* packs that found no room */
    uint64_t limited;                    /* alerts beyond evidence.max_per_day */
    uint64_t unbuffered;                 /* robots without memory for their samples */
    bool failing;                        /* the disk refuses */
    int64_t retry_ns, prune_ns, stop_ns; /* monotonic */
    size_t packs;                        /* on the disk, with their bytes: */
    uint64_t bytes;
    bool stopping;
    void (*on_stopped)(void *user);
    void *stopped_user;

    bool busy; /* the rest is the job's then */
    int64_t busy_since_ns;
    uv_work_t work;
    struct evidence_store store;
    struct evidence_item *item; /* NULL: it only prunes */
    struct evidence_limits limits;
    int result;
    struct diag diag;
};

/* Errors: -ENOMEM. */
int evidence_init(struct evidence *evidence, uv_loop_t *loop, const struct config *config);
void evidence_deinit(struct evidence *evidence);

/* ---- what a robot sends. Where evidence is NULL nothing is kept. */

/* The sample whose values stand at track_next_row, before the track takes them. */
void evidence_take(struct evidence *evidence, struct robot *robot);
/* It became a row: track->verdict says what of. */
void evidence_row(struct evidence *evidence, struct robot *robot, const struct sample *sample);
/* It is not to be judged. */
void evidence_gated(struct evidence *evidence, struct robot *robot, int64_t time_ns);
/* Before the alert that may follow from it. ratio: score over threshold. */
void evidence_score(struct evidence *evidence, struct robot *robot, const struct score *score,
                    double ratio);

/* ---- what was told of it */

/* An alert message, as it is published. */
void evidence_alert(struct evidence *evidence, struct robot *robot, enum alert_kind kind,
                    enum alert_transition transition, const char *text);
/* What somebody has said about an alert of the robot, as JSON: kept beside its pack, if there is
 * one or will be. */
void evidence_verdict(struct evidence *evidence, const struct robot *robot, const char *alert_id,
                      const char *text);

/* ---- time */

void evidence_tick_robot(struct evidence *evidence, struct robot *robot, int64_t now_ns);
void evidence_tick(struct evidence *evidence, int64_t now_ns);

/* The robot leaves: its packs are cut with what there is, and its samples are forgotten. evidence
 * may be NULL. */
void evidence_leave(struct evidence *evidence, struct robot *robot);
/* The daemon stops: the robot's packs are cut with what there is. */
void evidence_finish(struct evidence *evidence, struct robot *robot);
/* Writes what waits, for EVIDENCE_STOP_NS since the first call of evidence_finish at most, and
 * nothing that the disk refuses; then calls on_stopped from the loop, or at once. */
void evidence_stop(struct evidence *evidence, void (*on_stopped)(void *user), void *user);

/* ---- how it is */

/* The disk refuses, or has not answered for long. */
bool evidence_failing(const struct evidence *evidence);
/* The member "evidence" of the status. */
void evidence_add_counters(const struct evidence *evidence, cJSON *root);

#endif

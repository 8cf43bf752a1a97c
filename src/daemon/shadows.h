/*
 * shadows: candidates that are scored beside the live models, and what has come of it.
 *
 * A candidate belongs to one robot, or to all that follow the default. Its file is read and checked
 * in libuv's pool, its self-test runs on the scorer, as with a swap; from then on it gets the same
 * samples through rows of its own (shadow_track.h). Its windows wait until no live one does; a
 * candidate that is slow, fails or overflows costs only itself. The report is saved, and goes on
 * after a restart with the same file. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SHADOWS_H
#define ARMWATCH_DAEMON_SHADOWS_H

#include "base/diag.h"
#include "base/json.h"
#include "base/name.h"
#include "daemon/robot.h"
#include "daemon/scorer.h"
#include "daemon/shadow_report.h"
#include "daemon/shadow_track.h"
#include "daemon/swap.h"
#include "model/trust.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define SHADOWS_MAX 8
#define SHADOWS_SAVE_S 60

struct fleet;

enum shadow_state {
    SHADOW_WAITING, /* to be read again after a restart */
    SHADOW_LOADING,
    SHADOW_POSTED, /* the scorer has not answered yet */
    SHADOW_ON
};

struct shadow {
    uint32_t number; /* never 0 */
    enum shadow_state state;
    char robot[NAME_MAX_LENGTH + 1]; /* "": those that follow the default */
    char name[NAME_MAX_LENGTH + 1];  /* of the file */
    char sha256[HASH_HEX_SIZE];      /* of the content; of one that waits: as it was */
    struct model *model;             /* a reference; NULL before it is read */
    uint64_t generation;             /* of the first set with it */
    struct shadow_report report;
    cJSON *unsettled; /* of the run before, until the robots are there; NULL: none */
    char who[SWAP_WHO_MAX];
    swap_done *done; /* of the command that has asked for it */
    void *user;
};

struct shadows {
    size_t count;
    struct shadow *item[SHADOWS_MAX];
    uint32_t numbers;
    bool changed; /* worth saving now */
    int64_t saved_ns;
    cJSON *last; /* report of the one that has ended last; NULL: none */
    struct {
        uv_work_t work;
        bool busy;
        struct fleet *fleet;
        uint32_t number; /* of the shadow that it is for */
        char *path;
        struct trust trust;
        struct model *model;
        struct trust_origin origin;
        int result;
        struct diag diag;
    } loader;
};

/* The pool is idle. */
void shadows_deinit(struct shadows *shadows);

/* The candidate of exactly that robot, or of "": NULL if there is none. */
struct shadow *shadows_find(const struct shadows *shadows, const char *robot);
/* The one that a robot is compared by. */
struct shadow *shadows_of(const struct shadows *shadows, const struct robot *robot);

/* Starts one: request->model names it. Errors: -EBUSY another model is being read; -EEXIST there is
 * one; -ENOENT no such robot, or no default; -ENOSPC; -ENOMEM. Otherwise `done` is called. */
int shadows_start(struct fleet *fleet, const struct swap_request *request);
/* Ends one; its report is shadows->last then. why: for the log. */
void shadows_end(struct fleet *fleet, struct shadow *shadow, const char *who, const char *why);

/* The robot is new, or has another assignment: it gets its track, or loses it. */
void shadows_attach(struct fleet *fleet, struct robot *robot);
/* Its budget has changed: the candidate's thresholds follow. */
void shadows_apply_budget(struct fleet *fleet, struct robot *robot);
/* The scorer's answers: about a set, and (before that) a candidate in it that has failed. */
void shadows_on_set(struct fleet *fleet, uint64_t generation, bool ok);
void shadows_refuse(struct fleet *fleet, uint32_t number, const char *reason);
/* A window of a candidate has come back. */
void shadows_result(struct robot *robot, const struct scorer_result *result, int64_t now_ns);
/* An assignment has another live model: comparisons with the one before end here. */
void shadows_on_live(struct fleet *fleet, const struct assignment *assignment);

/* now_ns: monotonic. True if the state is to be saved. */
bool shadows_tick(struct fleet *fleet, int64_t now_ns);
/* No result comes any more: nothing waits for one. */
void shadows_abandon(struct fleet *fleet);

/* Member "shadows" of the saved operations. Errors: -ENOMEM. */
void shadows_save(struct fleet *fleet, cJSON *state);
int shadows_load(struct shadows *shadows, const cJSON *state);

/* One as an object; lists: with the alerts that one side has alone. */
cJSON *shadows_json(const struct shadow *shadow, bool lists);
const char *shadow_state_name(enum shadow_state state);

#endif

/*
 * fleet: the robots, their models, and the swap of a model while they are being scored.
 *
 * A swap reads and checks the file in libuv's pool, posts a scoring set with the new model, and
 * takes effect when the scorer has adopted that set: then the loop's side of the affected robots
 * changes too, between two results. Until then, and if anything fails, the old model goes on. One
 * swap at a time. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_FLEET_H
#define ARMWATCH_DAEMON_FLEET_H

#include "base/diag.h"
#include "config/config.h"
#include "daemon/assignments.h"
#include "daemon/robot.h"
#include "daemon/scorer.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/* How a swap ended: code is "" on success, else one of model_not_found, model_invalid, no_previous,
 * unknown_robot. */
struct swap_outcome {
    const char *code;
    const char *message;
    const struct model *model; /* on success: the one in use now */
};
typedef void swap_done(void *user, const struct swap_outcome *outcome);

struct swap {
    bool busy;
    bool stopping;
    uv_work_t work;
    struct fleet *fleet;
    struct assignment *assignment;
    char name[NAME_MAX_LENGTH + 1];
    char *path;
    struct model *candidate; /* part of every set that is posted */
    bool made_own;           /* the assignment was made for this swap: it goes if the swap fails */
    bool rejoin;             /* to the default's model: the assignment goes if the swap succeeds */
    struct {                 /* of the pool while the file is read */
        struct model *model;
        int result;
        struct diag diag;
    } loaded;
    uint64_t generation; /* of the first set with the candidate; 0: not posted yet */
    swap_done *done;
    void *user;
};

struct fleet {
    uv_loop_t *loop;
    const struct config *config; /* borrowed; replaced by fleet_set_config */
    struct scorer *scorer;       /* borrowed */
    struct assignments assignments;
    struct robot **robot;   /* [count] by number */
    size_t count, capacity; /* capacity: robots.max at the start */
    uint32_t *slots;        /* hash of names: number + 1, 0 = free */
    size_t slot_count;
    uint64_t generation;
    bool dirty; /* a robot is in no posted set yet */
    struct swap swap;
    void (*on_state_changed)(void *user); /* the assignments changed: save them */
    void *user;
};

/* The assignments are taken. Errors: -ENOMEM. */
int fleet_init(struct fleet *fleet, uv_loop_t *loop, const struct config *config,
               struct assignments *assignments);
void fleet_deinit(struct fleet *fleet);

/* By name; NULL if it is not there. */
struct robot *fleet_find(const struct fleet *fleet, const char *name);
/* A new robot. NULL: robots.max is reached, it has no model, or memory is out: the reason is in
 * diag. */
struct robot *fleet_add(struct fleet *fleet, const char *name, struct diag *diag);

/* Posts a scoring set if robots were added since the last one. Before scorer_push, and once at the
 * start. */
void fleet_post_if_dirty(struct fleet *fleet);
/* Thresholds of a robot under the budget in force: ret_thresholds [MODEL_DETECTORS_MAX]. */
void fleet_thresholds(const struct fleet *fleet, const struct model *model, double *ret_thresholds);

/* The scorer's answer to a set. */
void fleet_on_set(struct fleet *fleet, uint64_t generation, bool ok, const char *reason);

/* Starts a swap to a named model ("" = read the current file again), of one robot or ("") of the
 * default assignment. Errors: -EBUSY another is under way; -ENOENT no such robot; -ENOMEM.
 * Otherwise `done` is called, perhaps at once. */
int fleet_reload(struct fleet *fleet, const char *model, const char *robot, swap_done *done,
                 void *user);
/* Back to the model before. Errors: as above; -ENODATA there is none. */
int fleet_rollback(struct fleet *fleet, const char *robot, swap_done *done, void *user);

/* The daemon stops and the scorer is gone: a swap that waits for it ends; one that is still being
 * read ends when it was. */
void fleet_abandon_swap(struct fleet *fleet);

/* Another configuration: budgets change at once; models that it names differently are swapped in
 * one after the other. */
void fleet_set_config(struct fleet *fleet, const struct config *config);

#endif

/*
 * fleet: the robots, their models, and who wants which: operators, the configuration, the
 * directory.
 *
 * Models are exchanged by swap.h, one after the other. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_FLEET_H
#define ARMWATCH_DAEMON_FLEET_H

#include "base/diag.h"
#include "config/config.h"
#include "daemon/assignments.h"
#include "daemon/budgets.h"
#include "daemon/commissioning.h"
#include "daemon/probation.h"
#include "daemon/robot.h"
#include "daemon/scorer.h"
#include "daemon/shadows.h"
#include "daemon/suspensions.h"
#include "daemon/swap.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct fleet {
    uv_loop_t *loop;
    const struct config *config; /* borrowed; replaced by fleet_set_config */
    struct scorer *scorer;       /* borrowed */
    struct assignments assignments;
    struct suspensions suspensions;
    struct commissioning commissioning;
    struct budgets budgets;
    struct shadows shadows;
    struct probations probations;
    struct robot **robot;   /* [count] by number */
    size_t count, capacity; /* capacity: robots.max at the start */
    uint32_t *slots;        /* hash of names: number + 1, 0 = free */
    size_t slot_count;
    uint64_t generation;
    bool dirty; /* a robot is in no posted set yet */
    struct swap swap;
    uint64_t swap_results[SWAP_RESULTS]; /* since the start */
    bool reconciling;
    uint64_t comings;  /* robots that came back, or in the place of another one */
    uint64_t departed; /* samples of absent robots whose place another one has */
    void (*on_state_changed)(void *user); /* the assignments changed: save them */
    void (*on_suspended)(void *user);     /* the suspensions did; may be NULL */
    void *user;
};

/* The assignments are taken. Errors: -ENOMEM. */
int fleet_init(struct fleet *fleet, uv_loop_t *loop, const struct config *config,
               struct assignments *assignments);
void fleet_deinit(struct fleet *fleet);

/* By name; NULL if it is not there. */
struct robot *fleet_find(const struct fleet *fleet, const char *name);
/* A new robot, in the place of an absent one where there is no other. NULL: robots.max is reached,
 * it has no model, or memory is out: the reason is in diag. */
struct robot *fleet_add(struct fleet *fleet, const char *name, struct diag *diag);

/* An absent robot is here again, as one that has just been added; its counters go on. The old one
 * is freed. Errors: NULL, it stays absent; the reason is in diag. */
struct robot *fleet_return(struct fleet *fleet, struct robot *robot, struct diag *diag);
size_t fleet_present(const struct fleet *fleet); /* robots that are not absent */

/* Posts a scoring set if robots were added since the last one. Before scorer_push, and once at the
 * start. */
void fleet_post_if_dirty(struct fleet *fleet);
/* Thresholds of a robot with a model: those of its commissioning, or else of the model's own
 * calibration under the budget in force: ret_thresholds [MODEL_DETECTORS_MAX]. */
void fleet_thresholds(const struct fleet *fleet, const char *robot, const struct model *model,
                      double *ret_thresholds);
/* The robot's model, the budget or its record of commissioning has changed. The scorer hears of it
 * with the next set. */
void fleet_apply_thresholds(struct fleet *fleet, struct robot *robot);
/* The budget in force for a model's own calibration, and the target of commissioning: what an
 * operator said of the robot, or of all ("" asks for these alone); else the configuration, or the
 * model. ret_source (may be NULL): "threshold", "threshold_all", "configuration", "model". */
double fleet_target_per_day(const struct fleet *fleet, const char *robot, const struct model *model,
                            const char **ret_source);

/* What operators allow, after it was loaded or the configuration has changed: what the
 * configuration has overtaken ends. */
void fleet_follow_budget(struct fleet *fleet);

/* The scorer's answer to a set. */
void fleet_on_set(struct fleet *fleet, uint64_t generation, bool ok, const char *reason);

/* Starts a swap. Errors: -EBUSY another is under way; -ENOENT no such robot; -ENOMEM. Otherwise
 * `done` is called, perhaps at once. */
int fleet_reload(struct fleet *fleet, const struct swap_request *request);
/* Back to the model before. Errors: as above; -ENODATA there is none. */
int fleet_rollback(struct fleet *fleet, const struct swap_request *request);

/* A model's file has changed (NULL: perhaps any). False if nobody uses it. */
bool fleet_touch(struct fleet *fleet, const char *name);
/* The files that were touched have settled: they are read again, one after the other. who: static
 * text for the audit line. */
void fleet_reread_touched(struct fleet *fleet, const char *who);

/* A model is in use that is older than one before it though nobody asked for it, or what the
 * configuration or the directory wants was refused. */
bool fleet_model_in_doubt(const struct fleet *fleet);

/* The daemon stops and the scorer is gone: a swap that waits for it ends; one that is still being
 * read ends when it was. */
void fleet_abandon_swap(struct fleet *fleet);

/* Other rules for signatures, before the configuration that they are from: the files of the models
 * in use are read again. One that is refused goes on, and is told of. */
void fleet_set_trust(struct fleet *fleet, const struct trust *trust);

/* Another configuration: budgets change at once; models that it names differently are swapped in
 * one after the other. */
void fleet_set_config(struct fleet *fleet, const struct config *config);

#endif

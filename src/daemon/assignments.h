/*
 * assignments: which model every robot has, what was configured, what was active before.
 *
 * One assignment is the default's, others belong to single robots. What an operator changed by
 * reload or rollback is state: it survives a restart until that key of the configuration itself is
 * changed. Thread: the loop; assignments_start reads files and runs before it, and before the
 * scorer, for it calls BLAS.
 */
#ifndef ARMWATCH_DAEMON_ASSIGNMENTS_H
#define ARMWATCH_DAEMON_ASSIGNMENTS_H

#include "base/diag.h"
#include "base/name.h"
#include "config/config.h"
#include "model/model.h"
#include "pipeline/sample.h"

#include <stddef.h>

#define ASSIGNMENT_DEFAULT "" /* key of the robots that have none of their own */

struct assignment {
    char key[NAME_MAX_LENGTH + 1];           /* robot, or ASSIGNMENT_DEFAULT */
    char configured[NAME_MAX_LENGTH + 1];    /* what the configuration says; "" if nothing */
    char active[NAME_MAX_LENGTH + 1];        /* name of the file that `model` came from */
    char previous_name[NAME_MAX_LENGTH + 1]; /* "" if there is none */
    struct model *model;
    struct model *previous; /* for rollback; NULL after a restart: then previous_name is loaded */
    struct sample_decoder *decoder;
};

struct assignments {
    char *directory; /* of models */
    enum sample_time_unit time_unit;
    size_t count, capacity;
    struct assignment **item; /* pointers, so that robots may keep them */
};

/* Path of a model by its name. Memory: the caller frees it; NULL when memory is out. */
char *assignments_path(const struct assignments *assignments, const char *model_name);

/* Loads every model that is configured, or that the saved state says to be active, and runs its
 * self-test: one that fails later, in a scoring set, would keep every robot's set from adoption. A
 * model of the
 * state that cannot be loaded falls back to the configured one with a warning in ret_warning (else
 * ""). state: the text of the saved state or NULL. Errors: -EINVAL and others of model_load, with
 * the reason. */
int assignments_start(struct assignments *assignments, const struct config *config,
                      const char *state, struct diag *ret_warning, struct diag *diag);
void assignments_deinit(struct assignments *assignments);

/* A robot's own assignment or the default's; NULL if it has neither. */
struct assignment *assignments_find(const struct assignments *assignments, const char *robot);

/* An assignment of a robot's own, made from the default's if it has none yet. NULL: -ENOMEM or no
 * default. */
struct assignment *assignments_own(struct assignments *assignments, const char *robot);

/* Undoes assignments_own: no robot may hold it any more. */
void assignments_drop(struct assignments *assignments, struct assignment *assignment);

/* The model that was active becomes the one before; `model` is taken. */
void assignment_activate(struct assignment *assignment, const char *name, struct model *model);

/* The state to be saved, as JSON text. Memory: the caller frees. */
char *assignments_format_state(const struct assignments *assignments);

#endif

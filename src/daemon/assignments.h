/*
 * assignments: which model every robot has, what was configured, what was active before.
 *
 * One assignment is the default's, others belong to single robots. What an operator changed by
 * reload or rollback is state: it survives a restart until that key of the configuration itself is
 * changed.
 *
 * Going back to an older version of a model needs somebody who asks for it: a rollback, which knows
 * the model before by its content, or the administrator, who changes the configuration's key.
 * Thread: the loop; assignments_start reads files and runs before it, and before the scorer, for it
 * calls BLAS.
 */
#ifndef ARMWATCH_DAEMON_ASSIGNMENTS_H
#define ARMWATCH_DAEMON_ASSIGNMENTS_H

#include "base/diag.h"
#include "base/name.h"
#include "config/config.h"
#include "daemon/accepted.h"
#include "model/model.h"
#include "model/trust.h"
#include "pipeline/assembler.h"
#include "pipeline/sample.h"

#include <stdbool.h>
#include <stddef.h>

#define ASSIGNMENT_DEFAULT "" /* key of the robots that have none of their own */

struct assignment {
    char key[NAME_MAX_LENGTH + 1];           /* robot, or ASSIGNMENT_DEFAULT */
    char configured[NAME_MAX_LENGTH + 1];    /* what the configuration says; "" if nothing */
    char active[NAME_MAX_LENGTH + 1];        /* name of the file that `model` came from */
    char previous_name[NAME_MAX_LENGTH + 1]; /* "" if there is none */
    char previous_sha256[HASH_HEX_SIZE];     /* of the model before; "" if it is not known */
    struct model *model;
    struct model *previous; /* for rollback; NULL after a restart: then previous_name is loaded */
    struct sample_decoder *decoder;
    struct assembler_layout *layout; /* NULL: no tag has come for it */
    bool unasked;       /* older than what was accepted, and only in use because nothing else is */
    bool refused;       /* what the configuration or the directory asked for last was refused */
    bool touched;       /* its file has changed; it is not settled yet */
    const char *reread; /* who wants its file read again, in static storage; NULL: nobody */
};

struct assignments {
    char *directory; /* of models */
    struct trust trust;
    struct accepted accepted;
    enum sample_time_unit time_unit;
    const struct conditions *gate; /* borrowed from the configuration */
    size_t count, capacity;
    struct assignment **item; /* pointers, so that robots may keep them */
};

/* Path of a model by its name. Memory: the caller frees it; NULL when memory is out. */
char *assignments_path(const struct assignments *assignments, const char *model_name);

/* What the configuration says about signatures, with the key read. Errors: -ENOENT, -EINVAL, ...
 * the key file cannot be used. */
int assignments_read_trust(const struct config *config, struct trust *ret_trust, struct diag *diag);

/* Loads every model that is configured, or that the saved state says to be active, and runs its
 * self-test: one that fails later, in a scoring set, would keep every robot's set from adoption.
 * A model of the state that cannot be loaded, or whose file has become an older version, falls back
 * to the configured one with a warning in ret_warning (else ""); where that is older too, it is
 * used all the same: no robot goes unwatched. state: the text of the saved state or NULL. Errors:
 * -EINVAL and others of trust_load_model, with the reason. */
int assignments_start(struct assignments *assignments, const struct config *config,
                      const char *state, struct diag *ret_warning, struct diag *diag);
void assignments_deinit(struct assignments *assignments);

/* A robot's own assignment or the default's; NULL if it has neither. */
struct assignment *assignments_find(const struct assignments *assignments, const char *robot);

/* An assignment of a robot's own, made from the default's if it has none yet. NULL: -ENOMEM or no
 * default. */
struct assignment *assignments_own(struct assignments *assignments, const char *robot);

/* Samples of all of them are read by another gate from now on, which is borrowed. */
void assignments_set_gate(struct assignments *assignments, const struct conditions *gate);

/* Undoes assignments_own: no robot may hold it any more. */
void assignments_drop(struct assignments *assignments, struct assignment *assignment);

/* 0 if nobody need have asked for it: it is no older than what was accepted of its name, or what is
 * in use already. Else -EINVAL with both versions. */
int assignments_check_version(const struct assignments *assignments,
                              const struct assignment *assignment, const struct model *candidate,
                              struct diag *diag);
/* The same for a rollback, which asks for the model before. */
int assignments_check_previous(const struct assignments *assignments,
                               const struct assignment *assignment, const struct model *candidate,
                               struct diag *diag);

/* `model` is taken. The model that was active becomes the one before, unless it is the same. */
void assignment_activate(struct assignment *assignment, const char *name, struct model *model);

/* The state to be saved, as JSON text. Memory: the caller frees. */
char *assignments_format_state(const struct assignments *assignments);
/* The same after a start that found `saved` (NULL: nothing). What it could not use, it says in a
 * warning: then that stays saved, for it may be usable again. */
char *assignments_format_start(const struct assignments *assignments, const char *saved,
                               bool warned);

#endif

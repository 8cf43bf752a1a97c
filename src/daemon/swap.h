/*
 * swap: one model in the place of another while robots are being scored.
 *
 * The file is read and checked in libuv's pool, then its version and channels on the loop; a
 * scoring set with the new model is posted, and the swap takes effect when the scorer has adopted
 * that set: then the loop's side of the affected robots changes too, between two results. Until
 * then, and if anything fails, the old model goes on. One swap at a time. Each ends in one line of
 * the log that begins with "audit:". Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SWAP_H
#define ARMWATCH_DAEMON_SWAP_H

#include "base/diag.h"
#include "daemon/assignments.h"
#include "model/trust.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define SWAP_WHO_MAX 96

struct fleet;

/* How a swap ended: code is "" on success, else one of model_not_found, signature, downgrade,
 * model_invalid, model_changed, stopping. */
struct swap_outcome {
    const char *code;
    const char *message;
    const struct model *model; /* on success: the one in use now */
};
/* "ok", then the codes of failures: how swaps ended is counted by these. */
#define SWAP_RESULTS 8
extern const char *const swap_result_names[SWAP_RESULTS];

typedef void swap_done(void *user, const struct swap_outcome *outcome);

/* What an operator asks for. */
struct swap_request {
    const char *model; /* "" = the file of the present one again */
    const char *robot; /* "" = the default assignment */
    const char *who;   /* for the audit line */
    swap_done *done;
    void *user;
    const char *sha256; /* what the file must hold; NULL: any */
};

enum swap_kind {
    SWAP_RELOAD,
    SWAP_ROLLBACK,
    SWAP_CONFIGURED, /* the configuration names another model */
    SWAP_REREAD,     /* the file of the present one, for the directory or the policy has changed */
    SWAP_REJOIN      /* to the default's model: the assignment goes if the swap succeeds */
};

struct swap {
    bool busy;
    bool stopping;
    enum swap_kind kind;
    uv_work_t work;
    struct fleet *fleet;
    struct assignment *assignment;
    char name[NAME_MAX_LENGTH + 1];
    char who[SWAP_WHO_MAX];
    char *path, *shipped_path;
    char sha256[HASH_HEX_SIZE]; /* of the request; "": any */
    struct model *candidate;    /* part of every set that is posted */
    bool made_own; /* the assignment was made for this swap: it goes if the swap fails */
    struct {       /* of the pool while the file is read */
        struct trust trust;
        struct model *model;
        struct trust_origin origin;
        int result;
        struct diag diag;
    } loaded;
    uint64_t generation; /* of the first set with the candidate; 0: not posted yet */
    swap_done *done;
    void *user;
};

/* Starts a swap to the model of that name; none may be under way. made_own: the assignment is its
 * own. Errors: -ENOMEM. */
int swap_start(struct fleet *fleet, struct assignment *assignment, enum swap_kind kind,
               const struct swap_request *request, bool made_own);
/* The same to a model that is in memory, and taken. It may end at once. */
void swap_start_with(struct fleet *fleet, struct assignment *assignment, enum swap_kind kind,
                     const struct swap_request *request, struct model *model);

/* The scorer has answered to a set with the candidate. */
void swap_on_set(struct fleet *fleet, bool ok, const char *reason);

/* The scorer is gone: a swap that waits for it ends; one that is still being read ends when it was.
 */
void swap_abandon(struct fleet *fleet);

#endif

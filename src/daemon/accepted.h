/*
 * accepted: the highest version of each model name that was ever in use: what a downgrade is told
 * from.
 *
 * The name is the one in the model file. Part of the saved state. Of more than ACCEPTED_MAX names
 * those that were used longest ago are forgotten. Thread: the loop, and before it.
 */
#ifndef ARMWATCH_DAEMON_ACCEPTED_H
#define ARMWATCH_DAEMON_ACCEPTED_H

#include "base/json.h"
#include "base/name.h"

#include <stddef.h>
#include <stdint.h>

#define ACCEPTED_MAX 2048

struct accepted {
    size_t count;
    struct accepted_version {
        char name[NAME_MAX_LENGTH + 1];
        int64_t version;
    } * item; /* [ACCEPTED_MAX], the last used one last; NULL while there is none */
};

void accepted_deinit(struct accepted *accepted);

/* 0 if the name was never in use. */
int64_t accepted_version(const struct accepted *accepted, const char *name);
/* The version is in use. Errors: -ENOMEM. */
int accepted_note(struct accepted *accepted, const char *name, int64_t version);

/* "accepted" in the saved state: takes what is there; what is not well-formed is passed over. */
int accepted_load(struct accepted *accepted, const cJSON *state);
/* Puts it into the tree, in the place of what is there. */
void accepted_put(const struct accepted *accepted, cJSON *state);

#endif

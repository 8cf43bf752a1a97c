/*
 * audit: who has changed what, when, and with which result: one line for each command that changes
 * something, and for what the daemon undoes by itself. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_AUDIT_H
#define ARMWATCH_DAEMON_AUDIT_H

#include "base/diag.h"
#include "base/hash.h"
#include "base/json.h"
#include "daemon/chronicle.h"

#define AUDIT_KEPT 500     /* entries in memory */
#define AUDIT_LAST_MAX 200 /* in one answer */
#define AUDIT_LAST 20
#define AUDIT_ANSWER_MAX 49152 /* bytes of entries: a packet has 64 KiB */

struct audit {
    struct chronicle chronicle;
    char refused[HASH_HEX_SIZE]; /* what was refused last; once is enough */
};

struct audit_entry {
    const char *by;         /* "control", "probation" */
    const char *id;         /* of the command; "": none */
    const char *command;    /* or what would have been one */
    const cJSON *arguments; /* borrowed; what is no argument of a command is left out */
    const char *result;     /* "ok", or the code of the error */
    const char *message;    /* NULL: none */
    const cJSON *answer;    /* of which the model that is told is kept; NULL: none */
};

void audit_note(struct audit *audit, const struct audit_entry *entry);

/* The command `audit` (`last`): the newest entries, oldest first. Returns the code of an error, or
 * NULL. */
const char *audit_command(const struct audit *audit, const cJSON *arguments, cJSON *ret_answer,
                          struct diag *diag);

/* The newest `last` lines of a chronicle that fit an answer, oldest first, under that name; how
 * many there are in memory but not in it, as `omitted`. */
void audit_add_lines(const struct chronicle *chronicle, const char *name, size_t last,
                     cJSON *ret_answer);

#endif

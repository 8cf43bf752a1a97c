/*
 * assignments_internal: what assignments.c and assignments_start.c share.
 */
#ifndef ARMWATCH_DAEMON_ASSIGNMENTS_INTERNAL_H
#define ARMWATCH_DAEMON_ASSIGNMENTS_INTERNAL_H

#include "daemon/assignments.h"

/* A new one without a model. NULL: memory is out. */
struct assignment *assignments_add(struct assignments *assignments, const char *key);
void assignments_drop_last(struct assignments *assignments);
/* NULL if there is none of exactly this key. */
struct assignment *assignments_find_exact(const struct assignments *assignments, const char *key);
/* For its model. Errors: -ENOMEM. */
int assignments_make_decoder(const struct assignments *assignments, struct assignment *assignment);
/* 0 if the candidate is no older than what was accepted of its name, else -EINVAL; the remedy ends
 * the text. */
int assignments_check_older(const struct assignments *assignments, const struct model *candidate,
                            const char *remedy, struct diag *diag);

#endif

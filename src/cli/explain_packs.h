/*
 * explain_packs: finds packs and models in their directories.
 *
 * Memory: the caller frees what is returned.
 */
#ifndef ARMWATCH_CLI_EXPLAIN_PACKS_H
#define ARMWATCH_CLI_EXPLAIN_PACKS_H

#include "base/diag.h"
#include "base/json.h"
#include "lab/pack.h"
#include "model/model.h"

#include <stddef.h>

/* Of what a user names: a directory that is a pack, or the id of an alert (its first digits are
 * enough where they are of one only) in STATE_DIRECTORY/evidence. Errors: -ENOENT; -EINVAL of
 * several; in diag. */
int explain_packs_find(const char *name, const char *state_directory, char **ret_path,
                       struct diag *diag);

/* All packs as entries (explain_json_entry), newest first. ret_unreadable: packs that are none.
 * Errors: -ENOENT there is no such directory; errnos. */
int explain_packs_list(const char *state_directory, cJSON **ret_list, size_t *ret_unreadable,
                       struct diag *diag);

/* The model of that content in a directory; *ret_model NULL: it is not there, and diag says what
 * is. Errors: errnos of reading the directory. */
int explain_packs_model(const struct pack *pack, const char *directory, struct model **ret_model,
                        struct diag *diag);

#endif

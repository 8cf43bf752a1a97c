/*
 * evidence_store: the packs in the state directory, held within their bounds; the oldest go first.
 *
 * Thread: one at a time, in libuv's pool; every call may wait for the disk.
 */
#ifndef ARMWATCH_DAEMON_EVIDENCE_STORE_H
#define ARMWATCH_DAEMON_EVIDENCE_STORE_H

#include "base/diag.h"
#include "pipeline/evidence_pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVIDENCE_PACKS_MAX 10000

struct evidence_limits {
    uint64_t bytes;     /* of all packs */
    uint64_t keep_free; /* bytes on their file system, of which no pack takes any */
    int64_t oldest_ns;  /* wall clock; what was written before goes */
};

/* Both are borrowed. */
struct evidence_note {
    const char *name; /* of its file */
    const char *text;
};

struct evidence_entry {
    char id[HASH_HEX_SIZE];
    int64_t time_ns;
    uint64_t bytes;
};

struct evidence_store {
    char *directory;
    bool known; /* what is in it */
    size_t count, capacity;
    struct evidence_entry *entry; /* oldest first */
    uint64_t bytes;
};

/* Memory: evidence_store_deinit. Errors: -ENOMEM. */
int evidence_store_init(struct evidence_store *store, const char *state_directory);
void evidence_store_deinit(struct evidence_store *store);

/* Removes what a kill has left and counts what is there; what is no pack is left alone and not
 * counted. A directory that is not there yet is empty. Errors: errnos. */
int evidence_store_open(struct evidence_store *store, struct diag *diag);
void evidence_store_prune(struct evidence_store *store, const struct evidence_limits *limits);
/* Writes a pack, after others that have to make room for it. Errors: -EFBIG it is too large for the
 * bounds; -ENOSPC, also before the disk is full; errnos of writing. */
int evidence_store_add(struct evidence_store *store, const struct evidence_limits *limits,
                       const struct evidence_pack *pack, struct diag *diag);
/* Puts a file into a pack that is there. Errors: those of evidence_pack_note. */
int evidence_store_note(struct evidence_store *store, const struct evidence_limits *limits,
                        const char *id, const struct evidence_note *note, struct diag *diag);

#endif

/*
 * journal_file: the journal on disk: alert messages that the broker has not acknowledged, the
 * episodes that are open, and the robots that were heard, in one SQLite database.
 *
 * WAL with synchronous FULL: what a transaction has written survives a crash and a power cut. The
 * file is locked, so a second daemon with the same state directory is told. Thread: one at a time;
 * every call may wait for the disk.
 */
#ifndef ARMWATCH_DAEMON_JOURNAL_FILE_H
#define ARMWATCH_DAEMON_JOURNAL_FILE_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_file;

enum journal_op_kind {
    JOURNAL_CLEAR,   /* everything goes */
    JOURNAL_ADD,     /* a message */
    JOURNAL_REMOVE,  /* a message */
    JOURNAL_EPISODE, /* text NULL: it is over */
    JOURNAL_ROBOT,   /* was heard */
};

/* One change. Only what belongs to its kind is set. */
struct journal_op {
    struct journal_op *next;
    enum journal_op_kind kind;
    int64_t number;     /* of a message; grows */
    int64_t created_ns; /* wall clock; of a robot: when it was heard */
    const char *topic, *content_type, *payload;
    size_t size;
    const char *robot, *alert_kind, *text;
};

/* Opens or makes the file. One that is damaged is moved aside, to PATH.damaged, and a new one is
 * made: *ret_damaged. Errors: -EIO with SQLite's text in diag. */
int journal_file_open(const char *path, struct journal_file **ret_file, bool *ret_damaged,
                      struct diag *diag);
/* NULL is allowed. */
void journal_file_close(struct journal_file *file);

/* Everything that is in it, messages in their order, as ops of JOURNAL_ADD, JOURNAL_EPISODE and
 * JOURNAL_ROBOT that are borrowed for the time of the call. Errors: -EIO. */
typedef void journal_file_found(void *user, const struct journal_op *op);
int journal_file_read(struct journal_file *file, journal_file_found *found, void *user,
                      struct diag *diag);

/* All of a list in one transaction, or none of it. Errors: -EIO. */
int journal_file_apply(struct journal_file *file, const struct journal_op *ops, struct diag *diag);

#endif

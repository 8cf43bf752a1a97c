/*
 * journal_batch: changes of the journal that are written together, in the order in which they were
 * given.
 *
 * Memory: each change is a copy in one piece, with all that it points to behind it.
 * Thread: one at a time; a batch is handed over between the loop and the job that writes it.
 */
#ifndef ARMWATCH_DAEMON_JOURNAL_BATCH_H
#define ARMWATCH_DAEMON_JOURNAL_BATCH_H

#include "daemon/journal_file.h"

#include <stddef.h>
#include <stdint.h>

struct journal_batch {
    struct journal_op *first, **end;
    size_t count;
    int64_t last_number; /* of the messages in it; 0: none */
};

void journal_batch_init(struct journal_batch *batch);
void journal_batch_clear(struct journal_batch *batch);
/* What `to` held is forgotten: it has to be empty. `from` is empty then. */
void journal_batch_move(struct journal_batch *from, struct journal_batch *to);
/* Errors: -ENOMEM. */
int journal_batch_add(struct journal_batch *batch, const struct journal_op *op);

#endif

/*
 * worker: runs independent jobs in child processes, several at a time, and collects their answers.
 *
 * Processes and not threads, because the serial BLAS is not thread-safe; a child shares the data
 * of its parent until it writes to them. Thread: one at a time, in a process without other threads
 * that hold locks. Memory: an answer is held whole, in the parent, until it was taken.
 */
#ifndef ARMWATCH_LAB_WORKER_H
#define ARMWATCH_LAB_WORKER_H

#include "base/diag.h"

#include <stddef.h>

#define WORKER_AT_ONCE_MAX 64

/* What a job answers, in bytes that only the same program has to understand. */
struct worker_answer {
    void *data;
    size_t size, capacity;
};
/* Errors: -ENOMEM. */
int worker_answer_add(struct worker_answer *answer, const void *data, size_t size);

/* Takes the next `size` bytes out of an answer. Errors: -EINVAL there are not so many. */
struct worker_reader {
    const unsigned char *data;
    size_t left;
};
int worker_reader_take(struct worker_reader *reader, void *ret_data, size_t size);

/* In a child: does a job; `share`, 0 to 1, tells the parent how far it is. */
typedef void worker_share(double share, void *worker);
struct worker_child {
    worker_share *tell_share;
    void *worker;
};
typedef int worker_run(size_t job, const struct worker_child *child, struct worker_answer *answer,
                       void *user, struct diag *diag);
/* In the parent, as jobs end, in any order. An error ends everything. */
typedef int worker_take(size_t job, struct worker_reader *answer, void *user, struct diag *diag);
/* In the parent, some times a second: how much of all jobs is done, 0 to 1. */
typedef void worker_progress(double share, void *user);

struct worker_pool {
    size_t jobs;
    size_t at_once; /* 1 to WORKER_AT_ONCE_MAX */
    worker_run *run;
    worker_take *take;
    worker_progress *progress; /* or NULL */
    void *user;
};

/* Errors: what a job or `take` returned (text in diag); -ECHILD a child died; -ENOMEM; errno of
 * fork and pipe. No child is left behind. */
int worker_pool_run(const struct worker_pool *pool, struct diag *diag);

#endif

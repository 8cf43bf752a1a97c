/*
 * scorer: the thread that scores windows, and the only one that calls BLAS.
 *
 * Loop and scorer exchange records by copy through two bounded rings, and scoring sets through a
 * one-slot mailbox. A set is adopted between two batches, after its models have passed their
 * self-tests on this thread's own kernels; if one fails, the set before stays. Nothing waits for
 * anything: a ring that is full refuses. Rows are made by the loop, which learns of a new set only
 * after it was adopted: windows of rows that the new model would make otherwise are dropped.
 *
 * Windows of candidates (shadows) have a ring of their own and wait until no other window does, a
 * few at a time; a candidate that takes long gets a share of the thread's time. One whose self-test
 * fails is told, keeps no set from being adopted, and scores nothing.
 * Thread: every function is the loop's; handlers run on the loop.
 */
#ifndef ARMWATCH_DAEMON_SCORER_H
#define ARMWATCH_DAEMON_SCORER_H

#include "base/diag.h"
#include "daemon/scoring_set.h"
#include "pipeline/score.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Windows of one robot that wait, at most; the loop keeps the count. A link that stalled brings all
 * samples of its stall in one turn of the loop: half a minute of them at 10 Hz has to fit. */
#define SCORER_PENDING_PER_ROBOT 256

/* A longer stall is trouble, in seconds: the status says so, and the watchdog is not fed. */
#define SCORER_STALLED_S 1.0

struct scorer;

struct scorer_window {
    size_t robot;    /* number in the scoring set */
    uint32_t shadow; /* of the candidate that it is for; 0: the live model */
    size_t rows;     /* contiguous valid rows */
    size_t channels;
    const float *values; /* [rows][channels], oldest first; copied */
    uint64_t row_shape;  /* of the model that made the rows */
    int64_t time_ns;     /* sample time of the newest row */
    uint64_t seq;
    uint64_t epoch; /* grows when the robot's history starts anew; comes back with the result */
    int64_t received_ns; /* monotonic arrival of its sample */
    bool prompt;         /* the result is waited for */
};

/* From this share of a threshold on a score is waited for, whoever has asked. */
#define SCORER_PROMPT_RATIO 0.5

struct scorer_result {
    size_t robot;
    uint32_t shadow;     /* as in the window */
    uint64_t generation; /* of the set that was used */
    uint64_t epoch;      /* of the window */
    double cost_ns;      /* of its share of the batch; where scored */
    bool scored; /* false: the window was dropped, because the robot was in no adopted set or its
                    model in the set makes other rows */
    int64_t received_ns;
    int64_t scored_ns; /* monotonic */
    struct score score;
};

struct scorer_handlers {
    void (*on_result)(void *user, const struct scorer_result *result);
    /* A set was adopted, or (ok false) refused with the reason; the sets before it are freed. */
    void (*on_set)(void *user, uint64_t generation, bool ok, const char *reason);
    /* A candidate in the set whose report comes next has failed its self-test; may be NULL. */
    void (*on_candidate)(void *user, uint32_t shadow, const char *reason);
    /* Around the second and further results of one turn, or NULL. */
    void (*on_burst)(void *user, bool begins);
};

/* Starts the thread. Errors: -ENOMEM and errnos of the thread; the loop has to turn once more then.
 */
int scorer_start(uv_loop_t *loop, const struct scorer_handlers *handlers, void *user,
                 struct scorer **ret_scorer);

/* Ends the thread after the windows that wait (for a second at most), drains what it made (handlers
 * still run), closes the handles and calls on_stopped; the scorer is freed before that. Nothing may
 * be pushed any more. Does not block: the loop must go on turning. */
void scorer_stop(struct scorer *scorer, void (*on_stopped)(void *user), void *user);

/* Hands a set over: taken. A set that was not adopted yet is replaced by it. */
void scorer_post(struct scorer *scorer, struct scoring_set *set);

/* Queues a window. False if there is no room: it was not taken. Call scorer_wake after a burst: the
 * scorer is woken then, or, where bursts come fast and nothing is prompt, after 2 ms at most. */
bool scorer_push(struct scorer *scorer, const struct scorer_window *window);
void scorer_wake(struct scorer *scorer);

/* Takes what has been scored: calls handlers. Results that nobody waits for (neither prompt, nor
 * near a threshold, nor without a finite score) do not wake the loop: they come with this, or
 * within 100 ms. */
void scorer_collect(struct scorer *scorer);

/* Windows that were pushed and have not come back. */
size_t scorer_pending(const struct scorer *scorer);

/* Seconds since the scorer last made progress while there was work for it; 0 if it is idle. */
double scorer_stalled_s(const struct scorer *scorer);

#endif

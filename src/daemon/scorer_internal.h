/*
 * scorer_internal: what the two sides of the scorer share: the loop's (scorer.c) and the thread's
 * (scorer_thread.c).
 *
 * Three things cross between the two threads: windows (ring, loop to scorer), results (ring, scorer
 * to loop) and scoring sets (one atomic slot; a newer one replaces one that was not taken yet).
 *
 * The ring of results cannot overflow: the loop counts windows from push to result and refuses at
 * SCORER_PENDING_MAX, and the ring holds that many and the reports about sets. So the scorer never
 * waits for the loop.
 */
#ifndef ARMWATCH_DAEMON_SCORER_INTERNAL_H
#define ARMWATCH_DAEMON_SCORER_INTERNAL_H

#include "base/ring.h"
#include "daemon/scorer.h"

#include <stdatomic.h>

#define SCORER_WINDOW_RING ((size_t)8 << 20)
#define SCORER_PENDING_MAX 4096
#define SCORER_REPORTS_MAX 256  /* about sets, between two turns of the loop */
#define SCORER_SHADOWS_MAX 1024 /* windows of candidates, pushed and not yet back */

struct window_record {
    uint64_t generation; /* newest set posted when the window was pushed */
    int64_t time_ns;
    uint64_t seq;
    uint64_t epoch;
    int64_t received_ns;
    uint64_t row_shape; /* of the model that made its rows */
    uint32_t robot;
    uint32_t rows : 31;
    uint32_t prompt : 1;
    uint32_t shadow; /* 0: for the live model */
    float values[];
};

_Static_assert(sizeof(struct window_record) + MODEL_WINDOW_MAX * sizeof(float) <=
                   SCORER_WINDOW_RING / 4 - 16,
               "the ring must take the longest window that a model may have");

struct set_report {
    uint64_t generation;
    struct scoring_set *retired; /* to be freed by the loop */
    bool ok;
    char reason[DIAG_TEXT_MAX];
    uint32_t failed_shadow; /* a candidate that failed; 0: none */
    char shadow_reason[DIAG_TEXT_MAX];
};

struct result_record {
    bool is_report;
    union {
        struct scorer_result result;
        struct set_report report;
    };
};

struct scorer {
    /* loop */
    uv_loop_t *loop;
    const struct scorer_handlers *handlers;
    void *user;
    uv_async_t async;
    uv_timer_t timer;
    uv_timer_t gather; /* runs while windows are held back */
    uv_thread_t thread;
    uint64_t posted;       /* generation */
    size_t pending;        /* windows pushed and not yet back */
    bool pushed, prompted; /* windows, and such that are waited for, since the scorer was woken */
    int64_t woken_ns;
    size_t shadows_pending;
    int64_t busy_since_ns;
    uint64_t progress_seen;
    unsigned handles_open;
    bool joined;
    void (*on_stopped)(void *user);
    void *stopped_user;

    /* both */
    struct ring windows, shadows, results;
    _Alignas(64) _Atomic(struct scoring_set *) mailbox;
    _Atomic bool sleeping, stopping, ended;
    _Atomic uint64_t progress; /* batches done */
    uv_sem_t wake;

    /* scorer */
    struct scoring_set *set;
    struct score scores[DETECTOR_BATCH_MAX];
    bool prompt;             /* of what was made since the loop was woken */
    size_t shadow_batch;     /* windows of candidates at a time */
    int64_t shadow_after_ns; /* no sooner than this */
    size_t shadows_untold;   /* results of candidates since the loop was woken */
};

/* What the thread runs, from its start to its end; argument: the scorer. */
void scorer_thread(void *argument);

#endif

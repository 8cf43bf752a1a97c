/*
 * The loop's side.
 *
 * Stopping waits for no thread: the scorer says that it has ended, and the loop, which goes on
 * turning, joins it then.
 *
 * Waking: the scorer says that it is about to sleep, looks once more, and sleeps on a semaphore;
 * the loop posts it only if the flag is set, once per burst. The other way, uv_async coalesces and
 * libuv 1.44 needs the fence before it; a 100 ms timer drains as well, should a wake-up ever be
 * lost. Where bursts come faster than GATHER_MS, windows that nobody waits for are gathered for so
 * long, and scored as one batch: a robot at 10 Hz is not delayed, two hundred of them are by 2 ms.
 */
#include "daemon/scorer.h"

#include "base/clock.h"
#include "daemon/scorer_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SCORER_DRAIN_MS 100
#define GATHER_MS 2

static void drain(struct scorer *scorer)
{
    const struct result_record *record;
    size_t count = 0;
    bool burst = false;
    while ((record = ring_read(&scorer->results, NULL))) {
        if (++count == 2 && scorer->handlers->on_burst) {
            scorer->handlers->on_burst(scorer->user, true);
            burst = true;
        }
        if (record->is_report) {
            if (record->report.failed_shadow && scorer->handlers->on_candidate)
                scorer->handlers->on_candidate(scorer->user, record->report.failed_shadow,
                                               record->report.shadow_reason);
            scorer->handlers->on_set(scorer->user, record->report.generation, record->report.ok,
                                     record->report.reason);
            scoring_set_free(record->report.retired);
        } else {
            scorer->pending -= record->result.shadow == 0;
            scorer->shadows_pending -= record->result.shadow != 0;
            scorer->handlers->on_result(scorer->user, &record->result);
        }
        ring_release(&scorer->results);
    }
    if (burst)
        scorer->handlers->on_burst(scorer->user, false);
}

static void free_scorer(struct scorer *scorer)
{
    scoring_set_free(scorer->set);
    scoring_set_free(atomic_load(&scorer->mailbox));
    ring_deinit(&scorer->windows);
    ring_deinit(&scorer->shadows);
    ring_deinit(&scorer->results);
    free(scorer);
}

static void on_closed(uv_handle_t *handle)
{
    struct scorer *scorer = handle->data;
    if (--scorer->handles_open > 0)
        return;
    void (*on_stopped)(void *user) = scorer->on_stopped;
    void *user = scorer->stopped_user;
    uv_sem_destroy(&scorer->wake);
    free_scorer(scorer);
    if (on_stopped)
        on_stopped(user);
}

static void close_handles(struct scorer *scorer)
{
    uv_close((uv_handle_t *)&scorer->async, on_closed);
    uv_close((uv_handle_t *)&scorer->timer, on_closed);
    uv_close((uv_handle_t *)&scorer->gather, on_closed);
}

/* Joins the thread when it has ended; what it made last is drained after that. */
static void turn(struct scorer *scorer)
{
    bool ended = atomic_load(&scorer->ended);
    if (ended && !scorer->joined)
        uv_thread_join(&scorer->thread);
    drain(scorer);
    if (ended && !scorer->joined)
        close_handles(scorer);
    scorer->joined = ended;
}

static void on_async(uv_async_t *handle)
{
    turn(handle->data);
}

static void wake_now(struct scorer *scorer, int64_t now_ns)
{
    scorer->pushed = scorer->prompted = false;
    scorer->woken_ns = now_ns;
    uv_timer_stop(&scorer->gather);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_exchange(&scorer->sleeping, false))
        uv_sem_post(&scorer->wake);
}

static void on_gathered(uv_timer_t *handle)
{
    wake_now(handle->data, clock_monotonic_ns());
}

static void on_timer(uv_timer_t *handle)
{
    struct scorer *scorer = handle->data;
    turn(scorer);
    wake_now(scorer, clock_monotonic_ns());
    uint64_t progress = atomic_load(&scorer->progress);
    if (scorer->pending == 0 || progress != scorer->progress_seen)
        scorer->busy_since_ns = 0;
    else if (scorer->busy_since_ns == 0)
        scorer->busy_since_ns = clock_monotonic_ns();
    scorer->progress_seen = progress;
}

/* The thread inherits a mask with every signal blocked: signals are the loop's. */
static int start_thread(struct scorer *scorer)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = uv_thread_create(&scorer->thread, scorer_thread, scorer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

int scorer_start(uv_loop_t *loop, const struct scorer_handlers *handlers, void *user,
                 struct scorer **ret_scorer)
{
    struct scorer *scorer = aligned_alloc(64, (sizeof *scorer + 63) & ~(size_t)63);
    if (!scorer)
        return -ENOMEM;
    memset(scorer, 0, sizeof *scorer);
    scorer->loop = loop;
    scorer->handlers = handlers;
    scorer->user = user;
    scorer->shadow_batch = 1;
    size_t results = (SCORER_PENDING_MAX + SCORER_SHADOWS_MAX + SCORER_REPORTS_MAX) *
                     (sizeof(struct result_record) + 16);
    if (ring_init(&scorer->windows, SCORER_WINDOW_RING) < 0 ||
        ring_init(&scorer->shadows, SCORER_WINDOW_RING) < 0 ||
        ring_init(&scorer->results, results) < 0) {
        free_scorer(scorer);
        return -ENOMEM;
    }
    int r = uv_async_init(loop, &scorer->async, on_async);
    if (r < 0) {
        free_scorer(scorer);
        return r;
    }
    uv_sem_init(&scorer->wake, 0);
    uv_timer_init(loop, &scorer->timer);
    uv_timer_init(loop, &scorer->gather);
    scorer->async.data = scorer->timer.data = scorer->gather.data = scorer;
    scorer->handles_open = 3;
    r = start_thread(scorer);
    if (r < 0) {
        close_handles(scorer);
        return r;
    }
    uv_timer_start(&scorer->timer, on_timer, SCORER_DRAIN_MS, SCORER_DRAIN_MS);
    *ret_scorer = scorer;
    return 0;
}

void scorer_stop(struct scorer *scorer, void (*on_stopped)(void *user), void *user)
{
    scorer->on_stopped = on_stopped;
    scorer->stopped_user = user;
    atomic_store(&scorer->stopping, true);
    wake_now(scorer, clock_monotonic_ns());
}

void scorer_post(struct scorer *scorer, struct scoring_set *set)
{
    scorer->posted = set->generation;
    struct scoring_set *unseen =
        atomic_exchange_explicit(&scorer->mailbox, set, memory_order_acq_rel);
    scoring_set_free(unseen);
    wake_now(scorer, clock_monotonic_ns());
}

bool scorer_push(struct scorer *scorer, const struct scorer_window *window)
{
    size_t values = window->rows * window->channels * sizeof(float);
    bool live = window->shadow == 0;
    struct ring *ring = live ? &scorer->windows : &scorer->shadows;
    size_t *pending = live ? &scorer->pending : &scorer->shadows_pending;
    if (*pending >= (live ? SCORER_PENDING_MAX : SCORER_SHADOWS_MAX))
        return false;
    struct window_record *record = ring_reserve(ring, sizeof(struct window_record) + values);
    if (!record)
        return false;
    record->generation = scorer->posted;
    record->time_ns = window->time_ns;
    record->seq = window->seq;
    record->epoch = window->epoch;
    record->received_ns = window->received_ns;
    record->row_shape = window->row_shape;
    record->robot = (uint32_t)window->robot;
    record->shadow = window->shadow;
    record->rows = (uint32_t)window->rows & INT32_MAX;
    record->prompt = window->prompt;
    memcpy(record->values, window->values, values);
    ring_commit(ring);
    (*pending)++;
    scorer->pushed = true;
    scorer->prompted |= window->prompt;
    return true;
}

void scorer_wake(struct scorer *scorer)
{
    if (!scorer->pushed)
        return;
    int64_t now_ns = clock_monotonic_ns();
    if (scorer->prompted || now_ns - scorer->woken_ns >= GATHER_MS * CLOCK_NS_PER_MS)
        wake_now(scorer, now_ns);
    else if (!uv_is_active((uv_handle_t *)&scorer->gather))
        uv_timer_start(&scorer->gather, on_gathered, GATHER_MS, 0);
}

void scorer_collect(struct scorer *scorer)
{
    turn(scorer);
}

size_t scorer_pending(const struct scorer *scorer)
{
    return scorer ? scorer->pending : 0;
}

double scorer_stalled_s(const struct scorer *scorer)
{
    return scorer->busy_since_ns ? (double)(clock_monotonic_ns() - scorer->busy_since_ns) / 1e9 : 0;
}

/*
 * Three things cross between the two threads: windows (ring, loop to scorer), results (ring, scorer
 * to loop) and scoring sets (one atomic slot; a newer one replaces one that was not taken yet).
 *
 * A model is tested once, by the thread that will score with it: it carries the mark itself, so
 * that a set that differs in one robot costs nothing for the others.
 *
 * Stopping waits for no thread: the scorer says that it has ended, and the loop, which goes on
 * turning, joins it then.
 *
 * From the adoption of a set until the loop has heard of it, and longer for what waits in the ring,
 * windows come whose rows were made for the model before. Each carries the shape of its rows, and
 * one that the present model would read wrong, or beyond its end, is dropped.
 *
 * The ring of results cannot overflow: the loop counts windows from push to result and refuses at
 * SCORER_PENDING_MAX, and the ring holds that many and the reports about sets. So the scorer never
 * waits for the loop.
 *
 * Waking: the scorer says that it is about to sleep, looks once more, and sleeps on a semaphore;
 * the loop posts it only if the flag is set, once per burst. The other way, uv_async coalesces and
 * libuv 1.44 needs the fence before it; a 100 ms timer drains as well, should a wake-up ever be
 * lost. A wake-up costs as much as scoring a window. So the loop is woken only for results that are
 * waited for: a score far below its threshold changes counters, and the next sample takes it along.
 * And where bursts come faster than GATHER_MS, those that nobody waits for are gathered for so
 * long, and scored as one batch: a robot at 10 Hz is not delayed, two hundred of them are by 2 ms.
 */
#include "daemon/scorer.h"

#include "base/clock.h"
#include "base/ring.h"
#include "nn/blas.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SCORER_WINDOW_RING ((size_t)8 << 20)
#define SCORER_PENDING_MAX 4096
#define SCORER_REPORTS_MAX 256  /* about sets, between two turns of the loop */
#define SCORER_SHADOWS_MAX 1024 /* windows of candidates, pushed and not yet back */
#define SHADOW_BATCH_MAX 8
#define SHADOW_BATCH_NS (2 * CLOCK_NS_PER_MS) /* what a live window may have to wait for */
#define SHADOW_SLOW_NS (5 * CLOCK_NS_PER_MS)  /* longer ones get a fifth of the time */
#define SHADOW_REST 4
#define SHADOW_TOLD_MAX 32 /* results of candidates that wake nobody */
#define SCORER_DRAIN_MS 100
#define GATHER_MS 2
#define SCORER_STOP_NS CLOCK_NS_PER_S /* for the windows that wait when it is stopped */

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

/* ---- scorer thread
 * ------------------------------------------------------------------------------------------- */

static void put_result(struct scorer *scorer, const struct result_record *record)
{
    void *slot = ring_reserve(&scorer->results, sizeof *record);
    assert(slot); /* see above: it cannot be full */
    memcpy(slot, record, sizeof *record);
    ring_commit(&scorer->results);
}

static int test_models(const struct scoring_set *set, struct diag *diag)
{
    for (size_t r = 0; r < set->robots; r++) {
        struct model *model = set->robot[r].model;
        if (!model || model->tested)
            continue;
        int result = model_selftest(model, diag);
        if (result < 0)
            return result;
        model->tested = true;
    }
    return 0;
}

/* The first that fails; the loop takes it out. Those that have not passed score nothing. */
static void test_candidates(const struct scoring_set *set, struct set_report *report)
{
    for (size_t r = 0; r < set->robots; r++) {
        struct model *candidate = set->robot[r].candidate;
        struct diag diag = DIAG_INIT;
        if (!candidate || candidate->tested)
            continue;
        candidate->tested = model_selftest(candidate, &diag) == 0;
        if (candidate->tested)
            continue;
        report->failed_shadow = set->robot[r].shadow;
        memcpy(report->shadow_reason, diag.text, sizeof report->shadow_reason);
        return;
    }
}

/* Takes what is in the mailbox, between two batches; false if it was empty. */
static bool check_mailbox(struct scorer *scorer)
{
    struct scoring_set *set =
        atomic_exchange_explicit(&scorer->mailbox, NULL, memory_order_acq_rel);
    if (!set)
        return false;
    struct diag diag = DIAG_INIT;
    struct result_record record = {.is_report = true};
    record.report.generation = set->generation;
    record.report.ok = test_models(set, &diag) == 0;
    if (record.report.ok) {
        test_candidates(set, &record.report);
        record.report.retired = scorer->set;
        scorer->set = set;
    } else {
        record.report.retired = set;
        memcpy(record.report.reason, diag.text, sizeof record.report.reason);
    }
    put_result(scorer, &record);
    return true;
}

static struct model *model_for(const struct scorer *scorer, const struct window_record *window)
{
    const struct scoring_set *set = scorer->set;
    if (!set || window->robot >= set->robots)
        return NULL;
    const struct scoring_entry *entry = &set->robot[window->robot];
    if (window->shadow == 0)
        return entry->model;
    bool there = entry->shadow == window->shadow && entry->candidate->tested;
    return there ? entry->candidate : NULL;
}

static void drop_window(struct scorer *scorer, const struct window_record *window)
{
    struct result_record record = {.result = {.robot = window->robot,
                                              .shadow = window->shadow,
                                              .epoch = window->epoch,
                                              .received_ns = window->received_ns}};
    scorer->prompt |= window->shadow == 0;
    put_result(scorer, &record);
}

struct timing {
    int64_t scored_ns; /* monotonic, of its batch */
    double cost_ns;    /* of its share of the batch */
};

/* Nobody waits for a candidate. */
static bool is_waited_for(const struct scorer *scorer, const struct window_record *window,
                          const struct score *score)
{
    const double *thresholds = scorer->set->robot[window->robot].thresholds;
    if (window->shadow)
        return false;
    double ratio = score_ratio(score, thresholds, NULL);
    return window->prompt || score->nonfinite || ratio < 0 || ratio >= SCORER_PROMPT_RATIO;
}

static void put_score(struct scorer *scorer, const struct window_record *window,
                      const struct score *score, struct timing timing)
{
    scorer->prompt |= is_waited_for(scorer, window, score);
    struct result_record record = {.result = {.robot = window->robot,
                                              .shadow = window->shadow,
                                              .generation = scorer->set->generation,
                                              .epoch = window->epoch,
                                              .cost_ns = timing.cost_ns,
                                              .scored = true,
                                              .received_ns = window->received_ns,
                                              .scored_ns = timing.scored_ns,
                                              .score = *score}};
    put_result(scorer, &record);
}

/* What a candidate finds is not explained to anybody: nothing is over these. */
static const double no_thresholds[MODEL_DETECTORS_MAX] = {
    (double)INFINITY, (double)INFINITY, (double)INFINITY, (double)INFINITY,
    (double)INFINITY, (double)INFINITY, (double)INFINITY, (double)INFINITY};

static const double *thresholds_for(const struct scorer *scorer, const struct window_record *window)
{
    return window->shadow ? no_thresholds : scorer->set->robot[window->robot].thresholds;
}

/* Scores those of the batch that belong to one model, and strikes them out. Those with rows of
 * another shape are dropped, each in its place between the others. */
static void score_model(struct scorer *scorer, struct model *model,
                        const struct window_record **batch, size_t count)
{
    struct score_request requests[DETECTOR_BATCH_MAX];
    const struct window_record *who[DETECTOR_BATCH_MAX];
    size_t used = 0, taken = 0;
    for (size_t i = 0; i < count; i++) {
        if (!batch[i] || model_for(scorer, batch[i]) != model)
            continue;
        const struct window_record *window = batch[i];
        batch[i] = NULL;
        who[taken++] = window;
        if (window->row_shape != model->row_shape)
            continue;
        requests[used] = (struct score_request){.window = window->values,
                                                .rows = window->rows,
                                                .thresholds = thresholds_for(scorer, window)};
        scorer->scores[used].time_ns = window->time_ns;
        scorer->scores[used].seq = window->seq;
        used++;
    }
    int64_t began_ns = clock_monotonic_ns();
    score_windows(model, requests, used, scorer->scores);
    int64_t scored_ns = clock_monotonic_ns();
    double cost_ns = (double)(scored_ns - began_ns) / (double)(used ? used : 1);
    const struct score *score = scorer->scores;
    for (size_t j = 0; j < taken; j++) {
        if (who[j]->row_shape == model->row_shape)
            put_score(scorer, who[j], score++, (struct timing){scored_ns, cost_ns});
        else
            drop_window(scorer, who[j]);
    }
}

static void score_batch(struct scorer *scorer, const struct window_record **batch, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* A window may be newer than the look into the mailbox before this batch. */
        if (batch[i]->generation > (scorer->set ? scorer->set->generation : 0)) {
            check_mailbox(scorer);
            break;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!batch[i])
            continue;
        struct model *model = model_for(scorer, batch[i]);
        if (model)
            score_model(scorer, model, batch, count);
        else
            drop_window(scorer, batch[i]);
    }
}

/* Everything that waits, at most one batch. Results of one robot keep their order: a robot has one
 * model, and score_model goes through the batch from the front. */
static size_t run_batch(struct scorer *scorer)
{
    const struct window_record *batch[DETECTOR_BATCH_MAX];
    size_t count = 0;
    const struct window_record *record;
    while (count < DETECTOR_BATCH_MAX && (record = ring_read(&scorer->windows, NULL)))
        batch[count++] = record;
    score_batch(scorer, batch, count);
    ring_release(&scorer->windows);
    return count;
}

/* Where nothing else waits: a few windows of candidates, no more than a live one can wait for. One
 * that takes long all the same is followed by a rest. */
static size_t run_shadows(struct scorer *scorer)
{
    const struct window_record *batch[SHADOW_BATCH_MAX];
    size_t count = 0;
    const struct window_record *record;
    int64_t began_ns = clock_monotonic_ns();
    if (began_ns < scorer->shadow_after_ns)
        return 0;
    while (count < scorer->shadow_batch && (record = ring_read(&scorer->shadows, NULL)))
        batch[count++] = record;
    if (count == 0)
        return 0;
    score_batch(scorer, batch, count);
    ring_release(&scorer->shadows);
    int64_t ended_ns = clock_monotonic_ns(), each_ns = (ended_ns - began_ns) / (int64_t)count + 1;
    size_t fit = (size_t)(SHADOW_BATCH_NS / each_ns);
    scorer->shadow_batch = fit < 1 ? 1 : fit > SHADOW_BATCH_MAX ? SHADOW_BATCH_MAX : fit;
    if (ended_ns - began_ns > SHADOW_SLOW_NS)
        scorer->shadow_after_ns = ended_ns + SHADOW_REST * (ended_ns - began_ns);
    scorer->shadows_untold += count;
    scorer->prompt |= scorer->shadows_untold >= SHADOW_TOLD_MAX;
    return count;
}

static void signal_loop(struct scorer *scorer)
{
    scorer->prompt = false;
    scorer->shadows_untold = 0;
    atomic_thread_fence(memory_order_seq_cst);
    uv_async_send(&scorer->async);
}

static void sleep_until_woken(struct scorer *scorer)
{
    atomic_store(&scorer->sleeping, true);
    bool work =
        ring_used(&scorer->windows) > 0 || atomic_load(&scorer->mailbox) ||
        atomic_load(&scorer->stopping) ||
        (ring_used(&scorer->shadows) > 0 && clock_monotonic_ns() >= scorer->shadow_after_ns);
    if (work && atomic_exchange(&scorer->sleeping, false))
        return;
    uv_sem_wait(&scorer->wake);
}

static void scorer_main(void *argument)
{
    struct scorer *scorer = argument;
    pthread_setname_np(pthread_self(), "scorer"); /* as top and debuggers show it */
    blas_init();
    while (!atomic_load(&scorer->stopping)) {
        bool mail = check_mailbox(scorer);
        bool idle = run_batch(scorer) == 0 && run_shadows(scorer) == 0 && !mail;
        if (!idle)
            atomic_fetch_add(&scorer->progress, 1);
        if (scorer->prompt || mail)
            signal_loop(scorer);
        if (idle)
            sleep_until_woken(scorer);
    }
    int64_t deadline_ns = clock_monotonic_ns() + SCORER_STOP_NS;
    while (run_batch(scorer) > 0 && clock_monotonic_ns() < deadline_ns)
        atomic_fetch_add(&scorer->progress, 1);
    atomic_fetch_add(&scorer->progress, 1);
    atomic_store(&scorer->ended, true);
    signal_loop(scorer);
}

/* ---- loop ---- */

static void drain(struct scorer *scorer)
{
    const struct result_record *record;
    while ((record = ring_read(&scorer->results, NULL))) {
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
    int r = uv_thread_create(&scorer->thread, scorer_main, scorer);
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

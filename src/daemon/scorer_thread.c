/*
 * The scorer's own side.
 *
 * A model is tested once, by the thread that will score with it: it carries the mark itself, so
 * that a set that differs in one robot costs nothing for the others.
 *
 * From the adoption of a set until the loop has heard of it, and longer for what waits in the ring,
 * windows come whose rows were made for the model before. Each carries the shape of its rows, and
 * one that the present model would read wrong, or beyond its end, is dropped.
 *
 * The loop is woken only for results that are waited for: a wake-up costs as much as scoring a
 * window, a score far below its threshold changes counters, and the next sample takes it along.
 */
#include "base/clock.h"
#include "daemon/scorer_internal.h"
#include "nn/blas.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHADOW_BATCH_MAX 8
#define SHADOW_BATCH_NS (2 * CLOCK_NS_PER_MS) /* what a live window may have to wait for */
#define SHADOW_SLOW_NS (5 * CLOCK_NS_PER_MS)  /* longer ones get a fifth of the time */
#define SHADOW_REST 4
#define SHADOW_TOLD_MAX 32            /* results of candidates that wake nobody */
#define SCORER_STOP_NS CLOCK_NS_PER_S /* for the windows that wait when it is stopped */

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

void scorer_thread(void *argument)
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

#include "pipeline/history.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sample that is older than this against the one before is no late sample but a clock that was
 * set back. */
#define HISTORY_LATE_MAX_NS (2 * CLOCK_NS_PER_S)
/* The same for sequence numbers: a source that restarts counts from 0 again. */
#define HISTORY_LATE_MAX_SEQ 64
#define HISTORY_DEFAULT_GAP_PERIODS 3

static size_t rows_for(size_t span)
{
    return span * 4 > 32 ? span * 4 : 32;
}

static void set_period(struct history *history, double period_s)
{
    double gap_s =
        history->max_gap_s > 0 ? history->max_gap_s : HISTORY_DEFAULT_GAP_PERIODS * period_s;
    history->period_ns = (int64_t)llround(period_s * 1e9);
    history->max_gap_ns = (int64_t)llround(gap_s * 1e9);
}

int history_init(struct history *history, const struct history_options *options)
{
    assert(options->channels > 0 && options->span > 0 && options->period_s > 0);
    *history = (struct history){
        .channels = options->channels,
        .span = options->span,
        .capacity = rows_for(options->span),
        .max_gap_s = options->max_gap_s,
    };
    set_period(history, options->period_s);
    history->rows = calloc(history->capacity * history->channels, sizeof *history->rows);
    return history->rows ? 0 : -ENOMEM;
}

void history_deinit(struct history *history)
{
    free(history->rows);
    history->rows = NULL;
}

int history_reshape(struct history *history, size_t span, size_t channels, double period_s)
{
    size_t capacity = rows_for(span);
    capacity = capacity > history->capacity ? capacity : history->capacity;
    if (capacity > history->capacity || channels != history->channels) {
        size_t kept = channels < history->channels ? channels : history->channels;
        float *rows = calloc(capacity * channels, sizeof *rows);
        if (!rows)
            return -ENOMEM;
        for (size_t i = 0; i < history->end; i++)
            memcpy(rows + i * channels, history->rows + i * history->channels, kept * sizeof *rows);
        free(history->rows);
        history->rows = rows;
        history->capacity = capacity;
        history->channels = channels;
    }
    history->span = span;
    set_period(history, period_s);
    return 0;
}

float *history_next_row(struct history *history)
{
    if (history->end == history->capacity) {
        /* Move what a window may still need to the front: once in 3 * span rows. */
        size_t keep = history->span - 1;
        memmove(history->rows, history->rows + (history->end - keep) * history->channels,
                keep * history->channels * sizeof *history->rows);
        history->end = keep;
        if (history->run > keep)
            history->run = keep;
    }
    return history->rows + history->end * history->channels;
}

enum step { STEP_NEXT, STEP_MISSING, STEP_DUPLICATE, STEP_LATE, STEP_RESTART };

static enum step classify_by_seq(const struct history *history, const struct sample *sample)
{
    if (sample->seq == history->last_seq)
        return STEP_DUPLICATE;
    if (sample->seq < history->last_seq)
        return history->last_seq - sample->seq <= HISTORY_LATE_MAX_SEQ ? STEP_LATE : STEP_RESTART;
    return sample->seq == history->last_seq + 1 ? STEP_NEXT : STEP_MISSING;
}

static enum step classify_by_time(const struct history *history, int64_t step_ns)
{
    if (step_ns == 0)
        return STEP_DUPLICATE;
    if (step_ns < 0)
        return step_ns >= -HISTORY_LATE_MAX_NS ? STEP_LATE : STEP_RESTART;
    return step_ns > history->period_ns * 3 / 2 ? STEP_MISSING : STEP_NEXT;
}

static enum step classify(const struct history *history, const struct sample *sample)
{
    if (!history->started)
        return STEP_RESTART;
    int64_t step_ns = sample->time_ns - history->last_time_ns;
    bool by_seq = sample->has_seq && history->last_has_seq;
    enum step step = by_seq ? classify_by_seq(history, sample) : classify_by_time(history, step_ns);
    /* A step of one period can be longer than max_gap_s where the period itself is. */
    int64_t longest = history->max_gap_ns > history->period_ns * 3 / 2 ? history->max_gap_ns
                                                                       : history->period_ns * 3 / 2;
    /* A source that counts anew after a pause starts low: its samples are no late ones. */
    if (by_seq && step == STEP_LATE && step_ns > longest)
        return STEP_RESTART;
    bool forward = step == STEP_NEXT || step == STEP_MISSING;
    return forward && (step_ns > longest || step_ns < -HISTORY_LATE_MAX_NS) ? STEP_RESTART : step;
}

/* Of a forward step. A clock or a counter that was set back tells of no number. */
static uint64_t count_missing(const struct history *history, const struct sample *sample)
{
    if (!history->started)
        return 0;
    if (sample->has_seq && history->last_has_seq)
        return sample->seq > history->last_seq ? sample->seq - history->last_seq - 1 : 0;
    int64_t step_ns = sample->time_ns - history->last_time_ns;
    if (step_ns <= history->period_ns * 3 / 2)
        return 0;
    bool up = step_ns % history->period_ns >= history->period_ns / 2;
    return (uint64_t)(step_ns / history->period_ns + up - 1);
}

static bool was_set_back(const struct history *history, const struct sample *sample)
{
    bool by_seq = sample->has_seq && history->last_has_seq;
    return sample->time_ns < history->last_time_ns || (by_seq && sample->seq < history->last_seq);
}

enum history_outcome history_push(struct history *history, const struct sample *sample)
{
    assert(sample->has_time && history->end < history->capacity);
    enum step step = classify(history, sample);
    if (step == STEP_DUPLICATE)
        return HISTORY_DUPLICATE;
    if (step == STEP_LATE)
        return HISTORY_LATE;
    history->set_back = history->started && step == STEP_RESTART && was_set_back(history, sample);
    history->missing = count_missing(history, sample);
    history->follows = step == STEP_NEXT && !history->broken;
    history->broken = false;
    history->run = step == STEP_NEXT ? history->run + 1 : 1;
    history->end++;
    history->started = true;
    history->last_time_ns = sample->time_ns;
    history->last_seq = sample->seq;
    history->last_has_seq = sample->has_seq;
    return step == STEP_RESTART ? HISTORY_RESTARTED : HISTORY_APPENDED;
}

void history_shift(struct history *history, int64_t step_ns)
{
    history->last_time_ns += step_ns;
}

void history_break(struct history *history)
{
    history->run = 0;
    history->broken = true;
}

size_t history_valid_rows(const struct history *history)
{
    return history->run < history->span ? history->run : history->span;
}

float *history_row(struct history *history, size_t back)
{
    assert(back < history->end);
    return history->rows + (history->end - 1 - back) * history->channels;
}

const float *history_window(const struct history *history, size_t rows)
{
    assert(rows > 0 && rows <= history->run);
    return history->rows + (history->end - rows) * history->channels;
}

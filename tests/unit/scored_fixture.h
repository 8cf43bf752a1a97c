/*
 * scored_fixture: tables of scores without a model: healthy and quiet until a test says otherwise.
 */
#ifndef ARMWATCH_TESTS_SCORED_FIXTURE_H
#define ARMWATCH_TESTS_SCORED_FIXTURE_H

#include "lab/scored.h"

#include "golden.h"

/* Rows a period apart, all evaluated with ratio 0; one detector, windows of one row. */
static inline struct scored scored_fixture(size_t rows, double period_s, bool steps)
{
    struct scored scored = {
        .rows = rows,
        .period_s = period_s,
        .span = 1,
        .reach = 1,
        .time_ns = calloc(rows, sizeof(int64_t)),
        .hole = calloc(rows, sizeof(bool)),
        .label = calloc(rows, sizeof(int)),
        .window_label = calloc(rows, sizeof(int)),
        .step = steps ? calloc(rows, sizeof(int)) : NULL,
        .triggered = calloc(rows, sizeof(uint16_t)),
        .ratio = calloc(rows, sizeof(float)),
        .detectors = 1,
        .detector[0] = {.name = "one", .threshold = 1, .score = calloc(rows, sizeof(float))},
    };
    assert_true(scored.time_ns && scored.hole && scored.label && scored.window_label &&
                scored.triggered && scored.ratio && scored.detector[0].score);
    for (size_t i = 0; i < rows; i++)
        scored.time_ns[i] = (int64_t)llround((double)i * period_s * 1e9);
    return scored;
}

static inline void scored_fixture_label(struct scored *scored, size_t first, size_t end, int label)
{
    for (size_t i = first; i < end; i++)
        scored->label[i] = scored->window_label[i] = label;
}

static inline void scored_fixture_ratio(struct scored *scored, size_t row, double ratio)
{
    scored->ratio[row] = scored->detector[0].score[row] = (float)ratio;
}

/* Triggered, with a score of 2. */
static inline void scored_fixture_trigger(struct scored *scored, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        scored->triggered[i] = true;
        scored_fixture_ratio(scored, i, 2);
    }
}

#endif

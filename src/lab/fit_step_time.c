/*
 * The usual moving time of a step is the median over its whole healthy runs; its spread is told by
 * the upper quantile, because only longer ones count, and one run that was disturbed must not widen
 * it. Moving time comes in sample periods: the spread is never under one.
 */
#include "lab/fit_kind.h"
#include "model/step_time.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS_LEAST 3    /* of a step */
#define PERIODS_LEAST 5 /* of movement: a step with less has none to speak of */
#define UPPER 0.95
#define UPPER_DEVIATIONS 1.645 /* of a normal distribution, at that quantile */

static const struct alert_filter filter = {.k = 1, .n = 1, .clear_ratio = 0.8, .clear_s = 1};

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double quantile(const float *sorted, size_t count, double share)
{
    double at = share * (double)(count - 1);
    size_t low = (size_t)at, high = low + 1 < count ? low + 1 : low;
    return (double)sorted[low] + (at - (double)low) * (double)(sorted[high] - sorted[low]);
}

/* Moving times of a step's whole runs in training; returns how many. */
static size_t collect(const struct fit_source *source, int step, size_t place, float *ret_times)
{
    size_t count = 0;
    for (size_t i = 0; i < source->segments->count; i++) {
        const struct segment *segment = &source->segments->item[i];
        if (segment->step != step || segment->split || segment->part != SPLIT_TRAINING ||
            !segment->begins || !segment->ends)
            continue;
        const struct recording *session = source->sessions[segment->session];
        float time = session->values[(segment->end - 1) * session->channels + place];
        if (!isnan(time))
            ret_times[count++] = time;
    }
    qsort(ret_times, count, sizeof *ret_times, compare_floats);
    return count;
}

static size_t measure(const struct fit_source *source, size_t place, float *times, float *ret_usual,
                      float *ret_spread)
{
    double period_s = source->options->period_s;
    size_t judged = 0;
    for (size_t s = 0; s < source->derivation->steps; s++) {
        size_t count = collect(source, source->derivation->step[s], place, times);
        ret_usual[s] = STEP_TIME_UNKNOWN;
        ret_spread[s] = 1;
        if (count < RUNS_LEAST || (double)times[count / 2] < PERIODS_LEAST * period_s)
            continue;
        double usual = quantile(times, count, 0.5);
        double spread = (quantile(times, count, UPPER) - usual) / UPPER_DEVIATIONS;
        ret_usual[s] = (float)usual;
        ret_spread[s] = (float)hypot(spread, period_s);
        judged++;
    }
    return judged;
}

static int fit_step_time(const struct fit_source *source, size_t index, struct draft *draft,
                         cJSON *entry, struct diag *diag)
{
    size_t steps = source->derivation->steps;
    size_t place = derivation_find(source->derivation, DERIVED_MOVING_TIME);
    if (place == DERIVED_NONE)
        return diag_set(diag, "no channel tells motion from rest; name them (--motion)");
    float *usual = calloc(steps, sizeof *usual), *spread = calloc(steps, sizeof *spread);
    float *times = calloc(source->segments->count + 1, sizeof *times);
    int r = usual && spread && times ? 0 : diag_errno(diag, ENOMEM, "step times");
    if (r == 0) {
        char summary[96];
        size_t judged = measure(source, place, times, usual, spread);
        if (judged == 0)
            r = diag_set(diag, "no program step was seen whole %d times, with movement",
                         RUNS_LEAST);
        snprintf(summary, sizeof summary, "the usual moving time of %zu of %zu program steps",
                 judged, steps);
        cJSON_AddStringToObject(entry, "summary", summary);
    }
    cJSON_AddNumberToObject(entry, "window", 1);
    if (r == 0 &&
        (fit_put(draft, index, "usual", SAFETENSORS_F32, SAFETENSORS_SHAPE(steps), usual) < 0 ||
         fit_put(draft, index, "spread", SAFETENSORS_F32, SAFETENSORS_SHAPE(steps), spread) < 0))
        r = diag_errno(diag, ENOMEM, "step times");
    free(usual);
    free(spread);
    free(times);
    return r;
}

static bool fits(const struct derivation *derivation)
{
    return derivation->motions > 0;
}

const struct fit_kind fit_kind_step_time = {.name = "step-time",
                                            .needs_step = true,
                                            .by_default = true,
                                            .fits = fits,
                                            .filter = &filter,
                                            .fit = fit_step_time};

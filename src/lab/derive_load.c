/*
 * The usual load of a step, and of each point of it: medians over the training runs, since bursts
 * of what else is on the meter are among them. A point that fewer than half of a step's runs come
 * to is none: the one before stands for it. Both are found with a deriver, as in a live robot; the
 * second time it has the points, and what it makes of the same runs tells the usual contrast.
 */
#include "lab/channel_info.h"
#include "lab/derive_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_LEAST 3             /* of a step whose usual load is known */
#define POINT_SHARE 0.5          /* of a step's runs */
#define LEAST_SHARE 0.02         /* of the points: at most so much is below */
#define MEDIAN_DEVIATIONS 1.4826 /* standard deviations in a median absolute one, if normal */

static int find_load(const struct derive_source *source, struct derivation *derivation,
                     struct diag *diag)
{
    const struct recording *first = source->sessions[0];
    for (size_t c = 0; c < first->channels && derivation->load == DERIVED_NONE; c++) {
        bool fits = source->load ? !strcmp(first->names[c], source->load)
                                 : first->named && !strcmp(channel_unit(first->names[c]), "W");
        if (fits && c != derivation->step_channel)
            derivation->load = c;
    }
    if (source->load && derivation->load == DERIVED_NONE)
        return diag_set(diag, "no channel is named %s, which is to be the load", source->load);
    return 0;
}

/* ---- what training holds ---- */

struct run {
    size_t step; /* its place */
    float mean, contrast;
};

struct reading {
    uint32_t step, point;
    float load;
};

struct runs {
    size_t count, capacity;
    struct run *item;
};

struct readings {
    size_t count, capacity;
    struct reading *item;
};

static int add_run(struct runs *runs, size_t step, const struct load *load)
{
    if (runs->count == runs->capacity) {
        runs->capacity = runs->capacity ? 2 * runs->capacity : 256;
        struct run *item = reallocarray(runs->item, runs->capacity, sizeof *item);
        if (!item)
            return -ENOMEM;
        runs->item = item;
    }
    runs->item[runs->count++] = (struct run){step, (float)load->mean, (float)load->contrast};
    return 0;
}

static int add_reading(struct readings *readings, const struct deriver *deriver, float load)
{
    size_t step = derivation_step_index(deriver->derivation, deriver->step);
    size_t point = deriver->load.point;
    if (step == DERIVED_NONE || point == DERIVED_NONE || point >= LOAD_POINTS_MAX)
        return 0;
    if (readings->count == readings->capacity) {
        readings->capacity = readings->capacity ? 2 * readings->capacity : 4096;
        struct reading *item = reallocarray(readings->item, readings->capacity, sizeof *item);
        if (!item)
            return -ENOMEM;
        readings->item = item;
    }
    readings->item[readings->count++] = (struct reading){(uint32_t)step, (uint32_t)point, load};
    return 0;
}

/* Either is NULL: not wanted. */
struct collected {
    struct runs *runs;
    struct readings *readings;
};

static int collect_row(const struct deriver *deriver, const float *row,
                       const struct collected *into)
{
    const struct derivation *derivation = deriver->derivation;
    size_t step = derivation_step_index(derivation, deriver->load.step);
    int r = 0;
    if (into->runs && deriver->load.finished && step != DERIVED_NONE)
        r = add_run(into->runs, step, &deriver->load);
    if (r == 0 && into->readings)
        r = add_reading(into->readings, deriver, row[derivation->load]);
    return r;
}

/* In the training blocks, as a deriver finds it. */
static int collect(const struct derive_source *source, const struct derivation *derivation,
                   const struct collected *into)
{
    float *row = calloc(derivation_width(derivation), sizeof *row);
    int r = row ? 0 : -ENOMEM;
    for (size_t b = 0; r == 0 && b < source->split->count; b++) {
        const struct split_block *block = &source->split->block[b];
        const struct recording *session = source->sessions[block->session];
        struct deriver deriver;
        deriver_init(&deriver, derivation, source->period_s);
        if (block->part != SPLIT_TRAINING)
            continue;
        for (size_t i = block->first; r == 0 && i < block->end; i++) {
            if (!session->valid[i])
                continue;
            if (i > block->first && !split_continues(session, i, source->period_s))
                deriver_break(&deriver);
            memcpy(row, session->values + i * session->channels, session->channels * sizeof *row);
            deriver_push(&deriver, row);
            r = collect_row(&deriver, row, into);
        }
    }
    free(row);
    return r;
}

/* ---- what is usual ---- */

static float mean_of(const struct run *run)
{
    return run->mean;
}

static float contrast_of(const struct run *run)
{
    return run->contrast;
}

/* Of each step, and how far runs stray from it; 0: there is none, or it never changes.
 * column: [runs] */
static double measure(const struct runs *runs, size_t steps, float (*value)(const struct run *),
                      float *ret_usual, float *column)
{
    size_t all = 0;
    for (size_t s = 0; s < steps; s++) {
        size_t used = 0;
        for (size_t i = 0; i < runs->count; i++) {
            if (runs->item[i].step == s && !isnan(value(&runs->item[i])))
                column[used++] = value(&runs->item[i]);
        }
        ret_usual[s] =
            used < RUNS_LEAST ? DERIVED_LOAD_UNKNOWN : derive_quantile(column, used, 0.5);
    }
    for (size_t i = 0; i < runs->count; i++) {
        float usual = ret_usual[runs->item[i].step], present = value(&runs->item[i]);
        if (usual > DERIVED_LOAD_UNKNOWN && !isnan(present))
            column[all++] = fabsf(present - usual);
    }
    return all > 0 ? MEDIAN_DEVIATIONS * (double)derive_quantile(column, all, 0.5) : 0;
}

/* ---- points ---- */

static int compare_readings(const void *a, const void *b)
{
    const struct reading *x = a, *y = b;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    if (x->point != y->point)
        return x->point < y->point ? -1 : 1;
    return (x->load > y->load) - (x->load < y->load);
}

/* The points of one step, from its readings, in order. Returns how many. */
static size_t measure_step(const struct reading *reading, size_t count, float *ret_load)
{
    size_t points = 0, runs = 0;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && reading[end].point == reading[i].point;)
            end++;
        runs = i == 0 ? end : runs;
        double least = fmax(RUNS_LEAST, POINT_SHARE * (double)runs);
        if (reading[i].point != points || (double)(end - i) < least)
            break;
        ret_load[points++] = reading[i + (end - i - 1) / 2].load;
    }
    return points;
}

static int measure_points(struct readings *readings, struct derivation *derivation)
{
    derivation->point_first = calloc(derivation->steps + 1, sizeof *derivation->point_first);
    derivation->point_load = calloc(readings->count + 1, sizeof *derivation->point_load);
    float *sorted = calloc(readings->count + 1, sizeof *sorted);
    if (!derivation->point_first || !derivation->point_load || !sorted) {
        free(sorted);
        return -ENOMEM;
    }
    if (readings->count > 0)
        qsort(readings->item, readings->count, sizeof *readings->item, compare_readings);
    size_t points = 0;
    for (size_t s = 0, i = 0, end; s < derivation->steps; s++, i = end) {
        for (end = i; end < readings->count && readings->item[end].step == s;)
            end++;
        points += measure_step(readings->item + i, end - i, derivation->point_load + points);
        derivation->point_first[s + 1] = points;
    }
    memcpy(sorted, derivation->point_load, points * sizeof *sorted);
    derivation->point_least = points > 0 ? (double)derive_quantile(sorted, points, LEAST_SHARE) : 0;
    free(sorted);
    return 0;
}

static void forget_points(struct derivation *derivation)
{
    free(derivation->point_first);
    free(derivation->point_load);
    free(derivation->contrast_usual);
    derivation->point_first = NULL;
    derivation->point_load = NULL;
    derivation->contrast_usual = NULL;
}

/* ---- all of it ---- */

/* What is usual of each step, so that a deriver judges none yet. */
static float *unknown(size_t steps)
{
    float *usual = calloc(steps + 1, sizeof *usual);
    for (size_t s = 0; usual && s < steps; s++)
        usual[s] = DERIVED_LOAD_UNKNOWN;
    return usual;
}

/* Without points the means alone are followed. */
static int learn_points(const struct derive_source *source, struct derivation *derivation,
                        struct readings *readings)
{
    struct runs runs = {0};
    derivation->contrast_usual = unknown(derivation->steps);
    int r = derivation->contrast_usual ? measure_points(readings, derivation) : -ENOMEM;
    if (r == 0)
        r = collect(source, derivation, &(struct collected){.runs = &runs});
    float *column = calloc(runs.count + 1, sizeof *column);
    r = r == 0 && !column ? -ENOMEM : r;
    if (r == 0)
        derivation->contrast_spread =
            measure(&runs, derivation->steps, contrast_of, derivation->contrast_usual, column);
    if (r == 0 && !(derivation->contrast_spread > 0))
        forget_points(derivation);
    free(column);
    free(runs.item);
    return r;
}

static int learn(const struct derive_source *source, struct derivation *derivation)
{
    struct runs runs = {0};
    struct readings readings = {0};
    derivation->load_usual = unknown(derivation->steps);
    int r = derivation->load_usual
                ? collect(source, derivation, &(struct collected){&runs, &readings})
                : -ENOMEM;
    float *column = calloc(runs.count + 1, sizeof *column);
    r = r == 0 && !column ? -ENOMEM : r;
    if (r == 0)
        derivation->load_spread =
            measure(&runs, derivation->steps, mean_of, derivation->load_usual, column);
    if (r == 0 && !(derivation->load_spread > 0))
        derivation->load = DERIVED_NONE;
    else if (r == 0)
        r = learn_points(source, derivation, &readings);
    free(column);
    free(runs.item);
    free(readings.item);
    return r;
}

int derive_load(const struct derive_source *source, struct derivation *derivation,
                struct diag *diag)
{
    int r = find_load(source, derivation, diag);
    if (r < 0 || derivation->load == DERIVED_NONE)
        return r;
    r = learn(source, derivation);
    return r < 0 ? diag_errno(diag, r, "load") : 0;
}

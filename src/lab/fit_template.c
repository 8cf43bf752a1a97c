/*
 * Of each step some hundred whole runs are enough, evenly taken. Rows are sorted by point, so that
 * a profile is made of a stretch of them. Where too few runs have rested at a point the stretch is
 * widened to the points around it, up to half a second; where none has, the profile is that of the
 * motion: a rest there is as unusual as it looks. Mean and spread are those of the values within
 * a few median deviations: one spike of a thousand degrees a second in training would blind its
 * bin. A long rest gives a run's first second only.
 */
#include "lab/fit_motion.h"
#include "model/template.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS_LEAST 8 /* that a profile is made of */
#define RUNS_MAX 256 /* of a step */
#define REST_S 1.0   /* of a rest that counts */
#define WIDEN_S 0.5  /* to either side */
#define OUTLIER 5.0  /* deviations; within it a value counts */
#define MEDIAN_DEVIATIONS 1.4826
#define BYTES_MAX ((size_t)4 << 20) /* of means and spreads */

struct point {
    size_t bin;
    enum template_state state;
    size_t run;
    const float *row;
};

struct work {
    const struct fit_source *source;
    struct fit_motion motion;
    size_t place; /* of the moving time in a row */
    double bin_s;
    size_t count;        /* of the present step: */
    struct point *point; /* sorted by state, bin, run */
    float *value;        /* of one channel at one point */
    int64_t *bins;       /* [steps] */
    size_t profiles;     /* bins of all steps */
    float *mean, *spread;
};

static void work_deinit(struct work *work)
{
    fit_motion_deinit(&work->motion);
    free(work->point);
    free(work->value);
    free(work->bins);
    free(work->mean);
    free(work->spread);
}

/* ---- points of a step ---- */

static bool usable(const struct segment *segment, int step)
{
    return segment->step == step && !segment->split && segment->part == SPLIT_TRAINING &&
           segment->begins && segment->ends;
}

static void add_run(struct work *work, const struct segment *segment, size_t run)
{
    const struct recording *session = work->source->sessions[segment->session];
    double rest_s = 0;
    for (size_t i = segment->first; i < segment->end; i++) {
        const float *row = session->values + i * session->channels;
        bool moving = derivation_moving(work->source->derivation, row);
        rest_s = moving ? 0 : rest_s + work->source->options->period_s;
        if (isnan(row[work->place]) || rest_s > REST_S)
            continue;
        work->point[work->count++] =
            (struct point){.bin = template_bin((double)row[work->place], work->bin_s),
                           .state = moving ? TEMPLATE_MOTION : TEMPLATE_REST,
                           .run = run,
                           .row = row};
    }
}

static int compare_points(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    if (p->state != q->state)
        return p->state < q->state ? -1 : 1;
    if (p->bin != q->bin)
        return p->bin < q->bin ? -1 : 1;
    return (p->run > q->run) - (p->run < q->run);
}

/* Returns the number of runs. */
static size_t collect(struct work *work, int step)
{
    const struct segments *segments = work->source->segments;
    size_t total = 0, seen = 0, runs = 0;
    work->count = 0;
    for (size_t i = 0; i < segments->count; i++)
        total += usable(&segments->item[i], step);
    for (size_t i = 0; i < segments->count; i++) {
        if (!usable(&segments->item[i], step))
            continue;
        if (total <= RUNS_MAX || seen * RUNS_MAX / total != (seen + 1) * RUNS_MAX / total)
            add_run(work, &segments->item[i], runs++);
        seen++;
    }
    qsort(work->point, work->count, sizeof *work->point, compare_points);
    return runs;
}

/* ---- profiles ---- */

struct stretch {
    size_t first, count; /* of the points */
};

static struct stretch find(const struct work *work, enum template_state state, size_t low,
                           size_t high)
{
    struct stretch stretch = {0};
    for (size_t i = 0; i < work->count; i++) {
        const struct point *point = &work->point[i];
        if (point->state != state || point->bin < low || point->bin > high)
            continue;
        if (stretch.count++ == 0)
            stretch.first = i;
    }
    return stretch;
}

/* Different runs in a stretch; a run that stands at two points of it counts twice. */
static size_t runs_of(const struct work *work, struct stretch stretch)
{
    size_t runs = 0;
    for (size_t i = stretch.first; i < stretch.first + stretch.count; i++) {
        const struct point *point = &work->point[i];
        runs += i == stretch.first || point->run != point[-1].run || point->bin != point[-1].bin;
    }
    return runs;
}

/* Empty: too few runs were there in this state. */
static struct stretch find_enough(const struct work *work, enum template_state state, size_t bin)
{
    size_t widest = (size_t)(WIDEN_S / work->bin_s + 0.01);
    for (size_t wide = 0; wide <= widest; wide++) {
        struct stretch stretch = find(work, state, bin > wide ? bin - wide : 0, bin + wide);
        if (runs_of(work, stretch) >= RUNS_LEAST)
            return stretch;
    }
    return (struct stretch){0};
}

/* The bins that enough runs come to, one after the other from 0. */
static size_t count_bins(const struct work *work)
{
    size_t bins = 0;
    while (runs_of(work, find(work, TEMPLATE_MOTION, bins, bins)) >= RUNS_LEAST ||
           runs_of(work, find(work, TEMPLATE_REST, bins, bins)) >= RUNS_LEAST ||
           (bins == 0 && runs_of(work, find(work, TEMPLATE_MOTION, 1, 1)) >= RUNS_LEAST))
        bins++;
    return bins;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float median(float *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_floats);
    return values[count / 2];
}

static void measure(struct work *work, struct stretch stretch, size_t channel, float *ret_mean,
                    float *ret_spread)
{
    double floor = (double)work->motion.floor[channel], sum = 0, squares = 0;
    for (size_t i = 0; i < stretch.count; i++)
        work->value[i] = work->point[stretch.first + i].row[work->motion.channel[channel]];
    double middle = (double)median(work->value, stretch.count);
    for (size_t i = 0; i < stretch.count; i++)
        work->value[i] = (float)fabs((double)work->value[i] - middle);
    double reach =
        OUTLIER * fmax(MEDIAN_DEVIATIONS * (double)median(work->value, stretch.count), floor);
    size_t used = 0;
    for (size_t i = 0; i < stretch.count; i++) {
        double d =
            (double)work->point[stretch.first + i].row[work->motion.channel[channel]] - middle;
        if (fabs(d) > reach)
            continue;
        sum += d;
        squares += d * d;
        used++;
    }
    double mean = sum / (double)used;
    *ret_mean = (float)(middle + mean);
    *ret_spread = (float)hypot(sqrt(fmax(squares / (double)used - mean * mean, 0)), floor);
}

/* One bin of the present step; a state that too few runs were in looks as the other one. */
static void make_profiles(struct work *work, size_t bin)
{
    size_t channels = work->motion.channels;
    struct stretch stretch[TEMPLATE_STATES];
    for (size_t s = 0; s < TEMPLATE_STATES; s++)
        stretch[s] = find_enough(work, (enum template_state)s, bin);
    for (size_t s = 0; s < TEMPLATE_STATES; s++) {
        size_t of = stretch[s].count > 0 ? s : TEMPLATE_STATES - 1 - s;
        size_t at = (work->profiles * TEMPLATE_STATES + s) * channels;
        for (size_t c = 0; c < channels; c++)
            measure(work, stretch[of], c, &work->mean[at + c], &work->spread[at + c]);
    }
    work->profiles++;
}

/* ---- all steps ---- */

/* Bins wide enough that the table keeps to its bound; then the memory for it. */
static int prepare(struct work *work, struct diag *diag)
{
    const struct segments *segments = work->source->segments;
    size_t steps = work->source->derivation->steps, rows = 0;
    for (size_t i = 0; i < segments->count; i++)
        rows += segments->item[i].end - segments->item[i].first;
    work->bins = calloc(steps, sizeof *work->bins);
    work->point = malloc((rows + 1) * sizeof *work->point);
    work->value = malloc((rows + 1) * sizeof *work->value);
    if (!work->bins || !work->point || !work->value)
        return diag_errno(diag, ENOMEM, "template");
    size_t bin_bytes = 2 * TEMPLATE_STATES * work->motion.channels * sizeof(float), bins = 0;
    for (work->bin_s = work->source->options->period_s;; work->bin_s *= 2) {
        bins = 0;
        for (size_t s = 0; s < steps; s++) {
            collect(work, work->source->derivation->step[s]);
            work->bins[s] = (int64_t)count_bins(work);
            bins += (size_t)work->bins[s];
        }
        if (bins * bin_bytes <= BYTES_MAX || bins <= steps)
            break;
    }
    if (bins == 0)
        return diag_set(diag, "no program step was seen whole %d times", RUNS_LEAST);
    work->mean = calloc(bins * TEMPLATE_STATES * work->motion.channels, sizeof *work->mean);
    work->spread = calloc(bins * TEMPLATE_STATES * work->motion.channels, sizeof *work->spread);
    return work->mean && work->spread ? 0 : diag_errno(diag, ENOMEM, "template");
}

static void learn(struct work *work)
{
    const struct derivation *derivation = work->source->derivation;
    for (size_t s = 0; s < derivation->steps; s++) {
        collect(work, derivation->step[s]);
        for (int64_t bin = 0; bin < work->bins[s]; bin++)
            make_profiles(work, (size_t)bin);
    }
}

static int put(const struct work *work, size_t index, struct draft *draft, cJSON *entry,
               struct diag *diag)
{
    char summary[128];
    size_t steps = work->source->derivation->steps, channels = work->motion.channels;
    struct safetensors_shape shape =
        SAFETENSORS_SHAPE(work->profiles, (size_t)TEMPLATE_STATES, channels);
    snprintf(summary, sizeof summary,
             "%zu bins of %g s of movement in %zu program steps; %zu channels", work->profiles,
             work->bin_s, steps, channels);
    cJSON_AddNumberToObject(entry, "window", 1);
    cJSON_AddNumberToObject(entry, "bin_s", work->bin_s);
    fit_motion_put(&work->motion, entry);
    cJSON_AddStringToObject(entry, "summary", summary);
    int r = fit_put(draft, index, "bins", SAFETENSORS_I64, SAFETENSORS_SHAPE(steps), work->bins);
    if (r == 0)
        r = fit_put(draft, index, "mean", SAFETENSORS_F32, shape, work->mean);
    if (r == 0)
        r = fit_put(draft, index, "spread", SAFETENSORS_F32, shape, work->spread);
    return r < 0 ? diag_errno(diag, r, "template") : 0;
}

static int fit_template(const struct fit_source *source, size_t index, struct draft *draft,
                        cJSON *entry, struct diag *diag)
{
    struct work work = {.source = source,
                        .place = derivation_find(source->derivation, DERIVED_MOVING_TIME)};
    if (work.place == DERIVED_NONE)
        return diag_set(diag, "no channel tells motion from rest; name them (--motion)");
    int r = fit_motion_find(source, "template", &work.motion, diag);
    if (r == 0)
        r = prepare(&work, diag);
    if (r == 0) {
        learn(&work);
        r = put(&work, index, draft, entry, diag);
    }
    work_deinit(&work);
    return r;
}

const struct fit_kind fit_kind_template = {
    .name = "template", .needs_step = true, .fit = fit_template};

/*
 * Which healthy cycles of a step are kept: sessions take turns, so that each one's biases are among
 * them, and of a session the cycle that is most unlike those chosen so far. What a cycle is like is
 * told by its length and by the median of each channel's magnitude. A cycle with a spike is none. A
 * long rest says nothing after its first second: its rows are left out, and with the two rows
 * before the next motion a new run begins.
 */
#include "lab/fit_kind.h"
#include "lab/fit_motion.h"
#include "model/analog.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CYCLES_MAX 24 /* of a step: more say nothing new */
#define REST_S 1.0    /* of a rest that is kept */

static const struct alert_filter filter = {.k = 4, .n = 6, .clear_ratio = 0.8, .clear_s = 2};

struct cycle {
    const struct segment *segment;
    size_t place; /* of its step */
    size_t rows;  /* that would be kept */
    bool chosen;
    double distance; /* to the nearest chosen one */
    float *likeness; /* [channels + 1] */
};

struct work {
    const struct fit_source *source;
    struct fit_motion motion;
    size_t count;
    struct cycle *cycle;
    float *likeness, *column;
    size_t *taken; /* [sessions] chosen cycles of a step */
    size_t rows, runs;
    float *row;
    int64_t *run;
};

static void work_deinit(struct work *work)
{
    fit_motion_deinit(&work->motion);
    free(work->cycle);
    free(work->likeness);
    free(work->column);
    free(work->taken);
    free(work->row);
    free(work->run);
}

/* ---- rows of a cycle ---- */

static const float *row_at(const struct work *work, const struct segment *segment, size_t row)
{
    const struct recording *session = work->source->sessions[segment->session];
    return session->values + row * session->channels;
}

/* Calls for each run of rows [first, end) that is kept; the first two are predecessors only. */
typedef void run_sink(struct work *work, const struct segment *segment, size_t first, size_t end,
                      void *user);

static void walk_runs(struct work *work, const struct segment *segment, run_sink *sink, void *user)
{
    size_t rest = 0, most = (size_t)lround(REST_S / work->source->options->period_s);
    size_t lead = ANALOG_PREDECESSORS, begin = segment->first - lead;
    most = most > lead ? most : lead + 1;
    for (size_t i = segment->first; i < segment->end; i++) {
        bool moving = derivation_moving(work->source->derivation, row_at(work, segment, i));
        if (moving && rest >= most) /* the next run, with what stands before the motion */
            begin = i - lead;
        rest = moving ? 0 : rest + 1;
        if (rest == most)
            sink(work, segment, begin, i + 1, user);
        else if (i + 1 == segment->end && rest < most)
            sink(work, segment, begin, i + 1, user);
    }
}

static void count_run(struct work *work, const struct segment *segment, size_t first, size_t end,
                      void *user)
{
    *(size_t *)user += end - first;
}

/* ---- cycles ---- */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void describe(struct work *work, struct cycle *cycle)
{
    const struct segment *segment = cycle->segment;
    size_t rows = segment->end - segment->first;
    for (size_t c = 0; c < work->motion.channels; c++) {
        for (size_t i = 0; i < rows; i++)
            work->column[i] =
                fabsf(row_at(work, segment, segment->first + i)[work->motion.channel[c]]) /
                work->motion.floor[c];
        qsort(work->column, rows, sizeof *work->column, compare_floats);
        cycle->likeness[c] = work->column[rows / 2];
    }
    cycle->likeness[work->motion.channels] = (float)cycle->rows;
}

/* A spike would be expected of the rows that it is a neighbour of. */
static bool spiked(const struct work *work, const struct segment *segment)
{
    for (size_t i = segment->first - ANALOG_PREDECESSORS + 1; i + 1 < segment->end; i++) {
        for (size_t c = 0; c < work->motion.channels; c++) {
            float value[3];
            for (size_t n = 0; n < 3; n++)
                value[n] = row_at(work, segment, i + n - 1)[work->motion.channel[c]] /
                           work->motion.floor[c];
            if (analog_spike(value[0], value[1], value[2]))
                return true;
        }
    }
    return false;
}

/* The rows before the segment must be there, and of the same session's unbroken run. */
static bool usable(const struct work *work, const struct segment *segment)
{
    const struct recording *session = work->source->sessions[segment->session];
    if (segment->split || segment->part != SPLIT_TRAINING || !segment->begins || !segment->ends ||
        segment->first < ANALOG_PREDECESSORS)
        return false;
    return split_continues(session, segment->first - 1, work->source->options->period_s) &&
           !spiked(work, segment) &&
           derivation_step_index(work->source->derivation, segment->step) != DERIVED_NONE;
}

static int collect_cycles(struct work *work, struct diag *diag)
{
    const struct segments *segments = work->source->segments;
    size_t longest = 1;
    work->cycle = calloc(segments->count + 1, sizeof *work->cycle);
    work->taken = calloc(work->source->count, sizeof *work->taken);
    work->likeness = calloc((segments->count + 1) * (work->motion.channels + 1), sizeof(float));
    for (size_t i = 0; i < segments->count; i++) {
        size_t rows = segments->item[i].end - segments->item[i].first;
        longest = rows > longest ? rows : longest;
    }
    work->column = malloc(longest * sizeof *work->column);
    if (!work->cycle || !work->taken || !work->likeness || !work->column)
        return diag_errno(diag, ENOMEM, "reference cycles");
    for (size_t i = 0; i < segments->count; i++) {
        const struct segment *segment = &segments->item[i];
        if (!usable(work, segment))
            continue;
        struct cycle *cycle = &work->cycle[work->count];
        cycle->segment = segment;
        cycle->place = derivation_step_index(work->source->derivation, segment->step);
        cycle->likeness = work->likeness + work->count * (work->motion.channels + 1);
        walk_runs(work, segment, count_run, &cycle->rows);
        describe(work, cycle);
        work->count++;
    }
    return work->count > 0 ? 0 : diag_set(diag, "the training sessions have no whole program step");
}

static double distance(const struct work *work, const struct cycle *a, const struct cycle *b)
{
    double sum = 0;
    for (size_t i = 0; i <= work->motion.channels; i++) {
        double d = (double)(a->likeness[i] - b->likeness[i]);
        sum += d * d;
    }
    return sum;
}

/* Of the sessions that gave fewest, the cycle that is farthest from all chosen; NULL: none is left.
 */
static struct cycle *next_cycle(struct work *work, size_t place)
{
    struct cycle *best = NULL;
    for (size_t i = 0; i < work->count; i++) {
        struct cycle *cycle = &work->cycle[i];
        if (cycle->place != place || cycle->chosen)
            continue;
        size_t taken = work->taken[cycle->segment->session];
        size_t least = best ? work->taken[best->segment->session] : SIZE_MAX;
        if (taken < least || (taken == least && cycle->distance > best->distance))
            best = cycle;
    }
    return best;
}

/* Chooses cycles of a step up to a number; returns the rows that they have. */
static size_t choose_cycles(struct work *work, size_t place, size_t most)
{
    size_t rows = 0;
    memset(work->taken, 0, work->source->count * sizeof *work->taken);
    for (size_t i = 0; i < work->count; i++) {
        work->cycle[i].chosen &= work->cycle[i].place != place;
        work->cycle[i].distance = 0;
    }
    for (size_t n = 0; n < most; n++) {
        struct cycle *cycle = next_cycle(work, place);
        if (!cycle)
            break;
        cycle->chosen = true;
        rows += cycle->rows;
        work->taken[cycle->segment->session]++;
        for (size_t i = 0; i < work->count; i++) {
            struct cycle *other = &work->cycle[i];
            double d = other->place == place ? distance(work, cycle, other) : 0;
            other->distance = n == 0 || d < other->distance ? d : other->distance;
        }
    }
    return rows;
}

/* As many of every step as the memory allows. Returns how many. */
static size_t choose_all(struct work *work)
{
    size_t most = CYCLES_MAX, steps = work->source->derivation->steps;
    size_t row_bytes = work->motion.channels * sizeof(float);
    for (; most > 0; most--) {
        work->rows = 0;
        for (size_t place = 0; place < steps; place++)
            work->rows += choose_cycles(work, place, most);
        if (work->rows * row_bytes <= work->source->options->analog_bytes_max)
            break;
    }
    return most;
}

/* ---- the model file ---- */

static void copy_run(struct work *work, const struct segment *segment, size_t first, size_t end,
                     void *user)
{
    const struct cycle *cycle = user;
    for (size_t i = first; i < end; i++) {
        const float *row = row_at(work, segment, i);
        for (size_t c = 0; c < work->motion.channels; c++)
            work->row[work->rows * work->motion.channels + c] = row[work->motion.channel[c]];
        work->rows++;
    }
    work->run[2 * work->runs] = (int64_t)cycle->place;
    work->run[2 * work->runs + 1] = (int64_t)(end - first);
    work->runs++;
}

static int copy_rows(struct work *work, struct diag *diag)
{
    work->row = malloc(work->rows * work->motion.channels * sizeof *work->row);
    work->run = malloc((work->rows + 1) * 2 * sizeof *work->run);
    if (!work->row || !work->run)
        return diag_errno(diag, ENOMEM, "reference cycles");
    work->rows = 0;
    for (size_t place = 0; place < work->source->derivation->steps; place++) {
        for (size_t i = 0; i < work->count; i++) {
            if (work->cycle[i].chosen && work->cycle[i].place == place)
                walk_runs(work, work->cycle[i].segment, copy_run, &work->cycle[i]);
        }
    }
    return 0;
}

static int put(const struct work *work, size_t most, size_t index, struct draft *draft,
               cJSON *entry, struct diag *diag)
{
    char summary[160];
    size_t neighbours = work->source->options->analog_neighbours;
    snprintf(summary, sizeof summary,
             "up to %zu reference cycles of each of %zu program steps, %zu rows of %zu channels "
             "(%.1f MB); %zu nearest",
             most, work->source->derivation->steps, work->rows, work->motion.channels,
             (double)(work->rows * work->motion.channels * sizeof(float)) / 1e6, neighbours);
    cJSON_AddNumberToObject(entry, "window", ANALOG_WINDOW);
    cJSON_AddNumberToObject(entry, "neighbours", (double)neighbours);
    fit_motion_put(&work->motion, entry);
    cJSON_AddStringToObject(entry, "summary", summary);
    int r = fit_put(draft, index, "channel.floor", SAFETENSORS_F32,
                    SAFETENSORS_SHAPE(work->motion.channels), work->motion.floor);
    if (r == 0)
        r = fit_put(draft, index, "reference.rows", SAFETENSORS_F32,
                    SAFETENSORS_SHAPE(work->rows, work->motion.channels), work->row);
    if (r == 0)
        r = fit_put(draft, index, "reference.run", SAFETENSORS_I64,
                    SAFETENSORS_SHAPE(work->runs, 2), work->run);
    return r < 0 ? diag_errno(diag, r, "reference cycles") : 0;
}

static int fit_analog(const struct fit_source *source, size_t index, struct draft *draft,
                      cJSON *entry, struct diag *diag)
{
    struct work work = {.source = source};
    size_t most = 0;
    int r = fit_motion_find(source, "analog", &work.motion, diag);
    if (r == 0)
        r = collect_cycles(&work, diag);
    if (r == 0 && (most = choose_all(&work)) == 0)
        r = diag_set(diag, "one cycle of each step is over %zu bytes",
                     source->options->analog_bytes_max);
    if (r == 0)
        r = copy_rows(&work, diag);
    if (r == 0)
        r = put(&work, most, index, draft, entry, diag);
    work_deinit(&work);
    return r;
}

const struct fit_kind fit_kind_analog = {
    .name = "analog", .needs_step = true, .by_default = true, .filter = &filter, .fit = fit_analog};

/*
 * Reference rows are kept once, in units of their channel's floor, runs of them one after the
 * other; the first two rows of a run are only predecessors. The distance of reference row i to a
 * sample is |r[i-1] - q1|^2 + |r[i-2] - q2|^2: the squares of the references are known, those of
 * the sample are the same for all, so one matrix product of the step's rows with q1 and q2 remains.
 * It is made in blocks of rows: a step may have any number of them, and what a block comes to has
 * to find room in the processor's cache.
 */
#include "model/analog.h"

#include "model/grouped.h"
#include "nn/blas.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sums of floats say who may be among the neighbours: who is measured, in doubles. They are off by
 * a part of the squares that they are made of. */
#define SLACK 1e-5F
#define CANDIDATES_MAX 256 /* before they are measured */

#define LANES 128
#define HALVES 24

struct neighbour {
    double distance;
    size_t row; /* of the step */
};

/* Of one window. */
struct search {
    const float *query; /* [2][channels] */
    float square;       /* of the query: sums lack it */
    float bound;        /* no sum from it on is of a neighbour */
    size_t count, found;
    uint32_t candidate[CANDIDATES_MAX]; /* [count] rows of the step, rising */
    struct neighbour
        nearest[ANALOG_NEIGHBOURS_MAX]; /* [found] of those before, the nearest first */
};

struct analog {
    size_t neighbours;
    struct grouped grouped; /* what it looks at */
    float *floor;           /* [channels] in the channel's units */
    size_t *first;          /* [steps + 1] of each step's reference rows */
    float *reference;       /* [rows][channels] in floors */
    float *base;            /* [rows] squares of the two predecessors; INFINITY: has not got them */
    /* Scratch of the scoring thread. */
    float *query;   /* [DETECTOR_BATCH_MAX][2][channels] predecessors in floors, newest first */
    float *product; /* [DETECTOR_BATCH_MAX][2][rows of a block] */
    float *sum;     /* [rows of a block] of one window */
    struct search *search; /* [DETECTOR_BATCH_MAX] */
};

static void analog_unload(struct detector *detector)
{
    struct analog *analog = detector->part.analog;
    if (!analog)
        return;
    grouped_deinit(&analog->grouped);
    free(analog->floor);
    free(analog->first);
    free(analog->reference);
    free(analog->base);
    free(analog->query);
    free(analog->product);
    free(analog->sum);
    free(analog->search);
    free(analog);
    detector->part.analog = NULL;
}

/* ---- loading ---- */

static int load_options(struct analog *analog, const struct detector *detector, const cJSON *config,
                        struct diag *diag)
{
    int64_t neighbours = 0;
    int r =
        json_get_integer(config, "neighbours", true, 1, ANALOG_NEIGHBOURS_MAX, &neighbours, diag);
    analog->neighbours = (size_t)neighbours;
    return r < 0 ? r : grouped_load(&analog->grouped, config, detector->channels, diag);
}

static int load_floor(struct analog *analog, size_t index, const struct safetensors *tensors,
                      struct diag *diag)
{
    char name[64];
    snprintf(name, sizeof name, "%zu.channel.floor", index);
    analog->floor = calloc(analog->grouped.channels, sizeof *analog->floor);
    if (!analog->floor)
        return diag_errno(diag, ENOMEM, "%s", name);
    int r = safetensors_get_f32(tensors, name, SAFETENSORS_SHAPE(analog->grouped.channels),
                                analog->floor, diag);
    for (size_t c = 0; r == 0 && c < analog->grouped.channels; c++) {
        if (!(analog->floor[c] > 0))
            r = diag_set(diag, "%s: entry %zu is %g, must be over 0", name, c,
                         (double)analog->floor[c]);
    }
    return r;
}

static float square_of(const float *values, size_t count)
{
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return sum;
}

/* The squares of the two rows before each; the first rows of a run have not got them. */
static void make_base(struct analog *analog, size_t first, size_t rows)
{
    size_t channels = analog->grouped.channels;
    float square[ANALOG_PREDECESSORS] = {0};
    for (size_t i = 0; i < rows; i++) {
        analog->base[first + i] = i < ANALOG_PREDECESSORS ? INFINITY : square[0] + square[1];
        square[1] = square[0];
        square[0] = square_of(analog->reference + (first + i) * channels, channels);
    }
}

/* "reference.run" [runs][2]: the step's place among the model's, rising, and the rows of a run. */
static int take_runs(struct analog *analog, size_t steps, const int64_t *run, size_t runs,
                     size_t rows, struct diag *diag)
{
    size_t at = 0, step = 0;
    for (size_t i = 0; i < runs; i++) {
        int64_t of = run[2 * i], length = run[2 * i + 1];
        if (of < (int64_t)step || of >= (int64_t)steps || length <= ANALOG_PREDECESSORS ||
            length > (int64_t)(rows - at))
            return diag_set(diag,
                            "reference.run: entry %zu is %lld, %lld: must be a step from %zu to "
                            "%zu, and %d to %zu rows",
                            i, (long long)of, (long long)length, step, steps - 1,
                            ANALOG_PREDECESSORS + 1, rows - at);
        for (; step < (size_t)of; step++)
            analog->first[step + 1] = at;
        make_base(analog, at, (size_t)length);
        at += (size_t)length;
    }
    for (; step < steps; step++)
        analog->first[step + 1] = at;
    return at == rows ? 0
                      : diag_set(diag, "reference.run: %zu rows in the runs, %zu in reference.rows",
                                 at, rows);
}

static int load_rows(struct analog *analog, const struct safetensors *tensors,
                     const struct safetensors_tensor *tensor, struct diag *diag)
{
    size_t rows = tensor->shape.dims[0];
    analog->reference = malloc(tensor->count * sizeof *analog->reference);
    analog->base = malloc(rows * sizeof *analog->base);
    if (!analog->reference || !analog->base)
        return diag_errno(diag, ENOMEM, "reference cycles");
    int r = safetensors_get_f32(tensors, tensor->name, tensor->shape, analog->reference, diag);
    for (size_t i = 0; r == 0 && i < tensor->count; i++)
        analog->reference[i] /= analog->floor[i % analog->grouped.channels];
    return r;
}

static int load_references(struct analog *analog, const struct detector *detector,
                           const struct safetensors *tensors, struct diag *diag)
{
    char name[64];
    size_t steps = detector->derivation->steps;
    snprintf(name, sizeof name, "%zu.reference.rows", detector->index);
    const struct safetensors_tensor *rows = safetensors_find(tensors, name);
    if (!rows || rows->shape.rank != 2 || rows->shape.dims[1] != analog->grouped.channels ||
        rows->shape.dims[0] == 0)
        return diag_set(diag, "%s: missing, or not [1 and more, %zu]", name,
                        analog->grouped.channels);
    snprintf(name, sizeof name, "%zu.reference.run", detector->index);
    const struct safetensors_tensor *run = safetensors_find(tensors, name);
    if (!run || run->shape.rank != 2 || run->shape.dims[1] != 2)
        return diag_set(diag, "%s: missing, or not [runs, 2]", name);
    int64_t *runs = malloc(run->count * sizeof *runs + 1);
    analog->first = calloc(steps + 1, sizeof *analog->first);
    int r = runs && analog->first ? load_rows(analog, tensors, rows, diag)
                                  : diag_errno(diag, ENOMEM, "reference cycles");
    if (r == 0)
        r = safetensors_get_i64(tensors, name, run->shape, runs, diag);
    if (r == 0)
        r = take_runs(analog, steps, runs, run->shape.dims[0], rows->shape.dims[0], diag);
    free(runs);
    return r;
}

static int make_scratch(struct analog *analog, struct diag *diag)
{
    size_t queries = DETECTOR_BATCH_MAX * ANALOG_PREDECESSORS;
    analog->query = calloc(queries * analog->grouped.channels, sizeof *analog->query);
    analog->product = calloc(queries * ANALOG_BLOCK_ROWS, sizeof *analog->product);
    analog->sum = calloc(ANALOG_BLOCK_ROWS, sizeof *analog->sum);
    analog->search = calloc(DETECTOR_BATCH_MAX, sizeof *analog->search);
    return analog->query && analog->product && analog->sum && analog->search
               ? 0
               : diag_errno(diag, ENOMEM, "scratch");
}

static int analog_load(struct detector *detector, const cJSON *config,
                       const struct safetensors *tensors, struct diag *diag)
{
    const struct derivation *derivation = detector->derivation;
    if (derivation->step_channel == DERIVED_NONE)
        return diag_set(diag, "analog needs \"derived\" with a \"step_channel\"");
    if (detector->window != ANALOG_WINDOW || detector->spacing != 1)
        return diag_set(diag, "analog has windows of %d rows", ANALOG_WINDOW);
    struct analog *analog = calloc(1, sizeof *analog);
    if (!analog)
        return diag_errno(diag, ENOMEM, "analog");
    detector->part.analog = analog;
    int r = load_options(analog, detector, config, diag);
    if (r == 0)
        r = load_floor(analog, detector->index, tensors, diag);
    if (r == 0)
        r = load_references(analog, detector, tensors, diag);
    return r < 0 ? r : make_scratch(analog, diag);
}

/* ---- scoring ---- */

static const float *row_of(const struct detector *detector, const float *window, size_t row)
{
    return window + row * detector->channels;
}

/* The place of the program step among those with enough reference rows; DERIVED_NONE: no such. */
static size_t step_of(const struct detector *detector, const float *window)
{
    const struct analog *analog = detector->part.analog;
    const float *newest = row_of(detector, window, ANALOG_WINDOW - 1);
    size_t step =
        derivation_step_index(detector->derivation, derivation_step(detector->derivation, newest));
    if (step == DERIVED_NONE ||
        analog->first[step + 1] - analog->first[step] < analog->neighbours + ANALOG_PREDECESSORS)
        return DERIVED_NONE;
    return step;
}

bool analog_spike(float before, float value, float after)
{
    float rise = value - before, fall = value - after;
    return fabsf(rise) > ANALOG_SPIKE && fabsf(fall) > ANALOG_SPIKE && (rise > 0) == (fall > 0);
}

/* Spikes of one row are taken out of the predecessors, as far as three rows show them: what stands
 * before the older one is not known, so one that the two rows after it contradict is a spike. */
static void fill_query(const struct detector *detector, const float *window, float *query)
{
    const struct analog *analog = detector->part.analog;
    const float *row[ANALOG_WINDOW];
    for (size_t w = 0; w < ANALOG_WINDOW; w++)
        row[w] = row_of(detector, window, w);
    for (size_t c = 0; c < analog->grouped.channels; c++) {
        size_t at = analog->grouped.channel[c];
        float scale = 1 / analog->floor[c];
        float older = row[0][at] * scale, newer = row[1][at] * scale, newest = row[2][at] * scale;
        if (analog_spike(older, newer, newest))
            newer = (older + newest) / 2;
        if (fabsf(older - newer) > ANALOG_SPIKE && fabsf(newer - newest) <= ANALOG_SPIKE)
            older = newer;
        query[c] = newer;
        query[analog->grouped.channels + c] = older;
    }
}

/* Inserts into a list that is sorted by rising distance and cut at `most`. */
static size_t keep_nearest(struct neighbour *list, size_t count, size_t most,
                           struct neighbour neighbour)
{
    size_t at = count < most ? count++ : count - 1;
    for (; at > 0 && list[at - 1].distance > neighbour.distance; at--)
        list[at] = list[at - 1];
    list[at] = neighbour;
    return count;
}

/* Rows of a step with which one product is made: [first, end) as predecessors of those up to end.
 */
struct block {
    size_t first, end;
};

/* Distances without the query's square, by the products: of each row that has its predecessors in
 * the block; ret_sum [rows]. A lane is every LANES-th row; ret_nearest is the least of each.
 * product: of the newest predecessor with the rows of the block, and of the older. */
static void find_sums(const float *base, const float *product, size_t used, size_t rows,
                      float *ret_sum, float ret_nearest[LANES])
{
    const float *newer = product + 1, *older = product + used;
    for (size_t lane = 0; lane < LANES; lane++)
        ret_nearest[lane] = INFINITY;
    size_t i = 0;
    for (; i + LANES <= rows; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            float sum = base[i + lane] - 2 * (newer[i + lane] + older[i + lane]);
            ret_sum[i + lane] = sum;
            ret_nearest[lane] = sum < ret_nearest[lane] ? sum : ret_nearest[lane];
        }
    }
    for (size_t lane = 0; i < rows; i++, lane++) {
        ret_sum[i] = base[i] - 2 * (newer[i] + older[i]);
        if (ret_sum[i] < ret_nearest[lane])
            ret_nearest[lane] = ret_sum[i];
    }
}

/* Something under which `least` lanes have their nearest row, and so `least` rows lie, but hardly
 * more than that: by halves, since only few steps are needed and none of them is a surprise to the
 * processor. INFINITY: there are not that many. */
static float find_bound(float nearest[LANES], size_t least)
{
    float low = INFINITY, high = -INFINITY;
    size_t finite = 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        if (!isfinite(nearest[lane])) { /* a product overflowed */
            nearest[lane] = INFINITY;
            continue;
        }
        low = nearest[lane] < low ? nearest[lane] : low;
        high = nearest[lane] > high ? nearest[lane] : high;
        finite++;
    }
    if (finite < least)
        return INFINITY;
    for (size_t count = finite, i = 0; i < HALVES && count > least + least / 8; i++) {
        float middle = low / 2 + high / 2;
        unsigned below = 0;
        for (size_t lane = 0; lane < LANES; lane++)
            below += nearest[lane] <= middle;
        if (below >= least) {
            high = middle;
            count = below;
        } else {
            low = middle;
        }
    }
    return high;
}

/* Four sums, which do not wait for each other, added up in one order everywhere. */
#define SUMS 4
static double measure(size_t channels, const float *newer, const float *older, const float *query)
{
    double sum[SUMS] = {0};
    const float *newest = query, *before = query + channels;
    size_t c = 0;
    for (; c + SUMS <= channels; c += SUMS) {
        for (size_t s = 0; s < SUMS; s++) {
            double a = (double)(newer[c + s] - newest[c + s]),
                   b = (double)(older[c + s] - before[c + s]);
            sum[s] += a * a + b * b;
        }
    }
    for (size_t s = 0; c < channels; c++, s++) {
        double a = (double)(newer[c] - newest[c]), b = (double)(older[c] - before[c]);
        sum[s] += a * a + b * b;
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* What a sum may be off by, near to that one. */
static float slack_of(const struct search *search, float sum)
{
    return SLACK * (search->square + fabsf(sum));
}

static void lower_bound(struct search *search, float sum)
{
    float bound = nextafterf(sum + slack_of(search, sum), INFINITY);
    if (bound < search->bound)
        search->bound = bound;
}

/* By distances that are summed in one order everywhere: which row is the last to count must not
 * hang on the kernel that BLAS chose, or on the windows beside this one. reference: of the step. */
static void measure_candidates(const struct analog *analog, const float *reference,
                               struct search *search)
{
    size_t channels = analog->grouped.channels;
    for (size_t i = 0; i < search->count; i++) {
        size_t row = search->candidate[i];
        const float *newer = reference + (row - 1) * channels;
        double distance = measure(channels, newer, newer - channels, search->query);
        if (!isfinite(distance)) /* or a mean weighed by it would be hidden by the clip */
            continue;
        if (search->found < analog->neighbours ||
            distance < search->nearest[search->found - 1].distance)
            search->found = keep_nearest(search->nearest, search->found, analog->neighbours,
                                         (struct neighbour){distance, row});
    }
    search->count = 0;
    if (search->found == analog->neighbours)
        lower_bound(search,
                    (float)(search->nearest[search->found - 1].distance - (double)search->square));
}

/* The rows of a block that are near enough. */
static void add_candidates(const struct analog *analog, size_t step, struct block block,
                           const float *product, struct search *search)
{
    size_t rows = analog->first[step + 1] - analog->first[step];
    size_t first = block.first + ANALOG_PREDECESSORS, end = block.end < rows ? block.end + 1 : rows;
    size_t count = end > first ? end - first : 0;
    const float *reference = analog->reference + analog->first[step] * analog->grouped.channels;
    float nearest[LANES];
    find_sums(analog->base + analog->first[step] + first, product, block.end - block.first, count,
              analog->sum, nearest);
    lower_bound(search, find_bound(nearest, analog->neighbours));
    for (size_t i = 0; i < count; i++) { /* without a branch that would be a surprise */
        search->candidate[search->count] = (uint32_t)(first + i);
        search->count += analog->sum[i] < search->bound;
        if (search->count == CANDIDATES_MAX)
            measure_candidates(analog, reference, search);
    }
}

/* For the queries of `count` windows. Blocks overlap by a row, which is the older predecessor of
 * the first row that the block before could not look at. */
static void find_neighbours(struct analog *analog, size_t step, size_t count)
{
    size_t rows = analog->first[step + 1] - analog->first[step], width = analog->grouped.channels;
    const float *reference = analog->reference + analog->first[step] * width;
    for (size_t i = 0; i < count; i++) {
        struct search *search = &analog->search[i];
        search->query = analog->query + i * ANALOG_PREDECESSORS * width;
        search->square = square_of(search->query, ANALOG_PREDECESSORS * width);
        search->bound = INFINITY;
        search->count = search->found = 0;
    }
    struct block block = {0};
    for (; block.end < rows; block.first = block.end - 1) {
        block.end = rows - block.first < ANALOG_BLOCK_ROWS ? rows : block.first + ANALOG_BLOCK_ROWS;
        size_t used = block.end - block.first;
        blas_multiply_transposed_b((struct blas_size){ANALOG_PREDECESSORS * count, used, width},
                                   analog->query, reference + block.first * width, false,
                                   analog->product);
        for (size_t i = 0; i < count; i++)
            add_candidates(analog, step, block, analog->product + i * ANALOG_PREDECESSORS * used,
                           &analog->search[i]);
    }
    for (size_t i = 0; i < count; i++)
        measure_candidates(analog, reference, &analog->search[i]);
}

/* What each counts: the nearer the more, so that between two phases of a movement the expectation
 * lies between them. A distance under one floor in all says nothing. Their sum is 1. */
static void weigh(const struct analog *analog, const struct neighbour *nearest, double *ret_weights)
{
    double sum = 0;
    for (size_t n = 0; n < analog->neighbours; n++) {
        ret_weights[n] = 1 / (nearest[n].distance + 1);
        sum += ret_weights[n];
    }
    for (size_t n = 0; n < analog->neighbours; n++)
        ret_weights[n] /= sum;
}

/* Fills z and expected. Neighbour by neighbour, along the channels: these are next to each other.
 */
static void judge(struct analog *analog, size_t step, const struct neighbour *nearest,
                  const float *newest)
{
    size_t channels = analog->grouped.channels;
    const float *reference = analog->reference + analog->first[step] * channels;
    double weight[ANALOG_NEIGHBOURS_MAX];
    double *restrict mean = analog->grouped.expected, *restrict variance = analog->grouped.z;
    weigh(analog, nearest, weight);
    memset(mean, 0, channels * sizeof *mean);
    memset(variance, 0, channels * sizeof *variance);
    for (size_t n = 0; n < analog->neighbours; n++) {
        const float *restrict row = reference + nearest[n].row * channels;
        for (size_t c = 0; c < channels; c++)
            mean[c] += weight[n] * (double)row[c];
    }
    for (size_t n = 0; n < analog->neighbours; n++) {
        const float *restrict row = reference + nearest[n].row * channels;
        for (size_t c = 0; c < channels; c++) {
            double d = (double)row[c] - mean[c];
            variance[c] += weight[n] * d * d;
        }
    }
    for (size_t c = 0; c < channels; c++) { /* in place */
        double floor = (double)analog->floor[c];
        double observed = (double)newest[analog->grouped.channel[c]] / floor;
        variance[c] = (observed - mean[c]) / sqrt(variance[c] + 1);
        mean[c] *= floor;
    }
}

/* Windows of one step: who [count] are their places among `windows`. */
static void score_step(struct detector *detector, size_t step, const float *const *windows,
                       const size_t *who, size_t count, double *ret_scores)
{
    struct analog *analog = detector->part.analog;
    size_t width = analog->grouped.channels;
    for (size_t i = 0; i < count; i++)
        fill_query(detector, windows[who[i]], analog->query + i * ANALOG_PREDECESSORS * width);
    find_neighbours(analog, step, count);
    for (size_t i = 0; i < count; i++) {
        const struct search *search = &analog->search[i];
        ret_scores[who[i]] = (double)INFINITY;
        if (search->found < analog->neighbours) /* a distance overflowed */
            continue;
        judge(analog, step, search->nearest, row_of(detector, windows[who[i]], ANALOG_WINDOW - 1));
        ret_scores[who[i]] = grouped_score(&analog->grouped);
    }
}

static void analog_score(struct detector *detector, const float *const *windows, size_t count,
                         double *ret_scores)
{
    size_t step[DETECTOR_BATCH_MAX], who[DETECTOR_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        step[i] = step_of(detector, windows[i]);
        ret_scores[i] = (double)NAN;
    }
    for (size_t i = 0; i < count; i++) {
        if (step[i] == DERIVED_NONE)
            continue;
        size_t present = step[i], used = 0;
        for (size_t j = i; j < count; j++) {
            if (step[j] != present)
                continue;
            who[used++] = j;
            step[j] = DERIVED_NONE;
        }
        score_step(detector, present, windows, who, used, ret_scores);
    }
}

static void analog_explain(struct detector *detector, const float *window,
                           struct deviation *ret_deviations)
{
    struct analog *analog = detector->part.analog;
    const float *newest = row_of(detector, window, ANALOG_WINDOW - 1);
    double score;
    analog_score(detector, &window, 1, &score);
    if (isfinite(score))
        grouped_explain(&analog->grouped, newest, detector->channels, ret_deviations);
    else
        grouped_explain_nothing(newest, detector->channels, ret_deviations);
}

const struct detector_kind analog_kind = {
    .name = "analog",
    .load = analog_load,
    .unload = analog_unload,
    .score = analog_score,
    .explain = analog_explain,
};

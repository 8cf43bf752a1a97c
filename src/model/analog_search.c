/*
 * The distance of reference row i to a sample is |r[i-1] - q1|^2 + |r[i-2] - q2|^2: the squares of
 * the references are known, those of the sample are the same for all, so one matrix product of the
 * step's rows with q1 and q2 remains. It is made in blocks of rows: a step may have any number of
 * them, and what a block comes to has to find room in the processor's cache.
 */
#include "model/analog_search.h"

#include "model/analog.h"
#include "nn/blas.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* Sums of floats say who may be among the neighbours: who is measured, in doubles. They are off by
 * a part of the squares that they are made of. */
#define SLACK 1e-5F
#define CANDIDATES_MAX 256 /* before they are measured */

#define LANES 128
#define HALVES 24

/* Of one window. */
struct analog_sought {
    const float *query; /* [2][channels] */
    float square;       /* of the query: sums lack it */
    float bound;        /* no sum from it on is of a neighbour */
    size_t count, found;
    uint32_t candidate[CANDIDATES_MAX]; /* [count] rows of the step, rising */
    /* [found] of the candidates before, the nearest first */
    struct analog_neighbour nearest[ANALOG_NEIGHBOURS_MAX];
};

float analog_square(const float *values, size_t count)
{
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return sum;
}

int analog_search_init(struct analog_search *search, size_t channels, size_t neighbours,
                       struct diag *diag)
{
    size_t queries = DETECTOR_BATCH_MAX * ANALOG_PREDECESSORS;
    *search = (struct analog_search){.channels = channels, .neighbours = neighbours};
    search->query = calloc(queries * channels, sizeof *search->query);
    search->product = calloc(queries * ANALOG_BLOCK_ROWS, sizeof *search->product);
    search->sum = calloc(ANALOG_BLOCK_ROWS, sizeof *search->sum);
    search->sought = calloc(DETECTOR_BATCH_MAX, sizeof *search->sought);
    return search->query && search->product && search->sum && search->sought
               ? 0
               : diag_errno(diag, ENOMEM, "scratch");
}

void analog_search_deinit(struct analog_search *search)
{
    free(search->query);
    free(search->product);
    free(search->sum);
    free(search->sought);
    *search = (struct analog_search){0};
}

float *analog_search_query(struct analog_search *search, size_t i)
{
    return search->query + i * ANALOG_PREDECESSORS * search->channels;
}

/* Inserts into a list that is sorted by rising distance and cut at `most`. */
static size_t keep_nearest(struct analog_neighbour *list, size_t count, size_t most,
                           struct analog_neighbour neighbour)
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
static float slack_of(const struct analog_sought *sought, float sum)
{
    return SLACK * (sought->square + fabsf(sum));
}

static void lower_bound(struct analog_sought *sought, float sum)
{
    float bound = nextafterf(sum + slack_of(sought, sum), INFINITY);
    if (bound < sought->bound)
        sought->bound = bound;
}

static void measure_candidates(const struct analog_search *search, const float *rows,
                               struct analog_sought *sought)
{
    size_t channels = search->channels;
    for (size_t i = 0; i < sought->count; i++) {
        size_t row = sought->candidate[i];
        const float *newer = rows + (row - 1) * channels;
        double distance = measure(channels, newer, newer - channels, sought->query);
        if (!isfinite(distance)) /* or a mean weighed by it would be hidden by the clip */
            continue;
        if (sought->found < search->neighbours ||
            distance < sought->nearest[sought->found - 1].distance)
            sought->found = keep_nearest(sought->nearest, sought->found, search->neighbours,
                                         (struct analog_neighbour){distance, row});
    }
    sought->count = 0;
    if (sought->found == search->neighbours)
        lower_bound(sought,
                    (float)(sought->nearest[sought->found - 1].distance - (double)sought->square));
}

/* The rows of a block that are near enough. */
static void add_candidates(const struct analog_search *search,
                           const struct analog_search_rows *among, struct block block,
                           const float *product, struct analog_sought *sought)
{
    size_t first = block.first + ANALOG_PREDECESSORS,
           end = block.end < among->count ? block.end + 1 : among->count,
           count = end > first ? end - first : 0;
    float nearest[LANES];
    find_sums(among->base + first, product, block.end - block.first, count, search->sum, nearest);
    lower_bound(sought, find_bound(nearest, search->neighbours));
    for (size_t i = 0; i < count; i++) { /* without a branch that would be a surprise */
        sought->candidate[sought->count] = (uint32_t)(first + i);
        sought->count += search->sum[i] < sought->bound;
        if (sought->count == CANDIDATES_MAX)
            measure_candidates(search, among->row, sought);
    }
}

/* Blocks overlap by a row, which is the older predecessor of the first row that the block before
 * could not look at. */
void analog_search_run(struct analog_search *search, const struct analog_search_rows *among,
                       size_t count)
{
    size_t rows = among->count, width = search->channels;
    for (size_t i = 0; i < count; i++) {
        struct analog_sought *sought = &search->sought[i];
        sought->query = analog_search_query(search, i);
        sought->square = analog_square(sought->query, ANALOG_PREDECESSORS * width);
        sought->bound = INFINITY;
        sought->count = sought->found = 0;
    }
    struct block block = {0};
    for (; block.end < rows; block.first = block.end - 1) {
        block.end = rows - block.first < ANALOG_BLOCK_ROWS ? rows : block.first + ANALOG_BLOCK_ROWS;
        size_t used = block.end - block.first;
        blas_multiply_transposed_b((struct blas_size){ANALOG_PREDECESSORS * count, used, width},
                                   search->query, among->row + block.first * width, false,
                                   search->product);
        for (size_t i = 0; i < count; i++)
            add_candidates(search, among, block, search->product + i * ANALOG_PREDECESSORS * used,
                           &search->sought[i]);
    }
    for (size_t i = 0; i < count; i++)
        measure_candidates(search, among->row, &search->sought[i]);
}

const struct analog_neighbour *analog_search_nearest(const struct analog_search *search, size_t i)
{
    const struct analog_sought *sought = &search->sought[i];
    return sought->found == search->neighbours ? sought->nearest : NULL;
}

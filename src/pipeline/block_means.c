#include "pipeline/block_means.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int block_means_init(struct block_means *means, size_t width, double block_s, double period_s)
{
    assert(width > 0 && block_s > 0);
    *means = (struct block_means){
        .block_s = block_s,
        .width = width,
        .sum = calloc(width, sizeof *means->sum),
        .known = calloc(width, sizeof *means->known),
        .mean = calloc(width, sizeof *means->mean),
    };
    if (!means->sum || !means->known || !means->mean) {
        block_means_deinit(means);
        return -ENOMEM;
    }
    block_means_restart(means, period_s);
    return 0;
}

void block_means_deinit(struct block_means *means)
{
    free(means->sum);
    free(means->known);
    free(means->mean);
    *means = (struct block_means){0};
}

static void clear(struct block_means *means)
{
    memset(means->sum, 0, means->width * sizeof *means->sum);
    memset(means->known, 0, means->width * sizeof *means->known);
    means->in_block = 0;
}

void block_means_restart(struct block_means *means, double period_s)
{
    assert(period_s > 0);
    double full = round(means->block_s / period_s);
    means->full = full > 1 ? (size_t)full : 1;
    clear(means);
}

bool block_means_end(struct block_means *means)
{
    bool counts = means->in_block > 0 && 2 * means->in_block >= means->full;
    for (size_t i = 0; counts && i < means->width; i++) {
        size_t known = means->known[i];
        means->mean[i] =
            known > 0 && 2 * known >= means->full ? means->sum[i] / (double)known : (double)NAN;
    }
    clear(means);
    return counts;
}

/* Returns true if a block has ended before what is pushed now. */
static bool begin_push(struct block_means *means, int64_t time_ns)
{
    double step_s = ((double)time_ns - (double)means->time_ns) / 1e9;
    means->time_ns = time_ns;
    return means->in_block > 0 && (step_s < 0 || step_s > means->block_s) && block_means_end(means);
}

static void take(struct block_means *means, size_t i, double value)
{
    if (isnan(value))
        return;
    means->sum[i] += value;
    means->known[i]++;
}

/* A block of one push is never being filled, so two cannot end at once. */
static bool end_push(struct block_means *means, bool ended)
{
    return ++means->in_block == means->full ? block_means_end(means) : ended;
}

bool block_means_push(struct block_means *means, int64_t time_ns, const double *values)
{
    bool ended = begin_push(means, time_ns);
    for (size_t i = 0; i < means->width; i++)
        take(means, i, values[i]);
    return end_push(means, ended);
}

bool block_means_push_floats(struct block_means *means, int64_t time_ns, const float *values)
{
    bool ended = begin_push(means, time_ns);
    for (size_t i = 0; i < means->width; i++)
        take(means, i, (double)values[i]);
    return end_push(means, ended);
}

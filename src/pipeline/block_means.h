/*
 * block_means: means of some values over blocks of evaluated time.
 *
 * A block is full after block_s of evaluated time, however long it took to come by; a step back in
 * time, a gap of over block_s or block_means_end ends it early. Such a block counts if it is at
 * least half full, and so does each value in it: what is not known is a NAN. Thread: one at a time.
 */
#ifndef ARMWATCH_PIPELINE_BLOCK_MEANS_H
#define ARMWATCH_PIPELINE_BLOCK_MEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_means {
    double block_s;
    size_t width;
    size_t full;     /* pushes in a full block */
    size_t in_block; /* pushes in the one being filled */
    int64_t time_ns; /* of the newest */
    double *sum;     /* [width] */
    uint32_t *known; /* [width] values in sum */
    double *mean;    /* [width] of the block that ended last; NAN: not known in half of it */
};

/* period_s: from one push to the next. Errors: -ENOMEM. */
int block_means_init(struct block_means *means, size_t width, double block_s, double period_s);
void block_means_deinit(struct block_means *means); /* also of zeros */
/* Drops the block that is being filled; pushes come at another period from now on. */
void block_means_restart(struct block_means *means, double period_s);

/* values [width], finite or NAN. Returns true if a block has ended that counts: then means->mean is
 * new. */
bool block_means_push(struct block_means *means, int64_t time_ns, const double *values);
bool block_means_push_floats(struct block_means *means, int64_t time_ns, const float *values);
/* Ends the block that is being filled; the same. */
bool block_means_end(struct block_means *means);

#endif

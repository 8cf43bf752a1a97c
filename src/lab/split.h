/*
 * split: which windows of which sessions train, which choose the epoch, which calibrate.
 *
 * Sessions are kept whole where there are at least three; a single one is cut into contiguous
 * blocks with gaps, never at random: neighbouring windows share rows. A window never spans a hole,
 * a gap in time or a border between sessions.
 */
#ifndef ARMWATCH_LAB_SPLIT_H
#define ARMWATCH_LAB_SPLIT_H

#include "base/diag.h"
#include "lab/recording.h"

#include <stddef.h>

enum split_part { SPLIT_TRAINING, SPLIT_HELD_OUT, SPLIT_CALIBRATION, SPLIT_PARTS };

/* A stretch of one session. */
struct split_block {
    size_t session;
    size_t first, end; /* rows [first, end) */
    enum split_part part;
};

struct split {
    size_t count;
    struct split_block *block;
};

/* Shares of the rows: 70 % training, 10 % held out, 20 % calibration. gap_rows lie between two
 * blocks of a session. Memory: split_deinit. Errors: -EINVAL too few rows; -ENOMEM. */
int split_make(struct recording *const *sessions, size_t count, size_t gap_rows,
               struct split *ret_split, struct diag *diag);
void split_deinit(struct split *split);

/* Rows of one part. */
size_t split_rows(const struct split *split, enum split_part part);

/* The row belongs to a window with the row before it: both are valid and at most 1.5 periods apart.
 */
bool split_continues(const struct recording *recording, size_t row, double period_s);

/* The last rows of all windows of a part, as indices into the sessions put one after the other:
 * ret_ends is allocated. Rows belong together if both are valid and at most 1.5 periods apart.
 * Errors: -ENOMEM. */
struct split_windows {
    struct recording *const *sessions;
    double period_s;
    size_t span; /* rows of a window from the oldest to the newest */
};
int split_collect(const struct split *split, enum split_part part,
                  const struct split_windows *windows, size_t **ret_ends, size_t *ret_count);

#endif

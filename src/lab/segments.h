/*
 * segments: where the program steps of some sessions begin and end.
 *
 * A segment is a run of rows of one program step without a hole or a gap in time. Sessions have the
 * derived channels filled in.
 */
#ifndef ARMWATCH_LAB_SEGMENTS_H
#define ARMWATCH_LAB_SEGMENTS_H

#include "base/diag.h"
#include "lab/recording.h"
#include "lab/split.h"
#include "model/derived.h"

#include <stdbool.h>
#include <stddef.h>

struct segment {
    size_t session;
    size_t first, end; /* rows [first, end) of the session */
    int step;
    bool begins, ends; /* the step was seen to change there: it is whole if both */
    bool split;        /* it does not lie in one part of the split whole; `part` is of no meaning */
    enum split_part part;
};

struct segments {
    size_t count;
    struct segment *item; /* in the order of sessions and rows */
};

struct segments_source {
    struct recording *const *sessions;
    size_t count;
    const struct split *split; /* NULL: every row belongs to SPLIT_TRAINING */
    const struct derivation *derivation;
    double period_s;
};

/* Empty without a step channel. Memory: segments_deinit. Errors: -ENOMEM. */
int segments_find(const struct segments_source *source, struct segments *ret_segments,
                  struct diag *diag);
void segments_deinit(struct segments *segments);

#endif

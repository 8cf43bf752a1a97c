/*
 * evidence_ring: the newest samples of one robot as they came, what was derived of them, and the
 * scores that they got: what an evidence pack is cut from.
 *
 * Rows are numbered from 0 in the order in which they came, and the oldest are overwritten. A row
 * that was pushed is complete but for its scores, which come when the scorer has them. Pushing
 * copies a row and allocates nothing. Thread: one at a time.
 */
#ifndef ARMWATCH_PIPELINE_EVIDENCE_RING_H
#define ARMWATCH_PIPELINE_EVIDENCE_RING_H

#include "pipeline/score.h"

#include <stddef.h>
#include <stdint.h>

/* Why a row is in no window, in the place of evidence_row.window. */
enum evidence_standing {
    EVIDENCE_SENSOR_FAULT = -1,  /* readings stand still while the arm moves */
    EVIDENCE_STOPPED = -2,       /* everything stands still */
    EVIDENCE_NOT_EVALUATED = -3, /* the gate is not open */
};

struct evidence_row {
    int64_t time_ns; /* sample time */
    uint64_t seq;    /* or its number by arrival: as its score will have it */
    int32_t window;  /* rows up to this one that may stand together in a window; or why none may */
};

#define EVIDENCE_RING_SLACK 16 /* rows that may come while somebody is about to look */

struct evidence_ring {
    size_t channels, derived, detectors; /* of a row: of a sample, behind it, scores of it */
    size_t before, after;                /* rows that a pack has around the one that it is about */
    size_t capacity;
    uint64_t end;  /* number of the next row; those from evidence_ring_oldest on are there */
    size_t place;  /* of the next row in the arrays */
    uint64_t next; /* scores are of rows from here on: they come in order */
    struct evidence_row *row; /* [capacity] */
    float *values;            /* [capacity][channels + derived] */
    float *scores;            /* [capacity][detectors]; NAN: none */
};

/* What one for this model takes, in bytes. before_s and after_s at its nominal sample period; the
 * rows that the first window reaches back are there, too. */
size_t evidence_ring_size(const struct model *model, double before_s, double after_s);
/* Errors: NULL when memory is out. Memory: one block, evidence_ring_free (NULL is allowed). */
struct evidence_ring *evidence_ring_new(const struct model *model, double before_s, double after_s);
void evidence_ring_free(struct evidence_ring *ring);

/* The values of a sample, [channels], before anything is done to them; they count only after
 * evidence_ring_push. */
void evidence_ring_take(struct evidence_ring *ring, const float *sample);
/* What was taken is a row. completed: [channels + derived], of which the derived ones are kept;
 * NULL: nothing was derived. */
void evidence_ring_push(struct evidence_ring *ring, const struct evidence_row *row,
                        const float *completed);
/* The scores of a row, found by time and number. False: it is not there (any more). */
bool evidence_ring_score(struct evidence_ring *ring, const struct score *score, uint64_t *ret_row);

uint64_t evidence_ring_oldest(const struct evidence_ring *ring);
/* Of rows that are there. */
const struct evidence_row *evidence_ring_row(const struct evidence_ring *ring, uint64_t number);
const float *evidence_ring_values(const struct evidence_ring *ring, uint64_t number);
const float *evidence_ring_scores(const struct evidence_ring *ring, uint64_t number);

#endif

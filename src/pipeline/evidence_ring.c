#include "pipeline/evidence_ring.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 1e7 /* so that nothing overflows; memory ends long before */

static size_t rows_of(double seconds, double period_s)
{
    return (size_t)fmin(ceil(seconds / period_s - 1e-9), ROWS_MAX);
}

static struct evidence_ring measure(const struct model *model, double before_s, double after_s)
{
    struct evidence_ring ring = {.channels = model->channels,
                                 .derived = model->width - model->channels,
                                 .detectors = model->detectors,
                                 .before = rows_of(before_s, model->period_s) + model->span - 1,
                                 .after = rows_of(after_s, model->period_s)};
    ring.capacity = ring.before + 1 + ring.after + EVIDENCE_RING_SLACK + 1;
    return ring;
}

static size_t row_size(const struct evidence_ring *ring)
{
    return sizeof *ring->row +
           (ring->channels + ring->derived + ring->detectors) * sizeof *ring->values;
}

size_t evidence_ring_size(const struct model *model, double before_s, double after_s)
{
    struct evidence_ring ring = measure(model, before_s, after_s);
    return sizeof ring + ring.capacity * row_size(&ring);
}

struct evidence_ring *evidence_ring_new(const struct model *model, double before_s, double after_s)
{
    struct evidence_ring *ring = malloc(evidence_ring_size(model, before_s, after_s));
    if (!ring)
        return NULL;
    *ring = measure(model, before_s, after_s);
    ring->row = (struct evidence_row *)(ring + 1);
    ring->values = (float *)(ring->row + ring->capacity);
    ring->scores = ring->values + ring->capacity * (ring->channels + ring->derived);
    return ring;
}

void evidence_ring_free(struct evidence_ring *ring)
{
    free(ring);
}

/* Of a row that is there, or of the next one; a division would take longer than the copy. */
static size_t place(const struct evidence_ring *ring, uint64_t number)
{
    size_t back = (size_t)(ring->end - number);
    return ring->place >= back ? ring->place - back : ring->place + ring->capacity - back;
}

static float *values_at(const struct evidence_ring *ring, uint64_t number)
{
    return ring->values + place(ring, number) * (ring->channels + ring->derived);
}

static float *scores_at(const struct evidence_ring *ring, uint64_t number)
{
    return ring->scores + place(ring, number) * ring->detectors;
}

void evidence_ring_take(struct evidence_ring *ring, const float *sample)
{
    memcpy(values_at(ring, ring->end), sample, ring->channels * sizeof *sample);
}

void evidence_ring_push(struct evidence_ring *ring, const struct evidence_row *row,
                        const float *completed)
{
    float *derived = values_at(ring, ring->end) + ring->channels;
    float *scores = scores_at(ring, ring->end);
    for (size_t i = 0; i < ring->derived; i++)
        derived[i] = completed ? completed[ring->channels + i] : NAN;
    for (size_t d = 0; d < ring->detectors; d++)
        scores[d] = NAN;
    ring->row[ring->place] = *row;
    ring->end++;
    ring->place = ring->place + 1 < ring->capacity ? ring->place + 1 : 0;
}

uint64_t evidence_ring_oldest(const struct evidence_ring *ring)
{
    /* The place of the next row may hold a sample already. */
    return ring->end >= ring->capacity ? ring->end + 1 - ring->capacity : 0;
}

bool evidence_ring_score(struct evidence_ring *ring, const struct score *score, uint64_t *ret_row)
{
    uint64_t oldest = evidence_ring_oldest(ring);
    assert(score->detectors == ring->detectors);
    for (uint64_t n = ring->next > oldest ? ring->next : oldest; n < ring->end; n++) {
        const struct evidence_row *row = evidence_ring_row(ring, n);
        if (row->time_ns != score->time_ns || row->seq != score->seq || row->window <= 0)
            continue;
        float *scores = scores_at(ring, n);
        for (size_t d = 0; d < ring->detectors; d++)
            scores[d] = score->detector[d].evaluated ? (float)score->detector[d].score : NAN;
        ring->next = n + 1;
        *ret_row = n;
        return true;
    }
    return false;
}

const struct evidence_row *evidence_ring_row(const struct evidence_ring *ring, uint64_t number)
{
    return &ring->row[place(ring, number)];
}

const float *evidence_ring_values(const struct evidence_ring *ring, uint64_t number)
{
    return values_at(ring, number);
}

const float *evidence_ring_scores(const struct evidence_ring *ring, uint64_t number)
{
    return scores_at(ring, number);
}

#include "lab/segments.h"

#include <errno.h>
#include <stdlib.h>

static int append(struct segments *segments, size_t *capacity, const struct segment *segment)
{
    if (segments->count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        struct segment *item = reallocarray(segments->item, *capacity, sizeof *item);
        if (!item)
            return -ENOMEM;
        segments->item = item;
    }
    segments->item[segments->count++] = *segment;
    return 0;
}

/* The part of the split that holds all of it. */
static void find_part(const struct split *split, struct segment *segment)
{
    segment->part = SPLIT_TRAINING;
    if (!split)
        return;
    segment->split = true;
    for (size_t b = 0; b < split->count; b++) {
        const struct split_block *block = &split->block[b];
        if (block->session != segment->session || block->first > segment->first ||
            block->end < segment->end)
            continue;
        segment->split = false;
        segment->part = block->part;
        return;
    }
}

static int search_session(const struct segments_source *source, size_t number,
                          struct segments *segments, size_t *capacity)
{
    const struct recording *session = source->sessions[number];
    struct segment open = {.session = number, .step = -1};
    for (size_t i = 0; i <= session->rows; i++) {
        bool valid = i < session->rows && session->valid[i];
        int step =
            valid ? derivation_step(source->derivation, session->values + i * session->channels)
                  : -1;
        bool joined = valid && i > 0 && split_continues(session, i, source->period_s);
        if (joined && step == open.step)
            continue;
        bool changed = joined && step >= 0 && open.step >= 0;
        open.end = i;
        open.ends = changed;
        if (open.step >= 0) {
            find_part(source->split, &open);
            int r = append(segments, capacity, &open);
            if (r < 0)
                return r;
        }
        open = (struct segment){.session = number, .first = i, .step = step, .begins = changed};
    }
    return 0;
}

int segments_find(const struct segments_source *source, struct segments *ret_segments,
                  struct diag *diag)
{
    size_t capacity = 0;
    int r = 0;
    *ret_segments = (struct segments){0};
    if (source->derivation->step_channel == DERIVED_NONE)
        return 0;
    for (size_t s = 0; r == 0 && s < source->count; s++)
        r = search_session(source, s, ret_segments, &capacity);
    if (r < 0) {
        segments_deinit(ret_segments);
        diag_errno(diag, r, "program steps");
    }
    return r;
}

void segments_deinit(struct segments *segments)
{
    free(segments->item);
    *segments = (struct segments){0};
}

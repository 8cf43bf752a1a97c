#include "lab/split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRAINING_SHARE 0.7
#define HELD_OUT_SHARE 0.1
#define SESSIONS_WHOLE 3 /* from so many on, a session is in one part only */

static size_t rows_of(struct recording *const *sessions, size_t count)
{
    size_t rows = 0;
    for (size_t s = 0; s < count; s++)
        rows += sessions[s]->rows;
    return rows;
}

/* Each part gets at least one session; the rest goes to training until it has its share. */
static void assign_whole(struct recording *const *sessions, size_t count, struct split *split)
{
    size_t calibration = count / 5 > 0 ? count / 5 : 1;
    size_t held_out = count / 10 > 0 ? count / 10 : 1;
    for (size_t s = 0; s < count; s++) {
        enum split_part part = s >= count - calibration              ? SPLIT_CALIBRATION
                               : s >= count - calibration - held_out ? SPLIT_HELD_OUT
                                                                     : SPLIT_TRAINING;
        split->block[split->count++] =
            (struct split_block){.session = s, .end = sessions[s]->rows, .part = part};
    }
}

/* Every session is cut in the same shares, so that each part has seen each session. */
static int cut_each(struct recording *const *sessions, size_t count, size_t gap_rows,
                    struct split *split, struct diag *diag)
{
    for (size_t s = 0; s < count; s++) {
        size_t rows = sessions[s]->rows;
        if (rows < 10 * (gap_rows + 1))
            return diag_set(diag, "%zu rows are too few to train on: at least %zu are needed", rows,
                            10 * (gap_rows + 1));
        size_t usable = rows - 2 * gap_rows;
        size_t training = (size_t)(TRAINING_SHARE * (double)usable);
        size_t held_out = training + gap_rows + (size_t)(HELD_OUT_SHARE * (double)usable);
        const struct split_block blocks[] = {
            {s, 0, training, SPLIT_TRAINING},
            {s, training + gap_rows, held_out, SPLIT_HELD_OUT},
            {s, held_out + gap_rows, rows, SPLIT_CALIBRATION},
        };
        memcpy(split->block + split->count, blocks, sizeof blocks);
        split->count += 3;
    }
    return 0;
}

int split_make(struct recording *const *sessions, size_t count, size_t gap_rows,
               struct split *ret_split, struct diag *diag)
{
    *ret_split = (struct split){.block = calloc(3 * count + 1, sizeof *ret_split->block)};
    if (!ret_split->block)
        return diag_errno(diag, ENOMEM, "split");
    if (rows_of(sessions, count) == 0)
        return diag_set(diag, "no rows");
    int r = 0;
    if (count >= SESSIONS_WHOLE)
        assign_whole(sessions, count, ret_split);
    else
        r = cut_each(sessions, count, gap_rows, ret_split, diag);
    if (r < 0)
        split_deinit(ret_split);
    return r;
}

void split_deinit(struct split *split)
{
    free(split->block);
    *split = (struct split){0};
}

size_t split_rows(const struct split *split, enum split_part part)
{
    size_t rows = 0;
    for (size_t b = 0; b < split->count; b++) {
        if (split->block[b].part == part)
            rows += split->block[b].end - split->block[b].first;
    }
    return rows;
}

/* Does row i continue the row before it? */
bool split_continues(const struct recording *recording, size_t i, double period_s)
{
    if (!recording->valid[i - 1])
        return false;
    if (!recording->time_ns)
        return true;
    double step_s = (double)(recording->time_ns[i] - recording->time_ns[i - 1]) / 1e9;
    return step_s > 0 && step_s <= 1.5 * period_s;
}

static size_t collect_block(const struct split_block *block, const struct split_windows *windows,
                            size_t offset, size_t *ends)
{
    const struct recording *recording = windows->sessions[block->session];
    size_t run = 0, count = 0;
    for (size_t i = block->first; i < block->end; i++) {
        bool joined = i > block->first && split_continues(recording, i, windows->period_s);
        run = !recording->valid[i] ? 0 : joined ? run + 1 : 1;
        if (run >= windows->span)
            ends[count++] = offset + i;
    }
    return count;
}

int split_collect(const struct split *split, enum split_part part,
                  const struct split_windows *windows, size_t **ret_ends, size_t *ret_count)
{
    size_t *ends = malloc((split_rows(split, part) + 1) * sizeof *ends);
    if (!ends)
        return -ENOMEM;
    size_t count = 0, offset = 0, session = 0;
    for (size_t b = 0; b < split->count; b++) {
        const struct split_block *block = &split->block[b];
        for (; session < block->session; session++)
            offset += windows->sessions[session]->rows;
        if (block->part == part)
            count += collect_block(block, windows, offset, ends + count);
    }
    *ret_ends = ends;
    *ret_count = count;
    return 0;
}

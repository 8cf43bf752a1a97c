/*
 * Rows go to the disk every few seconds: whatever ends the process, what is there can be read, and
 * little is lost. One file is one session, so a long pause begins another.
 */
#include "cli/record_rows.h"

#include "base/clock.h"
#include "lab/npy.h"
#include "lab/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_ROWS 2048

static bool is_stream(const struct record_rows *rows)
{
    return !strcmp(rows->series.path, "-");
}

/* Rows of the intake before `end` that are not on the disk yet. They are the first ones. */
static int put_rows(struct record_rows *rows, size_t first, size_t end, struct diag *diag)
{
    return first == end
               ? 0
               : record_series_put(&rows->series, rows->intake->recording, first, end, diag);
}

/* Everything, and the intake is empty again. `from`: the first row that is not on the disk. */
static int flush(struct record_rows *rows, size_t from, struct diag *diag)
{
    if (!rows->intake->recording)
        return 0;
    int r = put_rows(rows, from, rows->intake->recording->rows, diag);
    intake_drain(rows->intake);
    rows->seen = 0;
    rows->flushed_ns = clock_monotonic_ns();
    return r;
}

int record_rows_flush(struct record_rows *rows, struct diag *diag)
{
    return flush(rows, 0, diag);
}

static bool same_names(const struct recording *a, char *const *names, size_t count)
{
    bool same = a->channels == count;
    for (size_t c = 0; same && a->named && c < count; c++)
        same = !strcmp(a->names[c], names[c]);
    return same;
}

/* The rows of a file that was there count as if they had come now. */
static int count_before(struct record_rows *rows, size_t number, struct diag *diag)
{
    const struct recording_options how = {0};
    char *path = record_series_path(&rows->series, number);
    recording_free(rows->before);
    rows->before = NULL;
    int r = path ? recording_load(path, &how, &rows->before, diag)
                 : diag_errno(diag, ENOMEM, "%s", rows->series.path);
    const struct recording *before = rows->before;
    const struct recording *like = rows->intake->recording;
    if (r == 0 && !before->time_ns)
        r = diag_set(diag, "%s: it has no times: it cannot be gone on with", path);
    if (r == 0 && !same_names(before, like->names, like->channels))
        r = diag_set(diag, "%s: it has other channels than the samples (%zu, and %zu)", path,
                     before->channels, like->channels);
    for (size_t row = 0; r == 0 && row < before->rows; row++) {
        const float *values = before->values + row * before->channels;
        r = record_stats_push(&rows->stats, before->valid[row] ? values : NULL,
                              before->time_ns[row], row == 0);
    }
    record_stats_update(&rows->stats);
    free(path);
    return r;
}

static int write_columns(const struct record_rows *rows, struct diag *diag)
{
    const struct recording *like = rows->intake->recording;
    return rows->columns_out
               ? npy_write_strings(rows->columns_out, (const char *const *)like->names,
                                   like->channels, diag)
               : 0;
}

/* With the first row: the channels are known. A pause that is too short for a new session goes on
 * in the file that is there. */
static int open_first(struct record_rows *rows, int64_t time_ns, struct diag *diag)
{
    const struct recording *like = rows->intake->recording;
    int r = record_stats_init(&rows->stats, like->names, like->channels, rows->step_channel);
    for (size_t number = 1; r == 0 && number <= rows->series.files; number++)
        r = count_before(rows, number, diag);
    bool resumes = rows->before && !record_stats_is_border(&rows->stats, time_ns);
    if (r == 0 && resumes)
        resumes = record_series_resume(&rows->series, like, rows->before->rows, NULL) == 0;
    if (r == 0 && !resumes)
        r = record_series_next(&rows->series, like, diag);
    if (r == 0)
        r = write_columns(rows, diag);
    recording_free(rows->before);
    rows->before = NULL;
    return r < 0 ? r : resumes;
}

/* Returns whether the row begins a session, having opened its file. */
static int begin_file(struct record_rows *rows, size_t row, size_t *written, struct diag *diag)
{
    const struct recording *fresh = rows->intake->recording;
    if (!rows->series.file) {
        int r = open_first(rows, fresh->time_ns[row], diag);
        return r < 0 ? r : r == 0;
    }
    if (is_stream(rows) || !record_stats_is_border(&rows->stats, fresh->time_ns[row]))
        return 0;
    int r = put_rows(rows, *written, row, diag);
    *written = row;
    if (r == 0)
        r = record_series_next(&rows->series, fresh, diag);
    return r < 0 ? r : 1;
}

int record_rows_follow(struct record_rows *rows, struct diag *diag)
{
    const struct recording *fresh = rows->intake->recording;
    size_t written = 0;
    bool opened = false; /* a file without rows cannot be read */
    for (; fresh && rows->seen < fresh->rows; rows->seen++) {
        size_t row = rows->seen;
        int begins = begin_file(rows, row, &written, diag);
        if (begins < 0)
            return begins;
        opened |= begins > 0;
        const float *values = fresh->values + row * fresh->channels;
        int r = record_stats_push(&rows->stats, fresh->valid[row] ? values : NULL,
                                  fresh->time_ns[row], begins > 0);
        if (r < 0)
            return r;
    }
    if (fresh && (opened || written > 0 || fresh->rows >= FLUSH_ROWS))
        return flush(rows, written, diag);
    return 0;
}

void record_rows_deinit(struct record_rows *rows)
{
    record_series_close(&rows->series);
    record_stats_deinit(&rows->stats);
    recording_free(rows->before);
}

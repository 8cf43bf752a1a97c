#include "cli/record_series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 9999

static bool is_stream(const struct record_series *series)
{
    return !strcmp(series->path, "-");
}

/* "dir/normal.npy" -> "dir/normal-002.npy" */
char *record_series_path(const struct record_series *series, size_t number)
{
    char *path;
    const char *slash = strrchr(series->path, '/'), *dot = strrchr(series->path, '.');
    if (number <= 1)
        return strdup(series->path);
    if (!dot || (slash && dot < slash))
        dot = series->path + strlen(series->path);
    return asprintf(&path, "%.*s-%03zu%s", (int)(dot - series->path), series->path, number, dot) < 0
               ? NULL
               : path;
}

static int look_at(const struct record_series *series, size_t number, bool *ret_there,
                   struct diag *diag)
{
    struct stat st;
    char *path = record_series_path(series, number);
    if (!path)
        return diag_errno(diag, ENOMEM, "%s", series->path);
    *ret_there = lstat(path, &st) == 0;
    int r = *ret_there && !S_ISREG(st.st_mode) ? diag_set(diag, "%s: not a regular file", path) : 0;
    free(path);
    return r;
}

int record_series_find(struct record_series *series, const char *path, enum record_series_mode mode,
                       struct diag *diag)
{
    *series = (struct record_series){.path = path, .mode = mode};
    bool there = !is_stream(series);
    while (there && series->found < FILES_MAX) {
        int r = look_at(series, series->found + 1, &there, diag);
        if (r < 0)
            return r;
        series->found += there;
    }
    series->files = mode == RECORD_SERIES_APPEND ? series->found : 0;
    if (series->found == 0 || mode != RECORD_SERIES_NEW)
        return 0;
    diag_set(diag, "%s is there already: --append goes on with it, --force takes its place", path);
    return -EEXIST;
}

void record_series_close(struct record_series *series)
{
    recording_append_close(series->file);
    series->file = NULL;
}

static void remove_found(struct record_series *series)
{
    for (; series->found > 0; series->found--) {
        char *path = record_series_path(series, series->found), *time_path = NULL;
        size_t length = path ? strlen(path) : 0;
        if (path)
            unlink(path);
        if (length > 4 && !strcmp(path + length - 4, ".npy") &&
            asprintf(&time_path, "%.*s.time.npy", (int)length - 4, path) >= 0)
            unlink(time_path);
        free(time_path);
        free(path);
    }
}

int record_series_next(struct record_series *series, const struct recording *like,
                       struct diag *diag)
{
    record_series_close(series);
    if (series->mode == RECORD_SERIES_FORCE)
        remove_found(series);
    char *path = record_series_path(series, series->files + 1);
    if (!path)
        return diag_errno(diag, ENOMEM, "%s", series->path);
    int r = recording_append_create(path, like, &series->file, diag);
    if (r < 0)
        series->file = NULL;
    series->files += r == 0;
    free(path);
    return r;
}

int record_series_resume(struct record_series *series, const struct recording *like, size_t rows,
                         struct diag *diag)
{
    char *path = record_series_path(series, series->files);
    if (!path)
        return diag_errno(diag, ENOMEM, "%s", series->path);
    int r = recording_append_open(path, like, rows, &series->file, diag);
    if (r < 0)
        series->file = NULL;
    free(path);
    return r;
}

int record_series_put(struct record_series *series, const struct recording *rows, size_t first,
                      size_t end, struct diag *diag)
{
    return recording_append(series->file, rows, first, end, diag);
}

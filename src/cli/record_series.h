/*
 * record_series: the files of a recording: one for each session, because one file is one session
 * for every command that reads them.
 *
 * The first is FILE.npy, then come FILE-002.npy, FILE-003.npy, ... (.csv likewise); "-" is one
 * stream. Rows are on the disk when record_series_put returns.
 */
#ifndef ARMWATCH_CLI_RECORD_SERIES_H
#define ARMWATCH_CLI_RECORD_SERIES_H

#include "lab/recording_append.h"

enum record_series_mode {
    RECORD_SERIES_NEW,    /* what is there is never touched */
    RECORD_SERIES_APPEND, /* goes on after it */
    RECORD_SERIES_FORCE,  /* takes its place */
};

struct record_series {
    const char *path; /* borrowed */
    enum record_series_mode mode;
    size_t files; /* of the series: in use, or found by record_series_find */
    size_t found; /* before this run */
    struct recording_append *file;
};

/* Looks for files of the series. Errors: -EEXIST with the remedies in diag: mode NEW, and there is
 * one; -EINVAL no regular file. */
int record_series_find(struct record_series *series, const char *path, enum record_series_mode mode,
                       struct diag *diag);
void record_series_close(struct record_series *series);

/* Path of one of the files, from 1. Memory: the caller frees; NULL when memory is out. */
char *record_series_path(const struct record_series *series, size_t number);

/* Begins the next file; of mode FORCE the files before are removed with the first. Errors: as
 * recording_append_create. */
int record_series_next(struct record_series *series, const struct recording *like,
                       struct diag *diag);
/* Goes on with the last one that was found, of so many rows. Errors: as recording_append_open. */
int record_series_resume(struct record_series *series, const struct recording *like, size_t rows,
                         struct diag *diag);
int record_series_put(struct record_series *series, const struct recording *rows, size_t first,
                      size_t end, struct diag *diag);

#endif

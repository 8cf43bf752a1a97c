/*
 * record_rows: the rows of an intake on their way into the files and the statistics of a recording.
 *
 * The channels are known with the first row: then what was recorded before is read, if the series
 * goes on, and its last file or another is opened. A row that begins a session begins a file.
 * Thread: one; nothing is printed.
 */
#ifndef ARMWATCH_CLI_RECORD_ROWS_H
#define ARMWATCH_CLI_RECORD_ROWS_H

#include "base/diag.h"
#include "cli/intake.h"
#include "cli/record_series.h"
#include "cli/record_stats.h"

#include <stddef.h>
#include <stdint.h>

struct record_rows {
    struct intake *intake;       /* borrowed, like the next two */
    const char *step_channel;    /* that names the program step */
    const char *columns_out;     /* file for the names of the channels; NULL: none */
    struct record_series series; /* by record_series_find, before the first row */
    struct record_stats stats;   /* zeros before the first row */
    struct recording *before;    /* the last file that was found, until the first row has come */
    size_t seen;                 /* rows of the intake that are in the statistics */
    int64_t flushed_ns;          /* monotonic; when rows were written last */
};

/* After the intake has taken something: new rows go into the statistics, and to the disk where a
 * session begins or many wait. Errors: those of files, and -EINVAL files that cannot be gone on
 * with, with the reason in diag; -ENOMEM. Nothing may be called after one but record_rows_deinit.
 */
int record_rows_follow(struct record_rows *rows, struct diag *diag);

/* All rows are on the disk when it returns, and the intake is empty. Errors: as above. */
int record_rows_flush(struct record_rows *rows, struct diag *diag);

/* Also of zeros. */
void record_rows_deinit(struct record_rows *rows);

#endif

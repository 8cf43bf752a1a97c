/*
 * recording: samples of one session in memory, from and to .npy and CSV files.
 *
 * One file is one session. A row that is blank, NaN or unreadable in a channel that is used is a
 * hole: it is kept in its place, marked invalid, counted, and never part of a window. Memory: a
 * recording owns all of its arrays; recording_free accepts NULL.
 */
#ifndef ARMWATCH_LAB_RECORDING_H
#define ARMWATCH_LAB_RECORDING_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recording {
    size_t rows;
    size_t channels;
    char **names;         /* [channels]; generated as "channel_<i>" where the file has none */
    bool named;           /* false: the names were generated */
    float *values;        /* [rows][channels] in the units of the file; a hole's values are 0 */
    unsigned char *valid; /* [rows] 1 = measured, 0 = hole */
    int64_t *time_ns; /* [rows] since the Unix epoch, or NULL: rows are one sample period apart */
    int *label;       /* [rows] 0 = normal, else the file's number of the anomaly, or NULL */
    size_t holes;     /* rows with valid == 0 */
    size_t hole_row;  /* the first of them, counted from 0 in the data */
    char hole_reason[128];
    /* Worth a note: set by recording_load, for the whole file. */
    size_t late;        /* rows whose time is not after that of the row before */
    size_t late_row;    /* the first of them */
    char left_out[256]; /* columns that cannot be used, each with its reason, or "" */
};

/* How a file is to be read. All members may be 0. Lists end with NULL. */
struct recording_options {
    const char *columns_path; /* .npy of <U names (.npy data only) */
    const char *time_column;  /* CSV: name or 1-based position; default: a column named time,
                                 timestamp or t */
    const char *const *label_columns; /* label = any of them true or not 0; default: one named
                                         "anomaly" or "label" */
    const char *const *exclude; /* names to leave out; "*" at an end matches the rest of a name */
    bool strict;                /* a single hole is an error */
};

/* Reads a recording by its content: .npy (numbers, C order, 2-D, versions 1 to 3; of FILE.npy,
 * FILE.time.npy beside it is taken if it is there) or CSV (header row; "," ";" or tab; quotes).
 * path "-" is CSV on stdin. In CSV a column without a name or without a single number in it is left
 * out; blanks around names are removed; TRUE and FALSE are 1 and 0; a time without an offset is
 * UTC. A list of names may have one more than the .npy has columns if the last is "anomaly" or
 * "label". Labels are whole numbers: 0 is normal. A bad time or label makes a hole as a bad value
 * does. Memory: one float32 copy of the numbers and a small buffer, whatever a header says. Errors:
 * -EINVAL with file, row, column and remedy in diag: not a table, object or pickled array, Fortran
 * order, size that does not match, over 5 % holes or times that do not go on, no rows, a name in
 * the options that is no column; -ENOENT. */
int recording_load(const char *path, const struct recording_options *options,
                   struct recording **ret_recording, struct diag *diag);
void recording_free(struct recording *recording);

/* An empty recording of that many zeroed, valid rows with copies of the names; time and label are
 * allocated on demand. Returns NULL when memory is out. */
struct recording *recording_new(size_t rows, size_t channels, const char *const *names,
                                bool with_time, bool with_label);

/* A recording with exactly the named channels, in that order. Errors: -EINVAL naming the first that
 * is missing. */
int recording_select(const struct recording *recording, const char *const *names, size_t count,
                     struct recording **ret_recording, struct diag *diag);

/* Rows [first, end) as a recording of its own. Errors: -ENOMEM. */
int recording_cut(const struct recording *recording, size_t first, size_t end,
                  struct recording **ret_recording);

/* Writes values as .npy float64 [rows][channels] or, where path ends in ".csv" or is "-" (stdout),
 * as CSV with a column "time" (Unix seconds, to the microsecond) where there are times. Beside a
 * .npy, FILE.time.npy (float64 Unix seconds) is written where there are times. A hole is written as
 * NaN (a blank in CSV). Labels go to labels_path (.npy, int64 [rows]) if it is not NULL, and as a
 * last column named "anomaly" if label_column is set. */
struct recording_output {
    const char *path;
    const char *columns_path; /* or NULL: .npy of <U names, the label column included */
    const char *labels_path;  /* or NULL */
    bool label_column;
};
int recording_save(const struct recording *recording, const struct recording_output *output,
                   struct diag *diag);

#endif

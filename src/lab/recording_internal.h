/*
 * What the readers of the two formats share. Only for recording*.c.
 */
#ifndef ARMWATCH_LAB_RECORDING_INTERNAL_H
#define ARMWATCH_LAB_RECORDING_INTERNAL_H

#include "lab/recording.h"

#include <stdio.h>

/* What a column of a file is used for. */
enum column_role { COLUMN_CHANNEL, COLUMN_LABEL, COLUMN_TIME, COLUMN_UNUSED };

/* Gives each of `count` named columns its role under the options. The time column is the caller's.
 * Errors: -EINVAL: a column to exclude or with labels is asked for that is not there. */
int recording_assign_roles(const char *path, char *const *names, size_t count,
                           const struct recording_options *options, enum column_role *ret_roles,
                           struct diag *diag);

bool recording_is_excluded(const struct recording_options *options, const char *name);

/* Index of a name, or count. */
size_t recording_find_name(char *const *names, size_t count, const char *name);

/* Fills diag: `wanted` ("label column \"x\"") is not among the columns; returns -EINVAL. */
int recording_no_column(const char *path, char *const *names, size_t count, const char *wanted,
                        struct diag *diag);

/* Line breaks and the like in names become blanks, so that a message stays one line. Errors:
 * -EINVAL: not UTF-8. */
int recording_clean_names(const char *path, char **names, size_t count, struct diag *diag);

/* A label is a whole number from 0 to 1e9. */
bool recording_parse_label(double value, int *ret_label);

/* As recording_new with names that may be NULL: they are generated. */
struct recording *recording_allocate(size_t rows, size_t channels, bool with_time, bool with_label);

/* Makes the row a hole; the reason of the first is kept. */
void recording_add_hole(struct recording *recording, size_t row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What every recording must fulfil before it is handed out: rows, channels, no name twice, not too
 * many holes, times that go on. Counts the times that do not. */
int recording_check(const char *path, struct recording *recording, bool strict, struct diag *diag);

int recording_load_npy(const char *path, const struct recording_options *options,
                       struct recording **ret_recording, struct diag *diag);
int recording_load_csv(const char *path, const struct recording_options *options,
                       struct recording **ret_recording, struct diag *diag);

/* The header line of a CSV file, and its rows [first, end). */
void recording_put_csv_header(FILE *stream, const struct recording *recording, bool label_column);
void recording_put_csv_rows(FILE *stream, const struct recording *recording, size_t first,
                            size_t end, bool label_column);
/* Whether a path is written as CSV. */
bool recording_is_csv_path(const char *path);

/* "x.npy" -> "x.time.npy". The caller frees; NULL when memory is out. */
char *recording_time_path(const char *path);

#endif

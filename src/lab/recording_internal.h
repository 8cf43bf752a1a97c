/*
 * What the readers of the two formats share. Only for recording*.c.
 */
#ifndef ARMWATCH_LAB_RECORDING_INTERNAL_H
#define ARMWATCH_LAB_RECORDING_INTERNAL_H

#include "lab/recording.h"

/* What a column of a file is used for. */
enum column_role { COLUMN_CHANNEL, COLUMN_LABEL, COLUMN_TIME, COLUMN_UNUSED };

/* Gives each of `count` named columns its role under the options. The time column is the caller's.
 * Errors: -EINVAL: a label column is asked for that is not there. */
int recording_assign_labels(const char *path, char *const *names, size_t count,
                            const struct recording_options *options, enum column_role *ret_roles,
                            struct diag *diag);

/* Index of a name, or count. */
size_t recording_find_name(char *const *names, size_t count, const char *name);

/* As recording_new with names that may be NULL: they are generated. */
struct recording *recording_allocate(size_t rows, size_t channels, bool with_time, bool with_label);

/* A label as a whole number: what is not 0 never becomes 0. */
int recording_label_from(double value);

/* Makes the row a hole; the reason of the first is kept. */
void recording_add_hole(struct recording *recording, size_t row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What every recording must fulfil before it is handed out: rows, channels, no name twice, not too
 * many holes. */
int recording_check(const char *path, const struct recording *recording, bool strict,
                    struct diag *diag);

int recording_load_npy(const char *path, const struct recording_options *options,
                       struct recording **ret_recording, struct diag *diag);
int recording_load_csv(const char *path, const struct recording_options *options,
                       struct recording **ret_recording, struct diag *diag);

/* "x.npy" -> "x.time.npy". The caller frees; NULL when memory is out. */
char *recording_time_path(const char *path);

#endif

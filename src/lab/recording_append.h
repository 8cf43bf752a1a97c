/*
 * recording_append: a recording that is written while it comes in, and can be loaded at any moment.
 *
 * FILE.npy and FILE.time.npy grow by npy_append.h, FILE.csv by whole lines; "-" is CSV on stdout.
 * Whatever ends the process, what was there after the last recording_append is there. Thread: one.
 */
#ifndef ARMWATCH_LAB_RECORDING_APPEND_H
#define ARMWATCH_LAB_RECORDING_APPEND_H

#include "lab/recording.h"

struct recording_append;

/* A new recording with the channels of `like`; times are needed. Errors: -EEXIST: there is a file,
 * which is not touched; errnos. */
int recording_append_create(const char *path, const struct recording *like,
                            struct recording_append **ret_file, struct diag *diag);
/* Goes on with one of that many rows, as recording_load has found it. Errors: -EINVAL it was not
 * made by recording_append_create; errnos. */
int recording_append_open(const char *path, const struct recording *like, size_t rows,
                          struct recording_append **ret_file, struct diag *diag);
/* Rows [first, end), on the disk when it returns. Errors: errnos of write. */
int recording_append(struct recording_append *file, const struct recording *rows, size_t first,
                     size_t end, struct diag *diag);
void recording_append_close(struct recording_append *file); /* NULL is allowed */

#endif

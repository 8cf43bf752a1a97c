/*
 * npy_append: a table of float64 in a .npy file that grows, and can be read at any moment.
 *
 * The header has room for any number of rows and is written anew, in its place, after the rows that
 * it counts have been synchronised to the disk: a process that is killed, and a machine that loses
 * its power, leave a file with all rows up to the last npy_append_commit. What may follow them is
 * not read (npy_open, numpy.load) and cut off when the file is opened again. Thread: one.
 */
#ifndef ARMWATCH_LAB_NPY_APPEND_H
#define ARMWATCH_LAB_NPY_APPEND_H

#include "base/diag.h"

#include <stddef.h>

struct npy_append {
    int fd;
    size_t columns; /* 0: one dimension */
    size_t rows;    /* written; the header counts those of the last commit */
    char path[];
};

/* A new file. Errors: -EEXIST there is one, which is not touched; errnos of open and write. */
int npy_append_create(const char *path, size_t columns, struct npy_append **ret_file,
                      struct diag *diag);
/* One that was made by npy_append_create and has at least that many rows: goes on after them.
 * Errors: -EINVAL it is another file; errnos of open. */
int npy_append_open(const char *path, size_t columns, size_t rows, struct npy_append **ret_file,
                    struct diag *diag);

/* rows x columns items. Errors: errnos of write. */
int npy_append(struct npy_append *file, const double *items, size_t rows, struct diag *diag);
/* Puts the rows on the disk. */
int npy_append_sync(struct npy_append *file, struct diag *diag);
/* The header counts all rows from now on; after npy_append_sync. */
int npy_append_commit(struct npy_append *file, struct diag *diag);
/* NULL is allowed. */
void npy_append_close(struct npy_append *file);

#endif

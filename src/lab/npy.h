/*
 * npy: NumPy's array file format, versions 1 to 3, read and written as a stream.
 *
 * Only what a table of samples needs: one or two dimensions, C order, little endian, float32 and
 * float64, integers and booleans, and <U strings for names. The header is parsed as the literal
 * that NumPy writes; nothing is evaluated and no pickle is ever opened. The size of the file must
 * be exactly what the header says, and is checked before anything is allocated. Only a file that
 * grows (npy_append.h) may have more: rows that its header does not count yet.
 *
 * Source: NEP 1 and numpy/lib/format.py.
 */
#ifndef ARMWATCH_LAB_NPY_H
#define ARMWATCH_LAB_NPY_H

#include "base/diag.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define NPY_MAX_STRING 1024    /* characters of one name */
#define NPY_GROWING_HEADER 256 /* bytes before the data of a file that grows; others have 128 */

struct npy {
    char *path;
    FILE *stream;
    char kind; /* 'f' float, 'i' and 'u' integer, 'b' bool, 'U' string */
    size_t item_size;
    size_t dimensions; /* 1 or 2 */
    size_t rows;
    size_t columns; /* 1 where there is one dimension */
    size_t left;    /* items not yet read */
    bool growing;   /* made by npy_append.h: what follows the rows of the header is not read */
};

/* Opens a regular file and reads its header. Memory: npy_close(*ret_npy), which accepts NULL.
 * Errors: -EINVAL with what was found and the remedy in diag; errnos of open. */
int npy_open(const char *path, struct npy **ret_npy, struct diag *diag);
void npy_close(struct npy *npy);

/* The next `count` items as doubles, whatever numeric type they have in the file (an int64 over
 * 2^53 is rounded). Errors: -EINVAL for strings, or more than npy->left; -EIO. */
int npy_read_numbers(struct npy *npy, size_t count, double *ret_values, struct diag *diag);

/* All strings of a one-dimensional <U array, as UTF-8. Memory: the caller frees each and the
 * array. */
int npy_read_strings(struct npy *npy, char ***ret_strings, size_t *ret_count, struct diag *diag);

enum npy_type { NPY_FLOAT64, NPY_INT64 };

/* Writing: npy_create, npy_put until rows * columns items are written, then npy_commit; the file
 * appears whole or not at all. columns 0 makes one dimension. npy_commit frees the writer on
 * success and on failure; npy_discard removes what was written and accepts NULL. */
struct npy_writer;
int npy_create(const char *path, enum npy_type type, size_t rows, size_t columns,
               struct npy_writer **ret_writer, struct diag *diag);
/* Items of the type of the file: double or int64_t. Errors are kept for npy_commit. */
void npy_put(struct npy_writer *writer, const void *items, size_t count);
int npy_commit(struct npy_writer *writer, struct diag *diag);
void npy_discard(struct npy_writer *writer);

/* A one-dimensional <U array of UTF-8 strings. */
int npy_write_strings(const char *path, const char *const *strings, size_t count,
                      struct diag *diag);

#endif

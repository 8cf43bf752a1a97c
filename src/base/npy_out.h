/*
 * npy_out: what NumPy's .npy files begin with, and tables of names, for those who write them.
 *
 * Format version 1.0, C order. Errors of writing are the stream's. Thread: any.
 * Source: NEP 1 and numpy/lib/format.py.
 */
#ifndef ARMWATCH_BASE_NPY_OUT_H
#define ARMWATCH_BASE_NPY_OUT_H

#include <stddef.h>
#include <stdio.h>

/* descr: "<f4"; the data begin on a multiple of 64 bytes. columns 0 makes one dimension. */
void npy_out_header(FILE *stream, const char *descr, size_t rows, size_t columns);

/* Characters of a UTF-8 text; what is not UTF-8 counts byte by byte. */
size_t npy_out_characters(const char *text);

/* A whole file: a one-dimensional <U array. */
void npy_out_strings(FILE *stream, const char *const *strings, size_t count);

#endif

/*
 * npy_header: the header of a .npy file, which is a Python dictionary, read as the literal that
 * NumPy writes and nothing else.
 */
#ifndef ARMWATCH_LAB_NPY_HEADER_H
#define ARMWATCH_LAB_NPY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

struct npy_header {
    char descr[32]; /* "[" for a structured type, whose description is not read */
    bool fortran;
    size_t shape[2]; /* of the first two dimensions */
    size_t dimensions;
};

/* False unless all three keys are there once, with values of their type, and nothing else. */
bool npy_header_parse(const char *text, size_t length, struct npy_header *ret_header);

#endif

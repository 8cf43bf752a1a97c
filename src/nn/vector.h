/*
 * vector: elementwise work on contiguous arrays, and the arrays themselves.
 *
 * Memory: vector_new gives zeroed, 64-byte aligned memory: alignment decides the order in which
 * kernels add, so equal alignment is part of getting equal results. Thread: none of its own.
 */
#ifndef ARMWATCH_NN_VECTOR_H
#define ARMWATCH_NN_VECTOR_H

#include "nn/real.h"

#include <stddef.h>

/* Compiles a function once per instruction set and lets the loader choose: distribution builds are
 * SSE2 otherwise. Not under sanitizers, whose run-time is not up yet when the choice is made, and
 * not with old clangs, which give the chooser a name of its own. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) &&             \
    !defined(__SANITIZE_THREAD__) && (!defined(__clang__) || __clang_major__ >= 18)
#define NN_VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define NN_VECTORISED
#endif

/* Before a loop whose rounds touch only their own element, so that x and y may be the same array.
 */
#ifdef __clang__
#define NN_ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")
#else
#define NN_ELEMENTWISE _Pragma("GCC ivdep")
#endif

real *vector_new(size_t count); /* NULL when memory is out; free with free() */
void vector_fill(size_t count, real value, real *ret_y);
void vector_copy(size_t count, const real *x, real *ret_y);               /* no overlap */
void vector_add_scaled(size_t count, real scale, const real *x, real *y); /* y += scale x */
void vector_scale(size_t count, real scale, real *y);

/* Sums in double. */
double vector_sum(size_t count, const real *x);
double vector_sum_squares(size_t count, const real *x);
double vector_dot(size_t count, const real *x, const real *y);

/* Scales y so that its Euclidean norm is at most limit; returns the norm it had. */
double vector_clip_norm(size_t count, double limit, real *y);

/* 1 / (1 + e^-x), in place or not; at most 3 units in the last place from exact, NaN stays NaN. */
void vector_sigmoid(size_t count, const real *x, real *ret_y);

/* y[rows][columns] += row[columns] in every row; and its transpose, ret_row[columns] += the sum
 * over rows. */
void vector_add_row(size_t rows, size_t columns, const real *row, real *y);
void vector_add_column_sums(size_t rows, size_t columns, const real *x, real *ret_row);

#endif

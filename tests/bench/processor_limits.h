/*
 * processor_limits: what this processor can do at most, measured beside what is held against it.
 *
 * By the widest vectors it has; the compiler's choice for distributions (SSE2) is no limit.
 */
#ifndef ARMWATCH_BENCH_PROCESSOR_LIMITS_H
#define ARMWATCH_BENCH_PROCESSOR_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

/* Without AVX2 nothing is measured here. */
bool limits_known(void);

/* Reads the values once; returns a sum of them all. 64-byte aligned; count is rounded down to a
 * multiple of 128. */
float limits_read(size_t count, const float *values);

/* rounds of multiplying and adding in registers; returns the floating-point operations, and a
 * result, so that nothing is left out. */
size_t limits_multiply_add(size_t rounds, float *ret_sum);

#endif

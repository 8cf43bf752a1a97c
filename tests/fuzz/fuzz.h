/*
 * fuzz: what the fuzz targets share.
 *
 * A target is one function of libFuzzer's interface. It is linked with libFuzzer, which makes
 * inputs up, or with replay.c, which gives it the files of its corpus. What it finds wrong aborts.
 */
#ifndef ARMWATCH_TESTS_FUZZ_H
#define ARMWATCH_TESTS_FUZZ_H

#include "base/diag.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* A refusal says why: one line of valid UTF-8. */
void fuzz_check_refusal(int result, const struct diag *diag);

/* A copy that ends with NUL. The caller frees it. */
char *fuzz_text(const uint8_t *data, size_t size);

/* The bytes as a regular file; its path is valid until the next call. */
const char *fuzz_file(const void *data, size_t size);

/* What a writer of files is given to write to: a path that ends in ".csv". Then fuzz_written takes
 * what was written there, which must not be more than FUZZ_WRITTEN_MAX, and removes it. The caller
 * frees *ret_data. */
#define FUZZ_WRITTEN_MAX ((size_t)1 << 20)
const char *fuzz_sink(void);
void fuzz_written(void **ret_data, size_t *ret_size);

#endif

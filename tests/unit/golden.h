/*
 * golden: expected values from other implementations, as tests/golden holds them.
 */
#ifndef ARMWATCH_TESTS_GOLDEN_H
#define ARMWATCH_TESTS_GOLDEN_H

#include "base/file.h"
#include "model/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline void expect_near_at(const char *file, int line, double found, double expected,
                                  double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) {
        print_error("%s:%d: %.12g, expected %.12g within %g\n", file, line, found, expected,
                    tolerance);
        fail();
    }
}
#define expect_near(found, expected, tolerance)                                                    \
    expect_near_at(__FILE__, __LINE__, found, expected, tolerance)

struct golden {
    void *bytes;
    struct safetensors *file;
};

static inline struct golden golden_open(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", GOLDEN_DIR, name);
    struct diag diag = DIAG_INIT;
    struct golden golden = {0};
    size_t size;
    if (file_read(path, (size_t)16 << 20, &golden.bytes, &size, &diag) < 0 ||
        safetensors_parse(golden.bytes, size, &golden.file, &diag) < 0)
        fail_msg("%s: %s", path, diag.text);
    return golden;
}

static inline void golden_close(struct golden *golden)
{
    safetensors_free(golden->file);
    free(golden->bytes);
}

/* A tensor "<prefix><name>" in memory that the caller frees; its values are float, double or
 * int64_t as the file says. */
static inline void *golden_values(const struct golden *golden, const char *prefix, const char *name,
                                  size_t *ret_count)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const struct safetensors_tensor *tensor = safetensors_find(golden->file, full);
    if (!tensor)
        fail_msg("no golden values of the name %s", full);
    void *values = malloc(tensor->size + 1);
    assert_non_null(values);
    for (size_t i = 0; i < tensor->size; i++)
        ((unsigned char *)values)[i] = ((const unsigned char *)tensor->data)[i];
    *ret_count = tensor->count;
    return values;
}

#endif

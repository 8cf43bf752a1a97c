/*
 * fixture: small files in a temporary directory of the test's own, removed at its end.
 */
#ifndef ARMWATCH_TESTS_FIXTURE_H
#define ARMWATCH_TESTS_FIXTURE_H

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char fixture_directory[64];
static char fixture_last_path[256];

static inline int fixture_setup(void **state)
{
    snprintf(fixture_directory, sizeof fixture_directory, "/tmp/armwatch-test-XXXXXX");
    return mkdtemp(fixture_directory) ? 0 : -1;
}

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static inline int fixture_teardown(void **state)
{
    return nftw(fixture_directory, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Both return static storage: copy what must outlive the next call. */
static inline const char *fixture_path(const char *name)
{
    snprintf(fixture_last_path, sizeof fixture_last_path, "%s/%s", fixture_directory, name);
    return fixture_last_path;
}

static inline const char *fixture_write_bytes(const char *name, const void *data, size_t size)
{
    FILE *stream = fopen(fixture_path(name), "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(data, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    return fixture_last_path;
}

static inline const char *fixture_write(const char *name, const char *text)
{
    return fixture_write_bytes(name, text, strlen(text));
}

static inline void fixture_expect_text(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not say \"%s\"", text, part);
}

#endif

#include "daemon/saved_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINUTE (60 * CLOCK_NS_PER_S)

static uv_loop_t loop;

static struct saved_state start(const char *directory)
{
    struct saved_state state;
    char *text;
    uv_loop_init(&loop);
    assert_int_equal(saved_state_init(&state, &loop, directory, &text), 0);
    assert_null(text);
    return state;
}

static void write_state(struct saved_state *state, const char *text)
{
    saved_state_write(state, strdup(text));
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void finish(struct saved_state *state)
{
    saved_state_deinit(state);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void expect_file(const char *path, const char *text)
{
    void *found;
    size_t size;
    struct diag diag = DIAG_INIT;
    assert_int_equal(file_read(path, 100, &found, &size, &diag), 0);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(found, text, size);
    free(found);
}

static void test_a_directory_is_made(void **state)
{
    char directory[256], path[280];
    snprintf(directory, sizeof directory, "%s", fixture_path("made"));
    snprintf(path, sizeof path, "%s/state.json", directory);
    struct saved_state saved = start(directory);
    assert_false(saved.failed);
    write_state(&saved, "{\"a\":1}");
    assert_false(saved.failed || saved_state_is_due(&saved, clock_monotonic_ns() + 10 * MINUTE));
    expect_file(path, "{\"a\":1}");
    finish(&saved);
}

/* It fails at once, for all to see, and comes right when the directory can be made. */
static void test_a_directory_that_cannot_be_made(void **state)
{
    char parent[256], directory[280], path[300];
    snprintf(parent, sizeof parent, "%s", fixture_path("parent"));
    snprintf(directory, sizeof directory, "%s/state", parent);
    snprintf(path, sizeof path, "%s/state.json", directory);
    struct saved_state saved = start(directory);
    assert_true(saved.failed);
    int64_t now_ns = clock_monotonic_ns();
    assert_false(saved_state_is_due(&saved, now_ns));
    assert_true(saved_state_is_due(&saved, now_ns + MINUTE));
    write_state(&saved, "{\"a\":1}");
    assert_true(saved.failed);
    assert_int_equal(saved.failures, 1);
    assert_false(saved_state_is_due(&saved, saved.tried_ns + MINUTE - 1)); /* counts from here */
    assert_int_equal(mkdir(parent, 0700), 0);
    assert_true(saved_state_is_due(&saved, saved.tried_ns + MINUTE));
    write_state(&saved, "{\"a\":2}");
    assert_false(saved.failed || saved_state_is_due(&saved, saved.tried_ns + MINUTE));
    expect_file(path, "{\"a\":2}");
    finish(&saved);
}

static void test_no_text(void **state)
{
    struct saved_state saved = start(fixture_path("memory"));
    saved_state_write(&saved, NULL);
    assert_true(saved.failed && saved_state_is_due(&saved, saved.tried_ns + MINUTE));
    finish(&saved);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_directory_is_made),
        cmocka_unit_test(test_a_directory_that_cannot_be_made),
        cmocka_unit_test(test_no_text),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}

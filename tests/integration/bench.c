#include "bench.h"

#include "child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define LIMIT_MS 60000

static char directory[64];

const char *bench_make_directory(const char *name)
{
    snprintf(directory, sizeof directory, "/tmp/armwatch-%s-XXXXXX", name);
    child_make_directory(directory);
    return directory;
}

int bench_remove_directory(void **state)
{
    child_remove_directory(directory);
    return 0;
}

int bench_setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    void *harness = NULL;
    assert_non_null(bench);
    harness_setup(&harness);
    bench->harness = harness;
    *state = bench;
    return 0;
}

int bench_teardown(void **state)
{
    struct bench *bench = *state;
    void *harness = bench->harness;
    command_deinit(&bench->command);
    free(bench);
    return harness_teardown(&harness);
}

void bench_expect(struct bench *bench, int expected, const char *words, const char *line)
{
    command_start(&bench->command, directory, "%s", line);
    int code = command_wait(&bench->command, &bench->harness->loop, LIMIT_MS);
    bool said = strstr(command_err(&bench->command), words);
    said |= strstr(command_out(&bench->command), words) != NULL;
    if (code == expected && said)
        return;
    print_error("stdout: %s\n", command_out(&bench->command));
    print_error("stderr: %s\n", command_err(&bench->command));
    fail_msg("%s: exit code %d, expected %d with \"%s\"", line, code, expected, words);
}

int bench_shell(const char *line)
{
    char command[1024];
    snprintf(command, sizeof command, "cd '%s' && { %s; } >/dev/null 2>&1", directory, line);
    return system(command);
}

mode_t bench_mode_of(const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &st) == 0 ? st.st_mode & 0777 : 0;
}

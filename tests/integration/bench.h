/*
 * bench: the armwatch command, run again and again in one temporary directory, which all tests of a
 * program share.
 *
 * Functions end the test (cmocka's fail_msg) where something cannot be had.
 */
#ifndef ARMWATCH_TESTS_BENCH_H
#define ARMWATCH_TESTS_BENCH_H

#include "command.h"
#include "harness.h"

#include <sys/types.h>

struct bench {
    struct harness *harness;
    struct command command; /* the one that was started last */
};

/* For cmocka's group setup: makes the directory, /tmp/armwatch-NAME-..., and returns its path. */
const char *bench_make_directory(const char *name);
/* cmocka's group teardown: removes it. */
int bench_remove_directory(void **state);

/* cmocka's setup and teardown: *state is a struct bench. */
int bench_setup(void **state);
int bench_teardown(void **state);

/* Runs `armwatch LINE` there to its end: it must have this exit code, and these words on one of its
 * outputs. */
void bench_expect(struct bench *bench, int expected, const char *words, const char *line);

/* Runs a shell command there, quietly; returns its status. */
int bench_shell(const char *line);

/* Permissions of a file there; 0: there is none. */
mode_t bench_mode_of(const char *name);

#endif

/*
 * command: the armwatch command as a user runs it: arguments in, exit code and two texts out.
 *
 * The program is $ARMWATCH. It works in a directory of its own; it dies with the test program.
 */
#ifndef ARMWATCH_TESTS_COMMAND_H
#define ARMWATCH_TESTS_COMMAND_H

#include "harness.h"

#include <sys/types.h>

#define COMMAND_ARGS_MAX 40

struct command {
    pid_t pid;               /* 0 when it has ended */
    int exit_code;           /* -signal if one killed it */
    char out[160], err[160]; /* files */
    char *text;              /* of the file that was read last */
};

/* Starts it in `directory`, in the place of the one before (all zero at first). The arguments are
 * one text, split at blanks. */
void command_start(struct command *command, const char *directory, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Waits on the loop until it has ended; ends the test (with its stderr) after limit_ms. Returns the
 * exit code. */
int command_wait(struct command *command, uv_loop_t *loop, int limit_ms);

/* Waits on the loop until this stands in its stderr. */
void command_wait_for(struct command *command, uv_loop_t *loop, const char *text, int limit_ms);

void command_signal(const struct command *command, int signal);

/* What it has written so far; valid until the next call. */
const char *command_out(struct command *command);
const char *command_err(struct command *command);

void command_deinit(struct command *command);

#endif

/*
 * child: a program that runs beside a test, in a directory of its own, and dies with the test.
 *
 * Functions end the test (cmocka's fail_msg) where something cannot be had.
 */
#ifndef ARMWATCH_TESTS_CHILD_H
#define ARMWATCH_TESTS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The template ends in XXXXXX, and is the path from then on. */
void child_make_directory(char *directory);
void child_remove_directory(const char *directory); /* with all that is in it */

struct child_program {
    const char *const *arguments;   /* the last NULL; the first is its path, or a name in $PATH */
    const char *directory;          /* it works there */
    const char *log;                /* its two outputs, a file there */
    bool keeps_log;                 /* of the start before, and goes on in it */
    const char *const *environment; /* "NAME=value", the last NULL: beside ours; NULL: none */
};

/* Starts it with no descriptor of ours. Returns its process. */
pid_t child_start(const struct child_program *program);

/* *pid is 0 while it does not run. name: of the program, for the message. */
void child_signal(pid_t pid, int signal, const char *name);
/* True when it has ended, and *pid is 0 then. flags: WNOHANG, or 0 to wait for it. */
bool child_reap(pid_t *pid, int flags, int *ret_status);

/* Waits until each of the ports accepts on the loopback interface. False if it has ended by itself.
 */
bool child_wait_for_ports(pid_t *pid, const int *ports, size_t count, const char *name);

/* Ports of the loopback interface that are free now, all different. Another program may take one
 * before it is used. */
void child_pick_ports(int *ret_ports, size_t count);

#endif

/*
 * daemon_process: a real armwatchd in a directory of its own, for one test.
 *
 * The program is $ARMWATCHD. It dies with the test program. Functions end the test (cmocka's
 * fail_msg) where something cannot be had, and show what the daemon wrote to its standard error.
 */
#ifndef ARMWATCH_TESTS_DAEMON_PROCESS_H
#define ARMWATCH_TESTS_DAEMON_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Sanitizers slow everything down: limits of time are multiplied by this, rates divided. */
#ifndef __has_feature /* clang's way to say it */
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TIME_SCALE 4
#define SANITIZED 1
#elif defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define TIME_SCALE 2
#define SANITIZED 1
#else
#define TIME_SCALE 1
#define SANITIZED 0
#endif

#define DAEMON_STOP_MS 5000 /* promised */
#define DAEMON_ENVIRONMENT_MAX 8

struct daemon_process {
    pid_t pid; /* 0 while it does not run */
    char directory[64];
    char environment[DAEMON_ENVIRONMENT_MAX][256]; /* "NAME=value", unused ones empty */
};

struct daemon_process *daemon_process_new(void);
void daemon_process_free(struct daemon_process *daemon); /* NULL is allowed; SIGKILL if it runs */

/* Writes DIRECTORY/armwatchd.json. */
void daemon_process_configure(struct daemon_process *daemon, const char *json);

/* Starts it on that configuration; the log of the start before is kept. */
void daemon_process_start(struct daemon_process *daemon);
void daemon_process_signal(struct daemon_process *daemon, int signal);
/* SIGTERM; it must exit with 0 and without a sanitizer's report within DAEMON_STOP_MS. Returns how
 * long it took. */
double daemon_process_stop(struct daemon_process *daemon);
void daemon_process_kill(struct daemon_process *daemon); /* SIGKILL, until it has ended */
/* Fails if it has ended by itself. */
void daemon_process_assert_alive(struct daemon_process *daemon);

/* Runs the program with these arguments (the last NULL) to its end, its output in the log. Returns
 * its exit code. */
int daemon_process_run(struct daemon_process *daemon, const char *const *arguments);

/* How often a text stands in the log. */
size_t daemon_process_logged(const struct daemon_process *daemon, const char *text);
void daemon_process_print_log(const struct daemon_process *daemon);

/* Resident memory in KiB, open descriptors. */
long daemon_process_rss_kib(const struct daemon_process *daemon);
int daemon_process_descriptors(const struct daemon_process *daemon);

#endif

/*
 * kit: what the checks of the fault table share: pings of the watchdog, processor time, threads
 * that stand still, a network of two name spaces, faults from within (preload.h).
 */
#ifndef ARMWATCH_TESTS_KIT_H
#define ARMWATCH_TESTS_KIT_H

#include "cell.h"
#include "preload.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GROSS 4.0 /* an anomaly that nobody misses */

/* ---- time */

double seconds_now(void); /* monotonic */
/* Lets the loop turn. */
void turn_for(struct cell *cell, double seconds);

/* ---- the service manager's side */

/* The daemon is to be started after this; it pings each 250 ms then, from its loop. */
void pings_open(struct cell *cell);
void pings_close(void);
void pings_restart(void); /* forgets what was heard */
struct pings {
    unsigned count;
    double longest_gap_s; /* between two */
    double last_s;        /* seconds_now() of the last one */
};
struct pings pings_so_far(void);
/* How much later than its 250 ms a turn of the loop came, at worst; the gap up to now counts. */
double loop_lag_ms(void);

/* ---- the daemon's process */

double cpu_seconds(pid_t pid);
/* Its thread of that name. */
pid_t thread_named(pid_t pid, const char *name);
/* One thread stands still until thread_release. */
void thread_stop(pid_t thread);
void thread_release(pid_t thread);
/* Waits until it says so (again) in its log; returns the time it took. */
double wait_logged(struct cell *cell, const char *text, size_t times, int limit_ms);
/* Starts the daemon without waiting for a broker. */
void start_unheard(struct cell *cell);
/* Whether the last status gives that reason. */
bool status_has_reason(const struct cell *cell, const char *reason);
double status_number(const struct cell *cell, const char *path); /* "outbox.waiting" */
/* Alert messages of that type, "raised", for a robot or (NULL) all. */
size_t alerts_of(const struct cell *cell, const char *robot, const char *type);
/* Ends the test where resident memory has grown by more. Says nothing under a sanitizer, whose
 * allocator keeps what was freed. */
void assert_grown(long grown_kib, long limit_kib);
/* A shell command with printf's arguments; ends the test where it fails, unless its name begins
 * with '-'. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Reads the first number that a command prints. */
long shell_number(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *state_path(const struct cell *cell, const char *name); /* in its state directory */

/* ---- from within */

/* The daemon is to be started after this. */
struct preload_page *preload_open(struct cell *cell);

/* ---- name spaces */

/* This process gets a network of its own, with a loopback interface; a view of the file system of
 * its own. Before any thread has started. false: not possible here. */
bool network_own(void);
bool mounts_own(void);

/* A second network for the daemon, behind a link. The row has FAULT_NETWORK. */
struct link {
    pid_t holder;
    int here, there; /* name spaces */
};
/* A broker on 10.77.0.1 and the daemon in the other network, online. */
void link_start(struct link *link, struct cell *cell);
void link_close(struct link *link);
void link_set(bool up);
/* At most so many kbit/s from the daemon to the broker; 0: no limit. */
void link_limit(const struct link *link, int kbit);

#endif

/*
 * fault: the fault table as checks: one row each, in a process of its own.
 *
 * A row's check is a cmocka test with a cell (cell.h) as its state. It injects a fault into the
 * real daemon, asserts what must hold, and says with fault_figure what it has measured.
 */
#ifndef ARMWATCH_TESTS_FAULT_H
#define ARMWATCH_TESTS_FAULT_H

#include "cell.h"

#include <stdbool.h>
#include <stddef.h>

enum fault_flags {
    FAULT_QUICK = 1,   /* part of `faults --quick` */
    FAULT_TIMING = 2,  /* a busy machine can fail it: tried twice */
    FAULT_NETWORK = 4, /* in a network of its own: needs root */
    FAULT_MOUNTS = 8,  /* with mounts of its own: needs root */
};

struct fault_row {
    int number;
    const char *fault, *expected, *injection;
    void (*check)(void **state); /* NULL: elsewhere or an exception */
    unsigned flags;
    const char *elsewhere; /* "FILE: TEST, ...": where it is checked instead, or, too; or NULL */
    const char *exception; /* why it is not checked, or NULL */
};

extern const struct fault_row fault_rows[];
extern const size_t fault_row_count;

/* Whether the long form is wanted: more rounds, longer outages. */
bool fault_long(void);

/* What was measured, for the line of the row; more than one call: joined by "; ". */
void fault_figure(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the check: it cannot be done here. */
_Noreturn void fault_skip(const char *reason);

#define CHECK(name) void name(void **state)
CHECK(check_reconnect);
CHECK(check_reassertion);
CHECK(check_full_outbox);
CHECK(check_half_open);
CHECK(check_frozen_broker);
CHECK(check_slow_link);
CHECK(check_dead_dns);
CHECK(check_tls_peers);
CHECK(check_certificates);
CHECK(check_password);
CHECK(check_read_denied);
CHECK(check_twins);
CHECK(check_disk_full);
CHECK(check_disk_errors);
CHECK(check_replaced_model);
CHECK(check_bad_reload_under_load);
CHECK(check_many_reloads);
CHECK(check_stop_with_outbox);
CHECK(check_stop_in_dns);
CHECK(check_clock);
CHECK(check_stalled_scorer);
CHECK(check_stalled_loop);
CHECK(check_no_descriptors);
CHECK(check_allocations);
CHECK(check_busy_machine);
CHECK(check_flood);
CHECK(check_flapping);
CHECK(check_soak);
CHECK(check_stalled_disk);
CHECK(check_journal_writes);

#endif

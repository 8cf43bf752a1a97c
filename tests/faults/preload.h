/*
 * preload: faults that a library under the daemon injects, told by a page that the test shares with
 * it: failing allocations, a journal whose disk fails or is slow, a wall clock that jumps.
 *
 * ARMWATCH_FAULTS names the file that holds the page. Everything is 0 at first: no fault.
 */
#ifndef ARMWATCH_TESTS_PRELOAD_H
#define ARMWATCH_TESTS_PRELOAD_H

#include <stdatomic.h>

struct preload_page {
    atomic_long allocations;     /* counted by the library */
    atomic_long fail_allocation; /* the allocation with this count fails; 0: none */
    atomic_long calls;           /* that touch the journal's files, counted by the library */
    atomic_long fail_call;       /* the first that fails; 0: none */
    atomic_long fail_calls;      /* how many fail from that one on */
    atomic_long call_errno;
    atomic_long sync_delay_ms;  /* each sync takes so much longer */
    atomic_long clock_offset_s; /* CLOCK_REALTIME is off by this */
};

#endif

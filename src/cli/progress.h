/*
 * progress: a bar with an estimate of the time left, for work that lasts.
 *
 * Drawn on stderr, only if that is a terminal and once the work has lasted a second; so it can be
 * updated from any loop without asking first. progress_end wipes it; call it before printing.
 */
#ifndef ARMWATCH_CLI_PROGRESS_H
#define ARMWATCH_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* "training" */
    int64_t start_ns, drawn_ns;
    bool enabled, drawn;
};

/* `what` is borrowed until the end. */
void progress_begin(struct progress *progress, const char *what);
/* share: 0 to 1 of the work; anything outside is clamped. */
void progress_update(struct progress *progress, double share);
/* Wipes the bar until the next update, so that a line can be printed. */
void progress_clear(struct progress *progress);
void progress_end(struct progress *progress);

#endif

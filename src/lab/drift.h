/*
 * drift: channels that teach a detector nothing, or that tell sessions apart instead of faults.
 *
 * Measured on healthy training rows only: what is found must not depend on what is tested later.
 */
#ifndef ARMWATCH_LAB_DRIFT_H
#define ARMWATCH_LAB_DRIFT_H

#include "base/diag.h"
#include "lab/recording.h"

#include <stddef.h>

enum drift_finding {
    DRIFT_NONE,
    DRIFT_CONSTANT, /* all but 2 rows in 1000 have the same value */
    DRIFT_WITHIN,   /* wanders during a session: over 0.9 of its variance lies between blocks */
    DRIFT_BETWEEN,  /* begins each session elsewhere */
    DRIFT_FINDINGS
};

/* A stretch of one session. */
struct drift_session {
    const struct recording *recording;
    size_t first, end; /* rows [first, end) */
};

struct drift_channel {
    double block_share;    /* of the variance within sessions, the part between their blocks */
    double session_ratio;  /* standard deviation of the sessions' means / the one in a typical
                              block, which no single glitch rules; INFINITY where nothing moves */
    double session_excess; /* the former / what the scatter of block means explains of it */
    double kind_ratio, kind_excess; /* medians of both over the channels whose names differ from
                                       this one's in nothing but numbers */
    enum drift_finding finding;
};

struct drift_report {
    size_t sessions; /* long enough to be measured: 12 minutes; without any, only constant channels
                        are found, with fewer than 3 none that differs between sessions */
    struct drift_channel *channel; /* [channels of the recordings] */
};

/* All sessions have the same channels. Memory: drift_report_deinit, after an error too. Errors:
 * -EINVAL no valid row; -ENOMEM. */
int drift_measure(const struct drift_session *sessions, size_t count, double period_s,
                  struct drift_report *ret_report, struct diag *diag);
void drift_report_deinit(struct drift_report *report);

/* "constant", "drifts within a session", "differs between sessions"; "" for DRIFT_NONE. */
const char *drift_finding_text(enum drift_finding finding);

#endif

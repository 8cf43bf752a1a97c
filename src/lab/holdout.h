/*
 * holdout: which part of healthy recordings a comparison fits on, and which part nobody sees before
 * the test.
 *
 * Whole sessions where there are enough of them, else the end of each, behind a gap.
 */
#ifndef ARMWATCH_LAB_HOLDOUT_H
#define ARMWATCH_LAB_HOLDOUT_H

#include "base/diag.h"
#include "lab/recording.h"

#include <stdbool.h>
#include <stddef.h>

#define HOLDOUT_SESSIONS_WHOLE 5 /* from so many on, sessions stay whole */

struct holdout {
    struct recording **fit; /* [fit_count] */
    size_t fit_count;
    struct recording **test; /* [test_count] */
    size_t test_count;
    size_t *fit_source, *test_source; /* which session each is of */
    bool owned;                       /* the recordings are cuts, and not the caller's */
};

/* share: of the sessions, or of each session's rows, that tests; 0: none. Memory: holdout_deinit;
 * recordings may be the caller's own, which must live as long. Errors: -EINVAL too short; -ENOMEM.
 */
int holdout_make(struct recording *const *sessions, size_t count, double share, size_t gap_rows,
                 struct holdout *ret_holdout, struct diag *diag);
void holdout_deinit(struct holdout *holdout);

#endif

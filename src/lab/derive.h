/*
 * derive: what is derived from samples, learnt from healthy sessions, and sessions with it.
 *
 * Thread: any; none of its own.
 */
#ifndef ARMWATCH_LAB_DERIVE_H
#define ARMWATCH_LAB_DERIVE_H

#include "base/diag.h"
#include "lab/recording.h"
#include "lab/split.h"
#include "model/derived.h"

#include <stddef.h>

#define DERIVE_STEP_CHANNEL "action" /* where no other is named */

struct derive_source {
    struct recording *const *sessions;
    size_t count;
    const struct split *split; /* only training rows are looked at */
    const char *step_channel;  /* NULL: DERIVE_STEP_CHANNEL, if there is one */
    /* Names of the channels that tell motion from rest, "*" at an end matches the rest; ends with
     * NULL; NULL or empty: those in deg/s or rad/s. */
    const char *const *motion;
    const char *load; /* channel; NULL: the first in W */
    double period_s;
    bool as_sampled; /* rest and motion are learnt, nothing is derived and no sign changed */
};

/* Steps, rest and rotations. The name of the step channel has to be there if it is given. Memory:
 * derivation_deinit, also after a failure. Errors: -EINVAL, -ENOMEM. */
int derive_learn(const struct derive_source *source, struct derivation *ret_derivation,
                 struct diag *diag);

/* A copy of a session with the derived channels behind the others, as a live robot would get them.
 * Memory: recording_free. Errors: -ENOMEM. */
int derive_session(const struct recording *session, const struct derivation *derivation,
                   double period_s, struct recording **ret_session);

/* True if a name is, or "*" at the end of a pattern matches the rest of it. */
bool derive_name_matches(const char *pattern, const char *name);

#endif

/*
 * psi: the population stability index, how far a detector's live scores lie from those that
 * calibrated it.
 *
 * The population is means of scores over blocks of evaluated time. The reference divides those of
 * the calibration into bins of equal share (deciles; fewer where scores repeat); with q the share
 * of a bin there and p now, the index is the sum of (p - q) ln(p / q).
 *
 * It is not 0 where nothing has changed: n and m independent blocks of one population give some
 * (bins - 1) (1/n + 1/m), more with fewer blocks. So this expectation is taken off, and no level
 * but PSI_STABLE is told that chance reaches once in a hundred. Blocks that follow each other are
 * alike and not independent: n of them count as n / design_effect, which the calibration measures.
 * Nor is a level told of an index that a healthy session has too, set against the others of the
 * calibration.
 *
 * Source: limits of .1 and .25: Siddiqi, Credit Risk Scorecards, 2006; distribution: Yurdakul and
 * Naranjo, Statistical properties of the population stability index, 2020; design effect: Kish
 * 1965.
 */
#ifndef ARMWATCH_MODEL_PSI_H
#define ARMWATCH_MODEL_PSI_H

#include "base/diag.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

#define PSI_BINS 10
#define PSI_MODERATE_LIMIT 0.1
#define PSI_LARGE_LIMIT 0.25
#define PSI_STRETCH 10 /* blocks that the design effect is measured over */

enum psi_level { PSI_STABLE, PSI_MODERATE, PSI_LARGE };
const char *psi_level_name(enum psi_level level); /* "stable", "moderate", "large" */

/* All zeros: there is none. */
struct psi_reference {
    size_t bins;               /* 2 to PSI_BINS */
    double edge[PSI_BINS - 1]; /* [bins - 1] rising: the largest value in each bin but the last */
    uint32_t count[PSI_BINS];  /* [bins] blocks of the calibration */
    double design_effect;      /* 1 to PSI_STRETCH */
    double between;            /* largest index of a session of it against the others; 0: one */
};

/* From the means of blocks in the order of time; session_end [sessions]: the blocks up to the end
 * of each session. With fewer than PSI_BINS blocks there is no reference. Errors: -ENOMEM. */
int psi_reference_fit(const double *means, const size_t *session_end, size_t sessions,
                      struct psi_reference *ret_reference);
size_t psi_bin(const struct psi_reference *reference, double mean);

struct psi {
    double index; /* without what chance is expected to give; 0 or over */
    enum psi_level level;
};
/* count [bins]: the live blocks, at least one. before: the level until now, which a falling index
 * leaves only at .8 of its limit: that of the field, or `between` where it is larger. */
struct psi psi_compare(const struct psi_reference *reference, const uint32_t *count,
                       enum psi_level before);

/* The reference as JSON, in the calibration of a detector; NULL: memory is out. */
cJSON *psi_reference_format(const struct psi_reference *reference);
/* Errors: -EINVAL with the member and what it must be. */
int psi_reference_load(const cJSON *object, struct psi_reference *ret_reference, struct diag *diag);

#endif

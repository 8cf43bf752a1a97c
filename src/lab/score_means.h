/*
 * score_means: means of the detectors' scores over blocks of healthy sessions, which drift of live
 * scores is measured against (model/psi.h).
 */
#ifndef ARMWATCH_LAB_SCORE_MEANS_H
#define ARMWATCH_LAB_SCORE_MEANS_H

#include "model/psi.h"
#include "pipeline/block_means.h"
#include "pipeline/score.h"

#include <stddef.h>

struct score_means {
    struct block_means block;
    struct score_means_detector {
        size_t count, capacity;
        double *mean; /* [count] in the order of time */
        size_t sessions;
        size_t *session_end; /* [sessions] */
    } detector[MODEL_DETECTORS_MAX];
};

/* Errors: -ENOMEM. */
int score_means_init(struct score_means *means, const struct model *model);
void score_means_deinit(struct score_means *means); /* also of zeros */

/* An evaluated window. Errors: -ENOMEM. */
int score_means_push(struct score_means *means, const struct score *score);
/* Ends a session, also the last one. Errors: -ENOMEM. */
int score_means_end_session(struct score_means *means);
/* Errors: -ENOMEM. */
int score_means_fit(const struct score_means *means, size_t detector,
                    struct psi_reference *ret_reference);

#endif

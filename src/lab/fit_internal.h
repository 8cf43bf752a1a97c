/*
 * fit_internal: what the two halves of fit share: fit.c trains, fit_assemble.c makes the model
 * file.
 */
#ifndef ARMWATCH_LAB_FIT_INTERNAL_H
#define ARMWATCH_LAB_FIT_INTERNAL_H

#include "lab/fit.h"

struct fitting {
    struct recording *const *sessions;
    size_t count;
    const struct fit_options *options;
    size_t row_count, span;
    size_t channels; /* that the detector looks at */
    size_t *channel; /* [channels] their places in a sample */
    float *rows; /* [row_count][channels] all sessions one after the other; scaled once the scaler
                    is fitted */
    double *spread; /* [channels] standard deviation of the training rows, in the channel's units */
    float *floor;   /* [channels] */
    struct scaler scaler;
    size_t *training, *held_out;
    struct architecture architecture;
};

/* The file, and in the report the model as it will be loaded. Errors: as fit. */
int fit_assemble(const struct fitting *fitting, struct draft **ret_draft, struct fit_report *report,
                 struct diag *diag);

#endif

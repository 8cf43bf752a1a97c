/*
 * fit_internal: what the parts of fit share: fit_features.c makes the rows that fit_autoencoder.c
 * trains on, fit.c and fit_assemble.c make the model file.
 */
#ifndef ARMWATCH_LAB_FIT_INTERNAL_H
#define ARMWATCH_LAB_FIT_INTERNAL_H

#include "lab/fit.h"
#include "lab/fit_kind.h"
#include "model/features.h"

struct fitting {
    struct recording *const *sessions; /* with or without derived channels */
    size_t count;
    size_t sample_channels; /* the first of theirs */
    const struct fit_options *options;
    size_t row_count, span;
    struct features features;
    float *rows;    /* [row_count][width of the features] all sessions one after the other */
    double *spread; /* [channels] standard deviation of the training rows, in the channel's units */
    float *floor;   /* [channels] */
    size_t *training, *held_out;
    struct architecture architecture;
};

/* The first half of a fit of the autoencoder: features, rows and windows. fitting->sessions, count,
 * sample_channels and options are set, report->split is made. Memory: fitting_deinit, also after a
 * failure. Errors: -EINVAL, -ENOMEM. */
int fitting_init(struct fitting *fitting, struct fit_report *report, struct diag *diag);
void fitting_deinit(struct fitting *fitting);

/* Which channels the detector looks at, their scaling and reduction, fitted on the training rows:
 * features, rows and spread of fitting; in the report, what is left out. report->split is made.
 * Errors: -EINVAL, -ENOMEM. */
int fit_make_features(struct fitting *fitting, struct fit_report *report, struct diag *diag);

/* The autoencoder's network: what it costs the time. Errors: as fit. */
int fit_autoencoder_learn(struct fitting *fitting, struct fit_report *report, struct diag *diag);

/* The file with these detectors (kinds, ended by NULL), and the model as it will be loaded,
 * calibrated and self-tested. Errors: as fit. */
int fit_assemble(const struct fit_source *source, const char *const *detectors,
                 struct draft **ret_draft, struct model **ret_model, struct diag *diag);

#endif

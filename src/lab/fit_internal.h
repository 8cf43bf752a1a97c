/*
 * fit_internal: what the parts of fit share: fit_features.c makes rows, fit_windows.c the windows
 * of them that detectors learn from, fit.c and fit_assemble.c the model file.
 */
#ifndef ARMWATCH_LAB_FIT_INTERNAL_H
#define ARMWATCH_LAB_FIT_INTERNAL_H

#include "lab/fit.h"
#include "lab/fit_kind.h"
#include "model/features.h"

struct fitting {
    const char *kind;                  /* of detector */
    struct recording *const *sessions; /* with or without derived channels */
    size_t count;
    size_t sample_channels; /* the first of theirs */
    const struct fit_options *options;
    const char *load;   /* channel that cycle-power follows in the same set; NULL: none */
    bool beside_analog; /* which looks at accelerations in the same set */
    size_t row_count, span;
    struct features features;
    float *rows;    /* [row_count][width of the features] all sessions one after the other */
    double *spread; /* [channels] standard deviation of the training rows, in the channel's units */
    float *floor;   /* [channels] */
    size_t *training, *held_out;
    struct architecture architecture;
};

/* The first half of a fit of windows: features, rows and windows. fitting->sessions, count,
 * sample_channels and options are set, report->split is made. Memory: fitting_deinit, also after a
 * failure. Errors: -EINVAL, -ENOMEM. */
int fitting_init(struct fitting *fitting, const char *kind, struct fit_report *report,
                 struct diag *diag);
void fitting_deinit(struct fitting *fitting);
/* Its windows. Borrowed. */
struct train_data fitting_data(const struct fitting *fitting, const struct fit_report *report);

/* What windows should have been: [count][window * width of the features], which stays until the
 * next call. */
#define FIT_RECONSTRUCT_MAX 64
struct fit_reconstructor {
    const float *(*run)(void *with, const float *windows, size_t count);
    void *with;
    size_t most; /* at a time; over FIT_RECONSTRUCT_MAX counts as that */
};
/* What a residual usually is on held-out windows, which an alert measures deviations by:
 * fitting->floor. Errors: -ENOMEM. */
int fitting_measure_floor(struct fitting *fitting, const struct fit_report *report,
                          const struct fit_reconstructor *reconstructor);

/* Window, features and what is left out, in a detector's entry; tensors of the features, and
 * "channel.floor". Errors: -ENOMEM. */
void fitting_describe(const struct fitting *fitting, const struct fit_report *report, cJSON *entry);
int fitting_put(const struct fitting *fitting, size_t index, struct draft *draft);

/* Which channels the detector looks at, their scaling and reduction, fitted on the training rows:
 * features, rows and spread of fitting; in the report, what is left out. report->split is made.
 * Errors: -EINVAL, -ENOMEM. */
int fit_make_features(struct fitting *fitting, struct fit_report *report, struct diag *diag);

/* A network, trained or as options->baseline says: what it costs the time. Errors: as fit. */
int fit_network_learn(struct fitting *fitting, const char *kind, struct fit_report *report,
                      struct diag *diag);

/* Where a detector is put in a model file. */
struct fit_place {
    size_t index;
    struct draft *draft;
    cJSON *entry;
};
/* Its residuals, and the network in the file. Errors: -ENOMEM. */
int fit_network_put(struct fitting *fitting, const struct fit_report *report,
                    struct network *network, const struct fit_place *place, struct diag *diag);

/* Sets a detector's alert filter in its entry. */
void fit_put_filter(cJSON *entry, const struct alert_filter *filter);
/* Calibrates the detectors of a draft (kinds, ended by NULL) on the part of the split that is kept
 * for it, and with options->choose_filter chooses their alert filters by it. Errors: -EINVAL too
 * short, -ENOMEM. */
int fit_calibrate(const struct fit_source *source, const char *const *kinds, struct draft *draft,
                  struct diag *diag);

/* The file with these detectors (kinds, ended by NULL), and the model as it will be loaded,
 * calibrated and self-tested. Errors: as fit. */
int fit_assemble(const struct fit_source *source, const char *const *detectors,
                 struct draft **ret_draft, struct model **ret_model, struct diag *diag);

#endif

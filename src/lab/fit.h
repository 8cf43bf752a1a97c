/*
 * fit: from healthy recordings to a whole model: split, scale, train, calibrate, self-test.
 *
 * Thread: the one that owns BLAS; blas_init came before. The same recordings, options and machine
 * give the same bytes.
 */
#ifndef ARMWATCH_LAB_FIT_H
#define ARMWATCH_LAB_FIT_H

#include "base/diag.h"
#include "lab/architecture.h"
#include "lab/baseline.h"
#include "lab/draft.h"
#include "lab/recording.h"
#include "lab/split.h"
#include "lab/train.h"
#include "model/scaler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fewer features than channels, as the paper tried. */
enum fit_reduction {
    FIT_REDUCTION_NONE,
    FIT_REDUCTION_PCA,                /* principal components of scaled rows, scaled again */
    FIT_REDUCTION_MUTUAL_INFORMATION, /* the channels that say most about the label */
};

/* A network that was trained elsewhere, for windows of all channels that are not ignored, in their
 * order. Rows stay what the samples are: nothing is derived. */
struct fit_adopted {
    const struct nn_layer_spec *layers;
    size_t count, encoder_count; /* encoder_count: the layers up to the narrowest */
    const struct network *network;
    struct scaler *scaler; /* that it was trained with, taken; NULL: options' is fitted */
};

struct fit_options {
    const char *name; /* of the model */
    int64_t version;
    double period_s;
    struct architecture_options architecture;
    struct scaler_options scaler;
    size_t window, spacing;
    const char *const *detectors; /* kinds, ended by NULL; NULL: those by default */
    const char *step_channel;     /* that names the program step; NULL: "action", if there is one */
    const char *const *motion;    /* channels that tell motion from rest; NULL: angular rates */
    const char *load;             /* channel that cycle-power follows; NULL: the first in W */
    /* Channels of the samples that no detector looks at, or with "KIND:" before it that kind; "*"
     * at an end matches the rest of a name. Ends with NULL; may be NULL. */
    const char *const *ignore;
    bool keep_drift; /* channels that drift, never move, or name the program step too */
    enum fit_reduction reduction;
    double pca_variance; /* the share that FIT_REDUCTION_PCA keeps */
    /* FIT_REDUCTION_MUTUAL_INFORMATION: recordings with labels, and how many channels stay; 0: half
     * of them. */
    struct recording *const *labelled;
    size_t labelled_count, keep_channels;
    struct alert_filter filter;
    bool choose_filter;                /* a longer one instead, where single odd rows ask for it */
    double false_alarms_per_day;       /* target */
    struct train_options train;        /* layers are filled in by fit */
    size_t max_training_windows;       /* evenly taken from all that there are; 0: all */
    enum baseline_kind baseline;       /* instead of training */
    const struct fit_adopted *adopted; /* or this; the autoencoder alone */
    bool with_twin;                    /* a model of the adversary's twin too */
    size_t analog_bytes_max;           /* of the reference cycles */
    size_t analog_neighbours;          /* of them, that an expectation is the mean of */
    size_t knn_bytes_max;              /* of the reference windows */
    size_t knn_neighbours;
};

/* What an adversary asks for (design: the stable recipe, or the paper's own settings): scaler,
 * output and losses too; the autoencoder alone. */
struct fit_options fit_defaults(enum adversary_kind adversary);

/* How a scaler clips, and which rows set its range. Depends on options->train.adversary. */
struct scaler_options fit_scaler_options(const struct fit_options *options,
                                         enum scaler_kind scaler);

/* A scaler, with the clipping and the output that go with it: sigmoid where scaled values lie in
 * 0..1. Depends on options->train.adversary. */
void fit_use_scaler(struct fit_options *options, enum scaler_kind scaler);

/* A channel of the samples that the autoencoder does not look at. */
struct fit_left_out {
    size_t channel;
    const char *reason; /* such as "constant" */
};

struct fit_report {
    struct split split;
    size_t left_out_count;
    struct fit_left_out *left_out; /* rising */
    size_t drift_sessions; /* training sessions that were compared: under 3, none is found to
                              differ from the others; SIZE_MAX: no detector asks for it */
    size_t training_windows, held_out_windows;
    struct train_result result;
    struct model *model;      /* as it will be loaded; self-tested */
    struct model *twin_model; /* the same of the twin; NULL: not asked for, or none */
};

/* Rows between two parts of a session: no window, and no slow movement, is in both. */
size_t fit_gap_rows(const struct fit_options *options, double period_s);

/* All sessions have the same channels. The draft is the model's file, to which provenance may be
 * added. Memory: fit_report_deinit, draft_free. Errors: -EINVAL, -ENOMEM, -ECANCELED, -EDOM. */
int fit(struct recording *const *sessions, size_t count, const struct fit_options *options,
        struct draft **ret_draft, struct fit_report *ret_report, struct diag *diag);
void fit_report_deinit(struct fit_report *report);

/* The usual step between samples; 0 if the recordings have no times. */
double fit_period_of(struct recording *const *sessions, size_t count);

#endif

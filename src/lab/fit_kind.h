/*
 * fit_kind: how each kind of detector learns from healthy sessions.
 *
 * A kind is a file fit_<kind>.c with a function and a line in the table. It gets sessions with the
 * derived channels filled in and writes its part of the model file: members of its entry in
 * "detectors" and tensors "<index>.*". Filter, calibration and self-test are made for it.
 */
#ifndef ARMWATCH_LAB_FIT_KIND_H
#define ARMWATCH_LAB_FIT_KIND_H

#include "lab/fit.h"
#include "lab/segments.h"
#include "model/derived.h"

struct fitting;
struct network;

struct fit_source {
    struct recording *const *sessions; /* rows of [derivation_width]; NAN where not known */
    size_t count;
    const struct split *split;
    const struct derivation *derivation;
    const struct segments *segments; /* empty where samples do not name the program step */
    const struct fit_options *options;
    /* What costs the time comes before: of the autoencoder, NULL where it is not asked for. */
    struct fitting *fitting;
    struct network *network;
    struct fit_report *report;
};

struct fit_kind {
    const char *name; /* of the detector kind */
    bool needs_step;  /* samples must name the program step */
    /* In the set that `train` makes if nothing is said, where samples name the program step and
     * where they do not. */
    bool by_default, by_default_without_step;
    /* By default, only where this holds of what can be derived; NULL: always. */
    bool (*fits)(const struct derivation *derivation);
    const struct alert_filter *filter; /* of its own; NULL: the options', or what suits the data */
    /* entry holds kind and name. Errors: -EINVAL this data does not do, -ENOMEM. */
    int (*fit)(const struct fit_source *source, size_t index, struct draft *draft, cJSON *entry,
               struct diag *diag);
};

/* NULL: there is no such kind. */
const struct fit_kind *fit_kind_find(const char *name);
/* All kinds, ended by NULL, in the order in which a model lists them. */
const struct fit_kind *const *fit_kinds(void);

/* True if a kind must not look at a channel: options->ignore has "PATTERN" for all kinds or
 * "KIND:PATTERN" for one. */
bool fit_ignored(const struct fit_options *options, const char *kind, const char *channel);

/* Puts a tensor "<index>.<name>" in. Errors: -ENOMEM. */
int fit_put(struct draft *draft, size_t index, const char *name, enum safetensors_dtype dtype,
            struct safetensors_shape shape, const void *values);

/* Mean and standard deviation (floored at 0) of the valid training rows, by channel [width]; NANs
 * are passed over. Errors: -ENOMEM. */
int fit_spread(const struct fit_source *source, double *ret_mean, double *ret_spread,
               struct diag *diag);

#endif

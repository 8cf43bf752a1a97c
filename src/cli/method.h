/*
 * method: the options that say what a model learns and how, shared by the subcommands that train.
 */
#ifndef ARMWATCH_CLI_METHOD_H
#define ARMWATCH_CLI_METHOD_H

#include "cli/cli.h"
#include "lab/fit.h"

/* What is learnt: scaler, channels, windows, filter. For train and compare. */
extern const struct cli_option method_options[];
/* How it is trained: architecture, adversary, seed. For train; a comparison goes through these. */
extern const struct cli_option training_options[];

/* The defaults of an adversary, changed by what was given of method_options. Lists in it are
 * borrowed from cli. Errors: -EINVAL with the option in diag: a usage error. */
int method_choose(const struct cli *cli, enum adversary_kind adversary, struct fit_options *ret_fit,
                  struct diag *diag);

/* The same with training_options. The list of detectors has to live as long as the options. */
struct method_detectors {
    size_t count;
    const char *kind[MODEL_DETECTORS_MAX + 1]; /* ends with NULL */
};
int method_choose_training(const struct cli *cli, struct fit_options *ret_fit,
                           struct method_detectors *ret_detectors, struct diag *diag);

#endif

/*
 * method: the options that say how a model is trained, shared by the subcommands that train.
 */
#ifndef ARMWATCH_CLI_METHOD_H
#define ARMWATCH_CLI_METHOD_H

#include "cli/cli.h"
#include "lab/fit.h"

/* --detectors to --seed */
extern const struct cli_option method_options[];

/* The defaults of the chosen adversary, changed by what was given. Lists in it are borrowed from
 * cli. Errors: -EINVAL with the option in diag: a usage error. */
int method_choose(const struct cli *cli, struct fit_options *ret_fit, struct diag *diag);

#endif

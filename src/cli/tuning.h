/*
 * tuning: the options that change one setting of a training, against the recipe's own: what the
 * paper tried, leaves open, or suggests.
 */
#ifndef ARMWATCH_CLI_TUNING_H
#define ARMWATCH_CLI_TUNING_H

#include "cli/cli.h"
#include "lab/train.h"

extern const struct cli_option tuning_options[];

/* Changes what was given. Errors: -EINVAL with the option in diag: a usage error. */
int tuning_choose(const struct cli *cli, struct train_options *train, struct diag *diag);

#endif

/* partitions_check: what the keys of `partitions` must be together. */
#ifndef ARMWATCH_CONFIG_PARTITIONS_CHECK_H
#define ARMWATCH_CONFIG_PARTITIONS_CHECK_H

#include "config/config.h"

/* Errors: -EINVAL with what is allowed. */
int config_check_partitions(const struct config *config, struct diag *diag);

#endif

/*
 * value: one value of the configuration, where the key's type says how it is kept.
 *
 * slot: the member of struct config that the key stands for.
 */
#ifndef ARMWATCH_CONFIG_VALUE_H
#define ARMWATCH_CONFIG_VALUE_H

#include "base/json.h"
#include "config/keys.h"

/* Errors: -EINVAL with what was found and what is allowed; -ENOMEM. */
int config_value_set(const struct config_key *key, void *slot, const cJSON *value,
                     struct diag *diag);
void config_value_clear(const struct config_key *key, void *slot);
bool config_value_same(const struct config_key *key, const void *a, const void *b);
/* Bytes of the slot. */
size_t config_value_size(enum config_type type);

#endif

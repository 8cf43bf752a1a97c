/*
 * lease_value: what stands in the keys of leases and of instances.
 *
 * Written and read without the tree of base/json: this runs beside the loop, which watches that
 * library's memory. Thread: any.
 */
#ifndef ARMWATCH_DAEMON_LEASE_VALUE_H
#define ARMWATCH_DAEMON_LEASE_VALUE_H

#include "base/name.h"

#include <stddef.h>
#include <stdint.h>

struct lease_value {
    char instance[NAME_MAX_LENGTH + 1];
    char since[40]; /* RFC 3339 */
    uint64_t epoch; /* of a partition's owner: grows with each; 0: not known yet */
    uint64_t nonce; /* of the process */
    uint64_t most;  /* of an instance */
};

/* One JSON object. */
void lease_value_format(const struct lease_value *value, char *ret_text, size_t size);
/* What is not there is empty or 0. */
void lease_value_parse(const char *text, struct lease_value *ret_value);

#endif

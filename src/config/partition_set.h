/*
 * partition_set: a set of partitions, as in "0-7,12".
 *
 * Thread: any.
 */
#ifndef ARMWATCH_CONFIG_PARTITION_SET_H
#define ARMWATCH_CONFIG_PARTITION_SET_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTITIONS_MAX 256
#define PARTITION_SET_TEXT_MAX 1024 /* bytes of any set as text */

struct partition_set {
    uint64_t bits[PARTITIONS_MAX / 64];
};

/* Numbers and ranges of them, parted by commas, each under `count` and named once. Errors: -EINVAL
 * with what is allowed. */
int partition_set_parse(const char *text, size_t count, struct partition_set *ret_set,
                        struct diag *diag);
/* The shortest such text; "" for the empty set. */
void partition_set_format(const struct partition_set *set, char ret_text[PARTITION_SET_TEXT_MAX]);

/* As the mapping of NATS does it: FNV-1a with 32 bits, modulo. */
size_t partition_of_name(const char *name, size_t count);

bool partition_set_has(const struct partition_set *set, size_t partition);
void partition_set_add(struct partition_set *set, size_t partition);
void partition_set_remove(struct partition_set *set, size_t partition);
size_t partition_set_count(const struct partition_set *set);

#endif

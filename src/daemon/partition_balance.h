/*
 * partition_balance: how many partitions each instance of a fleet should hold, and which of them
 * one of the instances should take or give up.
 *
 * A pure function of what all of them can see, so that all come to the same. Thread: any.
 */
#ifndef ARMWATCH_DAEMON_PARTITION_BALANCE_H
#define ARMWATCH_DAEMON_PARTITION_BALANCE_H

#include "base/name.h"
#include "config/partition_set.h"

#include <stddef.h>

#define BALANCE_INSTANCES_MAX 128

struct balance_instance {
    char name[NAME_MAX_LENGTH + 1];
    size_t held;
    size_t most; /* it takes at most; 0: no bound of its own */
};

struct balance_view {
    size_t partitions;
    struct balance_instance instance[BALANCE_INSTANCES_MAX]; /* alive, by different names */
    size_t instances;
    size_t me;                 /* one of them */
    struct partition_set mine; /* instance[me].held of them */
    struct partition_set free; /* of nobody */
};

/* What each should hold: [instances]. The shares differ by one at most, but for those with a bound
 * of their own; who holds most has the larger ones, so that as few as possible move. */
void balance_targets(const struct balance_view *view, size_t *ret_targets);

/* What `me` should try to take now, and what it should give up. One of them is empty. */
void balance_plan(const struct balance_view *view, struct partition_set *ret_take,
                  struct partition_set *ret_give);

#endif

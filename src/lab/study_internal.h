/*
 * study_internal: how a row is made, for study.c and study_ablations.c.
 */
#ifndef ARMWATCH_LAB_STUDY_INTERNAL_H
#define ARMWATCH_LAB_STUDY_INTERNAL_H

#include "lab/study.h"

#include <stdbool.h>
#include <stddef.h>

struct study_maker {
    const struct study_options *options;
    struct study *study;
};

static inline bool study_wants(const struct study_maker *maker, enum study_group group)
{
    return maker->options->groups & 1u << group;
}

/* The last one so far: what it trains, and what it is compared with, is up to the caller. There has
 * to be room. */
struct study_row *study_add_row(struct study *study, enum study_group group, const char *key,
                                const char *name);
/* Of `count` words and the NULL behind them; study_deinit frees it. NULL: memory is out. */
const char **study_add_list(struct study *study, size_t count);

/* The same recipe for the autoencoder alone. */
struct fit_options study_without_adversary(const struct fit_options *with);

/* study_ablations.c: the rows of the groups that change one thing each, where they are wanted. What
 * they are compared with has to be there. Errors: -ENOMEM. */
int study_add_ablations(const struct study_maker *maker);

#endif

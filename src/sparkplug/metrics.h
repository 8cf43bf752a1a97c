/*
 * metrics: the metrics of a birth or of data, with their names, as tags.
 *
 * Thread: any. Memory: the list and texts are in the arena, names there or in the table.
 */
#ifndef ARMWATCH_SPARKPLUG_METRICS_H
#define ARMWATCH_SPARKPLUG_METRICS_H

#include "sparkplug/sparkplug.h"
#include "sparkplug/table.h"

struct sparkplug_list {
    struct sparkplug_metric *metric;
    size_t count, skipped;
    bool unknown; /* there was one that the table should have, and has not */
};

/* skips: [SPARKPLUG_SKIPS], counted up. Errors: -ENOSPC the arena is full. */
int sparkplug_metrics_list(const struct sparkplug_payload *payload,
                           const struct sparkplug_table *table, struct sparkplug_arena *arena,
                           uint64_t *skips, struct sparkplug_list *ret_list);

/* The number of the session that a birth or death of a node is of. */
bool sparkplug_metrics_session(const struct sparkplug_payload *payload, uint64_t *ret_session);

#endif

#include "sparkplug/metrics.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

#define SESSION "bdSeq"

static bool is_control(const char *name)
{
    const struct sparkplug_span span = sparkplug_span_of(name);
    return sparkplug_span_begins(span, "Node Control/") ||
           sparkplug_span_begins(span, "Device Control/") || strcmp(name, SESSION) == 0;
}

static enum sparkplug_skip take_alias(const struct sparkplug_raw *raw,
                                      const struct sparkplug_table *table, const char **ret_name,
                                      uint32_t *ret_datatype)
{
    const struct sparkplug_entry *entry = sparkplug_table_by_alias(table, raw->alias);
    if (!entry)
        return SPARKPLUG_UNKNOWN_ALIAS;
    *ret_name = entry->name;
    *ret_datatype = entry->datatype;
    return (enum sparkplug_skip)entry->skip;
}

/* A name that the birth has not is taken if it brings its datatype. */
static enum sparkplug_skip take_name(const struct sparkplug_raw *raw,
                                     const struct sparkplug_table *table,
                                     struct sparkplug_arena *arena, const char **ret_name,
                                     uint32_t *ret_datatype)
{
    if (!sparkplug_span_is_name(raw->name, SPARKPLUG_NAME_MAX))
        return SPARKPLUG_BAD_NAME;
    const struct sparkplug_entry *entry = sparkplug_table_by_name(table, raw->name);
    if (entry) {
        *ret_name = entry->name;
        *ret_datatype = entry->datatype;
        return SPARKPLUG_KEPT;
    }
    if (!raw->has_datatype)
        return SPARKPLUG_UNKNOWN_NAME;
    char *name = sparkplug_arena_take(arena, raw->name.length + 1);
    if (!name)
        return SPARKPLUG_BAD_NAME;
    memcpy(name, raw->name.text, raw->name.length);
    name[raw->name.length] = '\0';
    *ret_name = name;
    *ret_datatype = 0;
    return SPARKPLUG_KEPT;
}

static enum sparkplug_skip take_time(const struct sparkplug_raw *raw,
                                     const struct sparkplug_payload *payload,
                                     struct sparkplug_metric *ret_metric)
{
    uint64_t time_ms = raw->has_time ? raw->time_ms : payload->time_ms;
    ret_metric->has_time = raw->has_time || payload->has_time;
    if (!ret_metric->has_time)
        return SPARKPLUG_KEPT;
    if (time_ms > (uint64_t)(INT64_MAX / CLOCK_NS_PER_MS))
        return SPARKPLUG_BAD_TIME;
    ret_metric->time_ms = (int64_t)time_ms;
    return SPARKPLUG_KEPT;
}

static enum sparkplug_skip take_metric(const struct sparkplug_payload *payload, size_t index,
                                       const struct sparkplug_table *table,
                                       struct sparkplug_arena *arena,
                                       struct sparkplug_metric *ret_metric)
{
    const struct sparkplug_raw raw = sparkplug_payload_metric(payload, index);
    uint32_t datatype = 0;
    *ret_metric = (struct sparkplug_metric){.historical = raw.historical};
    /* some write an empty name beside the alias */
    enum sparkplug_skip skip = raw.has_alias && raw.name.length == 0
                                   ? take_alias(&raw, table, &ret_metric->name, &datatype)
                                   : take_name(&raw, table, arena, &ret_metric->name, &datatype);
    if (skip)
        return skip;
    if (is_control(ret_metric->name))
        return SPARKPLUG_CONTROL;
    if (raw.has_datatype)
        datatype = raw.datatype;
    else if (datatype == 0)
        return SPARKPLUG_NO_DATATYPE;
    skip = sparkplug_value_tag(&raw, datatype, arena, &ret_metric->tag);
    return skip ? skip : take_time(&raw, payload, ret_metric);
}

int sparkplug_metrics_list(const struct sparkplug_payload *payload,
                           const struct sparkplug_table *table, struct sparkplug_arena *arena,
                           uint64_t *skips, struct sparkplug_list *ret_list)
{
    *ret_list = (struct sparkplug_list){
        .metric = sparkplug_arena_take(arena, payload->count * sizeof *ret_list->metric)};
    for (size_t i = 0; i < payload->count && !arena->full; i++) {
        enum sparkplug_skip skip =
            take_metric(payload, i, table, arena, &ret_list->metric[ret_list->count]);
        if (skip) {
            skips[skip]++;
            ret_list->skipped++;
        } else {
            ret_list->count++;
        }
        if (skip == SPARKPLUG_UNKNOWN_ALIAS || skip == SPARKPLUG_UNKNOWN_NAME)
            ret_list->unknown = true;
    }
    return arena->full ? -ENOSPC : 0;
}

bool sparkplug_metrics_session(const struct sparkplug_payload *payload, uint64_t *ret_session)
{
    for (size_t i = 0; i < payload->count; i++) {
        const struct sparkplug_raw raw = sparkplug_payload_metric(payload, i);
        if (sparkplug_span_same(raw.name, sparkplug_span_of(SESSION)) && !raw.null &&
            (raw.field == SPARKPLUG_FIELD_INT || raw.field == SPARKPLUG_FIELD_LONG)) {
            *ret_session = raw.integer;
            return true;
        }
    }
    return false;
}

#include "daemon/episode_log.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct episode_log {
    size_t *total; /* of all logs */
    size_t first, count;
    struct episode_log_entry entry[EPISODE_LOG_MAX]; /* a ring; the oldest is at `first` */
};

static void clear_entry(struct episode_log_entry *entry)
{
    cJSON_free(entry->json);
    free(entry->statement);
    *entry = (struct episode_log_entry){0};
}

static void drop_oldest(struct episode_log *log)
{
    clear_entry(&log->entry[log->first]);
    log->first = (log->first + 1) % EPISODE_LOG_MAX;
    log->count--;
    --*log->total;
}

void episode_log_free(struct episode_log *log)
{
    while (log && log->count > 0)
        drop_oldest(log);
    free(log);
}

static struct episode_log_entry *add_entry(struct episode_log *log, const char *id)
{
    bool full = log->count == EPISODE_LOG_MAX || *log->total >= EPISODE_LOG_TOTAL_MAX;
    if (full && log->count > 0)
        drop_oldest(log);
    struct episode_log_entry *entry = &log->entry[(log->first + log->count) % EPISODE_LOG_MAX];
    log->count++;
    ++*log->total;
    snprintf(entry->id, sizeof entry->id, "%s", id);
    return entry;
}

void episode_log_put(struct episode_log **log, size_t *total, const char *id, char *json,
                     const char *statement)
{
    if (!*log && json) {
        *log = calloc(1, sizeof **log);
        if (*log)
            (*log)->total = total;
    }
    if (!*log || !json) {
        cJSON_free(json);
        return;
    }
    struct episode_log_entry *entry = episode_log_find(*log, id);
    if (!entry)
        entry = add_entry(*log, id);
    cJSON_free(entry->json);
    entry->json = json;
    if (statement) {
        free(entry->statement);
        entry->statement = strdup(statement);
    }
}

struct episode_log_entry *episode_log_find(struct episode_log *log, const char *id)
{
    for (size_t n = 0; log && n < log->count; n++) { /* usually the newest */
        size_t at = (log->first + log->count - 1 - n) % EPISODE_LOG_MAX;
        if (!strcmp(log->entry[at].id, id))
            return &log->entry[at];
    }
    return NULL;
}

size_t episode_log_count(const struct episode_log *log)
{
    return log ? log->count : 0;
}

const struct episode_log_entry *episode_log_at(const struct episode_log *log, size_t n)
{
    return &log->entry[(log->first + log->count - 1 - n) % EPISODE_LOG_MAX];
}

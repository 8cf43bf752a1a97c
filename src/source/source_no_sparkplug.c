/* What stands for source_sparkplug.c in a build without Sparkplug. */
#include "source/source_sparkplug.h"

#include <assert.h>

int source_sparkplug_new(const struct source_map *map,
                         const struct source_sparkplug_handlers *handlers, void *user,
                         struct source_sparkplug **ret_sparkplug, struct diag *diag)
{
    *ret_sparkplug = NULL; /* no map has such a source: source_map_parse refuses it */
    return 0;
}

void source_sparkplug_free(struct source_sparkplug *sparkplug)
{
    assert(!sparkplug);
}

int source_sparkplug_filter(const struct source *source, char **ret_filter)
{
    *ret_filter = NULL;
    return 0;
}

void source_sparkplug_missed(struct source_sparkplug *sparkplug)
{
    assert(!sparkplug);
}

bool source_sparkplug_read(struct source_sparkplug *sparkplug, const struct source_message *message,
                           const struct source_clock *clock, const char **ret_reason,
                           struct diag *diag)
{
    assert(!sparkplug);
    return false;
}

void source_sparkplug_tick(struct source_sparkplug *sparkplug, const struct source_clock *clock)
{
    assert(!sparkplug);
}

void source_sparkplug_counters(const struct source_sparkplug *sparkplug, cJSON *object)
{
    assert(!sparkplug);
}

#include "source/source_sparkplug.h"

#include "base/clock.h"
#include "sparkplug/sparkplug.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source_sparkplug {
    const struct source_map *map;
    const struct source_sparkplug_handlers *handlers;
    void *user;
    struct sparkplug *sparkplug;
    uint64_t historical, unsure; /* metrics that were left out */
};

static bool has_sparkplug(const struct source_map *map)
{
    for (size_t s = 0; s < map->count; s++) {
        if (map->sources[s].format == SOURCE_SPARKPLUG)
            return true;
    }
    return false;
}

int source_sparkplug_new(const struct source_map *map,
                         const struct source_sparkplug_handlers *handlers, void *user,
                         struct source_sparkplug **ret_sparkplug, struct diag *diag)
{
    *ret_sparkplug = NULL;
    if (!has_sparkplug(map))
        return 0;
    struct source_sparkplug *sparkplug = calloc(1, sizeof *sparkplug);
    const struct sparkplug_limits limits = SPARKPLUG_LIMITS_DEFAULT;
    if (!sparkplug || !(sparkplug->sparkplug = sparkplug_new(&limits))) {
        free(sparkplug);
        return diag_errno(diag, ENOMEM, "Sparkplug");
    }
    sparkplug->map = map;
    sparkplug->handlers = handlers;
    sparkplug->user = user;
    *ret_sparkplug = sparkplug;
    return 0;
}

void source_sparkplug_free(struct source_sparkplug *sparkplug)
{
    if (!sparkplug)
        return;
    sparkplug_free(sparkplug->sparkplug);
    free(sparkplug);
}

/* "spBv1.0/group/+/node/{robot}": the births and deaths of the node are a level higher. */
int source_sparkplug_filter(const struct source *source, char **ret_filter)
{
    *ret_filter = NULL;
    const char *last = strrchr(source->topic, '/');
    size_t levels = 1;
    for (const char *at = source->topic; *at; at++)
        levels += *at == '/';
    if (source->format != SOURCE_SPARKPLUG || levels != 5)
        return 0;
    char *filter = source_topic_filter(source->topic);
    if (!filter)
        return -ENOMEM;
    if (last)
        *strrchr(filter, '/') = '\0';
    *ret_filter = filter;
    return 0;
}

void source_sparkplug_missed(struct source_sparkplug *sparkplug)
{
    sparkplug_missed(sparkplug->sparkplug);
}

/* ---- one message */

/* FNV-1a over group and node. */
static uint64_t hash_node(const struct sparkplug_topic *topic)
{
    const struct sparkplug_span parts[] = {topic->group, topic->node};
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i <= parts[p].length; i++) { /* and a zero between them */
            unsigned char byte = i < parts[p].length ? (unsigned char)parts[p].text[i] : 0;
            hash = (hash ^ byte) * UINT64_C(1099511628211);
        }
    }
    return hash | 1;
}

/* The source that takes the message's tags; NULL if it is of none. *ret_of_node: it is of the node
 * of a source's devices. */
static const struct source *find_source(const struct source_map *map, const char *topic,
                                        struct source_match *ret_match, bool *ret_of_node)
{
    *ret_of_node = false;
    for (size_t s = 0; s < map->count; s++) {
        const struct source *source = &map->sources[s];
        if (source->format != SOURCE_SPARKPLUG)
            continue;
        if (source_topic_match(source->topic, topic, ret_match))
            return source;
        char upper[SOURCE_TOPIC_MAX + 1];
        struct source_match ignored;
        strcpy(upper, source->topic);
        char *last = strrchr(upper, '/');
        if (last)
            *last = '\0';
        *ret_of_node |= last && source_topic_match(upper, topic, &ignored);
    }
    return NULL;
}

static void ask_for_births(const struct source_sparkplug *sparkplug,
                           const struct sparkplug_topic *node, int64_t wall_ms)
{
    struct sparkplug_command command;
    if (sparkplug_format_rebirth(node, wall_ms, &command) == 0)
        sparkplug->handlers->on_rebirth(sparkplug->user, command.topic, command.payload,
                                        command.size);
}

static void tell_lost(const struct source_sparkplug *sparkplug,
                      const struct sparkplug_message *message, const char *robot)
{
    bool of_device = message->topic.type == SPARKPLUG_DDEATH;
    if (message->gap || message->topic.type == SPARKPLUG_NDEATH ||
        message->topic.type == SPARKPLUG_NBIRTH)
        sparkplug->handlers->on_lost(sparkplug->user, hash_node(&message->topic), "");
    else if (of_device && *robot)
        sparkplug->handlers->on_lost(sparkplug->user, hash_node(&message->topic), robot);
}

/* Values of the past, and such that may be another metric's, are none. */
static void give_tags(struct source_sparkplug *sparkplug, const struct sparkplug_message *message,
                      const char *robot)
{
    for (size_t i = 0; i < message->count; i++) {
        const struct sparkplug_metric *metric = &message->metrics[i];
        sparkplug->historical += metric->historical;
        sparkplug->unsure += message->unsure && !metric->historical;
        if (metric->historical || message->unsure)
            continue;
        const struct source_tag tag = {.robot = robot,
                                       .name = metric->name,
                                       .tag = metric->tag,
                                       .time_ns = metric->time_ms * CLOCK_NS_PER_MS,
                                       .has_time = metric->has_time,
                                       .node = hash_node(&message->topic)};
        sparkplug->handlers->on_tag(sparkplug->user, &tag);
    }
}

bool source_sparkplug_read(struct source_sparkplug *sparkplug, const struct source_message *message,
                           const struct source_clock *clock, const char **ret_reason,
                           struct diag *diag)
{
    struct source_match match = {.robot = ""};
    bool of_node;
    const struct source *source = find_source(sparkplug->map, message->topic, &match, &of_node);
    *ret_reason = NULL;
    if (!source && !of_node)
        return false;
    const struct sparkplug_input input = {.topic = message->topic,
                                          .payload = message->payload,
                                          .size = message->size,
                                          .now_ns = clock->now_ns};
    struct sparkplug_message read;
    enum sparkplug_refusal refusal = sparkplug_take(sparkplug->sparkplug, &input, &read, diag);
    const char *robot = source && source->robot ? source->robot : match.robot;
    if (refusal != SPARKPLUG_TAKEN && refusal != SPARKPLUG_NOT_DATA)
        *ret_reason = sparkplug_refusal_name(refusal);
    if (read.rebirth)
        ask_for_births(sparkplug, &read.topic, clock->wall_ms);
    if (refusal != SPARKPLUG_TAKEN)
        return true;
    tell_lost(sparkplug, &read, robot);
    if (source && !*robot && read.count > 0) {
        diag_set(diag, "the device's name is none of a robot: " NAME_RULE);
        *ret_reason = source_refusal_name(SOURCE_NO_ROBOT);
    } else if (source) {
        give_tags(sparkplug, &read, robot);
    }
    return true;
}

void source_sparkplug_tick(struct source_sparkplug *sparkplug, const struct source_clock *clock)
{
    struct sparkplug_topic node;
    while (sparkplug_rebirth_due(sparkplug->sparkplug, clock->now_ns, &node))
        ask_for_births(sparkplug, &node, clock->wall_ms);
}

/* ---- counters */

static void add_some(cJSON *object, const char *name, uint64_t count)
{
    if (count > 0)
        cJSON_AddNumberToObject(object, name, (double)count);
}

void source_sparkplug_counters(const struct source_sparkplug *sparkplug, cJSON *object)
{
    const struct sparkplug_counters *counters = sparkplug_counters(sparkplug->sparkplug);
    cJSON_AddNumberToObject(object, "nodes", (double)sparkplug_node_count(sparkplug->sparkplug));
    cJSON_AddNumberToObject(object, "messages", (double)counters->taken);
    cJSON_AddNumberToObject(object, "metrics", (double)counters->metrics);
    cJSON_AddNumberToObject(object, "gaps", (double)counters->gaps);
    cJSON_AddNumberToObject(object, "rebirth_requests", (double)counters->rebirths);
    cJSON *refused = cJSON_AddObjectToObject(object, "refused");
    for (int r = SPARKPLUG_TAKEN + 1; r < SPARKPLUG_REFUSALS; r++)
        add_some(refused, sparkplug_refusal_name((enum sparkplug_refusal)r), counters->refused[r]);
    cJSON *left_out = cJSON_AddObjectToObject(object, "left_out");
    for (int s = SPARKPLUG_KEPT + 1; s < SPARKPLUG_SKIPS; s++)
        add_some(left_out, sparkplug_skip_name((enum sparkplug_skip)s), counters->skipped[s]);
    add_some(left_out, "historical", sparkplug->historical);
    add_some(left_out, "unsure", sparkplug->unsure);
}

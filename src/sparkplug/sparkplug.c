#include "sparkplug/sparkplug.h"

#include "sparkplug/metrics.h"
#include "sparkplug/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a metric unfolds to, generously: its message, its place in lists, and the one that is given.
 */
#define ARENA_PER_METRIC 512
#define ARENA_BASE ((size_t)4 * SPARKPLUG_PAYLOAD_MAX)

struct sparkplug {
    struct sparkplug_limits limits;
    struct sparkplug_nodes nodes;
    struct sparkplug_arena arena;
    struct sparkplug_counters counters;
};

static const char *const refusal_names[SPARKPLUG_REFUSALS] = {
    [SPARKPLUG_TAKEN] = "taken",
    [SPARKPLUG_BAD_TOPIC] = "bad_topic",
    [SPARKPLUG_NOT_DATA] = "not_data",
    [SPARKPLUG_TOO_LARGE] = "too_large",
    [SPARKPLUG_MALFORMED] = "malformed",
    [SPARKPLUG_COMPRESSED] = "compressed",
    [SPARKPLUG_BAD_SEQ] = "bad_seq",
    [SPARKPLUG_BEFORE_BIRTH] = "before_birth",
    [SPARKPLUG_BIRTH_REFUSED] = "birth_refused",
    [SPARKPLUG_OTHER_SESSION] = "other_session",
    [SPARKPLUG_TOO_MANY_NODES] = "too_many_nodes",
    [SPARKPLUG_TOO_MANY_DEVICES] = "too_many_devices",
    [SPARKPLUG_TOO_MANY_METRICS] = "too_many_metrics",
    [SPARKPLUG_TOO_MANY_BYTES] = "too_many_bytes",
    [SPARKPLUG_NO_MEMORY] = "no_memory",
};

const char *sparkplug_refusal_name(enum sparkplug_refusal refusal)
{
    return refusal_names[refusal];
}

struct sparkplug *sparkplug_new(const struct sparkplug_limits *limits)
{
    struct sparkplug *sparkplug = calloc(1, sizeof *sparkplug);
    if (!sparkplug)
        return NULL;
    sparkplug->limits = *limits;
    if (sparkplug_nodes_init(&sparkplug->nodes, limits->nodes) < 0 ||
        sparkplug_arena_init(&sparkplug->arena, ARENA_BASE + limits->metrics * ARENA_PER_METRIC) <
            0) {
        sparkplug_free(sparkplug);
        return NULL;
    }
    sparkplug->nodes.devices_max = limits->devices;
    sparkplug->nodes.bytes_max = limits->bytes;
    return sparkplug;
}

void sparkplug_free(struct sparkplug *sparkplug)
{
    if (!sparkplug)
        return;
    sparkplug_nodes_deinit(&sparkplug->nodes);
    sparkplug_arena_deinit(&sparkplug->arena);
    free(sparkplug);
}

/* A message on its way. */
struct taking {
    struct sparkplug *sparkplug;
    const struct sparkplug_input *input;
    struct sparkplug_message *message;
    struct sparkplug_payload payload;
    struct sparkplug_node *node; /* NULL until it is known */
    struct diag *diag;
};

static bool is_birth(const struct taking *taking)
{
    enum sparkplug_type type = taking->message->topic.type;
    return type == SPARKPLUG_NBIRTH || type == SPARKPLUG_DBIRTH;
}

static enum sparkplug_refusal refuse(const struct taking *taking, enum sparkplug_refusal refusal,
                                     const char *why)
{
    const struct sparkplug_topic *topic = &taking->message->topic;
    struct sparkplug_span device = topic->device;
    diag_set(taking->diag, "%s of %.*s/%.*s%s%.*s: %s", sparkplug_type_name(topic->type),
             (int)topic->group.length, topic->group.text ? topic->group.text : "",
             (int)topic->node.length, topic->node.text, device.length ? "/" : "",
             (int)device.length, device.text ? device.text : "", why);
    return refusal;
}

static enum sparkplug_refusal no_memory(const struct taking *taking)
{
    return refuse(taking, SPARKPLUG_NO_MEMORY, "memory is out");
}

/* ---- the payload ---- */

static enum sparkplug_refusal unpack(struct taking *taking)
{
    static const char compressed[] = "SPBV1.0_COMPRESSED";
    const struct sparkplug_input *input = taking->input;
    struct sparkplug *sparkplug = taking->sparkplug;
    sparkplug_arena_reset(&sparkplug->arena);
    if (input->size > SPARKPLUG_PAYLOAD_MAX)
        return refuse(taking, SPARKPLUG_TOO_LARGE, "the payload has more than 65536 bytes");
    int r =
        sparkplug_payload_unpack(&sparkplug->arena, input->payload, input->size, &taking->payload);
    if (r == -ENOSPC)
        return refuse(taking, SPARKPLUG_TOO_LARGE, "the payload unfolds to too much");
    if (r < 0)
        return refuse(taking, SPARKPLUG_MALFORMED, "the payload is no Sparkplug B protobuf");
    if (sparkplug_span_same(taking->payload.uuid, sparkplug_span_of(compressed)))
        return refuse(
            taking, SPARKPLUG_COMPRESSED,
            "the payload is compressed, which is not supported; let the node send it plain");
    if (taking->payload.count > sparkplug->limits.metrics)
        return refuse(taking, SPARKPLUG_TOO_MANY_METRICS, "more metrics than the limit");
    if (taking->message->topic.type != SPARKPLUG_NDEATH &&
        (!taking->payload.has_seq || taking->payload.seq > UINT8_MAX))
        return refuse(taking, SPARKPLUG_BAD_SEQ, "seq must be there, 0 to 255");
    return SPARKPLUG_TAKEN;
}

/* ---- nodes and devices ---- */

static enum sparkplug_refusal get_node(struct taking *taking)
{
    int r = sparkplug_node_get(&taking->sparkplug->nodes, &taking->message->topic, &taking->node);
    if (r == -ENOSPC)
        return refuse(taking, SPARKPLUG_TOO_MANY_NODES, "more nodes than the limit");
    return r < 0 ? no_memory(taking) : SPARKPLUG_TAKEN;
}

static enum sparkplug_refusal get_device(struct taking *taking,
                                         struct sparkplug_source **ret_source)
{
    struct sparkplug_device *device;
    int r = sparkplug_device_get(&taking->sparkplug->nodes, taking->node,
                                 taking->message->topic.device, &device);
    if (r == -ENOSPC)
        return refuse(taking, SPARKPLUG_TOO_MANY_DEVICES, "more devices than the limit");
    if (r < 0)
        return no_memory(taking);
    *ret_source = &device->source;
    return SPARKPLUG_TAKEN;
}

static struct sparkplug_source *find_source(const struct sparkplug_node *node,
                                            const struct sparkplug_topic *topic)
{
    if (topic->device.length == 0)
        return (struct sparkplug_source *)&node->source;
    struct sparkplug_device *device = sparkplug_device_find(node, topic->device);
    return device ? &device->source : NULL;
}

static void want_rebirth(struct taking *taking)
{
    /* it would bring the birth that is refused */
    if (!taking->node->source.refused)
        taking->node->rebirth.wanted = true;
}

/* A birth that cannot be read still ends the last one's table. */
static void end_by_refused_birth(struct taking *taking)
{
    struct sparkplug_nodes *nodes = &taking->sparkplug->nodes;
    const struct sparkplug_topic *topic = &taking->message->topic;
    struct sparkplug_source *source;
    if (sparkplug_node_get(nodes, topic, &taking->node) < 0)
        return;
    if (topic->type == SPARKPLUG_NBIRTH) {
        sparkplug_device_drop_all(nodes, taking->node);
        taking->node->has_seq = false;
        taking->node->rebirth.wanted = false;
        source = &taking->node->source;
    } else {
        struct sparkplug_device *device;
        if (sparkplug_device_get(nodes, taking->node, topic->device, &device) < 0)
            return;
        source = &device->source;
    }
    sparkplug_source_end(nodes, source);
    source->refused = true;
}

/* ---- the kinds of messages ---- */

static enum sparkplug_refusal list_metrics(struct taking *taking,
                                           const struct sparkplug_table *table)
{
    struct sparkplug *sparkplug = taking->sparkplug;
    struct sparkplug_list list;
    if (sparkplug_metrics_list(&taking->payload, table, &sparkplug->arena,
                               sparkplug->counters.skipped, &list) < 0)
        return refuse(taking, SPARKPLUG_TOO_LARGE, "the payload unfolds to too much");
    taking->message->metrics = list.metric;
    taking->message->count = list.count;
    taking->message->skipped = list.skipped;
    sparkplug->counters.metrics += list.count;
    if (list.unknown)
        want_rebirth(taking);
    return SPARKPLUG_TAKEN;
}

static enum sparkplug_refusal take_birth(struct taking *taking, struct sparkplug_source *source)
{
    int r = sparkplug_source_birth(&taking->sparkplug->nodes, source, &taking->payload);
    if (r == -ENOSPC)
        return refuse(taking, SPARKPLUG_TOO_MANY_BYTES, "more memory for births than the limit");
    if (r < 0)
        return no_memory(taking);
    enum sparkplug_refusal refusal = list_metrics(taking, source->table);
    if (refusal) {
        sparkplug_source_end(&taking->sparkplug->nodes, source);
        source->refused = true;
    }
    return refusal;
}

static enum sparkplug_refusal take_node_birth(struct taking *taking)
{
    struct sparkplug_node *node = taking->node;
    sparkplug_device_drop_all(&taking->sparkplug->nodes, node);
    node->has_session = sparkplug_metrics_session(&taking->payload, &node->session);
    node->seq = (uint8_t)taking->payload.seq;
    node->has_seq = true;
    node->unsure = false;
    node->rebirth.wanted = false;
    return take_birth(taking, &node->source);
}

/* A will is sent when a connection ends, and may come after the birth of the next one. */
static enum sparkplug_refusal take_node_death(struct taking *taking)
{
    struct sparkplug_nodes *nodes = &taking->sparkplug->nodes;
    struct sparkplug_node *node = sparkplug_node_find(nodes, &taking->message->topic);
    uint64_t session;
    if (!node)
        return SPARKPLUG_TAKEN;
    if (node->has_session &&
        (!sparkplug_metrics_session(&taking->payload, &session) || session != node->session))
        return refuse(taking, SPARKPLUG_OTHER_SESSION, "its bdSeq is not the last birth's");
    sparkplug_device_drop_all(nodes, node);
    sparkplug_source_end(nodes, &node->source);
    node->has_session = node->has_seq = node->unsure = false;
    node->rebirth.wanted = false;
    return SPARKPLUG_TAKEN;
}

static void check_order(struct taking *taking)
{
    struct sparkplug_node *node = taking->node;
    if (sparkplug_node_advance(node, (uint8_t)taking->payload.seq)) {
        taking->sparkplug->counters.gaps += node->source.born;
        taking->message->gap = true;
        node->unsure = true;
    }
    if (taking->message->gap || !node->source.born)
        want_rebirth(taking);
    taking->message->unsure = node->unsure;
}

static enum sparkplug_refusal take_device_birth(struct taking *taking)
{
    struct sparkplug_source *source = NULL;
    enum sparkplug_refusal refusal = get_device(taking, &source);
    return refusal ? refusal : take_birth(taking, source);
}

static enum sparkplug_refusal take_device_death(struct taking *taking)
{
    struct sparkplug_device *device =
        sparkplug_device_find(taking->node, taking->message->topic.device);
    if (device)
        sparkplug_device_drop(&taking->sparkplug->nodes, taking->node, device);
    return SPARKPLUG_TAKEN;
}

static enum sparkplug_refusal take_data(struct taking *taking)
{
    const struct sparkplug_source *source = find_source(taking->node, &taking->message->topic);
    if (source && source->refused)
        return refuse(taking, SPARKPLUG_BIRTH_REFUSED, "its birth was refused");
    if (!source || !source->born) {
        want_rebirth(taking);
        return refuse(taking, SPARKPLUG_BEFORE_BIRTH, "its birth was not heard");
    }
    return list_metrics(taking, source->table);
}

static enum sparkplug_refusal take_unpacked(struct taking *taking)
{
    enum sparkplug_type type = taking->message->topic.type;
    if (type == SPARKPLUG_NDEATH)
        return take_node_death(taking);
    enum sparkplug_refusal refusal = get_node(taking);
    if (refusal)
        return refusal;
    if (type == SPARKPLUG_NBIRTH)
        return take_node_birth(taking);
    check_order(taking);
    switch (type) {
    case SPARKPLUG_DBIRTH:
        return take_device_birth(taking);
    case SPARKPLUG_DDEATH:
        return take_device_death(taking);
    default:
        return take_data(taking);
    }
}

static enum sparkplug_refusal take(struct taking *taking)
{
    struct sparkplug_message *message = taking->message;
    if (sparkplug_topic_parse(taking->input->topic, &message->topic, taking->diag) < 0)
        return SPARKPLUG_BAD_TOPIC;
    if (message->topic.type >= SPARKPLUG_NCMD)
        return refuse(taking, SPARKPLUG_NOT_DATA, "neither births nor data");
    enum sparkplug_refusal refusal = unpack(taking);
    if (!refusal)
        return take_unpacked(taking);
    if (is_birth(taking))
        end_by_refused_birth(taking);
    return refusal;
}

enum sparkplug_refusal sparkplug_take(struct sparkplug *sparkplug,
                                      const struct sparkplug_input *input,
                                      struct sparkplug_message *ret_message, struct diag *diag)
{
    struct taking taking = {
        .sparkplug = sparkplug, .input = input, .message = ret_message, .diag = diag};
    *ret_message = (struct sparkplug_message){0};
    sparkplug->nodes.now_ns = input->now_ns;
    enum sparkplug_refusal refusal = take(&taking);
    if (refusal)
        sparkplug->counters.refused[refusal]++;
    else
        sparkplug->counters.taken++;
    if (taking.node)
        ret_message->rebirth =
            sparkplug_rebirth_ask(&taking.node->rebirth, &sparkplug->limits.rebirth, input->now_ns);
    sparkplug->counters.rebirths += ret_message->rebirth;
    return refusal;
}

/* ---- between messages ---- */

void sparkplug_missed(struct sparkplug *sparkplug)
{
    for (size_t i = 0; i < sparkplug->nodes.count; i++) {
        struct sparkplug_node *node = sparkplug->nodes.node[i];
        node->has_seq = false;
        if (node->source.born)
            node->rebirth.wanted = true;
    }
}

bool sparkplug_rebirth_due(struct sparkplug *sparkplug, int64_t now_ns,
                           struct sparkplug_topic *ret_node)
{
    for (size_t i = 0; i < sparkplug->nodes.count; i++) {
        struct sparkplug_node *node = sparkplug->nodes.node[i];
        if (sparkplug_rebirth_ask(&node->rebirth, &sparkplug->limits.rebirth, now_ns)) {
            *ret_node = (struct sparkplug_topic){
                .type = SPARKPLUG_NCMD, .group = node->group, .node = node->name};
            sparkplug->counters.rebirths++;
            return true;
        }
    }
    return false;
}

bool sparkplug_online(const struct sparkplug *sparkplug, const struct sparkplug_topic *topic)
{
    const struct sparkplug_node *node = sparkplug_node_find(&sparkplug->nodes, topic);
    const struct sparkplug_source *source = node ? find_source(node, topic) : NULL;
    return source && source->born;
}

const struct sparkplug_counters *sparkplug_counters(const struct sparkplug *sparkplug)
{
    return &sparkplug->counters;
}

size_t sparkplug_node_count(const struct sparkplug *sparkplug)
{
    return sparkplug->nodes.count;
}

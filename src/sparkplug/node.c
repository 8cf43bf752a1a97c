#include "sparkplug/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sparkplug_nodes_init(struct sparkplug_nodes *nodes, size_t count_max)
{
    *nodes = (struct sparkplug_nodes){.count_max = count_max};
    nodes->node = calloc(count_max ? count_max : 1, sizeof *nodes->node);
    return nodes->node ? 0 : -ENOMEM;
}

static void free_node(struct sparkplug_nodes *nodes, struct sparkplug_node *node)
{
    sparkplug_device_drop_all(nodes, node);
    sparkplug_source_end(nodes, &node->source);
    free(node->device);
    free(node);
}

void sparkplug_nodes_deinit(struct sparkplug_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++)
        free_node(nodes, nodes->node[i]);
    free(nodes->node);
    *nodes = (struct sparkplug_nodes){0};
}

struct sparkplug_node *sparkplug_node_find(const struct sparkplug_nodes *nodes,
                                           const struct sparkplug_topic *topic)
{
    for (size_t i = 0; i < nodes->count; i++) {
        struct sparkplug_node *node = nodes->node[i];
        if (sparkplug_span_same(node->name, topic->node) &&
            sparkplug_span_same(node->group, topic->group))
            return node;
    }
    return NULL;
}

static bool can_go(const struct sparkplug_node *node, int64_t now_ns)
{
    const struct sparkplug_rebirth *rebirth = &node->rebirth;
    if (rebirth->wait_ns > 0 && now_ns - rebirth->asked_ns < rebirth->wait_ns)
        return false;
    return !node->source.born && !node->source.refused && !rebirth->wanted && node->count == 0;
}

static bool make_room(struct sparkplug_nodes *nodes)
{
    for (size_t i = 0; nodes->count == nodes->count_max && i < nodes->count; i++) {
        if (can_go(nodes->node[i], nodes->now_ns)) {
            free_node(nodes, nodes->node[i]);
            nodes->node[i] = nodes->node[--nodes->count];
        }
    }
    return nodes->count < nodes->count_max;
}

static struct sparkplug_span copy_span(struct sparkplug_span span, char *to)
{
    memcpy(to, span.text, span.length);
    return (struct sparkplug_span){.text = to, .length = span.length};
}

int sparkplug_node_get(struct sparkplug_nodes *nodes, const struct sparkplug_topic *topic,
                       struct sparkplug_node **ret_node)
{
    *ret_node = sparkplug_node_find(nodes, topic);
    if (*ret_node)
        return 0;
    if (!make_room(nodes))
        return -ENOSPC;
    /* the names stand behind it */
    struct sparkplug_node *node =
        calloc(1, sizeof *node + topic->group.length + topic->node.length);
    if (!node)
        return -ENOMEM;
    node->group = copy_span(topic->group, (char *)(node + 1));
    node->name = copy_span(topic->node, (char *)(node + 1) + topic->group.length);
    nodes->node[nodes->count++] = node;
    *ret_node = node;
    return 0;
}

struct sparkplug_device *sparkplug_device_find(const struct sparkplug_node *node,
                                               struct sparkplug_span name)
{
    for (size_t i = 0; i < node->count; i++) {
        if (sparkplug_span_same(node->device[i]->name, name))
            return node->device[i];
    }
    return NULL;
}

static int grow(struct sparkplug_node *node)
{
    if (node->count < node->capacity)
        return 0;
    size_t capacity = node->capacity ? 2 * node->capacity : 4;
    struct sparkplug_device **device = realloc(node->device, capacity * sizeof(void *));
    if (!device)
        return -ENOMEM;
    node->device = device;
    node->capacity = capacity;
    return 0;
}

int sparkplug_device_get(struct sparkplug_nodes *nodes, struct sparkplug_node *node,
                         struct sparkplug_span name, struct sparkplug_device **ret_device)
{
    *ret_device = sparkplug_device_find(node, name);
    if (*ret_device)
        return 0;
    if (nodes->devices >= nodes->devices_max)
        return -ENOSPC;
    struct sparkplug_device *device = calloc(1, sizeof *device + name.length);
    if (!device || grow(node) < 0) {
        free(device);
        return -ENOMEM;
    }
    device->name = copy_span(name, (char *)(device + 1));
    node->device[node->count++] = device;
    nodes->devices++;
    *ret_device = device;
    return 0;
}

void sparkplug_device_drop(struct sparkplug_nodes *nodes, struct sparkplug_node *node,
                           struct sparkplug_device *device)
{
    size_t i = 0;
    while (node->device[i] != device)
        i++;
    node->device[i] = node->device[--node->count];
    nodes->devices--;
    sparkplug_source_end(nodes, &device->source);
    free(device);
}

void sparkplug_device_drop_all(struct sparkplug_nodes *nodes, struct sparkplug_node *node)
{
    while (node->count > 0)
        sparkplug_device_drop(nodes, node, node->device[node->count - 1]);
}

void sparkplug_source_end(struct sparkplug_nodes *nodes, struct sparkplug_source *source)
{
    nodes->bytes -= sparkplug_table_size(source->table);
    sparkplug_table_free(source->table);
    *source = (struct sparkplug_source){0};
}

int sparkplug_source_birth(struct sparkplug_nodes *nodes, struct sparkplug_source *source,
                           const struct sparkplug_payload *birth)
{
    sparkplug_source_end(nodes, source);
    if (sparkplug_table_size_of(birth) > nodes->bytes_max - nodes->bytes) {
        source->refused = true;
        return -ENOSPC;
    }
    source->table = sparkplug_table_new(birth);
    if (!source->table)
        return -ENOMEM;
    nodes->bytes += sparkplug_table_size(source->table);
    source->born = true;
    return 0;
}

bool sparkplug_node_advance(struct sparkplug_node *node, uint8_t seq)
{
    bool gap = !node->has_seq || seq != (uint8_t)(node->seq + 1);
    node->has_seq = true;
    node->seq = seq;
    return gap;
}

/*
 * node: what is kept of edge nodes and their devices. Thread: one.
 *
 * A device is here from its birth to its death or its node's next birth; a node from its first
 * message on. A node that has died makes room for another when there are too many, but not so soon
 * that it could be asked for a rebirth more often than it may.
 */
#ifndef ARMWATCH_SPARKPLUG_NODE_H
#define ARMWATCH_SPARKPLUG_NODE_H

#include "sparkplug/rebirth.h"
#include "sparkplug/table.h"

/* A node itself, or one of its devices. */
struct sparkplug_source {
    struct sparkplug_table *table; /* of the last birth; NULL: none, or it was refused */
    bool born, refused;            /* refused: a birth came, and was not taken */
};

struct sparkplug_device {
    struct sparkplug_span name;
    struct sparkplug_source source;
};

struct sparkplug_node {
    struct sparkplug_span group, name;
    struct sparkplug_source source;
    bool has_session, has_seq, unsure;
    uint64_t session; /* bdSeq */
    uint8_t seq;      /* of the last message */
    struct sparkplug_rebirth rebirth;
    size_t count, capacity; /* of devices */
    struct sparkplug_device **device;
};

struct sparkplug_nodes {
    size_t count, devices, bytes; /* bytes: of all tables */
    size_t count_max, devices_max, bytes_max;
    int64_t now_ns;               /* monotonic, of the message under way */
    struct sparkplug_node **node; /* [count_max] */
};

/* Errors: -ENOMEM. */
int sparkplug_nodes_init(struct sparkplug_nodes *nodes, size_t count_max);
void sparkplug_nodes_deinit(struct sparkplug_nodes *nodes);

/* NULL if it is not known. */
struct sparkplug_node *sparkplug_node_find(const struct sparkplug_nodes *nodes,
                                           const struct sparkplug_topic *topic);
/* Errors: -ENOSPC there are too many; -ENOMEM. */
int sparkplug_node_get(struct sparkplug_nodes *nodes, const struct sparkplug_topic *topic,
                       struct sparkplug_node **ret_node);

struct sparkplug_device *sparkplug_device_find(const struct sparkplug_node *node,
                                               struct sparkplug_span name);
/* Errors: -ENOSPC there are too many; -ENOMEM. */
int sparkplug_device_get(struct sparkplug_nodes *nodes, struct sparkplug_node *node,
                         struct sparkplug_span name, struct sparkplug_device **ret_device);
void sparkplug_device_drop(struct sparkplug_nodes *nodes, struct sparkplug_node *node,
                           struct sparkplug_device *device);
void sparkplug_device_drop_all(struct sparkplug_nodes *nodes, struct sparkplug_node *node);

/* The table of a birth takes the place of the last one. Errors: -ENOSPC bytes_max would be passed,
 * and the source is refused; -ENOMEM, and it waits for a birth as before its first. */
int sparkplug_source_birth(struct sparkplug_nodes *nodes, struct sparkplug_source *source,
                           const struct sparkplug_payload *birth);
/* Neither born nor a table. */
void sparkplug_source_end(struct sparkplug_nodes *nodes, struct sparkplug_source *source);

/* The number of a message after a birth. Returns whether any is missing before it. */
bool sparkplug_node_advance(struct sparkplug_node *node, uint8_t seq);

#endif

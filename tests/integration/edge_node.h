/*
 * edge_node: a Sparkplug B edge node with one device, on a peer of the harness.
 *
 * As the specification wants it: births with names, aliases and datatypes, then data by alias, of
 * what has changed only, all of it numbered. It answers a rebirth command by itself, while the loop
 * turns. What is published has time_ms; the test sets it.
 */
#ifndef ARMWATCH_TESTS_EDGE_NODE_H
#define ARMWATCH_TESTS_EDGE_NODE_H

#include "harness.h"
#include "sparkplug/sparkplug.h"

#define EDGE_SIGNALS_MAX 64
#define EDGE_ALIAS_BASE 1000 /* of the first signal */

/* Of the device. text: String; else a number, written as the datatype wants it. */
struct edge_signal {
    const char *name;
    enum sparkplug_datatype datatype; /* SPARKPLUG_BOOLEAN, INT8 to DOUBLE, STRING */
    double number;
    const char *text; /* borrowed */
    bool null;
    bool changed; /* since it was published */
};

struct edge_node {
    struct peer *peer;
    const char *group, *node, *device;
    uint64_t session; /* bdSeq */
    uint8_t seq;      /* of the next message */
    int64_t time_ms;  /* Unix epoch */
    struct edge_signal signal[EDGE_SIGNALS_MAX];
    size_t count;
    unsigned births, rebirths; /* births of the node; those that were asked for */
    bool deaf;                 /* does not answer a rebirth command */
};

/* The peer must be online. Subscribes to the node's commands; publishes nothing. group, node and
 * device are borrowed. The edge node must outlive the peer's messages. */
void edge_node_init(struct edge_node *edge, struct harness *harness, struct peer *peer,
                    const char *const ids[3]);

/* A further signal. Returns its index. */
size_t edge_node_add(struct edge_node *edge, const char *name, enum sparkplug_datatype datatype);
void edge_node_set(struct edge_node *edge, size_t signal, double number);
void edge_node_set_text(struct edge_node *edge, size_t signal, const char *text);
void edge_node_set_null(struct edge_node *edge, size_t signal);

/* NBIRTH with bdSeq, DBIRTH with every signal. */
void edge_node_birth(struct edge_node *edge);
/* DDATA with what has changed. Returns how many metrics it has; where none has changed it is not
 * published. */
size_t edge_node_publish(struct edge_node *edge);
/* DDATA of the past: one signal, historical, with a time of its own. */
void edge_node_publish_historical(struct edge_node *edge, size_t signal, double number,
                                  int64_t time_ms);
/* The next message is lost on the way: what has changed counts as published. */
void edge_node_lose(struct edge_node *edge);
/* DDEATH. */
void edge_node_device_dies(struct edge_node *edge);
/* NDEATH of the present session, as a plain message. Its next births are those of a new one. */
void edge_node_die(struct edge_node *edge);

#endif

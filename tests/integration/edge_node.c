#include "edge_node.h"

#include "sparkplug/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REBIRTH "Node Control/Rebirth"

/* The edge node of a peer, for the commands that it hears. */
static struct edge_node *edges[HARNESS_PEERS];

static struct sparkplug_topic topic_of(const struct edge_node *edge, enum sparkplug_type type)
{
    struct sparkplug_topic topic = {.type = type,
                                    .group = sparkplug_span_of(edge->group),
                                    .node = sparkplug_span_of(edge->node)};
    if (type == SPARKPLUG_DBIRTH || type == SPARKPLUG_DDATA || type == SPARKPLUG_DDEATH)
        topic.device = sparkplug_span_of(edge->device);
    return topic;
}

/* ---- commands ---- */

static bool is_rebirth(const struct mqtt_message *message)
{
    struct sparkplug_arena arena;
    struct sparkplug_payload payload;
    bool found = false;
    assert_int_equal(sparkplug_arena_init(&arena, SPARKPLUG_PAYLOAD_MAX), 0);
    if (sparkplug_payload_unpack(&arena, message->payload, message->size, &payload) == 0) {
        for (size_t i = 0; i < payload.count; i++) {
            struct sparkplug_raw metric = sparkplug_payload_metric(&payload, i);
            found |= sparkplug_span_same(metric.name, sparkplug_span_of(REBIRTH)) &&
                     metric.field == SPARKPLUG_FIELD_BOOLEAN && metric.integer == 1;
        }
    }
    sparkplug_arena_deinit(&arena);
    return found;
}

static void on_message(struct peer *peer, const struct mqtt_message *message)
{
    char command[SPARKPLUG_TOPIC_SIZE];
    for (size_t i = 0; i < HARNESS_PEERS; i++) {
        struct edge_node *edge = edges[i];
        if (!edge || edge->peer != peer)
            continue;
        struct sparkplug_topic topic = topic_of(edge, SPARKPLUG_NCMD);
        sparkplug_topic_format(&topic, command);
        if (strcmp(message->topic, command) || edge->deaf || !is_rebirth(message))
            continue;
        edge->rebirths++;
        edge_node_birth(edge);
    }
}

void edge_node_init(struct edge_node *edge, struct harness *harness, struct peer *peer,
                    const char *const ids[3])
{
    char command[SPARKPLUG_TOPIC_SIZE];
    *edge = (struct edge_node){
        .peer = peer, .group = ids[0], .node = ids[1], .device = ids[2], .time_ms = 1767225600000};
    peer->on_message = on_message;
    edges[peer - harness->peers] = edge;
    struct sparkplug_topic topic = topic_of(edge, SPARKPLUG_NCMD);
    sparkplug_topic_format(&topic, command);
    harness_subscribe(harness, peer, command, 1);
}

/* ---- signals ---- */

size_t edge_node_add(struct edge_node *edge, const char *name, enum sparkplug_datatype datatype)
{
    assert_true(edge->count < EDGE_SIGNALS_MAX);
    edge->signal[edge->count] = (struct edge_signal){
        .name = name, .datatype = datatype, .text = datatype == SPARKPLUG_STRING ? "" : NULL};
    return edge->count++;
}

void edge_node_set(struct edge_node *edge, size_t signal, double number)
{
    struct edge_signal *at = &edge->signal[signal];
    assert_true(signal < edge->count && at->datatype != SPARKPLUG_STRING);
    at->changed |= at->null || at->number != number;
    at->number = number;
    at->null = false;
}

void edge_node_set_text(struct edge_node *edge, size_t signal, const char *text)
{
    struct edge_signal *at = &edge->signal[signal];
    assert_true(signal < edge->count && at->datatype == SPARKPLUG_STRING);
    at->changed |= at->null || strcmp(at->text, text) != 0;
    at->text = text;
    at->null = false;
}

void edge_node_set_null(struct edge_node *edge, size_t signal)
{
    struct edge_signal *at = &edge->signal[signal];
    at->changed |= !at->null;
    at->null = true;
}

static void write_number(const struct edge_signal *signal, struct sparkplug_raw *ret_raw)
{
    ret_raw->real = signal->number;
    switch (signal->datatype) {
    case SPARKPLUG_FLOAT:
        ret_raw->field = SPARKPLUG_FIELD_FLOAT;
        break;
    case SPARKPLUG_DOUBLE:
        ret_raw->field = SPARKPLUG_FIELD_DOUBLE;
        break;
    case SPARKPLUG_BOOLEAN:
        ret_raw->field = SPARKPLUG_FIELD_BOOLEAN;
        ret_raw->integer = signal->number != 0;
        break;
    case SPARKPLUG_UINT64:
        ret_raw->field = SPARKPLUG_FIELD_LONG;
        ret_raw->integer = (uint64_t)signal->number;
        break;
    default: /* two's complement */
        ret_raw->field =
            signal->datatype == SPARKPLUG_INT64 ? SPARKPLUG_FIELD_LONG : SPARKPLUG_FIELD_INT;
        ret_raw->integer = (uint64_t)(int64_t)signal->number;
        break;
    }
}

static struct sparkplug_raw raw_of(const struct edge_signal *signal)
{
    struct sparkplug_raw raw = {.null = signal->null};
    if (signal->null)
        return raw;
    if (signal->datatype == SPARKPLUG_STRING) {
        raw.field = SPARKPLUG_FIELD_STRING;
        raw.string = sparkplug_span_of(signal->text);
    } else {
        write_number(signal, &raw);
    }
    return raw;
}

/* ---- messages ---- */

static void publish(struct edge_node *edge, enum sparkplug_type type,
                    const struct sparkplug_raw *metrics, size_t count)
{
    static unsigned char data[SPARKPLUG_PAYLOAD_MAX];
    char text[SPARKPLUG_TOPIC_SIZE];
    const struct sparkplug_topic topic = topic_of(edge, type);
    const struct sparkplug_payload payload = {
        .has_time = true,
        .time_ms = (uint64_t)edge->time_ms,
        .has_seq = type != SPARKPLUG_NDEATH,
        .seq = edge->seq,
        .count = count,
    };
    edge->seq = (uint8_t)(edge->seq + payload.has_seq);
    sparkplug_topic_format(&topic, text);
    long size = sparkplug_payload_pack(&payload, metrics, data, sizeof data);
    assert_true(size >= 0);
    const struct mqtt_message message = {.topic = text, .payload = data, .size = (size_t)size};
    int r = mqtt_client_publish(edge->peer->client, &message, NULL);
    if (r < 0)
        fail_msg("publish %s: %s", text, strerror(-r));
}

static struct sparkplug_raw session_of(const struct edge_node *edge)
{
    return (struct sparkplug_raw){.name = sparkplug_span_of("bdSeq"),
                                  .has_datatype = true,
                                  .datatype = SPARKPLUG_INT64,
                                  .field = SPARKPLUG_FIELD_LONG,
                                  .integer = edge->session};
}

void edge_node_birth(struct edge_node *edge)
{
    struct sparkplug_raw metrics[EDGE_SIGNALS_MAX];
    metrics[0] = session_of(edge);
    metrics[1] = (struct sparkplug_raw){.name = sparkplug_span_of(REBIRTH),
                                        .has_datatype = true,
                                        .datatype = SPARKPLUG_BOOLEAN,
                                        .field = SPARKPLUG_FIELD_BOOLEAN};
    edge->seq = 0;
    edge->births++;
    publish(edge, SPARKPLUG_NBIRTH, metrics, 2);
    for (size_t i = 0; i < edge->count; i++) {
        metrics[i] = raw_of(&edge->signal[i]);
        metrics[i].name = sparkplug_span_of(edge->signal[i].name);
        metrics[i].has_alias = true;
        metrics[i].alias = EDGE_ALIAS_BASE + i;
        metrics[i].has_datatype = true;
        metrics[i].datatype = edge->signal[i].datatype;
        edge->signal[i].changed = false;
    }
    publish(edge, SPARKPLUG_DBIRTH, metrics, edge->count);
}

size_t edge_node_publish(struct edge_node *edge)
{
    struct sparkplug_raw metrics[EDGE_SIGNALS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < edge->count; i++) {
        if (!edge->signal[i].changed)
            continue;
        metrics[count] = raw_of(&edge->signal[i]);
        metrics[count].has_alias = true;
        metrics[count++].alias = EDGE_ALIAS_BASE + i;
        edge->signal[i].changed = false;
    }
    if (count > 0)
        publish(edge, SPARKPLUG_DDATA, metrics, count);
    return count;
}

void edge_node_publish_historical(struct edge_node *edge, size_t signal, double number,
                                  int64_t time_ms)
{
    struct edge_signal past = edge->signal[signal];
    past.number = number;
    past.null = false;
    struct sparkplug_raw metric = raw_of(&past);
    metric.has_alias = true;
    metric.alias = EDGE_ALIAS_BASE + signal;
    metric.historical = true;
    metric.has_time = true;
    metric.time_ms = (uint64_t)time_ms;
    publish(edge, SPARKPLUG_DDATA, &metric, 1);
}

void edge_node_lose(struct edge_node *edge)
{
    for (size_t i = 0; i < edge->count; i++)
        edge->signal[i].changed = false;
    edge->seq++;
}

void edge_node_device_dies(struct edge_node *edge)
{
    publish(edge, SPARKPLUG_DDEATH, NULL, 0);
}

void edge_node_die(struct edge_node *edge)
{
    const struct sparkplug_raw session = session_of(edge);
    publish(edge, SPARKPLUG_NDEATH, &session, 1);
    edge->session++;
}

/*
 * sparkplug: messages of Sparkplug B edge nodes and their devices, to tags.
 *
 * A birth tells the metrics of a node or device, with their names and datatypes; what follows may
 * name them by alias alone, and only those that changed. So what is kept of each node is the table
 * of its last birth and the number of its last message. Where that does not suffice, after a gap,
 * for an unknown alias, or for data before a birth, the node is to be asked for a rebirth.
 *
 * Thread: one. Time: only that which is passed in. Memory: sparkplug_take allocates at births, and
 * for nodes and devices that are new; all of it is bounded by the limits.
 */
#ifndef ARMWATCH_SPARKPLUG_SPARKPLUG_H
#define ARMWATCH_SPARKPLUG_SPARKPLUG_H

#include "base/diag.h"
#include "base/tag.h"
#include "sparkplug/rebirth.h"
#include "sparkplug/topic.h"
#include "sparkplug/value.h"

#include <stdint.h>

#define SPARKPLUG_PAYLOAD_MAX 65536

struct sparkplug_limits {
    size_t nodes, devices;         /* devices: of all nodes together */
    size_t metrics;                /* of one message */
    size_t bytes;                  /* of the tables of all births together */
    struct sparkplug_wait rebirth; /* between two requests to one node */
};
#define SPARKPLUG_LIMITS_DEFAULT                                                                   \
    ((struct sparkplug_limits){                                                                    \
        .nodes = 256,                                                                              \
        .devices = 1024,                                                                           \
        .metrics = 2048,                                                                           \
        .bytes = (size_t)8 << 20,                                                                  \
        .rebirth = {.min_ns = INT64_C(10000000000), .max_ns = INT64_C(600000000000)}})

/* Why a message was refused as a whole; the names are the `reason` of the counters. */
enum sparkplug_refusal {
    SPARKPLUG_TAKEN = 0,
    SPARKPLUG_BAD_TOPIC,
    SPARKPLUG_NOT_DATA,  /* NCMD, DCMD, STATE: nothing is wrong, and nothing to take */
    SPARKPLUG_TOO_LARGE, /* over SPARKPLUG_PAYLOAD_MAX, or unfolds to more than its metrics may */
    SPARKPLUG_MALFORMED, /* not this protobuf */
    SPARKPLUG_COMPRESSED,
    SPARKPLUG_BAD_SEQ,       /* none, or over 255 */
    SPARKPLUG_BEFORE_BIRTH,  /* data of a node or device whose birth was not heard */
    SPARKPLUG_BIRTH_REFUSED, /* data of a node or device whose birth was refused */
    SPARKPLUG_OTHER_SESSION, /* the death of a session that is not the present one */
    SPARKPLUG_TOO_MANY_NODES,
    SPARKPLUG_TOO_MANY_DEVICES,
    SPARKPLUG_TOO_MANY_METRICS,
    SPARKPLUG_TOO_MANY_BYTES,
    SPARKPLUG_NO_MEMORY,
    SPARKPLUG_REFUSALS
};
const char *sparkplug_refusal_name(enum sparkplug_refusal refusal);

struct sparkplug_counters {
    uint64_t taken, metrics; /* messages, and metrics that were given */
    uint64_t refused[SPARKPLUG_REFUSALS];
    uint64_t skipped[SPARKPLUG_SKIPS]; /* metrics of messages that were taken */
    uint64_t gaps, rebirths;           /* rebirths: requests */
};

struct sparkplug_metric {
    const char *name; /* terminated UTF-8 without control characters, at most 255 bytes */
    struct tag tag;
    int64_t time_ms; /* Unix epoch: its own, or else the message's; only where has_time */
    bool has_time;
    bool historical; /* of the past: not the present value */
};

struct sparkplug_input {
    const char *topic;
    const void *payload;
    size_t size;
    int64_t now_ns; /* monotonic; for the requests only */
};

struct sparkplug_message {
    struct sparkplug_topic topic; /* borrowed from the input's topic; of no meaning on BAD_TOPIC */
    const struct sparkplug_metric *metrics; /* in the message's order */
    size_t count, skipped;
    /* Messages of this node are missing before this one, or may be. As only changes are sent, no
     * value that is remembered of the node or its devices is known to hold until it comes again. */
    bool gap;
    /* Since a gap there was no birth of the node: if a birth was lost, too, then the same alias may
     * stand for something else. */
    bool unsure;
    /* The node is to be sent sparkplug_format_rebirth(&topic, ...), now. Also set with refusals. */
    bool rebirth;
};

struct sparkplug;

/* NULL when memory is out. */
struct sparkplug *sparkplug_new(const struct sparkplug_limits *limits);
void sparkplug_free(struct sparkplug *sparkplug);

/* Takes one message, retained ones excepted: those are not to be passed in.
 *
 * A birth or data: its metrics. What is no tag is skipped, and counted with a reason; a birth that
 * is refused takes the last one's table away. NBIRTH: the node is online, its devices wait for
 * their births. NDEATH of the present session (bdSeq): the node and its devices are offline, and so
 * is the device of a DDEATH.
 *
 * Memory: metrics, with their names and texts, are valid until the next call. Returns
 * SPARKPLUG_TAKEN, or the reason, with a text for the log in diag. */
enum sparkplug_refusal sparkplug_take(struct sparkplug *sparkplug,
                                      const struct sparkplug_input *input,
                                      struct sparkplug_message *ret_message, struct diag *diag);

/* Messages may have been missed, because the own connection was lost: the next one of each node
 * comes after a gap, unless it is a birth of the node, and each that is online is to be asked for a
 * rebirth (sparkplug_rebirth_due). */
void sparkplug_missed(struct sparkplug *sparkplug);

/* For a timer, since a node that waits for its request may be silent: the group and node of one
 * that is to be asked now, borrowed until the next call of anything here. To be called until false.
 */
bool sparkplug_rebirth_due(struct sparkplug *sparkplug, int64_t now_ns,
                           struct sparkplug_topic *ret_node);

/* Whether the node or device of a topic is born and has not died. */
bool sparkplug_online(const struct sparkplug *sparkplug, const struct sparkplug_topic *topic);

const struct sparkplug_counters *sparkplug_counters(const struct sparkplug *sparkplug);
size_t sparkplug_node_count(const struct sparkplug *sparkplug);

#endif

/*
 * payload: the protobuf of a Sparkplug B message, read and written. The only home of protobuf-c.
 *
 * Nothing is judged here: names and texts are bytes, a value is in the field that it was sent in.
 * Thread: any. Memory: what was read is in the arena, valid until that is reset.
 */
#ifndef ARMWATCH_SPARKPLUG_PAYLOAD_H
#define ARMWATCH_SPARKPLUG_PAYLOAD_H

#include "sparkplug/arena.h"
#include "sparkplug/span.h"

#include <stdint.h>

/* The field that a value is in. */
enum sparkplug_field {
    SPARKPLUG_FIELD_NONE, /* there is none, or one that is not read */
    SPARKPLUG_FIELD_INT,
    SPARKPLUG_FIELD_LONG,
    SPARKPLUG_FIELD_FLOAT,
    SPARKPLUG_FIELD_DOUBLE,
    SPARKPLUG_FIELD_BOOLEAN,
    SPARKPLUG_FIELD_STRING
};

struct sparkplug_raw {
    struct sparkplug_span name; /* text NULL: there is none */
    bool has_alias, has_time, has_datatype, historical, null;
    uint64_t alias, time_ms;
    uint32_t datatype;
    enum sparkplug_field field;
    uint64_t integer; /* INT, LONG, BOOLEAN */
    double real;      /* FLOAT, DOUBLE */
    struct sparkplug_span string;
};

struct sparkplug_payload {
    bool has_time, has_seq;
    uint64_t time_ms, seq;
    struct sparkplug_span uuid;
    size_t count;         /* of metrics */
    const void *unpacked; /* behind sparkplug_payload_metric */
};

/* Errors: -EBADMSG no such protobuf; -ENOSPC it does not fit into the arena. */
int sparkplug_payload_unpack(struct sparkplug_arena *arena, const void *data, size_t size,
                             struct sparkplug_payload *ret_payload);
struct sparkplug_raw sparkplug_payload_metric(const struct sparkplug_payload *payload,
                                              size_t index);

/* Writes a payload with metrics[payload->count]; payload->unpacked has no meaning. Returns the
 * size. Errors: -ENOSPC, -ENOMEM. */
long sparkplug_payload_pack(const struct sparkplug_payload *payload,
                            const struct sparkplug_raw *metrics, void *ret_data, size_t size);

#endif

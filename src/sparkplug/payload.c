#include "sparkplug/payload.h"

#include <errno.h>
#include <stdlib.h>

#include <sparkplug_b.pb-c.h>

typedef Armwatch__Sparkplug__Payload pb_payload;
typedef Armwatch__Sparkplug__Payload__Metric pb_metric;

#define CASE(name) ARMWATCH__SPARKPLUG__PAYLOAD__METRIC__VALUE_##name

static void *take(void *arena, size_t size)
{
    return sparkplug_arena_take(arena, size);
}

static void give_back(void *arena, void *memory)
{
    /* the arena is reset as a whole */
}

static struct sparkplug_span span_of(ProtobufCBinaryData bytes)
{
    /* protobuf-c has no memory for an empty text */
    return (struct sparkplug_span){.text = bytes.len ? (const char *)bytes.data : "",
                                   .length = bytes.len};
}

int sparkplug_payload_unpack(struct sparkplug_arena *arena, const void *data, size_t size,
                             struct sparkplug_payload *ret_payload)
{
    ProtobufCAllocator allocator = {.alloc = take, .free = give_back, .allocator_data = arena};
    const pb_payload *unpacked = armwatch__sparkplug__payload__unpack(&allocator, size, data);
    if (!unpacked)
        return arena->full ? -ENOSPC : -EBADMSG;
    *ret_payload = (struct sparkplug_payload){
        .has_time = unpacked->has_timestamp,
        .has_seq = unpacked->has_seq,
        .time_ms = unpacked->timestamp,
        .seq = unpacked->seq,
        .count = unpacked->n_metrics,
        .unpacked = unpacked,
    };
    if (unpacked->has_uuid)
        ret_payload->uuid = span_of(unpacked->uuid);
    return 0;
}

static void read_value(const pb_metric *metric, struct sparkplug_raw *ret_raw)
{
    switch (metric->value_case) {
    case CASE(INT_VALUE):
        ret_raw->field = SPARKPLUG_FIELD_INT;
        ret_raw->integer = metric->int_value;
        break;
    case CASE(LONG_VALUE):
        ret_raw->field = SPARKPLUG_FIELD_LONG;
        ret_raw->integer = metric->long_value;
        break;
    case CASE(FLOAT_VALUE):
        ret_raw->field = SPARKPLUG_FIELD_FLOAT;
        ret_raw->real = (double)metric->float_value;
        break;
    case CASE(DOUBLE_VALUE):
        ret_raw->field = SPARKPLUG_FIELD_DOUBLE;
        ret_raw->real = metric->double_value;
        break;
    case CASE(BOOLEAN_VALUE):
        ret_raw->field = SPARKPLUG_FIELD_BOOLEAN;
        ret_raw->integer = metric->boolean_value != 0;
        break;
    case CASE(STRING_VALUE):
        ret_raw->field = SPARKPLUG_FIELD_STRING;
        ret_raw->string = span_of(metric->string_value);
        break;
    default:
        break;
    }
}

struct sparkplug_raw sparkplug_payload_metric(const struct sparkplug_payload *payload, size_t index)
{
    const pb_metric *metric = ((const pb_payload *)payload->unpacked)->metrics[index];
    struct sparkplug_raw raw = {
        .has_alias = metric->has_alias,
        .has_time = metric->has_timestamp,
        .has_datatype = metric->has_datatype,
        .historical = metric->has_is_historical && metric->is_historical,
        .null = metric->has_is_null && metric->is_null,
        .alias = metric->alias,
        .time_ms = metric->timestamp,
        .datatype = metric->datatype,
    };
    if (metric->has_name)
        raw.name = span_of(metric->name);
    read_value(metric, &raw);
    return raw;
}

static ProtobufCBinaryData bytes_of(struct sparkplug_span span)
{
    return (ProtobufCBinaryData){.len = span.length, .data = (uint8_t *)span.text};
}

static void write_value(const struct sparkplug_raw *raw, pb_metric *ret_metric)
{
    switch (raw->field) {
    case SPARKPLUG_FIELD_NONE:
        break;
    case SPARKPLUG_FIELD_INT:
        ret_metric->value_case = CASE(INT_VALUE);
        ret_metric->int_value = (uint32_t)raw->integer;
        break;
    case SPARKPLUG_FIELD_LONG:
        ret_metric->value_case = CASE(LONG_VALUE);
        ret_metric->long_value = raw->integer;
        break;
    case SPARKPLUG_FIELD_FLOAT:
        ret_metric->value_case = CASE(FLOAT_VALUE);
        ret_metric->float_value = (float)raw->real;
        break;
    case SPARKPLUG_FIELD_DOUBLE:
        ret_metric->value_case = CASE(DOUBLE_VALUE);
        ret_metric->double_value = raw->real;
        break;
    case SPARKPLUG_FIELD_BOOLEAN:
        ret_metric->value_case = CASE(BOOLEAN_VALUE);
        ret_metric->boolean_value = raw->integer != 0;
        break;
    case SPARKPLUG_FIELD_STRING:
        ret_metric->value_case = CASE(STRING_VALUE);
        ret_metric->string_value = bytes_of(raw->string);
        break;
    }
}

static void write_metric(const struct sparkplug_raw *raw, pb_metric *ret_metric)
{
    armwatch__sparkplug__payload__metric__init(ret_metric);
    ret_metric->has_name = raw->name.text != NULL;
    ret_metric->name = bytes_of(raw->name);
    ret_metric->has_alias = raw->has_alias;
    ret_metric->alias = raw->alias;
    ret_metric->has_timestamp = raw->has_time;
    ret_metric->timestamp = raw->time_ms;
    ret_metric->has_datatype = raw->has_datatype;
    ret_metric->datatype = raw->datatype;
    ret_metric->has_is_historical = raw->historical;
    ret_metric->is_historical = raw->historical;
    ret_metric->has_is_null = raw->null;
    ret_metric->is_null = raw->null;
    write_value(raw, ret_metric);
}

long sparkplug_payload_pack(const struct sparkplug_payload *payload,
                            const struct sparkplug_raw *metrics, void *ret_data, size_t size)
{
    size_t count = payload->count;
    pb_metric *written = calloc(count + 1, sizeof *written);
    pb_metric **list = calloc(count + 1, sizeof *list);
    long r = -ENOMEM;
    if (written && list) {
        pb_payload message = ARMWATCH__SPARKPLUG__PAYLOAD__INIT;
        for (size_t i = 0; i < count; i++) {
            write_metric(&metrics[i], &written[i]);
            list[i] = &written[i];
        }
        message.n_metrics = count;
        message.metrics = list;
        message.has_timestamp = payload->has_time;
        message.timestamp = payload->time_ms;
        message.has_seq = payload->has_seq;
        message.seq = payload->seq;
        message.has_uuid = payload->uuid.text != NULL;
        message.uuid = bytes_of(payload->uuid);
        r = armwatch__sparkplug__payload__get_packed_size(&message) > size
                ? -ENOSPC
                : (long)armwatch__sparkplug__payload__pack(&message, ret_data);
    }
    free(written);
    free(list);
    return r;
}

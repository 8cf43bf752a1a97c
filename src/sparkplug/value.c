#include "sparkplug/value.h"

#include <string.h>

static const char *const skip_names[SPARKPLUG_SKIPS] = {
    [SPARKPLUG_KEPT] = "kept",
    [SPARKPLUG_CONTROL] = "control",
    [SPARKPLUG_UNSUPPORTED] = "unsupported",
    [SPARKPLUG_NO_DATATYPE] = "no_datatype",
    [SPARKPLUG_NO_VALUE] = "no_value",
    [SPARKPLUG_WRONG_VALUE] = "wrong_value",
    [SPARKPLUG_BAD_NAME] = "bad_name",
    [SPARKPLUG_BAD_TEXT] = "bad_text",
    [SPARKPLUG_BAD_TIME] = "bad_time",
    [SPARKPLUG_UNKNOWN_ALIAS] = "unknown_alias",
    [SPARKPLUG_UNKNOWN_NAME] = "unknown_name",
    [SPARKPLUG_SAME_ALIAS] = "same_alias",
};

const char *sparkplug_skip_name(enum sparkplug_skip skip)
{
    return skip_names[skip];
}

static struct tag number(double value)
{
    return (struct tag){.type = TAG_NUMBER, .number = value};
}

/* -1 of an Int8 is sent as 0xff, as 0xffffffff, or in the long field with all bits set. */
static enum sparkplug_skip signed_tag(const struct sparkplug_raw *raw, unsigned bits,
                                      struct tag *ret_tag)
{
    uint64_t value = raw->integer;
    if (raw->field == SPARKPLUG_FIELD_INT && value > INT32_MAX && bits < 32)
        value |= UINT64_MAX << 32;
    const uint64_t half = UINT64_C(1) << (bits - 1), beyond = half << 1; /* beyond: 0 for 64 bits */
    if (bits < 64 && value >= beyond && value < 0 - half)
        return SPARKPLUG_WRONG_VALUE;
    if (bits < 64 && value >= half && value < beyond)
        value -= beyond;
    *ret_tag = number((double)(int64_t)value);
    return SPARKPLUG_KEPT;
}

static enum sparkplug_skip unsigned_tag(const struct sparkplug_raw *raw, unsigned bits,
                                        struct tag *ret_tag)
{
    if (bits < 64 && raw->integer >> bits)
        return SPARKPLUG_WRONG_VALUE;
    *ret_tag = number((double)raw->integer);
    return SPARKPLUG_KEPT;
}

static enum sparkplug_skip integer_tag(const struct sparkplug_raw *raw, uint32_t datatype,
                                       struct tag *ret_tag)
{
    bool is_long = raw->field == SPARKPLUG_FIELD_LONG;
    if (!is_long && raw->field != SPARKPLUG_FIELD_INT)
        return SPARKPLUG_WRONG_VALUE;
    switch (datatype) {
    case SPARKPLUG_INT8:
        return signed_tag(raw, 8, ret_tag);
    case SPARKPLUG_INT16:
        return signed_tag(raw, 16, ret_tag);
    case SPARKPLUG_INT32:
        return signed_tag(raw, 32, ret_tag);
    case SPARKPLUG_INT64: /* in the shorter field its sign would be lost */
        return is_long ? signed_tag(raw, 64, ret_tag) : SPARKPLUG_WRONG_VALUE;
    case SPARKPLUG_UINT8:
        return unsigned_tag(raw, 8, ret_tag);
    case SPARKPLUG_UINT16:
        return unsigned_tag(raw, 16, ret_tag);
    case SPARKPLUG_UINT32:
        return unsigned_tag(raw, 32, ret_tag);
    default: /* UInt64, DateTime */
        return unsigned_tag(raw, 64, ret_tag);
    }
}

static enum sparkplug_skip text_tag(const struct sparkplug_raw *raw, struct sparkplug_arena *arena,
                                    struct tag *ret_tag)
{
    if (raw->field != SPARKPLUG_FIELD_STRING)
        return SPARKPLUG_WRONG_VALUE;
    if (!sparkplug_span_is_text(raw->string))
        return SPARKPLUG_BAD_TEXT;
    char *text = sparkplug_arena_take(arena, raw->string.length + 1);
    if (!text)
        return SPARKPLUG_WRONG_VALUE;
    memcpy(text, raw->string.text, raw->string.length);
    text[raw->string.length] = '\0';
    *ret_tag = (struct tag){.type = TAG_TEXT, .text = text};
    return SPARKPLUG_KEPT;
}

enum sparkplug_skip sparkplug_value_tag(const struct sparkplug_raw *raw, uint32_t datatype,
                                        struct sparkplug_arena *arena, struct tag *ret_tag)
{
    if (datatype == 0 || datatype >= SPARKPLUG_DATASET)
        return SPARKPLUG_UNSUPPORTED;
    if (raw->null) {
        *ret_tag = (struct tag){.type = TAG_NULL};
        return SPARKPLUG_KEPT;
    }
    if (raw->field == SPARKPLUG_FIELD_NONE)
        return SPARKPLUG_NO_VALUE;
    switch (datatype) {
    case SPARKPLUG_FLOAT:
    case SPARKPLUG_DOUBLE:
        if (raw->field != SPARKPLUG_FIELD_FLOAT && raw->field != SPARKPLUG_FIELD_DOUBLE)
            return SPARKPLUG_WRONG_VALUE;
        *ret_tag = number(raw->real);
        return SPARKPLUG_KEPT;
    case SPARKPLUG_BOOLEAN:
        if (raw->field != SPARKPLUG_FIELD_BOOLEAN)
            return SPARKPLUG_WRONG_VALUE;
        *ret_tag = (struct tag){.type = TAG_BOOL, .number = (double)raw->integer};
        return SPARKPLUG_KEPT;
    case SPARKPLUG_STRING:
    case SPARKPLUG_TEXT:
    case SPARKPLUG_UUID:
        return text_tag(raw, arena, ret_tag);
    default:
        return integer_tag(raw, datatype, ret_tag);
    }
}

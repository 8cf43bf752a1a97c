/*
 * Most sources name their channels in the same order each time: the name behind the last one is
 * looked at before the table.
 */
#include "pipeline/sample_scan.h"

#include "base/clock.h"
#include "base/json.h"
#include "pipeline/sample_decoder.h"
#include "pipeline/sample_number.h"
#include "pipeline/sample_time.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS_MAX 4096 /* of which it can be seen that none came twice */
#define UNKNOWN_MAX 16    /* names that are no channels */
#define PATIENCE 4        /* numbers that need not be plain */

struct cursor {
    const char *at, *end;
};

struct slice {
    const char *text;
    size_t length;
};

/* ---- tokens */

static inline void skip_space(struct cursor *cursor)
{
    const char *at = cursor->at;
    while (at < cursor->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    cursor->at = at;
}

/* The next byte behind blanks is this one. */
static inline bool take(struct cursor *cursor, char byte)
{
    skip_space(cursor);
    bool there = cursor->at < cursor->end && *cursor->at == byte;
    cursor->at += there;
    return there;
}

static bool take_number(struct cursor *cursor, double *ret_value)
{
    skip_space(cursor);
    const char *at = sample_number_read(cursor->at, cursor->end, ret_value);
    if (!at)
        return false;
    cursor->at = at;
    return true;
}

static bool take_float(struct cursor *cursor, float *ret_value)
{
    double value;
    if (!take_number(cursor, &value))
        return false;
    *ret_value = (float)value;
    return isfinite(*ret_value);
}

/* Without escapes, printable ASCII. */
static bool take_string(struct cursor *cursor, struct slice *ret_slice)
{
    if (!take(cursor, '"'))
        return false;
    ret_slice->text = cursor->at;
    for (; cursor->at < cursor->end && *cursor->at != '"'; cursor->at++) {
        unsigned char byte = (unsigned char)*cursor->at;
        if (byte < 0x20 || byte >= 0x7f || byte == '\\')
            return false;
    }
    ret_slice->length = (size_t)(cursor->at - ret_slice->text);
    return take(cursor, '"');
}

static bool take_word(struct cursor *cursor, const char *word)
{
    size_t length = strlen(word);
    skip_space(cursor);
    bool there = (size_t)(cursor->end - cursor->at) >= length && !memcmp(cursor->at, word, length);
    cursor->at += there ? length : 0;
    return there;
}

static bool slice_is(const struct slice *slice, const char *text)
{
    return strlen(text) == slice->length && !memcmp(slice->text, text, slice->length);
}

/* ---- values */

struct scan {
    const struct sample_decoder *decoder;
    struct cursor cursor;
    struct sample *sample;
    float *values;
    struct tag signal[CONDITIONS_MAX];
    char text[CONDITIONS_MAX][CONDITION_TEXT_MAX + 1]; /* of signals */
};

/* Plain numbers, each with its comma, as long as that is worth trying: until over a quarter of all
 * were none. */
static size_t take_run(struct scan *scan, size_t count, size_t *misses)
{
    const struct sample_decoder *decoder = scan->decoder;
    if (!decoder->reads_plain || *misses > PATIENCE + count / 4)
        return 0;
    size_t read = sample_number_read_run(&scan->cursor.at, scan->cursor.end,
                                         decoder->channels - count, &scan->values[count]);
    *misses += read == 0;
    return read;
}

static bool take_values(struct scan *scan)
{
    struct cursor *cursor = &scan->cursor;
    size_t count = 0, channels = scan->decoder->channels, misses = 0;
    if (!take(cursor, '['))
        return false;
    for (;;) {
        skip_space(cursor);
        size_t read = take_run(scan, count, &misses);
        count += read;
        if (read > 0)
            continue;
        if (count == channels || !take_float(cursor, &scan->values[count]))
            return false;
        count++;
        if (!take(cursor, ','))
            return count == channels && take(cursor, ']');
    }
}

/* Any plain value, for a signal or for nothing. */
static bool take_tag(struct cursor *cursor, struct tag *ret_tag, struct slice *ret_text)
{
    *ret_tag = (struct tag){.type = TAG_NULL};
    *ret_text = (struct slice){NULL, 0};
    skip_space(cursor);
    if (cursor->at == cursor->end)
        return false;
    switch (*cursor->at) {
    case '"':
        ret_tag->type = TAG_TEXT;
        return take_string(cursor, ret_text);
    case 'n':
        return take_word(cursor, "null");
    case 't':
    case 'f':
        ret_tag->type = TAG_BOOL;
        ret_tag->number = *cursor->at == 't';
        return take_word(cursor, *cursor->at == 't' ? "true" : "false");
    default:
        ret_tag->type = TAG_NUMBER;
        /* The tree refuses a number that no double can hold. */
        return take_number(cursor, &ret_tag->number) && isfinite(ret_tag->number);
    }
}

/* A name that is no channel: a signal of the gate, or nothing. */
static bool take_unknown(struct scan *scan, const struct slice *name)
{
    const struct conditions *gate = scan->decoder->gate;
    struct slice text;
    struct tag tag;
    if (!take_tag(&scan->cursor, &tag, &text))
        return false;
    for (size_t i = 0; gate && i < gate->count; i++) {
        if (!slice_is(name, gate->item[i].name))
            continue;
        if (text.length > CONDITION_TEXT_MAX)
            return false;
        if (tag.type == TAG_TEXT) {
            memcpy(scan->text[i], text.text, text.length);
            scan->text[i][text.length] = '\0';
            tag.text = scan->text[i];
        }
        scan->signal[i] = tag;
    }
    return true;
}

/* ---- channels */

struct naming {
    uint64_t seen[CHANNELS_MAX / 64];
    size_t next; /* that is expected */
    struct slice unknown[UNKNOWN_MAX];
    size_t unknown_count;
};

size_t sample_plain_length(const char *name)
{
    size_t length = 0;
    for (; name[length]; length++) {
        unsigned char byte = (unsigned char)name[length];
        if (byte < 0x20 || byte >= 0x7f || byte == '\\' || byte == '"')
            return 0;
    }
    return length;
}

/* The name that is expected, with its quotation marks. */
static bool take_next(struct cursor *cursor, const struct sample_decoder *decoder, size_t next)
{
    skip_space(cursor);
    size_t length = next < decoder->channels ? decoder->plain[next] : 0;
    const char *at = cursor->at;
    if (length == 0 || (size_t)(cursor->end - at) < length + 2 || *at != '"' ||
        at[length + 1] != '"' || memcmp(at + 1, decoder->names[next], length) != 0)
        return false;
    cursor->at = at + length + 2;
    return true;
}

static bool note_unknown(struct naming *naming, const struct slice *name)
{
    for (size_t i = 0; i < naming->unknown_count; i++) {
        const struct slice *one = &naming->unknown[i];
        if (one->length == name->length && !memcmp(one->text, name->text, name->length))
            return false;
    }
    if (naming->unknown_count == UNKNOWN_MAX)
        return false;
    naming->unknown[naming->unknown_count++] = *name;
    return true;
}

static bool take_channel(struct scan *scan, struct naming *naming, size_t *found)
{
    struct slice name;
    size_t channel = naming->next;
    if (!take_next(&scan->cursor, scan->decoder, channel)) {
        if (!take_string(&scan->cursor, &name))
            return false;
        channel = name_table_find_part(scan->decoder->table, name.text, name.length);
    }
    if (!take(&scan->cursor, ':'))
        return false;
    if (channel == NAME_TABLE_NONE)
        return note_unknown(naming, &name) && take_unknown(scan, &name);
    uint64_t bit = UINT64_C(1) << (channel % 64);
    if (naming->seen[channel / 64] & bit)
        return false;
    naming->seen[channel / 64] |= bit;
    naming->next = channel + 1;
    ++*found;
    skip_space(&scan->cursor);
    const char *stop =
        scan->decoder->reads_plain
            ? sample_number_read_plain(scan->cursor.at, scan->cursor.end, &scan->values[channel])
            : NULL;
    if (!stop)
        return take_float(&scan->cursor, &scan->values[channel]);
    scan->cursor.at = stop;
    return true;
}

static bool take_channels(struct scan *scan)
{
    struct naming naming;
    size_t found = 0;
    if (scan->decoder->channels > CHANNELS_MAX || !take(&scan->cursor, '{'))
        return false;
    memset(naming.seen, 0, (scan->decoder->channels + 63) / 64 * sizeof naming.seen[0]);
    naming.next = naming.unknown_count = 0;
    do {
        if (!take_channel(scan, &naming, &found))
            return false;
    } while (take(&scan->cursor, ','));
    return found == scan->decoder->channels && take(&scan->cursor, '}');
}

/* ---- the sample */

static bool take_time(struct scan *scan)
{
    struct slice text;
    double value;
    skip_space(&scan->cursor);
    scan->sample->has_time = true;
    if (scan->cursor.at < scan->cursor.end && *scan->cursor.at == '"')
        return take_string(&scan->cursor, &text) &&
               clock_parse_rfc3339(text.text, text.length, &scan->sample->time_ns);
    return take_number(&scan->cursor, &value) &&
           sample_time_of_number(value, scan->decoder->time_unit, &scan->sample->time_ns, NULL);
}

static bool take_seq(struct scan *scan)
{
    double value;
    if (!take_number(&scan->cursor, &value) || !(value >= 0) || value > JSON_MAX_INTEGER ||
        value != floor(value))
        return false;
    scan->sample->seq = (uint64_t)value;
    scan->sample->has_seq = true;
    return true;
}

static bool take_mode(struct scan *scan)
{
    struct slice text;
    if (!take_string(&scan->cursor, &text) || text.length >= SAMPLE_MODE_MAX)
        return false;
    memcpy(scan->sample->mode, text.text, text.length);
    scan->sample->mode[text.length] = '\0';
    return true;
}

static bool take_object(struct scan *scan)
{
    static const struct {
        const char *name;
        bool (*take)(struct scan *scan);
        unsigned bit;
    } members[] = {{"time", take_time, 1},
                   {"seq", take_seq, 2},
                   {"mode", take_mode, 4},
                   {"values", take_values, 8},
                   {"channels", take_channels, 8}}; /* one of the two */
    unsigned seen = 0;
    if (!take(&scan->cursor, '{'))
        return false;
    do {
        struct slice name;
        size_t m = 0;
        if (!take_string(&scan->cursor, &name) || !take(&scan->cursor, ':'))
            return false;
        while (m < sizeof members / sizeof members[0] && !slice_is(&name, members[m].name))
            m++;
        if (m == sizeof members / sizeof members[0] || seen & members[m].bit ||
            !members[m].take(scan))
            return false;
        seen |= members[m].bit;
    } while (take(&scan->cursor, ','));
    return (seen & 8) && take(&scan->cursor, '}');
}

bool sample_scan(const struct sample_decoder *decoder, const char *text, size_t size,
                 struct sample *ret_sample, float *ret_values)
{
    struct scan scan;
    scan.decoder = decoder;
    scan.cursor = (struct cursor){text, text + size};
    scan.sample = ret_sample;
    scan.values = ret_values;
    size_t signals = decoder->gate ? decoder->gate->count : 0;
    memset(scan.signal, 0, signals * sizeof scan.signal[0]); /* TAG_NULL */
    sample_clear(decoder, ret_sample);
    skip_space(&scan.cursor);
    if (scan.cursor.at == scan.cursor.end)
        return false;
    if (*scan.cursor.at == '[' ? !take_values(&scan) : !take_object(&scan))
        return false;
    skip_space(&scan.cursor);
    if (scan.cursor.at != scan.cursor.end)
        return false;
    sample_judge_gate(decoder, scan.signal, ret_values, ret_sample);
    return true;
}

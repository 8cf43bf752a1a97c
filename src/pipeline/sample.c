/*
 * Plain JSON is read by sample_scan in one pass. What that leaves goes through the strict tree of
 * base/json.h, some ten times as slow, which also says what is wrong with a sample that is refused.
 * Channels by name are found through a hash table of the model's names, because a search through
 * the object per channel would be quadratic.
 */
#include "pipeline/sample.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/name_table.h"
#include "pipeline/sample_decoder.h"
#include "pipeline/sample_number.h"
#include "pipeline/sample_scan.h"
#include "pipeline/sample_time.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const refusal_names[SAMPLE_REFUSALS] = {
    [SAMPLE_ACCEPTED] = "accepted",
    [SAMPLE_EMPTY] = "empty",
    [SAMPLE_TOO_LARGE] = "too_large",
    [SAMPLE_MALFORMED] = "malformed",
    [SAMPLE_NO_VALUES] = "no_values",
    [SAMPLE_WRONG_COUNT] = "wrong_count",
    [SAMPLE_MISSING_CHANNEL] = "missing_channel",
    [SAMPLE_STALE_CHANNEL] = "stale_channel",
    [SAMPLE_NOT_A_NUMBER] = "not_a_number",
    [SAMPLE_NONFINITE] = "nonfinite",
    [SAMPLE_BAD_TIME] = "bad_time",
    [SAMPLE_BAD_SEQ] = "bad_seq",
    [SAMPLE_BAD_MODE] = "bad_mode",
    [SAMPLE_BAD_BINARY] = "bad_binary",
    [SAMPLE_OUT_OF_RANGE] = "out_of_range",
};

const char *sample_refusal_name(enum sample_refusal refusal)
{
    assert(refusal < SAMPLE_REFUSALS);
    return refusal_names[refusal];
}

struct sample_decoder *sample_decoder_new(const char *const *names, size_t channels,
                                          enum sample_time_unit time_unit)
{
    struct sample_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return NULL;
    decoder->time_unit = time_unit;
    decoder->reads_plain = sample_number_suits();
    decoder->names = calloc(channels + 1, sizeof *decoder->names);
    decoder->plain = calloc(channels + 1, sizeof *decoder->plain);
    bool ok = decoder->names && decoder->plain;
    for (size_t i = 0; ok && i < channels; i++) {
        decoder->names[i] = strdup(names[i]);
        decoder->plain[i] = sample_plain_length(names[i]);
        ok = decoder->names[i] != NULL;
        decoder->channels += ok;
    }
    if (ok)
        decoder->table = name_table_new((const char *const *)decoder->names, channels);
    if (!decoder->table) {
        sample_decoder_free(decoder);
        return NULL;
    }
    return decoder;
}

void sample_decoder_free(struct sample_decoder *decoder)
{
    if (!decoder)
        return;
    name_table_free(decoder->table);
    for (size_t i = 0; i < decoder->channels; i++)
        free(decoder->names[i]);
    free(decoder->names);
    free(decoder->plain);
    free(decoder);
}

size_t sample_decoder_channels(const struct sample_decoder *decoder)
{
    return decoder->channels;
}

void sample_decoder_set_gate(struct sample_decoder *decoder, const struct conditions *gate)
{
    decoder->gate = gate;
    for (size_t i = 0; gate && i < gate->count; i++) {
        size_t channel = name_table_find(decoder->table, gate->item[i].name);
        decoder->gate_channel[i] = channel == NAME_TABLE_NONE ? decoder->channels : channel;
    }
}

/* A signal that is no channel; NULL, an array and an object are no value. */
static struct tag read_tag(const cJSON *item)
{
    if (cJSON_IsNumber(item))
        return (struct tag){.type = TAG_NUMBER, .number = item->valuedouble};
    if (cJSON_IsBool(item))
        return (struct tag){.type = TAG_BOOL, .number = cJSON_IsTrue(item)};
    if (cJSON_IsString(item))
        return (struct tag){.type = TAG_TEXT, .text = item->valuestring};
    return (struct tag){.type = TAG_NULL};
}

void sample_clear(const struct sample_decoder *decoder, struct sample *ret_sample)
{
    struct gate_value *value = ret_sample->gate.value;
    size_t judged = decoder->gate ? decoder->gate->count : 0;
    memset(ret_sample, 0, offsetof(struct sample, gate));
    memset(value + judged, 0, (CONDITIONS_MAX - judged) * sizeof *value);
}

void sample_judge_gate(const struct sample_decoder *decoder, const struct tag *signal,
                       const float *values, struct sample *sample)
{
    for (size_t i = 0; decoder->gate && i < decoder->gate->count; i++) {
        size_t channel = decoder->gate_channel[i];
        struct tag tag = signal[i];
        if (!strcmp(decoder->gate->item[i].name, GATE_MODE))
            tag = (struct tag){*sample->mode ? TAG_TEXT : TAG_NULL, .text = sample->mode};
        else if (channel < decoder->channels)
            tag = (struct tag){.type = TAG_NUMBER, .number = (double)values[channel]};
        sample->gate.value[i] = gate_judge(decoder->gate, i, &tag);
    }
}

/* signals: the object that names them, or NULL. */
static void judge_gate(const struct sample_decoder *decoder, const cJSON *signals,
                       const float *values, struct sample *sample)
{
    struct tag signal[CONDITIONS_MAX];
    for (size_t i = 0; decoder->gate && i < decoder->gate->count; i++)
        signal[i] =
            read_tag(cJSON_GetObjectItemCaseSensitive(signals, decoder->gate->item[i].name));
    sample_judge_gate(decoder, signal, values, sample);
}

static enum sample_refusal store_value(const cJSON *item, const char *name, float *ret_value,
                                       struct diag *diag)
{
    if (!cJSON_IsNumber(item)) {
        diag_set(diag, "channel \"%s\" is %s, must be a number", name, json_type_name(item));
        return SAMPLE_NOT_A_NUMBER;
    }
    float value = (float)item->valuedouble;
    if (!isfinite(value)) {
        diag_set(diag, "channel \"%s\" is %g, too large", name, item->valuedouble);
        return SAMPLE_NONFINITE;
    }
    *ret_value = value;
    return SAMPLE_ACCEPTED;
}

static enum sample_refusal read_values(const struct sample_decoder *decoder, const cJSON *array,
                                       float *values, struct diag *diag)
{
    size_t count = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (count < decoder->channels) {
            enum sample_refusal r = store_value(item, decoder->names[count], &values[count], diag);
            if (r)
                return r;
        }
        count++;
    }
    if (count != decoder->channels) {
        diag_set(diag, "%zu values, the model has %zu channels", count, decoder->channels);
        return SAMPLE_WRONG_COUNT;
    }
    return SAMPLE_ACCEPTED;
}

/* The tree has no duplicate keys, so as many known names as channels means that all are there. */
static enum sample_refusal read_channels(const struct sample_decoder *decoder, const cJSON *object,
                                         float *values, struct diag *diag)
{
    size_t found = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        size_t channel = name_table_find(decoder->table, item->string);
        if (channel == NAME_TABLE_NONE)
            continue;
        enum sample_refusal r = store_value(item, item->string, &values[channel], diag);
        if (r)
            return r;
        found++;
    }
    if (found == decoder->channels)
        return SAMPLE_ACCEPTED;
    for (size_t i = 0; i < decoder->channels; i++) {
        if (!cJSON_GetObjectItemCaseSensitive(object, decoder->names[i])) {
            diag_set(diag, "channel \"%s\" is missing (%zu of %zu are there)", decoder->names[i],
                     found, decoder->channels);
            break;
        }
    }
    return SAMPLE_MISSING_CHANNEL;
}

static enum sample_refusal read_header(const struct sample_decoder *decoder, const cJSON *object,
                                       struct sample *sample, struct diag *diag)
{
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(object, "time");
    if (time) {
        if (!sample_time_read(time, decoder->time_unit, &sample->time_ns, diag))
            return SAMPLE_BAD_TIME;
        sample->has_time = true;
    }
    int64_t seq = -1;
    if (json_get_integer(object, "seq", false, 0, (int64_t)JSON_MAX_INTEGER, &seq, diag) < 0)
        return SAMPLE_BAD_SEQ;
    sample->has_seq = seq >= 0;
    sample->seq = sample->has_seq ? (uint64_t)seq : 0;
    const char *mode = "";
    if (json_get_string(object, "mode", false, SAMPLE_MODE_MAX - 1, &mode, diag) < 0)
        return SAMPLE_BAD_MODE;
    strcpy(sample->mode, mode);
    return SAMPLE_ACCEPTED;
}

static enum sample_refusal read_object(const struct sample_decoder *decoder, const cJSON *object,
                                       struct sample *sample, float *values, struct diag *diag)
{
    enum sample_refusal r = read_header(decoder, object, sample, diag);
    if (r)
        return r;
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, "values");
    const cJSON *channels = cJSON_GetObjectItemCaseSensitive(object, "channels");
    if (cJSON_IsArray(array) && !channels)
        return read_values(decoder, array, values, diag);
    if (cJSON_IsObject(channels) && !array)
        return read_channels(decoder, channels, values, diag);
    diag_set(diag, "a sample needs either \"values\": [...] or \"channels\": {...}");
    return SAMPLE_NO_VALUES;
}

enum sample_refusal sample_decode_tree(const struct sample_decoder *decoder, const char *text,
                                       size_t size, struct sample *ret_sample, float *ret_values,
                                       struct diag *diag)
{
    bool overflow;
    *ret_sample = (struct sample){0};
    cJSON *tree = json_parse_numbers(text, size, &overflow, diag);
    if (!tree)
        return overflow ? SAMPLE_NONFINITE : SAMPLE_MALFORMED;
    enum sample_refusal r;
    const cJSON *signals = NULL;
    if (cJSON_IsArray(tree)) {
        r = read_values(decoder, tree, ret_values, diag);
    } else if (cJSON_IsObject(tree)) {
        r = read_object(decoder, tree, ret_sample, ret_values, diag);
        signals = cJSON_GetObjectItemCaseSensitive(tree, "channels");
    } else {
        diag_set(diag, "%s, must be an object or an array", json_type_name(tree));
        r = SAMPLE_MALFORMED;
    }
    if (r == SAMPLE_ACCEPTED)
        judge_gate(decoder, signals, ret_values, ret_sample);
    cJSON_Delete(tree);
    return r;
}

static uint64_t read_le(const unsigned char *bytes, int size)
{
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static void write_le(unsigned char *bytes, int size, uint64_t value)
{
    for (int i = 0; i < size; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
}

/* Of all of them at once, with no way out: so several are compared in one instruction. */
static bool all_are_finite(const float *values, size_t count)
{
    const uint32_t exponent = UINT32_C(0xff) << 23; /* all ones: infinite, or no number */
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    return !bad;
}

/* Returns the first that is not finite, or count. */
static size_t read_floats(const unsigned char *bytes, size_t count, float *ret_values)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(ret_values, bytes, count * sizeof *ret_values);
#else
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)read_le(bytes + 4 * i, 4);
        memcpy(&ret_values[i], &bits, sizeof bits);
    }
#endif
    if (all_are_finite(ret_values, count))
        return count;
    size_t bad = 0;
    while (isfinite(ret_values[bad]))
        bad++;
    return bad;
}

static enum sample_refusal decode_binary(const struct sample_decoder *decoder,
                                         const unsigned char *bytes, size_t size,
                                         struct sample *ret_sample, float *ret_values,
                                         struct diag *diag)
{
    if (size < SAMPLE_BINARY_HEADER || bytes[1] != 1 || bytes[2] != 0 || bytes[3] != 0) {
        diag_set(
            diag,
            "binary sample: %zu bytes with the header %02x %02x %02x %02x, must begin a1 01 00 00",
            size, bytes[0], size > 1 ? bytes[1] : 0, size > 2 ? bytes[2] : 0,
            size > 3 ? bytes[3] : 0);
        return SAMPLE_BAD_BINARY;
    }
    uint64_t count = read_le(bytes + 4, 4), time = read_le(bytes + 8, 8),
             seq = read_le(bytes + 16, 8);
    if (size != SAMPLE_BINARY_HEADER + 4 * count) {
        diag_set(diag, "binary sample: %zu bytes do not hold %llu values", size,
                 (unsigned long long)count);
        return SAMPLE_BAD_BINARY;
    }
    if (count != decoder->channels) {
        diag_set(diag, "%llu values, the model has %zu channels", (unsigned long long)count,
                 decoder->channels);
        return SAMPLE_WRONG_COUNT;
    }
    if (time > INT64_MAX) {
        diag_set(diag, "binary sample: the time is before 1970");
        return SAMPLE_BAD_TIME;
    }
    if (seq > (uint64_t)JSON_MAX_INTEGER) {
        diag_set(diag, "binary sample: seq is over 2^53");
        return SAMPLE_BAD_SEQ;
    }
    size_t bad = read_floats(bytes + SAMPLE_BINARY_HEADER, count, ret_values);
    if (bad < count) {
        diag_set(diag, "channel \"%s\" is not finite", decoder->names[bad]);
        return SAMPLE_NONFINITE;
    }
    sample_clear(decoder, ret_sample);
    ret_sample->time_ns = (int64_t)time;
    ret_sample->seq = seq;
    ret_sample->has_time = ret_sample->has_seq = true;
    judge_gate(decoder, NULL, ret_values, ret_sample);
    return SAMPLE_ACCEPTED;
}

enum sample_refusal sample_decode(const struct sample_decoder *decoder, const void *payload,
                                  size_t size, struct sample *ret_sample, float *ret_values,
                                  struct diag *diag)
{
    if (size == 0) {
        diag_set(diag, "the payload is empty");
        return SAMPLE_EMPTY;
    }
    if (size > SAMPLE_PAYLOAD_MAX) {
        diag_set(diag, "%zu bytes, at most %d are allowed", size, SAMPLE_PAYLOAD_MAX);
        return SAMPLE_TOO_LARGE;
    }
    if (*(const unsigned char *)payload == SAMPLE_BINARY_MAGIC)
        return decode_binary(decoder, payload, size, ret_sample, ret_values, diag);
    if (sample_scan(decoder, payload, size, ret_sample, ret_values))
        return SAMPLE_ACCEPTED;
    return sample_decode_tree(decoder, payload, size, ret_sample, ret_values, diag);
}

static bool is_signal(const struct sample_decoder *decoder, const char *name)
{
    return decoder->gate && conditions_find(decoder->gate, name) < decoder->gate->count;
}

bool sample_unknown_channel(const struct sample_decoder *decoder, const void *payload, size_t size,
                            char *ret_name, size_t name_size)
{
    if (size == 0 || size > SAMPLE_PAYLOAD_MAX || *(const char *)payload != '{')
        return false;
    cJSON *tree = json_parse(payload, size, NULL);
    const cJSON *item, *channels = cJSON_GetObjectItemCaseSensitive(tree, "channels");
    bool found = false;
    channels = cJSON_IsObject(channels) ? channels : NULL; /* in an array there are no names */
    cJSON_ArrayForEach(item, channels)
    {
        if (name_table_find(decoder->table, item->string) != NAME_TABLE_NONE ||
            is_signal(decoder, item->string))
            continue;
        size_t length = strnlen(item->string, name_size - 1);
        memcpy(ret_name, item->string, length);
        ret_name[length] = '\0';
        found = true;
        break;
    }
    cJSON_Delete(tree);
    return found;
}

size_t sample_format_binary(const struct sample *sample, const float *values, size_t channels,
                            unsigned char *ret_bytes)
{
    write_le(ret_bytes, 4, 0x01 << 8 | SAMPLE_BINARY_MAGIC);
    write_le(ret_bytes + 4, 4, channels);
    write_le(ret_bytes + 8, 8, (uint64_t)sample->time_ns);
    write_le(ret_bytes + 16, 8, sample->seq);
    for (size_t i = 0; i < channels; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        write_le(ret_bytes + SAMPLE_BINARY_HEADER + 4 * i, 4, bits);
    }
    return SAMPLE_BINARY_HEADER + 4 * channels;
}

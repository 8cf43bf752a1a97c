#include "sample_check.h"

#include "base/json.h"
#include "fuzz.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LATEST_NS INT64_C(9214646400000000000) /* the year 2262, which RFC 3339 ends before */

const struct conditions *sample_check_gate(void)
{
    static const char text[] =
        "{\"mode\":[\"auto\",\"ext\"],\"b\":{\"max\":100},\"d\":[true,\"x\",7]}";
    static struct conditions gate;
    if (gate.count == 0) {
        cJSON *tree = json_parse(text, strlen(text), NULL);
        FUZZ_CHECK(conditions_parse(tree, &gate, NULL) == 0);
        cJSON_Delete(tree);
    }
    return &gate;
}

/* Whatever a sample brings, there is a verdict, and one line of UTF-8 that says why. */
static void check_gate(const struct sample *sample)
{
    const struct conditions *gate = sample_check_gate();
    for (size_t i = 0; i < gate->count; i++) {
        const struct gate_value *value = &sample->gate.value[i];
        char text[GATE_REASON_MAX];
        gate_reason(&gate->item[i], value, text);
        FUZZ_CHECK(json_is_utf8(text) && strlen(text) > strlen(gate->item[i].name));
        for (const char *c = text; *c; c++)
            FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
        FUZZ_CHECK(value->verdict <= GATE_OPEN);
        FUZZ_CHECK((value->which >= 0) <= (value->verdict == GATE_OPEN));
    }
    FUZZ_CHECK(sample->gate.value[1].verdict != GATE_UNKNOWN); /* b is a channel */
}

const struct sample_decoder *sample_check_decoder(enum sample_time_unit unit)
{
    static const char *const names[SAMPLE_CHANNELS] = {"a", "b", "c"};
    static struct sample_decoder *decoders[SAMPLE_TIME_UNITS];
    if (!decoders[unit]) {
        decoders[unit] = sample_decoder_new(names, SAMPLE_CHANNELS, unit);
        sample_decoder_set_gate(decoders[unit], sample_check_gate());
    }
    FUZZ_CHECK(decoders[unit] && sample_decoder_channels(decoders[unit]) == SAMPLE_CHANNELS);
    return decoders[unit];
}

static void check_accepted(const struct sample *sample, const float *values)
{
    for (size_t i = 0; i < SAMPLE_CHANNELS; i++)
        FUZZ_CHECK(isfinite(values[i]));
    FUZZ_CHECK(!sample->has_time || sample->time_ns >= -86400 * INT64_C(1000000000));
    FUZZ_CHECK(!sample->has_seq || sample->seq <= (uint64_t)JSON_MAX_INTEGER);
    check_gate(sample);
    FUZZ_CHECK(memchr(sample->mode, '\0', sizeof sample->mode) && json_is_utf8(sample->mode));
}

enum sample_refusal sample_check_decode(enum sample_time_unit unit, const void *payload,
                                        size_t size, struct sample *ret_sample,
                                        float ret_values[SAMPLE_CHANNELS])
{
    struct diag diag = DIAG_INIT;
    for (size_t i = 0; i < SAMPLE_CHANNELS; i++)
        ret_values[i] = NAN;
    enum sample_refusal refusal =
        sample_decode(sample_check_decoder(unit), payload, size, ret_sample, ret_values, &diag);
    FUZZ_CHECK(refusal < SAMPLE_REFUSALS && *sample_refusal_name(refusal));
    if (refusal)
        fuzz_check_refusal(-(int)refusal, &diag);
    else
        check_accepted(ret_sample, ret_values);
    return refusal;
}

static void check_same(const struct sample *a, const float *values, const struct sample *b,
                       const float *again)
{
    FUZZ_CHECK(!memcmp(values, again, SAMPLE_CHANNELS * sizeof *values));
    FUZZ_CHECK(a->has_seq == b->has_seq && a->seq == b->seq);
    FUZZ_CHECK(a->has_time == b->has_time && a->time_ns == b->time_ns);
}

void sample_check_binary(const struct sample *sample, const float values[SAMPLE_CHANNELS])
{
    unsigned char bytes[SAMPLE_BINARY_HEADER + 4 * SAMPLE_CHANNELS];
    struct sample again;
    float again_values[SAMPLE_CHANNELS];
    if (!sample->has_time || !sample->has_seq || sample->time_ns < 0)
        return; /* the binary form has always both, from 1970 on */
    size_t size = sample_format_binary(sample, values, SAMPLE_CHANNELS, bytes);
    FUZZ_CHECK(size == sizeof bytes);
    FUZZ_CHECK(sample_check_decode(SAMPLE_TIME_S, bytes, size, &again, again_values) ==
               SAMPLE_ACCEPTED);
    check_same(sample, values, &again, again_values);
}

void sample_check_json(const struct sample *sample, const float values[SAMPLE_CHANNELS])
{
    char text[256], time[64] = "";
    struct sample again;
    float again_values[SAMPLE_CHANNELS];
    if (!sample->has_time || sample->time_ns >= LATEST_NS)
        return;
    time_t seconds = (time_t)(sample->time_ns / 1000000000);
    strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", gmtime(&seconds));
    int size = snprintf(text, sizeof text,
                        "{\"time\":\"%s.%09dZ\",\"seq\":%" PRIu64 ",\"values\":[%.9g,%.9g,%.9g]}",
                        time, (int)(sample->time_ns % 1000000000), sample->seq, (double)values[0],
                        (double)values[1], (double)values[2]);
    FUZZ_CHECK(sample_check_decode(SAMPLE_TIME_S, text, (size_t)size, &again, again_values) ==
               SAMPLE_ACCEPTED);
    check_same(sample, values, &again, again_values);
}

/* What the scanner reads, the tree reads the same, bit by bit; and the scanner reads the same with
 * plain numbers and without, with blanks behind the text and without. */
#include "fuzz.h"
#include "pipeline/sample_decoder.h"
#include "pipeline/sample_scan.h"
#include "sample_check.h"

#include <stdlib.h>
#include <string.h>

#define PADDING 20

static void check_same_gate(const struct gate_value *a, const struct gate_value *b)
{
    FUZZ_CHECK(a->verdict == b->verdict && a->which == b->which && a->type == b->type);
    if (a->type == TAG_TEXT)
        FUZZ_CHECK(!strcmp(a->text, b->text));
    else if (a->type != TAG_NULL)
        FUZZ_CHECK(!memcmp(&a->number, &b->number, sizeof a->number));
}

static void check_same_scan(const struct sample_decoder *decoder, const char *text, size_t size,
                            bool expected, const float *expected_values)
{
    struct sample sample;
    float values[SAMPLE_CHANNELS];
    FUZZ_CHECK(sample_scan(decoder, text, size, &sample, values) == expected);
    FUZZ_CHECK(!expected || !memcmp(values, expected_values, sizeof values));
}

/* A short text has plain numbers only with blanks behind it. */
static void check_other_ways(const struct sample_decoder *decoder, const char *text, size_t size,
                             bool expected, const float *expected_values)
{
    struct sample_decoder by_digits = *decoder;
    by_digits.reads_plain = false;
    char *padded = malloc(size + PADDING);
    FUZZ_CHECK(padded);
    memcpy(padded, text, size);
    memset(padded + size, ' ', PADDING);
    check_same_scan(&by_digits, text, size, expected, expected_values);
    check_same_scan(&by_digits, padded, size + PADDING, expected, expected_values);
    check_same_scan(decoder, padded, size + PADDING, expected, expected_values);
    free(padded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    for (int unit = SAMPLE_TIME_S; unit <= SAMPLE_TIME_NS; unit++) {
        const struct sample_decoder *decoder = sample_check_decoder((enum sample_time_unit)unit);
        struct sample scanned, read;
        float values[SAMPLE_CHANNELS], expected[SAMPLE_CHANNELS];
        if (size == 0)
            continue;
        bool is_read = sample_scan(decoder, text, size, &scanned, values);
        check_other_ways(decoder, text, size, is_read, values);
        if (!is_read)
            continue;
        FUZZ_CHECK(sample_decode_tree(decoder, text, size, &read, expected, NULL) ==
                   SAMPLE_ACCEPTED);
        FUZZ_CHECK(!memcmp(values, expected, sizeof values));
        FUZZ_CHECK(scanned.has_time == read.has_time && scanned.has_seq == read.has_seq);
        FUZZ_CHECK(!read.has_time || scanned.time_ns == read.time_ns);
        FUZZ_CHECK(scanned.seq == read.seq && !strcmp(scanned.mode, read.mode));
        for (size_t i = 0; i < sample_check_gate()->count; i++)
            check_same_gate(&scanned.gate.value[i], &read.gate.value[i]);
    }
    return 0;
}

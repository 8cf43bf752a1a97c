/* What the scanner reads, the tree reads the same, bit by bit. */
#include "fuzz.h"
#include "pipeline/sample_scan.h"
#include "sample_check.h"

#include <string.h>

static void check_same_gate(const struct gate_value *a, const struct gate_value *b)
{
    FUZZ_CHECK(a->verdict == b->verdict && a->which == b->which && a->type == b->type);
    if (a->type == TAG_TEXT)
        FUZZ_CHECK(!strcmp(a->text, b->text));
    else if (a->type != TAG_NULL)
        FUZZ_CHECK(!memcmp(&a->number, &b->number, sizeof a->number));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    for (int unit = SAMPLE_TIME_S; unit <= SAMPLE_TIME_NS; unit++) {
        const struct sample_decoder *decoder = sample_check_decoder((enum sample_time_unit)unit);
        struct sample scanned, read;
        float values[SAMPLE_CHANNELS], expected[SAMPLE_CHANNELS];
        if (size == 0 || !sample_scan(decoder, text, size, &scanned, values))
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

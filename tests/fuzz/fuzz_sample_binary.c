/* A sample in binary. What was accepted comes out the same in JSON, and is what binary is again. */
#include "fuzz.h"
#include "sample_check.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || data[0] != SAMPLE_BINARY_MAGIC)
        return 0; /* the other target's */
    struct sample sample;
    float values[SAMPLE_CHANNELS];
    if (sample_check_decode(SAMPLE_TIME_S, data, size, &sample, values) != SAMPLE_ACCEPTED)
        return 0;
    unsigned char bytes[SAMPLE_BINARY_HEADER + 4 * SAMPLE_CHANNELS];
    FUZZ_CHECK(sample_format_binary(&sample, values, SAMPLE_CHANNELS, bytes) == size);
    FUZZ_CHECK(!memcmp(bytes, data, size));
    sample_check_json(&sample, values);
    return 0;
}

/* A sample in JSON, under each unit of time. What was accepted comes out the same in binary. */
#include "base/json.h"
#include "fuzz.h"
#include "sample_check.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == SAMPLE_BINARY_MAGIC)
        return 0; /* the other target's */
    for (int unit = SAMPLE_TIME_S; unit <= SAMPLE_TIME_NS; unit++) {
        struct sample sample;
        float values[SAMPLE_CHANNELS];
        enum sample_time_unit time_unit = (enum sample_time_unit)unit;
        if (sample_check_decode(time_unit, data, size, &sample, values) == SAMPLE_ACCEPTED)
            sample_check_binary(&sample, values);
    }
    char name[24];
    if (sample_unknown_channel(sample_check_decoder(SAMPLE_TIME_S), data, size, name, sizeof name))
        FUZZ_CHECK(strlen(name) < sizeof name && strcmp(name, "a") != 0);
    return 0;
}

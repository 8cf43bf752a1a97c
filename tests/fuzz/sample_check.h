/*
 * sample_check: what holds for every sample, whichever form it came in. Three channels: a, b, c.
 */
#ifndef ARMWATCH_TESTS_SAMPLE_CHECK_H
#define ARMWATCH_TESTS_SAMPLE_CHECK_H

#include "pipeline/sample.h"

#define SAMPLE_CHANNELS 3

/* On `mode`, the channel b, and d, which is none. */
const struct conditions *sample_check_gate(void);
/* One for each unit, with that gate, made once. */
const struct sample_decoder *sample_check_decoder(enum sample_time_unit unit);

/* Decodes and checks. */
enum sample_refusal sample_check_decode(enum sample_time_unit unit, const void *payload,
                                        size_t size, struct sample *ret_sample,
                                        float ret_values[SAMPLE_CHANNELS]);

/* The sample, decoded from another form, comes out the same. */
void sample_check_binary(const struct sample *sample, const float values[SAMPLE_CHANNELS]);
void sample_check_json(const struct sample *sample, const float values[SAMPLE_CHANNELS]);

#endif

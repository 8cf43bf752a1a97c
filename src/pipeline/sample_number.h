/*
 * sample_number: numbers of JSON as sources write them.
 *
 * Two readers that say the same, bit by bit: where the second reads a number, the first reads the
 * same number and ends at the same byte. The value is the double nearest to what is written; a
 * float is that double rounded again, as the tree of base/json.h has it. Neither reads a byte at or
 * behind `end`. Thread: any. Memory: none.
 *
 * sample_number_read takes every number. The others take plain ones: at most 15 bytes of sign,
 * digits and point, and no exponent; they need 16 bytes before `end`, and a processor that suits.
 */
#ifndef ARMWATCH_PIPELINE_SAMPLE_NUMBER_H
#define ARMWATCH_PIPELINE_SAMPLE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* Returns where it ends. NULL: there is none by the grammar of JSON, or one of over 64 bytes that
 * would have to be read by strtod. What no double can hold is infinite. */
const char *sample_number_read(const char *at, const char *end, double *ret_value);

/* Whether plain numbers can be read on this processor. */
bool sample_number_suits(void);

/* One plain number. Returns where it ends; NULL: it is none. Only where it suits. */
const char *sample_number_read_plain(const char *at, const char *end, float *ret_value);

/* Up to `count` plain numbers with a comma right behind each, and at most one blank behind that.
 * *at is moved behind them; of what is there nothing is said. Returns how many were read. Only
 * where it suits. */
size_t sample_number_read_run(const char **at, const char *end, size_t count, float *ret_values);

#endif

/*
 * sample_scan: the JSON of a sample as sources write it, read in one pass and without memory.
 *
 * It reads what is plain: an array of numbers, or an object with time, seq, mode and either values
 * or channels, in any order and with any blanks, without escapes and in ASCII. Whatever else there
 * is, right or wrong, it leaves to the tree of base/json.h, which is also what it is tested
 * against: where it says yes, the tree says the same, bit by bit. Thread: any.
 */
#ifndef ARMWATCH_PIPELINE_SAMPLE_SCAN_H
#define ARMWATCH_PIPELINE_SAMPLE_SCAN_H

#include "pipeline/sample.h"

/* True: it is read, and is accepted. False: it is to be read by the tree; what was written has no
 * meaning. ret_values: [channels]. */
bool sample_scan(const struct sample_decoder *decoder, const char *text, size_t size,
                 struct sample *ret_sample, float *ret_values);

/* The length of a name that is printable ASCII without quotes and backslashes; else 0. */
size_t sample_plain_length(const char *name);

/* The same sample by the tree, and why one is refused: as sample_decode does for JSON. */
enum sample_refusal sample_decode_tree(const struct sample_decoder *decoder, const char *text,
                                       size_t size, struct sample *ret_sample, float *ret_values,
                                       struct diag *diag);

#endif

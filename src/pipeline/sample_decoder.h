/*
 * sample_decoder: what sample.c and sample_scan.c know of the channels; for these two and their
 * tests only.
 */
#ifndef ARMWATCH_PIPELINE_SAMPLE_DECODER_H
#define ARMWATCH_PIPELINE_SAMPLE_DECODER_H

#include "base/condition.h"
#include "base/name_table.h"
#include "pipeline/sample.h"

struct sample_decoder {
    size_t channels;
    char **names;  /* [channels] */
    size_t *plain; /* [channels] bytes of a name that stands in JSON as it is; 0: of another */
    struct name_table *table;
    enum sample_time_unit time_unit;
    bool reads_plain; /* sample_number_suits; false: every number by sample_number_read */
    const struct conditions *gate;       /* borrowed; NULL: none */
    size_t gate_channel[CONDITIONS_MAX]; /* of each condition; `channels`: it is none */
};

/* A sample that says nothing. What the decoder's gate judges is left to sample_judge_gate. */
void sample_clear(const struct sample_decoder *decoder, struct sample *ret_sample);

/* Judges a sample that was read by the decoder's gate. signal: [gate->count] the tags of conditions
 * that are neither channels nor the mode. */
void sample_judge_gate(const struct sample_decoder *decoder, const struct tag *signal,
                       const float *values, struct sample *sample);

#endif

/*
 * sample: from the bytes of one message to one reading of all channels.
 *
 * Three forms are told apart by the first byte: a JSON object, a bare JSON array of values, and
 * binary (0xA1). Whatever is wrong refuses the whole sample with a reason that is counted; nothing
 * is guessed or filled in. Thread: any; a decoder is constant but for
 * sample_decoder_set_gate.
 */
#ifndef ARMWATCH_PIPELINE_SAMPLE_H
#define ARMWATCH_PIPELINE_SAMPLE_H

#include "base/diag.h"
#include "pipeline/gate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_PAYLOAD_MAX 65536
#define SAMPLE_MODE_MAX 32
#define SAMPLE_BINARY_MAGIC 0xA1
#define SAMPLE_BINARY_HEADER 24 /* bytes before the values */

struct sample {
    int64_t time_ns; /* Unix epoch; only where has_time */
    uint64_t seq;    /* only where has_seq */
    bool has_time, has_seq;
    bool undated;               /* has_time, but it is the time of arrival, not the source's */
    char mode[SAMPLE_MODE_MAX]; /* "" if absent */
    struct gate_reading gate;   /* of the decoder's gate; all unknown where it has none */
};

/* Why a sample was refused; the names are the `reason` of the counters. */
enum sample_refusal {
    SAMPLE_ACCEPTED = 0,
    SAMPLE_EMPTY,
    SAMPLE_TOO_LARGE,
    SAMPLE_MALFORMED,       /* not JSON, or neither an object nor an array */
    SAMPLE_NO_VALUES,       /* neither "values" nor "channels", or both */
    SAMPLE_WRONG_COUNT,     /* values: not as many as the model has channels */
    SAMPLE_MISSING_CHANNEL, /* channels: one of the model's is not there */
    SAMPLE_STALE_CHANNEL,   /* assembled: one's value is older than it may be */
    SAMPLE_NOT_A_NUMBER,    /* null, a string, true, ... */
    SAMPLE_NONFINITE,       /* NaN, infinite, or too large for a 32-bit float */
    SAMPLE_BAD_TIME,
    SAMPLE_BAD_SEQ,
    SAMPLE_BAD_MODE,
    SAMPLE_BAD_BINARY,   /* header or length of the binary form */
    SAMPLE_OUT_OF_RANGE, /* a value that can be no reading; by the model, not by sample_decode */
    SAMPLE_REFUSALS
};
const char *sample_refusal_name(enum sample_refusal refusal);

enum sample_time_unit {
    SAMPLE_TIME_S,
    SAMPLE_TIME_MS,
    SAMPLE_TIME_US,
    SAMPLE_TIME_NS,
    SAMPLE_TIME_UNITS
};
/* By its name, "s", "ms", "us" or "ns". */
enum sample_time_unit sample_time_unit(const char *name);

struct sample_decoder;

/* For samples of these channels, in the model's order. The names are copied. NULL when memory is
 * out. */
struct sample_decoder *sample_decoder_new(const char *const *names, size_t channels,
                                          enum sample_time_unit time_unit);
void sample_decoder_free(struct sample_decoder *decoder);
size_t sample_decoder_channels(const struct sample_decoder *decoder);

/* Samples are judged by this gate from now on (NULL: by none), which is borrowed: a signal is a
 * channel of the decoder's, or a further member of "channels" of any type. */
void sample_decoder_set_gate(struct sample_decoder *decoder, const struct conditions *gate);

/* Decodes one payload. ret_values: [channels]; it and ret_sample are of no meaning unless the
 * sample is accepted. Returns SAMPLE_ACCEPTED, or the reason with a text for the log in diag. */
enum sample_refusal sample_decode(const struct sample_decoder *decoder, const void *payload,
                                  size_t size, struct sample *ret_sample, float *ret_values,
                                  struct diag *diag);

/* The first name in a JSON sample's "channels" that the decoder does not know, copied into ret_name
 * (cut to size); false if there is none. For the one line in the log that a new stream gets. */
bool sample_unknown_channel(const struct sample_decoder *decoder, const void *payload, size_t size,
                            char *ret_name, size_t name_size);

/* Writes the binary form; ret_bytes needs SAMPLE_BINARY_HEADER + 4 * channels. Returns its size. */
size_t sample_format_binary(const struct sample *sample, const float *values, size_t channels,
                            unsigned char *ret_bytes);

#endif

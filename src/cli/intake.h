/*
 * intake: the samples of one stream, decoded and collected for a recording.
 *
 * The first sample that can be read fixes the channels: with names (JSON "channels") those that
 * hold numbers, in their order there; else as many as there are values, named from a list or
 * "channel_<i>". A sequence number that jumps leaves holes in its place, a sample that is refused
 * and bears none leaves one: what is recorded has the rhythm of the robot.
 * Memory: rows are kept as float32 until intake_drain; intake_deinit frees everything. Nothing is
 * printed.
 */
#ifndef ARMWATCH_CLI_INTAKE_H
#define ARMWATCH_CLI_INTAKE_H

#include "base/diag.h"
#include "lab/recording.h"
#include "pipeline/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTAKE_GAP_MAX                                                                             \
    20 /* rows; a larger gap is one in the times only: its holes would be most of a file */

struct intake_options {
    enum sample_time_unit time_unit;
    char **names; /* or NULL: borrowed list of channels to take */
    size_t name_count;
    bool all_modes; /* else only mode "auto" or none */
};

struct intake {
    struct intake_options options;
    struct sample_decoder *decoder; /* NULL before the first sample */
    char **names;
    bool named;
    char left_out[128]; /* channels of the first sample that are no numbers: "a, b" */
    size_t left_out_count;
    struct recording *recording; /* since the last drain; room for `capacity` rows */
    size_t capacity;
    float *values;      /* one row */
    size_t rows, holes; /* in all */
    int64_t last_ns;    /* of the newest row */
    uint64_t last_seq;
    bool has_last_seq;
    uint64_t refused[SAMPLE_REFUSALS];
    char refused_text[DIAG_TEXT_MAX]; /* of the first refused sample */
    uint64_t repeated;                /* the same sequence number again */
    uint64_t restarts;                /* of the sequence numbers */
    uint64_t gaps;                    /* larger than INTAKE_GAP_MAX */
    uint64_t back_steps;              /* of the time */
    uint64_t other_modes;
};

void intake_init(struct intake *intake, const struct intake_options *options);
void intake_deinit(struct intake *intake);

/* Takes one message. Errors: -ENOMEM: the row is not there, all before it are. */
int intake_take(struct intake *intake, const void *payload, size_t size, int64_t arrival_ns);

/* For samples that are made elsewhere: the channels, instead of those of a first sample; then the
 * values of each in intake->values, or why there are none. Errors: -ENOMEM. */
int intake_fix(struct intake *intake, const char *const *names, size_t count);
int intake_take_row(struct intake *intake, const struct sample *sample, int64_t arrival_ns);
int intake_refuse(struct intake *intake, enum sample_refusal refusal, const struct diag *diag,
                  int64_t arrival_ns);

/* The rows in `recording` were taken: it is empty. */
void intake_drain(struct intake *intake);

#endif

/*
 * assembler: from tags that come one by one, each at its own rate or only when it changes, to
 * samples of all channels.
 *
 * Each channel holds its last value up to a maximum age. A sample is made for every border of the
 * sample period, or whenever one named channel arrives. The borders run on the times of the tags:
 * what is of a later time closes a border, with the values as they were until then. So tags that
 * are read together, on the borders, stay together; a recording that is played faster gives the
 * same samples; and a source that is silent gives none. Thread: one at a time; a layout is constant
 * and may be shared.
 */
#ifndef ARMWATCH_PIPELINE_ASSEMBLER_H
#define ARMWATCH_PIPELINE_ASSEMBLER_H

#include "base/condition.h"
#include "base/tag.h"
#include "model/model.h"
#include "pipeline/assembler_rules.h"
#include "pipeline/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- which tag goes where, for the channels of one model */

struct assembler_layout;

/* names: [channels] in the model's order, copied; rules: borrowed; gate: its signals are taken as
 * well, where they are no channels. NULL when memory is out. */
struct assembler_layout *assembler_layout_new(const struct assembler_rules *rules,
                                              const struct conditions *gate,
                                              const char *const *names, size_t channels,
                                              double period_s);
/* The same for a model's channels. */
struct assembler_layout *assembler_layout_of(const struct assembler_rules *rules,
                                             const struct conditions *gate,
                                             const struct model *model);
struct assembler_layout *assembler_layout_ref(struct assembler_layout *layout);
void assembler_layout_unref(struct assembler_layout *layout); /* NULL is allowed */

/* ---- one robot */

struct assembler_input {
    const char *name; /* of the tag */
    struct tag tag;   /* TAG_NULL: its value is not known any more */
    int64_t time_ns;
    bool old; /* it is of no known age: for channels only that hold their values for ever */
};

/* What becomes of a tag; the names are the `reason` of the counters. */
enum assembler_refusal {
    ASSEMBLER_TAKEN = 0,
    ASSEMBLER_UNKNOWN,      /* no channel is made of it: no fault */
    ASSEMBLER_LATE,         /* older than the value that is there */
    ASSEMBLER_NOT_A_NUMBER, /* a word, and the channel has no table */
    ASSEMBLER_NOT_IN_TABLE,
    ASSEMBLER_NONFINITE, /* NaN, infinite, or too large for a 32-bit float */
    ASSEMBLER_REFUSALS
};
const char *assembler_refusal_name(enum assembler_refusal refusal);

struct assembler;

/* NULL when memory is out. It takes a reference of the layout. */
struct assembler *assembler_new(struct assembler_layout *layout);
void assembler_free(struct assembler *assembler); /* NULL is allowed */

/* Before a message of that time is put: whether a sample is due, to be fetched by
 * assembler_sample. To be asked until it says no. */
bool assembler_due(struct assembler *assembler, int64_t time_ns);

/* Takes one tag. Where it is refused, but for ASSEMBLER_LATE, the value that was there counts no
 * longer either; the text is in diag. */
enum assembler_refusal assembler_put(struct assembler *assembler,
                                     const struct assembler_input *input, struct diag *diag);

/* After the tags of a message were put: whether the channel that makes samples was among them. */
bool assembler_ticked(struct assembler *assembler);

/* The sample that is due, judged by a gate; a signal of that which is not there, or too old, is
 * unknown. ret_values: [channels]. Errors: SAMPLE_MISSING_CHANNEL or SAMPLE_STALE_CHANNEL with the
 * channel's name in diag; the sample's time is set then, too. */
enum sample_refusal assembler_sample(const struct assembler *assembler,
                                     const struct conditions *gate, struct sample *ret_sample,
                                     float *ret_values, struct diag *diag);

/* What another assembler of the robot knows, as far as it is the same channels and signals. */
void assembler_take_over(struct assembler *assembler, const struct assembler *before);

/* Tags may have been missed: a value that holds for ever gives way to an `old` one, which is what
 * the broker has kept. */
void assembler_doubt(struct assembler *assembler);

/* No value that is there is known to hold any longer. */
void assembler_forget(struct assembler *assembler);

/* The clock that times come from was set by so much. */
void assembler_shift(struct assembler *assembler, int64_t step_ns);

/* Times that the tags' times jumped, so that the samples began anew. */
uint64_t assembler_restarts(const struct assembler *assembler);

/* Channels that have no value yet, and the name of the first (NULL if none). */
size_t assembler_absent(const struct assembler *assembler, const char **ret_first);

#endif

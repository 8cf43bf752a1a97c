/*
 * assembler_layout: which tag goes where, and what becomes of its value; for assembler*.c only.
 *
 * Targets of tags are the model's channels, in their order, and behind them signals: the mode,
 * those of the gate, and the one that makes samples. Several targets may be made of one tag: they
 * are a chain through `next`.
 */
#ifndef ARMWATCH_PIPELINE_ASSEMBLER_LAYOUT_H
#define ARMWATCH_PIPELINE_ASSEMBLER_LAYOUT_H

#include "base/name_table.h"
#include "pipeline/assembler.h"

#define ASSEMBLER_NONE SIZE_MAX
#define SIGNAL_TEXT_MAX (CONDITION_TEXT_MAX + 1)

struct assembler_target {
    char *channel;
    const char *tag;                   /* the rule's, or the channel's name */
    const struct assembler_rule *rule; /* NULL: as it comes */
    int64_t max_age_ns;                /* INT64_MAX: for ever */
    size_t next;                       /* of the same tag */
};

struct assembler_layout {
    unsigned references;
    size_t channels, targets;        /* targets: with the signals */
    struct assembler_target *target; /* [targets] */
    char **names;                    /* [targets] of the targets, for by_name */
    struct name_table *by_name;
    const char **tags; /* [tag_count] distinct */
    size_t *first;     /* [tag_count] target of a tag */
    size_t tag_count;
    struct name_table *table; /* of tags */
    size_t tick; /* target whose arrival makes a sample; ASSEMBLER_NONE: the clock does */
    int64_t period_ns;
    int64_t patience_ns; /* a larger step of the times is a jump */
};

/* As it came, or what its table makes of it. */
struct assembler_signal {
    struct tag tag;
    char text[SIGNAL_TEXT_MAX];
};

/* Whether a target is the mode of the samples. */
bool assembler_is_mode(const struct assembler_layout *layout, size_t target);

/* What a target is by a tag. Refused: with the text in diag; then *ret is of no meaning. */
enum assembler_refusal assembler_to_number(const struct assembler_target *target,
                                           const struct tag *tag, float *ret_value,
                                           struct diag *diag);
enum assembler_refusal assembler_to_mode(const struct assembler_target *target,
                                         const struct tag *tag, char ret_mode[SAMPLE_MODE_MAX],
                                         struct diag *diag);
enum assembler_refusal assembler_to_signal(const struct assembler_target *target,
                                           const struct tag *tag,
                                           struct assembler_signal *ret_signal, struct diag *diag);

#endif

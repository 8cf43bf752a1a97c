/*
 * gate: whether a robot is to be judged now, by what its samples say of its conditions: a mode, an
 * override, a stop.
 *
 * A gate is a set of conditions that must all hold. Whoever reads a sample judges the signals that
 * it brings one by one into a gate_reading; whoever judges the robot follows these from sample to
 * sample. The condition named `mode` is about the sample's mode, and holds where that is absent;
 * any other signal that is absent is unknown, and what is unknown does not hold. Nothing here
 * allocates. Thread: any.
 */
#ifndef ARMWATCH_PIPELINE_GATE_H
#define ARMWATCH_PIPELINE_GATE_H

#include "base/condition.h"

#include <stdbool.h>
#include <stddef.h>

#define GATE_MODE "mode"
#define GATE_TEXT_MAX 32 /* of a value, as it is shown */
#define GATE_REASON_MAX (CONDITION_NAME_MAX + GATE_TEXT_MAX + 8)

enum gate_verdict {
    GATE_UNKNOWN, /* the signal is not there, or is not a value */
    GATE_CLOSED,
    GATE_OPEN
};

/* What a sample says of one condition. */
struct gate_value {
    enum gate_verdict verdict;
    int which;                /* of the allowed values; negative: any, there is no value */
    enum tag_type type;       /* of what was seen */
    double number;            /* not TAG_TEXT */
    char text[GATE_TEXT_MAX]; /* TAG_TEXT: the beginning of it, one line of UTF-8 */
};

/* By condition; those behind the gate's count are of no meaning. All zero: nothing is known. */
struct gate_reading {
    struct gate_value value[CONDITIONS_MAX];
};

/* condition < gate->count. tag: TAG_NULL where the sample does not bring it. */
struct gate_value gate_judge(const struct conditions *gate, size_t condition,
                             const struct tag *tag);

bool gate_is_open(const struct conditions *gate, const struct gate_reading *reading);

/* Takes a sample's reading over into what is known of the robot. A number that goes on failing its
 * condition stays the one that failed first, so that what is told of it changes with the condition
 * and not with every sample. */
struct gate_change {
    bool parted; /* one allowed value became another: what is before is no part of what is after */
    bool told;   /* another verdict, or another text that does not hold */
};
struct gate_change gate_follow(const struct conditions *gate, struct gate_reading *known,
                               const struct gate_reading *sample);

/* Why a condition does not hold: "mode t1", "$OV_PRO 30", "$MODE_OP unknown"; one line of UTF-8. */
void gate_reason(const struct condition *condition, const struct gate_value *value,
                 char ret_text[GATE_REASON_MAX]);

#endif

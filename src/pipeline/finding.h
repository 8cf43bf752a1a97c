/*
 * finding: what one window's deviations come to, in one sentence for a maintenance engineer.
 *
 * It says what deviates and by how much, never why. Made where the window is explained, carried
 * along with its score, and put into words where it is told. Plain, to be copied. Thread: any.
 */
#ifndef ARMWATCH_PIPELINE_FINDING_H
#define ARMWATCH_PIPELINE_FINDING_H

#include "model/model.h"

#include <stddef.h>

enum finding_kind {
    FINDING_NONE,
    FINDING_STEP_TIME,   /* of step-time. observed and expected: s of movement in the step */
    FINDING_LOAD,        /* of cycle-power. observed and expected: mean over program steps, in its
                            unit */
    FINDING_ARM_SPEED,   /* of all links: how fast they turn together, deg/s */
    FINDING_LINK_SPEED,  /* of one group: along the expected turn, deg/s; expected is over rest */
    FINDING_LINK_MOVES,  /* of one group: how fast it turns, deg/s, where it should rest, or turns
                            another way */
    FINDING_ORIENTATION, /* of one group: observed deg from where it should be */
    FINDING_VALUE        /* of one channel */
};

struct finding {
    enum finding_kind kind;
    int step; /* of the program; -1: not known */
    size_t group;
    size_t channel; /* of FINDING_LOAD and FINDING_VALUE */
    double observed, expected;
};

/* deviations [model->width], of which group has the largest share; row: the newest. kind: of the
 * detector that explained them, which knows what observed and expected are. */
struct finding finding_make(const struct model *model, const struct detector_kind *kind,
                            const struct deviation *deviations, size_t group, const float *row);

/* "link 4 turns 16 % slower than expected in step 7 (21 deg/s, expected 25)". Empty for
 * FINDING_NONE. */
#define FINDING_TEXT_MAX 256
void finding_text(const struct finding *finding, const struct model *model,
                  char ret_text[FINDING_TEXT_MAX]);

/* The four channels of a quaternion are one rotation: their deviations become that of the first
 * alone, which says by how many deg the rotation is off. Returns true if the channel is the first
 * of such four. */
bool finding_is_rotation(const struct model *model, size_t channel);
void finding_join_rotations(const struct model *model, struct deviation *deviations);

#endif

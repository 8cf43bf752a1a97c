/*
 * analog: what the arm did in this program step when it last moved so: the method of analogues.
 *
 * The model keeps healthy reference cycles of each program step. For a sample, the `neighbours`
 * reference rows of the same step are found whose two predecessors are closest to the sample's two
 * predecessors; their mean, each weighed by 1 / (its squared distance + 1) in units of the floors,
 * is what is expected of the sample, and residual / sqrt(their variance + floor^2) the z of each
 * channel, which make one score (model/grouped.h). It needs no elapsed time: a slow arm is
 * where it should be, but two rows earlier it was too near. A predecessor that is a spike of one
 * row is not searched with: it would spoil three windows instead of its own.
 *
 * Window: 3 rows. A step that training has not seen cannot be judged. Source: Lorenz 1969,
 * atmospheric predictability as revealed by naturally occurring analogues.
 */
#ifndef ARMWATCH_MODEL_ANALOG_H
#define ARMWATCH_MODEL_ANALOG_H

#include "model/detector.h"

#define ANALOG_WINDOW 3       /* rows: two predecessors and the sample */
#define ANALOG_PREDECESSORS 2 /* lead every run of reference rows */
#define ANALOG_NEIGHBOURS_MAX 64
#define ANALOG_BLOCK_ROWS 2048 /* reference rows that are searched at a time */
/* In floors: a value further than this from both its neighbours is a spike. */
#define ANALOG_SPIKE 100.0F

/* Values of one channel in three rows that follow each other, in floors. */
bool analog_spike(float before, float value, float after);

extern const struct detector_kind analog_kind;

#endif

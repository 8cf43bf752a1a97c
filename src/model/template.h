/*
 * template: a program step runs other than it usually does at the same point.
 *
 * A point of a step is its moving time, in bins, and whether the arm moves or rests in the row:
 * rests do not advance moving time, so the row that ends a movement and the rest behind it stand at
 * the same time and are not alike. For each point training has learnt what each channel usually is
 * and what it varies by; the z make one score as analog's do (model/grouped.h). A step that moves
 * for longer than it usually does is held against its last bin, how it usually ends: nearly at
 * rest, so that a slow step deviates until it is over. Steps that training has not seen whole, and
 * rows before the first change of step, cannot be judged. Window: 1 row.
 */
#ifndef ARMWATCH_MODEL_TEMPLATE_H
#define ARMWATCH_MODEL_TEMPLATE_H

#include "model/detector.h"

#define TEMPLATE_BINS_MAX 65536 /* of a step */

/* In this order in the model file. */
enum template_state { TEMPLATE_REST, TEMPLATE_MOTION, TEMPLATE_STATES };

extern const struct detector_kind template_kind;

/* The bin of a moving time, counted from 0, TEMPLATE_BINS_MAX at most. A model file can bring any
 * time along, one below 0 too. */
size_t template_bin(double moving_s, double bin_s);

#endif

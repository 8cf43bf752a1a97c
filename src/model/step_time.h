/*
 * step_time: a program step takes more movement than it usually does.
 *
 * Score: how much longer the arm has moved in the present step than it usually does until its end,
 * in units of what that usually varies by; 0 until then. It runs on moving time, so that waiting
 * for a late part is no slowness. Steps without movement, and those that training has not seen,
 * cannot be judged. Window: 1 row.
 */
#ifndef ARMWATCH_MODEL_STEP_TIME_H
#define ARMWATCH_MODEL_STEP_TIME_H

#include "model/detector.h"

#define STEP_TIME_UNKNOWN (-1.0F) /* in the place of a usual time: the step is not judged */

extern const struct detector_kind step_time_kind;

#endif

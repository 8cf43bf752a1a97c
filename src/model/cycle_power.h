/*
 * cycle_power: over whole program steps the arm takes more, or less, electrical power than usual.
 *
 * A payload or friction does not show within a window; it shows in what whole steps take, and most
 * in how that rises and falls with the work. The score is the derived CUSUM (derived.h), which a
 * burst of another load hardly moves and which a lasting difference makes grow with each step.
 * Window: 1 row. Nothing is known before the first whole step. Source: Page 1954, continuous
 * inspection schemes.
 */
#ifndef ARMWATCH_MODEL_CYCLE_POWER_H
#define ARMWATCH_MODEL_CYCLE_POWER_H

#include "model/detector.h"

extern const struct detector_kind cycle_power_kind;

#endif

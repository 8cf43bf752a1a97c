/*
 * training_json: how a network was trained, as the model file keeps it.
 */
#ifndef ARMWATCH_LAB_TRAINING_JSON_H
#define ARMWATCH_LAB_TRAINING_JSON_H

#include "base/json.h"
#include "lab/fit.h"

/* Settings, the best epoch, the discriminator at it, and the figures of every epoch. NULL members
 * where memory was out, as cJSON has it. Memory: the caller's. */
cJSON *training_json(const struct fit_options *options, const struct fit_report *report);

#endif

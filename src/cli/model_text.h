/*
 * model_text: a model, its training and its promise in words, for `train`, `calibrate` and `model
 * show`.
 */
#ifndef ARMWATCH_CLI_MODEL_TEXT_H
#define ARMWATCH_CLI_MODEL_TEXT_H

#include "model/model.h"

#include <stdio.h>

/* Name, channels, detectors, training. */
void model_text_print(const struct model *model, FILE *out);

/* Threshold, false-alarm target, what the calibration data support, and what each of its sessions
 * makes of the others' threshold. */
void model_text_print_promise(const struct model *model, double false_alarms_per_day, FILE *out);

#endif

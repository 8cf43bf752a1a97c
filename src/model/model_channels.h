/*
 * model_channels: what the values of a row are, by the configuration of a model file: channels of a
 * sample, the groups that they are parts of, and the derived channels behind them.
 */
#ifndef ARMWATCH_MODEL_MODEL_CHANNELS_H
#define ARMWATCH_MODEL_MODEL_CHANNELS_H

#include "base/diag.h"
#include "model/model.h"
#include "model/safetensors.h"

/* Fills channels, groups, derivation and width from model->config; the limits of channels are not
 * known yet. Memory: model_channels_deinit, also after an error. Errors: -EINVAL with what is wrong
 * in diag, -ENOMEM. */
int model_channels_load(struct model *model, const struct safetensors *tensors, struct diag *diag);
void model_channels_deinit(struct model *model); /* also of zeros */

#endif

/*
 * training: how a network and its adversary learnt, epoch by epoch.
 */
#ifndef ARMWATCH_REPORT_TRAINING_H
#define ARMWATCH_REPORT_TRAINING_H

#include "base/json.h"
#include "report/page.h"

/* Figures of the losses, of the discriminator on held-out data and of its steps, as far as the
 * epochs (a list of objects) have them; and in words which states it went through. name: of what
 * was trained, "" for the only one. */
void training_figures(struct page *page, const char *name, const cJSON *epochs);

/* Of a list of epochs, whether a discriminator was trained; its figure alone. */
bool training_has_discriminator(const cJSON *epochs);
void training_discriminator(struct page *page, const char *name, const cJSON *epochs);

#endif

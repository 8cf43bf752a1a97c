/*
 * stability_json: what a robot's drift comes to, as JSON.
 */
#ifndef ARMWATCH_PIPELINE_STABILITY_JSON_H
#define ARMWATCH_PIPELINE_STABILITY_JSON_H

#include "base/json.h"
#include "pipeline/stability.h"

/* "drift": null while it is not known; with the channels that have moved if its level is not
 * stable. Leaves out what there was no memory for. */
void stability_json(cJSON *object, const struct stability *stability);

#endif

/*
 * commissioning_json: what a robot's state says of its commissioning. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_COMMISSIONING_JSON_H
#define ARMWATCH_DAEMON_COMMISSIONING_JSON_H

#include "base/json.h"
#include "daemon/robot.h"

#define COMMISSIONING_READY "target_supported" /* among the reasons: it can be armed */
#define COMMISSIONING_FULL "commissioning_full"

/* Adds "commissioning": an object, or null where thresholds are the model's own and nothing was
 * learnt. */
void commissioning_json(cJSON *root, const struct robot *robot);
/* Adds what an operator should do to the reasons. */
void commissioning_json_reasons(cJSON *reasons, const struct robot *robot);
/* What makes a state another one: each hour that was learnt, among others. */
unsigned commissioning_json_key(const struct robot *robot);

#endif

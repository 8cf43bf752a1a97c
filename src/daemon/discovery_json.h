/*
 * discovery_json: what Home Assistant is told of a robot: one device with its entities.
 *
 * Source: Home Assistant's documentation of MQTT discovery, device discovery payload. Thread: the
 * loop.
 */
#ifndef ARMWATCH_DAEMON_DISCOVERY_JSON_H
#define ARMWATCH_DAEMON_DISCOVERY_JSON_H

#include "base/name.h"
#include "config/config.h"
#include "daemon/robot.h"

/* PREFIX/device/armwatch-INSTANCE/ROBOT/config: neither name has to be told from the other. Memory:
 * the caller frees; NULL: memory is out. */
char *discovery_topic(const char *prefix, const char *instance, const char *robot);

/* The retained message on it. Memory: the caller frees; NULL: memory is out. */
char *discovery_json(const struct config *config, const struct robot *robot);

#endif

/*
 * silence_text: the sentence in an alert about a robot that is silent.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SILENCE_TEXT_H
#define ARMWATCH_DAEMON_SILENCE_TEXT_H

#include "daemon/robot.h"

#include <stddef.h>

/* "kuka1 is silent: no sample for 31 s"; now_ns: wall clock */
void silence_text(const struct robot *robot, enum alert_transition transition, int64_t now_ns,
                  char *ret_text, size_t size);

#endif

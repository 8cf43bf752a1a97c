/*
 * context: whether a robot is judged now, and whether anybody wants to hear of it: its gate and its
 * suspension.
 *
 * What is on the two sides of a change is never judged together: windows, filters and derived
 * values begin anew. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_CONTEXT_H
#define ARMWATCH_DAEMON_CONTEXT_H

#include "base/condition.h"
#include "daemon/robot.h"
#include "daemon/suspensions.h"
#include "pipeline/sample.h"

#include <stdbool.h>
#include <stdint.h>

/* Another gate, which is borrowed; what was read by one that differs is forgotten. */
void context_set_gate(struct robot *robot, const struct conditions *gate);

/* Follows the gate with a sample of that time. Returns true if the robot is to be judged by it;
 * robot->gated is the opposite. For settle_s of sample time after the gate has opened it is not. */
bool context_pass(struct robot *robot, const struct sample *sample, int64_t time_ns,
                  double settle_s);

/* The gate said that the robot need not speak, when it was heard last. */
bool context_may_be_silent(const struct robot *robot);

/* What holds for the robot from now on, or NULL. A suspension that it has ends, if it is another.
 */
void context_suspend(struct robot *robot, const struct suspension *suspension, int64_t now_ns);

/* Whether alerts of the robot are held back now. Before anything of it is judged, and now and then:
 * the first call after the end of a suspension begins everything anew. now_ns: monotonic. */
bool context_suspended(struct robot *robot, int64_t now_ns);

#endif

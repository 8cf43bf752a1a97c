#include "daemon/context.h"

#include "base/clock.h"

void context_set_gate(struct robot *robot, const struct conditions *gate)
{
    bool same = robot->gate.conditions && conditions_same(robot->gate.conditions, gate);
    robot->gate.conditions = gate;
    if (same)
        return;
    robot->gate.known = (struct gate_reading){0};
    robot->gate.heard = false;
    robot->gate.changes++;
}

/* Rows, windows and filters of before end here; results that are still under way are of an epoch
 * that is over. */
static void part(struct robot *robot)
{
    robot_break(robot);
    robot->epoch++;
    robot->scored = false;
}

static bool is_settling(const struct robot *robot, int64_t time_ns, double settle_s)
{
    double since_s = (double)(time_ns - robot->gate.opened_ns) / (double)CLOCK_NS_PER_S;
    return robot->gate.settling && since_s >= 0 && since_s < settle_s;
}

bool context_pass(struct robot *robot, const struct sample *sample, int64_t time_ns,
                  double settle_s)
{
    const struct conditions *gate = robot->gate.conditions;
    bool first = !robot->gate.heard, was_shut = robot->gate.shut;
    struct gate_change change = gate_follow(gate, &robot->gate.known, &sample->gate);
    robot->gate.heard = true;
    robot->gate.shut = !gate_is_open(gate, &sample->gate);
    robot->gate.changes += change.told;
    if (robot->gate.shut) {
        robot->gate.settling = false;
        robot->gated = true;
        return false;
    }
    bool opens = !first && was_shut;
    if (opens || (change.parted && !first))
        part(robot);
    if (opens) {
        robot->gate.settling = true;
        robot->gate.opened_ns = time_ns;
    }
    robot->gate.settling = is_settling(robot, time_ns, settle_s);
    robot->gated = robot->gate.settling;
    return !robot->gated;
}

bool context_may_be_silent(const struct robot *robot)
{
    return robot->gate.heard && robot->gate.shut;
}

/* What was anomalous meanwhile, and what was summed up of it, must not raise anything. */
static void end_suspension(struct robot *robot, int64_t now_ns)
{
    robot->suspended = false;
    robot->suspension.until_ns = 0;
    robot->muted_epoch = robot->epoch;
    robot->resumed_ns = now_ns;
    part(robot);
    robot_restart(robot);
}

bool context_suspended(struct robot *robot, int64_t now_ns)
{
    if (robot->suspended && now_ns >= robot->suspension.until_ns)
        end_suspension(robot, now_ns);
    return robot->suspended;
}

void context_suspend(struct robot *robot, const struct suspension *suspension, int64_t now_ns)
{
    if (suspension) {
        robot->suspended = true;
        robot->suspension = *suspension;
    } else if (robot->suspended) {
        end_suspension(robot, now_ns);
    }
}

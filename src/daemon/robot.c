#include "daemon/robot.h"

#include "base/clock.h"
#include "daemon/commissioning.h"
#include "daemon/episode_log.h"
#include "daemon/shadow_track.h"

#include <stdlib.h>
#include <string.h>

#define TROUBLE_SLOT_NS (10 * CLOCK_NS_PER_S)

const char *robot_state_name(enum robot_state state)
{
    static const char *const names[ROBOT_STATES] = {"suspended",     "stale",         "alert",
                                                    "stopped",       "not_evaluated", "degraded",
                                                    "commissioning", "warming",       "ok"};
    return names[state];
}

const char *robot_trouble_name(enum robot_trouble trouble)
{
    static const char *const names[ROBOT_TROUBLES] = {
        [ROBOT_REJECTED] = "rejected", [ROBOT_DUPLICATES] = "duplicates",
        [ROBOT_LATE] = "late",         [ROBOT_MISSING] = "missing",
        [ROBOT_OVERLOAD] = "overload", [ROBOT_NONFINITE] = "nonfinite",
        [ROBOT_CLOCK] = "clock",       [ROBOT_RATE] = "rate"};
    return names[trouble];
}

const char *robot_verdict_name(enum robot_verdict verdict)
{
    static const char *const names[ROBOT_VERDICTS] = {"none", "true", "false", "maintenance"};
    return names[verdict];
}

struct robot *robot_new(const char *name, size_t number, struct model *model, double max_gap_s)
{
    struct robot *robot = calloc(1, sizeof *robot);
    if (!robot)
        return NULL;
    if (track_init(&robot->track, model, max_gap_s) < 0) {
        free(robot);
        return NULL;
    }
    if (stability_init(&robot->stability, model) < 0) {
        track_deinit(&robot->track);
        free(robot);
        return NULL;
    }
    strcpy(robot->name, name);
    robot->number = number;
    robot->partition = -1;
    robot->model = model_ref(model);
    robot->score = -1;
    robot->state = ROBOT_STATES; /* none was published yet */
    robot->state_since_ns = clock_realtime_ns();
    return robot;
}

void robot_free(struct robot *robot)
{
    if (!robot)
        return;
    assembler_free(robot->assembler);
    episode_log_free(robot->episodes);
    evidence_recorder_deinit(&robot->evidence);
    shadow_track_free(robot->shadow);
    track_deinit(&robot->track);
    alert_deinit(&robot->alert);
    stability_deinit(&robot->stability);
    model_unref(robot->model);
    free(robot);
}

int robot_set_model(struct robot *robot, struct model *model, const double *thresholds)
{
    struct alert alert = robot->alert;
    alert.windows = NULL; /* the robot's, until nothing can fail any more */
    int r = alert_set_model(&alert, model, thresholds);
    if (r == 0)
        r = track_set_model(&robot->track, model);
    if (r < 0) {
        alert_deinit(&alert);
        return r;
    }
    alert_deinit(&robot->alert);
    robot->alert = alert;
    model_unref(robot->model);
    robot->model = model_ref(model);
    stability_set_model(&robot->stability, model);
    return 0;
}

void robot_break(struct robot *robot)
{
    track_break(&robot->track);
    if (robot->shadow)
        shadow_track_break(robot->shadow);
}

void robot_restart(struct robot *robot)
{
    track_restart(&robot->track);
    if (robot->shadow)
        shadow_track_restart(robot->shadow);
}

void robot_shift(struct robot *robot, int64_t step_ns)
{
    history_shift(&robot->track.history, step_ns);
    if (robot->shadow)
        shadow_track_shift(robot->shadow, step_ns);
}

void robot_leave(struct robot *robot)
{
    robot->absent = true;
    robot->alert.episode.open = robot->fault.episode.open = robot->silence.open = false;
    for (int kind = 0; kind < ALERT_KINDS; kind++)
        robot->alerts[kind].owed = ALERT_NONE;
    robot->last_arrival_ns = robot->kept_ns = 0;
    robot->arrivals = 0;
    robot->published[0] = '\0';
    robot->commissioning = NULL;
}

const struct alert_episode *robot_episode(const struct robot *robot, enum alert_kind kind)
{
    const struct alert_episode *const episodes[ALERT_KINDS] = {
        [ALERT_ANOMALY] = &robot->alert.episode,
        [ALERT_SENSOR_FAULT] = &robot->fault.episode,
        [ALERT_SILENT] = &robot->silence,
    };
    return episodes[kind];
}

bool robot_has_open_episode(const struct robot *robot)
{
    bool open = false;
    for (int kind = 0; kind < ALERT_KINDS; kind++)
        open |= robot_episode(robot, (enum alert_kind)kind)->open;
    return open;
}

/* Of the monotonic clock. */
static uint32_t minute_of(int64_t now_ns)
{
    return (uint32_t)(now_ns / (60 * CLOCK_NS_PER_S));
}

/* What does not fit stays at the most that does. */
static void add(uint32_t *count, uint64_t more)
{
    *count = more < UINT32_MAX - *count ? *count + (uint32_t)more : UINT32_MAX;
}

static void count_windows(struct robot *robot, uint64_t due, uint64_t evaluated, int64_t now_ns)
{
    uint32_t minute = minute_of(now_ns);
    size_t at = minute % ROBOT_COVERAGE_MINUTES;
    if (robot->coverage[at].minute != minute) {
        robot->coverage[at].minute = minute;
        robot->coverage[at].expected = robot->coverage[at].evaluated = 0;
    }
    add(&robot->coverage[at].expected, due);
    add(&robot->coverage[at].evaluated, evaluated);
    robot->counters.due += due;
    robot->counters.evaluated += evaluated;
}

void robot_count_window(struct robot *robot, bool evaluated, int64_t now_ns)
{
    count_windows(robot, 1, evaluated, now_ns);
}

/* How many periods a time is, at most those that coverage remembers. */
static uint64_t periods(const struct robot *robot, int64_t time_ns)
{
    double longest_s = ROBOT_COVERAGE_MINUTES * 60, time_s = (double)time_ns / 1e9;
    return (uint64_t)((time_s < longest_s ? time_s : longest_s) / robot->model->period_s);
}

static void count_unjudged(struct robot *robot, uint64_t count, int64_t now_ns)
{
    count_windows(robot, count, 0, now_ns);
    robot->due.since_row += count;
    robot->due.since_arrival += count;
}

static void arrive(struct robot *robot, int64_t now_ns)
{
    robot->last_arrival_ns = now_ns;
    robot->stale = false;
    robot->due.since_arrival = robot->due.copies = 0;
}

void robot_heard(struct robot *robot, int64_t now_ns)
{
    count_unjudged(robot, 1, now_ns);
    robot->due.messages++;
    arrive(robot, now_ns);
}

void robot_heard_copy(struct robot *robot, int64_t now_ns)
{
    if (robot->due.copies++ > robot->due.since_arrival)
        count_unjudged(robot, 1, now_ns);
}

uint64_t robot_heard_row(struct robot *robot, uint64_t missing, int64_t now_ns)
{
    uint64_t most = periods(robot, INT64_MAX);
    missing = missing < most ? missing : most; /* more is a counter that was set */
    if (missing > robot->due.since_row)
        count_windows(robot, missing - robot->due.since_row, 0, now_ns);
    missing -= robot->due.messages < missing ? robot->due.messages : missing;
    robot->due.row_ns = now_ns;
    robot->due.since_row = robot->due.messages = 0;
    arrive(robot, now_ns);
    return missing;
}

uint64_t robot_periods_since_row(const struct robot *robot, int64_t now_ns)
{
    return robot->due.row_ns ? periods(robot, now_ns - robot->due.row_ns) : 0;
}

void robot_heard_nothing(struct robot *robot, int64_t now_ns)
{
    if (robot->last_arrival_ns == 0)
        return;
    uint64_t due = periods(robot, now_ns - robot->last_arrival_ns);
    if (due > robot->due.since_arrival)
        count_unjudged(robot, due - robot->due.since_arrival, now_ns);
}

double robot_coverage_1h(const struct robot *robot, int64_t now_ns)
{
    uint32_t minute = minute_of(now_ns);
    uint64_t expected = 0, evaluated = 0;
    for (size_t i = 0; i < ROBOT_COVERAGE_MINUTES; i++) {
        if (robot->coverage[i].minute + ROBOT_COVERAGE_MINUTES <= minute)
            continue;
        expected += robot->coverage[i].expected;
        evaluated += robot->coverage[i].evaluated;
    }
    return expected ? (double)evaluated / (double)expected : 1;
}

/* Two slots of 10 s are kept, so trouble shows for 10 to 20 s. */
static void turn_slots(struct robot *robot, int64_t now_ns)
{
    int64_t slot = now_ns / TROUBLE_SLOT_NS;
    if (slot == robot->recent.slot)
        return;
    bool next = slot == robot->recent.slot + 1;
    robot->recent.received[1] = next ? robot->recent.received[0] : 0;
    robot->recent.received[0] = 0;
    for (size_t t = 0; t < ROBOT_TROUBLES; t++) {
        robot->recent.count[t][1] = next ? robot->recent.count[t][0] : 0;
        robot->recent.count[t][0] = 0;
    }
    robot->recent.slot = slot;
}

void robot_note_received(struct robot *robot, int64_t now_ns)
{
    turn_slots(robot, now_ns);
    robot->recent.received[0]++;
}

void robot_note_trouble(struct robot *robot, enum robot_trouble trouble, int64_t now_ns)
{
    turn_slots(robot, now_ns);
    robot->recent.count[trouble][0]++;
}

void robot_note_missing(struct robot *robot, uint64_t count, int64_t now_ns)
{
    turn_slots(robot, now_ns);
    robot->recent.count[ROBOT_MISSING][0] += count;
}

bool robot_has_trouble(struct robot *robot, enum robot_trouble trouble, int64_t now_ns)
{
    if (trouble == ROBOT_RATE)
        return robot->rate.off;
    turn_slots(robot, now_ns);
    uint64_t count = robot->recent.count[trouble][0] + robot->recent.count[trouble][1];
    uint64_t received = robot->recent.received[0] + robot->recent.received[1];
    return trouble < ROBOT_SHARES ? count * 100 > received : count > 0;
}

static bool is_commissioned(const struct robot *robot)
{
    const struct commissioning_record *record = robot->commissioning;
    bool armed = record && record->mode == COMMISSIONING_ARMED;
    return commissioning_learns(robot) || (!armed && !model_calibrated(robot->model));
}

unsigned robot_states(struct robot *robot, int64_t now_ns)
{
    bool degraded = false;
    for (size_t t = 0; t < ROBOT_TROUBLES; t++)
        degraded |= robot_has_trouble(robot, (enum robot_trouble)t, now_ns);
    unsigned states = 0;
    states |= robot->suspended ? 1U << ROBOT_SUSPENDED : 0;
    states |= robot->stale ? 1U << ROBOT_STALE : 0;
    states |= robot_has_open_episode(robot) ? 1U << ROBOT_ALERT : 0;
    states |= robot->stopped ? 1U << ROBOT_STOPPED : 0;
    states |= robot->gated ? 1U << ROBOT_NOT_EVALUATED : 0;
    states |= degraded ? 1U << ROBOT_DEGRADED : 0;
    states |= is_commissioned(robot) ? 1U << ROBOT_COMMISSIONING : 0;
    states |= robot->scored ? 0 : 1U << ROBOT_WARMING;
    return states ? states : 1U << ROBOT_OK;
}

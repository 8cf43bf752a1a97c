#include "daemon/intake.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/topic_template.h"
#include "daemon/context.h"
#include "daemon/evidence.h"
#include "daemon/partitions.h"
#include "daemon/silence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- topics ---- */

int intake_subscribe(const struct intake *intake, struct mqtt_client *client)
{
    if (intake->partitions)
        return 0; /* each by itself, when it is ours */
    for (size_t i = 0; i < intake->config->topics.samples.count; i++) {
        char *filter = topic_template_filter(intake->config->topics.samples.item[i]);
        if (!filter)
            return -ENOMEM;
        int r = mqtt_client_subscribe(client, filter, 0);
        free(filter);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool match_topic(const struct intake *intake, const char *topic,
                        char ret_robot[NAME_MAX_LENGTH + 1], int *ret_partition)
{
    bool fits = false;
    *ret_robot = '\0';
    for (size_t i = 0; i < intake->config->topics.samples.count && !*ret_robot; i++)
        fits |= topic_template_match_partition(intake->config->topics.samples.item[i], topic,
                                               ret_robot, ret_partition);
    return fits;
}

/* ---- samples ---- */

/* How a row came. */
struct arrival {
    bool first;                /* there is none before it */
    bool dated;                /* its time is the source's */
    bool numbered;             /* it and the row before have a seq */
    bool restarted;            /* the history */
    double step_s;             /* from the row before, by their times */
    uint64_t missing, numbers; /* between the two; from one to the other */
};

/* A sign of life, if no row. */
static void hear(struct intake *intake, struct robot *robot, int64_t now_ns)
{
    robot_heard(robot, now_ns);
    silence_end(intake->publisher, robot, now_ns);
}

static void refuse(struct intake *intake, struct robot *robot, enum sample_refusal refusal,
                   const char *why, int64_t now_ns)
{
    uint64_t count = ++robot->counters.rejected[refusal];
    intake->rejected++;
    robot_note_trouble(robot, ROBOT_REJECTED, now_ns);
    hear(intake, robot, now_ns);
    robot_break(robot);
    if (log_is_due(count))
        log_warning("%s: sample refused (%s, %llu so far): %s", robot->name,
                    sample_refusal_name(refusal), (unsigned long long)count, why);
}

static size_t shortest_span(const struct model *model)
{
    size_t shortest = SIZE_MAX;
    for (size_t d = 0; d < model->detectors; d++) {
        size_t span = detector_span(&model->detector[d]);
        shortest = span < shortest ? span : shortest;
    }
    return shortest;
}

/* Its result changes a message: a score that is due, a state that is not known yet, an episode. */
static bool is_waited_for(const struct intake *intake, const struct robot *robot, int64_t now_ns)
{
    return publisher_score_is_due(intake->publisher, robot, now_ns) || !robot->scored ||
           robot->score >= SCORER_PROMPT_RATIO || robot_has_open_episode(robot);
}

static void send_window(struct intake *intake, struct robot *robot, const struct sample *sample,
                        int64_t now_ns)
{
    size_t rows = history_valid_rows(&robot->track.history);
    if (rows < shortest_span(robot->model)) {
        robot_count_window(robot, false, now_ns);
        return;
    }
    fleet_post_if_dirty(intake->fleet);
    const struct scorer_window window = {.robot = robot->number,
                                         .rows = rows,
                                         .channels = robot->track.history.channels,
                                         .values = history_window(&robot->track.history, rows),
                                         .row_shape = robot->track.model->row_shape,
                                         .time_ns = sample->time_ns,
                                         .seq = sample->has_seq ? sample->seq : robot->arrivals,
                                         .epoch = robot->epoch,
                                         .received_ns = now_ns,
                                         .prompt = is_waited_for(intake, robot, now_ns)};
    if (robot->pending < SCORER_PENDING_PER_ROBOT && scorer_push(intake->fleet->scorer, &window)) {
        robot->pending++;
        robot->counters.windows++;
        stability_push_row(&robot->stability, sample->time_ns,
                           history_row(&robot->track.history, 0));
        return;
    }
    if (log_is_due(++robot->counters.overload))
        log_warning(
            "%s: no room for a window (%llu so far): samples come faster than they are scored",
            robot->name, (unsigned long long)robot->counters.overload);
    robot_note_trouble(robot, ROBOT_OVERLOAD, now_ns);
    robot_count_window(robot, false, now_ns);
}

/* Readings that stand still: told at once, and the row is in no window. Returns true if so. */
static bool judge_standstill(struct intake *intake, struct robot *robot,
                             const struct sample *sample, int64_t now_ns)
{
    const struct sensor_fault_row row = {.verdict = robot->track.verdict,
                                         .time_ns = sample->time_ns,
                                         .seq = sample->has_seq ? sample->seq : robot->arrivals,
                                         .muted = robot->suspended};
    publisher_alert(intake->publisher, robot, ALERT_SENSOR_FAULT,
                    sensor_fault_push(&robot->fault, &robot->track.flat, robot->track.model, &row),
                    now_ns);
    robot->stopped = row.verdict == FLAT_STOPPED;
    robot->counters.stopped += robot->stopped;
    robot->counters.faulty += row.verdict == FLAT_SENSOR_FAULT;
    return row.verdict != FLAT_NONE;
}

static void hear_row(struct intake *intake, struct robot *robot, const struct arrival *arrival,
                     int64_t now_ns)
{
    uint64_t missing = arrival->missing;
    /* By times alone a pause cannot be told from a clock that was set forward, and without times a
     * loss not from a delay. */
    if (!arrival->numbered && arrival->restarted) {
        uint64_t passed = robot_periods_since_row(robot, now_ns);
        missing = missing < passed ? missing : passed;
    }
    if (!arrival->numbered && !arrival->dated)
        missing = 0;
    bool told = robot->stale; /* a pause that was told as such is no trouble afterwards */
    missing = robot_heard_row(robot, missing, now_ns);
    robot->counters.missing += missing;
    if (!told)
        robot_note_missing(robot, missing, now_ns);
    silence_end(intake->publisher, robot, now_ns);
    robot->arrivals++;
}

/* Before hear_row. Without times and numbers a loss cannot be told from a slow source. */
static void watch_rate(struct robot *robot, const struct arrival *arrival, int64_t now_ns)
{
    bool dated = arrival->dated && robot->dated;
    robot->dated = arrival->dated;
    if (arrival->first || (!dated && !arrival->numbered))
        return;
    struct rate_step step = {.s = arrival->step_s,
                             .samples = arrival->numbered ? arrival->numbers : 1,
                             .broken =
                                 arrival->restarted || (!arrival->numbered && arrival->missing > 0),
                             .arrival = !dated};
    if (!dated)
        step.s = (double)(now_ns - robot->due.row_ns) / 1e9;
    if (step.samples == 0 || (arrival->restarted && step.s <= 0))
        rate_restart(&robot->rate);
    else
        rate_push(&robot->rate, &step, robot->model->period_s);
}

/* Times in the past are no trouble: a recording may be played, or a source count from its start. */
static void watch_clock(const struct intake *intake, struct robot *robot,
                        const struct sample *sample, int64_t now_ns)
{
    if (!robot->dated)
        return;
    robot->clock_skew_s = (double)(sample->time_ns - host_clock_ns(&intake->clock, now_ns)) / 1e9;
    if (robot->clock_skew_s > ROBOT_CLOCK_AHEAD_S)
        robot_note_trouble(robot, ROBOT_CLOCK, now_ns);
}

/* A message that tells nothing new. */
static void drop(struct robot *robot, enum robot_trouble trouble, int64_t now_ns)
{
    robot_note_trouble(robot, trouble, now_ns);
    if (trouble == ROBOT_DUPLICATES) {
        robot->counters.duplicates++;
        robot_heard_copy(robot, now_ns);
    } else {
        robot->counters.late++; /* its window was counted when it was overtaken */
    }
}

/* Against the row before; the sample has a time then. */
static struct arrival meet(const struct intake *intake, const struct robot *robot,
                           struct sample *sample, int64_t now_ns)
{
    const struct history *history = &robot->track.history;
    struct arrival arrival = {.first = !history->started,
                              .dated = sample->has_time && !sample->undated,
                              .numbered = sample->has_seq && history->last_has_seq};
    if (!sample->has_time) {
        sample->time_ns = host_clock_ns(&intake->clock, now_ns);
        sample->has_time = true;
    }
    arrival.step_s = (double)(sample->time_ns - history->last_time_ns) / 1e9;
    if (arrival.numbered && sample->seq > history->last_seq)
        arrival.numbers = sample->seq - history->last_seq;
    return arrival;
}

/* The row stands in the history already; this decides whether it counts. */
static void take_sample(struct intake *intake, struct robot *robot, struct sample *sample,
                        int64_t now_ns)
{
    int64_t time_ns = sample->has_time ? sample->time_ns : host_clock_ns(&intake->clock, now_ns);
    evidence_take(intake->publisher->evidence, robot);
    if (!context_pass(robot, sample, time_ns, intake->config->input.settle_s)) {
        robot->counters.gated++;
        robot->stopped = false; /* it was not looked at */
        evidence_gated(intake->publisher->evidence, robot, time_ns);
        hear(intake, robot, now_ns);
        robot_break(robot);
        return;
    }
    struct arrival arrival = meet(intake, robot, sample, now_ns);
    switch (track_push(&robot->track, sample)) {
    case HISTORY_DUPLICATE:
        drop(robot, ROBOT_DUPLICATES, now_ns);
        return;
    case HISTORY_LATE:
        drop(robot, ROBOT_LATE, now_ns);
        return;
    case HISTORY_RESTARTED:
        arrival.restarted = true;
        robot->counters.restarts += robot->track.history.set_back;
        robot->counters.gaps += !arrival.first && !robot->track.history.set_back;
        robot->epoch++;
        robot->scored = false;
        break;
    case HISTORY_APPENDED:
        break;
    }
    arrival.missing = robot->track.history.missing;
    watch_rate(robot, &arrival, now_ns);
    watch_clock(intake, robot, sample, now_ns);
    hear_row(intake, robot, &arrival, now_ns);
    evidence_row(intake->publisher->evidence, robot, sample);
    if (judge_standstill(intake, robot, sample, now_ns))
        robot_count_window(robot, false, now_ns);
    else
        send_window(intake, robot, sample, now_ns);
    if (robot->shadow)
        shadow_track_push(robot->shadow, intake->fleet->scorer, robot, sample, now_ns);
}

static void note_unknown_channel(struct robot *robot, const struct mqtt_message *message)
{
    char name[80];
    if (robot->unknown_channel_seen)
        return;
    robot->unknown_channel_seen = true;
    if (sample_unknown_channel(robot->assignment->decoder, message->payload, message->size, name,
                               sizeof name))
        log_info("%s: channel \"%s\" and perhaps others are not in model %s and are ignored",
                 robot->name, name, robot->model->name);
}

static enum sample_refusal check_values(const struct robot *robot, const float *values,
                                        struct diag *diag)
{
    size_t channel = model_find_impossible(robot->model, values);
    if (channel == robot->model->channels)
        return SAMPLE_ACCEPTED;
    diag_set(diag, "channel \"%s\" is %g, no reading is beyond %g",
             robot->model->channel[channel].name, (double)values[channel],
             robot->model->channel[channel].limit);
    return SAMPLE_OUT_OF_RANGE;
}

static enum sample_refusal read_sample(struct robot *robot, const struct mqtt_message *message,
                                       struct sample *ret_sample, struct diag *diag)
{
    float *values = track_next_row(&robot->track);
    enum sample_refusal refusal = sample_decode(robot->assignment->decoder, message->payload,
                                                message->size, ret_sample, values, diag);
    return refusal ? refusal : check_values(robot, values, diag);
}

static void take_message(struct intake *intake, struct robot *robot,
                         const struct mqtt_message *message)
{
    int64_t now_ns = clock_monotonic_ns();
    robot->counters.received++;
    if (message->retained) { /* of another time: it would be scored as if it were now */
        robot->counters.retained++;
        return;
    }
    robot_note_received(robot, now_ns);
    context_suspended(robot, now_ns);
    struct sample sample;
    struct diag diag = DIAG_INIT;
    enum sample_refusal refusal = read_sample(robot, message, &sample, &diag);
    if (refusal) {
        refuse(intake, robot, refusal, diag.text, now_ns);
        return;
    }
    if (intake->partitions && partitions_is_backlog(intake->partitions, robot, &sample, now_ns)) {
        robot->counters.backlog++;
        return;
    }
    note_unknown_channel(robot, message);
    take_sample(intake, robot, &sample, now_ns);
}

void intake_assembled(struct intake *intake, struct robot *robot, int64_t now_ns)
{
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float *values = track_next_row(&robot->track);
    intake->samples++;
    robot->counters.received++;
    robot_note_received(robot, now_ns);
    context_suspended(robot, now_ns);
    enum sample_refusal refusal =
        assembler_sample(robot->assembler, &intake->config->input.gate, &sample, values, &diag);
    sample.undated = !robot->assembler_dated;
    if (!refusal)
        refusal = check_values(robot, values, &diag);
    if (refusal)
        refuse(intake, robot, refusal, diag.text, now_ns);
    else
        take_sample(intake, robot, &sample, now_ns);
}

struct robot *intake_robot(struct intake *intake, const char *name, bool retained)
{
    struct diag diag = DIAG_INIT;
    struct robot *robot = fleet_find(intake->fleet, name);
    if (robot)
        return robot;
    if (retained) {
        intake->unknown_retained++;
        return NULL;
    }
    robot = fleet_add(intake->fleet, name, &diag);
    if (robot)
        log_info("robot %s: model %s version %lld", name, robot->model->name,
                 (long long)robot->model->version);
    else if (log_is_due(++intake->unknown))
        log_warning("sample refused (%llu so far): %s", (unsigned long long)intake->unknown,
                    diag.text);
    return robot;
}

bool intake_message(struct intake *intake, const struct mqtt_message *message)
{
    char name[NAME_MAX_LENGTH + 1];
    int partition;
    if (!match_topic(intake, message->topic, name, &partition))
        return false;
    intake->samples++;
    intake->retained += message->retained;
    if (!*name) {
        if (log_is_due(++intake->invalid_names))
            log_warning("sample refused (%llu so far): %.80s names no robot: %s",
                        (unsigned long long)intake->invalid_names, message->topic, NAME_RULE);
        return true;
    }
    struct robot *robot = intake->partitions ? partitions_robot(intake->partitions, name, partition,
                                                                message->retained)
                                             : intake_robot(intake, name, message->retained);
    if (robot)
        take_message(intake, robot, message);
    return true;
}

void intake_tick(struct intake *intake, int64_t wall_ns, int64_t now_ns)
{
    int64_t step_ns = host_clock_check(&intake->clock, wall_ns, now_ns);
    if (step_ns == 0)
        return;
    log_warning("the clock of this host was set by %+.1f s", (double)step_ns / 1e9);
    for (size_t i = 0; i < intake->fleet->count; i++) {
        struct robot *robot = intake->fleet->robot[i];
        if (!robot->dated)
            robot_shift(robot, step_ns);
        if (robot->assembler && !robot->assembler_dated)
            assembler_shift(robot->assembler, step_ns);
    }
}

#include "daemon/message.h"

#include "base/clock.h"
#include "daemon/commissioning.h"
#include "daemon/commissioning_json.h"
#include "daemon/maintenance.h"
#include "daemon/silence_text.h"
#include "pipeline/alert_json.h"
#include "pipeline/stability_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALERT_ID_DIGITS 32 /* of the hash: 128 bits */
#define TEXT_MAX MESSAGE_TEXT_MAX

_Static_assert(TEXT_MAX >= ALERT_TEXT_MAX, "the longest sentence");

char *message_print(cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    cJSON_Delete(tree);
    if (!json_memory_failed())
        return text;
    cJSON_free(text); /* it lacks something */
    return NULL;
}

static void add_time(cJSON *object, const char *key, int64_t time_ns)
{
    char text[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(time_ns, text);
    cJSON_AddStringToObject(object, key, text);
}

/* Who speaks for the robot, so that others know whose word the newest is. */
static void add_owner(cJSON *root, const struct robot *robot)
{
    if (robot->partition < 0)
        return;
    cJSON_AddNumberToObject(root, "partition", robot->partition);
    cJSON_AddStringToObject(root, "instance", robot->owner);
    cJSON_AddNumberToObject(root, "epoch", (double)robot->owner_epoch);
}

/* A member of an object; what stands before the value is written out. */
static void put_text(struct text *out, const char *before, const char *value)
{
    text_add(out, before);
    text_add(out, value);
    text_char(out, '"');
}

static void put_number(struct text *out, const char *before, double value)
{
    text_add(out, before);
    text_number(out, value);
}

static void put_integer(struct text *out, const char *before, uint64_t value)
{
    text_add(out, before);
    text_integer(out, value);
}

static void put_detectors(struct text *out, const struct model *model, const struct score *score,
                          const double *thresholds)
{
    text_add(out, ",\"detectors\":[");
    const char *before = "{\"name\":\"";
    for (size_t d = 0; d < score->detectors; d++) {
        if (!score->detector[d].evaluated)
            continue;
        put_text(out, before, model->detector[d].name);
        put_number(out, ",\"score\":", score->detector[d].score);
        put_number(out, ",\"threshold\":", thresholds[d]);
        put_number(out, ",\"ratio\":", score->detector[d].score / thresholds[d]);
        text_char(out, '}');
        before = ",{\"name\":\"";
    }
    text_char(out, ']');
}

/* No name in it has anything that JSON would want escaped (NAME_RULE). */
void message_score(struct text *out, const struct robot *robot, const struct score *score,
                   const double *thresholds)
{
    char time[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(score->time_ns, time);
    put_text(out, "{\"robot\":\"", robot->name);
    put_text(out, ",\"time\":\"", time);
    put_integer(out, ",\"seq\":", score->seq);
    put_number(out, ",\"score\":", score_ratio(score, thresholds, NULL));
    put_detectors(out, robot->model, score, thresholds);
    put_text(out, ",\"model\":\"", robot->model->name);
    put_integer(out, ",\"model_version\":", (uint64_t)robot->model->version);
    if (robot->partition >= 0) { /* so that others know whose word the newest is */
        put_integer(out, ",\"partition\":", (uint64_t)robot->partition);
        put_text(out, ",\"instance\":\"", robot->owner);
        put_integer(out, ",\"epoch\":", robot->owner_epoch);
    }
    text_char(out, '}');
}

int message_alert_id(const char *instance, const char *robot, const char *kind,
                     const struct alert_episode *episode, char ret_id[HASH_HEX_SIZE])
{
    char text[512];
    int length = snprintf(text, sizeof text, "%s/%s/%s/%lld/%llu", instance, robot, kind,
                          (long long)episode->started_ns, (unsigned long long)episode->first_seq);
    const struct hash_part part = {text, (size_t)length};
    int r = hash_sha256(&part, 1, ret_id);
    ret_id[ALERT_ID_DIGITS] = '\0';
    return r;
}

/* One sentence for a person. It says what deviates, not why. */
static void format_anomaly(const struct robot *robot, enum alert_transition transition,
                           char ret_text[TEXT_MAX])
{
    const struct alert_episode *episode = &robot->alert.episode;
    if (transition == ALERT_CLEARED && commissioning_learns(robot)) {
        snprintf(ret_text, TEXT_MAX, "%s is commissioned: its thresholds are learnt anew",
                 robot->name);
    } else if (transition == ALERT_CLEARED && episode->ended_ns < episode->started_ns) {
        /* the source's clock was set back: there is no duration to tell */
        snprintf(ret_text, TEXT_MAX, "%s moves as usual again", robot->name);
    } else if (transition == ALERT_CLEARED) {
        snprintf(ret_text, TEXT_MAX, "%s moves as usual again after %.1f s", robot->name,
                 (double)(episode->ended_ns - episode->started_ns) / 1e9);
    } else {
        alert_text(robot->model, &robot->alert, ret_text);
        if (!*ret_text)
            snprintf(ret_text, TEXT_MAX, "%s moves unusually", robot->name);
    }
}

/* Of an episode that rests on scores; of another kind there are none. */
static void add_scores(cJSON *data, const struct alert_episode *episode, bool scored)
{
    alert_json_number(data, "score", scored ? episode->score : (double)NAN);
    alert_json_number(data, "peak_score", scored ? episode->peak_score : (double)NAN);
    alert_json_number(data, "p_value", scored ? episode->p_value : (double)NAN);
}

static void add_episode(cJSON *data, const struct alert_episode *episode)
{
    add_time(data, "started", episode->started_ns);
    if (episode->open)
        cJSON_AddNullToObject(data, "ended");
    else
        add_time(data, "ended", episode->ended_ns);
    cJSON_AddNumberToObject(data, "windows", (double)episode->windows);
    cJSON_AddNumberToObject(data, "first_seq", (double)episode->first_seq);
    cJSON_AddNumberToObject(data, "last_seq", (double)episode->last_seq);
}

void message_sentence(const struct robot *robot, const struct message_alert *alert,
                      char ret_text[TEXT_MAX])
{
    switch (alert->kind) {
    case ALERT_SENSOR_FAULT:
        alert_text_fault(robot->model, &robot->fault, alert->transition == ALERT_CLEARED, ret_text);
        break;
    case ALERT_SILENT:
        silence_text(robot, alert->transition, alert->now_ns, ret_text, TEXT_MAX);
        break;
    case ALERT_ANOMALY:
    case ALERT_KINDS:
        format_anomaly(robot, alert->transition, ret_text);
        break;
    }
}

static cJSON *alert_data(const struct robot *robot, const struct message_alert *alert)
{
    const struct alert_episode *episode = robot_episode(robot, alert->kind);
    char text[TEXT_MAX];
    message_sentence(robot, alert, text);
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "alert_id", robot->alerts[alert->kind].id);
    cJSON_AddStringToObject(data, "robot", robot->name);
    cJSON_AddStringToObject(data, "state", alert_transition_name(alert->transition));
    cJSON_AddStringToObject(data, "severity", alert_severity_name(episode->severity));
    cJSON_AddStringToObject(data, "kind", alert_kind_name(alert->kind));
    alert_json_step(data, episode);
    cJSON_AddStringToObject(data, "text", text);
    if (alert->kind == ALERT_ANOMALY)
        alert_json_fired(data, robot->model, &robot->alert);
    else
        cJSON_AddArrayToObject(data, "detectors");
    add_scores(data, episode, alert->kind == ALERT_ANOMALY);
    add_episode(data, episode);
    if (episode->last.attributed)
        alert_json_attribution(data, robot->model, &episode->last.attribution);
    if (alert->kind == ALERT_SENSOR_FAULT)
        alert_json_fault(data, robot->model, &robot->fault);
    cJSON *model = cJSON_AddObjectToObject(data, "model");
    cJSON_AddStringToObject(model, "name", robot->model->name);
    cJSON_AddNumberToObject(model, "version", (double)robot->model->version);
    cJSON_AddStringToObject(model, "sha256", robot->model->sha256);
    return data;
}

char *message_alert(const struct robot *robot, const struct message_alert *alert)
{
    char id[HASH_HEX_SIZE + 24], subject[NAME_MAX_LENGTH + 8], type[64];
    snprintf(id, sizeof id, "%s/%llu", robot->alerts[alert->kind].id,
             (unsigned long long)robot->alerts[alert->kind].messages);
    snprintf(subject, sizeof subject, "robot/%s", robot->name);
    snprintf(type, sizeof type, "armwatch.alert.%s", alert_transition_name(alert->transition));
    json_memory_failed(); /* of what was before */
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "specversion", "1.0");
    cJSON_AddStringToObject(root, "id", id);
    cJSON_AddStringToObject(root, "source", alert->source);
    cJSON_AddStringToObject(root, "type", type);
    cJSON_AddStringToObject(root, "subject", subject);
    add_time(root, "time", alert->now_ns);
    cJSON_AddStringToObject(root, "datacontenttype", "application/json");
    json_attach(root, "data", alert_data(robot, alert));
    return message_print(root);
}

char *message_episode(const struct robot *robot, const struct message_alert *alert,
                      const char *statement)
{
    json_memory_failed(); /* of what was before */
    cJSON *data = alert_data(robot, alert);
    bool cleared = alert->transition == ALERT_CLEARED;
    cJSON *text = cJSON_DetachItemFromObjectCaseSensitive(data, "text");
    if (cleared && text)
        cJSON_AddStringToObject(data, "cleared_text", text->valuestring);
    cJSON_AddStringToObject(data, "text", statement ? statement : text ? text->valuestring : "");
    cJSON_Delete(text);
    cJSON_DeleteItemFromObjectCaseSensitive(data, "state");
    cJSON_AddStringToObject(data, "state", cleared ? "cleared" : "raised");
    return message_print(data);
}

/* What is not as it must be for the robot to be judged. */
static void add_gate_reasons(cJSON *reasons, const struct robot *robot)
{
    const struct conditions *gate = robot->gate.conditions;
    char text[GATE_REASON_MAX];
    for (size_t i = 0; robot->gated && robot->gate.heard && gate && i < gate->count; i++) {
        if (robot->gate.known.value[i].verdict == GATE_OPEN)
            continue;
        gate_reason(&gate->item[i], &robot->gate.known.value[i], text);
        json_append(reasons, cJSON_CreateString(text));
    }
    if (robot->gate.settling)
        json_append(reasons, cJSON_CreateString("settling"));
}

static void add_suspension(cJSON *root, const struct robot *robot)
{
    if (!robot->suspended) {
        cJSON_AddNullToObject(root, "suspended");
        return;
    }
    cJSON *object = cJSON_AddObjectToObject(root, "suspended");
    add_time(object, "until", maintenance_wall_ns(robot->suspension.until_ns));
    cJSON_AddStringToObject(object, "reason", robot->suspension.reason);
}

static void add_reasons(cJSON *root, struct robot *robot, unsigned states, int64_t now_ns)
{
    cJSON *reasons = cJSON_AddArrayToObject(root, "reasons");
    bool first = true;
    for (int s = 0; s < ROBOT_STATES; s++) {
        if (!(states & 1U << s))
            continue;
        if (!first && s != ROBOT_DEGRADED)
            json_append(reasons, cJSON_CreateString(robot_state_name((enum robot_state)s)));
        first = false;
    }
    add_gate_reasons(reasons, robot);
    for (int t = 0; t < ROBOT_TROUBLES; t++) {
        if (robot_has_trouble(robot, (enum robot_trouble)t, now_ns))
            json_append(reasons, cJSON_CreateString(robot_trouble_name((enum robot_trouble)t)));
    }
    commissioning_json_reasons(reasons, robot);
}

static void add_ack(cJSON *entry, const struct robot_ack *ack)
{
    bool acked = ack->verdict != ROBOT_UNACKED;
    cJSON_AddBoolToObject(entry, "acked", acked);
    if (!acked)
        return;
    cJSON *object = cJSON_AddObjectToObject(entry, "ack");
    cJSON_AddStringToObject(object, "verdict", robot_verdict_name(ack->verdict));
    cJSON_AddStringToObject(object, "note", ack->note);
    add_time(object, "time", ack->time_ns);
}

static void add_open_alerts(cJSON *root, const struct robot *robot)
{
    cJSON *alerts = cJSON_AddArrayToObject(root, "alerts");
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        const struct alert_episode *episode = robot_episode(robot, (enum alert_kind)kind);
        if (!episode->open)
            continue;
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "alert_id", robot->alerts[kind].id);
        cJSON_AddNumberToObject(entry, "n", (double)robot->alerts[kind].messages);
        cJSON_AddStringToObject(entry, "kind", alert_kind_name((enum alert_kind)kind));
        add_time(entry, "started", episode->started_ns);
        cJSON_AddStringToObject(entry, "severity", alert_severity_name(episode->severity));
        add_ack(entry, &robot->alerts[kind].ack);
        if (robot->partition >= 0) {
            cJSON_AddNumberToObject(entry, "first_seq", (double)episode->first_seq);
            cJSON_AddNumberToObject(entry, "windows", (double)episode->windows);
            alert_json_number(entry, "peak_score", episode->peak_score);
        }
        json_append(alerts, entry);
    }
}

cJSON *message_state_tree(struct robot *robot, int64_t now_ns)
{
    unsigned states = robot_states(robot, now_ns);
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "robot", robot->name);
    /* Not robot->state: that is what was published last, if anything was. */
    enum robot_state first = (enum robot_state)__builtin_ctz(states);
    cJSON_AddStringToObject(root, "state", robot_state_name(first));
    add_reasons(root, robot, states, now_ns);
    add_suspension(root, robot);
    add_time(root, "since", robot->state_since_ns);
    if (robot->score >= 0)
        alert_json_number(root, "score", robot->score);
    else
        cJSON_AddNullToObject(root, "score");
    alert_json_number(root, "coverage_1h", robot_coverage_1h(robot, now_ns));
    if (robot->dated)
        alert_json_number(root, "clock_skew_s", robot->clock_skew_s);
    else
        cJSON_AddNullToObject(root, "clock_skew_s");
    add_open_alerts(root, robot);
    stability_json(root, &robot->stability);
    commissioning_json(root, robot);
    cJSON_AddStringToObject(root, "model", robot->model->name);
    cJSON_AddNumberToObject(root, "model_version", (double)robot->model->version);
    add_owner(root, robot);
    return root;
}

char *message_state(struct robot *robot, int64_t now_ns)
{
    json_memory_failed(); /* of what was before */
    return message_print(message_state_tree(robot, now_ns));
}

cJSON *message_rejected_tree(const struct robot *robot)
{
    const uint64_t *counts = robot->counters.rejected;
    cJSON *rejected = cJSON_CreateObject();
    for (int r = SAMPLE_ACCEPTED + 1; r < SAMPLE_REFUSALS; r++) {
        if (counts[r] > 0)
            cJSON_AddNumberToObject(rejected, sample_refusal_name((enum sample_refusal)r),
                                    (double)counts[r]);
    }
    return rejected;
}

/* What every sample came to: received = rejected + retained + gated + duplicates + late + backlog
 * + those that became a row; a row that completed a window is in windows or in overload, one with
 * readings that stand still in faulty or in stopped. */
static cJSON *counters_tree(const struct robot *robot)
{
    const struct robot_counters *counters = &robot->counters;
    const struct {
        const char *name;
        uint64_t value;
    } single[] = {{"received", counters->received},     {"retained", counters->retained},
                  {"duplicates", counters->duplicates}, {"late", counters->late},
                  {"missing", counters->missing},       {"gaps", counters->gaps},
                  {"restarts", counters->restarts},     {"gated", counters->gated},
                  {"windows", counters->windows},       {"scored", counters->scored},
                  {"overload", counters->overload},     {"nonfinite", counters->nonfinite},
                  {"faulty", counters->faulty},         {"stopped", counters->stopped},
                  {"alerts", counters->alerts},         {"backlog", counters->backlog}};
    cJSON *root = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        cJSON_AddNumberToObject(root, single[i].name, (double)single[i].value);
    json_attach(root, "rejected", message_rejected_tree(robot));
    return root;
}

/* Of a robot whose samples are assembled. */
static cJSON *tags_tree(const struct robot *robot)
{
    cJSON *root = cJSON_CreateObject();
    for (int r = 0; r < ASSEMBLER_REFUSALS; r++)
        cJSON_AddNumberToObject(root, assembler_refusal_name((enum assembler_refusal)r),
                                (double)robot->counters.tags[r]);
    cJSON_AddNumberToObject(root, "restarts", (double)assembler_restarts(robot->assembler));
    const char *first;
    cJSON_AddNumberToObject(root, "channels_without_value",
                            (double)assembler_absent(robot->assembler, &first));
    if (first)
        cJSON_AddStringToObject(root, "first_without_value", first);
    return root;
}

/* What its thresholds promise, and what is behind that. */
static void add_promise(cJSON *root, const struct robot *robot)
{
    const struct calibration *least = model_least_calibration(robot->model);
    double supported = least ? calibration_supported_per_day(least) : (double)INFINITY;
    if (robot->commissioning && robot->commissioning->mode != COMMISSIONING_IDLE)
        supported = commissioning_progress(robot->commissioning, 0).supported_per_day;
    cJSON *object = cJSON_AddObjectToObject(root, "promise");
    alert_json_number(object, "false_alarms_per_day", robot->budget.per_day);
    cJSON_AddStringToObject(object, "source", robot->budget.source ? robot->budget.source : "");
    alert_json_number(object, "supported_per_day", supported);
    cJSON_AddBoolToObject(object, "extrapolated", robot->budget.per_day < supported);
}

char *message_robot(struct robot *robot, int64_t now_ns)
{
    cJSON *root = message_state_tree(robot, now_ns);
    if (robot->rate.period_s > 0)
        alert_json_number(root, "period_s", robot->rate.period_s);
    else
        cJSON_AddNullToObject(root, "period_s");
    json_attach(root, "counters", counters_tree(robot));
    add_promise(root, robot);
    if (robot->assembler)
        json_attach(root, "tags", tags_tree(robot));
    return message_print(root);
}

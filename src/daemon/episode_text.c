#include "daemon/episode_text.h"

#include "daemon/message.h"

#include "base/json.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages of an episode are numbered. The last ones before a crash may have been sent without
 * having reached the journal, so the count goes on far beyond them: a number is never used again
 * with other content. */
#define MESSAGES_STEP 1000

/* ---- out */

/* Nanoseconds are beyond what a number in JSON holds. */
static void add_integer(cJSON *object, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    cJSON_AddStringToObject(object, key, text);
}

static void add_detectors(cJSON *root, const struct alert *alert)
{
    cJSON *list = cJSON_AddArrayToObject(root, "detectors");
    for (size_t d = 0; d < alert->detectors; d++) {
        if (alert->episode.fired[d] <= 0)
            continue;
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", alert->trigger[d].name);
        cJSON_AddNumberToObject(entry, "fired", alert->episode.fired[d]);
        cJSON_AddBoolToObject(entry, "holding", alert->holding[d]);
        json_append(list, entry);
    }
}

static void add_channels(cJSON *root, const struct sensor_fault *fault, const struct model *model)
{
    cJSON_AddNumberToObject(root, "flat_s", fault->flat_s);
    cJSON *list = cJSON_AddArrayToObject(root, "channels");
    for (size_t i = 0; i < fault->channels && i < SENSOR_FAULT_LISTED_MAX; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", model->channel[fault->listed[i].channel].name);
        cJSON_AddNumberToObject(entry, "observed", (double)fault->listed[i].observed);
        cJSON_AddBoolToObject(entry, "varied", fault->listed[i].varied);
        json_append(list, entry);
    }
}

static void add_ack(cJSON *root, const struct robot_ack *ack)
{
    cJSON *object = cJSON_AddObjectToObject(root, "ack");
    cJSON_AddStringToObject(object, "verdict", robot_verdict_name(ack->verdict));
    add_integer(object, "time_ns", ack->time_ns);
    cJSON_AddStringToObject(object, "note", ack->note);
}

char *episode_text(const struct robot *robot, enum alert_kind kind)
{
    const struct alert_episode *episode = robot_episode(robot, kind);
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "id", robot->alerts[kind].id);
    cJSON_AddStringToObject(root, "model", robot->alerts[kind].model);
    add_integer(root, "messages", (int64_t)robot->alerts[kind].messages);
    cJSON_AddNumberToObject(root, "severity", episode->severity);
    add_integer(root, "started_ns", episode->started_ns);
    add_integer(root, "first_seq", (int64_t)episode->first_seq);
    add_integer(root, "last_seq", (int64_t)episode->last_seq);
    add_integer(root, "windows", (int64_t)episode->windows);
    cJSON_AddNumberToObject(root, "score", episode->score);
    cJSON_AddNumberToObject(root, "peak_score", episode->peak_score);
    cJSON_AddNumberToObject(root, "p_value", episode->p_value);
    if (kind == ALERT_ANOMALY)
        add_detectors(root, &robot->alert);
    if (kind == ALERT_SENSOR_FAULT)
        add_channels(root, &robot->fault, robot->model);
    if (robot->alerts[kind].ack.verdict != ROBOT_UNACKED)
        add_ack(root, &robot->alerts[kind].ack);
    return message_print(root);
}

/* ---- back */

static int get_integer(const cJSON *object, const char *key, int64_t *ret_value, struct diag *diag)
{
    const char *text = "";
    char *end;
    int r = json_get_string(object, key, true, 24, &text, diag);
    if (r < 0)
        return r;
    errno = 0;
    *ret_value = strtoll(text, &end, 10);
    return errno || !*text || *end ? diag_set(diag, "%s: not an integer", key) : 0;
}

static int get_count(const cJSON *object, const char *key, uint64_t *ret_value, struct diag *diag)
{
    int64_t value = 0;
    int r = get_integer(object, key, &value, diag);
    *ret_value = (uint64_t)value;
    return r == 0 && value < 0 ? diag_set(diag, "%s: negative", key) : r;
}

static int read_episode(const cJSON *root, struct alert_episode *episode, struct diag *diag)
{
    int64_t severity = 0;
    *episode = (struct alert_episode){.open = true};
    int r = json_get_integer(root, "severity", true, ALERT_INFO, ALERT_CRITICAL, &severity, diag);
    r = r ? r : get_integer(root, "started_ns", &episode->started_ns, diag);
    r = r ? r : get_count(root, "first_seq", &episode->first_seq, diag);
    r = r ? r : get_count(root, "last_seq", &episode->last_seq, diag);
    r = r ? r : get_count(root, "windows", &episode->windows, diag);
    r = r ? r : json_get_number(root, "score", true, 0, 1e300, &episode->score, diag);
    r = r ? r : json_get_number(root, "peak_score", true, 0, 1e300, &episode->peak_score, diag);
    r = r ? r : json_get_number(root, "p_value", true, 0, 1, &episode->p_value, diag);
    episode->severity = (enum alert_severity)severity;
    return r;
}

static int read_alert(const cJSON *root, struct robot_alert *alert, struct diag *diag)
{
    const char *id = "", *model = "";
    uint64_t messages = 0;
    int r = json_get_string(root, "id", true, sizeof alert->id - 1, &id, diag);
    json_get_string(root, "model", false, sizeof alert->model - 1, &model, NULL);
    r = r ? r : get_count(root, "messages", &messages, diag);
    if (r == 0 && !*id)
        r = diag_set(diag, "id: empty");
    if (r == 0 && messages > INT64_MAX - MESSAGES_STEP)
        r = diag_set(diag, "messages: too many");
    if (r < 0)
        return r;
    *alert = (struct robot_alert){.messages = (messages / MESSAGES_STEP + 1) * MESSAGES_STEP};
    if (messages == 0) /* nobody was told of it, as far as is known */
        *alert = (struct robot_alert){.owed = ALERT_RAISED};
    strcpy(alert->id, id);
    strcpy(alert->model, model);
    return 0;
}

/* One that cannot be read is no acknowledgement: the alert asks for one again. */
static void restore_ack(struct robot_ack *ack, const cJSON *root)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(root, "ack");
    const char *verdict = "", *note = "";
    struct robot_ack found = {.verdict = ROBOT_TRUE_ALARM};
    if (json_get_string(object, "verdict", true, 16, &verdict, NULL) < 0 ||
        json_get_string(object, "note", true, ROBOT_NOTE_MAX, &note, NULL) < 0 ||
        get_integer(object, "time_ns", &found.time_ns, NULL) < 0)
        return;
    while (found.verdict < ROBOT_VERDICTS &&
           strcmp(verdict, robot_verdict_name(found.verdict)) != 0)
        found.verdict++;
    if (found.verdict == ROBOT_VERDICTS)
        return;
    strcpy(found.note, note);
    *ack = found;
}

static void restore_detectors(struct alert *alert, const cJSON *root)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(root, "detectors");
    cJSON_ArrayForEach(entry, list)
    {
        const char *name = "";
        double fired = 0;
        bool holding = false;
        if (json_get_string(entry, "name", true, DETECTOR_NAME_MAX, &name, NULL) < 0 ||
            json_get_number(entry, "fired", true, 0, 1e300, &fired, NULL) < 0 ||
            json_get_bool(entry, "holding", true, &holding, NULL) < 0)
            continue;
        for (size_t d = 0; d < alert->detectors; d++) {
            if (strcmp(alert->trigger[d].name, name) != 0)
                continue;
            alert->episode.fired[d] = fired;
            alert->holding[d] = holding;
        }
    }
}

static void restore_channels(struct sensor_fault *fault, const struct model *model,
                             const cJSON *root)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(root, "channels");
    json_get_number(root, "flat_s", false, 0, 1e9, &fault->flat_s, NULL);
    fault->channels = 0;
    cJSON_ArrayForEach(entry, list)
    {
        const char *name = "";
        double observed = 0;
        bool varied = false;
        if (fault->channels >= SENSOR_FAULT_LISTED_MAX ||
            json_get_string(entry, "name", true, 256, &name, NULL) < 0 ||
            json_get_number(entry, "observed", true, -(double)FLT_MAX, (double)FLT_MAX, &observed,
                            NULL) < 0 ||
            json_get_bool(entry, "varied", true, &varied, NULL) < 0)
            continue;
        for (size_t c = 0; c < model->channels; c++) {
            if (strcmp(model->channel[c].name, name) != 0)
                continue;
            size_t at = fault->channels++;
            fault->listed[at].channel = c;
            fault->listed[at].observed = (float)observed;
            fault->listed[at].varied = varied;
            break;
        }
    }
}

static void restore(struct robot *robot, enum alert_kind kind, const cJSON *root,
                    const struct alert_episode *episode)
{
    switch (kind) {
    case ALERT_ANOMALY:
        robot->alert.episode = *episode;
        restore_detectors(&robot->alert, root);
        break;
    case ALERT_SENSOR_FAULT:
        robot->fault = (struct sensor_fault){.episode = *episode};
        restore_channels(&robot->fault, robot->model, root);
        break;
    case ALERT_SILENT:
        robot->silence = *episode;
        break;
    case ALERT_KINDS:
        break;
    }
}

int episode_restore(struct robot *robot, const char *kind_name, const char *text, struct diag *diag)
{
    int kind = 0;
    while (kind < ALERT_KINDS && strcmp(alert_kind_name((enum alert_kind)kind), kind_name) != 0)
        kind++;
    if (kind == ALERT_KINDS)
        return diag_set(diag, "unknown kind \"%.40s\"", kind_name);
    cJSON *root = json_parse(text, strlen(text), diag);
    if (!root)
        return -EINVAL;
    struct alert_episode episode;
    int r = read_episode(root, &episode, diag);
    if (r == 0)
        r = read_alert(root, &robot->alerts[kind], diag);
    if (r == 0) {
        restore_ack(&robot->alerts[kind].ack, root);
        restore(robot, (enum alert_kind)kind, root, &episode);
    }
    cJSON_Delete(root);
    return r;
}

#include "daemon/page_api.h"

#include "base/clock.h"
#include "base/text.h"
#include "daemon/episode_log.h"
#include "daemon/message.h"
#include "pipeline/alert_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_number_or_null(cJSON *object, const char *key, double value, bool known)
{
    alert_json_number(object, key, known ? value : (double)NAN); /* null, then */
}

static bool is_connected(const struct service *service)
{
    const struct mqtt_client *client = service->publisher->client;
    return client && mqtt_client_online(client);
}

/* Nobody can be told over a broker that it is away; here somebody can. */
static void add_state(cJSON *root, const struct service *service, unsigned troubles)
{
    bool connected = is_connected(service);
    cJSON_AddStringToObject(root, "state", troubles || !connected ? "degraded" : "online");
    cJSON *reasons = cJSON_AddArrayToObject(root, "reasons");
    if (!connected)
        json_append(reasons, cJSON_CreateString("broker"));
    for (int t = 0; t < SERVICE_TROUBLES; t++) {
        if (troubles & 1U << t)
            json_append(reasons, cJSON_CreateString(service_trouble_name((enum service_trouble)t)));
    }
}

/* mqtt.url has no user name or password: mqtt_url_parse refuses them. */
static void add_broker(cJSON *root, const struct service *service)
{
    const struct mqtt_client *client = service->publisher->client;
    bool connected = is_connected(service);
    cJSON *broker = cJSON_AddObjectToObject(root, "broker");
    cJSON_AddBoolToObject(broker, "connected", connected);
    cJSON_AddStringToObject(
        broker, "url", service->config->mqtt.url.item[client ? mqtt_client_broker(client) : 0]);
    if (connected || !client)
        cJSON_AddNullToObject(broker, "reason");
    else
        cJSON_AddStringToObject(broker, "reason", mqtt_client_reason(client));
}

static void add_time(cJSON *root, const char *key, int64_t time_ns)
{
    char text[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(time_ns, text);
    cJSON_AddStringToObject(root, key, text);
}

static void add_service(cJSON *root, const struct service *service, int64_t now_ns)
{
    cJSON_AddStringToObject(root, "instance", service->config->instance);
    cJSON_AddStringToObject(root, "version", ARMWATCH_VERSION);
    add_time(root, "now", clock_realtime_ns());
    cJSON_AddNumberToObject(root, "uptime_s",
                            (double)((now_ns - service->started_ns) / CLOCK_NS_PER_S));
}

/* ---- health ---- */

char *page_health(struct service *service, int64_t now_ns, bool *ret_works)
{
    unsigned troubles = service_troubles(service, now_ns);
    *ret_works = !(troubles & 1U << SERVICE_SCORER);
    json_memory_failed(); /* of what was before */
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "status", *ret_works ? "ok" : "failing");
    add_state(root, service, troubles);
    add_service(root, service, now_ns);
    add_broker(root, service);
    return message_print(root);
}

/* ---- a robot ---- */

static void add_sentences(cJSON *entry, const struct robot *robot)
{
    cJSON *alerts = cJSON_GetObjectItemCaseSensitive(entry, "alerts");
    cJSON *alert = alerts ? alerts->child : NULL;
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        if (!robot_episode(robot, (enum alert_kind)kind)->open || !alert)
            continue;
        const struct message_alert about = {.kind = (enum alert_kind)kind,
                                            .transition = ALERT_UPDATED,
                                            .now_ns = clock_realtime_ns()};
        char sentence[MESSAGE_TEXT_MAX];
        message_sentence(robot, &about, sentence);
        cJSON_AddStringToObject(alert, "text", sentence);
        alert = alert->next; /* in the order of the kinds, as they were added */
    }
}

/* The state as it is published, and what a page needs beside it. */
static cJSON *robot_tree(struct robot *robot, int64_t now_ns)
{
    cJSON *entry = message_state_tree(robot, now_ns);
    double age_s = (double)(now_ns - robot->last_arrival_ns) / 1e9;
    bool paced = robot->rate.period_s > 0;
    add_number_or_null(entry, "last_sample_age_s", age_s, robot->last_arrival_ns != 0);
    add_number_or_null(entry, "rate_hz", paced ? 1 / robot->rate.period_s : 0, paced);
    add_sentences(entry, robot);
    return entry;
}

static void add_totals(cJSON *root, const struct service *service)
{
    uint64_t windows = 0;
    for (size_t i = 0; i < service->fleet->count; i++)
        windows += service->fleet->robot[i]->counters.scored;
    cJSON *counters = cJSON_AddObjectToObject(root, "counters");
    cJSON_AddNumberToObject(counters, "samples", (double)service->intake->samples);
    cJSON_AddNumberToObject(counters, "rejected", (double)service->intake->rejected);
    cJSON_AddNumberToObject(counters, "windows", (double)windows);
    cJSON_AddNumberToObject(counters, "alerts", (double)service->publisher->alerts);
}

char *page_overview(struct service *service, int64_t now_ns)
{
    json_memory_failed(); /* of what was before */
    cJSON *root = cJSON_CreateObject();
    add_service(root, service, now_ns);
    add_state(root, service, service_troubles(service, now_ns));
    add_broker(root, service);
    add_totals(root, service);
    cJSON *robots = cJSON_AddArrayToObject(root, "robots");
    for (size_t i = 0; i < service->fleet->count; i++) {
        if (!service->fleet->robot[i]->absent)
            json_append(robots, robot_tree(service->fleet->robot[i], now_ns));
    }
    return message_print(root);
}

/* ---- one robot in full ---- */

static void add_promise(cJSON *object, const struct robot *robot)
{
    const struct commissioning_record *record = robot->commissioning;
    const struct calibration *least = model_least_calibration(robot->model);
    double supported = least ? calibration_supported_per_day(least) : (double)NAN;
    if (record && record->mode == COMMISSIONING_ARMED)
        supported = commissioning_progress(record, clock_realtime_ns()).supported_per_day;
    alert_json_number(object, "target_false_alarms_per_day", robot->budget.per_day);
    alert_json_number(object, "supported_false_alarms_per_day", supported);
}

static cJSON *model_tree(const struct robot *robot)
{
    const struct model *model = robot->model;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", model->name);
    cJSON_AddNumberToObject(object, "version", (double)model->version);
    cJSON_AddStringToObject(object, "sha256", model->sha256);
    cJSON_AddNumberToObject(object, "channels", (double)model->channels);
    cJSON *list = cJSON_AddArrayToObject(object, "detectors");
    for (size_t d = 0; d < model->detectors && d < robot->alert.detectors; d++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", model->detector[d].name);
        alert_json_number(entry, "threshold", robot->alert.trigger[d].threshold);
        bool judged = robot->counters.scored > 0 && robot->detector_score[d] >= 0;
        add_number_or_null(entry, "score", robot->detector_score[d], judged);
        json_append(list, entry);
    }
    add_promise(object, robot);
    return object;
}

static cJSON *counters_tree(const struct robot *robot)
{
    const struct robot_counters *counters = &robot->counters;
    const struct {
        const char *name;
        uint64_t value;
    } single[] = {{"samples", counters->received},
                  {"windows", counters->scored},
                  {"not_evaluated", counters->due - counters->evaluated},
                  {"gated", counters->gated},
                  {"duplicates", counters->duplicates},
                  {"late", counters->late},
                  {"missing", counters->missing},
                  {"gaps", counters->gaps},
                  {"restarts", counters->restarts},
                  {"overload", counters->overload},
                  {"faulty", counters->faulty},
                  {"stopped", counters->stopped},
                  {"retained", counters->retained},
                  {"alerts", counters->alerts}};
    cJSON *root = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        cJSON_AddNumberToObject(root, single[i].name, (double)single[i].value);
    json_attach(root, "rejected", message_rejected_tree(robot));
    return root;
}

/* As they were told, and what has become of them since. */
static void print_episodes(const struct robot *robot, struct text *out)
{
    text_char(out, '[');
    for (size_t n = 0; n < episode_log_count(robot->episodes); n++) {
        const struct episode_log_entry *entry = episode_log_at(robot->episodes, n);
        text_add(out, n ? "," : "");
        text_bytes(out, entry->json, strlen(entry->json) - 1); /* an object, but for its brace */
        text_put(out, ",\"acked\":%s,\"verdict\":", entry->acked ? "true" : "false");
        if (*entry->verdict)
            text_put(out, "\"%s\"}", entry->verdict);
        else
            text_add(out, "null}");
    }
    text_char(out, ']');
}

static void print_scores(const struct robot *robot, int64_t now_ns, struct text *out)
{
    float values[SCORE_RING_INTERVALS];
    int64_t first_ns = now_ns;
    size_t count = score_ring_read(&robot->scores, now_ns, values, &first_ns);
    double t0_s = (double)(clock_realtime_ns() - (now_ns - first_ns)) / 1e9;
    text_put(out, "{\"t0\":%.3f,\"interval_s\":%d,\"values\":[", t0_s, SCORE_RING_INTERVAL_S);
    for (size_t i = 0; i < count; i++) {
        text_add(out, i ? "," : "");
        if (values[i] < 0 || !isfinite(values[i]))
            text_add(out, "null");
        else
            text_put(out, "%.4g", (double)values[i]);
    }
    text_add(out, "]}");
}

/* Episodes and scores are text already. */
static void attach_raw(cJSON *root, const char *key, struct text *text)
{
    char *raw = text_take(text, NULL);
    json_attach(root, key, raw ? cJSON_CreateRaw(raw) : NULL);
    free(raw);
}

char *page_robot(struct service *service, struct robot *robot, int64_t now_ns)
{
    struct text episodes = {0}, scores = {0};
    print_episodes(robot, &episodes);
    print_scores(robot, now_ns, &scores);
    bool failed = episodes.failed || scores.failed;
    json_memory_failed(); /* of what was before */
    cJSON *root = cJSON_CreateObject(), *entry = robot_tree(robot, now_ns);
    cJSON *drift = cJSON_DetachItemFromObjectCaseSensitive(entry, "drift");
    json_attach(root, "robot", entry);
    json_attach(root, "model", model_tree(robot));
    json_attach(root, "drift", drift);
    json_attach(root, "counters", counters_tree(robot));
    attach_raw(root, "episodes", &episodes);
    attach_raw(root, "scores", &scores);
    char *text = message_print(root);
    if (!failed)
        return text;
    free(text);
    return NULL;
}

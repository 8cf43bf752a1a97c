#include "daemon/publisher.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/commissioning_json.h"
#include "daemon/episode_log.h"
#include "daemon/episode_text.h"
#include "daemon/evidence.h"
#include "daemon/message.h"
#include "daemon/partitions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_TYPE "application/json"
#define CLOUDEVENT_TYPE "application/cloudevents+json"
#define TOPIC_MAX 2048

static void on_gone(void *user, int64_t number)
{
    struct publisher *publisher = user;
    if (publisher->journal)
        journal_remove(publisher->journal, number);
}

int publisher_init(struct publisher *publisher, const struct config *config)
{
    const char *listen = config->http.listen;
    *publisher = (struct publisher){.config = config,
                                    .outbox = outbox_new(on_gone, publisher),
                                    .keeps_episodes = listen && strcmp(listen, "off") != 0};
    const char *root = config->topics.root, *instance = config->instance;
    if (!publisher->outbox || asprintf(&publisher->source, "armwatch/service/%s", instance) < 0 ||
        asprintf(&publisher->status_topic, "%s/service/%s/status", root, instance) < 0 ||
        asprintf(&publisher->control_topic, "%s/service/%s/control", root, instance) < 0 ||
        asprintf(&publisher->reply_topic, "%s/service/%s/control/reply", root, instance) < 0) {
        publisher_deinit(publisher);
        return -ENOMEM;
    }
    return 0;
}

void publisher_deinit(struct publisher *publisher)
{
    outbox_free(publisher->outbox);
    free(publisher->source);
    free(publisher->status_topic);
    free(publisher->control_topic);
    free(publisher->reply_topic);
    text_deinit(&publisher->score);
    *publisher = (struct publisher){0};
}

static void flush(struct publisher *publisher)
{
    if (publisher->client)
        outbox_flush(publisher->outbox, publisher->client);
}

static void put(struct publisher *publisher, const struct mqtt_message *message, bool ahead)
{
    int r = ahead ? outbox_put_ahead(publisher->outbox, message)
                  : outbox_put(publisher->outbox, message);
    if (r < 0)
        log_error("out of memory: a message on %s is lost", message->topic);
    flush(publisher);
}

/* In the outbox first: a journal that fails at this very message asks for all of them. */
static void put_kept(struct publisher *publisher, const struct mqtt_message *message)
{
    if (!publisher->journal) {
        put(publisher, message, false);
        return;
    }
    const struct outbox_kept kept = {.number = journal_next_number(publisher->journal),
                                     .created_ns = clock_realtime_ns(),
                                     .now_ns = clock_monotonic_ns()};
    if (outbox_put_kept(publisher->outbox, message, &kept) < 0)
        log_error("out of memory: a message on %s is lost", message->topic);
    journal_add(publisher->journal, kept.number, message, kept.created_ns);
    flush(publisher);
}

void publisher_ready(struct publisher *publisher, int64_t number)
{
    outbox_ready(publisher->outbox, number);
    flush(publisher);
}

void publisher_tick(struct publisher *publisher, bool connected, int64_t now_ns)
{
    double max_age_s = publisher->config->alerts.max_age_h * 3600;
    if (!connected) {
        publisher->states_left = PUBLISHER_STATES;
        publisher->states_short = false;
    }
    outbox_tick(publisher->outbox, max_age_s, connected, now_ns);
    flush(publisher);
    if (publisher->journal)
        journal_write(publisher->journal); /* what was delivered meanwhile */
}

static void robot_topic(const struct publisher *publisher, const struct robot *robot,
                        const char *leaf, char ret_topic[TOPIC_MAX])
{
    snprintf(ret_topic, TOPIC_MAX, "%s/robot/%s/%s", publisher->config->topics.root, robot->name,
             leaf);
}

/* Just before something is told. */
static bool is_ours(const struct publisher *publisher, const struct robot *robot)
{
    return !publisher->partitions || partitions_own_robot(publisher->partitions, robot);
}

bool publisher_score_is_due(const struct publisher *publisher, const struct robot *robot,
                            int64_t now_ns)
{
    double rate_hz = publisher->config->scores.rate_hz;
    if (rate_hz <= 0)
        return rate_hz < 0;
    return (double)(now_ns - robot->last_score_message_ns) * rate_hz >= (double)CLOCK_NS_PER_S;
}

void publisher_score(struct publisher *publisher, struct robot *robot, const struct score *score,
                     int64_t now_ns)
{
    if (!publisher->client || !mqtt_client_online(publisher->client) ||
        !publisher_score_is_due(publisher, robot, now_ns) || !is_ours(publisher, robot))
        return;
    robot->last_score_message_ns = now_ns;
    double thresholds[MODEL_DETECTORS_MAX];
    for (size_t d = 0; d < robot->alert.detectors; d++)
        thresholds[d] = robot->alert.trigger[d].threshold;
    struct text *text = &publisher->score; /* the topic, its end, and the message */
    text_clear(text);
    text_add(text, publisher->config->topics.root);
    text_add(text, "/robot/");
    text_add(text, robot->name);
    text_bytes(text, "/score", sizeof "/score");
    size_t topic_size = text->size;
    message_score(text, robot, score, thresholds);
    if (text->failed) {
        publisher->scores_dropped++;
        return;
    }
    const struct mqtt_message message = {.topic = text->data,
                                         .payload = text->data + topic_size,
                                         .size = text->size - topic_size,
                                         .content_type = JSON_TYPE};
    if (mqtt_client_publish(publisher->client, &message, NULL) < 0)
        publisher->scores_dropped++; /* the next one comes soon */
}

static void new_episode(struct publisher *publisher, struct robot *robot, enum alert_kind kind)
{
    struct robot_alert *alert = &robot->alerts[kind];
    const struct alert_episode *episode = robot_episode(robot, kind);
    alert->messages = 0;
    strcpy(alert->model, robot->model->sha256);
    alert->ack = (struct robot_ack){.verdict = ROBOT_UNACKED};
    robot->counters.alerts++;
    robot->counters.raised[kind][episode->severity]++;
    publisher->alerts++;
    if (message_alert_id(publisher->config->instance, robot->name, alert_kind_name(kind), episode,
                         alert->id) < 0)
        snprintf(alert->id, sizeof alert->id, "%016llx", (unsigned long long)episode->started_ns);
}

void publisher_journal_episode(struct publisher *publisher, const struct robot *robot,
                               enum alert_kind kind)
{
    char *text = robot_episode(robot, kind)->open ? episode_text(robot, kind) : NULL;
    if (publisher->journal && text)
        journal_episode(publisher->journal, robot->name, alert_kind_name(kind), text);
    cJSON_free(text);
}

/* With the message that tells of it, in one transaction. */
static void journal_alert(struct publisher *publisher, const struct robot *robot,
                          enum alert_kind kind)
{
    publisher_journal_episode(publisher, robot, kind);
    if (publisher->journal && !robot_episode(robot, kind)->open)
        journal_episode(publisher->journal, robot->name, alert_kind_name(kind), NULL);
    if (publisher->journal)
        journal_write(publisher->journal);
}

/* To be told later. What has ended since it was to be raised is told as cleared only. */
static void owe_alert(struct publisher *publisher, struct robot *robot, enum alert_kind kind,
                      enum alert_transition transition)
{
    struct robot_alert *alert = &robot->alerts[kind];
    alert->messages--;
    alert->owed = transition;
    if (log_is_due(++publisher->alerts_put_off))
        log_error("%s: out of memory: an alert message has to wait (%llu so far)", robot->name,
                  (unsigned long long)publisher->alerts_put_off);
}

/* For the page: what is told of an episode that is over is what was wrong. */
static void log_episode(struct publisher *publisher, struct robot *robot,
                        const struct message_alert *alert)
{
    const char *id = robot->alerts[alert->kind].id;
    char statement[MESSAGE_TEXT_MAX];
    bool cleared = alert->transition == ALERT_CLEARED;
    if (!publisher->keeps_episodes)
        return;
    const struct episode_log_entry *entry = episode_log_find(robot->episodes, id);
    if (!cleared)
        message_sentence(robot, alert, statement);
    char *json = message_episode(robot, alert,
                                 !cleared ? statement
                                 : entry  ? entry->statement
                                          : NULL);
    episode_log_put(&robot->episodes, &publisher->episodes, id, json, cleared ? NULL : statement);
    const struct robot_ack *ack = &robot->alerts[alert->kind].ack;
    struct episode_log_entry *made = episode_log_find(robot->episodes, id);
    if (made && ack->verdict != ROBOT_UNACKED) { /* by the run before */
        made->acked = true;
        snprintf(made->verdict, sizeof made->verdict, "%s", robot_verdict_name(ack->verdict));
    }
}

void publisher_log_open(struct publisher *publisher, struct robot *robot)
{
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        const struct message_alert alert = {.source = publisher->source,
                                            .kind = (enum alert_kind)kind,
                                            .transition = ALERT_UPDATED,
                                            .now_ns = clock_realtime_ns()};
        if (robot_episode(robot, alert.kind)->open)
            log_episode(publisher, robot, &alert);
    }
}

/* 0: not known yet. Of what has moved, by the detector that shows it. */
static unsigned drift_key(const struct stability_finding *finding)
{
    if (!finding->known)
        return 0;
    unsigned level = 1 + (unsigned)finding->psi.level;
    return level + 4 * (finding->psi.level == PSI_STABLE ? 0 : (unsigned)finding->detector);
}

/* What makes a state another one; score, coverage and drift's figures alone do not. */
static void state_key(struct robot *robot, int64_t now_ns, char *ret_key, size_t size)
{
    unsigned states = robot_states(robot, now_ns), troubles = 0;
    for (int t = 0; t < ROBOT_TROUBLES; t++)
        troubles |= (unsigned)robot_has_trouble(robot, (enum robot_trouble)t, now_ns) << t;
    int used = snprintf(ret_key, size, "%x/%x/%x/%u/%llu%d/%s/%lld", states, troubles,
                        drift_key(&robot->stability.finding), commissioning_json_key(robot),
                        (unsigned long long)robot->gate.changes, robot->gate.settling,
                        robot->model->name, (long long)robot->model->version);
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        if (robot_episode(robot, (enum alert_kind)kind)->open)
            used +=
                snprintf(ret_key + used, size - (size_t)used, "/%s/%llu", robot->alerts[kind].id,
                         (unsigned long long)robot->alerts[kind].messages);
    }
}

static struct mqtt_message retained(const char *topic, const char *text)
{
    return (struct mqtt_message){.topic = topic,
                                 .payload = text,
                                 .size = strlen(text),
                                 .qos = 1,
                                 .retained = true,
                                 .content_type = JSON_TYPE};
}

/* ahead: before what is put next, whatever comes of it. */
static void tell_state(struct publisher *publisher, struct robot *robot, bool ahead, int64_t now_ns)
{
    unsigned states = robot_states(robot, now_ns);
    enum robot_state first = (enum robot_state)__builtin_ctz(states);
    if (first != robot->state) {
        robot->state = first;
        robot->state_since_ns = clock_realtime_ns();
    }
    char topic[TOPIC_MAX];
    robot_topic(publisher, robot, "state", topic);
    char *text = message_state(robot, now_ns);
    if (!text) {
        robot->published[0] = '\0'; /* again at the next tick */
        return;
    }
    state_key(robot, now_ns, robot->published, sizeof robot->published);
    const struct mqtt_message message = retained(topic, text);
    put(publisher, &message, ahead);
    cJSON_free(text);
}

static void send_alert(struct publisher *publisher, struct robot *robot, enum alert_kind kind,
                       enum alert_transition transition, int64_t now_ns)
{
    if (!is_ours(publisher, robot)) {
        robot->alerts[kind].owed = transition;
        return;
    }
    /* Whoever has the robot next knows an alert by its state: one that was out alone would be
     * raised again. The state says that nobody was told yet. */
    if (publisher->partitions && transition == ALERT_RAISED)
        tell_state(publisher, robot, true, now_ns);
    robot->alerts[kind].messages++;
    robot->alerts[kind].last_assert_ns = now_ns;
    const struct message_alert alert = {.source = publisher->source,
                                        .kind = kind,
                                        .transition = transition,
                                        .now_ns = clock_realtime_ns()};
    char topic[TOPIC_MAX];
    robot_topic(publisher, robot, "alert", topic);
    char *text = message_alert(robot, &alert);
    if (!text) {
        owe_alert(publisher, robot, kind, transition);
        return;
    }
    robot->alerts[kind].owed = ALERT_NONE;
    const struct mqtt_message message = {.topic = topic,
                                         .payload = text,
                                         .size = strlen(text),
                                         .qos = 1,
                                         .content_type = CLOUDEVENT_TYPE};
    put_kept(publisher, &message);
    journal_alert(publisher, robot, kind);
    evidence_alert(publisher->evidence, robot, kind, transition, text);
    cJSON_free(text);
    log_episode(publisher, robot, &alert);
    log_info("%s: %s alert %s %s (score %.3g, peak %.3g)", robot->name, alert_kind_name(kind),
             robot->alerts[kind].id, alert_transition_name(transition),
             robot_episode(robot, kind)->score, robot_episode(robot, kind)->peak_score);
    publisher_state(publisher, robot, true, now_ns);
}

void publisher_alert(struct publisher *publisher, struct robot *robot, enum alert_kind kind,
                     enum alert_transition transition, int64_t now_ns)
{
    if (transition == ALERT_NONE || (transition == ALERT_UPDATED && robot->suspended))
        return;
    if (transition == ALERT_RAISED)
        new_episode(publisher, robot, kind);
    else if (transition == ALERT_UPDATED && robot->alerts[kind].owed == ALERT_RAISED)
        transition = ALERT_RAISED;
    send_alert(publisher, robot, kind, transition, now_ns);
}

void publisher_assert(struct publisher *publisher, struct robot *robot, enum alert_kind kind,
                      int64_t now_ns)
{
    if (robot->alerts[kind].ack.verdict == ROBOT_UNACKED) {
        publisher_alert(publisher, robot, kind, ALERT_UPDATED, now_ns);
        return;
    }
    robot->alerts[kind].last_assert_ns = now_ns;
    publisher_state(publisher, robot, true, now_ns);
}

void publisher_retry(struct publisher *publisher, struct robot *robot, int64_t now_ns)
{
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        if (robot->alerts[kind].owed != ALERT_NONE)
            send_alert(publisher, robot, (enum alert_kind)kind, robot->alerts[kind].owed, now_ns);
    }
}

/* A cluster writes a retained message on several disks, and takes nothing else from the connection
 * meanwhile: a thousand states at once would hold up every score. */
static bool must_wait(struct publisher *publisher, const struct robot *robot)
{
    if (!publisher->partitions || robot_has_open_episode(robot))
        return false;
    if (publisher->states_left > 0) {
        publisher->states_left--;
        return false;
    }
    if (!publisher->states_short)
        publisher->states_from = robot->number;
    publisher->states_short = true;
    return true;
}

void publisher_state(struct publisher *publisher, struct robot *robot, bool always, int64_t now_ns)
{
    char key[sizeof robot->published];
    state_key(robot, now_ns, key, sizeof key);
    if ((always || strcmp(key, robot->published) != 0) && is_ours(publisher, robot) &&
        (always || !must_wait(publisher, robot)))
        tell_state(publisher, robot, false, now_ns);
}

void publisher_retained(struct publisher *publisher, const char *topic, const char *text)
{
    const struct mqtt_message message = retained(topic, text);
    put(publisher, &message, false);
}

void publisher_status(struct publisher *publisher, const char *text)
{
    publisher_retained(publisher, publisher->status_topic, text);
}

void publisher_reply(struct publisher *publisher, const struct publisher_reply *reply)
{
    const struct mqtt_message message = {.topic =
                                             reply->topic ? reply->topic : publisher->reply_topic,
                                         .payload = reply->text,
                                         .size = strlen(reply->text),
                                         .qos = 1,
                                         .correlation = reply->correlation,
                                         .correlation_size = reply->correlation_size,
                                         .content_type = JSON_TYPE};
    put(publisher, &message, false);
}

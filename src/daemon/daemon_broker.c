/*
 * What the broker says to the daemon, and the client that it is heard by.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker.h"
#include "daemon/daemon_internal.h"
#include "daemon/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SAME_REASON_NS (60 * CLOCK_NS_PER_S)

static void on_online(void *user)
{
    struct daemon *daemon = user;
    int64_t now_ns = clock_monotonic_ns();
    log_info("broker: connected");
    daemon->service.connects++;
    daemon->offline_again_ns = 0;
    daemon->offline_lines = 0;
    daemon->control_again = (struct resubscription){0};
    publisher_tick(&daemon->publisher, true, now_ns);
    if (daemon->phase != PHASE_RUNNING)
        return; /* only what is left is to be told */
    silence_listen(&daemon->silence, true, now_ns);
    if (daemon_is_parted(daemon))
        partitions_listen(&daemon->partitions, true, now_ns);
    assembly_missed(&daemon->assembly);
    daemon->service.takeovers = mqtt_client_takeovers(daemon->client);
    daemon->service.troubles &= ~(1U << SERVICE_SUBSCRIPTION); /* they were sent again */
    service_publish(&daemon->service, true, now_ns);
    /* The broker may have lost what it retained. A fleet's is told by and by. */
    for (size_t i = 0; i < daemon->fleet.count; i++) {
        if (daemon->intake.partitions)
            daemon->fleet.robot[i]->published[0] = '\0';
        else
            publisher_state(&daemon->publisher, daemon->fleet.robot[i], true, now_ns);
    }
    daemon_tell_discovery(daemon, true);
}

static void on_offline(void *user, const char *reason)
{
    struct daemon *daemon = user;
    int64_t now_ns = clock_monotonic_ns();
    silence_listen(&daemon->silence, false, now_ns);
    if (daemon_is_parted(daemon))
        partitions_listen(&daemon->partitions, false, now_ns);
    size_t brokers = daemon->config->mqtt.url.count; /* each has a reason of its own */
    bool known =
        brokers > 1 ? daemon->offline_lines > brokers : !strcmp(reason, daemon->offline_reason);
    if (now_ns < daemon->offline_again_ns && known)
        return; /* every three seconds, for hours */
    daemon->offline_lines++;
    daemon->offline_again_ns = now_ns + SAME_REASON_NS;
    snprintf(daemon->offline_reason, sizeof daemon->offline_reason, "%s", reason);
    log_warning("broker: %s", reason);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct daemon *daemon = user;
    if (daemon->phase != PHASE_RUNNING)
        return;
    if (!strcmp(message->topic, daemon->publisher.control_topic))
        control_message(&daemon->control, message);
    else if (!intake_message(&daemon->intake, message) &&
             !assembly_message(&daemon->assembly, message) &&
             !(daemon_is_parted(daemon) && partitions_message(&daemon->partitions, message)))
        log_debug("a message on %s belongs to nobody", message->topic);
}

static void on_drained(void *user)
{
    struct daemon *daemon = user;
    if (daemon->phase != PHASE_RUNNING)
        return;
    fleet_post_if_dirty(&daemon->fleet);
    scorer_wake(daemon->scorer);
    scorer_collect(daemon->scorer);
}

static void on_ack(void *user, uint64_t token, int reason)
{
    struct daemon *daemon = user;
    uint64_t before = outbox_refused(daemon->publisher.outbox);
    outbox_ack(daemon->publisher.outbox, token, reason, clock_monotonic_ns());
    uint64_t refused = outbox_refused(daemon->publisher.outbox);
    if (refused != before && log_is_due(refused))
        log_error("broker: a publish was refused (reason %d, %llu so far): has %s the right to "
                  "write its topics?",
                  reason, (unsigned long long)refused, daemon->config->mqtt.client_id);
    if (daemon->client)
        outbox_flush(daemon->publisher.outbox, daemon->client);
}

static void on_refused(void *user, const char *filter, int reason)
{
    struct daemon *daemon = user;
    int64_t now_ns = clock_monotonic_ns();
    if (strcmp(filter, daemon->publisher.control_topic) != 0)
        silence_listen(&daemon->silence, false, now_ns);
    resubscription_refused(&daemon->control_again, filter, daemon->publisher.control_topic, now_ns);
    daemon->service.troubles |= 1U << SERVICE_SUBSCRIPTION;
    log_error(
        "broker: the subscription to %s was refused (reason %d): has %s the right to read it?",
        filter, reason, daemon->config->mqtt.client_id);
}

static const struct mqtt_handlers mqtt_handlers = {.on_online = on_online,
                                                   .on_offline = on_offline,
                                                   .on_message = on_message,
                                                   .on_oversize = on_message,
                                                   .on_drained = on_drained,
                                                   .on_ack = on_ack,
                                                   .on_refused = on_refused};

static int subscribe(struct daemon *daemon)
{
    int r = intake_subscribe(&daemon->intake, daemon->client);
    if (r == 0)
        r = assembly_subscribe(&daemon->assembly, daemon->client);
    if (r == 0)
        r = mqtt_client_subscribe(daemon->client, daemon->publisher.control_topic,
                                  1 | MQTT_RETAIN_AS_PUBLISHED);
    return r;
}

static int make_client(struct daemon *daemon, struct diag *diag)
{
    char *text = message_print(service_status(&daemon->service, true));
    const struct broker_will will = {.topic = daemon->publisher.status_topic, .text = text};
    int r = text ? broker_connect(&daemon->loop, daemon->config, &will, &mqtt_handlers, daemon,
                                  &daemon->client, diag)
                 : diag_errno(diag, ENOMEM, "status");
    cJSON_free(text);
    if (r < 0)
        return r;
    daemon->publisher.client = daemon->client;
    r = subscribe(daemon);
    return r < 0 ? diag_errno(diag, r, "subscriptions") : 0;
}

int daemon_connect(struct daemon *daemon, struct diag *diag)
{
    int r = make_client(daemon, diag);
    if (r < 0 || !daemon_is_parted(daemon))
        return r;
    return partitions_start(&daemon->partitions, &daemon->loop, daemon->client, diag);
}

/* The library sends again, after a reconnect, what was not acknowledged: states of robots, too,
 * that are another instance's since. With another client the outbox is asked what may still be
 * told. */
void daemon_connect_anew(struct daemon *daemon)
{
    struct mqtt_client *old = daemon->client;
    struct diag diag = DIAG_INIT;
    daemon->partitions.under_way = false;
    if (make_client(daemon, &diag) < 0 || partitions_use(&daemon->partitions, daemon->client) < 0) {
        log_error("broker: the client cannot be replaced: %s", diag.text);
        if (daemon->client != old)
            mqtt_client_abandon(daemon->client);
        daemon->client = daemon->publisher.client = daemon->partitions.client = old;
        return;
    }
    log_warning("broker: a lease has ended while messages were under way: connecting anew");
    mqtt_client_begin_at(daemon->client, mqtt_client_broker(old));
    mqtt_client_abandon(old);
    outbox_resend(daemon->publisher.outbox);
    on_offline(daemon, "connecting anew");
}

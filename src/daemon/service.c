#include "daemon/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/http.h"
#include "daemon/message.h"
#include "daemon/notify.h"
#include "daemon/shadow_command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REFRESH_NS (30 * CLOCK_NS_PER_S)
#define RECENT_NS (60 * CLOCK_NS_PER_S)

static const char *const trouble_names[SERVICE_TROUBLES] = {
    [SERVICE_SCORER] = "scorer",
    [SERVICE_OUTBOX] = "outbox",
    [SERVICE_REFUSED] = "refused",
    [SERVICE_ROBOTS] = "robots",
    [SERVICE_MODEL] = "model",
    [SERVICE_STATE] = "state",
    [SERVICE_SILENT] = "silent",
    [SERVICE_JOURNAL] = "journal",
    [SERVICE_SUBSCRIPTION] = "subscription",
    [SERVICE_NO_SAMPLES] = "no_samples",
    [SERVICE_CLIENT_ID] = "client_id",
    [SERVICE_HTTP] = "http",
    [SERVICE_EVIDENCE] = "evidence",
    [SERVICE_ROLLBACK] = "rollback",
    [SERVICE_LEASES] = "leases",
};

const char *service_trouble_name(enum service_trouble trouble)
{
    return trouble_names[trouble];
}

/* A broker may accept a subscription and yet deliver nothing: permissions of reading show only by
 * what does not come. */
static bool lacks_samples(struct service *service, int64_t now_ns)
{
    int64_t since_ns = service->silence->listening_since_ns;
    if (service->partitions && since_ns != 0) {
        int64_t expect_ns = partitions_expect_ns(service->partitions);
        since_ns = expect_ns == 0 || expect_ns > since_ns ? expect_ns : since_ns;
    }
    double silent_s = service->config->input.silent_s;
    if (service->intake->samples > service->intake->retained)
        service->no_samples = false;
    else if (!service->no_samples && since_ns != 0 &&
             (double)(now_ns - since_ns) / 1e9 > silent_s) {
        service->no_samples = true;
        log_warning("no sample has come for %.3g s: has %s the right to read its topics, "
                    "and do robots send to %s?",
                    silent_s, service->config->mqtt.client_id,
                    service->config->topics.samples.item[0]);
    }
    return service->no_samples && since_ns != 0;
}

/* A counter that grew is trouble for the next minute. */
unsigned service_troubles(struct service *service, int64_t now_ns)
{
    const struct outbox *outbox = service->publisher->outbox;
    const struct {
        uint64_t now;
        uint64_t *seen;
        enum service_trouble trouble;
    } counters[] = {
        {service->takeovers, &service->takeovers_seen, SERVICE_CLIENT_ID},
        {service->intake->unknown, &service->unknown_seen, SERVICE_ROBOTS},
        {outbox_refused(outbox), &service->refused_seen, SERVICE_REFUSED},
        {outbox_dropped(outbox) + outbox_expired(outbox), &service->dropped_seen, SERVICE_OUTBOX},
        {service->evidence ? service->evidence->dropped : 0, &service->evidence_seen,
         SERVICE_EVIDENCE},
    };
    if (now_ns > service->trouble_until_ns)
        service->recent = 0;
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        if (counters[i].now == *counters[i].seen)
            continue;
        *counters[i].seen = counters[i].now;
        service->recent |= 1U << counters[i].trouble;
        service->trouble_until_ns = now_ns + RECENT_NS;
    }
    bool stalled = scorer_stalled_s(service->fleet->scorer) > SCORER_STALLED_S;
    const struct journal *journal = service->publisher->journal;
    unsigned present =
        (journal && journal_failing(journal) ? 1U << SERVICE_JOURNAL : 0) |
        (service->saved->failed || service->fleet->commissioning.saver.failed ||
                 (service->control->operations && operations_failed(service->control->operations))
             ? 1U << SERVICE_STATE
             : 0) |
        (fleet_model_in_doubt(service->fleet) ? 1U << SERVICE_MODEL : 0) |
        (probation_is_undone(&service->fleet->probations) ? 1U << SERVICE_ROLLBACK : 0) |
        (service->silence->together ? 1U << SERVICE_SILENT : 0) |
        (service->evidence && evidence_failing(service->evidence) ? 1U << SERVICE_EVIDENCE : 0) |
        (lacks_samples(service, now_ns) ? 1U << SERVICE_NO_SAMPLES : 0) |
        (http_failing(service->http) ? 1U << SERVICE_HTTP : 0) |
        (service->partitions && partitions_in_trouble(service->partitions, now_ns)
             ? 1U << SERVICE_LEASES
             : 0) |
        (stalled ? 1U << SERVICE_SCORER : 0);
    return service->troubles | service->recent | present;
}

static uint64_t open_alerts(const struct fleet *fleet)
{
    uint64_t count = 0;
    for (size_t i = 0; i < fleet->count; i++) {
        for (int kind = 0; kind < ALERT_KINDS; kind++)
            count += robot_episode(fleet->robot[i], (enum alert_kind)kind)->open;
    }
    return count;
}

/* What waits to be delivered, and what was not. */
static void add_outbox(cJSON *root, const struct publisher *publisher)
{
    cJSON *object = cJSON_AddObjectToObject(root, "outbox");
    cJSON_AddNumberToObject(object, "waiting", (double)outbox_count(publisher->outbox));
    cJSON_AddNumberToObject(object, "dropped", (double)outbox_dropped(publisher->outbox));
    cJSON_AddNumberToObject(object, "expired", (double)outbox_expired(publisher->outbox));
    cJSON_AddNumberToObject(object, "refused", (double)outbox_refused(publisher->outbox));
    if (!publisher->journal)
        return;
    cJSON_AddNumberToObject(object, "journal_errors", (double)journal_errors(publisher->journal));
    cJSON_AddNumberToObject(object, "journal_late", (double)journal_late(publisher->journal));
}

/* With `samples`: that is what all robots have received, and these. */
static void add_unassigned(cJSON *root, const struct intake *intake)
{
    cJSON *object = cJSON_AddObjectToObject(root, "unassigned");
    cJSON_AddNumberToObject(object, "invalid_name", (double)intake->invalid_names);
    cJSON_AddNumberToObject(object, "robots", (double)intake->unknown);
    cJSON_AddNumberToObject(object, "retained", (double)intake->unknown_retained);
    if (intake->partitions)
        partitions_add_unassigned(intake->partitions, object);
}

static void add_counters(cJSON *root, const struct service *service)
{
    cJSON_AddNumberToObject(root, "samples", (double)service->intake->samples);
    cJSON_AddNumberToObject(root, "rejected", (double)service->intake->rejected);
    add_unassigned(root, service->intake);
    assembly_add_counters(service->assembly, root);
    cJSON_AddNumberToObject(root, "alerts", (double)service->publisher->alerts);
    cJSON_AddNumberToObject(root, "open_alerts", (double)open_alerts(service->fleet));
    cJSON_AddNumberToObject(root, "alerts_put_off", (double)service->publisher->alerts_put_off);
    cJSON_AddNumberToObject(root, "scores_dropped", (double)service->publisher->scores_dropped);
    cJSON_AddNumberToObject(root, "clock_jumps", (double)service->intake->clock.jumps);
    add_outbox(root, service->publisher);
    if (service->evidence)
        evidence_add_counters(service->evidence, root);
    control_counters(service->control, cJSON_AddObjectToObject(root, "control"));
}

cJSON *service_status(struct service *service, bool offline)
{
    int64_t now_ns = clock_monotonic_ns();
    unsigned troubles = offline ? 0 : service_troubles(service, now_ns);
    char since[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(service->since_ns, since);
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "instance", service->config->instance);
    cJSON_AddStringToObject(root, "version", ARMWATCH_VERSION);
    cJSON_AddNumberToObject(root, "pid", getpid());
    cJSON_AddStringToObject(root, "since", since);
    cJSON_AddStringToObject(root, "state", offline ? "offline" : troubles ? "degraded" : "online");
    cJSON *reasons = cJSON_AddArrayToObject(root, "reasons");
    for (int t = 0; t < SERVICE_TROUBLES; t++) {
        if (troubles & 1U << t)
            json_append(reasons, cJSON_CreateString(trouble_names[t]));
    }
    struct assignment *standard =
        assignments_find(&service->fleet->assignments, ASSIGNMENT_DEFAULT);
    cJSON_AddNumberToObject(root, "robots", (double)fleet_present(service->fleet));
    if (standard) {
        cJSON_AddStringToObject(root, "model", standard->model->name);
        cJSON_AddNumberToObject(root, "model_version", (double)standard->model->version);
    } else {
        cJSON_AddNullToObject(root, "model");
    }
    add_counters(root, service);
    http_add_url(offline ? NULL : service->http, root);
    shadow_command_status(service->fleet, root);
    probation_status(service->fleet, root);
    if (service->partitions && !offline) /* the last will is of another time */
        partitions_add_status(service->partitions, root);
    cJSON_AddNumberToObject(root, "uptime",
                            (double)((now_ns - service->started_ns) / CLOCK_NS_PER_S));
    return root;
}

/* For `systemctl status`, where the reason why there is no broker is known to nobody else. */
static void tell_manager(struct service *service, unsigned troubles)
{
    const struct mqtt_client *client = service->publisher->client;
    char line[sizeof service->line];
    int used = snprintf(line, sizeof line, "%s", troubles ? "degraded" : "running");
    for (int t = 0; t < SERVICE_TROUBLES; t++) {
        if (troubles & 1U << t)
            used += snprintf(line + used, sizeof line - (size_t)used, "%s%s",
                             troubles & ((1U << t) - 1) ? ", " : ": ", trouble_names[t]);
    }
    used +=
        snprintf(line + used, sizeof line - (size_t)used, "; %zu robots, %llu alerts open",
                 fleet_present(service->fleet), (unsigned long long)open_alerts(service->fleet));
    if (client && !mqtt_client_online(client))
        snprintf(line + used, sizeof line - (size_t)used, "; no broker: %.200s",
                 mqtt_client_reason(client));
    if (!strcmp(line, service->line))
        return;
    strcpy(service->line, line);
    notify_status(line);
}

void service_publish(struct service *service, bool always, int64_t now_ns)
{
    unsigned troubles = service_troubles(service, now_ns);
    tell_manager(service, troubles);
    bool changed = !service->any_published || troubles != service->published;
    uint64_t moves = service->partitions ? partitions_changes(service->partitions) : 0;
    always |= moves != service->partitions_published;
    if (!changed && !always && now_ns - service->last_publish_ns < REFRESH_NS)
        return;
    service->partitions_published = moves;
    if (changed)
        service->since_ns = clock_realtime_ns();
    service->any_published = true;
    service->published = troubles;
    service->last_publish_ns = now_ns;
    char *text = message_print(service_status(service, false));
    if (text)
        publisher_status(service->publisher, text);
    cJSON_free(text);
}

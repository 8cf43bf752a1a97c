#include "daemon/telemetry.h"

#include "daemon/exposition.h"
#include "daemon/http.h"
#include "daemon/process_usage.h"
#include "daemon/telemetry_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOT_KNOWN ((double)NAN)

/* ---- single numbers of the service ---- */

static double robots(const struct service *service)
{
    return (double)fleet_present(service->fleet);
}

static double mqtt_connected(const struct service *service)
{
    const struct mqtt_client *client = service->publisher->client;
    return client && mqtt_client_online(client);
}

static double mqtt_connects(const struct service *service)
{
    return (double)service->connects;
}

static double mqtt_takeovers(const struct service *service)
{
    return (double)service->takeovers;
}

static double outbox_messages(const struct service *service)
{
    return (double)outbox_count(service->publisher->outbox);
}

static double dropped(const struct service *service)
{
    return (double)outbox_dropped(service->publisher->outbox);
}

static double expired(const struct service *service)
{
    return (double)outbox_expired(service->publisher->outbox);
}

static double refused(const struct service *service)
{
    return (double)outbox_refused(service->publisher->outbox);
}

static double put_off(const struct service *service)
{
    return (double)service->publisher->alerts_put_off;
}

static double scores_dropped(const struct service *service)
{
    return (double)service->publisher->scores_dropped;
}

static double failing(const struct service *service)
{
    return service->publisher->journal ? journal_failing(service->publisher->journal) : NOT_KNOWN;
}

static double errors(const struct service *service)
{
    const struct journal *journal = service->publisher->journal;
    return journal ? (double)journal_errors(journal) : NOT_KNOWN;
}

static double late(const struct service *service)
{
    const struct journal *journal = service->publisher->journal;
    return journal ? (double)journal_late(journal) : NOT_KNOWN;
}

static double scorer_waiting(const struct service *service)
{
    return (double)scorer_pending(service->fleet->scorer);
}

static double scorer_stalled(const struct service *service)
{
    return service->fleet->scorer ? scorer_stalled_s(service->fleet->scorer) : NOT_KNOWN;
}

static double clock_jumps(const struct service *service)
{
    return (double)service->intake->clock.jumps;
}

static double commands(const struct service *service)
{
    return (double)service->control->commands;
}

static double source_messages(const struct service *service)
{
    return (double)service->assembly->messages;
}

static double source_tags(const struct service *service)
{
    return (double)service->assembly->tags;
}

static double source_tags_refused(const struct service *service)
{
    return (double)service->assembly->refused_tags;
}

static double evidence_packs(const struct service *service)
{
    return service->evidence ? (double)service->evidence->packs : NOT_KNOWN;
}

static double evidence_bytes(const struct service *service)
{
    return service->evidence ? (double)service->evidence->bytes : NOT_KNOWN;
}

static double evidence_memory(const struct service *service)
{
    return service->evidence ? (double)service->evidence->ring_bytes : NOT_KNOWN;
}

static double evidence_dropped(const struct service *service)
{
    return service->evidence ? (double)service->evidence->dropped : NOT_KNOWN;
}

static double http_connections(const struct service *service)
{
    return (double)http_count_connections(service->http);
}

static double http_busy(const struct service *service)
{
    return http_busy_s(service->http);
}

static const struct {
    const char *name;
    enum exposition_kind kind;
    const char *help;
    double (*value)(const struct service *service);
} families[] = {
    {"armwatch_robots", EXPOSITION_GAUGE, "Robots that are known.", robots},
    {"armwatch_mqtt_connected", EXPOSITION_GAUGE, "1 while the broker is connected.",
     mqtt_connected},
    {"armwatch_mqtt_connects_total", EXPOSITION_COUNTER, "Times that the broker was reached.",
     mqtt_connects},
    {"armwatch_mqtt_takeovers_total", EXPOSITION_COUNTER,
     "Times that another client took the session, as of the last connect.", mqtt_takeovers},
    {"armwatch_outbox_messages", EXPOSITION_GAUGE, "Messages that wait for the broker.",
     outbox_messages},
    {"armwatch_outbox_dropped_total", EXPOSITION_COUNTER, "Messages dropped for want of room.",
     dropped},
    {"armwatch_outbox_expired_total", EXPOSITION_COUNTER, "Alert messages given up for their age.",
     expired},
    {"armwatch_outbox_refused_total", EXPOSITION_COUNTER, "Messages that the broker refused.",
     refused},
    {"armwatch_alerts_put_off_total", EXPOSITION_COUNTER,
     "Alert messages that had to wait for memory.", put_off},
    {"armwatch_score_messages_dropped_total", EXPOSITION_COUNTER,
     "Score messages for which a slow link, or memory, had no room.", scores_dropped},
    {"armwatch_journal_failing", EXPOSITION_GAUGE,
     "1 while alerts cannot be kept on the disk; they are sent.", failing},
    {"armwatch_journal_errors_total", EXPOSITION_COUNTER, "Failed writes to the journal.", errors},
    {"armwatch_journal_late_total", EXPOSITION_COUNTER,
     "Times that alerts did not wait longer for the disk.", late},
    {"armwatch_scorer_pending_windows", EXPOSITION_GAUGE, "Windows that wait to be scored.",
     scorer_waiting},
    {"armwatch_scorer_stalled_seconds", EXPOSITION_GAUGE,
     "Time since the scorer last made progress while it had work.", scorer_stalled},
    {"armwatch_host_clock_jumps_total", EXPOSITION_COUNTER,
     "Times that this host's clock was set by over a second.", clock_jumps},
    {"armwatch_control_commands_total", EXPOSITION_COUNTER, "Commands that came.", commands},
    {"armwatch_source_messages_total", EXPOSITION_COUNTER,
     "Messages that samples are assembled of.", source_messages},
    {"armwatch_source_tags_total", EXPOSITION_COUNTER, "Tags in them.", source_tags},
    {"armwatch_source_tags_refused_total", EXPOSITION_COUNTER, "Tags in them that were refused.",
     source_tags_refused},
    {"armwatch_evidence_packs", EXPOSITION_GAUGE, "Evidence packs of alerts on the disk.",
     evidence_packs},
    {"armwatch_evidence_bytes", EXPOSITION_GAUGE, "What they take on the disk.", evidence_bytes},
    {"armwatch_evidence_memory_bytes", EXPOSITION_GAUGE,
     "Memory of all robots' newest samples and scores.", evidence_memory},
    {"armwatch_evidence_dropped_total", EXPOSITION_COUNTER, "Evidence packs that found no room.",
     evidence_dropped},
    {"armwatch_http_connections", EXPOSITION_GAUGE, "HTTP connections that are open.",
     http_connections},
    {"armwatch_http_cpu_seconds_total", EXPOSITION_COUNTER,
     "Processor time that the loop has spent on HTTP.", http_busy},
};

static void print_single(const struct service *service, struct text *out)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        double value = families[f].value(service);
        exposition_family(out, families[f].name, families[f].kind, families[f].help);
        if (!isnan(value))
            exposition_sample(out, families[f].name, "", NULL, value);
    }
}

/* ---- with labels of their own ---- */

static void one(struct text *out, const char *name, const char *label, const char *value,
                double number)
{
    const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {{label, value}};
    exposition_sample(out, name, "", labels, number);
}

static void print_build(struct text *out)
{
    const char *name = "armwatch_build_info";
    exposition_family(out, name, EXPOSITION_GAUGE, "The version that runs.");
    one(out, name, "version", ARMWATCH_VERSION, 1);
}

static void print_troubles(struct service *service, int64_t now_ns, struct text *out)
{
    const char *name = "armwatch_degraded";
    unsigned troubles = service_troubles(service, now_ns);
    exposition_family(out, name, EXPOSITION_GAUGE,
                      "1 while the service is degraded for the reason.");
    for (int t = 0; t < SERVICE_TROUBLES; t++)
        one(out, name, "reason", service_trouble_name((enum service_trouble)t),
            (troubles & 1U << t) != 0);
}

static void print_unassigned(const struct service *service, struct text *out)
{
    const char *name = "armwatch_samples_unassigned_total";
    exposition_family(out, name, EXPOSITION_COUNTER, "Samples that no robot has received.");
    one(out, name, "reason", "invalid_name", (double)service->intake->invalid_names);
    one(out, name, "reason", "robots", (double)service->intake->unknown);
    one(out, name, "reason", "retained", (double)service->intake->unknown_retained);
}

static void print_refused_commands(const struct service *service, struct text *out)
{
    const char *name = "armwatch_control_refused_total";
    const struct control_refusals *refusals = service->control->refused;
    exposition_family(out, name, EXPOSITION_COUNTER, "Commands that were refused, by code.");
    for (size_t i = 0; i < CONTROL_CODES_MAX && *refusals[i].code; i++)
        one(out, name, "code", refusals[i].code, (double)refusals[i].count);
}

static void print_reloads(const struct service *service, struct text *out)
{
    const char *name = "armwatch_model_reloads_total";
    exposition_family(out, name, EXPOSITION_COUNTER, "Exchanges of models, by how they ended.");
    for (size_t i = 0; i < SWAP_RESULTS; i++)
        one(out, name, "result", swap_result_names[i], (double)service->fleet->swap_results[i]);
}

static void print_latency(const struct latency *latency, struct text *out)
{
    const char *name = "armwatch_sample_to_score_seconds";
    exposition_family(out, name, EXPOSITION_HISTOGRAM,
                      "Time from the arrival of a sample to the score of its window.");
    uint64_t count = 0;
    for (size_t b = 0; b <= LATENCY_BOUNDS; b++) {
        char bound[24] = "+Inf";
        if (b < LATENCY_BOUNDS)
            snprintf(bound, sizeof bound, "%g", latency_bounds_s[b]);
        const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {{"le", bound}};
        count += latency->count[b];
        exposition_sample(out, name, "_bucket", labels, (double)count);
    }
    exposition_sample(out, name, "_sum", NULL, (double)latency->sum_ns / 1e9);
    exposition_sample(out, name, "_count", NULL, (double)count);
}

static double target_per_day(const struct fleet *fleet, const struct model *model)
{
    return fleet_target_per_day(fleet, BUDGETS_ALL, model, NULL);
}

static double supported_per_day(const struct fleet *fleet, const struct model *model)
{
    const struct calibration *least = model_least_calibration(model);
    return least ? calibration_supported_per_day(least) : NOT_KNOWN;
}

static double is_used(const struct fleet *fleet, const struct model *model)
{
    return 1;
}

/* The models in use, each content once. */
static void print_models(const struct fleet *fleet, struct text *out)
{
    static const struct {
        const char *name, *help;
        double (*value)(const struct fleet *fleet, const struct model *model);
    } of_models[] = {
        {"armwatch_model_info", "A model in use.", is_used},
        {"armwatch_model_false_alarms_target_per_day",
         "False alarms a day that its thresholds are made for.", target_per_day},
        {"armwatch_model_false_alarms_supported_per_day",
         "False alarms a day that its healthy hours support at 95 %.", supported_per_day},
    };
    const struct assignments *assignments = &fleet->assignments;
    for (size_t f = 0; f < sizeof of_models / sizeof of_models[0]; f++) {
        exposition_family(out, of_models[f].name, EXPOSITION_GAUGE, of_models[f].help);
        for (size_t i = 0; i < assignments->count; i++) {
            const struct model *model = assignments->item[i]->model;
            bool listed = false;
            for (size_t j = 0; j < i; j++)
                listed |= !strcmp(assignments->item[j]->model->sha256, model->sha256);
            double value = of_models[f].value(fleet, model);
            char version[24];
            snprintf(version, sizeof version, "%lld", (long long)model->version);
            const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {
                {"name", model->name}, {"version", version}, {"sha256", model->sha256}};
            if (!listed && !isnan(value))
                exposition_sample(out, of_models[f].name, "", labels, value);
        }
    }
}

static void print_process(const struct service *service, struct text *out)
{
    struct process_usage usage;
    process_usage_read(&usage);
    const struct {
        const char *name, *help;
        enum exposition_kind kind;
        double value;
    } all[] = {
        {"process_cpu_seconds_total", "Processor time, user and system.", EXPOSITION_COUNTER,
         usage.cpu_s},
        {"process_resident_memory_bytes", "Resident memory.", EXPOSITION_GAUGE,
         usage.resident_bytes},
        {"process_virtual_memory_bytes", "Address space.", EXPOSITION_GAUGE, usage.virtual_bytes},
        {"process_open_fds", "Open descriptors.", EXPOSITION_GAUGE, usage.open_descriptors},
        {"process_max_fds", "Descriptors at most.", EXPOSITION_GAUGE, usage.max_descriptors},
        {"process_threads", "Threads.", EXPOSITION_GAUGE, usage.threads},
        {"process_start_time_seconds", "Unix time of the start.", EXPOSITION_GAUGE,
         (double)service->began_ns / 1e9},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        exposition_family(out, all[i].name, all[i].kind, all[i].help);
        if (!isnan(all[i].value))
            exposition_sample(out, all[i].name, "", NULL, all[i].value);
    }
}

void telemetry_print(struct service *service, int64_t now_ns, struct text *out)
{
    print_build(out);
    print_single(service, out);
    print_troubles(service, now_ns, out);
    print_unassigned(service, out);
    print_refused_commands(service, out);
    print_reloads(service, out);
    print_models(service->fleet, out);
    print_latency(&service->latency, out);
    telemetry_robots(service->fleet, now_ns, out);
    http_print_metrics(service->http, out);
    print_process(service, out);
}

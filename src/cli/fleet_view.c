#include "cli/fleet_view.h"

#include "cli/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- taking */

static struct fleet_instance *find(const struct fleet_view *view, const char *name, size_t *ret_at)
{
    size_t at = 0;
    while (at < view->instances && strcmp(view->instance[at].name, name) < 0)
        at++;
    *ret_at = at;
    bool found = at < view->instances && !strcmp(view->instance[at].name, name);
    return found ? &view->instance[at] : NULL;
}

static int add(struct fleet_view *view, const char *name, struct fleet_instance **ret_instance)
{
    size_t at;
    *ret_instance = find(view, name, &at);
    if (*ret_instance)
        return 0;
    if (view->instances == FLEET_VIEW_MAX) {
        view->beyond++;
        return -ENOSPC;
    }
    struct fleet_instance *grown =
        realloc(view->instance, (view->instances + 1) * sizeof *view->instance);
    if (!grown)
        return -ENOMEM;
    view->instance = grown;
    memmove(grown + at + 1, grown + at, (view->instances - at) * sizeof *grown);
    view->instances++;
    grown[at] = (struct fleet_instance){0};
    snprintf(grown[at].name, sizeof grown[at].name, "%s", name);
    *ret_instance = &grown[at];
    return 0;
}

static void take_partitions(struct fleet_instance *instance, const cJSON *status)
{
    const cJSON *partitions = cJSON_GetObjectItemCaseSensitive(status, "partitions");
    const cJSON *lease = cJSON_GetObjectItemCaseSensitive(partitions, "lease");
    double count = fields_number(partitions, "count", 0);
    const char *owned = fields_text(partitions, "owned", "");
    instance->owned = (struct partition_set){0};
    instance->leases_fail = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(lease, "reachable"));
    if (!(count >= 1 && count <= PARTITIONS_MAX))
        return; /* a last will tells of none, and what it had told before is no more */
    instance->count = (size_t)count;
    if (*owned && partition_set_parse(owned, instance->count, &instance->owned, NULL) < 0)
        instance->owned = (struct partition_set){0};
    instance->lag_s = fields_number(partitions, "lag_s", 0);
}

static void take_figures(struct fleet_instance *instance, const cJSON *status)
{
    double uptime_s = fields_number(status, "uptime", 0);
    double samples = fields_number(status, "samples", 0);
    if (uptime_s < instance->uptime_s || samples < instance->samples || instance->uptime_s == 0) {
        instance->first_uptime_s = uptime_s; /* the first, or it has started anew */
        instance->first_samples = samples;
    }
    instance->uptime_s = uptime_s;
    instance->samples = samples;
    instance->robots = fields_number(status, "robots", 0);
    instance->open_alerts = fields_number(status, "open_alerts", 0);
    instance->lag_s = 0;
}

static void judge(struct fleet_view *view)
{
    struct partition_set seen = {0};
    view->count = 0;
    view->counts_differ = false;
    view->unowned = view->doubled = (struct partition_set){0};
    for (size_t i = 0; i < view->instances; i++) {
        const struct fleet_instance *instance = &view->instance[i];
        view->counts_differ |=
            view->count && instance->count && !instance->offline && instance->count != view->count;
        if (instance->count > view->count)
            view->count = instance->count;
        for (size_t p = 0; p < instance->count && !instance->offline; p++) {
            if (partition_set_has(&instance->owned, p))
                partition_set_add(partition_set_has(&seen, p) ? &view->doubled : &seen, p);
        }
    }
    for (size_t p = 0; p < view->count; p++) {
        if (!partition_set_has(&seen, p))
            partition_set_add(&view->unowned, p);
    }
}

int fleet_view_take(struct fleet_view *view, const char *name, const cJSON *status)
{
    struct fleet_instance *instance;
    const char *state = fields_text(status, "state", "");
    if (!*state)
        return -EINVAL;
    int r = add(view, name, &instance);
    if (r < 0)
        return r;
    snprintf(instance->state, sizeof instance->state, "%s", state);
    instance->offline = !strcmp(state, "offline");
    snprintf(instance->version, sizeof instance->version, "%s",
             fields_text(status, "version", instance->version));
    fields_join(status, "reasons", instance->reasons, sizeof instance->reasons);
    take_figures(instance, status);
    take_partitions(instance, status);
    judge(view);
    return 0;
}

void fleet_view_deinit(struct fleet_view *view)
{
    free(view->instance);
    *view = (struct fleet_view){0};
}

bool fleet_view_is_whole(const struct fleet_view *view)
{
    return view->count > 0 && !view->counts_differ && partition_set_count(&view->unowned) == 0 &&
           partition_set_count(&view->doubled) == 0 && view->beyond == 0;
}

double fleet_instance_rate(const struct fleet_instance *instance)
{
    double span_s = instance->uptime_s - instance->first_uptime_s;
    if (instance->offline)
        return 0;
    if (span_s >= 1)
        return (instance->samples - instance->first_samples) / span_s;
    return instance->uptime_s >= 1 ? instance->samples / instance->uptime_s : 0;
}

/* ---- telling */

static void put_instance(const struct fleet_instance *instance, int width, FILE *out)
{
    char owned[PARTITION_SET_TEXT_MAX];
    partition_set_format(&instance->owned, owned);
    fprintf(out, "%-*s  %-9s", width, instance->name, instance->state);
    if (instance->offline) {
        fputc('\n', out);
        return;
    }
    fprintf(out, " %4zu %7.0f %9.1f %7.3f %7.0f  %-10s %s", partition_set_count(&instance->owned),
            instance->robots, fleet_instance_rate(instance), instance->lag_s, instance->open_alerts,
            *instance->version ? instance->version : "-",
            *owned            ? owned
            : instance->count ? "none"
                              : "not parted");
    if (instance->leases_fail)
        fputs("; leases: no answer", out);
    if (*instance->reasons)
        fprintf(out, "; %s", instance->reasons);
    fputc('\n', out);
}

static void put_owners(const struct fleet_view *view, size_t partition, FILE *out)
{
    const char *between = "";
    fprintf(out, "partition %zu: owned by ", partition);
    for (size_t i = 0; i < view->instances; i++) {
        const struct fleet_instance *instance = &view->instance[i];
        if (instance->offline || !partition_set_has(&instance->owned, partition))
            continue;
        fprintf(out, "%s%s", between, instance->name);
        between = " and ";
    }
    fputc('\n', out);
}

static void put_findings(const struct fleet_view *view, FILE *out)
{
    char text[PARTITION_SET_TEXT_MAX];
    if (view->count == 0) {
        fputs("no instance tells of partitions\n", out);
        return;
    }
    partition_set_format(&view->unowned, text);
    if (*text)
        fprintf(out, "without an owner: %s of %zu\n", text, view->count);
    for (size_t p = 0; p < view->count; p++) {
        if (partition_set_has(&view->doubled, p))
            put_owners(view, p, out);
    }
    if (view->counts_differ)
        fputs("instances differ in partitions.count: the same robot is not in the same partition "
              "for all\n",
              out);
    if (view->beyond)
        fprintf(out, "over %d instances: not all are shown\n", FLEET_VIEW_MAX);
    if (fleet_view_is_whole(view))
        fprintf(out, "%zu partitions, each with one owner", view->count);
}

static void put_sums(const struct fleet_view *view, FILE *out)
{
    double robots = 0, rate = 0, alerts = 0;
    for (size_t i = 0; i < view->instances; i++) {
        if (view->instance[i].offline)
            continue;
        robots += view->instance[i].robots;
        rate += fleet_instance_rate(&view->instance[i]);
        alerts += view->instance[i].open_alerts;
    }
    fprintf(out, "%s%.0f robots, %.1f messages a second, %.0f alerts open\n",
            fleet_view_is_whole(view) ? "; " : "", robots, rate, alerts);
}

void fleet_view_text(const struct fleet_view *view, FILE *out)
{
    int width = 8;
    for (size_t i = 0; i < view->instances; i++) {
        int length = (int)strlen(view->instance[i].name);
        width = length > width ? length : width;
    }
    if (view->instances > 0)
        fprintf(out, "%-*s  %-9s %4s %7s %9s %7s %7s  %-10s %s\n", width, "INSTANCE", "STATE",
                "OWNS", "ROBOTS", "MESSAGE/S", "LAG S", "ALERTS", "VERSION", "PARTITIONS");
    for (size_t i = 0; i < view->instances; i++)
        put_instance(&view->instance[i], width, out);
    put_findings(view, out);
    put_sums(view, out);
}

static cJSON *instance_json(const struct fleet_instance *instance)
{
    char owned[PARTITION_SET_TEXT_MAX];
    cJSON *object = cJSON_CreateObject();
    partition_set_format(&instance->owned, owned);
    cJSON_AddStringToObject(object, "instance", instance->name);
    cJSON_AddStringToObject(object, "state", instance->state);
    cJSON_AddStringToObject(object, "reasons", instance->reasons);
    cJSON_AddStringToObject(object, "version", instance->version);
    cJSON_AddNumberToObject(object, "count", (double)instance->count);
    cJSON_AddStringToObject(object, "owned", owned);
    cJSON_AddNumberToObject(object, "robots", instance->offline ? 0 : instance->robots);
    cJSON_AddNumberToObject(object, "messages_per_s", fleet_instance_rate(instance));
    cJSON_AddNumberToObject(object, "lag_s", instance->lag_s);
    cJSON_AddNumberToObject(object, "open_alerts", instance->offline ? 0 : instance->open_alerts);
    cJSON_AddBoolToObject(object, "leases_fail", instance->leases_fail);
    return object;
}

static cJSON *doubled_json(const struct fleet_view *view, size_t partition)
{
    cJSON *object = cJSON_CreateObject(), *owners = cJSON_CreateArray();
    cJSON_AddNumberToObject(object, "partition", (double)partition);
    for (size_t i = 0; i < view->instances; i++) {
        const struct fleet_instance *instance = &view->instance[i];
        if (!instance->offline && partition_set_has(&instance->owned, partition))
            json_append(owners, cJSON_CreateString(instance->name));
    }
    json_attach(object, "instances", owners);
    return object;
}

cJSON *fleet_view_json(const struct fleet_view *view)
{
    char text[PARTITION_SET_TEXT_MAX];
    cJSON *root = cJSON_CreateObject(), *doubled = cJSON_CreateArray(),
          *instances = cJSON_CreateArray();
    partition_set_format(&view->unowned, text);
    cJSON_AddBoolToObject(root, "whole", fleet_view_is_whole(view));
    cJSON_AddNumberToObject(root, "partitions", (double)view->count);
    cJSON_AddBoolToObject(root, "counts_differ", view->counts_differ);
    cJSON_AddStringToObject(root, "unowned", text);
    for (size_t p = 0; p < view->count; p++) {
        if (partition_set_has(&view->doubled, p))
            json_append(doubled, doubled_json(view, p));
    }
    json_attach(root, "doubled", doubled);
    for (size_t i = 0; i < view->instances; i++)
        json_append(instances, instance_json(&view->instance[i]));
    json_attach(root, "instances", instances);
    return root;
}

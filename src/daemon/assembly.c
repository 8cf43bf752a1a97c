/*
 * A retained message is of no known age unless it says so itself: it fills only channels that hold
 * their value for ever, which is what retained tags are for. They come before all others, so they
 * may make a robot; it is heard, and can be silent, only once something new has come.
 */
#include "daemon/assembly.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int assembly_subscribe(const struct assembly *assembly, struct mqtt_client *client)
{
    for (size_t s = 0; assembly->map && s < assembly->map->count; s++) {
        char *filter = source_topic_filter(assembly->map->sources[s].topic);
        if (!filter)
            return -ENOMEM;
        int r = mqtt_client_subscribe(client, filter, 0);
        free(filter);
        filter = NULL;
        if (r == 0)
            r = source_sparkplug_filter(&assembly->map->sources[s], &filter);
        if (r == 0 && filter)
            r = mqtt_client_subscribe(client, filter, 0);
        free(filter);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- one message */

struct delivery {
    struct assembly *assembly;
    bool retained;
    int64_t now_ns, wall_ns;
    struct robot *robot; /* of the tag before */
};

static struct delivery begin(struct assembly *assembly, const struct mqtt_message *message)
{
    int64_t now_ns = clock_monotonic_ns();
    return (struct delivery){.assembly = assembly,
                             .retained = message->retained,
                             .now_ns = now_ns,
                             .wall_ns = host_clock_ns(&assembly->intake->clock, now_ns)};
}

/* Made with a robot's first tag, for the channels of its model; these do not change. */
static struct assembler *new_assembler(const struct assembly *assembly, const struct robot *robot)
{
    struct assignment *assignment = robot->assignment;
    if (!assignment->layout)
        assignment->layout = assembler_layout_of(
            &assembly->map->rules, &assembly->intake->config->input.gate, robot->model);
    return assignment->layout ? assembler_new(assignment->layout) : NULL;
}

static bool has_assembler(const struct assembly *assembly, struct robot *robot)
{
    if (!robot->assembler)
        robot->assembler = new_assembler(assembly, robot);
    return robot->assembler;
}

static struct robot *find_robot(struct delivery *delivery, const char *name)
{
    struct assembly *assembly = delivery->assembly;
    if (delivery->robot && !strcmp(delivery->robot->name, name))
        return delivery->robot;
    struct robot *robot = intake_robot(assembly->intake, name, false);
    if (robot && !has_assembler(assembly, robot)) {
        log_error("%s: out of memory for its tags", name);
        robot = NULL;
    }
    return robot;
}

static void make_samples(struct delivery *delivery, struct robot *robot, int64_t time_ns)
{
    while (assembler_due(robot->assembler, time_ns))
        intake_assembled(delivery->assembly->intake, robot, delivery->now_ns);
}

/* All tags of the robot before are put: what its last one asks for is made. */
static void end_robot(struct delivery *delivery)
{
    struct robot *robot = delivery->robot;
    if (robot && assembler_ticked(robot->assembler))
        intake_assembled(delivery->assembly->intake, robot, delivery->now_ns);
}

static void note_refused(struct assembly *assembly, struct robot *robot,
                         enum assembler_refusal refusal, const char *why)
{
    uint64_t count = ++robot->counters.tags[refusal];
    if (refusal == ASSEMBLER_UNKNOWN) {
        if (count == 1)
            log_info("%s: %s; it and perhaps others are ignored", robot->name, why);
        return;
    }
    assembly->refused_tags++;
    if (log_is_due(count))
        log_warning("%s: tag refused (%s, %llu so far): %s", robot->name,
                    assembler_refusal_name(refusal), (unsigned long long)count, why);
}

static void on_tag(void *user, const struct source_tag *tag)
{
    struct delivery *delivery = user;
    struct assembly *assembly = delivery->assembly;
    struct diag diag = DIAG_INIT;
    assembly->tags++;
    struct robot *robot = find_robot(delivery, tag->robot);
    if (robot != delivery->robot)
        end_robot(delivery);
    delivery->robot = robot;
    if (!robot) {
        assembly->lost++;
        return;
    }
    const struct assembler_input input = {.name = tag->name,
                                          .tag = tag->tag,
                                          .time_ns =
                                              tag->has_time ? tag->time_ns : delivery->wall_ns,
                                          .old = delivery->retained};
    robot->assembler_dated = tag->has_time;
    if (tag->node != 0)
        robot->sparkplug_node = tag->node;
    if (!delivery->retained)
        make_samples(delivery, robot, input.time_ns);
    enum assembler_refusal refusal = assembler_put(robot->assembler, &input, &diag);
    if (refusal)
        note_refused(assembly, robot, refusal, diag.text);
    else
        robot->counters.tags[ASSEMBLER_TAKEN]++;
}

static void read_source(struct assembly *assembly, const struct source *source,
                        const struct source_match *match, const struct mqtt_message *message)
{
    struct diag diag = DIAG_INIT;
    struct delivery delivery = begin(assembly, message);
    const struct source_message text = {message->topic, message->payload, message->size};
    enum source_refusal refusal = source_read(source, match, &text, on_tag, &delivery, &diag);
    end_robot(&delivery);
    if (refusal && log_is_due(++assembly->refused[refusal]))
        log_warning("message on %.100s refused (%s, %llu so far): %s", message->topic,
                    source_refusal_name(refusal), (unsigned long long)assembly->refused[refusal],
                    diag.text);
}

/* ---- Sparkplug */

static void on_lost(void *user, uint64_t node, const char *name)
{
    struct assembly *assembly = user;
    const struct fleet *fleet = assembly->intake->fleet;
    for (size_t i = 0; i < fleet->count; i++) {
        struct robot *robot = fleet->robot[i];
        if (robot->assembler && robot->sparkplug_node == node &&
            (!*name || !strcmp(robot->name, name)))
            assembler_forget(robot->assembler);
    }
}

static void on_rebirth(void *user, const char *topic, const void *payload, size_t size)
{
    struct assembly *assembly = user;
    const struct mqtt_message message = {.topic = topic, .payload = payload, .size = size};
    log_info("Sparkplug: a rebirth is asked for on %s", topic);
    if (assembly->intake->publisher->client)
        mqtt_client_publish(assembly->intake->publisher->client, &message, NULL);
}

static void on_metric(void *user, const struct source_tag *tag)
{
    struct assembly *assembly = user;
    on_tag(assembly->delivery, tag);
}

static const struct source_sparkplug_handlers sparkplug_handlers = {
    .on_tag = on_metric, .on_lost = on_lost, .on_rebirth = on_rebirth};

static struct source_clock clocks(const struct assembly *assembly, int64_t now_ns)
{
    return (struct source_clock){.now_ns = now_ns,
                                 .wall_ms = host_clock_ns(&assembly->intake->clock, now_ns) /
                                            CLOCK_NS_PER_MS};
}

/* Births are never retained; what is was meant for others. */
static bool read_sparkplug(struct assembly *assembly, const struct mqtt_message *message)
{
    if (!assembly->sparkplug || message->retained)
        return false;
    struct delivery delivery = begin(assembly, message);
    const struct source_message text = {message->topic, message->payload, message->size};
    const struct source_clock clock = clocks(assembly, delivery.now_ns);
    const char *reason;
    struct diag diag = DIAG_INIT;
    assembly->delivery = &delivery;
    bool taken = source_sparkplug_read(assembly->sparkplug, &text, &clock, &reason, &diag);
    assembly->delivery = NULL;
    end_robot(&delivery);
    if (taken && reason && log_is_due(++assembly->refused_sparkplug))
        log_warning("message on %.100s refused (%s, %llu so far): %s", message->topic, reason,
                    (unsigned long long)assembly->refused_sparkplug, diag.text);
    return taken;
}

void assembly_missed(struct assembly *assembly)
{
    const struct fleet *fleet = assembly->intake->fleet;
    if (assembly->sparkplug)
        source_sparkplug_missed(assembly->sparkplug);
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->robot[i]->assembler)
            assembler_doubt(fleet->robot[i]->assembler);
    }
}

void assembly_tick(struct assembly *assembly, int64_t now_ns)
{
    if (!assembly->sparkplug)
        return;
    const struct source_clock clock = clocks(assembly, now_ns);
    source_sparkplug_tick(assembly->sparkplug, &clock);
}

/* ---- all of it */

int assembly_init(struct assembly *assembly, struct intake *intake, struct diag *diag)
{
    *assembly = (struct assembly){.intake = intake};
    const char *path = intake->config->input.assembler_file;
    int r = path ? source_map_load(path, &assembly->map, diag) : 0;
    if (r < 0 || !path)
        return r;
    r = source_sparkplug_new(assembly->map, &sparkplug_handlers, assembly, &assembly->sparkplug,
                             diag);
    if (r < 0)
        diag_prefix(diag, "%s", path);
    return r;
}

void assembly_deinit(struct assembly *assembly)
{
    source_sparkplug_free(assembly->sparkplug);
    source_map_free(assembly->map);
}

/* A robot for which memory is out begins anew with its next tag. */
void assembly_renew(struct assembly *assembly)
{
    struct fleet *fleet = assembly->intake->fleet;
    for (size_t i = 0; i < fleet->assignments.count; i++) {
        assembler_layout_unref(fleet->assignments.item[i]->layout);
        fleet->assignments.item[i]->layout = NULL;
    }
    for (size_t i = 0; i < fleet->count; i++) {
        struct robot *robot = fleet->robot[i];
        if (!robot->assembler)
            continue;
        struct assembler *before = robot->assembler;
        robot->assembler = new_assembler(assembly, robot);
        if (robot->assembler)
            assembler_take_over(robot->assembler, before);
        assembler_free(before);
    }
}

bool assembly_message(struct assembly *assembly, const struct mqtt_message *message)
{
    bool fits = read_sparkplug(assembly, message);
    for (size_t s = 0; assembly->map && s < assembly->map->count; s++) {
        const struct source *source = &assembly->map->sources[s];
        struct source_match match;
        if (source->format != SOURCE_JSON ||
            !source_topic_match(source->topic, message->topic, &match))
            continue;
        fits = true;
        read_source(assembly, source, &match, message);
    }
    assembly->messages += fits;
    return fits;
}

void assembly_add_counters(const struct assembly *assembly, cJSON *root)
{
    if (!assembly->map)
        return;
    cJSON *object = cJSON_AddObjectToObject(root, "sources");
    cJSON_AddNumberToObject(object, "messages", (double)assembly->messages);
    cJSON_AddNumberToObject(object, "tags", (double)assembly->tags);
    cJSON_AddNumberToObject(object, "tags_refused", (double)assembly->refused_tags);
    cJSON_AddNumberToObject(object, "tags_lost", (double)assembly->lost);
    cJSON *refused = cJSON_AddObjectToObject(object, "refused");
    for (int r = SOURCE_READ + 1; r < SOURCE_REFUSALS; r++) {
        if (assembly->refused[r] > 0)
            cJSON_AddNumberToObject(refused, source_refusal_name((enum source_refusal)r),
                                    (double)assembly->refused[r]);
    }
    if (assembly->sparkplug)
        source_sparkplug_counters(assembly->sparkplug,
                                  cJSON_AddObjectToObject(object, "sparkplug"));
}

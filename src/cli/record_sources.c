#include "cli/record_sources.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- channels */

static bool has_found(const struct record_sources *sources, const char *channel)
{
    for (size_t i = 0; i < sources->found.count; i++) {
        if (!strcmp(sources->found.name[i], channel))
            return true;
    }
    return false;
}

static void note_channel(struct record_sources *sources, const char *channel)
{
    if (!strcmp(channel, ASSEMBLER_MODE) || has_found(sources, channel) ||
        sources->found.count >= RECORD_CHANNELS_MAX)
        return;
    char *copy = strdup(channel);
    if (!copy)
        sources->result = -ENOMEM;
    else
        sources->found.name[sources->found.count++] = copy;
}

/* Whether a channel can be made of it. */
static bool is_number(const struct assembler_rule *rule, const struct tag *tag)
{
    char *end;
    if (tag->type == TAG_NUMBER || tag->type == TAG_BOOL || (rule && rule->word_count > 0))
        return true;
    if (tag->type != TAG_TEXT)
        return false;
    strtod(tag->text, &end);
    return end != tag->text && !*end;
}

/* A tag is the channel of its own name, unless rules say which ones are made of it. */
static void find_channels(struct record_sources *sources, const struct source_tag *tag)
{
    const struct assembler_rules *rules = &sources->map->rules;
    bool ruled = false;
    for (size_t i = 0; i < rules->count; i++) {
        const struct assembler_rule *rule = &rules->rules[i];
        if (strcmp(rule->tag, tag->name) != 0)
            continue;
        ruled = true;
        if (is_number(rule, &tag->tag))
            note_channel(sources, rule->channel);
    }
    if (!ruled && is_number(NULL, &tag->tag))
        note_channel(sources, tag->name);
}

/* The channels are known from here on. */
static int fix_channels(struct record_sources *sources, const char *const *names, size_t count)
{
    struct assembler_layout *layout = assembler_layout_new(&sources->map->rules, &sources->no_gate,
                                                           names, count, sources->period_s);
    if (!layout)
        return -ENOMEM;
    sources->assembler = assembler_new(layout);
    assembler_layout_unref(layout);
    if (!sources->assembler)
        return -ENOMEM;
    return intake_fix(sources->intake, names, count);
}

/* ---- tags */

static void make_sample(struct record_sources *sources)
{
    struct sample sample;
    struct diag diag = DIAG_INIT;
    struct intake *intake = sources->intake;
    enum sample_refusal refusal =
        assembler_sample(sources->assembler, &sources->no_gate, &sample, intake->values, &diag);
    int r = refusal ? intake_refuse(intake, refusal, &diag, sample.time_ns)
                    : intake_take_row(intake, &sample, sample.time_ns);
    if (r < 0)
        sources->result = r;
}

static void note_refused(struct record_sources *sources, const char *why)
{
    sources->refused++;
    if (!*sources->refused_text)
        memcpy(sources->refused_text, why, strlen(why) + 1);
}

static void put(struct record_sources *sources, const struct source_tag *tag, bool old)
{
    struct diag diag = DIAG_INIT;
    const struct assembler_input input = {.name = tag->name,
                                          .tag = tag->tag,
                                          .time_ns =
                                              tag->has_time ? tag->time_ns : sources->wall_ns,
                                          .old = old};
    while (!old && assembler_due(sources->assembler, input.time_ns))
        make_sample(sources);
    enum assembler_refusal refusal = assembler_put(sources->assembler, &input, &diag);
    if (refusal != ASSEMBLER_TAKEN && refusal != ASSEMBLER_UNKNOWN)
        note_refused(sources, diag.text);
}

struct delivery {
    struct record_sources *sources;
    bool old;
};

static void take_tag(struct record_sources *sources, const struct source_tag *tag, bool old)
{
    if (!*sources->robot)
        strcpy(sources->robot, tag->robot);
    if (strcmp(sources->robot, tag->robot) != 0) {
        strcpy(sources->other, tag->robot);
        return;
    }
    if (sources->first_ns == 0)
        sources->first_ns = sources->now_ns;
    if (!sources->assembler && sources->now_ns - sources->first_ns < sources->discover_ns)
        find_channels(sources, tag);
    else if (!sources->assembler && sources->found.count > 0)
        sources->result =
            fix_channels(sources, (const char *const *)sources->found.name, sources->found.count);
    if (sources->assembler && sources->result == 0)
        put(sources, tag, old);
}

static void on_tag(void *user, const struct source_tag *tag)
{
    struct delivery *delivery = user;
    take_tag(delivery->sources, tag, delivery->old);
}

/* ---- Sparkplug */

static void on_metric(void *user, const struct source_tag *tag)
{
    take_tag(user, tag, false);
}

static void on_lost(void *user, uint64_t node, const char *robot)
{
    struct record_sources *sources = user;
    if (sources->assembler && (!*robot || !strcmp(robot, sources->robot)))
        assembler_forget(sources->assembler);
}

static void on_rebirth(void *user, const char *topic, const void *payload, size_t size)
{
    struct record_sources *sources = user;
    const struct mqtt_message message = {.topic = topic, .payload = payload, .size = size};
    if (sources->client)
        mqtt_client_publish(sources->client, &message, NULL);
}

static const struct source_sparkplug_handlers handlers = {
    .on_tag = on_metric, .on_lost = on_lost, .on_rebirth = on_rebirth};

/* ---- messages */

static bool read_sparkplug(struct record_sources *sources, const struct source_message *message)
{
    const char *reason = NULL;
    struct diag diag = DIAG_INIT;
    const struct source_clock clock = {.now_ns = sources->now_ns,
                                       .wall_ms = sources->wall_ns / CLOCK_NS_PER_MS};
    bool taken = source_sparkplug_read(sources->sparkplug, message, &clock, &reason, &diag);
    if (taken && reason)
        note_refused(sources, diag.text);
    return taken;
}

bool record_sources_message(struct record_sources *sources, const struct mqtt_message *message,
                            int64_t now_ns, int64_t wall_ns, int *ret_result)
{
    const struct source_message text = {message->topic, message->payload, message->size};
    struct delivery delivery = {sources, message->retained};
    sources->now_ns = now_ns;
    sources->wall_ns = wall_ns;
    bool fits = sources->sparkplug && !message->retained && read_sparkplug(sources, &text);
    for (size_t s = 0; s < sources->map->count; s++) {
        const struct source *source = &sources->map->sources[s];
        struct source_match match;
        struct diag diag = DIAG_INIT;
        if (source->format != SOURCE_JSON ||
            !source_topic_match(source->topic, message->topic, &match))
            continue;
        fits = true;
        if (source_read(source, &match, &text, on_tag, &delivery, &diag))
            note_refused(sources, diag.text);
    }
    if (sources->assembler && assembler_ticked(sources->assembler))
        make_sample(sources);
    *ret_result = sources->result;
    return fits;
}

void record_sources_tick(struct record_sources *sources, int64_t now_ns, int64_t wall_ns)
{
    const struct source_clock clock = {.now_ns = now_ns, .wall_ms = wall_ns / CLOCK_NS_PER_MS};
    if (sources->sparkplug)
        source_sparkplug_tick(sources->sparkplug, &clock);
}

void record_sources_missed(struct record_sources *sources)
{
    if (sources->sparkplug)
        source_sparkplug_missed(sources->sparkplug);
    if (sources->assembler)
        assembler_doubt(sources->assembler);
}

/* ---- start and end */

int record_sources_init(struct record_sources *sources, const char *path, const char *robot,
                        struct intake *intake, struct diag *diag)
{
    *sources = (struct record_sources){.intake = intake};
    if (robot)
        snprintf(sources->robot, sizeof sources->robot, "%s", robot);
    int r = source_map_load(path, &sources->map, diag);
    if (r == 0)
        r = source_sparkplug_new(sources->map, &handlers, sources, &sources->sparkplug, diag);
    sources->found.name = calloc(RECORD_CHANNELS_MAX, sizeof *sources->found.name);
    return r == 0 && !sources->found.name ? diag_errno(diag, ENOMEM, "%s", path) : r;
}

void record_sources_deinit(struct record_sources *sources)
{
    source_sparkplug_free(sources->sparkplug);
    assembler_free(sources->assembler);
    source_map_free(sources->map);
    for (size_t i = 0; i < sources->found.count; i++)
        free(sources->found.name[i]);
    free(sources->found.name);
    *sources = (struct record_sources){0};
}

int record_sources_begin(struct record_sources *sources, double period_s, int64_t discover_ns,
                         struct diag *diag)
{
    const struct intake_options *how = &sources->intake->options;
    const struct assembler_rules *rules = &sources->map->rules;
    if (!(period_s > 0) && rules->period_s <= 0 && !rules->tick)
        return diag_set(diag, "how many samples a second? Neither --rate-hz nor tick in the file "
                              "of sources says");
    sources->period_s = period_s > 0 ? period_s : 1;
    sources->discover_ns = discover_ns;
    return how->names ? fix_channels(sources, (const char *const *)how->names, how->name_count) : 0;
}

#include "cli/survey_trial.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conditions no_gate;

static void on_metric(void *user, const struct source_tag *tag);
static void on_lost(void *user, uint64_t node, const char *robot);
static void on_rebirth(void *user, const char *topic, const void *payload, size_t size);

static const struct source_sparkplug_handlers sparkplug_handlers = {
    .on_tag = on_metric, .on_lost = on_lost, .on_rebirth = on_rebirth};

int survey_trial_init(struct survey_trial *trial, struct source_map *map, const struct model *model,
                      int64_t learn_ns)
{
    *trial = (struct survey_trial){.map = map, .model = model, .learn_ns = learn_ns};
    trial->tags = calloc(TRIAL_TAGS_MAX, sizeof *trial->tags);
    trial->begun = model;
    int r = source_sparkplug_new(map, &sparkplug_handlers, trial, &trial->sparkplug, NULL);
    return r < 0 || trial->tags ? r : -ENOMEM;
}

void survey_trial_deinit(struct survey_trial *trial)
{
    for (size_t r = 0; r < trial->robot_count; r++) {
        assembler_free(trial->robots[r].assembler);
        assembler_layout_unref(trial->robots[r].layout);
    }
    for (size_t t = 0; t < trial->tag_count; t++)
        free(trial->tags[t].name);
    free(trial->tags);
    source_sparkplug_free(trial->sparkplug);
    *trial = (struct survey_trial){.map = NULL};
}

/* ---- samples */

static void make_sample(struct survey_trial *trial, struct trial_robot *robot)
{
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float *values = calloc(robot->channels + 1, sizeof *values);
    if (!values) {
        trial->failed = true;
        return;
    }
    enum sample_refusal refusal =
        assembler_sample(robot->assembler, &no_gate, &sample, values, &diag);
    robot->samples += refusal == SAMPLE_ACCEPTED;
    robot->refused[refusal]++;
    if (refusal)
        snprintf(robot->refused_text[refusal], sizeof robot->refused_text[refusal], "%.*s",
                 json_utf8_head(diag.text, 150), diag.text);
    free(values);
}

static void note_word(struct survey_trial *trial, const char *text)
{
    char word[160];
    snprintf(word, sizeof word, "%.*s", json_utf8_head(text, sizeof word - 1), text);
    for (size_t w = 0; w < trial->word_count; w++) {
        if (!strcmp(trial->words[w], word))
            return;
    }
    if (trial->word_count < TRIAL_WORDS_MAX)
        memcpy(trial->words[trial->word_count++], word, sizeof word);
}

static void put(struct survey_trial *trial, const struct trial_tag *known, struct tag tag)
{
    struct trial_robot *robot = &trial->robots[known->robot];
    struct diag diag = DIAG_INIT;
    const struct assembler_input input = {
        .name = known->name, .tag = tag, .time_ns = known->time_ns, .old = known->old};
    while (!known->old && assembler_due(robot->assembler, known->time_ns))
        make_sample(trial, robot);
    enum assembler_refusal refusal = assembler_put(robot->assembler, &input, &diag);
    trial->refused_tags[refusal]++;
    if (refusal == ASSEMBLER_NOT_IN_TABLE || refusal == ASSEMBLER_NOT_A_NUMBER)
        note_word(trial, diag.text);
    ((struct trial_tag *)known)->used = refusal != ASSEMBLER_UNKNOWN;
}

/* ---- layouts */

static bool has_sent(const struct survey_trial *trial, size_t robot, const char *tag)
{
    for (size_t t = 0; t < trial->tag_count; t++) {
        if ((robot == SIZE_MAX || trial->tags[t].robot == robot) &&
            !strcmp(trial->tags[t].name, tag))
            return true;
    }
    return false;
}

static bool is_ruled(const struct assembler_rules *rules, const char *tag)
{
    for (size_t r = 0; r < rules->count; r++) {
        if (!strcmp(rules->rules[r].tag, tag) || !strcmp(rules->rules[r].channel, tag))
            return true;
    }
    return false;
}

static void learn_layout(struct survey_trial *trial, size_t robot)
{
    const struct assembler_rules *rules = &trial->map->rules;
    const char **names = calloc(rules->count + trial->tag_count + 1, sizeof *names);
    size_t count = 0;
    for (size_t r = 0; r < rules->count && names; r++) {
        const char *tag = rules->rules[r].tag;
        if (strcmp(rules->rules[r].channel, ASSEMBLER_MODE) != 0 &&
            (has_sent(trial, robot, tag) || !has_sent(trial, SIZE_MAX, tag)))
            names[count++] = rules->rules[r].channel;
    }
    for (size_t t = 0; t < trial->tag_count && names; t++) {
        const struct trial_tag *tag = &trial->tags[t];
        bool number = tag->type == TAG_NUMBER || tag->type == TAG_BOOL;
        if (tag->robot == robot && number && !is_ruled(rules, tag->name))
            names[count++] = tag->name;
    }
    double period_s = rules->period_s > 0 ? rules->period_s : 0.1;
    if (count > 0)
        trial->robots[robot].layout = assembler_layout_new(rules, &no_gate, names, count, period_s);
    trial->robots[robot].channels = count;
    trial->failed = trial->failed || !names || (count > 0 && !trial->robots[robot].layout);
    free(names);
}

/* Of a robot that may have come later than the others. */
static bool has_assembler(struct survey_trial *trial, struct trial_robot *robot)
{
    if (!trial->begun || robot->assembler)
        return robot->assembler;
    if (trial->model) {
        robot->layout = assembler_layout_of(&trial->map->rules, &no_gate, trial->model);
        robot->channels = trial->model->channels;
    } else {
        learn_layout(trial, (size_t)(robot - trial->robots));
    }
    if (robot->layout)
        robot->assembler = assembler_new(robot->layout);
    return robot->assembler;
}

static void begin(struct survey_trial *trial)
{
    if (trial->begun || trial->tag_count == 0)
        return;
    trial->begun = true;
    for (size_t t = 0; t < trial->tag_count; t++) {
        struct trial_tag *known = &trial->tags[t];
        const struct tag tag = {known->type, known->number, known->text};
        if (has_assembler(trial, &trial->robots[known->robot]))
            put(trial, known, tag);
    }
}

/* ---- messages */

static struct trial_robot *find_robot(struct survey_trial *trial, const char *name)
{
    for (size_t r = 0; r < trial->robot_count; r++) {
        if (!strcmp(trial->robots[r].name, name))
            return &trial->robots[r];
    }
    if (trial->robot_count == TRIAL_ROBOTS_MAX)
        return NULL;
    struct trial_robot *robot = &trial->robots[trial->robot_count++];
    snprintf(robot->name, sizeof robot->name, "%s", name);
    return robot;
}

static struct trial_tag *find_tag(struct survey_trial *trial, size_t robot, const char *name)
{
    for (size_t t = 0; t < trial->tag_count; t++) {
        if (trial->tags[t].robot == robot && !strcmp(trial->tags[t].name, name))
            return &trial->tags[t];
    }
    if (trial->tag_count == TRIAL_TAGS_MAX)
        return NULL;
    struct trial_tag *tag = &trial->tags[trial->tag_count];
    *tag = (struct trial_tag){.name = strdup(name), .robot = robot};
    trial->tag_count += tag->name != NULL;
    trial->failed = trial->failed || !tag->name;
    return tag->name ? tag : NULL;
}

static void on_tag(void *user, const struct source_tag *tag)
{
    struct survey_trial *trial = user;
    struct trial_robot *robot = find_robot(trial, tag->robot);
    struct trial_tag *known =
        robot ? find_tag(trial, (size_t)(robot - trial->robots), tag->name) : NULL;
    if (!known) {
        trial->lost++;
        return;
    }
    known->type = tag->tag.type;
    known->number = tag->tag.number;
    if (tag->tag.type == TAG_TEXT)
        snprintf(known->text, sizeof known->text, "%.*s",
                 json_utf8_head(tag->tag.text, SURVEY_WORD_BYTES), tag->tag.text);
    known->time_ns = tag->has_time ? tag->time_ns : trial->message->wall_ns;
    known->old = trial->message->retained;
    if (has_assembler(trial, robot))
        put(trial, known, tag->tag);
}

static void end_message(struct survey_trial *trial)
{
    for (size_t r = 0; r < trial->robot_count; r++) {
        if (trial->robots[r].assembler && assembler_ticked(trial->robots[r].assembler))
            make_sample(trial, &trial->robots[r]);
    }
}

static void note_refused(struct survey_trial *trial, enum source_refusal refusal,
                         const struct diag *diag)
{
    if (trial->refused[refusal]++ == 0)
        snprintf(trial->refused_text[refusal], sizeof trial->refused_text[refusal], "%.60s: %.*s",
                 trial->message->topic, json_utf8_head(diag->text, 120), diag->text);
}

/* ---- Sparkplug ---- */

static void on_metric(void *user, const struct source_tag *tag)
{
    on_tag(user, tag);
}

/* Whose node it is does not matter for a minute. */
static void on_lost(void *user, uint64_t node, const char *robot)
{
    struct survey_trial *trial = user;
    for (size_t r = 0; r < trial->robot_count; r++) {
        if (trial->robots[r].assembler && !strcmp(trial->robots[r].name, robot))
            assembler_forget(trial->robots[r].assembler);
    }
}

/* Who looks asks for nothing. */
static void on_rebirth(void *user, const char *topic, const void *payload, size_t size)
{
}

static void take_sparkplug(struct survey_trial *trial, const struct source_message *text)
{
    const struct source_clock clock = {.now_ns = trial->message->now_ns,
                                       .wall_ms = trial->message->wall_ns / CLOCK_NS_PER_MS};
    const char *reason = NULL;
    struct diag diag = DIAG_INIT;
    if (trial->sparkplug && !trial->message->retained &&
        source_sparkplug_read(trial->sparkplug, text, &clock, &reason, &diag) && reason)
        note_refused(trial, SOURCE_MALFORMED, &diag);
}

void survey_trial_take(struct survey_trial *trial, const struct survey_message *message)
{
    if (!message->payload && message->size > 0)
        return;
    if (message->now_ns - trial->begin_ns > trial->learn_ns)
        begin(trial);
    const struct source_message text = {message->topic, message->payload, message->size};
    trial->message = message;
    take_sparkplug(trial, &text);
    for (size_t s = 0; s < trial->map->count; s++) {
        const struct source *source = &trial->map->sources[s];
        struct source_match match;
        struct diag diag = DIAG_INIT;
        if (!source_topic_match(source->topic, message->topic, &match))
            continue;
        trial->messages[s]++;
        if (source->format != SOURCE_JSON)
            continue;
        enum source_refusal refusal = source_read(source, &match, &text, on_tag, trial, &diag);
        if (refusal)
            note_refused(trial, refusal, &diag);
    }
    end_message(trial);
}

void survey_trial_end(struct survey_trial *trial)
{
    begin(trial);
    end_message(trial);
}

uint64_t survey_trial_samples(const struct survey_trial *trial)
{
    uint64_t samples = 0;
    for (size_t r = 0; r < trial->robot_count; r++)
        samples += trial->robots[r].samples;
    return samples;
}

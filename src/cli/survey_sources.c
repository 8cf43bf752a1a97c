/*
 * Topics whose one value is named by the topic are one source as far as they begin with the same
 * level and are read alike; of others, which bring several tags a message, those that differ in the
 * level of the robot's name.
 */
#include "cli/survey_sources.h"

#include "cli/survey_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool survey_source_is_sample(const struct survey_source *source)
{
    return source->recipe->way == SURVEY_WHOLE;
}

/* ---- the levels of the topics of one source */

struct shape {
    const struct survey *survey;
    const struct survey_source *source;
    const char *robot;
    const struct model *model;
    size_t least, most; /* levels */
    bool varies[SURVEY_LEVELS_MAX];
    struct survey_levels first;
};

static void find_shape(struct shape *shape)
{
    struct survey_levels levels;
    const size_t *topics = shape->source->topics;
    survey_levels_split(shape->survey->topics[topics[0]].name, &shape->first);
    shape->least = shape->most = shape->first.count;
    for (size_t t = 1; t < shape->source->count; t++) {
        survey_levels_split(shape->survey->topics[topics[t]].name, &levels);
        shape->least = levels.count < shape->least ? levels.count : shape->least;
        shape->most = levels.count > shape->most ? levels.count : shape->most;
        for (size_t l = 0; l < levels.count && l < shape->first.count; l++)
            shape->varies[l] = shape->varies[l] || !survey_levels_equal(&levels, &shape->first, l);
    }
    for (size_t l = shape->least; l < SURVEY_LEVELS_MAX && l < shape->most; l++)
        shape->varies[l] = true;
}

static bool is_channel(const struct model *model, const char *text)
{
    char folded[SURVEY_NAME_MAX], name[SURVEY_NAME_MAX];
    survey_word_fold(text, folded, sizeof folded);
    for (size_t c = 0; model && c < model->channels; c++) {
        survey_word_fold(model->channel[c].name, name, sizeof name);
        if (!strcmp(folded, name))
            return true;
    }
    return false;
}

/* How much a level looks like robots' names; negative: it cannot be. */
static int robot_score(const struct shape *shape, size_t level)
{
    int score = 0;
    for (size_t t = 0; t < shape->source->count && t < 64; t++) {
        struct survey_levels levels;
        char text[NAME_MAX_LENGTH + 2], before[NAME_MAX_LENGTH + 2];
        survey_levels_split(shape->survey->topics[shape->source->topics[t]].name, &levels);
        survey_levels_copy(&levels, level, text, sizeof text);
        if (level > 0)
            survey_levels_copy(&levels, level - 1, before, sizeof before);
        if (!name_valid(text))
            return -1;
        if (shape->robot && !strcmp(text, shape->robot))
            return 100;
        if (is_channel(shape->model, text))
            return -1;
        int machine = survey_word_machine(text, level > 0 ? before : NULL);
        score = t == 0 || machine < score ? machine : score;
    }
    return score > 0 ? 2 * score + shape->varies[level] : score;
}

/* SURVEY_NO_LEVEL if none looks like it. */
static size_t robot_level(const struct shape *shape, int *ret_score)
{
    bool by_topic = shape->source->recipe->way == SURVEY_BY_TOPIC;
    size_t best = SURVEY_NO_LEVEL;
    *ret_score = 0;
    for (size_t l = 0; l < shape->least - (by_topic && shape->least > 0); l++) {
        int score = robot_score(shape, l);
        if (score > 0 && score >= *ret_score) {
            best = l;
            *ret_score = score;
        }
    }
    return best;
}

/* Where the tag's name begins, and whether it goes on to the end. */
static size_t channel_level(const struct shape *shape, size_t robot, bool *ret_rest)
{
    size_t from = robot == SURVEY_NO_LEVEL ? 0 : robot + 1, first = SURVEY_NO_LEVEL, varied = 0;
    for (size_t l = from; l < shape->most; l++) {
        varied += shape->varies[l];
        first = shape->varies[l] && first == SURVEY_NO_LEVEL ? l : first;
    }
    *ret_rest = varied > 1 || shape->least < shape->most;
    if (first == SURVEY_NO_LEVEL)
        return shape->least - 1;
    return first < shape->least ? first : shape->least - 1;
}

static void append(char *pattern, size_t size, const char *text)
{
    size_t used = strlen(pattern);
    snprintf(pattern + used, size - used, "%s%s", used || *text == '\0' ? "/" : "", text);
}

/* A level that stands as it is, or any. */
static void append_level(const struct shape *shape, size_t level, char *pattern, size_t size)
{
    char text[SURVEY_TOPIC_BYTES + 1];
    survey_levels_copy(&shape->first, level, text, sizeof text);
    bool plain = !shape->varies[level] && !strpbrk(text, "{}");
    size_t used = strlen(pattern);
    snprintf(pattern + used, size - used, "%s%s", level > 0 ? "/" : "", plain ? text : "+");
}

static void write_pattern(struct survey_source *source, const struct shape *shape, size_t robot)
{
    bool rest = false, by_topic = source->recipe->way == SURVEY_BY_TOPIC;
    size_t channel = by_topic ? channel_level(shape, robot, &rest) : SURVEY_NO_LEVEL;
    *source->pattern = '\0';
    for (size_t l = 0; l < shape->least; l++) {
        if (l == robot)
            append(source->pattern, sizeof source->pattern, "{robot}");
        else if (l == channel)
            append(source->pattern, sizeof source->pattern, "{channel}");
        else
            append_level(shape, l, source->pattern, sizeof source->pattern);
        if (l == channel && rest) {
            append(source->pattern, sizeof source->pattern, "#");
            return;
        }
    }
}

static void name_source(const struct survey *survey, const char *robot, const struct model *model,
                        struct survey_source *source)
{
    struct shape shape = {.survey = survey, .source = source, .robot = robot, .model = model};
    int score = 0;
    find_shape(&shape);
    size_t level = robot_level(&shape, &score);
    if (source->form == SURVEY_SPARKPLUG) {
        level = shape.least - 1;
        shape.varies[2] = shape.least > 3; /* births bring the names, data the values */
    } else if (source->recipe->robot.there && score < 100) {
        level = SURVEY_NO_LEVEL;
        snprintf(source->robot, sizeof source->robot, "%s", source->recipe->robot.at);
    } else if (level == 0 && !shape.varies[0] && shape.least > 1 &&
               !survey_source_is_sample(source)) {
        survey_levels_copy(&shape.first, 0, source->robot, sizeof source->robot);
        level = SURVEY_NO_LEVEL; /* a filter that begins with + would take in too much */
    } else if (level == SURVEY_NO_LEVEL && !survey_source_is_sample(source)) {
        snprintf(source->robot, sizeof source->robot, "%s", robot ? robot : SURVEY_ROBOT);
        source->guessed = !robot;
    }
    for (size_t l = 0; l < shape.least && survey_source_is_sample(source); l++)
        level = shape.varies[l] ? l : level; /* a topic of samples has no other placeholder */
    write_pattern(source, &shape, level);
}

/* ---- all sources */

struct maker {
    const struct survey *survey;
    const char *robot;
    const struct model *model;
    struct survey_sources *sources;
    size_t used;
};

static bool is_readable(const struct survey_topic *topic)
{
    struct survey_levels levels;
    return (topic->recipe.way != SURVEY_UNREADABLE || topic->form == SURVEY_SPARKPLUG) &&
           survey_levels_split(topic->name, &levels);
}

static struct survey_source *add_source(struct maker *maker, size_t topic)
{
    struct survey_source *source = &maker->sources->items[maker->sources->count++];
    *source = (struct survey_source){.recipe = &maker->survey->topics[topic].recipe,
                                     .form = maker->survey->topics[topic].form,
                                     .topics = &maker->sources->store[maker->used++],
                                     .count = 1};
    source->topics[0] = topic;
    return source;
}

/* The varied level is the robot's, or the robot stands in the message. */
static bool is_one_source(const struct maker *maker, const struct survey_group *group)
{
    const struct survey_topic *topic = &maker->survey->topics[group->topics[0]];
    struct survey_source source = {.recipe = &topic->recipe,
                                   .form = topic->form,
                                   .topics = group->topics,
                                   .count = group->count};
    struct shape shape = {
        .survey = maker->survey, .source = &source, .robot = maker->robot, .model = maker->model};
    if (group->count == 1 || topic->recipe.robot.there || topic->form == SURVEY_SPARKPLUG)
        return true;
    find_shape(&shape);
    return robot_score(&shape, group->level) >= (topic->recipe.way == SURVEY_WHOLE ? 0 : 1);
}

static void add_group(struct maker *maker, const struct survey_group *group)
{
    bool one = is_one_source(maker, group);
    struct survey_source *source = NULL;
    for (size_t t = 0; t < group->count; t++) {
        if (source && one)
            source->topics[source->count++] = group->topics[t], maker->used++;
        else
            source = add_source(maker, group->topics[t]);
    }
}

static bool same_family(const struct survey *survey, size_t a, size_t b)
{
    const struct survey_topic *x = &survey->topics[a], *y = &survey->topics[b];
    struct survey_levels first, second;
    survey_levels_split(x->name, &first);
    survey_levels_split(y->name, &second);
    return y->recipe.way == SURVEY_BY_TOPIC && (first.count > 1) == (second.count > 1) &&
           survey_recipe_same(&x->recipe, &y->recipe) && survey_levels_equal(&first, &second, 0);
}

static void add_families(struct maker *maker, bool *taken)
{
    const struct survey *survey = maker->survey;
    for (size_t t = 0; t < survey->topic_count; t++) {
        if (taken[t] || survey->topics[t].recipe.way != SURVEY_BY_TOPIC ||
            !is_readable(&survey->topics[t]))
            continue;
        struct survey_source *source = add_source(maker, t);
        for (size_t other = t + 1; other < survey->topic_count; other++) {
            if (taken[other] || !is_readable(&survey->topics[other]) ||
                !same_family(survey, t, other))
                continue;
            taken[other] = true;
            source->topics[source->count++] = other;
            maker->used++;
        }
    }
}

/* ---- their tags */

static bool name_tag(const struct survey *survey, const struct survey_source *source,
                     const struct survey_signal *signal, struct survey_tag *ret_tag)
{
    struct source_match match = {.robot = "", .channel = ""};
    bool robot, channel;
    bool checked = source_topic_check(source->pattern, &robot, &channel, NULL) == 0;
    if (checked)
        source_topic_match(source->pattern, survey->topics[signal->topic].name, &match);
    snprintf(ret_tag->name, sizeof ret_tag->name, "%s",
             source->recipe->way == SURVEY_BY_TOPIC ? match.channel : signal->name);
    return checked && *ret_tag->name;
}

static void add_tags(const struct survey *survey, struct survey_sources *sources,
                     const size_t *source_of)
{
    for (size_t s = 0; s < survey->signal_count; s++) {
        const struct survey_signal *signal = &survey->signals[s];
        struct survey_tag *tag = &sources->tags[sources->tag_count];
        *tag = (struct survey_tag){.signal = signal, .source = source_of[signal->topic]};
        if (tag->source != SIZE_MAX && name_tag(survey, &sources->items[tag->source], signal, tag))
            sources->tag_count++;
    }
}

static void make(struct maker *maker, const struct survey_groups *groups, size_t *source_of,
                 bool *taken)
{
    struct survey_sources *sources = maker->sources;
    for (size_t g = 0; g < groups->count; g++) {
        const struct survey_topic *topic = &maker->survey->topics[groups->items[g].topics[0]];
        if (is_readable(topic) && topic->recipe.way != SURVEY_BY_TOPIC)
            add_group(maker, &groups->items[g]);
    }
    add_families(maker, taken);
    for (size_t t = 0; t < maker->survey->topic_count; t++)
        source_of[t] = SIZE_MAX;
    for (size_t s = 0; s < sources->count; s++) {
        name_source(maker->survey, maker->robot, maker->model, &sources->items[s]);
        for (size_t t = 0; t < sources->items[s].count; t++)
            source_of[sources->items[s].topics[t]] = s;
    }
    add_tags(maker->survey, sources, source_of);
}

int survey_sources_find(const struct survey *survey, const struct survey_groups *groups,
                        const char *robot, const struct model *model,
                        struct survey_sources *ret_sources)
{
    size_t topics = survey->topic_count;
    *ret_sources = (struct survey_sources){
        .items = calloc(topics + 1, sizeof *ret_sources->items),
        .store = calloc(topics + 1, sizeof *ret_sources->store),
        .tags = calloc(survey->signal_count + 1, sizeof *ret_sources->tags)};
    struct maker maker = {survey, robot, model, ret_sources, 0};
    size_t *source_of = calloc(topics + 1, sizeof *source_of);
    bool *taken = calloc(topics + 1, sizeof *taken);
    bool made = ret_sources->items && ret_sources->store && ret_sources->tags && source_of && taken;
    if (made)
        make(&maker, groups, source_of, taken);
    free(source_of);
    free(taken);
    return made ? 0 : -ENOMEM;
}

void survey_sources_deinit(struct survey_sources *sources)
{
    free(sources->items);
    free(sources->store);
    free(sources->tags);
    *sources = (struct survey_sources){0};
}

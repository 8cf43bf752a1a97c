#include "cli/survey_levels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool survey_levels_split(const char *topic, struct survey_levels *ret_levels)
{
    *ret_levels = (struct survey_levels){0};
    for (;; topic++) {
        size_t length = strcspn(topic, "/");
        if (ret_levels->count == SURVEY_LEVELS_MAX)
            return false;
        ret_levels->text[ret_levels->count] = topic;
        ret_levels->length[ret_levels->count++] = length;
        topic += length;
        if (!*topic)
            return true;
    }
}

bool survey_levels_equal(const struct survey_levels *a, const struct survey_levels *b, size_t level)
{
    return a->length[level] == b->length[level] &&
           !memcmp(a->text[level], b->text[level], a->length[level]);
}

void survey_levels_copy(const struct survey_levels *levels, size_t level, char *ret_text,
                        size_t size)
{
    snprintf(ret_text, size, "%.*s", (int)levels->length[level], levels->text[level]);
}

/* ---- groups */

struct finder {
    const struct survey *survey;
    struct survey_levels *levels; /* [topics]; count 0: too deep */
    bool *taken;
    struct survey_groups *groups;
    size_t used; /* of the store */
};

static bool alike(const struct finder *finder, size_t a, size_t b)
{
    const struct survey_topic *x = &finder->survey->topics[a], *y = &finder->survey->topics[b];
    return finder->levels[a].count == finder->levels[b].count && x->form == y->form &&
           survey_recipe_same(&x->recipe, &y->recipe);
}

/* The only level that differs; SURVEY_NO_LEVEL if it is not one. */
static size_t different_level(const struct survey_levels *a, const struct survey_levels *b)
{
    size_t different = SURVEY_NO_LEVEL;
    for (size_t level = 0; level < a->count; level++) {
        if (survey_levels_equal(a, b, level))
            continue;
        if (different != SURVEY_NO_LEVEL)
            return SURVEY_NO_LEVEL;
        different = level;
    }
    return different;
}

/* Of the levels in which others differ from it, the one with most; the last of equals. */
static size_t best_level(const struct finder *finder, size_t topic)
{
    size_t count[SURVEY_LEVELS_MAX] = {0}, best = SURVEY_NO_LEVEL;
    for (size_t t = topic + 1; t < finder->survey->topic_count; t++) {
        if (finder->taken[t] || !alike(finder, topic, t))
            continue;
        size_t level = different_level(&finder->levels[topic], &finder->levels[t]);
        if (level != SURVEY_NO_LEVEL)
            count[level]++;
    }
    for (size_t level = 0; level < finder->levels[topic].count; level++) {
        if (count[level] > 0 && (best == SURVEY_NO_LEVEL || count[level] >= count[best]))
            best = level;
    }
    return best;
}

static void take_group(struct finder *finder, size_t topic)
{
    struct survey_group *group = &finder->groups->items[finder->groups->count++];
    group->topics = &finder->groups->store[finder->used];
    group->level = best_level(finder, topic);
    group->topics[group->count++] = topic;
    for (size_t t = topic + 1; group->level != SURVEY_NO_LEVEL && t < finder->survey->topic_count;
         t++) {
        if (!finder->taken[t] && alike(finder, topic, t) &&
            different_level(&finder->levels[topic], &finder->levels[t]) == group->level) {
            finder->taken[t] = true;
            group->topics[group->count++] = t;
        }
    }
    finder->used += group->count;
}

int survey_groups_find(const struct survey *survey, struct survey_groups *ret_groups)
{
    size_t count = survey->topic_count;
    *ret_groups = (struct survey_groups){.items = calloc(count + 1, sizeof(struct survey_group)),
                                         .store = calloc(count + 1, sizeof(size_t))};
    struct finder finder = {.survey = survey,
                            .levels = calloc(count + 1, sizeof(struct survey_levels)),
                            .taken = calloc(count + 1, sizeof(bool)),
                            .groups = ret_groups};
    bool made = ret_groups->items && ret_groups->store && finder.levels && finder.taken;
    for (size_t t = 0; made && t < count; t++) {
        if (!survey_levels_split(survey->topics[t].name, &finder.levels[t]))
            finder.levels[t].count = 0;
    }
    for (size_t t = 0; made && t < count; t++) {
        if (!finder.taken[t])
            take_group(&finder, t);
    }
    free(finder.levels);
    free(finder.taken);
    return made ? 0 : -ENOMEM;
}

void survey_groups_deinit(struct survey_groups *groups)
{
    free(groups->items);
    free(groups->store);
    *groups = (struct survey_groups){0};
}

void survey_group_pattern(const struct survey *survey, const struct survey_group *group,
                          char *ret_text, size_t size)
{
    const char *topic = survey->topics[group->topics[0]].name;
    struct survey_levels levels;
    if (group->level == SURVEY_NO_LEVEL || !survey_levels_split(topic, &levels)) {
        snprintf(ret_text, size, "%s", topic);
        return;
    }
    const char *at = levels.text[group->level];
    snprintf(ret_text, size, "%.*s+%s", (int)(at - topic), topic, at + levels.length[group->level]);
}

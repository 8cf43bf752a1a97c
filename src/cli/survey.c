#include "cli/survey.h"

#include "base/clock.h"
#include "pipeline/sample.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- positions by key: open addressing, half empty */

static uint64_t hash_bytes(const void *bytes, size_t size, uint64_t hash)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t hash_key(size_t topic, const char *name)
{
    return hash_bytes(name, strlen(name), UINT64_C(14695981039346656037) ^ topic << 20);
}

static bool index_init(struct survey_index *index, size_t most)
{
    index->size = 2 * most;
    index->slots = calloc(index->size, sizeof *index->slots);
    return index->slots;
}

static uint32_t *find_topic(struct survey *survey, const char *name)
{
    struct survey_index *index = &survey->topic_index;
    size_t at = hash_key(0, name) % index->size;
    while (index->slots[at] && strcmp(survey->topics[index->slots[at] - 1].name, name) != 0)
        at = (at + 1) % index->size;
    return &index->slots[at];
}

static uint32_t *find_signal(struct survey *survey, size_t topic, const char *name)
{
    struct survey_index *index = &survey->signal_index;
    size_t at = hash_key(topic, name) % index->size;
    while (index->slots[at] && (survey->signals[index->slots[at] - 1].topic != topic ||
                                strcmp(survey->signals[index->slots[at] - 1].name, name) != 0))
        at = (at + 1) % index->size;
    return &index->slots[at];
}

/* ---- beginning and end */

int survey_init(struct survey *survey, const char *robot, int64_t now_ns)
{
    *survey = (struct survey){.robot = robot, .start_ns = now_ns, .end_ns = now_ns};
    survey->topics = calloc(SURVEY_TOPICS_MAX, sizeof *survey->topics);
    survey->signals = calloc(SURVEY_SIGNALS_MAX, sizeof *survey->signals);
    bool made = index_init(&survey->topic_index, SURVEY_TOPICS_MAX) &&
                index_init(&survey->signal_index, SURVEY_SIGNALS_MAX);
    return made && survey->topics && survey->signals ? 0 : -ENOMEM;
}

void survey_deinit(struct survey *survey)
{
    for (size_t t = 0; t < survey->topic_count; t++)
        free(survey->topics[t].name);
    for (size_t s = 0; s < survey->signal_count; s++) {
        for (size_t w = 0; w < survey->signals[s].word_count; w++)
            free(survey->signals[s].word[w]);
        free(survey->signals[s].name);
    }
    free(survey->topics);
    free(survey->signals);
    free(survey->topic_index.slots);
    free(survey->signal_index.slots);
    *survey = (struct survey){0};
}

void survey_end(struct survey *survey, int64_t now_ns)
{
    survey->end_ns = now_ns;
}

/* ---- signals */

static struct survey_signal *signal_of(struct survey *survey, size_t topic, const char *name)
{
    uint32_t *slot = find_signal(survey, topic, name);
    if (*slot)
        return &survey->signals[*slot - 1];
    if (survey->signal_count == SURVEY_SIGNALS_MAX || strlen(name) > SURVEY_NAME_MAX) {
        survey->lost_signals++;
        return NULL;
    }
    struct survey_signal *signal = &survey->signals[survey->signal_count];
    *signal = (struct survey_signal){.topic = topic, .name = strdup(name)};
    if (!signal->name) {
        survey->lost_memory++;
        return NULL;
    }
    *slot = (uint32_t)++survey->signal_count;
    return signal;
}

/* Returns the word's position, word_count if there is no room. */
static size_t note_word(struct survey_signal *signal, const char *text)
{
    char word[SURVEY_WORD_BYTES + 1];
    size_t w = 0;
    snprintf(word, sizeof word, "%.*s", json_utf8_head(text, SURVEY_WORD_BYTES), text);
    while (w < signal->word_count && strcmp(signal->word[w], word) != 0)
        w++;
    if (w < signal->word_count)
        return w;
    if (w == SURVEY_WORDS_MAX || !(signal->word[w] = strdup(word))) {
        signal->more_words = true;
        return SURVEY_WORDS_MAX;
    }
    return signal->word_count++;
}

static void note_number(struct survey_signal *signal, double number)
{
    uint64_t known = signal->numbers + signal->bools;
    double step = number - signal->mean;
    signal->min = known == 1 ? number : fmin(signal->min, number);
    signal->max = known == 1 ? number : fmax(signal->max, number);
    signal->mean += step / (double)known;
    signal->m2 += step * (number - signal->mean);
    signal->changes += known > 1 && number != signal->last;
    signal->last = number;
    for (size_t i = 0; i < signal->distinct_count && i < SURVEY_NUMBERS_MAX; i++) {
        if (signal->distinct[i] == number)
            return;
    }
    if (signal->distinct_count < SURVEY_NUMBERS_MAX)
        signal->distinct[signal->distinct_count] = number;
    if (signal->distinct_count <= SURVEY_NUMBERS_MAX)
        signal->distinct_count++;
}

static void note_value(struct survey_signal *signal, const struct tag *tag)
{
    signal->count++;
    if (tag->type == TAG_TEXT) {
        size_t word = note_word(signal, tag->text);
        signal->changes += signal->words > 0 && word != signal->last_word;
        signal->last_word = word;
        signal->words++;
    } else if (tag->type == TAG_NULL || !isfinite(tag->number)) {
        signal->nulls++;
    } else {
        signal->numbers += tag->type == TAG_NUMBER;
        signal->bools += tag->type == TAG_BOOL;
        note_number(signal, tag->number);
    }
}

struct delivery {
    struct survey *survey;
    const struct survey_message *message;
    size_t topic;
    bool dated;
};

static void note_skew(struct survey_topic *topic, const struct survey_message *message,
                      const cJSON *time)
{
    int64_t time_ns;
    if (!survey_time_unit("time", time, message->wall_ns, &time_ns)) {
        topic->wrong_time++;
        return;
    }
    topic->whole_seconds += time_ns % CLOCK_NS_PER_S == 0;
    topic->skews_s[topic->skew_count++ % SURVEY_SKEWS_MAX] =
        (double)(time_ns - message->wall_ns) / 1e9;
}

static void on_value(void *user, const char *name, const struct tag *tag, const cJSON *time)
{
    struct delivery *delivery = user;
    const struct survey_message *message = delivery->message;
    struct survey_signal *signal = signal_of(delivery->survey, delivery->topic, name);
    if (time && !delivery->dated && !message->retained)
        note_skew(&delivery->survey->topics[delivery->topic], message, time);
    delivery->dated = delivery->dated || time;
    if (!signal)
        return;
    note_value(signal, tag);
    if (message->retained)
        return;
    if (signal->live++ == 0)
        signal->first_ns = message->now_ns;
    else if (message->now_ns - signal->last_ns > signal->longest_ns)
        signal->longest_ns = message->now_ns - signal->last_ns;
    signal->last_ns = message->now_ns;
}

/* ---- messages */

static struct survey_topic *topic_of(struct survey *survey, const char *name)
{
    uint32_t *slot = find_topic(survey, name);
    if (*slot)
        return &survey->topics[*slot - 1];
    if (survey->topic_count == SURVEY_TOPICS_MAX || strlen(name) > SURVEY_TOPIC_BYTES) {
        survey->lost_topics++;
        return NULL;
    }
    struct survey_topic *topic = &survey->topics[survey->topic_count];
    *topic = (struct survey_topic){.name = strdup(name)};
    if (!topic->name) {
        survey->lost_memory++;
        return NULL;
    }
    *slot = (uint32_t)++survey->topic_count;
    return topic;
}

static void note_arrival(struct survey_topic *topic, const struct survey_message *message)
{
    topic->bytes += message->size;
    topic->large += message->size > SURVEY_LARGE_BYTES;
    if (message->payload) {
        uint64_t hash = hash_bytes(message->payload, message->size, message->size + 1);
        topic->duplicates += topic->count > 0 && !message->retained && hash == topic->last_hash;
        topic->last_hash = hash;
    }
    if (message->retained) {
        topic->retained++;
        return;
    }
    if (topic->count++ == 0) {
        topic->first_ns = topic->last_ns = message->now_ns;
        return;
    }
    int64_t step_ns = message->now_ns - topic->last_ns;
    topic->longest_ns = step_ns > topic->longest_ns ? step_ns : topic->longest_ns;
    topic->steps_s[topic->step_count++ % SURVEY_STEPS_MAX] = (float)((double)step_ns / 1e9);
    topic->last_ns = message->now_ns;
}

static void read_binary(struct delivery *delivery)
{
    const unsigned char *bytes = delivery->message->payload;
    size_t count = (delivery->message->size - SAMPLE_BINARY_HEADER) / 4;
    char name[32];
    float value;
    for (size_t i = 0; i < count && i < SURVEY_LEAVES_MAX; i++) {
        memcpy(&value, bytes + SAMPLE_BINARY_HEADER + 4 * i, sizeof value);
        snprintf(name, sizeof name, "values[%zu]", i);
        const struct tag tag = {.type = TAG_NUMBER, .number = (double)value};
        on_value(delivery, name, &tag, NULL);
    }
    delivery->survey->lost_leaves += count > SURVEY_LEAVES_MAX;
}

static void read_message(struct delivery *delivery, struct survey_topic *topic)
{
    const struct survey_message *message = delivery->message;
    struct survey *survey = delivery->survey;
    cJSON *tree;
    struct diag diag = DIAG_INIT;
    enum survey_form form =
        survey_form_of(message->topic, message->payload, message->size, &tree, &diag);
    if (form == SURVEY_BROKEN && !*topic->broken)
        snprintf(topic->broken, sizeof topic->broken, "%.*s", json_utf8_head(diag.text, 150),
                 diag.text);
    if (topic->recipe.way == SURVEY_UNREADABLE && form != SURVEY_EMPTY) {
        survey_recipe_find(tree, form, survey->robot, message->wall_ns, &topic->recipe);
        form = form == SURVEY_OBJECT && topic->recipe.way == SURVEY_BY_NAME ? SURVEY_LIST : form;
        topic->form = form;
    }
    if (form == SURVEY_OBJECT && topic->recipe.way == SURVEY_BY_NAME)
        form = SURVEY_LIST;
    topic->forms[form]++;
    if (form == SURVEY_SAMPLE_BINARY) {
        read_binary(delivery);
    } else if (tree) {
        size_t found = survey_recipe_read(&topic->recipe, tree, on_value, delivery);
        topic->unread += found == 0;
        survey->lost_leaves += found > SURVEY_LEAVES_MAX;
    }
    cJSON_Delete(tree);
}

/* What the daemon publishes is no business of the plant's. */
static bool is_own(const char *topic)
{
    static const char *const leaves[] = {"/score", "/alert", "/state"};
    size_t length = strlen(topic);
    if (!strncmp(topic, "armwatch/service/", strlen("armwatch/service/")))
        return true;
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        if (!strncmp(topic, "armwatch/robot/", strlen("armwatch/robot/")) &&
            length > strlen(leaves[i]) && !strcmp(topic + length - strlen(leaves[i]), leaves[i]))
            return true;
    }
    return false;
}

void survey_take(struct survey *survey, const struct survey_message *message)
{
    survey->messages++;
    if (is_own(message->topic)) {
        survey->own++;
        return;
    }
    struct survey_topic *topic = topic_of(survey, message->topic);
    if (!topic)
        return;
    note_arrival(topic, message);
    struct delivery delivery = {survey, message, (size_t)(topic - survey->topics), false};
    if (message->payload || message->size == 0)
        read_message(&delivery, topic);
    else if (topic->form == SURVEY_EMPTY)
        topic->form = SURVEY_LARGE;
}

#include "daemon/takeover.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "config/partition_set.h"
#include "daemon/episode_text.h"
#include "daemon/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_BYTES_MAX 16384
#define COUNT_MAX 9007199254740992.0

/* ---- the store */

void takeover_deinit(struct takeover *takeover)
{
    for (size_t i = 0; i < takeover->count; i++)
        free(takeover->episode[i].text);
    free(takeover->episode);
    takeover->episode = NULL;
    takeover->count = takeover->capacity = 0;
}

static void drop(struct takeover *takeover, size_t at)
{
    free(takeover->episode[at].text);
    takeover->episode[at] = takeover->episode[--takeover->count];
}

static bool grow(struct takeover *takeover)
{
    if (takeover->count < takeover->capacity)
        return true;
    size_t capacity = takeover->capacity ? 2 * takeover->capacity : 16;
    void *more = takeover->count < TAKEOVER_EPISODES_MAX
                     ? realloc(takeover->episode, capacity * sizeof *takeover->episode)
                     : NULL;
    if (!more)
        return false;
    takeover->episode = more;
    takeover->capacity = capacity;
    return true;
}

/* The text is copied. One of the same robot and kind is replaced. NULL: memory is out. */
static struct takeover_episode *put(struct takeover *takeover, const char *robot,
                                    enum alert_kind kind, const char *text)
{
    for (size_t i = 0; i < takeover->count; i++) {
        if (takeover->episode[i].kind == kind && !strcmp(takeover->episode[i].robot, robot)) {
            drop(takeover, i);
            break;
        }
    }
    char *copy = text && grow(takeover) ? strdup(text) : NULL;
    if (!copy) {
        if (log_is_due(++takeover->omitted))
            log_warning("%s: the open %s alert cannot be remembered for a takeover", robot,
                        alert_kind_name(kind));
        return NULL;
    }
    struct takeover_episode *episode = &takeover->episode[takeover->count++];
    *episode = (struct takeover_episode){.kind = kind, .text = copy};
    strcpy(episode->robot, robot);
    return episode;
}

static void put_own(struct takeover *takeover, const char *robot, enum alert_kind kind,
                    uint64_t epoch, const char *text)
{
    struct takeover_episode *episode = put(takeover, robot, kind, text);
    if (!episode)
        return;
    episode->own = true;
    episode->epoch = epoch;
}

static bool find_kind(const char *name, enum alert_kind *ret_kind)
{
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        *ret_kind = (enum alert_kind)kind;
        if (!strcmp(alert_kind_name(*ret_kind), name))
            return true;
    }
    return false;
}

void takeover_keep(struct takeover *takeover, const char *robot, const char *kind, const char *text)
{
    enum alert_kind number;
    if (name_valid(robot) && find_kind(kind, &number))
        put_own(takeover, robot, number, 0, text);
}

void takeover_leave(struct takeover *takeover, const struct robot *robot)
{
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        if (!robot_episode(robot, (enum alert_kind)kind)->open)
            continue;
        char *text = episode_text(robot, (enum alert_kind)kind);
        put_own(takeover, robot->name, (enum alert_kind)kind, robot->owner_epoch, text);
        cJSON_free(text);
    }
}

void takeover_each_own(const struct takeover *takeover,
                       void (*each)(void *user, const char *robot, const char *kind,
                                    const char *text),
                       void *user)
{
    for (size_t i = 0; i < takeover->count; i++) {
        const struct takeover_episode *episode = &takeover->episode[i];
        if (episode->own)
            each(user, episode->robot, alert_kind_name(episode->kind), episode->text);
    }
}

/* What another instance says ends what we knew, the journal's included; unless it was the owner
 * before us: a broker's retained state may be that old when ours has never reached it. */
static void forget(struct takeover *takeover, const struct takeover_word *word)
{
    for (size_t i = takeover->count; i-- > 0;) {
        const struct takeover_episode *episode = &takeover->episode[i];
        if (strcmp(episode->robot, word->robot) != 0 ||
            (episode->own && (!word->other || word->epoch < episode->epoch)))
            continue;
        if (episode->own && takeover->publisher->journal)
            journal_episode(takeover->publisher->journal, word->robot,
                            alert_kind_name(episode->kind), NULL);
        drop(takeover, i);
    }
}

static bool knows_own(const struct takeover *takeover, const char *robot)
{
    bool known = false;
    for (size_t i = 0; i < takeover->count; i++)
        known |= takeover->episode[i].own && !strcmp(takeover->episode[i].robot, robot);
    return known;
}

/* ---- states */

/* ROOT/robot/ROBOT/state */
static bool read_topic(const struct takeover *takeover, const char *topic,
                       char ret_robot[NAME_MAX_LENGTH + 1])
{
    const char *root = takeover->publisher->config->topics.root;
    size_t length = strlen(root);
    static const char before[] = "/robot/";
    if (strncmp(topic, root, length) != 0 ||
        strncmp(topic + length, before, sizeof before - 1) != 0)
        return false;
    const char *name = topic + length + sizeof before - 1;
    size_t size = strcspn(name, "/");
    if (size == 0 || size > NAME_MAX_LENGTH || strcmp(name + size, "/state") != 0)
        return false;
    memcpy(ret_robot, name, size);
    ret_robot[size] = '\0';
    return name_valid(ret_robot);
}

static bool read_severity(const char *name, enum alert_severity *ret_severity)
{
    for (int severity = ALERT_INFO; severity <= ALERT_CRITICAL; severity++) {
        *ret_severity = (enum alert_severity)severity;
        if (!strcmp(alert_severity_name(*ret_severity), name))
            return true;
    }
    return false;
}

/* Nanoseconds and counts are texts there: a number in JSON does not hold them. */
static void add_count(cJSON *text, const char *key, double value)
{
    char number[32];
    snprintf(number, sizeof number, "%.0f", value);
    cJSON_AddStringToObject(text, key, number);
}

static void add_time(cJSON *text, const char *key, int64_t time_ns)
{
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, time_ns);
    cJSON_AddStringToObject(text, key, number);
}

static double optional_number(const cJSON *entry, const char *key)
{
    double number = 0;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
    if (cJSON_IsNumber(item))
        json_get_number(entry, key, false, 0, COUNT_MAX, &number, NULL);
    return number;
}

static void add_ack(cJSON *text, const cJSON *entry)
{
    const char *verdict = "", *note = "", *time = "";
    int64_t time_ns;
    const cJSON *ack = cJSON_GetObjectItemCaseSensitive(entry, "ack");
    if (!cJSON_IsObject(ack) || json_get_string(ack, "verdict", true, 32, &verdict, NULL) < 0 ||
        json_get_string(ack, "note", true, ROBOT_NOTE_MAX, &note, NULL) < 0 ||
        json_get_string(ack, "time", true, 64, &time, NULL) < 0 ||
        !clock_parse_rfc3339(time, strlen(time), &time_ns))
        return;
    cJSON *object = cJSON_AddObjectToObject(text, "ack");
    cJSON_AddStringToObject(object, "verdict", verdict);
    cJSON_AddStringToObject(object, "note", note);
    add_time(object, "time_ns", time_ns);
}

/* As the journal has it; what a state does not tell begins anew. NULL: it is no open alert, or
 * memory is out. Memory: cJSON_free. */
static char *text_of(const cJSON *entry, enum alert_kind *ret_kind)
{
    const char *id = "", *kind = "", *severity = "", *started = "";
    enum alert_severity level;
    int64_t started_ns;
    double n = 0;
    if (json_get_string(entry, "alert_id", true, HASH_HEX_SIZE - 1, &id, NULL) < 0 ||
        json_get_string(entry, "kind", true, 32, &kind, NULL) < 0 ||
        json_get_string(entry, "severity", true, 32, &severity, NULL) < 0 ||
        json_get_string(entry, "started", true, 64, &started, NULL) < 0 ||
        json_get_number(entry, "n", true, 0, COUNT_MAX, &n, NULL) < 0 ||
        !find_kind(kind, ret_kind) || !read_severity(severity, &level) ||
        !clock_parse_rfc3339(started, strlen(started), &started_ns))
        return NULL;
    cJSON *text = cJSON_CreateObject();
    cJSON_AddStringToObject(text, "id", id);
    add_count(text, "messages", n);
    cJSON_AddNumberToObject(text, "severity", level);
    add_time(text, "started_ns", started_ns);
    add_count(text, "first_seq", optional_number(entry, "first_seq"));
    add_count(text, "last_seq", optional_number(entry, "first_seq"));
    add_count(text, "windows", optional_number(entry, "windows"));
    cJSON_AddNumberToObject(text, "score", 0);
    cJSON_AddNumberToObject(text, "peak_score", optional_number(entry, "peak_score"));
    cJSON_AddNumberToObject(text, "p_value", 1);
    add_ack(text, entry);
    return message_print(text);
}

static void read_state(struct takeover *takeover, const char *robot, const cJSON *tree)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(tree, "alerts");
    size_t count = 0;
    cJSON_ArrayForEach(entry, list)
    {
        enum alert_kind kind;
        char *text = count++ < ALERT_KINDS ? text_of(entry, &kind) : NULL;
        if (text)
            put(takeover, robot, kind, text);
        cJSON_free(text);
    }
}

static double read_count(const cJSON *tree, const char *key, double max, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, key);
    bool good = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= max;
    return good ? item->valuedouble : otherwise;
}

bool takeover_read(const struct takeover *takeover, const struct mqtt_message *message,
                   struct takeover_word *ret_word)
{
    const char *instance = "";
    *ret_word = (struct takeover_word){.partition = -1};
    if (!read_topic(takeover, message->topic, ret_word->robot))
        return false;
    if (message->size == 0 || message->size > STATE_BYTES_MAX)
        return true;
    ret_word->tree = json_parse(message->payload, message->size, NULL);
    if (!ret_word->tree)
        return true;
    json_get_string(ret_word->tree, "instance", false, NAME_MAX_LENGTH, &instance, NULL);
    ret_word->other = strcmp(instance, takeover->instance) != 0;
    ret_word->partition = (int)read_count(ret_word->tree, "partition", PARTITIONS_MAX - 1, -1);
    double epoch = read_count(ret_word->tree, "epoch", COUNT_MAX, -1);
    ret_word->epoch = epoch < 0 ? UINT64_MAX : (uint64_t)epoch;
    return true;
}

void takeover_take(struct takeover *takeover, const struct takeover_word *word)
{
    if (!word->tree)
        return;
    forget(takeover, word);
    if (!knows_own(takeover, word->robot))
        read_state(takeover, word->robot, word->tree);
}

void takeover_word_deinit(struct takeover_word *word)
{
    cJSON_Delete(word->tree);
    word->tree = NULL;
}

/* ---- a robot comes */

static void resume(struct takeover *takeover, struct robot *robot,
                   const struct takeover_episode *episode)
{
    struct diag diag = DIAG_INIT;
    const char *kind = alert_kind_name(episode->kind);
    if (robot_episode(robot, episode->kind)->open)
        return;
    if (episode_restore(robot, kind, episode->text, &diag) < 0) {
        log_warning("%s: the open %s alert ends here, untold: %s", robot->name, kind, diag.text);
        return;
    }
    takeover->resumed++;
    publisher_journal_episode(takeover->publisher, robot, episode->kind);
    log_info("%s: the open %s alert %s is taken over", robot->name, kind,
             robot->alerts[episode->kind].id);
}

void takeover_resume(struct takeover *takeover, struct robot *robot)
{
    for (size_t i = takeover->count; i-- > 0;) {
        if (strcmp(takeover->episode[i].robot, robot->name) != 0)
            continue;
        resume(takeover, robot, &takeover->episode[i]);
        drop(takeover, i);
    }
}

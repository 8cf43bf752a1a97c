/*
 * Messages of Sparkplug B edge nodes, one after the other:
 *
 *   TOPIC SECONDS LENGTH LENGTH PAYLOAD      TOPIC: a byte, of the list below, or 255: a line in
 * the place of SECONDS and what follows
 *
 * A refusal says why; what is given is text, a name, a number; every message is counted once; a
 * node is not asked again too soon; who is born and dead is told by the messages that were taken;
 * and a payload that is written again means the same.
 */
#include "base/clock.h"
#include "base/json.h"
#include "fuzz.h"
#include "mqtt/topic.h"
#include "sparkplug/metrics.h"
#include "sparkplug/sparkplug.h"

#include <stdlib.h>
#include <string.h>

#define ARENA ((size_t)1 << 20)

static const char *const topics[] = {
    "spBv1.0/g/NBIRTH/a",   "spBv1.0/g/NDEATH/a",   "spBv1.0/g/NDATA/a",    "spBv1.0/g/DBIRTH/a/x",
    "spBv1.0/g/DDEATH/a/x", "spBv1.0/g/DDATA/a/x",  "spBv1.0/g/DBIRTH/a/y", "spBv1.0/g/DDATA/a/y",
    "spBv1.0/g/NBIRTH/b",   "spBv1.0/g/NDEATH/b",   "spBv1.0/g/DBIRTH/b/z", "spBv1.0/g/DDATA/b/z",
    "spBv1.0/g/NBIRTH/c",   "spBv1.0/g/DBIRTH/b/u", "spBv1.0/g/NCMD/a",     "spBv1.0/STATE/h",
};
#define TOPICS (sizeof topics / sizeof topics[0])

static const struct sparkplug_limits limits = {
    .nodes = 2,
    .devices = 3,
    .metrics = 32,
    .bytes = 4096,
    .rebirth = {.min_ns = 10 * CLOCK_NS_PER_S, .max_ns = 60 * CLOCK_NS_PER_S}};

static struct {
    struct sparkplug *sparkplug;
    int64_t now_ns;
    int64_t asked_ns[TOPICS]; /* of the node of that topic */
    uint64_t messages, metrics, requests;
} fuzz;

/* ---- a payload that is written again ---- */

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void check_same(const struct sparkplug_raw *a, const struct sparkplug_raw *b)
{
    FUZZ_CHECK(!a->name.text == !b->name.text && sparkplug_span_same(a->name, b->name));
    FUZZ_CHECK(a->has_alias == b->has_alias && a->alias == b->alias);
    FUZZ_CHECK(a->has_time == b->has_time && a->time_ms == b->time_ms);
    FUZZ_CHECK(a->has_datatype == b->has_datatype && a->datatype == b->datatype);
    FUZZ_CHECK(a->historical == b->historical && a->null == b->null && a->field == b->field);
    /* a float that is no number may become another such */
    FUZZ_CHECK(a->integer == b->integer && (same_bits(a->real, b->real) || a->real != a->real));
    FUZZ_CHECK(sparkplug_span_same(a->string, b->string));
}

static void check_written_again(const void *data, size_t size)
{
    static struct sparkplug_arena arena, other;
    static unsigned char written[2 * SPARKPLUG_PAYLOAD_MAX];
    struct sparkplug_raw metrics[32];
    struct sparkplug_payload payload, again;
    FUZZ_CHECK(arena.memory || (sparkplug_arena_init(&arena, ARENA) == 0 &&
                                sparkplug_arena_init(&other, ARENA) == 0));
    sparkplug_arena_reset(&arena);
    sparkplug_arena_reset(&other);
    if (sparkplug_payload_unpack(&arena, data, size, &payload) < 0 || payload.count > 32)
        return;
    for (size_t i = 0; i < payload.count; i++)
        metrics[i] = sparkplug_payload_metric(&payload, i);
    long length = sparkplug_payload_pack(&payload, metrics, written, sizeof written);
    FUZZ_CHECK(length >= 0);
    FUZZ_CHECK(sparkplug_payload_unpack(&other, written, (size_t)length, &again) == 0);
    FUZZ_CHECK(again.count == payload.count && sparkplug_span_same(again.uuid, payload.uuid));
    FUZZ_CHECK(again.has_seq == payload.has_seq && again.seq == payload.seq);
    FUZZ_CHECK(again.has_time == payload.has_time && again.time_ms == payload.time_ms);
    for (size_t i = 0; i < payload.count; i++) {
        struct sparkplug_raw metric = sparkplug_payload_metric(&again, i);
        check_same(&metrics[i], &metric);
    }
}

/* ---- what is given ---- */

static void check_metric(const struct sparkplug_metric *metric)
{
    FUZZ_CHECK(*metric->name && strlen(metric->name) <= SPARKPLUG_NAME_MAX);
    FUZZ_CHECK(json_is_utf8(metric->name) && strcmp(metric->name, "bdSeq"));
    FUZZ_CHECK(!metric->has_time ||
               (metric->time_ms >= 0 && metric->time_ms <= INT64_MAX / 1000000));
    FUZZ_CHECK((metric->tag.type == TAG_TEXT) == (metric->tag.text != NULL));
    FUZZ_CHECK(metric->tag.type != TAG_TEXT || json_is_utf8(metric->tag.text));
    FUZZ_CHECK(metric->tag.type != TAG_BOOL || metric->tag.number == 0 || metric->tag.number == 1);
}

static void check_taken(const struct sparkplug_message *message)
{
    enum sparkplug_type type = message->topic.type;
    bool online = sparkplug_online(fuzz.sparkplug, &message->topic);
    bool death = type == SPARKPLUG_NDEATH || type == SPARKPLUG_DDEATH;
    FUZZ_CHECK(online == !death && type < SPARKPLUG_NCMD);
    FUZZ_CHECK(!death || (message->count == 0 && message->skipped == 0));
    FUZZ_CHECK(message->count + message->skipped <= limits.metrics);
    FUZZ_CHECK(!message->gap || message->unsure);
    FUZZ_CHECK(type != SPARKPLUG_NBIRTH ||
               (!message->gap && !message->unsure && !message->rebirth));
    for (size_t i = 0; i < message->count; i++)
        check_metric(&message->metrics[i]);
    fuzz.metrics += message->count;
}

static void check_request(const struct sparkplug_topic *of_node)
{
    struct sparkplug_command command;
    struct sparkplug_topic topic;
    FUZZ_CHECK(sparkplug_format_rebirth(of_node, fuzz.now_ns / CLOCK_NS_PER_MS, &command) == 0);
    FUZZ_CHECK(mqtt_topic_valid(command.topic));
    FUZZ_CHECK(sparkplug_topic_parse(command.topic, &topic, NULL) == 0);
    FUZZ_CHECK(topic.type == SPARKPLUG_NCMD && sparkplug_span_same(topic.node, of_node->node));
    check_written_again(command.payload, command.size);
    fuzz.requests++;
    for (size_t i = 0; i < TOPICS; i++) {
        struct sparkplug_topic listed;
        FUZZ_CHECK(sparkplug_topic_parse(topics[i], &listed, NULL) == 0);
        if (!sparkplug_span_same(listed.node, of_node->node) ||
            !sparkplug_span_same(listed.group, of_node->group))
            continue;
        FUZZ_CHECK(!fuzz.asked_ns[i] || fuzz.now_ns - fuzz.asked_ns[i] >= limits.rebirth.min_ns);
        fuzz.asked_ns[i] = fuzz.now_ns;
    }
}

static void take(const char *topic, const uint8_t *data, size_t size)
{
    struct sparkplug_message message;
    struct diag diag = DIAG_INIT;
    const struct sparkplug_input input = {
        .topic = topic, .payload = data, .size = size, .now_ns = fuzz.now_ns};
    enum sparkplug_refusal refusal = sparkplug_take(fuzz.sparkplug, &input, &message, &diag);
    FUZZ_CHECK(refusal < SPARKPLUG_REFUSALS && *sparkplug_refusal_name(refusal));
    fuzz.messages++;
    if (refusal) {
        fuzz_check_refusal(-(int)refusal, &diag);
        FUZZ_CHECK(message.count == 0);
    } else {
        check_taken(&message);
    }
    if (message.rebirth)
        check_request(&message.topic);
    check_written_again(data, size);
}

/* ---- the messages ---- */

/* Returns how many bytes the message had. */
static size_t step(const uint8_t *data, size_t size)
{
    if (data[0] == 255) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end ? (size_t)(end - data) : size;
        char *topic = fuzz_text(data + 1, length - 1);
        take(topic, NULL, 0);
        free(topic);
        return end ? length + 1 : length;
    }
    if (size < 4)
        return size;
    size_t length = (size_t)data[2] | (size_t)data[3] << 8;
    length = length < size - 4 ? length : size - 4;
    fuzz.now_ns += data[1] * CLOCK_NS_PER_S;
    if (data[1] == 99)
        sparkplug_missed(fuzz.sparkplug);
    take(topics[data[0] % TOPICS], data + 4, length);
    return 4 + length;
}

static void check_counters(void)
{
    const struct sparkplug_counters *counters = sparkplug_counters(fuzz.sparkplug);
    uint64_t messages = counters->taken;
    for (size_t i = 0; i < SPARKPLUG_REFUSALS; i++)
        messages += counters->refused[i];
    FUZZ_CHECK(messages == fuzz.messages && counters->metrics == fuzz.metrics);
    FUZZ_CHECK(counters->rebirths == fuzz.requests);
    FUZZ_CHECK(counters->refused[SPARKPLUG_TAKEN] == 0 && counters->skipped[SPARKPLUG_KEPT] == 0);
    FUZZ_CHECK(sparkplug_node_count(fuzz.sparkplug) <= limits.nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(&fuzz, 0, sizeof fuzz);
    fuzz.now_ns = CLOCK_NS_PER_S;
    fuzz.sparkplug = sparkplug_new(&limits);
    FUZZ_CHECK(fuzz.sparkplug);
    for (size_t at = 0; at < size;)
        at += step(data + at, size - at);
    struct sparkplug_topic due;
    while (sparkplug_rebirth_due(fuzz.sparkplug, fuzz.now_ns, &due))
        check_request(&due);
    check_counters();
    sparkplug_free(fuzz.sparkplug);
    return 0;
}

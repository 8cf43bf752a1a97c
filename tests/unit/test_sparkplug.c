/* Messages of edge nodes: what is read from golden payloads, and what is made of their order. */
#include "sparkplug/sparkplug.h"

#include "../golden/sparkplug_golden.h"
#include "base/clock.h"
#include "fixture.h"
#include "sparkplug/payload.h"

#include <errno.h>
#include <math.h>

#define S CLOCK_NS_PER_S

static struct sparkplug *sparkplug;
static struct sparkplug_message message;
static struct diag diag;
static int64_t now_ns;

static const struct sparkplug_limits small = {.nodes = 2,
                                              .devices = 2,
                                              .metrics = 200,
                                              .bytes = 20000,
                                              .rebirth = {.min_ns = 10 * S, .max_ns = 60 * S}};

static int setup(void **state)
{
    now_ns = 1000 * S;
    sparkplug = sparkplug_new(&small);
    return sparkplug ? 0 : -1;
}

static int teardown(void **state)
{
    sparkplug_free(sparkplug);
    return 0;
}

static void start_anew(void)
{
    teardown(NULL);
    assert_int_equal(setup(NULL), 0);
}

static enum sparkplug_refusal take(const char *topic, const void *payload, size_t size)
{
    diag = DIAG_INIT;
    /* of its own size, so that a sanitizer sees a step past the end */
    void *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, payload, size);
    enum sparkplug_refusal refusal = sparkplug_take(
        sparkplug,
        &(struct sparkplug_input){.topic = topic, .payload = exact, .size = size, .now_ns = now_ns},
        &message, &diag);
    free(exact);
    assert_int_equal(refusal != SPARKPLUG_TAKEN, diag.text[0] != '\0');
    assert_true(refusal == SPARKPLUG_TAKEN || message.count == 0);
    return refusal;
}
#define TAKE(topic, golden) take(topic, golden, sizeof golden)

static void expect(enum sparkplug_refusal found, enum sparkplug_refusal expected)
{
    if (found != expected)
        fail_msg("%s, expected %s (%s)", sparkplug_refusal_name(found),
                 sparkplug_refusal_name(expected), diag.text);
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void expect_tag(const struct sparkplug_metric *found, const struct golden_tag *tag)
{
    if (strcmp(found->name, tag->name) || found->tag.type != tag->type ||
        (tag->type != TAG_TEXT && !same_number(found->tag.number, tag->number)))
        fail_msg("%s: type %d, %.17g, expected %s: type %d, %.17g", found->name, found->tag.type,
                 found->tag.number, tag->name, tag->type, tag->number);
    if (tag->text)
        assert_string_equal(found->tag.text, tag->text);
    assert_int_equal(found->has_time, tag->time_ms >= 0);
    if (found->has_time)
        assert_int_equal(found->time_ms, tag->time_ms);
    assert_int_equal(found->historical, tag->historical);
}

static void expect_tags(const struct golden_tag *tags, size_t count)
{
    assert_int_equal(message.count, count);
    for (size_t i = 0; i < count; i++)
        expect_tag(&message.metrics[i], &tags[i]);
}
#define EXPECT_TAGS(golden) expect_tags(golden, sizeof golden / sizeof golden[0])

static const char *node(const char *type)
{
    static char topic[64];
    snprintf(topic, sizeof topic, "spBv1.0/plant/%s/cell7", type);
    return topic;
}

static const char *device(const char *type)
{
    static char topic[64];
    snprintf(topic, sizeof topic, "spBv1.0/plant/%s/cell7/kuka1", type);
    return topic;
}

static bool online(const char *topic)
{
    struct sparkplug_topic parsed;
    assert_int_equal(sparkplug_topic_parse(topic, &parsed, NULL), 0);
    return sparkplug_online(sparkplug, &parsed);
}

/* ---- messages that are made here ---- */

#define TEST_METRICS_MAX 256

static enum sparkplug_refusal send(const char *topic, int seq, const struct sparkplug_raw *metrics,
                                   size_t count)
{
    static unsigned char data[SPARKPLUG_PAYLOAD_MAX];
    const struct sparkplug_payload payload = {
        .has_seq = seq >= 0, .seq = (uint64_t)seq, .count = count};
    long size = sparkplug_payload_pack(&payload, metrics, data, sizeof data);
    assert_true(size >= 0);
    return take(topic, data, (size_t)size);
}

static struct sparkplug_raw number_metric(const char *name, uint64_t alias)
{
    struct sparkplug_raw raw = {.has_alias = true,
                                .alias = alias,
                                .has_datatype = name != NULL,
                                .datatype = SPARKPLUG_INT32,
                                .field = SPARKPLUG_FIELD_INT,
                                .integer = 1};
    if (name)
        raw.name = sparkplug_span_of(name);
    return raw;
}

static struct sparkplug_raw session_metric(uint64_t session)
{
    struct sparkplug_raw raw = number_metric("bdSeq", 0);
    raw.has_alias = false;
    raw.datatype = SPARKPLUG_INT64;
    raw.field = SPARKPLUG_FIELD_LONG;
    raw.integer = session;
    return raw;
}

static enum sparkplug_refusal node_birth(const char *topic, int seq, uint64_t session)
{
    const struct sparkplug_raw metrics[] = {session_metric(session), number_metric("n", 100)};
    return send(topic, seq, metrics, 2);
}

static enum sparkplug_refusal device_birth(const char *topic, int seq)
{
    const struct sparkplug_raw metrics[] = {number_metric("a", 1), number_metric("b", 2)};
    return send(topic, seq, metrics, 2);
}

static enum sparkplug_refusal data(const char *topic, int seq, uint64_t alias)
{
    const struct sparkplug_raw metric = number_metric(NULL, alias);
    return send(topic, seq, &metric, 1);
}

/* cell7 and its kuka1 are born; the last seq is 1. */
static void births(void)
{
    expect(node_birth(node("NBIRTH"), 0, 7), SPARKPLUG_TAKEN);
    expect(device_birth(device("DBIRTH"), 1), SPARKPLUG_TAKEN);
    assert_false(message.gap || message.unsure || message.rebirth);
}

/* ---- golden payloads ---- */

static void test_every_type(void **state)
{
    births();
    expect(TAKE(device("DBIRTH"), golden_types), SPARKPLUG_TAKEN);
    EXPECT_TAGS(golden_types_tags);
    assert_int_equal(message.skipped, 0);
}

static void test_golden_session(void **state)
{
    expect(TAKE(node("NBIRTH"), golden_node_birth), SPARKPLUG_TAKEN);
    EXPECT_TAGS(golden_node_birth_tags);
    assert_int_equal(sparkplug_counters(sparkplug)->skipped[SPARKPLUG_CONTROL], 2);
    expect(TAKE(device("DBIRTH"), golden_device_birth), SPARKPLUG_TAKEN);
    EXPECT_TAGS(golden_device_birth_tags);
    expect(TAKE(device("DDATA"), golden_device_data), SPARKPLUG_TAKEN);
    EXPECT_TAGS(golden_device_data_tags);
    assert_int_equal(message.skipped, 1);
    assert_int_equal(sparkplug_counters(sparkplug)->skipped[SPARKPLUG_UNSUPPORTED], 2);
    assert_int_equal(sparkplug_counters(sparkplug)->metrics, 1 + 5 + 5);
    assert_false(message.gap || message.unsure || message.rebirth);
    assert_true(online(device("DDATA")) && online(node("NDATA")));
    expect(TAKE(node("NDEATH"), golden_node_death), SPARKPLUG_TAKEN);
    assert_false(online(device("DDATA")) || online(node("NDATA")));
    assert_int_equal(sparkplug_counters(sparkplug)->taken, 4);
}

static void test_bytes_by_hand(void **state)
{
    expect(TAKE(node("NBIRTH"), golden_hand_birth), SPARKPLUG_TAKEN);
    EXPECT_TAGS(golden_hand_birth_tags);
    expect(TAKE(node("NDATA"), golden_hand_data), SPARKPLUG_TAKEN);
    EXPECT_TAGS(golden_hand_data_tags);
}

static void test_no_tags(void **state)
{
    for (size_t i = 0; i < sizeof golden_skipped / sizeof golden_skipped[0]; i++) {
        start_anew();
        expect(node_birth(node("NBIRTH"), 0, 7), SPARKPLUG_TAKEN);
        expect(take(device("DBIRTH"), golden_skipped[i].data, golden_skipped[i].size),
               SPARKPLUG_TAKEN);
        const uint64_t *skipped = sparkplug_counters(sparkplug)->skipped;
        bool control = golden_skipped[i].skip == SPARKPLUG_CONTROL; /* and bdSeq */
        if (message.count != 0 || message.skipped != 1 ||
            skipped[golden_skipped[i].skip] != 1U + control)
            fail_msg("case %zu: not skipped as %s", i, sparkplug_skip_name(golden_skipped[i].skip));
        assert_false(message.rebirth);
    }
}

static void test_compressed(void **state)
{
    births();
    expect(TAKE(device("DDATA"), golden_compressed), SPARKPLUG_COMPRESSED);
    fixture_expect_text(diag.text, "DDATA of plant/cell7/kuka1: the payload is compressed");
}

/* Cut anywhere it is refused, or has fewer metrics, each of which is right. */
static void test_truncated(void **state)
{
    for (size_t size = 0; size < sizeof golden_types; size++) {
        births();
        enum sparkplug_refusal refusal = take(device("DBIRTH"), golden_types, size);
        assert_true(refusal == SPARKPLUG_MALFORMED || refusal == SPARKPLUG_BAD_SEQ);
        births();
        refusal =
            take(device("DDATA"), golden_device_data, size < sizeof golden_device_data ? size : 0);
        assert_true(refusal == SPARKPLUG_MALFORMED || refusal == SPARKPLUG_BAD_SEQ);
    }
    const size_t all = sizeof golden_hand_data_tags / sizeof golden_hand_data_tags[0];
    for (size_t size = 0; size < sizeof golden_hand_data - 2; size++) {
        /* seq first, so that what is left is taken */
        unsigned char cut[2 + sizeof golden_hand_data] = {0x18, 0x01};
        memcpy(cut + 2, golden_hand_data, size);
        expect(TAKE(node("NBIRTH"), golden_hand_birth), SPARKPLUG_TAKEN);
        if (take(node("NDATA"), cut, size + 2) == SPARKPLUG_TAKEN) {
            assert_true(message.count <= all);
            expect_tags(golden_hand_data_tags, message.count);
        }
    }
}

static void test_malformed(void **state)
{
    static const unsigned char noise[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                          0xff, 0xff, 0xff, 0xff, 0xff};
    static const char json[] = "{\"metrics\":[]}";
    births();
    expect(TAKE(device("DDATA"), noise), SPARKPLUG_MALFORMED);
    expect(take(device("DDATA"), json, sizeof json - 1), SPARKPLUG_MALFORMED);
    expect(take(device("DDATA"), "", 0), SPARKPLUG_BAD_SEQ);
    expect(data(device("DDATA"), -1, 1), SPARKPLUG_BAD_SEQ);
    expect(data(device("DDATA"), 256, 1), SPARKPLUG_BAD_SEQ);
    expect(take("a/b", "", 0), SPARKPLUG_BAD_TOPIC);
    expect(take(node("NCMD"), "", 0), SPARKPLUG_NOT_DATA);
    expect(take("spBv1.0/STATE/scada", "", 0), SPARKPLUG_NOT_DATA);
    expect(data(device("DDATA"), 2, 1),
           SPARKPLUG_TAKEN); /* and none of it was counted as a message */
    assert_false(message.gap);
    assert_int_equal(sparkplug_counters(sparkplug)->refused[SPARKPLUG_BAD_SEQ], 3);
}

/* ---- the order of messages ---- */

static void test_seq_wraps(void **state)
{
    births();
    for (int seq = 2; seq < 700; seq++) {
        expect(data(device("DDATA"), seq & 255, 1), SPARKPLUG_TAKEN);
        assert_false(message.gap || message.unsure || message.rebirth);
    }
    assert_int_equal(sparkplug_counters(sparkplug)->gaps, 0);
}

static void test_gap(void **state)
{
    births();
    expect(data(device("DDATA"), 3, 1), SPARKPLUG_TAKEN);
    assert_true(message.gap && message.unsure && message.rebirth);
    assert_int_equal(message.count, 1);
    expect(data(node("NDATA"), 4, 100), SPARKPLUG_TAKEN); /* of the same node */
    assert_true(!message.gap && message.unsure && !message.rebirth);
    expect(data(device("DDATA"), 4, 1), SPARKPLUG_TAKEN); /* twice the same */
    assert_true(message.gap);
    assert_int_equal(sparkplug_counters(sparkplug)->gaps, 2);
    births();
    expect(data(device("DDATA"), 2, 1), SPARKPLUG_TAKEN);
    assert_false(message.gap || message.unsure || message.rebirth);
}

static void test_unknown_alias(void **state)
{
    births();
    expect(data(device("DDATA"), 2, 3), SPARKPLUG_TAKEN);
    assert_true(message.rebirth && !message.gap && message.count == 0 && message.skipped == 1);
    assert_int_equal(sparkplug_counters(sparkplug)->skipped[SPARKPLUG_UNKNOWN_ALIAS], 1);
    births(); /* the alias of the node is not the device's */
    expect(data(device("DDATA"), 2, 100), SPARKPLUG_TAKEN);
    assert_int_equal(message.count, 0);
}

static void test_unknown_name(void **state)
{
    births();
    struct sparkplug_raw metrics[] = {number_metric("new", 0), number_metric("b", 0)};
    metrics[0].has_alias = metrics[1].has_alias = false;
    metrics[1].has_datatype = false; /* the birth has told it */
    expect(send(device("DDATA"), 2, metrics, 2), SPARKPLUG_TAKEN);
    assert_int_equal(message.count, 2);
    assert_string_equal(message.metrics[0].name, "new");
    assert_string_equal(message.metrics[1].name, "b");
    assert_false(message.rebirth);
    metrics[0].has_datatype = false;
    expect(send(device("DDATA"), 3, metrics, 2), SPARKPLUG_TAKEN);
    assert_true(message.count == 1 && message.rebirth);
    assert_int_equal(sparkplug_counters(sparkplug)->skipped[SPARKPLUG_UNKNOWN_NAME], 1);
}

/* Which of the two is meant is not known; by their names both are. */
static void test_same_alias(void **state)
{
    births();
    const struct sparkplug_raw metrics[] = {number_metric("a", 5), number_metric("b", 5),
                                            number_metric("c", 6)};
    expect(send(device("DBIRTH"), 2, metrics, 3), SPARKPLUG_TAKEN);
    assert_int_equal(message.count, 3);
    expect(data(device("DDATA"), 3, 5), SPARKPLUG_TAKEN);
    assert_true(message.count == 0 && !message.rebirth);
    assert_int_equal(sparkplug_counters(sparkplug)->skipped[SPARKPLUG_SAME_ALIAS], 1);
    expect(data(device("DDATA"), 4, 6), SPARKPLUG_TAKEN);
    assert_string_equal(message.metrics[0].name, "c");
}

static void test_birth_replaces(void **state)
{
    births();
    const struct sparkplug_raw metrics[] = {number_metric("other", 1)};
    expect(send(device("DBIRTH"), 2, metrics, 1), SPARKPLUG_TAKEN);
    expect(data(device("DDATA"), 3, 1), SPARKPLUG_TAKEN);
    assert_string_equal(message.metrics[0].name, "other");
    expect(data(device("DDATA"), 4, 2), SPARKPLUG_TAKEN);
    assert_int_equal(message.count, 0);
    /* a birth of the node: the device waits for its own */
    expect(node_birth(node("NBIRTH"), 200, 7), SPARKPLUG_TAKEN);
    assert_false(message.gap);
    assert_false(online(device("DDATA")));
    expect(data(device("DDATA"), 201, 1), SPARKPLUG_BEFORE_BIRTH);
}

static void test_before_birth(void **state)
{
    expect(data(device("DDATA"), 9, 1), SPARKPLUG_BEFORE_BIRTH);
    assert_true(message.rebirth && message.gap);
    assert_string_equal(diag.text, "DDATA of plant/cell7/kuka1: its birth was not heard");
    assert_int_equal(sparkplug_counters(sparkplug)->gaps, 0);
    expect(data(node("NDATA"), 10, 1), SPARKPLUG_BEFORE_BIRTH);
    assert_false(message.rebirth);
    /* the birth of a device has all that its data need; the node is asked for all the same */
    start_anew();
    expect(device_birth(device("DBIRTH"), 5), SPARKPLUG_TAKEN);
    assert_true(message.count == 2 && message.rebirth && message.unsure);
    expect(data(device("DDATA"), 6, 1), SPARKPLUG_TAKEN);
    assert_true(message.count == 1 && message.unsure && !message.gap);
}

static void test_deaths(void **state)
{
    const struct sparkplug_raw other = session_metric(6), present = session_metric(7);
    births();
    /* the will of the last session comes late */
    expect(send(node("NDEATH"), -1, &other, 1), SPARKPLUG_OTHER_SESSION);
    expect(send(node("NDEATH"), -1, &other, 0), SPARKPLUG_OTHER_SESSION);
    assert_true(online(node("NDATA")));
    expect(send(device("DDEATH"), 2, NULL, 0), SPARKPLUG_TAKEN);
    assert_true(!online(device("DDATA")) && online(node("NDATA")));
    expect(data(device("DDATA"), 3, 1), SPARKPLUG_BEFORE_BIRTH);
    assert_true(message.rebirth);
    births();
    expect(send(node("NDEATH"), -1, &present, 1), SPARKPLUG_TAKEN);
    assert_false(online(device("DDATA")) || online(node("NDATA")));
    expect(data(device("DDATA"), 2, 1), SPARKPLUG_BEFORE_BIRTH);
    expect(send("spBv1.0/plant/NDEATH/nobody", -1, &present, 1), SPARKPLUG_TAKEN);
    assert_int_equal(sparkplug_node_count(sparkplug), 1);
    /* a birth without bdSeq: any death is its own */
    expect(send(node("NBIRTH"), 0, NULL, 0), SPARKPLUG_TAKEN);
    expect(send(node("NDEATH"), -1, &other, 1), SPARKPLUG_TAKEN);
    assert_false(online(node("NDATA")));
}

static void test_missed(void **state)
{
    struct sparkplug_topic due;
    births();
    assert_false(sparkplug_rebirth_due(sparkplug, now_ns, &due));
    sparkplug_missed(sparkplug);
    assert_true(sparkplug_rebirth_due(sparkplug, now_ns, &due)); /* it may be silent */
    assert_memory_equal(due.node.text, "cell7", due.node.length);
    assert_false(sparkplug_rebirth_due(sparkplug, now_ns, &due));
    expect(data(device("DDATA"), 2, 1), SPARKPLUG_TAKEN);
    assert_true(message.gap && message.unsure && !message.rebirth);
    births();
    assert_false(sparkplug_rebirth_due(sparkplug, now_ns + 1000 * S, &due));
}

/* ---- the request ---- */

static void test_requests_are_few(void **state)
{
    static const int waits_s[] = {10, 20, 40, 60, 60};
    births();
    expect(data(device("DDATA"), 9, 1), SPARKPLUG_TAKEN);
    assert_true(message.rebirth);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        int64_t asked_ns = now_ns;
        now_ns = asked_ns + waits_s[i] * S - 1;
        births(); /* they come, and do not help for long */
        expect(data(device("DDATA"), 9, 1), SPARKPLUG_TAKEN);
        assert_false(message.rebirth);
        now_ns++;
        expect(data(device("DDATA"), 10, 1), SPARKPLUG_TAKEN);
        assert_true(message.rebirth);
    }
    /* another node has a wait of its own */
    expect(data("spBv1.0/plant/NDATA/cell8", 9, 1), SPARKPLUG_BEFORE_BIRTH);
    assert_true(message.rebirth);
    now_ns += 2 * 60 * S; /* after a long pause it is the first again */
    births();
    expect(data(device("DDATA"), 9, 1), SPARKPLUG_TAKEN);
    assert_true(message.rebirth);
    now_ns += 10 * S;
    expect(data(device("DDATA"), 9, 1), SPARKPLUG_TAKEN);
    assert_true(message.rebirth);
    assert_int_equal(sparkplug_counters(sparkplug)->rebirths, 1 + 5 + 1 + 2);
}

static void test_request(void **state)
{
    struct sparkplug_command command;
    expect(data(device("DDATA"), 9, 1), SPARKPLUG_BEFORE_BIRTH);
    assert_int_equal(sparkplug_format_rebirth(&message.topic, 1000, &command), 0);
    assert_string_equal(command.topic, "spBv1.0/plant/NCMD/cell7");
    assert_int_equal(command.size, sizeof golden_rebirth);
    assert_memory_equal(command.payload, golden_rebirth, command.size);
    assert_int_equal(sparkplug_format_rebirth(&message.topic, INT64_MAX, &command),
                     0); /* the longest */
}

/* ---- bounds ---- */

static void test_nodes_bound(void **state)
{
    static const struct sparkplug_raw session = {
        .name = {.text = "bdSeq", .length = 5}, .field = SPARKPLUG_FIELD_LONG, .integer = 1};
    expect(node_birth("spBv1.0/g/NBIRTH/a", 0, 1), SPARKPLUG_TAKEN);
    expect(node_birth("spBv1.0/g/NBIRTH/b", 0, 1), SPARKPLUG_TAKEN);
    expect(node_birth("spBv1.0/g/NBIRTH/c", 0, 1), SPARKPLUG_TOO_MANY_NODES);
    assert_false(message.rebirth);
    expect(data("spBv1.0/h/NDATA/a", 0, 1), SPARKPLUG_TOO_MANY_NODES); /* of another group */
    expect(send("spBv1.0/g/NDEATH/a", -1, &session, 1), SPARKPLUG_TAKEN);
    expect(node_birth("spBv1.0/g/NBIRTH/c", 0, 1),
           SPARKPLUG_TAKEN); /* in the place of the dead one */
    assert_true(online("spBv1.0/g/NDATA/b") && online("spBv1.0/g/NDATA/c"));
    assert_int_equal(sparkplug_node_count(sparkplug), 2);
}

/* Or the place would be given away, and a node that comes again be asked at once. */
static void test_node_keeps_its_wait(void **state)
{
    expect(data("spBv1.0/g/NDATA/a", 5, 1), SPARKPLUG_BEFORE_BIRTH);
    assert_true(message.rebirth);
    expect(node_birth("spBv1.0/g/NBIRTH/b", 0, 1), SPARKPLUG_TAKEN);
    now_ns += 100 * S;
    expect(node_birth("spBv1.0/g/NBIRTH/c", 0, 1), SPARKPLUG_TOO_MANY_NODES); /* a is not dead */
    expect(data("spBv1.0/g/NDATA/a", 6, 1), SPARKPLUG_BEFORE_BIRTH);
    assert_true(message.rebirth);
    expect(send("spBv1.0/g/NDEATH/a", -1, NULL, 0), SPARKPLUG_TAKEN);
    now_ns += 10 * S - 1;
    expect(node_birth("spBv1.0/g/NBIRTH/c", 0, 1), SPARKPLUG_TOO_MANY_NODES);
    now_ns++;
    expect(node_birth("spBv1.0/g/NBIRTH/c", 0, 1), SPARKPLUG_TAKEN);
}

static void test_devices_bound(void **state)
{
    expect(node_birth(node("NBIRTH"), 0, 7), SPARKPLUG_TAKEN);
    expect(device_birth("spBv1.0/plant/DBIRTH/cell7/a", 1), SPARKPLUG_TAKEN);
    expect(device_birth("spBv1.0/plant/DBIRTH/cell7/b", 2), SPARKPLUG_TAKEN);
    expect(device_birth("spBv1.0/plant/DBIRTH/cell7/c", 3), SPARKPLUG_TOO_MANY_DEVICES);
    assert_false(message.rebirth);
    expect(data("spBv1.0/plant/DDATA/cell7/a", 4, 1), SPARKPLUG_TAKEN); /* its number was counted */
    assert_false(message.gap);
    expect(send("spBv1.0/plant/DDEATH/cell7/a", 5, NULL, 0), SPARKPLUG_TAKEN);
    expect(device_birth("spBv1.0/plant/DBIRTH/cell7/c", 6), SPARKPLUG_TAKEN);
}

static struct sparkplug_raw *many_metrics(size_t count, int name_length)
{
    static struct sparkplug_raw metrics[TEST_METRICS_MAX];
    static char names[TEST_METRICS_MAX][256];
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%0*d", name_length, (int)i);
        metrics[i] = number_metric(names[i], i);
    }
    return metrics;
}

static void test_metrics_bound(void **state)
{
    births();
    expect(send(device("DBIRTH"), 2, many_metrics(200, 4), 200), SPARKPLUG_TAKEN);
    assert_int_equal(message.count, 200);
    expect(send(device("DBIRTH"), 3, many_metrics(201, 4), 201), SPARKPLUG_TOO_MANY_METRICS);
    /* the last table does not hold any more, and to ask would bring the same */
    assert_false(online(device("DDATA")));
    expect(node_birth(node("NBIRTH"), 0, 7), SPARKPLUG_TAKEN);
    expect(send(device("DBIRTH"), 1, many_metrics(201, 4), 201), SPARKPLUG_TOO_MANY_METRICS);
    expect(data(device("DDATA"), 3, 1), SPARKPLUG_BIRTH_REFUSED);
}

static void test_bytes_bound(void **state)
{
    births();
    const int longer = 100;
    expect(send(device("DBIRTH"), 2, many_metrics(130, longer), 130), SPARKPLUG_TAKEN);
    expect(send(device("DBIRTH"), 3, many_metrics(190, longer), 190), SPARKPLUG_TOO_MANY_BYTES);
    expect(data(device("DDATA"), 4, 1), SPARKPLUG_BIRTH_REFUSED);
    assert_false(message.gap || message.rebirth);
    expect(send(device("DBIRTH"), 5, many_metrics(130, longer), 130),
           SPARKPLUG_TAKEN); /* room again */
    expect(send(node("NBIRTH"), 0, many_metrics(190, longer), 190), SPARKPLUG_TOO_MANY_BYTES);
    expect(data(node("NDATA"), 1, 1), SPARKPLUG_BIRTH_REFUSED);
    assert_false(message.rebirth); /* it would bring the same */
    expect(data(device("DDATA"), 2, 1), SPARKPLUG_BEFORE_BIRTH);
    assert_false(message.rebirth);
}

static void test_refused_birth(void **state)
{
    static unsigned char large[SPARKPLUG_PAYLOAD_MAX + 1];
    births();
    expect(TAKE(node("NBIRTH"), large), SPARKPLUG_TOO_LARGE);
    assert_false(online(node("NDATA")) || online(device("DDATA")));
    expect(data(node("NDATA"), 1, 100), SPARKPLUG_BIRTH_REFUSED);
    assert_false(message.rebirth);
    births();
    expect(TAKE(device("DBIRTH"), golden_compressed), SPARKPLUG_COMPRESSED);
    assert_true(online(node("NDATA")) && !online(device("DDATA")));
    births();
    expect(TAKE(device("DDATA"), large), SPARKPLUG_TOO_LARGE);
    assert_true(online(device("DDATA")));
}

/* Few bytes that unfold to much: metrics without anything in them. */
static void test_unfolds(void **state)
{
    static unsigned char empty[SPARKPLUG_PAYLOAD_MAX];
    for (size_t i = 0; i < sizeof empty; i += 2)
        empty[i] = 0x12;
    births();
    expect(TAKE(device("DDATA"), empty), SPARKPLUG_TOO_LARGE);
}

/* Wherever the room for it ends: a birth that is refused leaves nothing behind. */
static void test_unfolds_too_far(void **state)
{
    static unsigned char payload[SPARKPLUG_PAYLOAD_MAX];
    bool taken = false, refused = false;
    for (size_t blob = 0; blob < 54000; blob += 1000) {
        const struct sparkplug_payload few = {.has_seq = true, .seq = 2, .count = 200};
        long size = sparkplug_payload_pack(&few, many_metrics(200, 4), payload, sizeof payload);
        assert_true(size > 0);
        for (size_t i = 0; i < 3800; i++) { /* fields that are not known: 6, a number */
            payload[size++] = 0x30;
            payload[size++] = 0;
        }
        payload[size++] = 0x3a; /* 7, of that many bytes */
        payload[size++] = (unsigned char)(0x80 | (blob & 0x7f));
        payload[size++] = (unsigned char)(0x80 | (blob >> 7 & 0x7f));
        payload[size++] = (unsigned char)(blob >> 14);
        size += (long)blob;
        births();
        enum sparkplug_refusal refusal = take(device("DBIRTH"), payload, (size_t)size);
        assert_true(refusal == SPARKPLUG_TAKEN || refusal == SPARKPLUG_TOO_LARGE);
        assert_int_equal(online(device("DDATA")), refusal == SPARKPLUG_TAKEN);
        assert_int_equal(message.count, refusal ? 0 : 200);
        taken |= refusal == SPARKPLUG_TAKEN;
        refused |= refusal != SPARKPLUG_TAKEN;
    }
    assert_true(taken && refused);
}

static void test_names(void **state)
{
    for (int i = 0; i < SPARKPLUG_REFUSALS; i++)
        assert_true(*sparkplug_refusal_name((enum sparkplug_refusal)i));
    for (int i = 0; i < SPARKPLUG_SKIPS; i++)
        assert_true(*sparkplug_skip_name((enum sparkplug_skip)i));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_every_type),     TEST(test_golden_session),      TEST(test_bytes_by_hand),
        TEST(test_no_tags),        TEST(test_compressed),          TEST(test_truncated),
        TEST(test_malformed),      TEST(test_seq_wraps),           TEST(test_gap),
        TEST(test_unknown_alias),  TEST(test_unknown_name),        TEST(test_same_alias),
        TEST(test_birth_replaces), TEST(test_before_birth),        TEST(test_deaths),
        TEST(test_missed),         TEST(test_requests_are_few),    TEST(test_request),
        TEST(test_nodes_bound),    TEST(test_node_keeps_its_wait), TEST(test_devices_bound),
        TEST(test_metrics_bound),  TEST(test_bytes_bound),         TEST(test_refused_birth),
        TEST(test_unfolds),        TEST(test_unfolds_too_far),     cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

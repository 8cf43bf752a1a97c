#include "base/clock.h"
#include "fixture.h"
#include "source/source_map.h"
#include "source/source_read.h"
#include "source/source_topic.h"

#include <errno.h>
#include <math.h>

/* ---- topics */

static void test_topics(void **state)
{
    static const struct {
        const char *pattern, *filter, *topic, *robot, *channel; /* robot NULL: it does not fit */
    } cases[] = {
        {"cell7/{robot}/{channel}", "cell7/+/+", "cell7/kuka1/A1", "kuka1", "A1"},
        {"cell7/{robot}/{channel}", "cell7/+/+", "cell7/kuka1/A1/x", NULL, ""},
        {"cell7/{robot}/{channel}", "cell7/+/+", "cell8/kuka1/A1", NULL, ""},
        {"cell7/{robot}/{channel}", "cell7/+/+", "cell7/kuka 1/A1", "", "A1"},
        {"{robot}/{channel}/#", "+/#", "k/axis/1/speed", "k", "axis/1/speed"},
        {"{robot}/{channel}/#", "+/#", "k", NULL, ""},
        {"{robot}/{channel}/#", "+/#", "k 1/axis/1", "", "axis/1"},
        {"{robot}/#", "+/#", "k.1/axis", "", ""},
        {"a/+/{channel}", "a/+/+", "a/anything/x", "", "x"},
        {"a/#", "a/#", "a/b/c", "", ""},
        {"a/#", "a/#", "a", "", ""},
        {"a/#", "a/#", "ab", NULL, ""},
        {"{robot}", "+", "k", "k", ""},
        {"tags", "tags", "tags", "", ""},
        {"tags", "tags", "tags/", NULL, ""},
        {"/x/{robot}/", "/x/+/", "/x/k/", "k", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source_match match;
        struct diag diag = DIAG_INIT;
        bool robot, channel;
        if (source_topic_check(cases[i].pattern, &robot, &channel, &diag) < 0)
            fail_msg("%s", diag.text);
        assert_int_equal(robot, strstr(cases[i].pattern, "{robot}") != NULL);
        assert_int_equal(channel, strstr(cases[i].pattern, "{channel}") != NULL);
        char *filter = source_topic_filter(cases[i].pattern);
        assert_string_equal(filter, cases[i].filter);
        free(filter);
        bool fits = source_topic_match(cases[i].pattern, cases[i].topic, &match);
        if (fits != (cases[i].robot != NULL))
            fail_msg("%s and %s: %d", cases[i].pattern, cases[i].topic, fits);
        if (fits) {
            assert_string_equal(match.robot, cases[i].robot);
            assert_string_equal(match.channel, cases[i].channel);
        }
    }
}

static void test_wrong_topics(void **state)
{
    static const char *const wrong[] = {"",
                                        "a/#/b",
                                        "a/b#",
                                        "a/+b",
                                        "a/{robot}x",
                                        "a/{x}",
                                        "a{b",
                                        "a/{robot}/{robot}",
                                        "{channel}/{channel}/#",
                                        "{robot}/#/{channel}",
                                        "a/\x01"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct diag diag = DIAG_INIT;
        bool robot, channel;
        if (source_topic_check(wrong[i], &robot, &channel, &diag) != -EINVAL)
            fail_msg("%s was taken", wrong[i]);
        assert_true(*diag.text);
    }
}

/* ---- maps */

static struct source_map *parse(const char *text)
{
    struct source_map *map;
    struct diag diag = DIAG_INIT;
    if (source_map_parse("map.json", text, strlen(text), &map, &diag) < 0)
        fail_msg("%s: %s", text, diag.text);
    return map;
}

static void test_wrong_maps(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"", "map.json: empty"},
        {"[]", "map.json: an array, must be an object"},
        {"{}", "map.json: sources: missing"},
        {"{\"sources\":[]}", "sources: 0, must be 1 to 64"},
        {"{\"sources\":[1]}", "sources[0]: a number, must be an object"},
        {"{\"sources\":[{}]}", "sources[0]: topic: missing"},
        {"{\"source\":[]}", "source: unknown key; known here: sources, tick, max_age_s, channels"},
        {"{\"sources\":[{\"topic\":\"a/{robot}\"}]}", "named in one way"},
        {"{\"sources\":[{\"topic\":\"a/{channel}\"}]}", "robot is to be named once"},
        {"{\"sources\":[{\"topic\":\"{robot}/{channel}\",\"robot\":\"k\"}]}", "named once"},
        {"{\"sources\":[{\"topic\":\"{channel}\",\"robot\":\"k 1\"}]}", "robot: \"k 1\": must be"},
        {"{\"sources\":[{\"topic\":\"{channel}\",\"robot\":\"/a~\"}]}", "robot: \"/a~\""},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"name\":\"/n\"}]}", "value: missing"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"name\":\"n\"}]}", "name: \"n\": a JSON pointer"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"tags\":{}}]}", "tags: 0, must be 1 to"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"tags\":{\"a\":1}}]}", "tags: \"a\": a number"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"tags\":{\"a\":\"b\"}}]}", "tags: \"a\": \"b\""},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"tags\":{\"a\":\"/b\"},\"value\":\"/v\"}]}",
         "value: tags has the places"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"values\":\"\",\"name\":\"/n\",\"value\":\"/v\"}]}",
         "one way"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"values\":\"\",\"quality\":\"/q\"}]}",
         "go together"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"values\":\"\",\"good\":[1]}]}", "go together"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"values\":\"\",\"time_unit\":\"min\"}]}",
         "time_unit: \"min\", must be one of s, ms, us, ns"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"format\":\"xml\"}]}", "format: \"xml\", must be"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"format\":\"sparkplug\",\"value\":\"/v\"}]}",
         ARMWATCH_SPARKPLUG ? "Sparkplug payload names its tags itself" : "reads no Sparkplug"},
        {"{\"sources\":[{\"topic\":\"{robot}/{channel}\",\"each\":\"/x\"}]}", "one tag a message"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"values\":\"\"}],\"tick\":{}}", "tick: either"},
        {"{\"sources\":[{\"topic\":\"{robot}\",\"values\":\"\"}],\"channels\":{\"a\":{\"x\":1}}}",
         "map.json: channels.a: x: unknown key"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct source_map *map;
        struct diag diag = DIAG_INIT;
        if (source_map_parse("map.json", wrong[i].text, strlen(wrong[i].text), &map, &diag) !=
            -EINVAL)
            fail_msg("%s was taken", wrong[i].text);
        fixture_expect_text(diag.text, "map.json: ");
        fixture_expect_text(diag.text, wrong[i].why);
    }
}

static void test_map_from_a_file(void **state)
{
    static const char text[] = "{\"sources\":[{\"topic\":\"{robot}/{channel}\"}]}";
    struct source_map *map;
    struct diag diag = DIAG_INIT;
    assert_int_equal(source_map_load(fixture_path("none.json"), &map, &diag), -ENOENT);
    fixture_expect_text(diag.text, "none.json");
    assert_int_equal(
        source_map_load(fixture_write_bytes("map.json", text, sizeof text - 1), &map, &diag), 0);
    assert_int_equal(map->count, 1);
    source_map_free(map);
    source_map_free(NULL);
}

/* ---- messages */

static char heard[2000];

static void note(void *user, const struct source_tag *tag)
{
    size_t used = strlen(heard);
    char value[64];
    if (tag->tag.type == TAG_TEXT)
        snprintf(value, sizeof value, "'%s'", tag->tag.text);
    else if (tag->tag.type == TAG_NULL)
        snprintf(value, sizeof value, "null");
    else
        snprintf(value, sizeof value, tag->tag.type == TAG_BOOL ? "bool %g" : "%g",
                 tag->tag.number);
    used += (size_t)snprintf(heard + used, sizeof heard - used, "%s%s.%s=%s", used ? " " : "",
                             tag->robot, tag->name, value);
    if (tag->has_time)
        snprintf(heard + used, sizeof heard - used, "@%lld",
                 (long long)(tag->time_ns / CLOCK_NS_PER_MS));
}

/* Reads a copy of exactly this size, so that a sanitizer sees its end. */
static enum source_refusal read_bytes(const char *source, const char *topic, const void *payload,
                                      size_t size, struct diag *diag)
{
    char text[1000];
    snprintf(text, sizeof text, "{\"sources\":[%s]}", source);
    struct source_map *map = parse(text);
    struct source_match match;
    if (!source_topic_match(map->sources[0].topic, topic, &match))
        fail_msg("%s does not fit %s", topic, map->sources[0].topic);
    char *copy = malloc(size + !size);
    memcpy(copy, payload, size);
    const struct source_message message = {topic, copy, size};
    *heard = '\0';
    *diag = DIAG_INIT;
    enum source_refusal refusal = source_read(&map->sources[0], &match, &message, note, NULL, diag);
    assert_int_equal(*diag->text != 0, refusal != SOURCE_READ);
    free(copy);
    source_map_free(map);
    return refusal;
}

static void expect(const char *source, const char *topic, const char *payload, const char *expected)
{
    struct diag diag;
    enum source_refusal refusal = read_bytes(source, topic, payload, strlen(payload), &diag);
    if (refusal)
        fail_msg("%s: %s: %s", payload, source_refusal_name(refusal), diag.text);
    assert_string_equal(heard, expected);
}

static void expect_refusal(const char *source, const char *topic, const char *payload,
                           enum source_refusal expected, const char *why)
{
    struct diag diag;
    enum source_refusal refusal = read_bytes(source, topic, payload, strlen(payload), &diag);
    if (refusal != expected)
        fail_msg("%s: %s instead of %s", payload, source_refusal_name(refusal),
                 source_refusal_name(expected));
    fixture_expect_text(diag.text, why);
}

#define BARE "{\"topic\":\"{robot}/{channel}\"}"

static void test_bare_values(void **state)
{
    expect(BARE, "k/a", "12.5", "k.a=12.5");
    expect(BARE, "k/a", " -3e2\n", "k.a=-300");
    expect(BARE, "k/a", "true", "k.a=bool 1");
    expect(BARE, "k/a", "null", "k.a=null");
    expect(BARE, "k/a", "\"AUT\"", "k.a='AUT'");
    expect(BARE, "k/a", "AUT", "k.a='AUT'");
    expect(BARE, "k/a", "007", "k.a='007'");
    expect(BARE, "k/a", "NaN\r\n", "k.a='NaN'");
    expect(BARE, "k/a", "", "k.a=null");
    expect_refusal(BARE, "k/a", "{\"v\":1}", SOURCE_NO_VALUE, "is an object, must be a value");
    expect_refusal(BARE, "k/a", "[1]", SOURCE_NO_VALUE, "is an array");
    expect_refusal(BARE, "k/a", "{\"v\":", SOURCE_MALFORMED, "JSON");
    expect_refusal(BARE, "k/a", "a\tb", SOURCE_MALFORMED, "JSON");
    expect_refusal(BARE, "k/a", "\xff\xfe", SOURCE_MALFORMED, "");
    expect_refusal(BARE, "k 1/a", "1", SOURCE_NO_ROBOT, "no robot is named");
}

static void test_no_quality_may_be_good(void **state)
{
    static const char source[] = "{\"topic\":\"ua/{robot}\",\"values\":\"\",\"value\":\"/Value\","
                                 "\"quality\":\"/Status\",\"good\":[null,{\"Code\":0}]}";
    expect(source, "ua/k",
           "{\"a\":{\"Value\":1},\"b\":{\"Value\":2,\"Status\":{\"Code\":0}},\"c\":{\"Value\":3,"
           "\"Status\":{\"Code\":2147483648}}}",
           "k.a=1 k.b=2 k.c=null");
    expect_refusal(source, "ua/k", "", SOURCE_EMPTY, "0 bytes");
}

static void test_sizes(void **state)
{
    struct diag diag;
    char *payload = malloc(SOURCE_PAYLOAD_MAX + 1);
    memset(payload, ' ', SOURCE_PAYLOAD_MAX + 1);
    payload[0] = '1';
    assert_int_equal(read_bytes(BARE, "k/a", payload, SOURCE_PAYLOAD_MAX, &diag), SOURCE_READ);
    assert_int_equal(read_bytes(BARE, "k/a", payload, SOURCE_PAYLOAD_MAX + 1, &diag),
                     SOURCE_TOO_LARGE);
    memset(payload, 'x', 300);
    assert_int_equal(read_bytes(BARE, "k/a", payload, 257, &diag), SOURCE_MALFORMED);
    assert_int_equal(read_bytes(BARE, "k/a", payload, 256, &diag), SOURCE_READ);
    free(payload);
}

/* A value with its time and quality, as OPC UA bridges send it. */
static void test_a_value_at_a_place(void **state)
{
    static const char source[] =
        "{\"topic\":\"opc/{robot}/{channel}\",\"value\":\"/Value\",\"time\":\"/SourceTimestamp\","
        "\"quality\":\"/Status\",\"good\":[0,\"Good\"]}";
    expect(source, "opc/k/A1",
           "{\"Value\":1.5,\"SourceTimestamp\":\"2026-11-23T17:00:00.5Z\",\"Status\":0}",
           "k.A1=1.5@1795453200500");
    expect(source, "opc/k/A1", "{\"Value\":1.5,\"Status\":\"Good\"}", "k.A1=1.5");
    expect(source, "opc/k/A1", "{\"Value\":1.5,\"Status\":2147483648}", "k.A1=null");
    expect(source, "opc/k/A1", "{\"Value\":1.5}", "k.A1=null");
    expect_refusal(source, "opc/k/A1", "{\"value\":1.5,\"Status\":0}", SOURCE_NO_TAG,
                   "no value at \"/Value\"");
    expect_refusal(source, "opc/k/A1",
                   "{\"Value\":1,\"Status\":0,\"SourceTimestamp\":\"yesterday\"}", SOURCE_BAD_TIME,
                   "tag \"A1\"");
}

/* OPC UA PubSub's JSON: many messages, each with an object of values. */
static void test_values_in_elements(void **state)
{
    static const char source[] =
        "{\"topic\":\"ua\",\"robot\":\"/PublisherId\",\"each\":\"/Messages\",\"values\":"
        "\"/Payload\",\"value\":\"/Value\",\"time\":\"/SourceTimestamp\"}";
    expect(source, "ua",
           "{\"PublisherId\":\"kuka1\",\"Messages\":[{\"Payload\":{\"A1\":{\"Value\":1,"
           "\"SourceTimestamp\":\"1970-01-01T00:00:01Z\"},\"A2\":{\"Value\":2}}},"
           "{\"SourceTimestamp\":\"1970-01-01T00:00:02Z\",\"Payload\":{\"A3\":{\"Value\":true}}}]}",
           "kuka1.A1=1@1000 kuka1.A2=2 kuka1.A3=bool 1@2000");
    expect_refusal(source, "ua", "{\"PublisherId\":\"kuka1\"}", SOURCE_NO_TAG,
                   "no array at \"/Messages\"");
    expect_refusal(source, "ua", "{\"Messages\":[{\"Payload\":{\"A1\":{\"Value\":1}}}]}",
                   SOURCE_NO_ROBOT, "no robot");
    /* What is in order is taken. */
    expect_refusal(source, "ua",
                   "{\"PublisherId\":\"k\",\"Messages\":[{},{\"Payload\":{\"A1\":{\"Value\":1}}}]}",
                   SOURCE_NO_TAG, "no object of tags at \"/Payload\"");
    assert_string_equal(heard, "k.A1=1");
}

/* Telegraf's MQTT output with its JSON serializer. */
static void test_telegraf(void **state)
{
    static const char source[] = "{\"topic\":\"telegraf/+/kuka\",\"robot\":\"/tags/robot\","
                                 "\"values\":\"/fields\",\"time\":\"/timestamp\"}";
    expect(source, "telegraf/host/kuka",
           "{\"fields\":{\"A1\":1.25,\"mode\":\"AUT\"},\"name\":\"kuka\",\"tags\":{\"robot\":"
           "\"kuka1\"},\"timestamp\":1763917200}",
           "kuka1.A1=1.25@1763917200000 kuka1.mode='AUT'@1763917200000");
    expect_refusal(source, "telegraf/host/kuka",
                   "{\"fields\":{\"A1\":1},\"tags\":{\"robot\":\"kuka1\"},\"timestamp\":"
                   "1763917200123}",
                   SOURCE_BAD_TIME, "must be milliseconds: set time_unit to");
}

/* A list of names and values, as industrial gateways send it. */
static void test_named_elements(void **state)
{
    static const char source[] =
        "{\"topic\":\"gw\",\"robot\":\"k\",\"each\":\"/values\",\"name\":\"/id\",\"value\":\"/v\","
        "\"time\":\"/t\",\"time_unit\":\"ms\",\"quality\":\"/q\",\"good\":[true]}";
    expect(source, "gw",
           "{\"timestamp\":5,\"values\":[{\"id\":\"A.1\",\"v\":1,\"q\":true,\"t\":1763917200123},"
           "{\"id\":\"A.2\",\"v\":2,\"q\":false,\"t\":1763917200124}]}",
           "k.A.1=1@1763917200123 k.A.2=null@1763917200124");
    expect_refusal(source, "gw", "{\"values\":[{\"v\":1}]}", SOURCE_NO_TAG,
                   "no name of a tag at \"/id\"");
    expect_refusal(source, "gw", "{\"values\":[{\"id\":\"a\"}]}", SOURCE_NO_TAG,
                   "no value at \"/v\"");
    expect(source, "gw", "{\"values\":[]}", "");
}

static void test_a_tag_without_a_name(void **state)
{
    static const char source[] = "{\"topic\":\"o/{robot}\",\"values\":\"\"}";
    expect_refusal(source, "o/k", "{\"a\":1,\"\":2}", SOURCE_NO_TAG, "a tag has no name");
    assert_string_equal(heard, "k.a=1");
}

/* Places of a document of the plant's own. */
static void test_tags_at_places(void **state)
{
    static const char source[] = "{\"topic\":\"{robot}/axes\",\"tags\":{\"a1\":\"/A1/act\",\"a2\":"
                                 "\"/A2/act\",\"ov\":\"/prog/0/ov\"},\"time\":\"/t\"}";
    expect(source, "k/axes",
           "{\"A1\":{\"act\":1},\"A2\":{\"act\":2},\"prog\":[{\"ov\":100}],\"t\":1}",
           "k.a1=1@1000 k.a2=2@1000 k.ov=100@1000");
    expect(source, "k/axes", "{\"A2\":{\"act\":2}}", "k.a2=2"); /* only what has changed */
    expect_refusal(source, "k/axes", "{\"B\":1}", SOURCE_NO_TAG, "no tag, not even at \"/A1/act\"");
    expect_refusal(source, "k/axes", "{\"A1\":{\"act\":[]},\"A2\":{\"act\":2}}", SOURCE_NO_VALUE,
                   "tag \"a1\" is an array");
    assert_string_equal(heard, "k.a2=2");
}

/* ---- a thousand wrong ones */

static uint32_t seed = 1;

static uint32_t next(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static size_t spoil(char *text, size_t size)
{
    static const char bytes[] = "{}[]\",:0123456789-+.eE\\ntrue\xff\x01 ";
    for (uint32_t n = 1 + next(4); n > 0 && size > 1; n--) {
        size_t at = next((uint32_t)size);
        if (next(3) == 0) {
            memmove(text + at, text + at + 1, size - at - 1);
            size--;
        } else {
            text[at] = bytes[next(sizeof bytes - 1)];
        }
    }
    return size;
}

static const char good_map[] =
    "{\"sources\":[{\"topic\":\"{robot}/{channel}\",\"value\":\"/v\",\"time\":\"/t\","
    "\"time_unit\":\"ms\",\"quality\":\"/q\",\"good\":[true,0]},{\"topic\":\"x/{robot}\","
    "\"each\":\"/m\",\"name\":\"/n\",\"value\":\"/v\"},{\"topic\":\"y\",\"robot\":\"k\",\"tags\":"
    "{\"a\":\"/a~1b\",\"b\":\"/c/0\"}}],\"tick\":{\"period_s\":0.1},\"max_age_s\":2,\"channels\":"
    "{\"a\":{\"tag\":\"b\",\"scale\":2,\"offset\":-1,\"max_age_s\":\"hold\",\"missing\":0,"
    "\"table\":{\"on\":1,\"off\":0}},\"mode\":{\"table\":{\"A\":\"auto\"}}}}";

/* Each wrong map says where and what; each that is taken can be used. */
static void test_a_thousand_wrong_maps(void **state)
{
    size_t refused = 0;
    while (refused < 1000) {
        char text[sizeof good_map];
        struct source_map *map;
        struct diag diag = DIAG_INIT;
        memcpy(text, good_map, sizeof good_map);
        size_t size = spoil(text, sizeof good_map - 1);
        if (source_map_parse("m", text, size, &map, &diag) == 0) {
            source_map_free(map);
            continue;
        }
        refused++;
        if (strncmp(diag.text, "m: ", 3) != 0 || strlen(diag.text) < 10)
            fail_msg("%.*s: %s", (int)size, text, diag.text);
    }
}

static void test_a_thousand_wrong_payloads(void **state)
{
    static const char good[] = "{\"m\":[{\"n\":\"A1\",\"v\":1.5},{\"n\":\"A2\",\"v\":true}]}";
    struct source_map *map = parse(good_map);
    const struct source_match match = {.robot = "k"};
    size_t refused = 0;
    while (refused < 1000) {
        char text[sizeof good];
        struct diag diag = DIAG_INIT;
        memcpy(text, good, sizeof good);
        const struct source_message message = {"x/k", text, spoil(text, sizeof good - 1)};
        *heard = '\0';
        enum source_refusal refusal =
            source_read(&map->sources[1], &match, &message, note, NULL, &diag);
        refused += refusal != SOURCE_READ;
        if (refusal && (!*source_refusal_name(refusal) || strlen(diag.text) < 8))
            fail_msg("%.*s: %s", (int)message.size, text, diag.text);
    }
    source_map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_wrong_topics),
        cmocka_unit_test(test_wrong_maps),
        cmocka_unit_test_setup_teardown(test_map_from_a_file, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_bare_values),
        cmocka_unit_test(test_no_quality_may_be_good),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_a_value_at_a_place),
        cmocka_unit_test(test_values_in_elements),
        cmocka_unit_test(test_telegraf),
        cmocka_unit_test(test_named_elements),
        cmocka_unit_test(test_a_tag_without_a_name),
        cmocka_unit_test(test_tags_at_places),
        cmocka_unit_test(test_a_thousand_wrong_maps),
        cmocka_unit_test(test_a_thousand_wrong_payloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

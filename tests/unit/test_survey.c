#include "cli/survey.h"

#include "base/clock.h"
#include "cli/survey_levels.h"
#include "cli/survey_words.h"
#include "fixture.h"
#include "pipeline/sample.h"

#include <math.h>

#define WALL_NS INT64_C(1795453200000000000) /* 2026-11-23T17:00:00Z */
#define MS CLOCK_NS_PER_MS

static struct survey survey;

static int setup(void **state)
{
    return survey_init(&survey, NULL, 0);
}

static int teardown(void **state)
{
    survey_deinit(&survey);
    return 0;
}

/* A copy of exactly this size, so that a sanitizer sees its end. */
static void take_bytes(const char *topic, const void *payload, size_t size, int64_t at_ms,
                       bool retained)
{
    void *copy = malloc(size + !size);
    memcpy(copy, payload, size);
    const struct survey_message message = {.topic = topic,
                                           .payload = copy,
                                           .size = size,
                                           .retained = retained,
                                           .now_ns = at_ms * MS,
                                           .wall_ns = WALL_NS + at_ms * MS};
    survey_take(&survey, &message);
    free(copy);
}

static void take(const char *topic, const char *payload, int64_t at_ms)
{
    take_bytes(topic, payload, strlen(payload), at_ms, false);
}

static const struct survey_signal *signal_named(const char *topic, const char *name)
{
    for (size_t s = 0; s < survey.signal_count; s++) {
        const struct survey_signal *signal = &survey.signals[s];
        if (!strcmp(survey.topics[signal->topic].name, topic) && !strcmp(signal->name, name))
            return signal;
    }
    fail_msg("no signal \"%s\" on %s", name, topic);
    return NULL;
}

/* ---- forms */

static void test_forms(void **state)
{
    static const struct {
        const char *topic, *payload;
        enum survey_form form;
        enum survey_way way;
    } cases[] = {
        {"a", "{\"values\":[1,2],\"seq\":1}", SURVEY_SAMPLE_VALUES, SURVEY_WHOLE},
        {"a", "{\"channels\":{\"x\":1}}", SURVEY_SAMPLE_CHANNELS, SURVEY_WHOLE},
        {"a", "[1,2,3]", SURVEY_SAMPLE_ARRAY, SURVEY_WHOLE},
        {"a", "12.5", SURVEY_BARE, SURVEY_BY_TOPIC},
        {"a", "AUT", SURVEY_BARE, SURVEY_BY_TOPIC},
        {"a", "true", SURVEY_BARE, SURVEY_BY_TOPIC},
        {"a", "{\"v\":1.5,\"t\":1795453200123}", SURVEY_OBJECT, SURVEY_BY_TOPIC},
        {"a", "{\"mode\":\"AUT\",\"ts\":1795453200}", SURVEY_OBJECT, SURVEY_BY_TOPIC},
        {"a", "{\"value\":1,\"min\":0,\"max\":2}", SURVEY_OBJECT, SURVEY_BY_TOPIC},
        {"a", "{\"x\":1,\"y\":0,\"v\":2}", SURVEY_OBJECT, SURVEY_BY_VALUES},
        {"a", "{\"a\":1,\"b\":2}", SURVEY_OBJECT, SURVEY_BY_VALUES},
        {"a", "{\"p\":[1,2],\"q\":{\"x\":1}}", SURVEY_OBJECT, SURVEY_BY_PLACES},
        {"a", "{\"tag\":\"A1\",\"value\":1}", SURVEY_LIST, SURVEY_BY_NAME},
        {"a", "[{\"id\":\"A1\",\"v\":1}]", SURVEY_LIST, SURVEY_BY_NAME},
        {"a", "{\"note\":[\"x\"]}", SURVEY_OBJECT, SURVEY_UNREADABLE},
        {"a", "{}", SURVEY_OBJECT, SURVEY_UNREADABLE},
        {"a", "{\"a\":", SURVEY_BROKEN, SURVEY_UNREADABLE},
        {"a", "two\nlines", SURVEY_TEXT, SURVEY_UNREADABLE},
        {"a", "\xff\xfe", SURVEY_OTHER, SURVEY_UNREADABLE},
        {"spBv1.0/g/DDATA/e/d", "\x08\x01", SURVEY_SPARKPLUG, SURVEY_UNREADABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        survey_deinit(&survey);
        survey_init(&survey, NULL, 0);
        take(cases[i].topic, cases[i].payload, 1);
        if (survey.topics[0].form != cases[i].form || survey.topics[0].recipe.way != cases[i].way)
            fail_msg("%s: %s, way %d", cases[i].payload, survey_form_name(survey.topics[0].form),
                     (int)survey.topics[0].recipe.way);
    }
}

static void test_binary_samples(void **state)
{
    unsigned char bytes[SAMPLE_BINARY_HEADER + 8];
    const float values[] = {1.5F, -2};
    const struct sample sample = {.seq = 1};
    size_t size = sample_format_binary(&sample, values, 2, bytes);
    take_bytes("a", bytes, size, 1, false);
    take_bytes("b", bytes, size - 1, 1, false);
    assert_int_equal(survey.topics[0].form, SURVEY_SAMPLE_BINARY);
    assert_int_equal(survey.topics[1].form, SURVEY_OTHER);
    assert_true(signal_named("a", "values[1]")->mean == -2);
}

/* ---- recipes */

static const struct survey_recipe *recipe_of(const char *payload)
{
    survey_deinit(&survey);
    survey_init(&survey, NULL, 0);
    take("a", payload, 1);
    return &survey.topics[0].recipe;
}

static void test_recipe_of_pubsub(void **state)
{
    const struct survey_recipe *recipe = recipe_of(
        "{\"MessageId\":\"1\",\"PublisherId\":\"kuka1\",\"Messages\":[{\"DataSetWriterId\":1,"
        "\"Payload\":{\"A1\":{\"Value\":1.5,\"SourceTimestamp\":\"2026-11-23T17:00:00Z\"},"
        "\"A2\":{\"Value\":2,\"SourceTimestamp\":\"2026-11-23T17:00:00Z\"}}}]}");
    assert_int_equal(recipe->way, SURVEY_BY_VALUES);
    assert_string_equal(recipe->each.at, "/Messages");
    assert_string_equal(recipe->values.at, "/Payload");
    assert_string_equal(recipe->value.at, "/Value");
    assert_string_equal(recipe->time.at, "/SourceTimestamp");
    assert_string_equal(recipe->robot.at, "/PublisherId");
    assert_int_equal(recipe->unit, SURVEY_RFC3339);
    assert_true(signal_named("a", "A1")->mean == 1.5);
    assert_true(signal_named("a", "A2")->mean == 2);
}

static void test_recipe_of_telegraf(void **state)
{
    const struct survey_recipe *recipe =
        recipe_of("{\"fields\":{\"A1\":1.25,\"mode\":\"AUT\"},\"name\":\"kuka\",\"tags\":{"
                  "\"host\":\"h\",\"robot\":\"kuka1\"},\"timestamp\":1795453200}");
    assert_int_equal(recipe->way, SURVEY_BY_VALUES);
    assert_string_equal(recipe->values.at, "/fields");
    assert_false(recipe->value.there);
    assert_string_equal(recipe->time.at, "/timestamp");
    assert_string_equal(recipe->robot.at, "/tags/robot");
    assert_int_equal(recipe->unit, SURVEY_S);
    assert_string_equal(signal_named("a", "mode")->word[0], "AUT");
}

static void test_recipe_of_a_list(void **state)
{
    const struct survey_recipe *recipe =
        recipe_of("{\"timestamp\":1795453200123,\"values\":[{\"id\":\"A.1\",\"v\":1,\"q\":true,"
                  "\"t\":1795453200123},{\"id\":\"A.2\",\"v\":2,\"q\":true,\"t\":1795453200124}]}");
    assert_int_equal(recipe->way, SURVEY_BY_NAME);
    assert_string_equal(recipe->each.at, "/values");
    assert_string_equal(recipe->name.at, "/id");
    assert_string_equal(recipe->value.at, "/v");
    assert_string_equal(recipe->time.at, "/t");
    assert_string_equal(recipe->quality.at, "/q");
    assert_string_equal(recipe->good, "true");
    assert_int_equal(recipe->unit, SURVEY_MS);
    assert_true(signal_named("a", "A.2")->mean == 2);
}

static void test_escaped_places(void **state)
{
    const struct survey_recipe *recipe = recipe_of("{\"a/b\":{\"x~y\":1,\"z\":2},\"c\":3}");
    assert_int_equal(recipe->way, SURVEY_BY_PLACES);
    assert_true(signal_named("a", "/a~1b/x~0y")->mean == 1);
    assert_true(signal_named("a", "/c")->mean == 3);
}

/* A machine's name is looked for by its value. */
static void test_the_robot_that_is_asked_for(void **state)
{
    survey.robot = "kuka1";
    take("a", "{\"device\":\"gateway\",\"unit\":\"kuka1\",\"a\":1,\"b\":2}", 1);
    assert_string_equal(survey.topics[0].recipe.robot.at, "/unit");
}

/* ---- times */

static void test_units_of_time(void **state)
{
    static const struct {
        const char *key, *json;
        enum survey_unit unit;
    } cases[] = {
        {"t", "1795453200", SURVEY_S},           {"t", "1795453200.5", SURVEY_S},
        {"t", "1795453200123", SURVEY_MS},       {"t", "1795453200123456", SURVEY_US},
        {"t", "1795453200123456789", SURVEY_NS}, {"t", "\"2026-11-23T17:00:00Z\"", SURVEY_RFC3339},
        {"t", "\"yesterday\"", SURVEY_NO_TIME},  {"t", "17", SURVEY_NO_TIME},
        {"t", "946684799", SURVEY_NO_TIME},      {"x", "1795453200", SURVEY_S},
        {"x", "1400000000", SURVEY_NO_TIME},     {"t", "1400000000", SURVEY_S},
        {"t", "true", SURVEY_NO_TIME},           {"t", "-1e300", SURVEY_NO_TIME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ns;
        cJSON *item = json_parse(cases[i].json, strlen(cases[i].json), NULL);
        if (survey_time_unit(cases[i].key, item, WALL_NS, &time_ns) != cases[i].unit)
            fail_msg("%s: %s", cases[i].key, cases[i].json);
        cJSON_Delete(item);
    }
}

static void test_skew(void **state)
{
    double median_s, spread_s;
    for (int i = 0; i < 300; i++) {
        char payload[80];
        snprintf(payload, sizeof payload, "{\"v\":%d,\"t\":%lld}", i,
                 (long long)(WALL_NS / MS + 100 * i + 7000 + i % 3));
        take("a", payload, 100 * i);
    }
    take("a", "{\"v\":1,\"t\":\"soon\"}", 30000);
    assert_true(survey_topic_skew(&survey.topics[0], &median_s, &spread_s));
    assert_true(fabs(median_s - 7.001) < 1e-6);
    assert_true(fabs(spread_s - 0.001) < 1e-6);
    assert_int_equal(survey.topics[0].wrong_time, 1);
    assert_false(survey_topic_coarse(&survey.topics[0]));
    take("b", "{\"v\":1}", 1);
    assert_false(survey_topic_skew(&survey.topics[1], &median_s, &spread_s));
}

/* ---- figures */

static void test_rates_and_gaps(void **state)
{
    for (int i = 0; i < 10; i++)
        take("a", "1", 1000 + 100 * i + (i > 4) * 2000);
    take_bytes("a", "2", 1, 5000, true);
    survey_end(&survey, 10000 * MS);
    const struct survey_topic *topic = &survey.topics[0];
    assert_true(fabs(survey_topic_rate_hz(topic) - 9 / 2.9) < 1e-9);
    assert_true(fabs(survey_topic_step_s(topic) - 0.1) < 1e-6);
    assert_true(fabs(survey_topic_gap_s(&survey, topic) - 6.1) < 1e-9);
    assert_int_equal(topic->count, 10);
    assert_int_equal(topic->retained, 1);
    assert_int_equal(topic->duplicates, 9);
    assert_true(survey_seconds(&survey) == 10);
}

static void test_signals(void **state)
{
    static const char *const values[] = {"1", "3", "true", "null", "2"};
    for (int i = 0; i < 5; i++)
        take("a", values[i], 100 * i);
    const struct survey_signal *signal = signal_named("a", "");
    assert_true(signal->min == 1 && signal->max == 3 && signal->mean == 1.75);
    assert_true(fabs(survey_signal_spread(signal) - 0.9574271) < 1e-6);
    assert_int_equal(signal->nulls, 1);
    assert_int_equal(signal->bools, 1);
    assert_int_equal(signal->distinct_count, 3);
    assert_false(survey_signal_flat(signal));
    for (int i = 0; i < 5; i++)
        take("b", "7", 100 * i);
    assert_true(survey_signal_flat(signal_named("b", "")));
    take("c", "7", 0);
    assert_false(survey_signal_flat(signal_named("c", "")));
}

static void test_words_have_a_bound(void **state)
{
    char word[200];
    for (int i = 0; i < SURVEY_WORDS_MAX + 5; i++) {
        snprintf(word, sizeof word, "word%d", i);
        take("a", word, i);
    }
    const struct survey_signal *signal = signal_named("a", "");
    assert_int_equal(signal->word_count, SURVEY_WORDS_MAX);
    assert_true(signal->more_words);
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    take("b", word, 1);
    assert_int_equal(strlen(signal_named("b", "")->word[0]), SURVEY_WORD_BYTES);
}

static void test_topics_and_signals_have_a_bound(void **state)
{
    char topic[SURVEY_TOPIC_BYTES + 10], payload[200];
    for (int i = 0; i < SURVEY_TOPICS_MAX + 7; i++) {
        snprintf(topic, sizeof topic, "t/%d", i);
        snprintf(payload, sizeof payload, "{\"a%d\":1,\"b\":2,\"c\":3}", i);
        take(topic, payload, i);
    }
    assert_int_equal(survey.topic_count, SURVEY_TOPICS_MAX);
    assert_int_equal(survey.lost_topics, 7);
    assert_int_equal(survey.signal_count, SURVEY_SIGNALS_MAX);
    assert_int_equal(survey.lost_signals, 3 * SURVEY_TOPICS_MAX - SURVEY_SIGNALS_MAX);
    memset(topic, 'x', sizeof topic - 1);
    topic[sizeof topic - 1] = '\0';
    take(topic, "1", 1);
    assert_int_equal(survey.lost_topics, 8);
}

static void test_large_messages(void **state)
{
    char *payload = malloc(20000);
    size_t used = (size_t)sprintf(payload, "[0");
    for (int i = 0; i < SURVEY_LEAVES_MAX; i++)
        used += (size_t)sprintf(payload + used, ",%d", i);
    strcpy(payload + used, "]");
    take("a", payload, 1);
    free(payload);
    assert_int_equal(survey.signal_count, SURVEY_LEAVES_MAX);
    assert_int_equal(survey.lost_leaves, 1);
    const struct survey_message message = {.topic = "b", .size = 70000};
    survey_take(&survey, &message); /* of which only the size is known */
    assert_int_equal(survey.topics[1].large, 1);
    assert_int_equal(survey.topics[1].form, SURVEY_LARGE);
    take("b", "5", 2);
    assert_int_equal(survey.topics[1].form, SURVEY_BARE);
}

static void test_what_armwatchd_sends_is_left_out(void **state)
{
    take("armwatch/robot/k/score", "{\"score\":1}", 1);
    take("armwatch/service/armwatch/status", "{\"samples\":1}", 1);
    take("armwatch/robot/k/sample", "[1]", 1);
    assert_int_equal(survey.own, 2);
    assert_int_equal(survey.topic_count, 1);
}

/* Nothing that comes may end it. */
static void test_nonsense(void **state)
{
    static const char frame[] = "{\"m\":[{\"n\":\"a\",\"v\":{\"x\":[1,{\"y\":null}]}}],\"t\":\"\"}";
    unsigned seed = 7;
    for (int i = 0; i < 20000; i++) {
        char bytes[sizeof frame], topic[16];
        size_t size = sizeof frame - 1;
        memcpy(bytes, frame, sizeof frame);
        for (int change = 0; change < 3; change++) {
            seed = seed * 1103515245 + 12345;
            bytes[(seed >> 8) % size] = "{}[]\",:0-ev\xff~/"[(seed >> 20) % 15];
        }
        snprintf(topic, sizeof topic, "t/%d", i % 50);
        take_bytes(topic, bytes, size - (seed >> 16) % size, i, i % 7 == 0);
        if (i % 500 == 499) {
            survey_deinit(&survey);
            survey_init(&survey, NULL, 0);
        }
    }
}

/* ---- groups */

static void test_groups(void **state)
{
    static const char *const topics[] = {"cell7/a/velocity", "cell7/b/velocity", "cell7/c/velocity",
                                         "cell7/c/torque",   "cell8/x",          "cell7/a"};
    struct survey_groups groups;
    char pattern[100];
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        take(topics[i], "1", 1);
    take("cell7/d/velocity", "[1,2]", 1); /* of another form */
    assert_int_equal(survey_groups_find(&survey, &groups), 0);
    assert_int_equal(groups.count, 5);
    assert_int_equal(groups.items[0].count, 3);
    survey_group_pattern(&survey, &groups.items[0], pattern, sizeof pattern);
    assert_string_equal(pattern, "cell7/+/velocity");
    survey_group_pattern(&survey, &groups.items[1], pattern, sizeof pattern);
    assert_string_equal(pattern, "cell7/c/torque");
    survey_groups_deinit(&groups);
}

static void test_words(void **state)
{
    char text[32];
    survey_word_fold("Axis-1_Pos.", text, sizeof text);
    assert_string_equal(text, "axis1pos");
    assert_true(survey_word_mode("AUT", text, sizeof text));
    assert_string_equal(text, "auto");
    assert_true(survey_word_mode("T1", text, sizeof text));
    assert_string_equal(text, "t1");
    assert_false(survey_word_mode("a word that is too long for a mode", text, sizeof text));
    assert_true(survey_word_machine("kuka1", "cell7") > survey_word_machine("cell7", NULL));
    assert_true(survey_word_machine("cell7", "robot") > survey_word_machine("robot", "armwatch"));
    assert_int_equal(survey_word_machine("axis1", "kuka1"), 0);
}

#define SURVEY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SURVEY_TEST(test_forms),
        SURVEY_TEST(test_binary_samples),
        SURVEY_TEST(test_recipe_of_pubsub),
        SURVEY_TEST(test_recipe_of_telegraf),
        SURVEY_TEST(test_recipe_of_a_list),
        SURVEY_TEST(test_escaped_places),
        SURVEY_TEST(test_the_robot_that_is_asked_for),
        SURVEY_TEST(test_units_of_time),
        SURVEY_TEST(test_skew),
        SURVEY_TEST(test_rates_and_gaps),
        SURVEY_TEST(test_signals),
        SURVEY_TEST(test_words_have_a_bound),
        SURVEY_TEST(test_topics_and_signals_have_a_bound),
        SURVEY_TEST(test_large_messages),
        SURVEY_TEST(test_what_armwatchd_sends_is_left_out),
        SURVEY_TEST(test_nonsense),
        SURVEY_TEST(test_groups),
        SURVEY_TEST(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is advised for several plants, and that the advice makes samples of what they send. */
#include "base/clock.h"
#include "cli/doctor_text.h"
#include "cli/survey_advice.h"
#include "cli/survey_trial.h"
#include "fixture.h"
#include "source/source_map.h"
#include "tiny_model.h"

#include <math.h>

#define WALL_NS INT64_C(1795453200000000000) /* 2026-11-23T17:00:00Z */
#define MS CLOCK_NS_PER_MS

/* One plant: what it has sent, the advice, and the trial of what was advised. */
struct plant {
    struct survey survey;
    struct survey_advice advice;
    struct survey_trial trial;
    struct source_map *map;
    struct model *model;
    const char *robot;
};

static struct plant plant;

static int setup(void **state)
{
    memset(&plant, 0, sizeof plant);
    return survey_init(&plant.survey, NULL, 0);
}

static int teardown(void **state)
{
    survey_deinit(&plant.survey);
    survey_advice_deinit(&plant.advice);
    survey_trial_deinit(&plant.trial);
    source_map_free(plant.map);
    model_unref(plant.model);
    return 0;
}

static void send(bool retained, int64_t at_ms, const char *topic, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void send(bool retained, int64_t at_ms, const char *topic, const char *format, ...)
{
    char payload[2000];
    va_list args;
    va_start(args, format);
    vsnprintf(payload, sizeof payload, format, args);
    va_end(args);
    const struct survey_message message = {.topic = topic,
                                           .payload = payload,
                                           .size = strlen(payload),
                                           .retained = retained,
                                           .now_ns = at_ms * MS,
                                           .wall_ns = WALL_NS + at_ms * MS};
    if (plant.map)
        survey_trial_take(&plant.trial, &message);
    else
        survey_take(&plant.survey, &message);
}

static void advise(int64_t end_ms)
{
    plant.survey.robot = plant.robot;
    survey_end(&plant.survey, end_ms * MS);
    const struct survey_question question = {
        .survey = &plant.survey, .robot = plant.robot, .model = plant.model};
    assert_int_equal(survey_advise(&question, &plant.advice), 0);
}

static void expect_finding(enum survey_severity severity, const char *part)
{
    const struct survey_findings *findings = &plant.advice.findings;
    for (size_t f = 0; f < findings->count; f++) {
        if (findings->items[f].severity == severity && strstr(findings->items[f].text, part))
            return;
    }
    for (size_t f = 0; f < findings->count; f++)
        print_message("%s: %s\n", survey_severity_name(findings->items[f].severity),
                      findings->items[f].text);
    fail_msg("no %s says \"%s\"", survey_severity_name(severity), part);
}

static void expect_no_worse_than_hints(void)
{
    for (size_t f = 0; f < plant.advice.findings.count; f++) {
        if (plant.advice.findings.items[f].severity != SURVEY_HINT)
            fail_msg("%s", plant.advice.findings.items[f].text);
    }
}

static void expect_json(const cJSON *tree, const char *expected)
{
    char *text = cJSON_PrintUnformatted(tree);
    assert_non_null(text);
    assert_string_equal(text, expected);
    cJSON_free(text);
}

/* Sends everything again, this time to the file that was advised. */
static void try_advice(void (*play)(void))
{
    struct diag diag = DIAG_INIT;
    char *text = cJSON_Print(plant.advice.assembler);
    if (source_map_parse("advice", text, strlen(text), &plant.map, &diag) < 0)
        fail_msg("%s: %s", text, diag.text);
    cJSON_free(text);
    assert_int_equal(survey_trial_init(&plant.trial, plant.map, plant.model, 500 * MS), 0);
    play();
    survey_trial_end(&plant.trial);
}

static void expect_samples(const char *robot, uint64_t least)
{
    for (size_t r = 0; r < plant.trial.robot_count; r++) {
        if (!strcmp(plant.trial.robots[r].name, robot)) {
            if (plant.trial.robots[r].samples < least)
                fail_msg("%s: %d samples", robot, (int)plant.trial.robots[r].samples);
            return;
        }
    }
    fail_msg("no tag of %s came", robot);
}

/* ---- a tag a topic */

static void play_tags(void)
{
    send(true, 0, "cell7/kuka1/op", "AUT");
    send(true, 0, "cell7/kuka2/op", "T1");
    for (int i = 0; i < 50; i++) {
        for (int axis = 1; axis <= 3; axis++) {
            char topic[40];
            for (int robot = 1; robot <= 2; robot++) {
                snprintf(topic, sizeof topic, "cell7/kuka%d/axis%d", robot, axis);
                send(false, 100 * i + axis, topic, "{\"v\":%g,\"t\":%lld}", sin(i + axis),
                     (long long)(WALL_NS / MS + 100 * i));
            }
        }
        if (i % 20 == 0) {
            send(false, 100 * i, "cell7/kuka1/gripper", "{\"v\":\"%s\",\"t\":%lld}",
                 i % 40 ? "open" : "closed", (long long)(WALL_NS / MS + 100 * i));
            send(false, 100 * i, "cell7/kuka2/gripper", "{\"v\":\"closed\",\"t\":%lld}",
                 (long long)(WALL_NS / MS + 100 * i));
        }
    }
}

static void test_a_tag_a_topic(void **state)
{
    play_tags();
    advise(5000);
    expect_no_worse_than_hints();
    expect_finding(SURVEY_HINT, "cell7/kuka1/op, which is of another form, fits");
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"cell7/{robot}/{channel}\"},{\"topic\":\"cell7/{robot}/"
                "{channel}\",\"value\":\"/v\",\"time\":\"/t\",\"time_unit\":\"ms\"}],\"tick\":{"
                "\"period_s\":0.1},\"channels\":{\"mode\":{\"tag\":\"op\",\"table\":{\"AUT\":"
                "\"auto\",\"T1\":\"t1\"},\"max_age_s\":\"hold\"},\"gripper\":{\"max_age_s\":"
                "\"hold\",\"table\":{\"closed\":0,\"open\":1}}}}");
    expect_json(
        plant.advice.configuration,
        "{\"input\":{\"assembler_file\":\"assembler.json\",\"gate\":{\"mode\":[\"auto\"]}}}");
    try_advice(play_tags);
    expect_samples("kuka1", 35);
    expect_samples("kuka2", 35);
}

static void play_bare(void)
{
    send(true, 0, "cell7/kuka1/op", "AUT");
    for (int i = 0; i < 50; i++) {
        for (int axis = 1; axis <= 3; axis++) {
            char topic[40];
            snprintf(topic, sizeof topic, "cell7/kuka1/axis/%d/speed", axis);
            send(false, 100 * i + axis, topic, "%g", sin(i + axis));
        }
    }
}

static void test_bare_values_at_depths(void **state)
{
    play_bare();
    advise(5000);
    expect_no_worse_than_hints();
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"cell7/{robot}/{channel}/#\"}],\"tick\":{\"period_s\":"
                "0.1},\"channels\":{\"mode\":{\"tag\":\"op\",\"table\":{\"AUT\":\"auto\"},"
                "\"max_age_s\":\"hold\"}}}");
    try_advice(play_bare);
    expect_samples("kuka1", 35);
}

/* ---- Telegraf */

static void play_telegraf(void)
{
    for (int i = 0; i < 50; i++)
        send(false, 200 * i, "telegraf/h1/kuka",
             "{\"fields\":{\"A1\":%g,\"A2\":%g},\"name\":\"kuka\",\"tags\":{\"host\":\"h1\","
             "\"robot\":\"kuka1\"},\"timestamp\":%lld}",
             sin(i), cos(i), (long long)(WALL_NS / MS + 200 * i));
}

static void test_telegraf(void **state)
{
    play_telegraf();
    advise(10000);
    expect_no_worse_than_hints();
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"telegraf/h1/kuka\",\"robot\":\"/tags/robot\","
                "\"values\":\"/fields\",\"time\":\"/timestamp\",\"time_unit\":\"ms\"}],\"tick\":{"
                "\"period_s\":0.2}}");
    try_advice(play_telegraf);
    expect_samples("kuka1", 40);
}

static void test_whole_seconds_are_no_times_of_samples(void **state)
{
    for (int i = 0; i < 50; i++)
        send(false, 100 * i, "telegraf/h1/kuka",
             "{\"fields\":{\"A1\":%g,\"A2\":%g},\"tags\":{\"robot\":\"kuka1\"},\"timestamp\":%lld}",
             sin(i), cos(i), (long long)(WALL_NS / CLOCK_NS_PER_S + i / 10));
    advise(5000);
    expect_finding(SURVEY_WARNING, "whole seconds, messages come every 0.1 s");
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"telegraf/h1/kuka\",\"robot\":\"/tags/robot\","
                "\"values\":\"/fields\"}],\"tick\":{\"period_s\":0.1}}");
}

/* ---- OPC UA PubSub */

static void play_pubsub(void)
{
    for (int i = 0; i < 50; i++) {
        char time[CLOCK_RFC3339_MAX];
        clock_format_rfc3339(WALL_NS + 100 * i * MS, time);
        send(false, 100 * i, "ua/json/data",
             "{\"MessageId\":\"%d\",\"PublisherId\":\"kuka1\",\"Messages\":[{\"DataSetWriterId\":1,"
             "\"SequenceNumber\":%d,\"Payload\":{\"A1\":{\"Value\":%g,\"SourceTimestamp\":\"%s\"},"
             "\"A2\":{\"Value\":%g,\"SourceTimestamp\":\"%s\"}}}]}",
             i, i, sin(i), time, cos(i), time);
    }
}

static void test_pubsub(void **state)
{
    play_pubsub();
    advise(5000);
    expect_no_worse_than_hints();
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"ua/json/data\",\"robot\":\"/PublisherId\",\"each\":"
                "\"/Messages\",\"values\":\"/Payload\",\"value\":\"/Value\",\"time\":"
                "\"/SourceTimestamp\"}],\"tick\":{\"period_s\":0.1}}");
    try_advice(play_pubsub);
    expect_samples("kuka1", 35);
}

/* ---- named values */

static void play_list(void)
{
    for (int i = 0; i < 50; i++)
        send(
            false, 100 * i, "gw/data",
            "{\"values\":[{\"id\":\"A.1\",\"v\":%g,\"q\":true,\"t\":%lld},{\"id\":\"A.2\",\"v\":%g,"
            "\"q\":true,\"t\":%lld}]}",
            sin(i), (long long)(WALL_NS / MS + 100 * i), cos(i),
            (long long)(WALL_NS / MS + 100 * i));
}

static void test_named_values(void **state)
{
    play_list();
    advise(5000);
    expect_no_worse_than_hints();
    expect_finding(SURVEY_HINT, "nothing names the robot on gw/data");
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"gw/data\",\"robot\":\"robot1\",\"each\":\"/values\","
                "\"name\":\"/id\",\"value\":\"/v\",\"time\":\"/t\",\"time_unit\":\"ms\","
                "\"quality\":\"/q\",\"good\":[true]}],\"tick\":{\"period_s\":0.1}}");
    try_advice(play_list);
    expect_samples("robot1", 35);
}

/* ---- numbers at places */

static void play_places(void)
{
    for (int i = 0; i < 50; i++)
        send(false, 20 * i, "plant/ur5/state", "{\"seq\":%d,\"joints\":[%g,%g],\"tcp\":{\"x\":%g}}",
             i, sin(i), cos(i), sin(2 * i));
}

static void test_places(void **state)
{
    play_places();
    advise(1000);
    expect_no_worse_than_hints();
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"plant/{robot}/state\",\"tags\":{\"joints_0\":"
                "\"/joints/0\",\"joints_1\":\"/joints/1\",\"tcp_x\":\"/tcp/x\"}}],\"tick\":{"
                "\"period_s\":0.02}}");
    try_advice(play_places);
    expect_samples("ur5", 15);
}

/* ---- whole samples */

static void test_whole_samples(void **state)
{
    for (int i = 0; i < 50; i++) {
        send(false, 100 * i, "cell7/kuka1/velocity", "{\"time\":%lld,\"values\":[%g,%g]}",
             (long long)(WALL_NS / MS + 100 * i), sin(i), cos(i));
        send(false, 100 * i, "cell7/kuka2/velocity", "{\"time\":%lld,\"values\":[%g,%g]}",
             (long long)(WALL_NS / MS + 100 * i), sin(i), cos(i));
        send(false, 100 * i, "armwatch/robot/cell7/sample", "{\"channels\":{\"a\":%g}}", sin(i));
    }
    advise(5000);
    expect_no_worse_than_hints();
    assert_null(plant.advice.assembler);
    expect_json(plant.advice.configuration,
                "{\"topics\":{\"samples\":[\"cell7/{robot}/velocity\",\"armwatch/robot/{robot}/"
                "sample\"]},\"input\":{\"time_unit\":\"ms\"}}");
}

/* The level that differs names the robot, whatever another looks like. */
static void test_samples_of_two_forms(void **state)
{
    for (int i = 0; i < 20; i++) {
        send(false, 100 * i, "robot1/left/sample", "[%d,2]", i);
        send(false, 100 * i, "robot1/right/sample", "[%d,2]", i);
        send(false, 100 * i, "robot1/up/sample", "{\"values\":[%d,2]}", i);
        send(false, 100 * i, "robot1/down/sample", "{\"values\":[%d,2]}", i);
        send(false, 100 * i, "nameless!", "[%d,2]", i);
    }
    advise(2000);
    expect_json(plant.advice.configuration,
                "{\"topics\":{\"samples\":[\"robot1/{robot}/sample\"]}}");
    expect_finding(SURVEY_WARNING, "samples on nameless!: no level names the robot");
}

/* A tag of free text gets no table, and the mode is looked for by its name first. */
static void test_words(void **state)
{
    for (int i = 0; i < 40; i++) {
        send(false, 100 * i, "c/k1/note", "text %d", i);
        send(false, 100 * i, "c/k1/switch", i % 2 ? "auto" : "off");
        send(false, 100 * i, "c/k1/OpMode", "T%d", 1 + i / 20);
        send(false, 100 * i, "c/k1/a", "%d", i);
    }
    advise(4000);
    expect_finding(SURVEY_HINT, "more than 16 different words");
    expect_finding(SURVEY_HINT, "OpMode tells the mode (t1)");
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"c/{robot}/{channel}\"}],\"tick\":{\"period_s\":0.1},"
                "\"channels\":{\"mode\":{\"tag\":\"OpMode\",\"table\":{\"T1\":\"t1\",\"T2\":"
                "\"t2\"},\"max_age_s\":\"hold\"},\"switch\":{\"table\":{\"off\":0,\"auto\":1}}}}");
}

/* What comes slowly, but evenly, holds for as long as it needs. */
static void test_ages(void **state)
{
    for (int i = 0; i < 600; i++) {
        send(false, 100 * i, "c/k1/a", "%d", i);
        if (i % 50 == 0)
            send(false, 100 * i, "c/k1/temp", "%g", 40 + sin(i));
        if (i % 200 < 4)
            send(false, 100 * i, "c/k1/count", "%d", i);
    }
    advise(60000);
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"c/{robot}/{channel}\"}],\"tick\":{\"period_s\":0.1},"
                "\"channels\":{\"temp\":{\"max_age_s\":20},\"count\":{\"max_age_s\":\"hold\"}}}");
}

/* A pause of the network makes no tag one that tells changes only. */
static void test_a_pause(void **state)
{
    for (int i = 0; i < 200; i++)
        send(false, 100 * i + (i > 100) * 4000, "c/k1/a", "%g", sin(i));
    advise(30000);
    expect_finding(SURVEY_HINT, "a gap of 6.1 s");
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"c/{robot}/{channel}\"}],\"tick\":{\"period_s\":0.1}}");
}

/* ---- findings */

static void test_nothing_came(void **state)
{
    advise(5000);
    expect_finding(SURVEY_ERROR, "nothing came in 5 s");
    assert_null(plant.advice.configuration);
    assert_null(plant.advice.assembler);
}

static void test_what_is_wrong_with_the_stream(void **state)
{
    send(true, 0, "old", "5");
    for (int i = 0; i < 50; i++) {
        send(false, 100 * i, "broken", "{\"a\":%d", i);
        send(false, 100 * i, "ahead", "{\"v\":%d,\"t\":%lld}", i % 7,
             (long long)(WALL_NS / MS + 100 * i + 9000));
        send(false, 100 * i, "micro", "{\"v\":%d,\"t\":%lld}", i % 7,
             (long long)(WALL_NS / 1000 + 100000 * i));
        send(false, 100 * i + (i > 25) * 5000, "gap", "[%d,2]", i);
        send(false, 100 * i, "twice", "{\"values\":[%d,2],\"seq\":%d}", i / 2, i / 2);
    }
    const struct survey_message large = {.topic = "large", .size = 70000};
    survey_take(&plant.survey, &large);
    advise(10000);
    expect_finding(SURVEY_ERROR, "broken: 50 messages begin like JSON and are none");
    expect_finding(SURVEY_ERROR, "large: 1 messages over 64 KiB");
    expect_finding(SURVEY_WARNING, "(/t) is 9.0 s ahead of this host");
    expect_finding(SURVEY_WARNING, "times at /t are in microseconds");
    expect_finding(SURVEY_WARNING, "gap: a gap of 5.1 s in messages that come every 0.1 s");
    expect_finding(SURVEY_WARNING, "twice: 25 of 50 messages repeat the one before");
    assert_int_equal(plant.advice.findings.items[0].severity, SURVEY_ERROR);
}

static void test_only_retained(void **state)
{
    send(true, 0, "cell7/kuka1/a", "5");
    advise(5000);
    expect_finding(SURVEY_ERROR, "only retained messages came (1)");
}

/* Text from outside does not steer a terminal. */
static void test_names_are_cleaned(void **state)
{
    for (int i = 0; i < 20; i++)
        send(false, 100 * i, "x/\033[31mred", "{\"a\":%d", i);
    send(false, 100, "x/k1/a", "\302\233word");
    advise(2000);
    expect_finding(SURVEY_ERROR, "x/?[31mred: 20 messages");
    const struct doctor_report report = {.survey = &plant.survey, .advice = &plant.advice};
    FILE *out = fopen(fixture_path("out"), "w+");
    assert_non_null(out);
    doctor_text_print(&report, out);
    rewind(out);
    for (int c, before = 0; (c = fgetc(out)) != EOF; before = c) {
        assert_true(c >= ' ' || c == '\n');
        assert_false(before == 0xc2 && c >= 0x80 && c < 0xa0);
    }
    fclose(out);
}

/* ---- against a model */

static void test_a_model(void **state)
{
    static const struct tiny_model tiny = {.channels = 3}; /* a, b, c */
    plant.model = tiny_model_new(&tiny);
    for (int i = 0; i < 50; i++)
        send(false, 200 * i, "armwatch/robot/k/sample",
             "{\"channels\":{\"a\":%g,\"B\":%g,\"other\":%d}}", 57 * sin(i), cos(i), i);
    advise(10000);
    expect_finding(SURVEY_ERROR, "1 of the model's 3 channels do not come: c");
    expect_finding(SURVEY_ERROR, "1 of the model's channels come under another name: b as B");
    expect_finding(SURVEY_HINT, "1 signals are no channels of the model, and ignored: other");
    expect_finding(SURVEY_WARNING, "5 samples a second, the model was made for 10");
}

static void test_a_count(void **state)
{
    static const struct tiny_model tiny = {.channels = 3};
    plant.model = tiny_model_new(&tiny);
    for (int i = 0; i < 50; i++)
        send(false, 100 * i, "armwatch/robot/k/sample", "[%g,%g]", sin(i), cos(i));
    advise(5000);
    expect_finding(SURVEY_ERROR, "2 values without names, the model has 3 channels");
}

/* Rows of the self-test give the magnitudes. */
static void test_units(void **state)
{
    static const struct tiny_model tiny = {.channels = 4};
    plant.model = tiny_model_new(&tiny);
    const struct model *model = plant.model;
    for (size_t i = 0; i < model->selftest_rows; i++) {
        const float *row = &model->selftest_input[i * model->width];
        send(false, 100 * (int64_t)i, "c/k1/a", "%g", 57.29578 * (double)row[0]);
        send(false, 100 * (int64_t)i, "c/k1/b", "%g", (double)row[1] / 1000);
        send(false, 100 * (int64_t)i, "c/k1/c", "%g", 1.5 * (double)row[2]);
        send(false, 100 * (int64_t)i, "c/k1/d", "0.25");
    }
    advise(8000);
    expect_finding(SURVEY_WARNING, "a is about 57 times what the model knows: degrees");
    expect_finding(SURVEY_WARNING, "b is about 1/1000 of what the model knows");
    expect_finding(SURVEY_WARNING, "never changed here, but in the model's data: d");
    for (size_t f = 0; f < plant.advice.findings.count; f++)
        assert_null(strstr(plant.advice.findings.items[f].text, "c is about"));
}

/* Tags whose names differ get a rule; those that are no channels are left out. */
static void play_other_names(void)
{
    for (int i = 0; i < 50; i++) {
        send(false, 100 * i, "c/k1/A", "%g", sin(i));
        send(false, 100 * i, "c/k1/B", "%g", cos(i));
        send(false, 100 * i, "c/k1/hall-temp", "%d", i);
        send(false, 100 * i, "elsewhere/x/y", "%d", i);
    }
}

static void test_a_file_for_a_model(void **state)
{
    static const struct tiny_model tiny = {.channels = 2};
    plant.model = tiny_model_new(&tiny);
    play_other_names();
    advise(5000);
    expect_finding(SURVEY_HINT, "probably come under another name: a as A, b as B");
    expect_json(plant.advice.assembler,
                "{\"sources\":[{\"topic\":\"c/{robot}/{channel}\"}],\"channels\":{\"a\":{\"tag\":"
                "\"A\"},\"b\":{\"tag\":\"B\"}}}");
    try_advice(play_other_names);
    expect_samples("k1", 35);
}

/* ---- a file that is there */

static void test_a_file_is_tried(void **state)
{
    static const char file[] =
        "{\"sources\":[{\"topic\":\"c/{robot}/{channel}\"},{\"topic\":\"none/{robot}/{channel}\"}],"
        "\"channels\":{\"door\":{\"table\":{\"open\":1},\"max_age_s\":\"hold\"},\"x\":{\"tag\":"
        "\"gone\"}}}";
    struct diag diag = DIAG_INIT;
    assert_int_equal(source_map_parse("f", file, strlen(file), &plant.map, &diag), 0);
    assert_int_equal(survey_trial_init(&plant.trial, plant.map, NULL, 500 * MS), 0);
    for (int i = 0; i < 30; i++) {
        send(false, 100 * i, "c/k1/a", "%d", i);
        send(false, 100 * i, "c/k1/door", "ajar");
        send(false, 100 * i, "c/k 1/a", "1");
        send(false, 100 * i, "c/k1/b", "{}");
    }
    survey_trial_end(&plant.trial);
    survey_trial_findings(&plant.trial, &plant.advice.findings);
    expect_finding(SURVEY_ERROR,
                   "1 channels have no value, so no sample can be made: x (tag gone)");
    expect_finding(SURVEY_ERROR, "the file makes no sample");
    expect_finding(SURVEY_WARNING, "sources[1] of the file, none/{robot}/{channel}: nothing came");
    expect_finding(SURVEY_WARNING, "a word is in no table");
    expect_finding(SURVEY_WARNING, "30 messages would be refused (no_robot)");
    expect_finding(SURVEY_WARNING, "30 messages would be refused (no_value)");
    cJSON *tree = survey_trial_json(&plant.trial);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(tree, "channels_without_value")), 1);
    cJSON_Delete(tree);
}

#define ADVICE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ADVICE_TEST(test_a_tag_a_topic),
        ADVICE_TEST(test_bare_values_at_depths),
        ADVICE_TEST(test_telegraf),
        ADVICE_TEST(test_whole_seconds_are_no_times_of_samples),
        ADVICE_TEST(test_pubsub),
        ADVICE_TEST(test_named_values),
        ADVICE_TEST(test_places),
        ADVICE_TEST(test_whole_samples),
        ADVICE_TEST(test_samples_of_two_forms),
        ADVICE_TEST(test_words),
        ADVICE_TEST(test_ages),
        ADVICE_TEST(test_a_pause),
        ADVICE_TEST(test_nothing_came),
        ADVICE_TEST(test_what_is_wrong_with_the_stream),
        ADVICE_TEST(test_only_retained),
        ADVICE_TEST(test_names_are_cleaned),
        ADVICE_TEST(test_a_model),
        ADVICE_TEST(test_a_count),
        ADVICE_TEST(test_units),
        ADVICE_TEST(test_a_file_for_a_model),
        ADVICE_TEST(test_a_file_is_tried),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}

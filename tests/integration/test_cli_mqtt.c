/* The command's ways to a broker and back: what is recorded is what was sent. */
#include "command.h"

#include "base/json.h"
#include "lab/npy.h"
#include "lab/recording.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 20000

struct bench {
    struct harness *harness;
    uv_loop_t *loop;
    const char *directory, *url;
    struct command first, second;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    void *harness = NULL;
    harness_setup(&harness);
    bench->harness = harness;
    bench->loop = &bench->harness->loop;
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    void *harness = bench->harness;
    command_deinit(&bench->first);
    command_deinit(&bench->second);
    free(bench);
    return harness_teardown(&harness);
}

static struct bench *with_broker(void **state)
{
    struct bench *bench = *state;
    harness_broker(bench->harness, NULL);
    bench->directory = broker_directory(bench->harness->broker);
    bench->url = broker_url(bench->harness->broker);
    return bench;
}

static void expect_exit(struct command *command, uv_loop_t *loop, int expected)
{
    int code = command_wait(command, loop, LIMIT_MS);
    if (code != expected)
        fail_msg("exit code %d, expected %d; stderr: %s", code, expected, command_err(command));
}

static void expect_in(const char *text, const char *part)
{
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text ? text : "(nothing)");
}

static struct recording *load(const struct bench *bench, const char *name, const char *columns)
{
    char path[256], columns_path[256];
    snprintf(path, sizeof path, "%s/%s", bench->directory, name);
    snprintf(columns_path, sizeof columns_path, "%s/%s", bench->directory, columns ? columns : "");
    const struct recording_options options = {.columns_path = columns ? columns_path : NULL};
    struct recording *recording = NULL;
    struct diag diag = DIAG_INIT;
    if (recording_load(path, &options, &recording, &diag) < 0)
        fail_msg("%s", diag.text);
    return recording;
}

static void save(const struct bench *bench, const struct recording *recording, const char *name)
{
    char path[256], columns[256];
    snprintf(path, sizeof path, "%s/%s", bench->directory, name);
    snprintf(columns, sizeof columns, "%s/columns.npy", bench->directory);
    const struct recording_output output = {.path = path, .columns_path = columns};
    struct diag diag = DIAG_INIT;
    if (recording_save(recording, &output, &diag) < 0)
        fail_msg("%s", diag.text);
}

#define TIME_STEP_NS 500 /* twice what a double of Unix seconds can tell apart */

/* Rows, values, holes and times are the same: times of holes to TIME_STEP_NS, others as asked. */
static void expect_same(const struct recording *a, const struct recording *b, int64_t step_ns)
{
    if (a->rows != b->rows || a->channels != b->channels)
        fail_msg("%zu x %zu and %zu x %zu", a->rows, a->channels, b->rows, b->channels);
    for (size_t row = 0; row < a->rows; row++) {
        if (a->valid[row] != b->valid[row])
            fail_msg("row %zu: valid %d and %d", row, a->valid[row], b->valid[row]);
        for (size_t i = 0; a->valid[row] && i < a->channels; i++) {
            float x = a->values[row * a->channels + i], y = b->values[row * a->channels + i];
            if (x != y)
                fail_msg("row %zu, channel %zu: %.9g and %.9g", row, i, (double)x, (double)y);
        }
        if (llabs(a->time_ns[row] - b->time_ns[row]) > (a->valid[row] ? step_ns : TIME_STEP_NS))
            fail_msg("row %zu: %lld ns and %lld ns", row, (long long)a->time_ns[row],
                     (long long)b->time_ns[row]);
    }
}

static double member(const char *json, const char *key)
{
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(json, strlen(json), &diag);
    if (!tree)
        fail_msg("\"%s\": %s", json, diag.text);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, key);
    double value = cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
    cJSON_Delete(tree);
    return value;
}

static void expect_member(const char *json, const char *key, double expected)
{
    double value = member(json, key);
    if (!(fabs(value - expected) < 1e-9))
        fail_msg("%s is %g, expected %g, in %s", key, value, expected, json);
}

/* ---- samples */

static void test_simulated_live_is_recorded(void **state)
{
    struct bench *bench = with_broker(state);
    command_start(&bench->first, bench->directory,
                  "record --broker %s --robot arm1 --out live.npy --rows 200", bench->url);
    command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
    command_start(&bench->second, bench->directory,
                  "simulate --broker %s --robot arm1 --session-seed 5 --speed 200 --json "
                  "--schedule healthy:5,slow:0.5:15",
                  bench->url);
    expect_exit(&bench->second, bench->loop, 0);
    expect_in(command_out(&bench->second), "\"row\":50,\"anomaly\":\"slow:0.5\"");
    expect_in(command_err(&bench->second), "slow:0.5");
    expect_exit(&bench->first, bench->loop, 0);
    command_start(&bench->second, bench->directory,
                  "simulate --out file.npy --session-seed 5 --schedule healthy:5,slow:0.5:15");
    expect_exit(&bench->second, bench->loop, 0);
    struct recording *live = load(bench, "live.npy", NULL), *file = load(bench, "file.npy", NULL);
    int64_t shift_ns = live->time_ns[0] - file->time_ns[0];
    for (size_t row = 0; row < live->rows; row++)
        live->time_ns[row] -= shift_ns;
    expect_same(live, file, TIME_STEP_NS);
    recording_free(live);
    recording_free(file);
}

/* Two holes in a row, one alone, and times that are not even. */
static struct recording *odd_recording(bool with_time)
{
    enum { ROWS = 300, CHANNELS = 3 };
    static const char *const names[CHANNELS] = {"plain", "with \"quotes\", comma", "grün"};
    struct recording *recording = recording_new(ROWS, CHANNELS, names, with_time, false);
    assert_non_null(recording);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < CHANNELS; i++)
            recording->values[row * CHANNELS + i] = (float)row / 7 - (float)i * 1e-7f;
        if (with_time)
            recording->time_ns[row] = INT64_C(1764000000123456789) + (int64_t)row * 99999937;
    }
    static const size_t holes[] = {10, 11, 250};
    for (size_t i = 0; i < 3; i++)
        recording->valid[holes[i]] = 0;
    recording->holes = 3;
    return recording;
}

static void replay_and_record(struct bench *bench, const char *how)
{
    command_start(&bench->first, bench->directory,
                  "record --broker %s --robot arm1 --out got.npy --columns-out got-columns.npy "
                  "--rows 300 --force --json",
                  bench->url);
    command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
    command_start(&bench->second, bench->directory,
                  "replay --broker %s --robot arm1 odd.npy --columns columns.npy %s", bench->url,
                  how);
    expect_exit(&bench->second, bench->loop, 0);
    expect_exit(&bench->first, bench->loop, 0);
}

static void test_replayed_is_recorded(void **state)
{
    struct bench *bench = with_broker(state);
    static const char *const ways[] = {"--speed 0", "--speed 0 --format channels",
                                       "--speed 0 --format binary", "--speed 100",
                                       "--rate 3000 --protocol 3.1.1"};
    struct recording *sent = odd_recording(true);
    save(bench, sent, "odd.npy");
    recording_free(sent);
    sent = load(bench, "odd.npy", "columns.npy");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        replay_and_record(bench, ways[i]);
        struct recording *got = load(bench, "got.npy", "got-columns.npy");
        expect_same(sent, got, 0);
        expect_member(command_out(&bench->first), "holes", 3);
        if (strstr(ways[i], "channels")) {
            for (size_t c = 0; c < sent->channels; c++)
                assert_string_equal(got->names[c], sent->names[c]);
        }
        recording_free(got);
        command_deinit(&bench->first);
        command_deinit(&bench->second);
    }
    recording_free(sent);
}

static void test_replay_without_times_repeats(void **state)
{
    struct bench *bench = with_broker(state);
    struct recording *sent = odd_recording(false);
    save(bench, sent, "odd.npy");
    command_start(&bench->first, bench->directory,
                  "record --broker %s --robot arm1 --out got.npy --rows 600", bench->url);
    command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
    command_start(&bench->second, bench->directory,
                  "replay --broker %s --robot arm1 odd.npy --speed 0 --rate-hz 20 --repeat 2",
                  bench->url);
    expect_exit(&bench->second, bench->loop, 0);
    expect_exit(&bench->first, bench->loop, 0);
    struct recording *got = load(bench, "got.npy", NULL);
    assert_int_equal(got->rows, 600);
    assert_int_equal(got->holes, 6);
    for (size_t row = 0; row < 600; row++) {
        int64_t after_ns = got->time_ns[row] - got->time_ns[0];
        if (llabs(after_ns - (int64_t)row * 50000000) > 1000)
            fail_msg("row %zu comes %lld ns after the first", row, (long long)after_ns);
        if (got->valid[row] != sent->valid[row % 300])
            fail_msg("row %zu: valid %d", row, got->valid[row]);
    }
    recording_free(got);
    recording_free(sent);
}

static void test_record_counts_what_it_refuses(void **state)
{
    struct bench *bench = with_broker(state);
    static const char *const samples[] = {
        "nonsense", /* refused, before the channels are known */
        "{\"seq\":1,\"channels\":{\"a\":1,\"s\":\"text\",\"b\":2}}",
        "{\"seq\":2,\"channels\":{\"b\":4,\"a\":3}}",
        "{\"seq\":2,\"channels\":{\"b\":4,\"a\":3}}",    /* twice */
        "{\"seq\":3,\"channels\":{\"b\":null,\"a\":3}}", /* a hole */
        "{\"seq\":5,\"channels\":{\"b\":6,\"a\":5}}",    /* and 4 is missing */
        "{\"seq\":6,\"mode\":\"t1\",\"channels\":{\"b\":6,\"a\":5}}",
        "{\"seq\":7,\"mode\":\"auto\",\"channels\":{\"b\":8,\"a\":7}}",
    };
    command_start(&bench->first, bench->directory,
                  "record --broker %s --topic cell/+/raw --out got.csv --rows 6 --json",
                  bench->url);
    command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        peer_publish(peer, "cell/arm1/raw", samples[i], 1);
    expect_exit(&bench->first, bench->loop, 0);
    expect_in(command_err(&bench->first), "left out, being no numbers: s");
    const char *out = command_out(&bench->first);
    expect_member(out, "rows", 6);
    expect_member(out, "channels", 2);
    expect_member(out, "holes", 2);
    expect_member(out, "repeated", 1);
    expect_member(out, "other_modes", 1);
    expect_in(out, "\"not_a_number\":1");
    expect_in(out, "\"no_values\":1");
}

static void test_record_refuses_two_robots(void **state)
{
    struct bench *bench = with_broker(state);
    command_start(&bench->first, bench->directory, "record --broker %s --out got.npy", bench->url);
    command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    peer_publish(peer, "armwatch/robot/a/sample", "[1,2]", 1);
    peer_publish(peer, "armwatch/robot/b/sample", "[1,2]", 1);
    expect_exit(&bench->first, bench->loop, 65);
    expect_in(command_err(&bench->first), "armwatch/robot/a/sample");
    expect_in(command_err(&bench->first), "armwatch/robot/b/sample");
}

static void publish_tag(struct peer *peer, const char *topic, const char *value, int row)
{
    char text[128];
    snprintf(text, sizeof text, "{\"v\":%s,\"t\":%lld}", value, 1767225600000 + 100LL * row);
    peer_publish(peer, topic, text, 0);
}

/* Each tag alone: what is recorded is the row that they are at a border; what is no number, and of
   another robot, is not. */
static void test_tags_are_recorded(void **state)
{
    struct bench *bench = with_broker(state);
    char path[200];
    snprintf(path, sizeof path, "%s/tags.json", bench->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"sources\":[{\"topic\":\"t/{robot}/{channel}\",\"value\":\"/v\",\"time\":\"/t\","
          "\"time_unit\":\"ms\"}],\"channels\":{\"speed\":{\"tag\":\"b\",\"scale\":2},\"door\":{"
          "\"max_age_s\":\"hold\",\"table\":{\"open\":1,\"closed\":0}}}}",
          file);
    fclose(file);
    command_start(&bench->first, bench->directory,
                  "record --broker %s --robot arm1 --assembler tags.json --discover 300ms "
                  "--rate-hz 10 --out got.npy --columns-out columns.npy --rows 20",
                  bench->url);
    command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    for (int row = 0; row < 12; row++) { /* from these the channels are found */
        publish_tag(peer, "t/arm1/a", "1", row);
        publish_tag(peer, "t/arm1/b", "2", row);
        publish_tag(peer, "t/arm1/door", "\"open\"", row);
        publish_tag(peer, "t/arm1/name", "\"KR10\"", row);
        publish_tag(peer, "t/arm2/a", "7", row);
        wait_ms(bench->loop, 50);
    }
    command_wait_for(&bench->first, bench->loop, "3 channels from the topics of tags.json",
                     LIMIT_MS);
    publish_tag(peer, "t/arm1/a", "\"AUT\"", 12); /* told of in the end */
    for (int row = 12; row < 34; row++) {
        char value[32];
        snprintf(value, sizeof value, "%d.5", row);
        publish_tag(peer, "t/arm1/a", value, row);
        publish_tag(peer, "t/arm1/b", value, row);
        publish_tag(peer, "t/arm2/a", "7", row);
    }
    expect_exit(&bench->first, bench->loop, 0);
    expect_in(command_err(&bench->first), "1 tags or messages refused; the first: channel \"a\": "
                                          "\"AUT\" is no number");
    struct recording *got = load(bench, "got.npy", "columns.npy");
    assert_int_equal(got->rows, 20);
    assert_int_equal(got->channels, 3);
    assert_string_equal(got->names[0], "a");
    assert_string_equal(got->names[1], "speed");
    assert_string_equal(got->names[2], "door");
    int64_t row = (got->time_ns[19] / 1000000 - 1767225600000) / 100;
    assert_true(row > 12);
    assert_true(got->values[19 * 3] == (float)row + 0.5F);
    assert_true(got->values[19 * 3 + 1] == 2 * (float)row + 1);
    assert_true(got->values[19 * 3 + 2] == 1);
    recording_free(got);
}

static void test_tags_of_two_robots(void **state)
{
    struct bench *bench = with_broker(state);
    char path[200];
    snprintf(path, sizeof path, "%s/tags.json", bench->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"sources\":[{\"topic\":\"t/{robot}/{channel}\"}]}", file);
    fclose(file);
    command_start(&bench->first, bench->directory,
                  "record --broker %s --assembler tags.json --out got.npy", bench->url);
    expect_exit(&bench->first, bench->loop, 65);
    expect_in(command_err(&bench->first), "how many samples a second?");
    command_start(&bench->second, bench->directory,
                  "record --broker %s --assembler tags.json --rate-hz 10 --out got.npy",
                  bench->url);
    command_wait_for(&bench->second, bench->loop, "waiting for samples", LIMIT_MS);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    peer_publish(peer, "t/a/x", "1", 1);
    peer_publish(peer, "t/b/x", "1", 1);
    expect_exit(&bench->second, bench->loop, 65);
    expect_in(command_err(&bench->second), "tags come of a and b");
}

static void test_interrupt_saves_the_recording(void **state)
{
    struct bench *bench = with_broker(state);
    command_start(&bench->first, bench->directory, "record --broker %s --robot a --out got.npy",
                  bench->url);
    command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    peer_publish(peer, "armwatch/robot/a/sample", "{\"seq\":1,\"values\":[1,2]}", 1);
    command_wait_for(&bench->first, bench->loop, "2 channels without names", LIMIT_MS);
    command_signal(&bench->first, SIGINT);
    expect_exit(&bench->first, bench->loop, 0);
    struct recording *got = load(bench, "got.npy", NULL);
    assert_int_equal(got->rows, 1);
    assert_int_equal(got->channels, 2);
    recording_free(got);
}

/* ---- recordings that are gone on with ---- */

#define DAY_S 1764000000.0

/* Rows that are 0.1 s apart, from a time on. */
static void publish_rows(const struct bench *bench, struct peer *peer, double from_s, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"time\":%.3f,\"values\":[%zu,%zu]}",
                 from_s + 0.1 * (double)i, i, i % 4);
        peer->ack_count = 0;
        peer_publish(peer, "armwatch/robot/a/sample", text, 1);
        wait_until(bench->loop, peer->ack_count > 0, LIMIT_MS);
    }
    peer->ack_count = 0;
}

static void start_recording(struct bench *bench, const char *more)
{
    command_deinit(&bench->first);
    command_start(&bench->first, bench->directory,
                  "record --broker %s --robot a --out got.npy --step-channel channel_1 %s",
                  bench->url, more);
    command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
}

static bool is_there(const struct bench *bench, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", bench->directory, name);
    return access(path, F_OK) == 0;
}

static size_t rows_there(const struct bench *bench)
{
    char path[256];
    struct npy *npy;
    snprintf(path, sizeof path, "%s/got.npy", bench->directory);
    if (npy_open(path, &npy, NULL) < 0)
        return 0;
    size_t rows = npy->rows;
    npy_close(npy);
    return rows;
}

/* Killed at any moment, a recording has what came up to a few seconds before. */
static void test_a_killed_recording_is_there(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    start_recording(bench, "");
    publish_rows(bench, peer, DAY_S, 100);
    wait_until(bench->loop, rows_there(bench) == 100, LIMIT_MS);
    publish_rows(bench, peer, DAY_S + 10, 50); /* these are lost: they have come just now */
    command_signal(&bench->first, SIGKILL);
    expect_exit(&bench->first, bench->loop, -SIGKILL);
    struct recording *got = load(bench, "got.npy", NULL);
    assert_true(got->rows >= 100 && got->rows <= 150);
    assert_true(got->values[2 * 99] == 99);
    recording_free(got);
    start_recording(bench, "--append --rows 30 --json");
    publish_rows(bench, peer, DAY_S + 60, 30); /* the same session: it goes on in the file */
    expect_exit(&bench->first, bench->loop, 0);
    assert_false(is_there(bench, "got-002.npy"));
    got = load(bench, "got.npy", NULL);
    assert_true(got->rows >= 130);
    size_t border = got->rows - 30;
    assert_true(got->time_ns[border] - got->time_ns[border - 1] > INT64_C(40000000000));
    expect_member(command_out(&bench->first), "rows", (double)got->rows);
    recording_free(got);
}

static void test_a_recording_is_not_overwritten(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    start_recording(bench, "--rows 20");
    publish_rows(bench, peer, DAY_S, 20);
    expect_exit(&bench->first, bench->loop, 0);
    command_deinit(&bench->first);
    command_start(&bench->first, bench->directory, "record --broker %s --robot a --out got.npy",
                  bench->url);
    expect_exit(&bench->first, bench->loop, 1);
    expect_in(command_err(&bench->first), "--append goes on with it");
    start_recording(bench, "--append --rows 20");
    publish_rows(bench, peer, DAY_S + 86400, 20);
    expect_exit(&bench->first, bench->loop, 0);
    assert_true(is_there(bench, "got-002.npy") && is_there(bench, "got-002.time.npy"));
    start_recording(bench, "--force --rows 20");
    assert_true(is_there(bench, "got-002.npy")); /* until there is something in its place */
    publish_rows(bench, peer, DAY_S, 20);
    expect_exit(&bench->first, bench->loop, 0);
    assert_false(is_there(bench, "got-002.npy") || is_there(bench, "got-002.time.npy"));
}

/* A loss of the broker is a hole in the times, and a long pause another session. */
static void test_recording_over_a_loss_and_a_pause(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    start_recording(bench, "--rows 90 --json");
    publish_rows(bench, peer, DAY_S, 30);
    wait_until(bench->loop, rows_there(bench) == 30, LIMIT_MS);
    broker_kill(bench->harness->broker);
    command_wait_for(&bench->first, bench->loop, "connection lost", LIMIT_MS);
    wait_until(bench->loop, !mqtt_client_online(peer->client), LIMIT_MS);
    broker_start(bench->harness->broker, NULL);
    command_wait_for(&bench->first, bench->loop, "connected again", LIMIT_MS);
    wait_until(bench->loop, mqtt_client_online(peer->client), LIMIT_MS);
    publish_rows(bench, peer, DAY_S + 20, 30);
    publish_rows(bench, peer, DAY_S + 3600, 30);
    expect_exit(&bench->first, bench->loop, 0);
    const char *out = command_out(&bench->first);
    expect_member(out, "broker_losses", 1);
    expect_member(out, "gaps", 1);
    expect_in(out, "\"sessions\":2");
    expect_in(out, "\"cycles\":23"); /* seven in 30 rows, and at each of the two borders */
    expect_in(out, "\"judgement\":\"too_little\"");
    expect_in(out, "--append --duration 8h");
    struct recording *got = load(bench, "got.npy", NULL), *next = load(bench, "got-002.npy", NULL);
    assert_int_equal(got->rows, 60);
    assert_int_equal(next->rows, 30);
    assert_true(got->time_ns[30] - got->time_ns[29] > INT64_C(16000000000));
    recording_free(got);
    recording_free(next);
}

static void test_csv_is_gone_on_with(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    static const char *const ways[] = {"--rows 20", "--append --rows 20", "--resume --rows 20"};
    for (int i = 0; i < 3; i++) {
        command_deinit(&bench->first);
        command_start(&bench->first, bench->directory,
                      "record --broker %s --robot a --out got.csv %s", bench->url, ways[i]);
        command_wait_for(&bench->first, bench->loop, "waiting for samples", LIMIT_MS);
        publish_rows(bench, peer, DAY_S + (i < 2 ? 60 * i : 86400), 20);
        expect_exit(&bench->first, bench->loop, 0);
    }
    struct recording *got = load(bench, "got.csv", NULL), *next = load(bench, "got-002.csv", NULL);
    assert_int_equal(got->rows, 40);
    assert_int_equal(next->rows, 20);
    recording_free(got);
    recording_free(next);
}

static void test_lost_connection_is_said(void **state)
{
    struct bench *bench = with_broker(state);
    command_start(&bench->first, bench->directory,
                  "simulate --broker %s --robot a --speed 10 --rows 400", bench->url);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    harness_subscribe(bench->harness, peer, "armwatch/robot/a/sample", 0);
    wait_until(bench->loop, peer->message_count > 3, LIMIT_MS);
    broker_kill(bench->harness->broker);
    command_wait_for(&bench->first, bench->loop, "connection lost", LIMIT_MS);
    broker_start(bench->harness->broker, NULL);
    expect_exit(&bench->first, bench->loop, 1);
    expect_in(command_err(&bench->first), "connected again");
    expect_in(command_err(&bench->first), "missing");
}

/* ---- control */

static void answer_command(struct peer *peer, const struct mqtt_message *message, const char *reply)
{
    char id[32] = "", text[512];
    cJSON *tree = json_parse(message->payload, message->size, NULL);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(tree, "id");
    snprintf(id, sizeof id, "%s", cJSON_IsString(item) ? item->valuestring : "");
    cJSON_Delete(tree);
    const char *topic =
        message->response_topic ? message->response_topic : "armwatch/service/cell7/control/reply";
    struct mqtt_message answer = {.topic = topic, .payload = text, .qos = 1};
    const char *const ids[] = {"not-yours", id}; /* somebody else's answer comes first */
    for (size_t i = 0; i < 2; i++) {
        answer.size = (size_t)snprintf(text, sizeof text, "{\"id\":\"%s\",%s}", ids[i], reply);
        assert_int_equal(mqtt_client_publish(peer->client, &answer, NULL), 0);
    }
}

static void answer_reload(struct peer *peer, const struct mqtt_message *message)
{
    answer_command(peer, message,
                   "\"command\":\"reload\",\"ok\":true,\"model\":\"cell7-v2\",\"model_version\":2");
}

static void answer_error(struct peer *peer, const struct mqtt_message *message)
{
    answer_command(
        peer, message,
        "\"ok\":false,\"error\":{\"code\":\"unknown_command\",\"message\":\"no \\u001b\"}");
}

static struct peer *answering_peer(struct bench *bench,
                                   void (*answer)(struct peer *, const struct mqtt_message *))
{
    struct peer *peer = harness_online_peer(bench->harness, 0);
    harness_subscribe(bench->harness, peer, "armwatch/service/cell7/control", 1);
    peer->on_message = answer;
    return peer;
}

static void test_ctl_is_answered(void **state)
{
    struct bench *bench = with_broker(state);
    static const char *const protocols[] = {"5", "3.1.1"};
    struct peer *peer = answering_peer(bench, answer_reload);
    for (size_t i = 0; i < 2; i++) {
        command_start(
            &bench->first, bench->directory,
            "ctl --broker %s --instance cell7 --protocol %s --robot kuka1 reload cell7-v2",
            bench->url, protocols[i]);
        expect_exit(&bench->first, bench->loop, 0);
        expect_in(command_out(&bench->first), "cell7-v2 version 2");
        const char *request = peer->messages[peer->message_count - 1].payload;
        expect_in(request, "\"command\":\"reload\",\"model\":\"cell7-v2\",\"robot\":\"kuka1\"");
        command_deinit(&bench->first);
    }
}

static void test_ctl_passes_arguments_and_errors(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = answering_peer(bench, answer_error);
    command_start(
        &bench->first, bench->directory,
        "ctl --broker %s --instance cell7 ack alert_id=17 verdict=true minutes=2.5 note=x=y",
        bench->url);
    expect_exit(&bench->first, bench->loop, 1);
    expect_in(command_err(&bench->first), "cell7 refused ack: no ? (unknown_command)");
    expect_in(peer->messages[0].payload,
              "\"alert_id\":\"17\",\"verdict\":\"true\",\"minutes\":2.5,\"note\":\"x=y\"");
    command_deinit(&bench->first);
    command_start(&bench->first, bench->directory,
                  "ctl --broker %s --instance cell7 suspend --robot r1 --minutes 90 --reason 7",
                  bench->url);
    expect_exit(&bench->first, bench->loop, 1);
    expect_in(peer->messages[1].payload,
              "\"command\":\"suspend\",\"robot\":\"r1\",\"minutes\":90,\"reason\":\"7\"");
    command_deinit(&bench->first);
    command_start(&bench->first, bench->directory, "ctl --broker %s --instance cell7 ack --json",
                  bench->url);
    expect_exit(&bench->first, bench->loop, 1);
    expect_in(command_out(&bench->first), "\"code\":\"unknown_command\"");
}

static void test_ctl_gives_up(void **state)
{
    struct bench *bench = with_broker(state);
    command_start(&bench->first, bench->directory,
                  "ctl --broker %s --instance nobody --timeout 300ms status", bench->url);
    expect_exit(&bench->first, bench->loop, 1);
    expect_in(command_err(&bench->first),
              "no answer from nobody in 0.3 s; no instance of that name");
    command_deinit(&bench->first);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    const char status[] = "{\"state\":\"offline\"}";
    const struct mqtt_message message = {.topic = "armwatch/service/gone/status",
                                         .payload = status,
                                         .size = strlen(status),
                                         .qos = 1,
                                         .retained = true};
    assert_int_equal(mqtt_client_publish(peer->client, &message, NULL), 0);
    wait_until(bench->loop, peer->ack_count > 0, LIMIT_MS);
    command_start(&bench->first, bench->directory,
                  "ctl --broker %s --instance gone --timeout 300ms status", bench->url);
    expect_exit(&bench->first, bench->loop, 1);
    expect_in(command_err(&bench->first), "its state is \"offline\"");
}

/* ---- watch */

static const char alert[] = "{\"time\":\"2026-11-23T17:00:01.005Z\",\"data\":{\"state\":\"raised\","
                            "\"severity\":\"critical\","
                            "\"score\":3.5,\"text\":\"arm1 moves \\u001b[31moddly\"}}";

static void publish_until_seen(struct bench *bench, struct peer *peer)
{
    /* watch says nothing before the first message: it is sent until it has come. */
    uint64_t end = uv_hrtime() + (uint64_t)LIMIT_MS * 1000000;
    while (!strstr(command_out(&bench->first), "arm1")) {
        if (uv_hrtime() > end)
            fail_msg("watch has not shown anything: %s", command_err(&bench->first));
        unsigned acks = peer->ack_count;
        peer_publish(peer, "armwatch/robot/arm1/alert", alert, 1);
        wait_until(bench->loop, peer->ack_count > acks, LIMIT_MS);
        peer->ack_count = 0;
        wait_ms(bench->loop, 20);
    }
}

static void test_watch_writes_lines(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    command_start(&bench->first, bench->directory, "watch --broker %s", bench->url);
    publish_until_seen(bench, peer);
    command_signal(&bench->first, SIGTERM);
    expect_exit(&bench->first, bench->loop, 0);
    expect_in(command_out(&bench->first),
              "2026-11-23T17:00:01.005Z arm1 alert raised critical 3.50 "
              "arm1 moves ?[31moddly\n");
    if (strchr(command_out(&bench->first), '\033'))
        fail_msg("an escape sequence in a file: %s", command_out(&bench->first));
}

/* Nobody needs to guess why there are no alerts. */
static void test_watch_tells_of_maintenance(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    const char text[] = "{\"state\":\"suspended\",\"reasons\":[\"mode t1\"],\"since\":\"x\","
                        "\"suspended\":{\"until\":\"2026-11-23T17:00:01.005Z\","
                        "\"reason\":\"gripper\\u001b\"}}";
    const struct mqtt_message message = {.topic = "armwatch/robot/arm1/state",
                                         .payload = text,
                                         .size = strlen(text),
                                         .qos = 1,
                                         .retained = true};
    assert_int_equal(mqtt_client_publish(peer->client, &message, NULL), 0);
    command_start(&bench->first, bench->directory, "watch --broker %s", bench->url);
    publish_until_seen(bench, peer);
    command_signal(&bench->first, SIGTERM);
    expect_exit(&bench->first, bench->loop, 0);
    expect_in(command_out(&bench->first), "x arm1 state suspended: no alerts until ");
    expect_in(command_out(&bench->first), ":01: gripper?: mode t1\n");
}

/* `watch | head` ends when head has seen enough, and says nothing of it. */
static void test_watch_into_a_closed_pipe(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    char line[1024], said[160], ended[160];
    snprintf(said, sizeof said, "%s/said", bench->directory);
    snprintf(ended, sizeof ended, "%s/ended", bench->directory);
    snprintf(line, sizeof line,
             "(timeout 60 \"$ARMWATCH\" watch --broker %s 2>'%s' | head -n 1 >'%s.out';"
             " mv '%s.out' '%s') &",
             bench->url, said, ended, ended, ended);
    assert_int_equal(system(line), 0);
    uint64_t end = uv_hrtime() + (uint64_t)LIMIT_MS * 1000000;
    while (access(ended, F_OK) != 0) {
        if (uv_hrtime() > end)
            fail_msg("watch goes on for nobody");
        peer_publish(peer, "armwatch/robot/arm1/alert", alert, 1);
        wait_ms(bench->loop, 20);
    }
    struct stat about;
    assert_int_equal(stat(ended, &about), 0);
    assert_true(about.st_size > 0);
    assert_int_equal(stat(said, &about), 0);
    assert_int_equal(about.st_size, 0);
}

static void test_watch_writes_json(void **state)
{
    struct bench *bench = with_broker(state);
    struct peer *peer = harness_online_peer(bench->harness, 0);
    command_start(&bench->first, bench->directory, "watch --broker %s --json --robot arm1",
                  bench->url);
    publish_until_seen(bench, peer);
    command_signal(&bench->first, SIGINT);
    expect_exit(&bench->first, bench->loop, 0);
    const char *out = command_out(&bench->first), *end = strchr(out, '\n');
    assert_non_null(end);
    struct diag diag = DIAG_INIT;
    cJSON *line = json_parse(out, (size_t)(end - out), &diag);
    if (!line)
        fail_msg("%s: %s", diag.text, out);
    assert_string_equal(cJSON_GetObjectItem(line, "kind")->valuestring, "alert");
    assert_string_equal(cJSON_GetObjectItem(line, "robot")->valuestring, "arm1");
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(line, "message"), "data"));
    cJSON_Delete(line);
}

/* ---- exit codes */

static void test_exit_codes(void **state)
{
    struct bench *bench = *state;
    char directory[] = "/tmp/armwatch-cli-XXXXXX";
    assert_non_null(mkdtemp(directory));
    static const struct {
        const char *line;
        int code;
        const char *part; /* of stderr, or of stdout for 0 */
    } cases[] = {
        {"--version", 0, "armwatch "},
        {"--help", 0, "Commands:"},
        {"help replay", 0, "Usage: armwatch replay"},
        {"record --help", 0, "--columns-out"},
        {"recrod", 2, "did you mean \"record\"?"},
        {"record --otu x", 2, "did you mean \"--out\"?"},
        {"record --out x", 2, "--broker URL is needed"},
        {"record --broker mqtt://h", 2, "--out FILE is needed"},
        {"record --broker http://h --out x", 2, "mqtt"},
        {"record --broker mqtt://user:secret@h --out x", 2, "file"},
        {"record --broker mqtt://h --out x --duration soon", 2, "must be a duration"},
        {"simulate --out x.npy --minutes -1", 2, "--minutes \"-1\""},
        {"simulate --out x.npy --rows 2.5", 2, "whole number"},
        {"simulate --out x.npy", 2, "how long"},
        {"simulate --out x.npy --rows 5 --anomaly fire", 2, "\"fire\" is not known"},
        {"simulate --out x.npy --schedule healthy", 2, "ANOMALY[:AMOUNT]:SECONDS"},
        {"simulate --broker mqtt://127.0.0.1:1 --robot a", 69, "refused"},
        {"watch --broker unix:///nonexistent/socket", 69, "unix:///nonexistent/socket"},
        {"ctl --broker mqtt://127.0.0.1:1 --instance a status", 69, "refused"},
        {"ctl --broker mqtt://127.0.0.1:1 --instance a/b status", 2, "a name is"},
        {"replay --broker mqtt://127.0.0.1:1 --robot a missing.npy", 66, "missing.npy"},
        {"record --broker mqtt://127.0.0.1:1 --out missing/x.npy", 1, "missing/x.npy"},
        {"watch --broker mqtt://127.0.0.1:1 --password-file missing", 66, "missing"},
        {"check-config missing.json", 78, "missing.json"},
        {"simulate --out - --rows 2", 0, "time,action,"},
        {"simulate --out data.csv --rows 20", 0, ""},
        {"replay --broker mqtt://127.0.0.1:1 --robot a data.csv --rows 30:40", 65, "--rows"},
        {"replay --broker mqtt://127.0.0.1:1 --robot a data.csv", 69, "refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        command_start(&bench->first, directory, "%s", cases[i].line);
        int code = command_wait(&bench->first, bench->loop, LIMIT_MS);
        const char *text = code == 0 ? command_out(&bench->first) : command_err(&bench->first);
        if (code != cases[i].code || !strstr(text, cases[i].part))
            fail_msg("armwatch %s: exit code %d, expected %d; \"%s\" expected in: %s",
                     cases[i].line, code, cases[i].code, cases[i].part, text);
        command_deinit(&bench->first);
    }
    char remove[80];
    snprintf(remove, sizeof remove, "rm -r %s", directory);
    assert_int_equal(system(remove), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(simulated_live_is_recorded),
        TEST(replayed_is_recorded),
        TEST(replay_without_times_repeats),
        TEST(record_counts_what_it_refuses),
        TEST(record_refuses_two_robots),
        TEST(tags_are_recorded),
        TEST(tags_of_two_robots),
        TEST(interrupt_saves_the_recording),
        TEST(a_killed_recording_is_there),
        TEST(a_recording_is_not_overwritten),
        TEST(recording_over_a_loss_and_a_pause),
        TEST(csv_is_gone_on_with),
        TEST(lost_connection_is_said),
        TEST(ctl_is_answered),
        TEST(ctl_passes_arguments_and_errors),
        TEST(ctl_gives_up),
        TEST(watch_writes_lines),
        TEST(watch_tells_of_maintenance),
        TEST(watch_into_a_closed_pipe),
        TEST(watch_writes_json),
        TEST(exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

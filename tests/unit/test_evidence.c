/* The daemon's part: when packs are cut, what bounds them, and what a disk that refuses comes to.
 */
#include "fixture.h"

#include "base/clock.h"
#include "config/config.h"
#include "daemon/evidence.h"
#include "lab/pack.h"
#include "tiny_model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define S CLOCK_NS_PER_S

struct bench {
    uv_loop_t loop;
    struct config *config;
    struct evidence evidence;
    struct model *model;
    unsigned row;
    bool stopped;
};

static struct config *parse(const char *members)
{
    char text[1024];
    struct config *config;
    struct diag diag = DIAG_INIT;
    int size =
        snprintf(text, sizeof text,
                 "{\"mqtt\":{\"url\":\"mqtt://localhost\"},\"models\":{\"default\":\"tiny\"},"
                 "\"state_directory\":\"%s\",\"evidence\":{\"keep_free_mib\":0,"
                 "\"before_s\":1,\"after_s\":0.5%s}}",
                 fixture_directory, members);
    if (config_parse("/c.json", text, (size_t)size, &config, &diag) < 0)
        fail_msg("%s", diag.text);
    return config;
}

static void bench_init(struct bench *bench, const char *members)
{
    *bench = (struct bench){.config = parse(members),
                            .model = tiny_model_new(&(struct tiny_model){.limit = 0.5})};
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    assert_int_equal(evidence_init(&bench->evidence, &bench->loop, bench->config), 0);
}

static void on_stopped(void *user)
{
    struct bench *bench = user;
    bench->stopped = true;
}

static void bench_deinit(struct bench *bench)
{
    if (!bench->stopped)
        evidence_stop(&bench->evidence, on_stopped, bench);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_true(bench->stopped);
    evidence_deinit(&bench->evidence);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    config_free(bench->config);
    model_unref(bench->model);
}

/* Until nothing is in the pool. */
static void settle(struct bench *bench)
{
    while (bench->evidence.busy)
        uv_run(&bench->loop, UV_RUN_ONCE);
}

static struct robot *new_robot(struct bench *bench, const char *name)
{
    struct robot *robot = robot_new(name, 0, bench->model, 0);
    double thresholds[MODEL_DETECTORS_MAX] = {0.5};
    assert_non_null(robot);
    assert_int_equal(alert_set_model(&robot->alert, robot->model, thresholds), 0);
    return robot;
}

/* One row as intake takes it, and its score at once. */
static void send_row(struct bench *bench, struct robot *robot, double score)
{
    unsigned n = bench->row++;
    struct sample sample = {.has_time = true, .time_ns = n * S / 10, .has_seq = true, .seq = n};
    float *next = track_next_row(&robot->track);
    next[0] = next[1] = next[2] = (float)n;
    evidence_take(&bench->evidence, robot);
    track_push(&robot->track, &sample);
    evidence_row(&bench->evidence, robot, &sample);
    struct score result = {.time_ns = sample.time_ns, .seq = n, .detectors = 1};
    result.detector[0].evaluated = true;
    result.detector[0].score = score;
    evidence_score(&bench->evidence, robot, &result, score / 0.5);
}

static void send_rows(struct bench *bench, struct robot *robot, unsigned rows)
{
    for (unsigned i = 0; i < rows; i++)
        send_row(bench, robot, 0.1);
}

static void raise_alert(struct bench *bench, struct robot *robot, unsigned number)
{
    char text[128];
    snprintf(robot->alerts[ALERT_ANOMALY].id, HASH_HEX_SIZE, "%032x", number);
    snprintf(text, sizeof text, "{\"data\":{\"alert_id\":\"%032x\",\"kind\":\"anomaly\"}}", number);
    evidence_alert(&bench->evidence, robot, ALERT_ANOMALY, ALERT_RAISED, text);
}

static size_t count_packs(size_t *ret_others)
{
    DIR *stream = opendir(fixture_path("evidence"));
    const struct dirent *entry;
    size_t packs = 0, others = 0;
    while (stream && (entry = readdir(stream))) {
        packs += evidence_id_valid(entry->d_name);
        others += !evidence_id_valid(entry->d_name) && strspn(entry->d_name, ".") == 0;
        others +=
            !strncmp(entry->d_name, EVIDENCE_NEW, 5) || !strncmp(entry->d_name, EVIDENCE_OLD, 5);
    }
    if (stream)
        closedir(stream);
    if (ret_others)
        *ret_others = others;
    return packs;
}

static struct pack *load(unsigned number)
{
    char path[256];
    struct pack *pack = NULL;
    struct diag diag = DIAG_INIT;
    snprintf(path, sizeof path, "%s/evidence/%032x", fixture_directory, number);
    if (pack_load(path, &pack, &diag) < 0)
        fail_msg("%s", diag.text);
    return pack;
}

/* ---- when */

static void test_after_the_samples_behind(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    int64_t now_ns = clock_monotonic_ns();
    send_rows(&bench, robot, 30);
    raise_alert(&bench, robot, 1);
    send_rows(&bench, robot, 4);
    evidence_tick_robot(&bench.evidence, robot, now_ns);
    assert_non_null(robot->evidence.capture[ALERT_ANOMALY]); /* five are wanted */
    send_rows(&bench, robot, 1);
    evidence_tick_robot(&bench.evidence, robot, now_ns);
    settle(&bench);
    struct pack *pack = load(1);
    assert_int_equal(pack->rows, 13 + 1 + 5);
    assert_int_equal(pack->at, 13);
    assert_true(pack->samples[3 * pack->at] == 29);
    assert_true(pack->scores[pack->at] == (double)0.1F);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(pack->about, "cut")));
    assert_int_equal(bench.evidence.written, 1);
    assert_int_equal(bench.evidence.packs, 1);
    assert_true(bench.evidence.bytes > 0);
    pack_free(pack);
    robot_free(robot);
    bench_deinit(&bench);
}

/* As where a recording is played: rows come faster than the clock ticks. */
static void test_no_row_is_lost_to_a_burst(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 50);
    raise_alert(&bench, robot, 1);
    send_rows(&bench, robot, 500);
    settle(&bench);
    struct pack *pack = load(1);
    assert_int_equal(pack->rows, 19);
    assert_int_equal(pack->at, 13);
    pack_free(pack);
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_after_the_time_without_samples(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    raise_alert(&bench, robot, 1);
    int64_t now_ns = clock_monotonic_ns();
    evidence_tick_robot(&bench.evidence, robot, now_ns + S);
    assert_non_null(robot->evidence.capture[ALERT_ANOMALY]);
    evidence_tick_robot(&bench.evidence, robot, now_ns + 2 * S);
    settle(&bench);
    struct pack *pack = load(1);
    assert_int_equal(pack->rows, 14);
    pack_free(pack);
    robot_free(robot);
    bench_deinit(&bench);
}

/* What ended it and what somebody said of it are beside it, whenever they come. */
static void test_notes(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    raise_alert(&bench, robot, 1);
    evidence_alert(&bench.evidence, robot, ALERT_ANOMALY, ALERT_CLEARED, "{\"early\":true}");
    evidence_verdict(&bench.evidence, robot, robot->alerts[ALERT_ANOMALY].id,
                     "{\"verdict\":\"true\"}");
    send_rows(&bench, robot, 20);
    settle(&bench);
    struct pack *pack = load(1);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(pack->cleared, "early")));
    assert_string_equal(cJSON_GetObjectItem(pack->verdict, "verdict")->valuestring, "true");
    pack_free(pack);
    evidence_alert(&bench.evidence, robot, ALERT_ANOMALY, ALERT_CLEARED, "{\"late\":true}");
    evidence_verdict(&bench.evidence, robot, robot->alerts[ALERT_ANOMALY].id,
                     "{\"verdict\":\"false\"}");
    evidence_verdict(&bench.evidence, robot, "0123456789abcdef", "{}"); /* one that has no pack */
    evidence_verdict(&bench.evidence, robot, "../../x", "{}");
    evidence_verdict(NULL, robot, "0123456789abcdef", "{}");
    settle(&bench);
    assert_int_equal(bench.evidence.failed, 0);
    assert_int_equal(bench.evidence.waiting, 0);
    pack = load(1);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(pack->cleared, "late")));
    assert_string_equal(cJSON_GetObjectItem(pack->verdict, "verdict")->valuestring, "false");
    pack_free(pack);
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_another_model(void **state)
{
    struct bench bench;
    double thresholds[MODEL_DETECTORS_MAX] = {0.5, 0.5};
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    size_t before = bench.evidence.ring_bytes;
    raise_alert(&bench, robot, 1);
    struct model *other = tiny_model_new(&(struct tiny_model){.version = 2, .window = {8}});
    assert_int_equal(robot_set_model(robot, other, thresholds), 0);
    send_rows(&bench, robot, 3);
    settle(&bench);
    struct pack *pack = load(1);
    assert_int_equal(pack->rows, 14);
    assert_int_equal(pack->model_version, 1);
    assert_string_equal(cJSON_GetObjectItem(pack->about, "cut")->valuestring, "the model changed");
    assert_int_equal(robot->evidence.ring->end, 3);
    assert_true(bench.evidence.ring_bytes > before); /* longer windows */
    pack_free(pack);
    model_unref(other);
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_stop(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    raise_alert(&bench, robot, 1);
    send_rows(&bench, robot, 2);
    evidence_finish(&bench.evidence, robot);
    assert_false(bench.stopped);
    bench_deinit(&bench);
    struct pack *pack = load(1);
    assert_int_equal(pack->rows, 16);
    assert_string_equal(cJSON_GetObjectItem(pack->about, "cut")->valuestring, "the daemon stopped");
    pack_free(pack);
    robot_free(robot);
}

static void test_without_a_sample(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    raise_alert(&bench, robot, 1);
    evidence_tick_robot(&bench.evidence, robot, clock_monotonic_ns() + 10 * S);
    settle(&bench);
    struct pack *pack = load(1);
    assert_int_equal(pack->rows, 0);
    pack_free(pack);
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_gated_rows(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    raise_alert(&bench, robot, 1);
    for (unsigned i = 0; i < 6; i++) { /* each twice, as from a source that repeats itself */
        float *next = track_next_row(&robot->track);
        next[0] = next[1] = next[2] = 1000 + (float)i;
        evidence_take(&bench.evidence, robot);
        evidence_gated(&bench.evidence, robot, (30 + i) * S / 10);
        evidence_gated(&bench.evidence, robot, (30 + i) * S / 10);
    }
    evidence_tick_robot(&bench.evidence, robot, clock_monotonic_ns());
    settle(&bench);
    struct pack *pack = load(1);
    assert_int_equal(pack->rows, 19);
    assert_int_equal(pack->window[pack->at + 1], EVIDENCE_NOT_EVALUATED);
    assert_true(pack->samples[3 * (pack->at + 2)] == 1001);
    pack_free(pack);
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_off(void **state)
{
    struct bench bench;
    bench_init(&bench, ",\"enabled\":false");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    raise_alert(&bench, robot, 1);
    evidence_tick(&bench.evidence, clock_monotonic_ns());
    settle(&bench);
    assert_int_equal(count_packs(NULL), 0);
    assert_int_equal(bench.evidence.ring_bytes, 0);
    robot_free(robot);
    bench_deinit(&bench);
}

/* ---- bounds */

static void test_flood_of_one_robot(void **state)
{
    struct bench bench;
    bench_init(&bench, ",\"max_per_day\":7");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    for (unsigned i = 0; i < 1000; i++) {
        raise_alert(&bench, robot, i);
        assert_true(bench.evidence.waiting <= EVIDENCE_WAITING_MAX);
    }
    evidence_finish(&bench.evidence, robot);
    settle(&bench);
    assert_int_equal(bench.evidence.limited, 993);
    assert_int_equal(bench.evidence.written, 7);
    assert_int_equal(count_packs(NULL), 7);
    robot_free(robot);
    bench_deinit(&bench);
}

/* The disk is slower than the alerts: what waits is bounded, the rest is counted. */
static void test_flood_in_memory(void **state)
{
    struct bench bench;
    bench_init(&bench, ",\"max_per_day\":100000,\"memory_mib\":1");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    for (unsigned i = 0; i < 5000; i++) {
        raise_alert(&bench, robot, i);
        assert_true(bench.evidence.waiting <= EVIDENCE_WAITING_MAX);
        assert_true(bench.evidence.waiting_bytes + bench.evidence.ring_bytes <= 1048576);
    }
    settle(&bench);
    assert_true(bench.evidence.dropped > 4000);
    assert_int_equal(bench.evidence.written + bench.evidence.dropped, 4999); /* one is not cut */
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_memory_for_robots(void **state)
{
    struct bench bench;
    bench_init(&bench, ",\"memory_mib\":1");
    bench.config->evidence.before_s = 600;
    bench.config->evidence.after_s = 10;
    struct robot *robots[16];
    size_t with = 0;
    for (unsigned i = 0; i < 16; i++) {
        robots[i] = new_robot(&bench, "kuka1");
        send_rows(&bench, robots[i], 3);
        with += robots[i]->evidence.ring != NULL;
    }
    size_t size = evidence_ring_size(bench.model, 600, 10);
    assert_int_equal(with, 1048576 / 4 * 3 / size);
    assert_in_range(with, 1, 15);
    assert_int_equal(bench.evidence.unbuffered, 16 - with);
    assert_int_equal(bench.evidence.ring_bytes, with * size);
    raise_alert(&bench, robots[15], 1);
    evidence_finish(&bench.evidence, robots[15]);
    settle(&bench);
    struct pack *pack = load(1);
    assert_int_equal(pack->rows, 0); /* what is known without samples */
    pack_free(pack);
    for (unsigned i = 0; i < 16; i++)
        robot_free(robots[i]);
    bench_deinit(&bench);
}

static void raise_and_write(struct bench *bench, struct robot *robot, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        raise_alert(bench, robot, i);
        send_rows(bench, robot, 30);
        settle(bench);
    }
}

static void test_oldest_go_first(void **state)
{
    struct bench bench;
    size_t others;
    bench_init(&bench, ",\"max_mib\":1,\"max_per_day\":1000");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    raise_and_write(&bench, robot, 0, 60);
    assert_true(bench.evidence.bytes <= 1048576);
    assert_in_range(bench.evidence.packs, 5, 40);
    assert_int_equal(count_packs(&others), bench.evidence.packs);
    assert_int_equal(others, 0);
    pack_free(load(59));
    assert_int_not_equal(access(fixture_path("evidence/00000000000000000000000000000000"), F_OK),
                         0);
    assert_int_equal(bench.evidence.written, 60);
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_age(void **state)
{
    struct evidence_store store;
    struct bench bench;
    struct diag diag = DIAG_INIT;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    raise_and_write(&bench, robot, 0, 4);
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    for (unsigned i = 0; i < 2; i++) {
        char name[96];
        snprintf(name, sizeof name, "evidence/%032x/" EVIDENCE_PACK_FILE, i);
        assert_int_equal(utimensat(AT_FDCWD, fixture_path(name), old, 0), 0);
    }
    assert_int_equal(mkdir(fixture_path("evidence/somebody's own"), 0750), 0);
    assert_int_equal(evidence_store_init(&store, fixture_directory), 0);
    assert_int_equal(evidence_store_open(&store, &diag), 0);
    assert_int_equal(store.count, 4);
    assert_int_equal(store.bytes, bench.evidence.bytes);
    evidence_store_prune(&store,
                         &(struct evidence_limits){.bytes = 1 << 30, .oldest_ns = 2000 * S});
    assert_int_equal(store.count, 2);
    assert_int_equal(count_packs(NULL), 2);
    pack_free(load(2));
    evidence_store_deinit(&store);
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_space_is_left_free(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    send_rows(&bench, robot, 30);
    raise_and_write(&bench, robot, 0, 2);
    bench.config->evidence.keep_free_mib = 1e9; /* no disk has so much */
    raise_and_write(&bench, robot, 2, 3);
    assert_true(bench.evidence.failing);
    assert_int_equal(bench.evidence.failed, 1);
    fixture_expect_text(bench.evidence.diag.text, "evidence.keep_free_mib");
    assert_int_equal(count_packs(NULL), 0); /* they went first */
    robot_free(robot);
    bench_deinit(&bench);
}

/* ---- a disk that refuses */

static void test_refused_and_tried_again(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    fixture_write("evidence", "no directory");
    send_rows(&bench, robot, 30);
    raise_and_write(&bench, robot, 0, 2);
    assert_true(evidence_failing(&bench.evidence));
    assert_int_equal(bench.evidence.failed, 1); /* the second waits behind the first */
    assert_int_equal(bench.evidence.waiting, 2);
    evidence_tick(&bench.evidence, clock_monotonic_ns());
    settle(&bench);
    assert_int_equal(bench.evidence.failed, 1);
    unlink(fixture_path("evidence"));
    bench.evidence.retry_ns = 0; /* its time has come */
    evidence_tick(&bench.evidence, clock_monotonic_ns());
    settle(&bench);
    assert_false(evidence_failing(&bench.evidence));
    assert_int_equal(bench.evidence.written, 2);
    assert_int_equal(bench.evidence.waiting, 0);
    assert_int_equal(bench.evidence.waiting_bytes, 0);
    assert_int_equal(count_packs(NULL), 2);
    robot_free(robot);
    bench_deinit(&bench);
}

static void test_stop_while_refused(void **state)
{
    struct bench bench;
    bench_init(&bench, "");
    struct robot *robot = new_robot(&bench, "kuka1");
    fixture_write("evidence", "no directory");
    send_rows(&bench, robot, 30);
    raise_and_write(&bench, robot, 0, 2);
    raise_alert(&bench, robot, 3);
    evidence_finish(&bench.evidence, robot);
    robot_free(robot);
    bench_deinit(&bench); /* it stops */
}

int main(void)
{
#define EVIDENCE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        EVIDENCE_TEST(test_after_the_samples_behind),
        EVIDENCE_TEST(test_no_row_is_lost_to_a_burst),
        EVIDENCE_TEST(test_after_the_time_without_samples),
        EVIDENCE_TEST(test_notes),
        EVIDENCE_TEST(test_another_model),
        EVIDENCE_TEST(test_stop),
        EVIDENCE_TEST(test_without_a_sample),
        EVIDENCE_TEST(test_gated_rows),
        EVIDENCE_TEST(test_off),
        EVIDENCE_TEST(test_flood_of_one_robot),
        EVIDENCE_TEST(test_flood_in_memory),
        EVIDENCE_TEST(test_memory_for_robots),
        EVIDENCE_TEST(test_oldest_go_first),
        EVIDENCE_TEST(test_age),
        EVIDENCE_TEST(test_space_is_left_free),
        EVIDENCE_TEST(test_refused_and_tried_again),
        EVIDENCE_TEST(test_stop_while_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

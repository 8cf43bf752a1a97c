/* What becomes of robots whose partition comes and goes, without a broker and without a store. */
#include "daemon/partitions.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/silence.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <string.h>

#define ALERT_TOPIC "armwatch/robot/kuka1/alert"
#define STATE_TOPIC "armwatch/robot/kuka1/state"

static struct plant plant;
static struct partitions partitions;
static uint64_t grants;

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one", .window = {1}});
    return r;
}

static void make_partitions(void)
{
    struct diag diag = DIAG_INIT;
    partitions = (struct partitions){0};
    partitions_init(&partitions, plant.config);
    partitions.fleet = &plant.fleet;
    partitions.intake = &plant.intake;
    partitions.publisher = &plant.publisher;
    plant.intake.partitions = plant.publisher.partitions = &partitions;
    assert_int_equal(partitions_start(&partitions, &plant.loop, NULL, &diag), 0);
    grants = 1;
}

static void start(const char *more)
{
    char text[512];
    snprintf(text, sizeof text,
             ",\"topics\":{\"samples\":[\"part/{partition}/{robot}\"]},\"partitions\":{\"count\":4,"
             "\"own\":\"0-1\"}%s",
             more);
    plant_start(&plant, "\"default\":\"one\"", text, NULL);
    make_partitions();
}

static int setup(void **state)
{
    start("");
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    partitions_deinit(&partitions);
    return 0;
}

/* As the keeper of leases does it. */
static void lose(size_t partition)
{
    atomic_store(&partitions.board.slot[partition].deadline_ns, 1); /* long ago */
}

static void obtain(size_t partition)
{
    atomic_store(&partitions.board.slot[partition].grant, ++grants);
    atomic_store(&partitions.board.slot[partition].deadline_ns, INT64_MAX);
}

static void tick(void)
{
    partitions_tick(&partitions, clock_monotonic_ns());
}

static void send_text(const char *topic, const char *text)
{
    const struct mqtt_message message = {.topic = topic, .payload = text, .size = strlen(text)};
    if (!intake_message(&plant.intake, &message))
        assert_true(partitions_message(&partitions, &message));
    fleet_post_if_dirty(&plant.fleet);
    scorer_wake(plant.scorer);
}

static struct robot *sample(size_t partition, const char *robot)
{
    char topic[96];
    snprintf(topic, sizeof topic, "part/%zu/%s", partition, robot);
    send_text(topic, "[1,2,3]");
    return fleet_find(&plant.fleet, robot);
}

/* What another instance (or this one) has told. */
static void tell_state(const char *instance, const char *alerts)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"robot\":\"kuka1\",\"instance\":\"%s\",\"alerts\":[%s]}",
             instance, alerts);
    send_text(STATE_TOPIC, text);
}

#define OPEN_ANOMALY                                                                               \
    "{\"alert_id\":\"abc\",\"n\":3,\"kind\":\"anomaly\",\"started\":\"2026-11-23T21:06:22.990Z\"," \
    "\"severity\":\"critical\",\"acked\":true,\"ack\":{\"verdict\":\"true\",\"note\":\"seen "      \
    "\\\"it\\\"\",\"time\":\"2026-11-23T21:07:00.000Z\"},\"first_seq\":41,\"windows\":7,\"peak_"   \
    "score\":5.5}"
#define OPEN_SILENCE                                                                               \
    "{\"alert_id\":\"def\",\"n\":1,\"kind\":\"silent\",\"started\":\"2026-11-23T21:06:22.990Z\","  \
    "\"severity\":\"info\",\"acked\":false}"

static void test_only_what_is_ours(void **state)
{
    assert_non_null(sample(0, "kuka1"));
    assert_int_equal(fleet_find(&plant.fleet, "kuka1")->partition, 0);
    assert_null(sample(2, "kuka2"));
    assert_null(sample(9, "kuka3"));
    send_text("part/x/kuka4", "[1,2,3]");
    assert_null(fleet_find(&plant.fleet, "kuka4"));
    assert_int_equal(partitions.foreign, 1);
    assert_int_equal(partitions.invalid, 2);
    assert_int_equal(plant.intake.samples, 4);
    publisher_state(&plant.publisher, fleet_find(&plant.fleet, "kuka1"), true, 0);
    const struct fake_message *told = fake_client_last(STATE_TOPIC);
    assert_non_null(told);
    assert_non_null(strstr(told->payload, "\"partition\":0,\"instance\":\"cell7\",\"epoch\":1"));
}

/* Before the loop has noticed anything, and after. */
static void test_nothing_is_told_behind_the_deadline(void **state)
{
    struct robot *robot = sample(0, "kuka1");
    size_t count = fake_client.count;
    lose(0);
    robot->alert.episode = (struct alert_episode){.open = true, .started_ns = 1, .p_value = 1};
    publisher_state(&plant.publisher, robot, true, 0);
    publisher_alert(&plant.publisher, robot, ALERT_ANOMALY, ALERT_RAISED, 0);
    publisher_score(&plant.publisher, robot, &(struct score){0}, clock_monotonic_ns());
    assert_int_equal(fake_client.count, count);
    uint64_t received = robot->counters.received;
    sample(0, "kuka1");
    assert_int_equal(robot->counters.received, received);
    assert_int_equal(partitions.foreign, 1);
    tick();
    assert_true(robot->absent);
    assert_int_equal(partitions.lost, 1);
    publisher_state(&plant.publisher, robot, true, 0);
    assert_int_equal(fake_client.count, count);
}

static void test_a_robot_leaves_and_comes_back(void **state)
{
    struct robot *robot = sample(0, "kuka1");
    struct silence silence = {.fleet = &plant.fleet, .publisher = &plant.publisher};
    int64_t now_ns = clock_monotonic_ns();
    sample(1, "kuka2");
    silence_listen(&silence, true, now_ns);
    lose(0);
    tick();
    assert_int_equal(fleet_present(&plant.fleet), 1);
    silence_tick(&silence, 1, now_ns + 100 * CLOCK_NS_PER_S); /* nobody misses it */
    assert_null(fake_client_last(ALERT_TOPIC));
    assert_non_null(fake_client_last("armwatch/robot/kuka2/alert"));
    uint64_t epoch = robot->epoch;
    obtain(0);
    tick();
    robot = sample(0, "kuka1");
    assert_false(robot->absent);
    assert_int_equal(robot->counters.received, 2);
    assert_int_equal(robot->arrivals, 1);
    assert_true(robot->first_epoch > epoch);
    assert_int_equal(robot->owner_epoch, grants);
    assert_int_equal(fleet_present(&plant.fleet), 2);
    plant_wait_results(&plant, 3); /* each window comes back to a robot */
}

static void test_asked_to_give(void **state)
{
    struct robot *robot = sample(1, "kuka1");
    atomic_store(&partitions.board.slot[1].give, 1);
    tick();
    assert_true(robot->absent);
    assert_int_equal(atomic_load(&partitions.board.slot[1].given), 1);
    assert_int_equal(partitions.given, 1);
    tick(); /* its lease still stands, but it is not taken up again */
    assert_false(partitions_own(&partitions, 1));
    assert_int_equal(partitions.obtained, 2);
}

static void test_an_episode_is_taken_over(void **state)
{
    obtain(2);
    tick();
    tell_state("other", OPEN_ANOMALY "," OPEN_SILENCE);
    struct robot *robot = sample(2, "kuka1");
    const struct alert_episode *episode = &robot->alert.episode;
    assert_true(episode->open);
    assert_string_equal(robot->alerts[ALERT_ANOMALY].id, "abc");
    assert_int_equal(robot->alerts[ALERT_ANOMALY].messages, 1000);
    assert_int_equal(episode->severity, ALERT_CRITICAL);
    assert_int_equal(robot->alerts[ALERT_ANOMALY].ack.verdict, ROBOT_TRUE_ALARM);
    assert_string_equal(robot->alerts[ALERT_ANOMALY].ack.note, "seen \"it\"");
    assert_int_equal(episode->first_seq, 41);
    assert_int_equal(episode->windows, 7);
    assert_float_equal(episode->peak_score, 5.5, 0);
    char started[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(episode->started_ns, started);
    assert_string_equal(started, "2026-11-23T21:06:22.990Z");
    /* It has been silent; now it is not. */
    const struct fake_message *told = fake_client_last(ALERT_TOPIC);
    assert_non_null(told);
    assert_non_null(strstr(told->payload, "\"id\":\"def/1001\""));
    assert_non_null(strstr(told->payload, "cleared"));
    assert_int_equal(partitions.takeover.resumed, 2);
}

/* What is over elsewhere is over. */
static void test_the_newest_word_counts(void **state)
{
    tell_state("other", OPEN_ANOMALY);
    tell_state("another", "");
    assert_false(sample(0, "kuka1")->alert.episode.open);
    assert_int_equal(partitions.takeover.count, 0);
}

/* A state that comes a little after the first sample; and one that comes far too late. */
static void test_the_state_comes_later(void **state)
{
    struct robot *robot = sample(0, "kuka1");
    tell_state("cell7", OPEN_ANOMALY); /* our own word is nothing new */
    assert_false(robot->alert.episode.open);
    tell_state("other", OPEN_ANOMALY);
    assert_true(robot->alert.episode.open);
    robot->alert.episode.open = false;
    robot->adopted_ns -= 60 * CLOCK_NS_PER_S;
    tell_state("other", OPEN_ANOMALY);
    assert_false(robot->alert.episode.open);
}

/* What we know of our own is more than our state tells, and less than another's word. */
static void test_own_episodes(void **state)
{
    struct robot *robot = sample(0, "kuka1");
    robot->alert.episode =
        (struct alert_episode){.open = true, .started_ns = 5, .first_seq = 9, .p_value = 0.25};
    strcpy(robot->alerts[ALERT_ANOMALY].id, "own");
    lose(0);
    tick();
    tell_state("cell7", OPEN_ANOMALY); /* an echo */
    obtain(0);
    tick();
    robot = sample(0, "kuka1");
    assert_string_equal(robot->alerts[ALERT_ANOMALY].id, "own");
    assert_float_equal(robot->alert.episode.p_value, 0.25, 0);
    lose(0);
    tick();
    tell_state("other", OPEN_ANOMALY);
    obtain(0);
    tick();
    robot = sample(0, "kuka1");
    assert_string_equal(robot->alerts[ALERT_ANOMALY].id, "abc");
    lose(0);
    tick();
    tell_state("other", ""); /* there it is over */
    obtain(0);
    tick();
    assert_false(sample(0, "kuka1")->alert.episode.open);
}

static void tell_old_state(uint64_t epoch, const char *alerts)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"instance\":\"other\",\"epoch\":%llu,\"alerts\":[%s]}",
             (unsigned long long)epoch, alerts);
    send_text(STATE_TOPIC, text);
}

/* What a broker has retained may be of the owner before us: our own state never got there. */
static void test_the_word_of_an_owner_before(void **state)
{
    obtain(0);
    tick();
    tick(); /* what was before is let go of first */
    struct robot *robot = sample(0, "kuka1");
    assert_int_equal(robot->owner_epoch, 2);
    tell_old_state(1, OPEN_ANOMALY);
    assert_false(robot->alert.episode.open);
    robot->alert.episode = (struct alert_episode){.open = true, .started_ns = 5, .p_value = 1};
    strcpy(robot->alerts[ALERT_ANOMALY].id, "own");
    lose(0);
    tick();
    tell_old_state(1, "");
    tell_old_state(1, OPEN_ANOMALY);
    obtain(0);
    tick();
    robot = sample(0, "kuka1");
    assert_string_equal(robot->alerts[ALERT_ANOMALY].id, "own");
    assert_true(robot->alert.episode.open);
    lose(0);
    tick();
    tell_old_state(grants + 1, "");
    obtain(0);
    atomic_store(&partitions.board.slot[0].grant, grants += 5);
    tick();
    assert_false(sample(0, "kuka1")->alert.episode.open);
}

static void keep_alert(int64_t number)
{
    const struct mqtt_message message = {
        .topic = ALERT_TOPIC, .payload = "alert", .size = 5, .qos = 1};
    const struct outbox_kept kept = {.number = number};
    assert_int_equal(outbox_put_kept(plant.publisher.outbox, &message, &kept), 0);
    publisher_ready(&plant.publisher, number);
}

/* As the journal gives it at the start. */
static void test_undelivered_alerts(void **state)
{
    keep_alert(1);
    assert_null(fake_client_last(ALERT_TOPIC));
    assert_int_equal(outbox_aside(plant.publisher.outbox), 1);
    sample(0, "kuka1"); /* it is ours: it is told with whatever is told next */
    publisher_tick(&plant.publisher, false, 0);
    assert_non_null(fake_client_last(ALERT_TOPIC));
    lose(0);
    tick();
    keep_alert(2);
    assert_int_equal(outbox_aside(plant.publisher.outbox), 1);
    tell_state("cell7", "");
    assert_int_equal(outbox_aside(plant.publisher.outbox), 1);
    tell_state("other", "");
    assert_int_equal(outbox_aside(plant.publisher.outbox), 0);
    assert_int_equal(partitions.disowned, 1);
}

static void test_garbage_in_states(void **state)
{
#define ALERT_OF(id, n, more)                                                                      \
    "{\"alerts\":[{\"alert_id\":\"" id "\",\"n\":" n ",\"kind\":\"anomaly\"" more "}]}"
    static const char *const texts[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"alerts\":7}",
        "{\"alerts\":[7,{}]}",
        ALERT_OF("a", "1", ",\"started\":\"2026-11-23T21:06:22.990Z\",\"severity\":\"grave\""),
        ALERT_OF("a", "-1", ",\"started\":\"2026-11-23T21:06:22.990Z\",\"severity\":\"info\""),
        ALERT_OF("a", "1", ",\"started\":\"x\",\"severity\":\"info\"")};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        send_text(STATE_TOPIC, texts[i]);
    assert_int_equal(partitions.takeover.count, 0);
    assert_false(sample(0, "kuka1")->alert.episode.open);
}

static void test_backlog(void **state)
{
    char text[96], old[CLOCK_RFC3339_MAX], fresh[CLOCK_RFC3339_MAX];
    int64_t now_ns = clock_realtime_ns();
    clock_format_rfc3339(now_ns - 6 * CLOCK_NS_PER_S, old);
    clock_format_rfc3339(now_ns, fresh);
    snprintf(text, sizeof text, "{\"time\":\"%s\",\"values\":[1,2,3]}", old);
    send_text("part/0/kuka1", text);
    struct robot *robot = fleet_find(&plant.fleet, "kuka1");
    assert_int_equal(robot->counters.backlog, 1);
    assert_int_equal(robot->arrivals, 0);
    partitions.part[0].subscribed_ns -= (int64_t)((PARTITIONS_BACKLOG_S + 1) * 1e9);
    send_text("part/0/kuka1", text); /* a clock that is behind */
    assert_int_equal(robot->counters.backlog, 1);
    assert_int_equal(robot->arrivals, 1);
}

/* Robots that have left make room for others. */
static void test_places(void **state)
{
    plant_stop(&plant);
    partitions_deinit(&partitions);
    start(",\"robots\":{\"max\":2}");
    sample(0, "kuka1");
    sample(1, "kuka2");
    assert_null(sample(1, "kuka3"));
    plant_wait_results(&plant, 2);
    lose(0);
    tick();
    struct robot *robot = sample(1, "kuka3");
    assert_non_null(robot);
    assert_int_equal(robot->number, 0);
    assert_null(fleet_find(&plant.fleet, "kuka1"));
    assert_ptr_equal(fleet_find(&plant.fleet, "kuka2"), plant.fleet.robot[1]);
    assert_int_equal(plant.fleet.departed, 1);
    cJSON *status = cJSON_CreateObject();
    partitions_add_status(&partitions, status);
    const cJSON *object = cJSON_GetObjectItem(status, "partitions");
    assert_string_equal(cJSON_GetObjectItem(object, "owned")->valuestring, "1");
    const cJSON *entry = cJSON_GetArrayItem(cJSON_GetObjectItem(object, "list"), 0);
    assert_int_equal(cJSON_GetObjectItem(entry, "robots")->valueint, 2);
    cJSON_Delete(status);
}

/* Of a robot in a partition that is not its own by its name. */
static void test_a_partition_that_does_not_fit(void **state)
{
    plant_stop(&plant);
    partitions_deinit(&partitions);
    plant_start(
        &plant, "\"default\":\"one\"",
        ",\"topics\":{\"samples\":[\"part/{partition}/{robot}\"]},\"partitions\":{\"count\":4,"
        "\"own\":\"0-3\",\"hash\":\"fnv1a\"}",
        NULL);
    make_partitions();
    size_t right = partition_of_name("kuka1", 4);
    assert_null(sample((right + 1) % 4, "kuka1"));
    assert_int_equal(partitions.misplaced, 1);
    struct robot *robot = sample(right, "kuka1");
    assert_non_null(robot);
    assert_int_equal(robot->partition, right);
    sample((right + 2) % 4, "kuka1");
    assert_int_equal(partitions.misplaced, 2);
    assert_int_equal(robot->counters.received, 1);
    cJSON *status = cJSON_CreateObject();
    partitions_add_unassigned(&partitions, status);
    assert_int_equal(cJSON_GetObjectItem(status, "wrong_partition")->valueint, 2);
    cJSON_Delete(status);
}

/* The next owner could not know of an alert whose state has not left. */
static void test_what_is_untold_goes_first(void **state)
{
    struct robot *robot = sample(1, "kuka1");
    sample(0, "kuka2");
    outbox_flush(plant.publisher.outbox, plant.publisher.client);
    publisher_state(&plant.publisher, robot, true, 0);
    uint64_t token = fake_client_last(STATE_TOPIC)->token;
    atomic_store(&partitions.board.slot[1].give, 1);
    tick();
    assert_true(partitions_own(&partitions, 1));
    assert_int_equal(atomic_load(&partitions.board.slot[1].given), 0);
    outbox_ack(plant.publisher.outbox, token, 0, 0);
    tick();
    assert_true(robot->absent);
    assert_int_equal(atomic_load(&partitions.board.slot[1].given), 1);
    assert_int_equal(partitions.given, 1);
}

/* It is not waited for beyond the lease. */
static void test_untold_beyond_the_lease(void **state)
{
    struct robot *robot = sample(1, "kuka1");
    publisher_state(&plant.publisher, robot, true, 0);
    atomic_store(&partitions.board.slot[1].give, 1);
    tick();
    assert_false(robot->absent);
    lose(1);
    tick();
    assert_true(robot->absent);
    assert_int_equal(atomic_load(&partitions.board.slot[1].given), 1);
}

/* A storm of states would hold up everything else in a cluster; alerts do not wait. */
static void test_states_come_by_and_by(void **state)
{
    char name[16];
    size_t told = 0;
    for (int i = 0; i < 3 * PUBLISHER_STATES; i++) {
        snprintf(name, sizeof name, "r%d", i);
        sample(0, name);
    }
    for (size_t turn = 1; turn <= 3; turn++) {
        publisher_tick(&plant.publisher, false, 0);
        size_t first = plant.publisher.states_from;
        for (size_t i = 0; i < plant.fleet.count; i++) {
            struct robot *robot = plant.fleet.robot[(first + i) % plant.fleet.count];
            publisher_state(&plant.publisher, robot, false, 0);
        }
        told = 0;
        for (size_t i = 0; i < plant.fleet.count; i++)
            told += plant.fleet.robot[i]->published[0] != '\0';
        assert_int_equal(told, turn * PUBLISHER_STATES);
    }
    struct robot *robot = plant.fleet.robot[0];
    robot->alert.episode = (struct alert_episode){.open = true, .started_ns = 1, .p_value = 1};
    robot->published[0] = '\0';
    publisher_state(&plant.publisher, robot, false, 0);
    assert_true(robot->published[0] != '\0');
}

/* While the store is away nothing of a robot is told; it is, when the store is back. */
static void test_the_store_is_away(void **state)
{
    struct robot *robot = sample(0, "kuka1");
    partitions.leased = true;
    partitions.unreachable_ns = 1;
    size_t count = fake_client.count;
    publisher_state(&plant.publisher, robot, true, 0);
    assert_int_equal(fake_client.count, count);
    partitions.unreachable_ns = 0;
    publisher_tick(&plant.publisher, false, 0);
    assert_int_equal(fake_client.count, count + 1);
}

static void tell_partition(int partition)
{
    char text[96];
    snprintf(text, sizeof text, "{\"robot\":\"kuka9\",\"instance\":\"other\",\"partition\":%d}",
             partition);
    send_text("armwatch/robot/kuka9/state", text);
}

/* An instance whose partitions are empty does not miss anything. */
static void test_when_samples_have_to_come(void **state)
{
    assert_true(partitions_expect_ns(&partitions) > 0); /* nobody knows of any robot */
    tell_partition(-1);
    tell_partition(4);
    assert_true(partitions_expect_ns(&partitions) > 0); /* no partitions */
    tell_partition(2);
    assert_int_equal(partitions_expect_ns(&partitions), 0); /* they are elsewhere */
    tell_partition(1);
    assert_true(partitions_expect_ns(&partitions) > 0);
    lose(0);
    lose(1);
    tick();
    assert_int_equal(partitions_expect_ns(&partitions), 0);
    obtain(0);
    tick();
    assert_int_equal(partitions_expect_ns(&partitions), 0);
    obtain(2);
    tick();
    assert_true(partitions_expect_ns(&partitions) > 0);
}

#define PLANT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLANT_TEST(test_only_what_is_ours),
        PLANT_TEST(test_nothing_is_told_behind_the_deadline),
        PLANT_TEST(test_a_robot_leaves_and_comes_back),
        PLANT_TEST(test_asked_to_give),
        PLANT_TEST(test_an_episode_is_taken_over),
        PLANT_TEST(test_the_newest_word_counts),
        PLANT_TEST(test_the_state_comes_later),
        PLANT_TEST(test_own_episodes),
        PLANT_TEST(test_the_word_of_an_owner_before),
        PLANT_TEST(test_undelivered_alerts),
        PLANT_TEST(test_garbage_in_states),
        PLANT_TEST(test_backlog),
        PLANT_TEST(test_places),
        PLANT_TEST(test_a_partition_that_does_not_fit),
        PLANT_TEST(test_what_is_untold_goes_first),
        PLANT_TEST(test_untold_beyond_the_lease),
        PLANT_TEST(test_states_come_by_and_by),
        PLANT_TEST(test_the_store_is_away),
        PLANT_TEST(test_when_samples_have_to_come),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}

/* The client when things go wrong: brokers that end, hang or lie, and ends of its own. */
#include "harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOW_HOST "slow.test"
#define SLOW_MS 800

/* Stands in front of the C library's: one name takes long and is not found. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **result)
{
    typedef int function(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node && !strcmp(node, SLOW_HOST)) {
        usleep(SLOW_MS * 1000);
        return EAI_AGAIN;
    }
    function *next = (function *)dlsym(RTLD_NEXT, "getaddrinfo");
    return next(node, service, hints, result);
}

static double elapsed_ms(uint64_t since)
{
    return (double)(uv_hrtime() - since) / 1e6;
}

static void assert_reason(const struct peer *peer, const char *words)
{
    if (!strstr(peer->reason, words))
        fail_msg("reason \"%s\", expected \"%s\" in it", peer->reason, words);
}

static void test_restart_and_kill(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    harness_subscribe(harness, peer, "news/#", 1);
    for (unsigned round = 1; round <= 4; round++) {
        if (round % 2)
            broker_stop(harness->broker);
        else
            broker_kill(harness->broker);
        wait_until(&harness->loop, peer->offline >= 2 && !mqtt_client_online(peer->client), 5000);
        assert_reason(peer, "refused");
        broker_start(harness->broker, NULL);
        wait_until(&harness->loop, peer->online == round + 1, 5000);
        peer_publish(peer, "news/1", "again", 1); /* the subscription was renewed */
        wait_until(&harness->loop, peer->message_count == round && peer->ack_count == round, 5000);
        peer->offline = 0;
    }
}

/* A dead node, one that says nothing sensible, and one that works; the wait grows only behind the
 * last one. What is kept until it is lost is what works. */
static void test_several_brokers(void **state)
{
    struct harness *harness = *state;
    struct mqtt_url others[2];
    harness_broker(harness, NULL);
    fake_broker_start(&harness->fakes[0], &harness->loop, FAKE_JUNK);
    struct mqtt_options options = peer_options("mqtt://127.0.0.1:1", "several");
    assert_int_equal(mqtt_url_parse(harness->fakes[0].url, &others[0], NULL), 0);
    assert_int_equal(mqtt_url_parse(broker_url(harness->broker), &others[1], NULL), 0);
    options.others = others;
    options.other_count = 2;
    struct peer *peer = &harness->peers[0];
    uint64_t since = uv_hrtime();
    peer_start(peer, &harness->loop, &options);
    wait_until(&harness->loop, peer->online == 1, 5000);
    assert_int_equal(peer->offline, 2);
    assert_reason(peer, "127.0.0.1: ");
    assert_reason(peer, "MQTT"); /* the second one's */
    assert_int_equal(mqtt_client_broker(peer->client), 2);
    assert_true(elapsed_ms(since) < 4000);
    harness_subscribe(harness, peer, "news/#", 1);
    broker_kill(harness->broker);
    wait_until(&harness->loop, peer->offline >= 2 + 4, 10000); /* once around */
    assert_int_equal(peer->online, 1);
    broker_start(harness->broker, NULL);
    wait_until(&harness->loop, peer->online == 2, 10000);
    assert_int_equal(mqtt_client_broker(peer->client), 2);
    peer_publish(peer, "news/1", "again", 1);
    wait_until(&harness->loop, peer->message_count == 1, 5000);
}

static void test_unacknowledged_survives_a_kill(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    assert_int_equal(mqtt_client_subscribe(peer->client, "kept/#", 1), 0);
    broker_freeze(harness->broker);
    uint64_t first = peer_publish(peer, "kept/1", "one", 1);
    uint64_t second = peer_publish(peer, "kept/2", "two", 1);
    broker_kill(harness->broker);
    wait_until(&harness->loop, !mqtt_client_online(peer->client), 5000);
    assert_int_equal(mqtt_client_inflight(peer->client), 2);
    broker_start(harness->broker, NULL);
    wait_until(&harness->loop, peer->ack_count == 2, 5000);
    assert_true(peer->acks[0].token == first);
    assert_true(peer->acks[1].token == second);
    assert_int_equal(mqtt_client_inflight(peer->client), 0);
}

/* Three ways to stay silent, at the same time because each takes its seconds. */
static void test_silence_is_noticed(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    fake_broker_start(&harness->fakes[0], &harness->loop, FAKE_SILENT);
    fake_broker_start(&harness->fakes[1], &harness->loop, FAKE_NO_ACKS);
    struct peer *frozen = harness_online_peer(harness, 0);
    struct peer *mute = &harness->peers[1], *unacked = &harness->peers[2];
    struct mqtt_options options = peer_options(harness->fakes[0].url, "mute");
    peer_start(mute, &harness->loop, &options);
    options = peer_options(harness->fakes[1].url, "unacked");
    peer_start(unacked, &harness->loop, &options);
    wait_until(&harness->loop, mqtt_client_online(unacked->client), 5000);
    broker_freeze(harness->broker);
    peer_publish(unacked, "lost", "x", 1);
    uint64_t since = uv_hrtime();
    double frozen_ms = 0, mute_ms = 0, unacked_ms = 0;
    while (!frozen->offline || !mute->offline || !unacked->offline) {
        uv_run(&harness->loop, UV_RUN_ONCE);
        if (frozen->offline && frozen_ms == 0)
            frozen_ms = elapsed_ms(since);
        if (mute->offline && mute_ms == 0)
            mute_ms = elapsed_ms(since);
        if (unacked->offline && unacked_ms == 0)
            unacked_ms = elapsed_ms(since);
        if (elapsed_ms(since) > 14000)
            fail_msg("not noticed: frozen %u, mute %u, unacknowledged %u", frozen->offline,
                     mute->offline, unacked->offline);
    }
    print_message("noticed: frozen %.1f s, mute %.1f s, unacknowledged %.1f s\n", frozen_ms / 1e3,
                  mute_ms / 1e3, unacked_ms / 1e3);
    assert_reason(frozen, "keepalive");
    assert_reason(mute, "no answer");
    assert_reason(unacked, "not acknowledged");
    assert_true(frozen_ms < 11500 && mute_ms < 6500 && unacked_ms > 9000);
    broker_thaw(harness->broker);
    wait_until(&harness->loop, mqtt_client_online(frozen->client), 5000);
}

static void test_junk(void **state)
{
    struct harness *harness = *state;
    fake_broker_start(&harness->fakes[0], &harness->loop, FAKE_JUNK);
    fake_broker_start(&harness->fakes[1], &harness->loop, FAKE_JUNK_LATER);
    struct peer *never = &harness->peers[0], *briefly = &harness->peers[1];
    struct mqtt_options options = peer_options(harness->fakes[0].url, "never");
    peer_start(never, &harness->loop, &options);
    options = peer_options(harness->fakes[1].url, "briefly");
    peer_start(briefly, &harness->loop, &options);
    wait_ms(&harness->loop, 1500);
    assert_int_equal(never->online, 0);
    assert_reason(never, "MQTT");
    assert_reason(briefly, "MQTT");
    /* Every 0.05 to 0.2 s, also where the broker accepted first. */
    for (int i = 0; i < 2; i++) {
        if (harness->fakes[i].accepted < 3 || harness->fakes[i].accepted > 20)
            fail_msg("fake %d: %u attempts in 1.5 s", i, harness->fakes[i].accepted);
    }
}

/* What the broker is told about us; the asynchronous connect has no argument for it. */
static void test_connect_packet(void **state)
{
    struct harness *harness = *state;
    fake_broker_start(&harness->fakes[0], &harness->loop, FAKE_NO_ACKS);
    struct peer *peer = &harness->peers[0];
    struct mqtt_options options = peer_options(harness->fakes[0].url, "packet");
    peer_start(peer, &harness->loop, &options);
    wait_until(&harness->loop, mqtt_client_online(peer->client), 5000);
    const unsigned char *packet = harness->fakes[0].connect;
    static const unsigned char header[] = {0, 4, 'M', 'Q', 'T', 'T', 5, 0x02, 0, 5};
    assert_memory_equal(packet + 2, header, sizeof header); /* version, clean start, keepalive */
    static const unsigned char expiry[] = {0x11, 0, 0, 0, 0};
    static const unsigned char packet_max[] = {0x27, 0, 1, 0, 0};
    size_t size = sizeof harness->fakes[0].connect;
    assert_non_null(memmem(packet, size, expiry, sizeof expiry));
    assert_non_null(memmem(packet, size, packet_max, sizeof packet_max));
}

static void test_refused_subscription(void **state)
{
    struct harness *harness = *state;
    fake_broker_start(&harness->fakes[0], &harness->loop, FAKE_NO_SUBSCRIPTIONS);
    struct peer *peer = &harness->peers[0];
    struct mqtt_options options = peer_options(harness->fakes[0].url, "refused");
    peer_start(peer, &harness->loop, &options);
    assert_int_equal(mqtt_client_subscribe(peer->client, "secret/#", 1), 0);
    wait_until(&harness->loop, peer->refused != 0, 5000);
    assert_int_equal(peer->refused, 0x87);
    assert_string_equal(peer->refused_filter, "secret/#");
    assert_true(mqtt_client_online(peer->client));
}

static void test_takeover_is_not_fought(void **state)
{
    struct harness *harness = *state;
    fake_broker_start(&harness->fakes[0], &harness->loop, FAKE_TAKEOVER);
    struct mqtt_options options = peer_options(harness->fakes[0].url, "twin");
    struct peer *peer = &harness->peers[0];
    peer_start(peer, &harness->loop, &options);
    wait_until(&harness->loop, peer->offline == 1, 5000);
    assert_reason(peer, "\"twin\"");
    assert_reason(peer, "30 s");
    assert_int_equal(mqtt_client_takeovers(peer->client), 1);
    wait_ms(&harness->loop, 1000); /* five times the longest ordinary wait */
    assert_int_equal(harness->fakes[0].accepted, 1);
}

/* The real one just closes the older connection. */
static void test_silent_takeover_is_suspected(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct mqtt_options options = peer_options(broker_url(harness->broker), "twin");
    struct peer *first = &harness->peers[0], *second = &harness->peers[1];
    peer_start(first, &harness->loop, &options);
    peer_start(second, &harness->loop, &options);
    wait_until(&harness->loop, strstr(first->reason, "\"twin\""), 5000);
    wait_until(&harness->loop, strstr(second->reason, "\"twin\""), 5000);
    assert_true(mqtt_client_takeovers(first->client) > 0);
}

static struct mqtt_options options_with_will(const char *url)
{
    struct mqtt_options options = peer_options(url, "mortal");
    options.will = (struct mqtt_message){
        .topic = "will", .payload = "gone", .size = 4, .qos = 1, .content_type = "text/plain"};
    return options;
}

/* This program again, as a client that will be killed. */
static int mortal_main(const char *url)
{
    static struct peer peer;
    uv_loop_t loop;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uv_loop_init(&loop);
    struct mqtt_options options = options_with_will(url);
    peer_start(&peer, &loop, &options);
    while (!mqtt_client_online(peer.client))
        uv_run(&loop, UV_RUN_ONCE);
    peer_publish(&peer, "alive", "", 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    return 1;
}

static void test_last_will_on_crash(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    harness_subscribe(harness, peer, "will", 1);
    harness_subscribe(harness, peer, "alive", 1);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "mortal", broker_url(harness->broker), (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    wait_until(&harness->loop, peer->message_count == 1, 10000);
    assert_string_equal(peer->messages[0].topic, "alive");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    wait_until(&harness->loop, peer->message_count == 2, 5000);
    assert_string_equal(peer->messages[1].topic, "will");
    assert_string_equal(peer->messages[1].payload, "gone");
}

/* Also when megabytes wait unread in the socket: closing it would be a reset. */
static void test_no_last_will_on_stop(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, &(struct broker_options){.lines = "max_queued_messages 0"});
    struct peer *observer = harness_online_peer(harness, 0);
    harness_subscribe(harness, observer, "will", 1);
    harness_subscribe(harness, observer, "farewell", 1);
    for (unsigned round = 1; round <= 5; round++) {
        struct peer *mortal = &harness->peers[1];
        struct mqtt_options options = options_with_will(broker_url(harness->broker));
        peer_start(mortal, &harness->loop, &options);
        wait_until(&harness->loop, mqtt_client_online(mortal->client), 5000);
        harness_subscribe(harness, mortal, "flood", 0);
        harness_publish_raw(harness, "flood", 30000, 300);
        peer_publish(mortal, "farewell", "last words", 1);
        uint64_t since = uv_hrtime();
        peer_stop(mortal);
        wait_until(&harness->loop, !mortal->client, 2000);
        if (elapsed_ms(since) > 900)
            fail_msg("round %u: the broker's end was not seen, %.0f ms", round, elapsed_ms(since));
        peer_publish(observer, "farewell", "check", 1);
        wait_until(&harness->loop, observer->message_count >= 2, 5000);
        assert_string_equal(observer->messages[0].payload, "last words");
        assert_string_equal(observer->messages[1].payload, "check");
        assert_int_equal(observer->message_count, 2);
        peer_forget(observer);
        peer_deinit(mortal);
    }
}

static void test_stop_at_a_frozen_broker(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    broker_freeze(harness->broker);
    char *payload = calloc(1, 60000);
    struct mqtt_message message = {.topic = "flood", .payload = payload, .size = 60000};
    while (mqtt_client_publish(peer->client, &message, NULL) == 0)
        ; /* DISCONNECT has to wait behind megabytes */
    free(payload);
    uint64_t since = uv_hrtime();
    peer_stop(peer);
    wait_until(&harness->loop, !peer->client, 3000);
    assert_true(elapsed_ms(since) < 2000);
}

static void test_stop_at_every_stage(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    fake_broker_start(&harness->fakes[0], &harness->loop, FAKE_SILENT);
    struct peer *peer = &harness->peers[0];
    const char *urls[] = {broker_url(harness->broker), harness->fakes[0].url, "mqtt://127.0.0.1:1",
                          harness->fakes[0].tls_url, "unix:///nonexistent/mqtt.sock"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        for (int turns = 0; turns < 12; turns++) {
            struct mqtt_options options = peer_options(urls[i], "stages");
            peer_start(peer, &harness->loop, &options);
            for (int turn = 0; turn < turns; turn++)
                uv_run(&harness->loop, UV_RUN_NOWAIT);
            peer_stop(peer);
            peer_stop(peer); /* the second has no effect */
            unsigned online = peer->online, offline = peer->offline;
            wait_until(&harness->loop, !peer->client, 2000);
            assert_int_equal(peer->online, online);
            assert_int_equal(peer->offline, offline);
        }
    }
}

static void test_hanging_look_up_blocks_nothing(void **state)
{
    struct harness *harness = *state;
    struct peer *peer = &harness->peers[0];
    struct mqtt_options options = peer_options("mqtt://" SLOW_HOST, "slow");
    uint64_t since = uv_hrtime();
    peer_start(peer, &harness->loop, &options);
    wait_until(&harness->loop, peer->offline == 1, 5000);
    assert_reason(peer, "look-up of " SLOW_HOST);
    double longest = 0;
    wait_ms(&harness->loop, 300); /* the next look-up hangs now */
    for (uint64_t turn = uv_hrtime(); elapsed_ms(since) < SLOW_MS + 600; turn = uv_hrtime()) {
        uv_run(&harness->loop, UV_RUN_ONCE);
        if (elapsed_ms(turn) > longest)
            longest = elapsed_ms(turn);
    }
    since = uv_hrtime();
    peer_stop(peer);
    if (elapsed_ms(since) > 200 || longest > 300)
        fail_msg("stop took %.0f ms, a turn of the loop %.0f ms", elapsed_ms(since), longest);
    wait_until(&harness->loop, !peer->client, SLOW_MS + 2000);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strncmp(argv[1], "mqtt://", 7))
        return mortal_main(argv[1]);
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_restart_and_kill),
        TEST(test_several_brokers),
        TEST(test_unacknowledged_survives_a_kill),
        TEST(test_silence_is_noticed),
        TEST(test_junk),
        TEST(test_connect_packet),
        TEST(test_refused_subscription),
        TEST(test_takeover_is_not_fought),
        TEST(test_silent_takeover_is_suspected),
        TEST(test_last_will_on_crash),
        TEST(test_no_last_will_on_stop),
        TEST(test_stop_at_a_frozen_broker),
        TEST(test_stop_at_every_stage),
        TEST(test_hanging_look_up_blocks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

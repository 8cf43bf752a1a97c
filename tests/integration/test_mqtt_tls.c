/* The client and TLS: what is trusted, what is refused, and that nothing makes it spin. */
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct tls_paths {
    char ca[128], other_ca[128], cert[128], key[128];
};

static struct tls_paths make_certificates(struct harness *harness, const char *names)
{
    if (!broker_installed())
        skip();
    harness->broker = broker_new();
    if (!broker_make_certificates(harness->broker, names)) {
        print_message("skipped: the openssl command does not work here\n");
        skip();
    }
    struct tls_paths paths;
    const char *directory = broker_directory(harness->broker);
    snprintf(paths.ca, sizeof paths.ca, "%s/ca.crt", directory);
    snprintf(paths.other_ca, sizeof paths.other_ca, "%s/other.crt", directory);
    snprintf(paths.cert, sizeof paths.cert, "%s/client.crt", directory);
    snprintf(paths.key, sizeof paths.key, "%s/client.key", directory);
    return paths;
}

static void assert_never_online(struct harness *harness, const struct mqtt_options *options,
                                const char *words)
{
    struct peer *peer = &harness->peers[3];
    peer_start(peer, &harness->loop, options);
    wait_until(&harness->loop, peer->offline >= 2, 5000);
    assert_int_equal(peer->online, 0);
    if (!strstr(peer->reason, words))
        fail_msg("reason \"%s\", expected \"%s\" in it", peer->reason, words);
    peer_stop(peer);
    wait_until(&harness->loop, !peer->client, 2000);
    peer_deinit(peer);
}

/* Publishing hundreds of times from within on_message leaves EAGAIN behind in the library. */
static void echo(struct peer *peer, const struct mqtt_message *message)
{
    struct mqtt_message copy = *message;
    copy.topic = "echo";
    assert_int_equal(mqtt_client_publish(peer->client, &copy, NULL), 0);
}

static void test_verified(void **state)
{
    struct harness *harness = *state;
    struct tls_paths paths = make_certificates(harness, "IP:127.0.0.1,DNS:localhost");
    harness_broker(harness,
                   &(struct broker_options){.tls = true, .lines = "max_queued_messages 0"});
    struct mqtt_options options = peer_options(broker_tls_url(harness->broker), "tls");
    options.ca_file = paths.ca;
    struct peer *peer = &harness->peers[0];
    peer_start(peer, &harness->loop, &options);
    wait_until(&harness->loop, mqtt_client_online(peer->client), 5000);
    harness_subscribe(harness, peer, "tls/#", 0);
    peer->on_message = echo;
    /* Small messages share TLS records: what OpenSSL holds back is read without a new event. */
    struct peer *sender = harness_online_peer(harness, 1);
    const unsigned count = 2000;
    for (unsigned i = 0; i < count; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        peer_publish(sender, "tls/burst", text, 0);
    }
    wait_until(&harness->loop, peer->message_count == count, 10000);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(strtoul(peer->messages[i].payload, NULL, 10), i);
    broker_kill(harness->broker);
    wait_until(&harness->loop, peer->offline >= 1, 5000);
    broker_start(harness->broker, NULL);
    wait_until(&harness->loop, peer->online == 2, 5000);
    peer_publish(peer, "tls/again", "x", 1);
    wait_until(&harness->loop, peer->message_count == count + 1, 5000);
}

static void test_untrusted(void **state)
{
    struct harness *harness = *state;
    struct tls_paths paths = make_certificates(harness, "DNS:elsewhere");
    harness_broker(harness, &(struct broker_options){.tls = true});
    struct mqtt_options options = peer_options(broker_tls_url(harness->broker), "untrusted");
    options.ca_file = paths.other_ca;
    assert_never_online(harness, &options, "certificate");
    options.ca_file = NULL; /* the system's store */
    assert_never_online(harness, &options, "certificate");
    options.ca_file = paths.ca;
    assert_never_online(harness, &options, "host name");
    options.tls_insecure = true;
    peer_start(&harness->peers[0], &harness->loop, &options);
    wait_until(&harness->loop, harness->peers[0].online == 1, 5000);
}

static void test_client_certificate(void **state)
{
    struct harness *harness = *state;
    struct tls_paths paths = make_certificates(harness, "IP:127.0.0.1");
    harness_broker(harness, &(struct broker_options){.tls = true, .client_certificate = true});
    struct mqtt_options options = peer_options(broker_tls_url(harness->broker), "mutual");
    options.ca_file = paths.ca;
    assert_never_online(harness, &options, "TLS");
    options.cert_file = paths.cert;
    options.key_file = paths.key;
    peer_start(&harness->peers[0], &harness->loop, &options);
    wait_until(&harness->loop, harness->peers[0].online == 1, 5000);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* An error during the handshake reads as "in progress" to the library, for ever. */
static void test_no_spin(void **state)
{
    struct harness *harness = *state;
    struct tls_paths paths = make_certificates(harness, "IP:127.0.0.1");
    harness_broker(harness, NULL);
    fake_broker_start(&harness->fakes[0], &harness->loop, FAKE_JUNK);
    fake_broker_start(&harness->fakes[1], &harness->loop, FAKE_SILENT);
    char plain[64];
    snprintf(plain, sizeof plain, "mqtts://127.0.0.1:%d", broker_port(harness->broker));
    const char *urls[HARNESS_PEERS] = {plain, harness->fakes[0].tls_url, harness->fakes[1].tls_url,
                                       "mqtts://127.0.0.1:1"};
    for (int i = 0; i < HARNESS_PEERS; i++) {
        struct mqtt_options options = peer_options(urls[i], "spin");
        options.ca_file =
            paths.ca; /* the system's store alone takes longer to read than all this */
        peer_start(&harness->peers[i], &harness->loop, &options);
    }
    double before = cpu_seconds();
    wait_ms(&harness->loop, 3000);
    double used = cpu_seconds() - before;
    print_message("%.3f s of CPU in 3 s; %s; %s; %s\n", used, harness->peers[0].reason,
                  harness->peers[1].reason, harness->peers[3].reason);
    for (int i = 0; i < HARNESS_PEERS; i++)
        assert_int_equal(harness->peers[i].online, 0);
    assert_true(harness->peers[0].offline > 3 && harness->peers[1].offline > 3);
    assert_int_equal(harness->peers[2].offline, 0); /* its five seconds are not over */
    assert_true(used < 1.0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_verified),
        TEST(test_untrusted),
        TEST(test_client_certificate),
        TEST(test_no_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

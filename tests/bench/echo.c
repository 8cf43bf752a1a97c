/*
 * echo: the least that a consumer of samples can do: receive them, and answer if wanted.
 *
 *   echo PORT [ANSWERS_HZ]
 *
 * libmosquitto alone, nothing parsed. It reads as src/mqtt does: until the socket has no more, then
 * one poll. ANSWERS_HZ as scores.rate_hz: 0: no answers, -1: one to each sample, else at most so
 * many a second. Says "ready" once it has subscribed; the count of samples comes at SIGTERM.
 */
#include <mosquitto.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READS_MAX 64
#define HEAD 128 /* bytes of a sample in which its number is looked for */

static volatile sig_atomic_t stopped;
static unsigned long received;
static double answers_hz;
static int64_t answered_ns;

static void on_signal(int signum)
{
    stopped = 1;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static uint64_t sample_number(const struct mosquitto_message *message)
{
    const unsigned char *bytes = message->payload;
    uint64_t seq = 0;
    if (message->payloadlen >= 24 && bytes[0] == 0xA1) {
        memcpy(&seq, bytes + 16, sizeof seq);
        return seq;
    }
    char head[HEAD + 1] = "";
    memcpy(head, bytes, message->payloadlen < HEAD ? (size_t)message->payloadlen : HEAD);
    const char *at = strstr(head, "\"seq\":");
    return at ? strtoull(at + 6, NULL, 10) : 0;
}

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    received++;
    if (answers_hz == 0)
        return;
    if (answers_hz > 0) {
        int64_t now = now_ns();
        if ((double)(now - answered_ns) * answers_hz < 1e9)
            return;
        answered_ns = now;
    }
    char topic[128], answer[64];
    size_t stem = strlen(message->topic) - strlen("sample");
    snprintf(topic, sizeof topic, "%.*sscore", (int)stem, message->topic);
    int size = snprintf(answer, sizeof answer, "{\"seq\":%llu}",
                        (unsigned long long)sample_number(message));
    mosquitto_publish(mosq, NULL, topic, size, answer, 0, false);
}

static void on_connect(struct mosquitto *mosq, void *user, int reason)
{
    mosquitto_subscribe(mosq, NULL, "armwatch/robot/+/sample", 0);
}

static void on_subscribe(struct mosquitto *mosq, void *user, int mid, int count, const int *granted)
{
    puts("ready");
    fflush(stdout);
}

static int serve(struct mosquitto *mosq)
{
    int64_t tick_ns = now_ns();
    int rc = 0;
    while (!stopped && !rc) {
        struct pollfd fd = {.fd = mosquitto_socket(mosq), .events = POLLIN};
        if (mosquitto_want_write(mosq))
            fd.events |= POLLOUT;
        poll(&fd, 1, 500);
        unsigned long before = received - 1;
        for (int i = 0; (fd.revents & POLLIN) && i < READS_MAX && received != before && !rc; i++) {
            before = received;
            rc = mosquitto_loop_read(mosq, 1);
        }
        if (!rc && mosquitto_want_write(mosq))
            rc = mosquitto_loop_write(mosq, 1);
        if (!rc && now_ns() - tick_ns > 500000000) {
            tick_ns = now_ns();
            rc = mosquitto_loop_misc(mosq);
        }
    }
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    answers_hz = argc > 2 ? atof(argv[2]) : 0;
    mosquitto_lib_init();
    struct mosquitto *mosq = mosquitto_new("bench-echo", true, NULL);
    if (!mosq)
        return 1;
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);
    mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(mosq, on_connect);
    mosquitto_subscribe_callback_set(mosq, on_subscribe);
    mosquitto_message_v5_callback_set(mosq, on_message);
    int rc = mosquitto_connect(mosq, "127.0.0.1", atoi(argv[1]), 60);
    if (!rc)
        rc = serve(mosq);
    if (rc)
        fprintf(stderr, "echo: %s\n", mosquitto_strerror(rc));
    printf("%lu\n", received);
    mosquitto_destroy(mosq);
    mosquitto_lib_cleanup();
    return rc != 0;
}

/*
 * reload_pause: what a reload of the model does to the scores that are asked for meanwhile.
 *
 *   reload_pause PORT INSTANCE RELOADS
 *
 * Sends 1000 samples a second of one simulated robot to a daemon that answers each (scores.rate_hz
 * -1), and every 200 ms a reload of the model. Each sample that was sent while a reload was under
 * way, from the command to its answer, is held against those in as long a time right before the
 * command. JSON on stdout: for both, percentiles over all samples, and the median over the reloads
 * of the longest in each; how long reloads took; how many samples stayed without an answer.
 */
#include "lab/simulator.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S_NS INT64_C(1000000000)
#define MS_NS INT64_C(1000000)
#define RATE 1000
#define EVERY 200   /* samples from one reload to the next */
#define WARM_UP 500 /* samples before the first */
#define TEXT_MAX 2048
#define PATIENCE_NS (3 * S_NS)

static struct {
    struct mosquitto *mosq;
    const char *instance;
    size_t reloads, samples, sent, next_reload;
    int64_t *sent_ns, *answered_ns;   /* of each sample; 0: not yet */
    int64_t *reload_ns, *reloaded_ns; /* of each reload */
    size_t failed;                    /* reloads */
    int subscribed;
} bench;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * S_NS + t.tv_nsec;
}

static void check(const char *what, int rc)
{
    if (!rc)
        return;
    fprintf(stderr, "reload_pause: %s: %s\n", what, mosquitto_strerror(rc));
    exit(1);
}

static void *must(void *memory)
{
    if (!memory)
        exit(1);
    return memory;
}

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    bool reply = strstr(message->topic, "/control/reply");
    const char *at = strstr(message->payload, reply ? "\"id\":\"" : "\"seq\":");
    size_t number = at ? strtoul(at + 6, NULL, 10) : SIZE_MAX;
    if (!reply && number < bench.samples)
        bench.answered_ns[number] = now_ns();
    if (reply && number < bench.reloads) {
        bench.reloaded_ns[number] = now_ns();
        bench.failed += !strstr(message->payload, "\"ok\":true");
    }
}

static void on_connect(struct mosquitto *mosq, void *user, int reason)
{
    char topic[200];
    snprintf(topic, sizeof topic, "armwatch/service/%s/control/reply", bench.instance);
    mosquitto_subscribe(mosq, NULL, topic, 1);
    mosquitto_subscribe(mosq, NULL, "armwatch/robot/+/score", 0);
}

static void on_subscribe(struct mosquitto *mosq, void *user, int mid, int count, const int *granted)
{
    bench.subscribed++;
}

static void serve(int64_t wait_ns)
{
    struct pollfd fd = {.fd = mosquitto_socket(bench.mosq), .events = POLLIN};
    const struct timespec wait = {.tv_nsec = wait_ns};
    if (mosquitto_want_write(bench.mosq))
        fd.events |= POLLOUT;
    if (ppoll(&fd, 1, &wait, NULL) < 0)
        return;
    if (fd.revents & POLLIN)
        check("read", mosquitto_loop_read(bench.mosq, 1));
    if (mosquitto_want_write(bench.mosq))
        check("write", mosquitto_loop_write(bench.mosq, 1));
    check("misc", mosquitto_loop_misc(bench.mosq));
}

static void send_reload(void)
{
    char topic[200], command[100];
    snprintf(topic, sizeof topic, "armwatch/service/%s/control", bench.instance);
    int size = snprintf(command, sizeof command, "{\"id\":\"%zu\",\"command\":\"reload\"}",
                        bench.next_reload);
    bench.reload_ns[bench.next_reload++] = now_ns();
    check("command", mosquitto_publish(bench.mosq, NULL, topic, size, command, 1, false));
}

static void send_sample(struct simulator *simulator, int64_t start_s)
{
    float values[SIMULATOR_CHANNELS];
    int label;
    int64_t unused_ns;
    char text[TEXT_MAX];
    simulator_next(simulator, values, &label, &unused_ns);
    char *at = text + sprintf(text, "{\"seq\":%zu,\"time\":%lld.%zu,\"values\":[", bench.sent,
                              (long long)(start_s + (int64_t)bench.sent / SIMULATOR_RATE_HZ),
                              bench.sent % SIMULATOR_RATE_HZ);
    for (size_t c = 0; c < SIMULATOR_CHANNELS; c++)
        at += sprintf(at, "%s%.9g", c ? "," : "", (double)values[c]);
    at += sprintf(at, "]}");
    bench.sent_ns[bench.sent++] = now_ns();
    check("publish", mosquitto_publish(bench.mosq, NULL, "armwatch/robot/r0/sample",
                                       (int)(at - text), text, 0, false));
}

static void run(void)
{
    const struct simulator_options options = {.robot_seed = 1, .session_seed = 99};
    struct simulator *simulator = must(simulator_new(&options));
    int64_t start_s = (int64_t)time(NULL) - 60 - (int64_t)bench.samples / SIMULATOR_RATE_HZ;
    int64_t begun_ns = now_ns();
    while (bench.sent < bench.samples) {
        int64_t due_ns = begun_ns + (int64_t)bench.sent * S_NS / RATE, now = now_ns();
        if (now < due_ns) {
            serve(due_ns - now);
            continue;
        }
        send_sample(simulator, start_s);
        if (bench.sent >= WARM_UP && (bench.sent - WARM_UP) % EVERY == EVERY / 2 &&
            bench.next_reload < bench.reloads)
            send_reload();
    }
    int64_t ended_ns = now_ns();
    while (!bench.answered_ns[bench.samples - 1] && now_ns() - ended_ns < PATIENCE_NS)
        serve(10 * MS_NS);
    simulator_free(simulator);
}

/* ---- what came of it */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* us; the values are sorted. */
static double quantile(int64_t *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, compare);
    return count ? (double)values[(size_t)((double)(count - 1) * share)] / 1e3 : 0;
}

struct side {
    int64_t *all, *longest;
    size_t count, room, slots;
};

static void take_slot(struct side *side, int64_t from_ns, int64_t until_ns)
{
    int64_t longest = 0;
    /* Slots of reloads that took long overlap: there may be more in them than there were samples.
     */
    for (size_t s = 0; s < bench.samples && side->count < side->room; s++) {
        if (bench.sent_ns[s] < from_ns || bench.sent_ns[s] >= until_ns || !bench.answered_ns[s])
            continue;
        int64_t took = bench.answered_ns[s] - bench.sent_ns[s];
        side->all[side->count++] = took;
        longest = took > longest ? took : longest;
    }
    side->longest[side->slots++] = longest;
}

static void print_side(const char *name, struct side *side)
{
    printf("\"%s\":{\"samples\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"longest_us\":%.1f},", name,
           side->count, quantile(side->all, side->count, 0.5),
           quantile(side->all, side->count, 0.99), quantile(side->longest, side->slots, 0.5));
}

static struct side new_side(void)
{
    size_t room = 4 * bench.samples;
    return (struct side){.all = must(calloc(room, sizeof(int64_t))),
                         .room = room,
                         .longest = must(calloc(bench.reloads, sizeof(int64_t)))};
}

static void print(void)
{
    struct side during = new_side(), before = new_side();
    int64_t *took = must(calloc(bench.reloads, sizeof *took));
    size_t done = 0, unanswered = 0;
    for (size_t r = 0; r < bench.reloads; r++) {
        if (!bench.reloaded_ns[r])
            continue;
        /* A sample that had been sent shortly before may still have been waiting. */
        int64_t begun = bench.reload_ns[r] - 2 * MS_NS, lasted = bench.reloaded_ns[r] - begun;
        took[done++] = bench.reloaded_ns[r] - bench.reload_ns[r];
        take_slot(&during, begun, begun + lasted);
        take_slot(&before, begun - lasted, begun);
    }
    for (size_t s = 0; s < bench.samples; s++)
        unanswered += s >= WARM_UP && !bench.answered_ns[s];
    printf("{");
    print_side("during", &during);
    print_side("before", &before);
    printf(
        "\"reloads\":%zu,\"failed\":%zu,\"reload_us\":%.1f,\"samples\":%zu,\"unanswered\":%zu}\n",
        done, bench.failed, quantile(took, done, 0.5), bench.samples, unanswered);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: see the head of reload_pause.c\n");
        return 2;
    }
    bench.instance = argv[2];
    bench.reloads = strtoul(argv[3], NULL, 10);
    bench.samples = WARM_UP + bench.reloads * EVERY;
    bench.sent_ns = must(calloc(bench.samples, sizeof(int64_t)));
    bench.answered_ns = must(calloc(bench.samples, sizeof(int64_t)));
    bench.reload_ns = must(calloc(bench.reloads, sizeof(int64_t)));
    bench.reloaded_ns = must(calloc(bench.reloads, sizeof(int64_t)));
    mosquitto_lib_init();
    bench.mosq = must(mosquitto_new("bench-reload", true, NULL));
    mosquitto_int_option(bench.mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(bench.mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(bench.mosq, on_connect);
    mosquitto_subscribe_callback_set(bench.mosq, on_subscribe);
    mosquitto_message_v5_callback_set(bench.mosq, on_message);
    check("connect", mosquitto_connect(bench.mosq, "127.0.0.1", atoi(argv[1]), 60));
    while (bench.subscribed < 2)
        serve(10 * MS_NS);
    run();
    print();
    mosquitto_destroy(bench.mosq);
    mosquitto_lib_cleanup();
    return 0;
}

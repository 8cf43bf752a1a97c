/*
 * flood: sends simulated samples of 86 values to a broker, and measures who consumes them.
 *
 *   flood --port P --samples N [OPTION...]
 *     --robots R        robot r0, r1, ... in turn, each with consecutive rows (default 1)
 *     --warm-up N       samples sent before the measured ones, at the same rate (default 0)
 *     --rate HZ         of all robots together; 0: as fast as the broker takes them (default)
 *     --window N        closed loop: at most N samples without an answer (0: none are waited for);
 *                       one more after each 2 ms of silence, since answers that are limited in
 *                       their rate may leave the newest samples without
 *     --latency         an answer to each sample is expected, and timed
 *     --format json|binary
 *     --pid PID         the consumer: its time on a processor, all threads
 *
 * All robots send the same rows of one simulated session; a row's text is made before the clock
 * starts. One JSON object on stdout. QoS 0; an answer is a message on armwatch/robot/+/score with
 * "seq" in it, and stands for all samples of its robot up to that number.
 */
#include "lab/simulator.h"
#include "pipeline/sample.h"

#include <dirent.h>
#include <getopt.h>
#include <mosquitto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S_NS INT64_C(1000000000)
#define PERIOD_NS (S_NS / SIMULATOR_RATE_HZ)
#define PATIENCE_NS (2 * S_NS)    /* for the last answers */
#define SETTLE_NS (S_NS * 3 / 10) /* for the last samples, where none are answered */
#define SILENCE_NS (S_NS / 500)
#define PROBES_MAX 100
#define ROBOTS_MAX 1000
#define TEXT_MAX 2048

struct flood {
    struct mosquitto *mosq;
    int port, pid;
    unsigned long samples, robots, warm_up, window;
    double rate_hz;
    bool latency, binary, subscribed;
    unsigned long rows;
    char **texts;
    int *sizes;
    char topics[ROBOTS_MAX][64];
    unsigned long answered_rows[ROBOTS_MAX]; /* of each robot */
    unsigned long sent, answered, answers, probes;
    int64_t begun_ns, last_answer_ns;
    int64_t *sent_ns;      /* [samples sent], where latency */
    int64_t *latencies_ns; /* of the measured ones */
    size_t timed;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * S_NS + t.tv_nsec;
}

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "flood: out of memory\n");
        exit(1);
    }
    return memory;
}

static void check(const char *what, int rc)
{
    if (!rc)
        return;
    fprintf(stderr, "flood: %s: %s\n", what, mosquitto_strerror(rc));
    exit(1);
}

/* ---- samples */

static int format_json(unsigned long row, int64_t time_ns, const float *values, char *text)
{
    char *at = text + sprintf(text, "{\"seq\":%lu,\"time\":%lld.%lld,\"values\":[", row,
                              (long long)(time_ns / S_NS), (long long)(time_ns % S_NS / PERIOD_NS));
    for (size_t c = 0; c < SIMULATOR_CHANNELS; c++)
        at += sprintf(at, "%s%.9g", c ? "," : "", (double)values[c]);
    at += sprintf(at, "]}");
    return (int)(at - text);
}

/* Times end a minute ago: a sample from the future would be remarked on. */
static void make_samples(struct flood *f)
{
    unsigned long all = f->warm_up + f->samples;
    f->rows = (all + f->robots - 1) / f->robots;
    f->texts = must(calloc(f->rows, sizeof *f->texts));
    f->sizes = must(calloc(f->rows, sizeof *f->sizes));
    const struct simulator_options options = {.robot_seed = 1, .session_seed = 99};
    struct simulator *simulator = must(simulator_new(&options));
    int64_t start_ns = ((int64_t)time(NULL) - 60) * S_NS - (int64_t)f->rows * PERIOD_NS;
    for (unsigned long row = 0; row < f->rows; row++) {
        float values[SIMULATOR_CHANNELS];
        int label;
        int64_t unused_ns, time_ns = start_ns + (int64_t)row * PERIOD_NS;
        char text[TEXT_MAX];
        simulator_next(simulator, values, &label, &unused_ns);
        const struct sample sample = {.time_ns = time_ns, .seq = row};
        f->sizes[row] = f->binary ? (int)sample_format_binary(&sample, values, SIMULATOR_CHANNELS,
                                                              (unsigned char *)text)
                                  : format_json(row, time_ns, values, text);
        f->texts[row] = must(malloc((size_t)f->sizes[row]));
        memcpy(f->texts[row], text, (size_t)f->sizes[row]);
    }
    simulator_free(simulator);
    for (unsigned long r = 0; r < f->robots; r++)
        sprintf(f->topics[r], "armwatch/robot/r%lu/sample", r);
}

/* ---- answers */

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct flood *f = user;
    int64_t now = now_ns();
    unsigned long robot = strtoul(message->topic + strlen("armwatch/robot/r"), NULL, 10);
    const char *at = strstr(message->payload, "\"seq\":");
    unsigned long row = at ? strtoul(at + 6, NULL, 10) : f->rows;
    f->answers++;
    f->last_answer_ns = now;
    if (robot >= f->robots || row >= f->rows || row < f->answered_rows[robot])
        return;
    f->answered += row + 1 - f->answered_rows[robot];
    f->answered_rows[robot] = row + 1;
    f->probes = 0;
    unsigned long sample = row * f->robots + robot;
    if (f->latency && sample >= f->warm_up && sample < f->sent)
        f->latencies_ns[f->timed++] = now - f->sent_ns[sample];
}

static void on_connect(struct mosquitto *mosq, void *user, int reason)
{
    mosquitto_subscribe(mosq, NULL, "armwatch/robot/+/score", 0);
}

static void on_subscribe(struct mosquitto *mosq, void *user, int mid, int count, const int *granted)
{
    struct flood *f = user;
    f->subscribed = true;
}

/* ---- sending */

static void serve(struct flood *f, int64_t wait_ns)
{
    struct pollfd fd = {.fd = mosquitto_socket(f->mosq), .events = POLLIN};
    if (mosquitto_want_write(f->mosq))
        fd.events |= POLLOUT;
    const struct timespec wait = {.tv_sec = wait_ns / S_NS, .tv_nsec = wait_ns % S_NS};
    if (ppoll(&fd, 1, &wait, NULL) < 0)
        return;
    unsigned long before = f->answers - 1;
    for (int i = 0; (fd.revents & POLLIN) && i < 64 && f->answers != before; i++) {
        before = f->answers;
        check("read", mosquitto_loop_read(f->mosq, 1));
    }
    if (mosquitto_want_write(f->mosq))
        check("write", mosquitto_loop_write(f->mosq, 1));
    check("misc", mosquitto_loop_misc(f->mosq));
}

static bool may_send(const struct flood *f, unsigned long until)
{
    return f->sent < until && !mosquitto_want_write(f->mosq) &&
           (f->window == 0 || f->sent - f->answered < f->window + f->probes);
}

static void send_until(struct flood *f, unsigned long until)
{
    unsigned long first = f->sent;
    int64_t begun = now_ns(), due = begun, progress = begun;
    while (f->sent < until) {
        int64_t now = now_ns();
        while (may_send(f, until) && due <= now) {
            unsigned long row = f->sent / f->robots, robot = f->sent % f->robots;
            if (f->latency)
                f->sent_ns[f->sent] = now_ns();
            check("publish", mosquitto_publish(f->mosq, NULL, f->topics[robot], f->sizes[row],
                                               f->texts[row], 0, false));
            f->sent++;
            progress = now;
            if (f->rate_hz > 0)
                due = begun + (int64_t)((double)(f->sent - first) / f->rate_hz * 1e9);
        }
        if (now - progress > PATIENCE_NS + S_NS) {
            fprintf(stderr, "flood: no answer for 3 s after %lu samples\n", f->sent);
            exit(1);
        }
        now = now_ns();
        int64_t wait = !may_send(f, until) ? SILENCE_NS : due > now ? due - now : 0;
        serve(f, wait);
        if (f->window > 0 && !may_send(f, until) && f->probes < PROBES_MAX &&
            now_ns() - now >= SILENCE_NS)
            f->probes++;
    }
}

/* Until everything is answered, or nothing has come for a while. */
static void await_answers(struct flood *f)
{
    int64_t begun = now_ns();
    bool expected = f->window > 0 || f->latency;
    int64_t patience = f->latency ? PATIENCE_NS : SETTLE_NS;
    while (!(f->latency && f->answered >= f->sent)) {
        int64_t from = expected && f->last_answer_ns > begun ? f->last_answer_ns : begun;
        if (now_ns() - from > patience)
            break;
        serve(f, S_NS / 50);
    }
}

/* Seconds on a processor of all threads of the consumer; schedstat counts nanoseconds where stat
 * counts ticks of 10 ms. */
static double consumer_cpu_s(int pid)
{
    char path[300];
    double sum_ns = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = pid > 0 ? opendir(path) : NULL;
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", pid, task->d_name);
        FILE *file = fopen(path, "re");
        double ns = 0;
        if (file && fscanf(file, "%lf", &ns) == 1)
            sum_ns += ns;
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return sum_ns / 1e9;
}

static void connect_broker(struct flood *f)
{
    mosquitto_lib_init();
    f->mosq = must(mosquitto_new("bench-flood", true, f));
    mosquitto_int_option(f->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(f->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(f->mosq, on_connect);
    mosquitto_subscribe_callback_set(f->mosq, on_subscribe);
    mosquitto_message_v5_callback_set(f->mosq, on_message);
    check("connect", mosquitto_connect(f->mosq, "127.0.0.1", f->port, 60));
    while (!f->subscribed)
        serve(f, S_NS / 100);
}

/* ---- what came of it */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double percentile_us(const struct flood *f, double share)
{
    return f->timed ? (double)f->latencies_ns[(size_t)((double)(f->timed - 1) * share)] / 1e3 : 0;
}

static void measure(struct flood *f)
{
    send_until(f, f->warm_up);
    await_answers(f);
    unsigned long answered = f->answered;
    double cpu_s = consumer_cpu_s(f->pid);
    int64_t begun = now_ns();
    send_until(f, f->warm_up + f->samples);
    double sending_s = (double)(now_ns() - begun) / 1e9;
    await_answers(f);
    double answered_s = (double)(f->last_answer_ns - begun) / 1e9;
    cpu_s = consumer_cpu_s(f->pid) - cpu_s;
    if (f->timed > 0)
        qsort(f->latencies_ns, f->timed, sizeof *f->latencies_ns, compare);
    printf("{\"sent\":%lu,\"measured\":%lu,\"sent_per_s\":%.1f,\"answers\":%lu,\"answered\":%lu,"
           "\"answered_per_s\":%.1f,\"cpu_us\":%.3f,\"timed\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"bytes\":%d}\n",
           f->sent, f->samples, (double)f->samples / sending_s, f->answers, f->answered,
           answered_s > 0 ? (double)(f->answered - answered) / answered_s : 0,
           cpu_s / (double)f->samples * 1e6, f->timed, percentile_us(f, 0.5),
           percentile_us(f, 0.99), f->sizes[0]);
}

static bool read_options(struct flood *f, int argc, char **argv)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},    {"samples", 1, NULL, 'n'},
        {"robots", 1, NULL, 'r'},  {"warm-up", 1, NULL, 'w'},
        {"rate", 1, NULL, 'h'},    {"window", 1, NULL, 'o'},
        {"latency", 0, NULL, 'l'}, {"format", 1, NULL, 'f'},
        {"pid", 1, NULL, 'i'},     {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'p':
            f->port = atoi(optarg);
            break;
        case 'n':
            f->samples = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            f->robots = strtoul(optarg, NULL, 10);
            break;
        case 'w':
            f->warm_up = strtoul(optarg, NULL, 10);
            break;
        case 'h':
            f->rate_hz = atof(optarg);
            break;
        case 'o':
            f->window = strtoul(optarg, NULL, 10);
            break;
        case 'l':
            f->latency = true;
            break;
        case 'f':
            f->binary = strcmp(optarg, "binary") == 0;
            break;
        case 'i':
            f->pid = atoi(optarg);
            break;
        default:
            return false;
        }
    }
    return f->port > 0 && f->samples > 0 && f->robots > 0 && f->robots <= ROBOTS_MAX;
}

int main(int argc, char **argv)
{
    static struct flood f = {.robots = 1};
    signal(SIGPIPE, SIG_IGN);
    if (!read_options(&f, argc, argv)) {
        fprintf(stderr, "usage: see the head of flood.c\n");
        return 2;
    }
    if (f.latency) {
        f.sent_ns = must(calloc(f.warm_up + f.samples, sizeof *f.sent_ns));
        f.latencies_ns = must(calloc(f.samples, sizeof *f.latencies_ns));
    }
    make_samples(&f);
    connect_broker(&f);
    measure(&f);
    mosquitto_disconnect(f.mosq);
    mosquitto_destroy(f.mosq);
    mosquitto_lib_cleanup();
    for (unsigned long row = 0; row < f.rows; row++)
        free(f.texts[row]);
    free(f.texts);
    free(f.sizes);
    free(f.sent_ns);
    free(f.latencies_ns);
    return 0;
}

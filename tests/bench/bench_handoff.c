/*
 * What it costs that windows are scored by a thread of their own: a burst of samples comes through
 * a socket every millisecond, is read, and becomes windows, which are scored by the daemon's
 * scorer, or inline, in the loop's thread. Processor time of both threads; who sends is another
 * process. Results may be waited for, as where each score is published, or be taken along with the
 * next burst.
 *
 *   bench_handoff [--json] [--rounds N] MODEL
 *
 * There is no MQTT in it: what libmosquitto costs would stand on both sides.
 */
#include "bench.h"

#include "daemon/scorer.h"
#include "lab/simulator.h"
#include "nn/blas.h"
#include "pipeline/score.h"
#include "pipeline/track.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES 64 /* different ones */
#define TEXT_MAX 2048
#define BURST_MAX 64
#define BURSTS_MAX 256     /* of a turn */
#define WINDOWS_MIN 512    /* the same */
#define BETWEEN_NS 1000000 /* bursts */
#define PERIOD_NS 100000000

struct bench {
    uv_loop_t loop;
    uv_poll_t poll;
    struct scorer *scorer;
    struct scoring_set *set; /* of the inline side; the scorer has one of its own */
    struct model *model;
    struct sample_decoder *decoder;
    struct track track;
    int socket;
    bool inline_, prompt;
    uint64_t number;            /* of the next sample */
    size_t taken, done, alerts; /* windows */
    size_t waiting; /* inline: windows of this burst, copied as scorer_push copies them */
    struct score_request requests[BURST_MAX];
    struct score scores[BURST_MAX];
    float *copies;
    char buffer[BURST_MAX * TEXT_MAX];
    size_t filled;
};

static struct bench bench;

static void fail(const char *what)
{
    fprintf(stderr, "bench_handoff: %s\n", what);
    exit(1);
}

/* ---- the sender */

static char texts[SAMPLES][TEXT_MAX];
static size_t sizes[SAMPLES]; /* with the newline */

static void make_samples(void)
{
    const struct simulator_options options = {.robot_seed = 1, .session_seed = 99};
    struct simulator *simulator = simulator_new(&options);
    for (size_t s = 0; s < SAMPLES; s++) {
        float values[SIMULATOR_CHANNELS];
        int label;
        int64_t time_ns;
        simulator_next(simulator, values, &label, &time_ns);
        char *at = texts[s] + sprintf(texts[s], "{\"seq\":%zu,\"time\":1763917200.%zu,\"values\":[",
                                      s, s % 10);
        for (size_t c = 0; c < SIMULATOR_CHANNELS; c++)
            at += sprintf(at, "%s%.9g", c ? "," : "", (double)values[c]);
        at += sprintf(at, "]}\n");
        sizes[s] = (size_t)(at - texts[s]);
    }
    simulator_free(simulator);
}

struct order {
    unsigned bursts, size;
};

/* Sends what is ordered, until the other side has gone. */
static void send_bursts(int socket)
{
    static char burst[BURST_MAX * TEXT_MAX];
    static const struct timespec between = {.tv_nsec = BETWEEN_NS};
    struct order order;
    size_t next = 0;
    while (read(socket, &order, sizeof order) == sizeof order) {
        for (; order.bursts > 0; order.bursts--) {
            size_t size = 0;
            for (unsigned i = 0; i < order.size; i++, next = (next + 1) % SAMPLES) {
                memcpy(burst + size, texts[next], sizes[next]);
                size += sizes[next];
            }
            if (write(socket, burst, size) != (ssize_t)size)
                _exit(1);
            nanosleep(&between, NULL);
        }
    }
    _exit(0);
}

/* ---- the receiver */

static void count_score(const struct score *score)
{
    bench.done++;
    bench.alerts += score->attributed;
}

static void on_result(void *user, const struct scorer_result *result)
{
    if (!result->scored)
        fail("a window was dropped");
    count_score(&result->score);
}

static void on_set(void *user, uint64_t generation, bool ok, const char *reason)
{
    if (!ok)
        fail(reason);
}

static void score_inline(void)
{
    score_windows(bench.model, bench.requests, bench.waiting, bench.scores);
    for (size_t i = 0; i < bench.waiting; i++)
        count_score(&bench.scores[i]);
    bench.waiting = 0;
}

static void take_window(const struct sample *sample)
{
    size_t rows = history_valid_rows(&bench.track.history);
    size_t channels = bench.track.history.channels;
    const float *values = history_window(&bench.track.history, rows);
    if (bench.inline_) {
        float *copy = bench.copies + bench.waiting * bench.track.history.span * channels;
        memcpy(copy, values, rows * channels * sizeof(float));
        bench.scores[bench.waiting].time_ns = sample->time_ns;
        bench.requests[bench.waiting++] = (struct score_request){
            .window = copy, .rows = rows, .thresholds = bench.set->robot[0].thresholds};
        if (bench.waiting == BURST_MAX) /* bursts have come together */
            score_inline();
        return;
    }
    const struct scorer_window window = {.rows = rows,
                                         .channels = channels,
                                         .values = values,
                                         .row_shape = bench.model->row_shape,
                                         .time_ns = sample->time_ns,
                                         .seq = sample->seq,
                                         .prompt = bench.prompt};
    if (!scorer_push(bench.scorer, &window))
        fail("no room for a window");
}

/* Times and numbers go on, where the texts begin again. */
static void take_sample(const char *text, size_t size)
{
    struct sample sample;
    if (sample_decode(bench.decoder, text, size, &sample, track_next_row(&bench.track), NULL))
        fail("a sample was refused");
    sample.seq = bench.number;
    sample.time_ns = (int64_t)bench.number++ * PERIOD_NS;
    bench.taken++;
    track_push(&bench.track, &sample);
    take_window(&sample);
}

static void end_burst(void)
{
    if (bench.inline_) {
        score_inline();
        return;
    }
    scorer_wake(bench.scorer);
    scorer_collect(bench.scorer);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    ssize_t got =
        read(bench.socket, bench.buffer + bench.filled, sizeof bench.buffer - bench.filled);
    if (got <= 0)
        fail("the sender has gone");
    bench.filled += (size_t)got;
    char *at = bench.buffer, *end = bench.buffer + bench.filled, *line;
    while ((line = memchr(at, '\n', (size_t)(end - at)))) {
        take_sample(at, (size_t)(line - at));
        at = line + 1;
    }
    end_burst();
    bench.filled = (size_t)(end - at);
    memmove(bench.buffer, at, bench.filled);
}

static size_t turn(unsigned size)
{
    unsigned bursts = WINDOWS_MIN / size < BURSTS_MAX ? WINDOWS_MIN / size : BURSTS_MAX;
    const struct order order = {bursts < 32 ? 32 : bursts, size};
    size_t windows = (size_t)order.bursts * size, until = bench.taken + windows;
    if (write(bench.socket, &order, sizeof order) != sizeof order)
        fail("the sender has gone");
    while (bench.taken < until || bench.done < bench.taken)
        uv_run(&bench.loop, UV_RUN_ONCE);
    return windows;
}

#define TURNS(size)                                                                                \
    static size_t threaded_##size(void)                                                            \
    {                                                                                              \
        bench.inline_ = bench.prompt = false;                                                      \
        return turn(size);                                                                         \
    }                                                                                              \
    static size_t prompt_##size(void)                                                              \
    {                                                                                              \
        bench.inline_ = false;                                                                     \
        bench.prompt = true;                                                                       \
        return turn(size);                                                                         \
    }                                                                                              \
    static size_t inline_##size(void)                                                              \
    {                                                                                              \
        bench.inline_ = true;                                                                      \
        return turn(size);                                                                         \
    }
TURNS(1)
TURNS(4)
TURNS(16)
TURNS(64)

#define SIZES 4
enum { THREAD, PROMPT, INLINE, SIDES };
static struct bench_way ways[SIZES * SIDES] = {
    {"scorer", threaded_1, 1, {0}},  {"prompt", prompt_1, 1, {0}},  {"inline", inline_1, 1, {0}},
    {"scorer", threaded_4, 1, {0}},  {"prompt", prompt_4, 1, {0}},  {"inline", inline_4, 1, {0}},
    {"scorer", threaded_16, 1, {0}}, {"prompt", prompt_16, 1, {0}}, {"inline", inline_16, 1, {0}},
    {"scorer", threaded_64, 1, {0}}, {"prompt", prompt_64, 1, {0}}, {"inline", inline_64, 1, {0}},
};
static const char *const titles[SIZES][2] = {
    {"single samples, 1000/s", "  each score is waited for"},
    {"bursts of 4, 1000/s", "  each score is waited for"},
    {"bursts of 16, 1000/s", "  each score is waited for"},
    {"bursts of 64, 1000/s", "  each score is waited for"}};

static struct scoring_set *set_of_one(uint64_t generation)
{
    struct scoring_set *set = scoring_set_new(generation, 1);
    if (!set)
        fail("out of memory");
    scoring_set_assign(set, 0, bench.model, 1);
    return set;
}

static void set_up(const char *path, int socket)
{
    struct diag diag = DIAG_INIT;
    static const struct scorer_handlers handlers = {.on_result = on_result, .on_set = on_set};
    blas_init();
    if (model_load(path, &bench.model, &diag) < 0)
        fail(diag.text);
    bench.decoder = sample_decoder_new(simulator_names(), SIMULATOR_CHANNELS, SAMPLE_TIME_S);
    if (bench.model->channels != SIMULATOR_CHANNELS || !bench.decoder ||
        track_init(&bench.track, bench.model, 0) < 0)
        fail("not a model of the simulated arm's channels");
    bench.copies =
        calloc(BURST_MAX * bench.track.history.span * bench.track.history.channels, sizeof(float));
    bench.set = set_of_one(1);
    bench.socket = socket;
    uv_loop_init(&bench.loop);
    if (!bench.copies || scorer_start(&bench.loop, &handlers, NULL, &bench.scorer) < 0)
        fail("out of memory");
    scorer_post(bench.scorer, set_of_one(1));
    uv_poll_init(&bench.loop, &bench.poll, socket);
    uv_poll_start(&bench.poll, UV_READABLE, on_readable);
}

/* The process ends behind it: nothing else is worth freeing. */
static void on_stopped(void *user)
{
    *(bool *)user = true;
}

static void print(struct bench_output *output)
{
    for (size_t i = 0; i < SIZES; i++) {
        const struct bench_way *way = &ways[i * SIDES];
        const struct bench_row row = {.what = titles[i][0], .goal = 7, .limit = 1.25};
        const struct bench_row prompt = {.what = titles[i][1]};
        bench_compare(output, &row, &way[THREAD], &way[INLINE]);
        bench_compare(output, &prompt, &way[PROMPT], &way[INLINE]);
    }
}

int main(int argc, char **argv)
{
    struct bench_output output;
    int sockets[2];
    bool stopped = false;
    bench_begin(&output, "handoff", argc, argv);
    if (optind >= argc)
        fail("no model");
    make_samples();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
        fail("no sockets");
    pid_t sender = fork();
    if (sender == 0) {
        close(sockets[0]);
        send_bursts(sockets[1]);
    }
    close(sockets[1]);
    set_up(argv[optind], sockets[0]);
    threaded_64(); /* warm-up; the history is filled */
    inline_64();
    bench_note(&output, "us of processor time for a sample (simulated, 86 values): received, read, "
                        "scored; no MQTT");
    bench_run(ways, SIZES * SIDES, output.rounds);
    print(&output);
    bench_end(&output);
    scorer_stop(bench.scorer, on_stopped, &stopped);
    while (!stopped)
        uv_run(&bench.loop, UV_RUN_ONCE);
    close(sockets[0]);
    waitpid(sender, NULL, 0);
    return 0;
}

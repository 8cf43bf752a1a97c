/*
 * What each stage of a sample costs in a given model: reading it, making its row, scoring its
 * window alone and in a batch. The samples are the rows of the model's self-test, as JSON.
 *
 *   bench_stages [--json] [--rounds N] MODEL
 */
#include "bench.h"

#include "nn/blas.h"
#include "pipeline/score.h"
#include "pipeline/track.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH DETECTOR_BATCH_MAX
#define PERIOD_NS(model) ((int64_t)((model)->period_s * 1e9))
#define VALUE_TEXT_MAX 20

static struct model *model;
static struct sample_decoder *decoder;
static struct track track;
static size_t texts;
static char **text;
static size_t *size;
static float *values;
static double thresholds[MODEL_DETECTORS_MAX];
static uint64_t number;

static void fail(const char *what)
{
    fprintf(stderr, "bench_stages: %s\n", what);
    exit(1);
}

static void *must(void *memory)
{
    if (!memory)
        fail("out of memory");
    return memory;
}

static void make_texts(void)
{
    texts = model->selftest_rows;
    text = must(calloc(texts, sizeof *text));
    size = must(calloc(texts, sizeof *size));
    for (size_t t = 0; t < texts; t++) {
        char *at = text[t] = must(malloc(100 + model->channels * VALUE_TEXT_MAX));
        at += sprintf(at, "{\"seq\":%zu,\"time\":1763917200.%zu,\"values\":[", t, t % 10);
        for (size_t c = 0; c < model->channels; c++)
            at += sprintf(at, "%s%.7g", c ? "," : "",
                          (double)model->selftest_input[t * model->width + c]);
        at += sprintf(at, "]}");
        size[t] = (size_t)(at - text[t]);
    }
}

static size_t read_sample(void)
{
    struct sample sample;
    size_t t = number++ % texts;
    if (sample_decode(decoder, text[t], size[t], &sample, values, NULL))
        fail("a sample was refused");
    return 1;
}

/* Copying the values is in it, which sample_decode would have written there itself. */
static size_t make_row(void)
{
    struct sample sample = {.time_ns = (int64_t)number * PERIOD_NS(model), .has_time = true};
    const float *row = model->selftest_input + number++ % texts * model->width;
    memcpy(track_next_row(&track), row, model->channels * sizeof *row);
    track_push(&track, &sample);
    return 1;
}

static size_t score(size_t count)
{
    struct score_request requests[BATCH];
    static struct score scores[BATCH];
    size_t rows = history_valid_rows(&track.history);
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct score_request){
            .window = history_window(&track.history, rows), .rows = rows, .thresholds = thresholds};
    score_windows(model, requests, count, scores);
    return count;
}

static size_t score_alone(void)
{
    return score(1);
}

static size_t score_batch(void)
{
    return score(BATCH);
}

/* What a reload makes the scorer wait for. */
static size_t test_model(void)
{
    struct diag diag = DIAG_INIT;
    if (model_selftest(model, &diag) < 0)
        fail(diag.text);
    return 1;
}

static void set_up(const char *path)
{
    struct diag diag = DIAG_INIT;
    blas_init();
    if (model_load(path, &model, &diag) < 0)
        fail(diag.text);
    const char **names = must(calloc(model->channels, sizeof *names));
    for (size_t c = 0; c < model->channels; c++)
        names[c] = model->channel[c].name;
    decoder = must(sample_decoder_new(names, model->channels, SAMPLE_TIME_S));
    free(names);
    values = must(calloc(model->width, sizeof *values));
    if (track_init(&track, model, 0) < 0)
        fail("out of memory");
    for (size_t d = 0; d < model->detectors; d++)
        thresholds[d] = 1e30; /* no window is explained */
    make_texts();
    for (size_t i = 0; i < 2 * track.history.span; i++)
        make_row();
}

static struct bench_way ways[] = {{"reading", read_sample, 100, {0}},
                                  {"row", make_row, 100, {0}},
                                  {"score", score_alone, 100, {0}},
                                  {"score in a batch of 64", score_batch, 5, {0}},
                                  {"self-test of a model", test_model, 5, {0}}};
#define WAYS (sizeof ways / sizeof ways[0])

int main(int argc, char **argv)
{
    struct bench_output output;
    bench_begin(&output, "stages", argc, argv);
    if (optind >= argc)
        fail("no model");
    set_up(argv[optind]);
    bench_note(&output, "%zu channels, rows of %zu, windows of %zu, messages of %zu bytes",
               model->channels, model->width, track.history.span, size[0]);
    bench_run(ways, WAYS, output.rounds);
    for (size_t w = 0; w < WAYS; w++) {
        const struct bench_row row = {
            .what = ways[w].name, .unit = "us", .ours = bench_us(&ways[w])};
        bench_row(&output, &row);
    }
    bench_end(&output);
    track_deinit(&track);
    return 0;
}

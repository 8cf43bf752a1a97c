/*
 * What reading one sample of 86 channels costs: the scanner beside the strict tree of cJSON that it
 * takes the place of, beside cJSON alone, beside simdjson, and the binary form.
 *
 *   bench_parse [--json] [--rounds N]
 */
#include "bench.h"
#include "simdjson_peer.h"

#include "base/json.h"
#include "lab/simulator.h"
#include "pipeline/sample_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 1024 /* different ones: no branch predictor learns them by heart */
#define REPEATS 2    /* of all of them, a round */

static char texts[SAMPLES][4096 + SIMDJSON_PEER_PADDING], named[SAMPLES][8192];
static unsigned char binaries[SAMPLES][SAMPLE_BINARY_HEADER + 4 * SIMULATOR_CHANNELS];
static struct sample_decoder *decoder;
static volatile float sink;

static void make_samples(void)
{
    const struct simulator_options options = {.robot_seed = 1, .session_seed = 1};
    struct simulator *simulator = simulator_new(&options);
    for (size_t s = 0; s < SAMPLES; s++) {
        float values[SIMULATOR_CHANNELS];
        int label;
        int64_t time_ns;
        simulator_next(simulator, values, &label, &time_ns);
        const struct sample sample = {.time_ns = time_ns, .seq = s};
        sample_format_binary(&sample, values, SIMULATOR_CHANNELS, binaries[s]);
        char *at = texts[s], *name_at = named[s];
        at +=
            sprintf(at, "{\"time\":\"2026-11-23T17:00:00.%03zuZ\",\"seq\":%zu,\"values\":[", s, s);
        name_at += sprintf(name_at, "{\"time\":1763917200.%03zu,\"channels\":{", s);
        for (size_t c = 0; c < SIMULATOR_CHANNELS; c++) {
            at += sprintf(at, "%s%.9g", c ? "," : "", (double)values[c]);
            name_at += sprintf(name_at, "%s\"%s\":%.9g", c ? "," : "", simulator_names()[c],
                               (double)values[c]);
        }
        strcpy(at, "]}");
        strcpy(name_at, "}}");
    }
    simulator_free(simulator);
}

static void check(enum sample_refusal refusal, const float *values)
{
    if (refusal) {
        fprintf(stderr, "bench_parse: a sample was refused: %s\n", sample_refusal_name(refusal));
        exit(1);
    }
    sink = values[SIMULATOR_CHANNELS - 1];
}

static void by_scanner(size_t s)
{
    float values[SIMULATOR_CHANNELS];
    struct sample sample;
    check(sample_decode(decoder, texts[s], strlen(texts[s]), &sample, values, NULL), values);
}

static void by_tree(size_t s)
{
    float values[SIMULATOR_CHANNELS];
    struct sample sample;
    check(sample_decode_tree(decoder, texts[s], strlen(texts[s]), &sample, values, NULL), values);
}

static void by_cjson(size_t s)
{
    cJSON *tree = cJSON_ParseWithLength(texts[s], strlen(texts[s]));
    const cJSON *item, *array = cJSON_GetObjectItemCaseSensitive(tree, "values");
    cJSON_ArrayForEach(item, array) sink = (float)item->valuedouble;
    cJSON_Delete(tree);
}

static void names_by_scanner(size_t s)
{
    float values[SIMULATOR_CHANNELS];
    struct sample sample;
    check(sample_decode(decoder, named[s], strlen(named[s]), &sample, values, NULL), values);
}

static void names_by_tree(size_t s)
{
    float values[SIMULATOR_CHANNELS];
    struct sample sample;
    check(sample_decode_tree(decoder, named[s], strlen(named[s]), &sample, values, NULL), values);
}

static void binary(size_t s)
{
    float values[SIMULATOR_CHANNELS];
    struct sample sample;
    check(sample_decode(decoder, binaries[s], sizeof binaries[s], &sample, values, NULL), values);
}

static void by_simdjson(size_t s)
{
    float values[SIMULATOR_CHANNELS];
    bool read = simdjson_peer_read(texts[s], strlen(texts[s]), SIMULATOR_CHANNELS, values);
    check(read ? SAMPLE_ACCEPTED : SAMPLE_MALFORMED, values);
}

/* simdjson must have read the same. */
static void check_simdjson(void)
{
    for (size_t s = 0; s < SAMPLES; s++) {
        float ours[SIMULATOR_CHANNELS], theirs[SIMULATOR_CHANNELS];
        struct sample sample;
        check(sample_decode(decoder, texts[s], strlen(texts[s]), &sample, ours, NULL), ours);
        if (simdjson_peer_read(texts[s], strlen(texts[s]), SIMULATOR_CHANNELS, theirs) &&
            !memcmp(ours, theirs, sizeof ours))
            continue;
        fprintf(stderr, "bench_parse: simdjson reads sample %zu otherwise\n", s);
        exit(1);
    }
}

/* Each in turn reads all samples. */
#define ALL_SAMPLES(name, read)                                                                    \
    static size_t name(void)                                                                       \
    {                                                                                              \
        for (size_t s = 0; s < SAMPLES; s++)                                                       \
            read(s);                                                                               \
        return SAMPLES;                                                                            \
    }
ALL_SAMPLES(all_by_scanner, by_scanner)
ALL_SAMPLES(all_by_tree, by_tree)
ALL_SAMPLES(all_by_cjson, by_cjson)
ALL_SAMPLES(all_by_simdjson, by_simdjson)
ALL_SAMPLES(all_names_by_scanner, names_by_scanner)
ALL_SAMPLES(all_names_by_tree, names_by_tree)
ALL_SAMPLES(all_binary, binary)

enum { SCANNER, CJSON, SIMDJSON, BINARY, TREE, NAMES, NAMES_TREE, WAYS };
static struct bench_way ways[WAYS] = {
    [SCANNER] = {"scanner", all_by_scanner, REPEATS, {0}},
    [CJSON] = {"cJSON alone", all_by_cjson, REPEATS, {0}},
    [SIMDJSON] = {"simdjson", NULL, REPEATS, {0}},
    [BINARY] = {"binary", all_binary, REPEATS, {0}},
    [TREE] = {"strict tree of cJSON", all_by_tree, 1, {0}},
    [NAMES] = {"names, scanner", all_names_by_scanner, REPEATS, {0}},
    [NAMES_TREE] = {"names, strict tree of cJSON", all_names_by_tree, 1, {0}},
};

static void print(struct bench_output *bench)
{
    const struct {
        struct bench_row row;
        int ours, theirs;
    } pairs[] = {
        {{.what = "86 values, JSON", .goal = 3, .limit = 1.0 / 8}, SCANNER, CJSON},
        {{.what = "86 values, JSON", .goal = 3, .limit = 0.9}, SCANNER, SIMDJSON},
        {{.what = "86 values, binary", .goal = 3, .limit = 0.01}, BINARY, CJSON},
        {{.what = "86 values, JSON"}, SCANNER, TREE},
        {{.what = "86 names and values, JSON"}, NAMES, NAMES_TREE},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        bench_compare(bench, &pairs[i].row, &ways[pairs[i].ours], &ways[pairs[i].theirs]);
}

int main(int argc, char **argv)
{
    struct bench_output bench;
    bench_begin(&bench, "parse", argc, argv);
    make_samples();
    decoder = sample_decoder_new(simulator_names(), SIMULATOR_CHANNELS, SAMPLE_TIME_S);
    bench_note(&bench, "reading time, number and 86 values (simulated) of %zu bytes",
               strlen(texts[0]));
    if (simdjson_peer_version) {
        check_simdjson();
        ways[SIMDJSON].run = all_by_simdjson;
        bench_note(&bench, "simdjson %s, on demand, reads the same but takes the time as text",
                   simdjson_peer_version);
    } else {
        bench_note(&bench,
                   "simdjson: skipped, libsimdjson-dev or a compiler for C++ was not there");
    }
    bench_run(ways, WAYS, bench.rounds);
    print(&bench);
    bench_end(&bench);
    sample_decoder_free(decoder);
    return 0;
}

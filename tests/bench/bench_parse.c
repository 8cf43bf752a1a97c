/*
 * What reading one sample of 86 channels costs: the scanner beside the strict tree of cJSON that it
 * takes the place of, beside cJSON alone, and the binary form. One run, interleaved rounds; the
 * median of each, and the ratios.
 *
 *   bench_parse [--json]
 */
#include "base/clock.h"
#include "base/json.h"
#include "lab/simulator.h"
#include "pipeline/sample_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 21
#define SAMPLES 64 /* different ones */
#define REPEATS 40 /* of all of them, a round */

static char texts[SAMPLES][4096], named[SAMPLES][8192];
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

static struct way {
    const char *name;
    void (*read)(size_t s);
    double us[ROUNDS];
} ways[] = {{"values, scanner", by_scanner, {0}},       {"values, strict tree", by_tree, {0}},
            {"values, cJSON alone", by_cjson, {0}},     {"names, scanner", names_by_scanner, {0}},
            {"names, strict tree", names_by_tree, {0}}, {"binary", binary, {0}}};
#define WAYS (sizeof ways / sizeof ways[0])

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && !strcmp(argv[1], "--json");
    make_samples();
    decoder = sample_decoder_new(simulator_names(), SIMULATOR_CHANNELS, SAMPLE_TIME_S);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t w = 0; w < WAYS; w++) {
            int64_t start_ns = clock_monotonic_ns();
            for (size_t i = 0; i < REPEATS * SAMPLES; i++)
                ways[w].read(i % SAMPLES);
            ways[w].us[round] =
                (double)(clock_monotonic_ns() - start_ns) / 1e3 / (REPEATS * SAMPLES);
        }
    }
    for (size_t w = 0; w < WAYS; w++)
        qsort(ways[w].us, ROUNDS, sizeof ways[w].us[0], compare);
    double alone = ways[2].us[ROUNDS / 2];
    if (json)
        printf("{");
    for (size_t w = 0; w < WAYS; w++) {
        double us = ways[w].us[ROUNDS / 2];
        if (json)
            printf("%s\"%s\":{\"us\":%.4g,\"of_cjson\":%.4g}", w ? "," : "", ways[w].name, us,
                   us / alone);
        else
            printf("%-22s %8.3f us   %6.3f of cJSON alone\n", ways[w].name, us, us / alone);
    }
    if (json)
        printf("}\n");
    sample_decoder_free(decoder);
    return 0;
}

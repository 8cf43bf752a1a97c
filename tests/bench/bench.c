#include "bench.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double once(const struct bench_way *way)
{
    size_t units = 0;
    double start_us = bench_cpu_us();
    for (size_t i = 0; i < way->repeats; i++)
        units += way->run();
    return (bench_cpu_us() - start_us) / (double)units;
}

void bench_run(struct bench_way *ways, size_t count, size_t rounds)
{
    for (size_t round = 0; round < rounds; round++) {
        for (size_t w = 0; w < count; w++) {
            if (ways[w].run)
                ways[w].us[round] = once(&ways[w]);
        }
    }
    for (size_t w = 0; w < count; w++) {
        qsort(ways[w].us, rounds, sizeof ways[w].us[0], compare);
        ways[w].us[0] = ways[w].us[rounds / 2];
    }
}

double bench_us(const struct bench_way *way)
{
    return way->us[0];
}

void bench_begin(struct bench_output *output, const char *part, int argc, char **argv)
{
    static const struct option options[] = {
        {"json", 0, NULL, 'j'}, {"rounds", 1, NULL, 'r'}, {NULL, 0, NULL, 0}};
    *output = (struct bench_output){.part = part, .rounds = 21};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'j')
            output->json = true;
        else if (c == 'r')
            output->rounds = strtoul(optarg, NULL, 10) | 1;
        else
            exit(2);
    }
    if (output->rounds > BENCH_ROUNDS_MAX)
        output->rounds = BENCH_ROUNDS_MAX;
    if (output->json)
        printf("{\"part\":\"%s\",\"notes\":[", part);
}

void bench_note(struct bench_output *output, const char *format, ...)
{
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (output->json)
        printf("%s\"%s\"", output->notes ? "," : "", text);
    else
        printf("%s\n", text);
    output->notes++;
}

static void print_json(const struct bench_row *row)
{
    printf("{\"what\":\"%s\",\"ours\":%.6g,\"unit\":\"%s\"", row->what, row->ours, row->unit);
    if (row->peer)
        printf(",\"peer\":\"%s\",\"theirs\":%.6g", row->peer, row->theirs);
    if (row->goal)
        printf(",\"goal\":%d,\"limit\":%g,\"upper\":true", row->goal, row->limit);
    printf("}");
}

static void print_text(const struct bench_row *row)
{
    printf("%-40s %10.3f %-3s", row->what, row->ours, row->unit);
    if (row->peer)
        printf(" %10.3f %-24s %7.3f", row->theirs, row->peer, row->ours / row->theirs);
    if (row->goal)
        printf("  goal %d: at most %.3g, %s", row->goal, row->limit,
               row->ours / row->theirs <= row->limit ? "met" : "NOT met");
    printf("\n");
}

void bench_row(struct bench_output *output, const struct bench_row *row)
{
    if (output->json) {
        printf("%s", output->rows ? "," : "],\"rows\":[");
        print_json(row);
    } else {
        print_text(row);
    }
    output->rows++;
}

void bench_compare(struct bench_output *output, const struct bench_row *row,
                   const struct bench_way *ours, const struct bench_way *theirs)
{
    if (!theirs->run)
        return;
    struct bench_row full = *row;
    full.peer = full.peer ? full.peer : theirs->name;
    full.unit = full.unit ? full.unit : "us";
    full.ours = bench_us(ours);
    full.theirs = bench_us(theirs);
    bench_row(output, &full);
}

void bench_end(struct bench_output *output)
{
    if (output->json)
        printf("%s]}\n", output->rows ? "" : "],\"rows\":[");
}

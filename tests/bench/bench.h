/*
 * bench: what the benchmarks in C have in common: ways to do the same work, run in turn, and rows
 * with both sides of a comparison.
 *
 * All ways take turns in each round, so that what else the machine does meets each of them; the
 * median over the rounds counts. Time is the processor's, of all threads of the process: others
 * that run meanwhile do not count, though what they do to caches and clock does. A benchmark prints
 * a table, or with --json one object:
 *   {"part":"parse","notes":["..."],"rows":[{"what":"one sample","ours":1.2,"unit":"us",
 *     "peer":"cJSON","theirs":9.8,"goal":3,"limit":0.125,"upper":true}]}
 * peer, theirs: only where there is another side; goal, limit: only where there is a goal for ours
 * over theirs. It is also what the benchmarks in Python print.
 */
#ifndef ARMWATCH_BENCH_H
#define ARMWATCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_ROUNDS_MAX 101

struct bench_way {
    const char *name;
    size_t (*run)(void);         /* returns units of work done; NULL: this way is not there */
    size_t repeats;              /* of run, in a round */
    double us[BENCH_ROUNDS_MAX]; /* for a unit, sorted once all have run */
};

/* rounds is odd, and at most BENCH_ROUNDS_MAX. */
void bench_run(struct bench_way *ways, size_t count, size_t rounds);
/* Processor time of this process so far. */
double bench_cpu_us(void);
/* Median microseconds for a unit. */
double bench_us(const struct bench_way *way);

struct bench_row {
    const char *what, *peer, *unit;
    double ours, theirs;
    int goal; /* number; 0: none */
    double limit;
};

/* The options that all benchmarks have: --json, --rounds N. Exits if they are wrong; further
 * arguments are left from optind on. */
struct bench_output {
    const char *part;
    bool json;
    size_t rounds;
    size_t notes, rows; /* printed so far */
};
void bench_begin(struct bench_output *output, const char *part, int argc, char **argv);
/* Notes come before rows. */
void bench_note(struct bench_output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void bench_row(struct bench_output *output, const struct bench_row *row);
/* Both are ways that have run; skipped if theirs is not there. */
void bench_compare(struct bench_output *output, const struct bench_row *row,
                   const struct bench_way *ours, const struct bench_way *theirs);
void bench_end(struct bench_output *output);

#endif

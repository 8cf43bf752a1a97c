/*
 * history: the last rows of one robot, and which of them may stand together in a window.
 *
 * Rows are contiguous in memory, so that a window is a pointer. Everything runs on sample time.
 * Only the length of the newest run of valid, unbroken rows is kept beside them: a window is
 * evaluated if its whole span lies in that run, so a refused or missing sample needs no row of its
 * own. Nothing is ever filled in. Thread: one at a time.
 */
#ifndef ARMWATCH_PIPELINE_HISTORY_H
#define ARMWATCH_PIPELINE_HISTORY_H

#include "pipeline/sample.h"

#include <stddef.h>
#include <stdint.h>

struct history {
    size_t channels;   /* values of a row */
    size_t span;       /* rows of the longest window */
    size_t capacity;   /* rows of `rows` */
    size_t end;        /* rows in use; the newest is end - 1 */
    size_t run;        /* newest rows that are valid and unbroken, at most `end` */
    bool broken;       /* since the newest row */
    bool follows;      /* the newest row is the one after the row before it */
    bool set_back;     /* the clock or the counter of its source was, before the newest row */
    uint64_t missing;  /* samples between them that did not come, by seq or else by time */
    float *rows;       /* [capacity][channels] */
    int64_t period_ns; /* nominal */
    int64_t max_gap_ns;
    double max_gap_s; /* as it was given */
    int64_t last_time_ns;
    uint64_t last_seq;
    bool started, last_has_seq;
};

enum history_outcome {
    HISTORY_APPENDED,  /* a row more */
    HISTORY_RESTARTED, /* a row more, the first after a start, a long gap or a clock that was set */
    HISTORY_DUPLICATE, /* dropped: time or seq of the row before */
    HISTORY_LATE,      /* dropped: older than the row before */
};

struct history_options {
    size_t channels;
    size_t span;
    double period_s;
    double max_gap_s; /* a longer step starts the history anew; 0: three periods */
};

/* Memory: at most max(4 * span, 32) rows. Errors: -ENOMEM. */
int history_init(struct history *history, const struct history_options *options);
void history_deinit(struct history *history);

/* Another length of windows and rows, as a model is swapped: the rows stay, with the first of their
 * values that both lengths have, and zeros behind. Errors: -ENOMEM, and nothing has changed. */
int history_reshape(struct history *history, size_t span, size_t channels, double period_s);

/* Where the next row is to be written: [channels]. It counts only after history_push. */
float *history_next_row(struct history *history);

/* Judges the row that stands at history_next_row by the times of its sample (sample->has_time must
 * be set; the caller puts the arrival time there if the source gave none). With seq in both samples
 * a missing number is a missing row; without it a step over 1.5 periods is. */
enum history_outcome history_push(struct history *history, const struct sample *sample);

/* The clock that stamped the newest row was set by so much since: no time has passed by that. */
void history_shift(struct history *history, int64_t step_ns);

/* A sample was refused or must not be judged: the run is broken. */
void history_break(struct history *history);

/* Rows that may stand in a window now, at most span. */
size_t history_valid_rows(const struct history *history);

/* The row that was pushed last, and those before it: back < run. To be completed in place. */
float *history_row(struct history *history, size_t back);

/* The newest `rows` rows, oldest first; rows <= history_valid_rows. Valid until the next call. */
const float *history_window(const struct history *history, size_t rows);

#endif

/*
 * record_report: what `armwatch record` says: while it runs, and its verdict at the end.
 */
#ifndef ARMWATCH_CLI_RECORD_REPORT_H
#define ARMWATCH_CLI_RECORD_REPORT_H

#include "cli/cli.h"
#include "cli/intake.h"
#include "cli/record_series.h"
#include "cli/record_stats.h"

#define RECORD_LEAST_HOURS 0.5 /* to train on */
#define RECORD_HOLES_MAX 0.05  /* as for recording_load */

struct record_view {
    const struct cli *cli;
    const struct intake *intake;
    const struct record_stats *stats;
    const struct record_series *series;
    const char *topic; /* NULL: no sample yet */
    uint64_t retained;
    unsigned losses;          /* of the broker */
    double elapsed_s, left_s; /* left: negative where it is not known */
};

/* The state in one line, for a log. */
void record_report_line(const struct record_view *view);
/* The same in a few lines that are drawn again in their place, on a terminal. */
struct record_board {
    int lines; /* drawn, above the cursor */
};
void record_board_draw(struct record_board *board, const struct record_view *view);
void record_board_clear(struct record_board *board);

/* What was left out and why, as notes. */
void record_report_oddities(const struct record_view *view);
/* The end: notes, or one JSON object on stdout with --json. Returns an exit code. */
int record_report_verdict(const struct record_view *view);

#endif

/*
 * injection_report: holds what was injected into a simulated robot against the alerts that came.
 *
 * Everything is told in rows, which are the sequence numbers of the samples: so a delay is one of
 * the robot's own time, whatever the speed of the stream. An injection is one stretch of touched
 * rows; stretches of the same anomaly with a pause of over two seconds between them are several. It
 * is found if an alert was raised in it or up to three seconds later (the length of windows and
 * filters), or was still open when it began. An alert that belongs to no injection is a false one.
 *
 * Memory: injection_report_deinit.
 */
#ifndef ARMWATCH_CLI_INJECTION_REPORT_H
#define ARMWATCH_CLI_INJECTION_REPORT_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct injection {
    char text[64];
    uint64_t first, last; /* rows */
    uint64_t touched;     /* 0: it did not occur, as the arm did not move */
};

struct injection_alert {
    char id[80];
    char kind[24], severity[16];
    char group[64];   /* that deviates most */
    double share;     /* of it; NAN: unknown */
    double peak;      /* score; NAN: it has none */
    uint64_t raised;  /* row */
    uint64_t cleared; /* row; UINT64_MAX: still open */
};

struct injection_report {
    double rate_hz;
    uint64_t rows, healthy_rows;
    struct injection *injection;
    size_t injections;
    struct injection_alert *alert;
    size_t alerts;
    bool injecting;     /* the last row belonged to a step with an anomaly */
    bool out_of_memory; /* something is missing in it */
};

void injection_report_init(struct injection_report *report, double rate_hz);
void injection_report_deinit(struct injection_report *report);

/* One row was sent. text: the anomaly that is set, NULL for none; touched: it altered this row. */
void injection_report_row(struct injection_report *report, const char *text, bool touched);

/* One alert event of the robot, as the daemon publishes it. Anything else is ignored. */
void injection_report_alert(struct injection_report *report, const cJSON *event);

/* The alert that an injection was found by, or NULL. */
const struct injection_alert *injection_report_find(const struct injection_report *report,
                                                    const struct injection *injection);
size_t injection_report_found(const struct injection_report *report);
/* Alerts that belong to no injection. */
size_t injection_report_false_alarms(const struct injection_report *report);

void injection_report_print(const struct injection_report *report, FILE *out);
/* NULL when memory is out. */
cJSON *injection_report_json(const struct injection_report *report);

#endif

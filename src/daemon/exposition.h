/*
 * exposition: Prometheus' text format, version 0.0.4: families with help and type, samples with
 * labels.
 *
 * Label values are escaped, whatever they hold. Thread: any.
 */
#ifndef ARMWATCH_DAEMON_EXPOSITION_H
#define ARMWATCH_DAEMON_EXPOSITION_H

#include "base/text.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define EXPOSITION_LABELS_MAX 4

enum exposition_kind { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

/* What the samples that follow belong to; once for each family. */
void exposition_family(struct text *out, const char *name, enum exposition_kind kind,
                       const char *help);

struct exposition_label {
    const char *name; /* NULL: no more */
    const char *value;
};

/* suffix: "" or "_bucket", "_sum", "_count" of a histogram. labels: EXPOSITION_LABELS_MAX at most,
 * ended by a NULL name if there are fewer; NULL: none. */
void exposition_sample(struct text *out, const char *name, const char *suffix,
                       const struct exposition_label *labels, double value);

#endif

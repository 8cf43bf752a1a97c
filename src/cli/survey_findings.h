/*
 * survey_findings: what is worth telling an integrator, each in one line: what, where, what to do.
 * Thread: one at a time.
 */
#ifndef ARMWATCH_CLI_SURVEY_FINDINGS_H
#define ARMWATCH_CLI_SURVEY_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#define SURVEY_FINDINGS_MAX 200
#define SURVEY_FINDING_BYTES 400

enum survey_severity { SURVEY_ERROR, SURVEY_WARNING, SURVEY_HINT, SURVEY_SEVERITIES };
const char *survey_severity_name(enum survey_severity severity);

struct survey_finding {
    enum survey_severity severity;
    char text[SURVEY_FINDING_BYTES]; /* without control characters */
};

struct survey_findings {
    struct survey_finding items[SURVEY_FINDINGS_MAX];
    size_t count;
    size_t counts[SURVEY_SEVERITIES]; /* of all, also those that found no room */
};

void survey_finding_add(struct survey_findings *findings, enum survey_severity severity,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));
/* By severity, else in the order in which they came. */
void survey_findings_sort(struct survey_findings *findings);

/* A list of names as it stands in a sentence: "a, b, c and 4 more". */
struct survey_list {
    char text[280];
    size_t count;
};
void survey_list_add(struct survey_list *list, const char *name);
/* To be called once, when all are added. Returns the text. */
const char *survey_list_end(struct survey_list *list);

#endif

/*
 * evidence_figures: the charts of an alert: scores, and channels beside what was expected of them,
 * over the time around it.
 */
#ifndef ARMWATCH_REPORT_EVIDENCE_FIGURES_H
#define ARMWATCH_REPORT_EVIDENCE_FIGURES_H

#include "base/json.h"
#include "report/page.h"

#include <stdbool.h>
#include <stddef.h>

/* What all charts have in common. */
struct evidence_course {
    const cJSON *root;
    double *time; /* [count] s from the alert */
    size_t count;
    double start, end;
    bool silent;
};

/* Memory: the caller frees course->time. */
void evidence_course_init(struct evidence_course *course, struct page *page, const cJSON *root);
/* There is time to be drawn over. */
bool evidence_course_is_drawn(const struct evidence_course *course);

void evidence_figures_scores(struct page *page, const struct evidence_course *course);
/* fault: of channels that stand still, of which nothing is expected. */
void evidence_figures_channels(struct page *page, const struct evidence_course *course, bool fault);

#endif

/*
 * timeline: a score over the time of each recording, with its labels and its alerts.
 */
#ifndef ARMWATCH_REPORT_TIMELINE_H
#define ARMWATCH_REPORT_TIMELINE_H

#include "base/json.h"
#include "report/page.h"

/* One strip for each recording of the list, all to the same scale of scores. name: of what was
 * scored, "" for the only one. What is left out of a long list is said. */
void timeline_figures(struct page *page, const char *name, const cJSON *recordings);

#endif

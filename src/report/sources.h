/*
 * sources: what was measured on what: the files and figures that every report begins with.
 */
#ifndef ARMWATCH_REPORT_SOURCES_H
#define ARMWATCH_REPORT_SOURCES_H

#include "base/json.h"
#include "report/page.h"

/* A table of the recordings in "data" of the root: "normal" and "anomalous". */
void sources_table(struct page *page, const cJSON *root);
/* Facts of "data" and "budget", as far as they are there; between page_facts_begin and _end. */
void sources_facts(struct page *page, const cJSON *root);

#endif

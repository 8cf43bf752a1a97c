/*
 * figures: the figures that an evaluation and a comparison share.
 *
 * Each is left out where its data are not there. Shapes of the data: as `armwatch evaluate --json`
 * and `armwatch compare --json` give them under "curves".
 */
#ifndef ARMWATCH_REPORT_FIGURES_H
#define ARMWATCH_REPORT_FIGURES_H

#include "report/member.h"
#include "report/page.h"

/* One line of the ROC and the precision-recall figure. */
struct figures_curve {
    const char *name;
    const cJSON *curves;
    double operating[3]; /* false-positive rate, recall, precision at the threshold; NAN: unknown */
};

/* ROC and precision-recall, side by side; at most CHART_STYLES curves are drawn. prevalence: the
 * average precision of a random score; NAN: unknown. */
void figures_curves(struct page *page, const struct figures_curve *curves, size_t count,
                    double prevalence);
/* name is of what was scored, "" for the only one. */
void figures_histogram(struct page *page, const char *name, const cJSON *histogram);
void figures_attribution(struct page *page, const char *name, const cJSON *attribution);

#endif

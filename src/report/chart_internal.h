/*
 * chart_internal: what the drawing and its legend share.
 */
#ifndef ARMWATCH_REPORT_CHART_INTERNAL_H
#define ARMWATCH_REPORT_CHART_INTERNAL_H

#include "report/chart.h"

/* What is shown where a pointer rests on the element that is open; NULL: nothing. */
void chart_draw_tip(struct html *html, const char *tip);
/* The shape of a style around a place in pixels. */
void chart_draw_marker(struct html *html, unsigned style, double x, double y, const char *tip);

#endif

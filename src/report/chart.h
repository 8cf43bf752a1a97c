/*
 * chart: one SVG with axes, round ticks and marks at places given in the units of the data.
 *
 * Between chart_begin and chart_end marks are drawn in the order of the calls. Series are told
 * apart by a style 0..CHART_STYLES-1 that gives a colour and a dash or a shape, so never by colour
 * alone; bars by colour and hatching. Colours are in the style sheet of the page (page.c). A NAN
 * breaks a line; other marks at NAN are not drawn. Everything is clipped to the axes.
 *
 * Shape: points are pairs x, y one after the other.
 * Units: sizes in CSS pixels at the chart's natural width; the page scales it.
 */
#ifndef ARMWATCH_REPORT_CHART_H
#define ARMWATCH_REPORT_CHART_H

#include "report/html.h"
#include "report/scale.h"

#define CHART_STYLES 8
#define CHART_REFERENCE CHART_STYLES /* what a series is held against: thin, muted */
#define CHART_HATCHES 4              /* 0 is solid */

struct chart_axis {
    const char *title; /* with its unit */
    double low, high;  /* of the data */
    bool log;
    bool whole;  /* ticks at whole numbers only */
    bool exact;  /* ends at low and high as they stand, not at the next tick */
    bool hidden; /* neither ticks nor title: the chart writes its own */
};

struct chart_frame {
    const char *name;        /* what it shows, for who cannot see it */
    const char *description; /* the same at length; NULL: none */
    double width, height;
    double left;   /* margin; 0: what the tick labels need */
    double bottom; /* margin; 0: what the axis needs */
    struct chart_axis x, y;
};

struct chart {
    struct html *html;
    struct scale x, y;
    double left, right, top, bottom; /* of the plot area */
    double width, height;
};

void chart_begin(struct chart *chart, struct html *html, const struct chart_frame *frame);
void chart_end(struct chart *chart);

void chart_line(struct chart *chart, unsigned style, const double *points, size_t count);
/* A step at each point: up or down where the stretch to it begins. */
void chart_steps(struct chart *chart, unsigned style, const double *points, size_t count);
/* From edge to edge at one height each, filled down to the axis. Shape: edges[count + 1]. */
void chart_histogram(struct chart *chart, unsigned style, const double *edges,
                     const double *heights, size_t count);
/* Between low and high at x; the three stand one after the other, points[3 * count]. */
void chart_band(struct chart *chart, unsigned style, const double *points, size_t count);
/* From the low end of the axis to the value; from..to is its width on the other axis. */
struct chart_bar {
    unsigned style, hatch;
    bool along; /* along the x axis, else upright */
    double from, to, value;
    const char *tip; /* shown where a pointer rests on it; NULL: nothing */
};
void chart_bar(struct chart *chart, const struct chart_bar *bar);
/* An interval; upright at x, or along the x axis at y. */
void chart_whisker(struct chart *chart, bool upright, double at, double low, double high);
void chart_marker(struct chart *chart, unsigned style, double x, double y, const char *tip);
/* A stretch of x that is shaded over the whole height. */
void chart_shade(struct chart *chart, double low, double high, const char *tip);
/* A line across the plot at one value of x or y, with a word beside it; those of rules that may be
 * close to each other go on different lines, 0 at the top. */
void chart_rule_x(struct chart *chart, double x, const char *label, unsigned line);
void chart_rule_y(struct chart *chart, double y, const char *label);
/* A name left of the axis at y, in two lines where it must be, shortened to the margin. */
void chart_name(struct chart *chart, double y, const char *name);
/* The left margin that names need, within bounds. */
double chart_name_margin(const char *name, double margin_so_far);
/* Text at a place in pixels. anchor: "start", "middle" or "end". */
void chart_write(struct chart *chart, double x, double y, const char *anchor, const char *text);

/* ---- the legend, outside of the drawing so that it wraps with the page */

enum chart_swatch {
    CHART_SWATCH_LINE,
    CHART_SWATCH_MARKED_LINE,
    CHART_SWATCH_AREA,
    CHART_SWATCH_BAR,
    CHART_SWATCH_MARKER,
    CHART_SWATCH_SHADE
};
struct chart_key {
    enum chart_swatch swatch;
    unsigned style, hatch;
    const char *name;
};
void chart_legend(struct html *html, const struct chart_key *keys, size_t count);

/* The patterns that hatching refers to: once in the page. */
void chart_definitions(struct html *html);

#endif

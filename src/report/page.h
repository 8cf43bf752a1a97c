/*
 * page: the frame that every report shares: head, style sheet, sections, figures, tables.
 *
 * One page is one file that needs nothing else: a content security policy in its head forbids it
 * any request. Light, dark and paper are in the style sheet. Where the data are simulated, every
 * heading, figure and table says so by itself.
 */
#ifndef ARMWATCH_REPORT_PAGE_H
#define ARMWATCH_REPORT_PAGE_H

#include "report/chart.h"
#include "report/html.h"

#include <stdbool.h>
#include <stddef.h>

struct page {
    struct html html;
    bool simulated;
    unsigned figures; /* so far, for their numbers */
};

void page_begin(struct page *page, const char *kind, const char *title, bool simulated);
void page_end(struct page *page, const char *tool);

void page_section(struct page *page, const char *title); /* ends the one before */
/* Half a page wide sections stand side by side where there is room. */
void page_grid_begin(struct page *page);
void page_grid_end(struct page *page);
void page_paragraph(struct page *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A figure: title, one sentence how to read it, legend (count 0: none), then the caller's charts.
 */
struct page_figure {
    const char *title, *reading;
    const struct chart_key *keys;
    size_t key_count;
    bool wide; /* scrolls within itself on a narrow screen instead of shrinking */
};
void page_figure_begin(struct page *page, const struct page_figure *figure);
void page_figure_end(struct page *page);

/* A table: the caption names it, the note says what its figures mean. Cells go by columns; a number
 * is right-aligned, and below it stands its interval. */
struct page_column {
    const char *name;
    const char *meaning; /* shown where a pointer rests on it; NULL: none */
    bool text;           /* else numbers */
};
struct page_table {
    const char *caption, *note; /* note NULL: none */
    const struct page_column *columns;
    size_t count;
    bool landscape; /* on paper: on a page of its own, turned */
};
void page_table_begin(struct page *page, const struct page_table *table);
void page_table_group(struct page *page, const struct page_table *table, const char *name);
void page_table_end(struct page *page);
/* The first cell of a row is its name. muted: a row to compare with, not to look at. */
void page_row_begin(struct page *page, const char *name, const char *below, bool muted);
void page_row_end(struct page *page);
void page_cell(struct page *page, const char *number, const char *below, bool strong);
void page_cell_text(struct page *page, const char *text);

/* What was measured on what: names and values. */
void page_facts_begin(struct page *page);
void page_fact(struct page *page, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void page_facts_end(struct page *page);

/* Key figures: a name, a value ("": not measured), and what it means, each beside the next. */
void page_keys_begin(struct page *page);
void page_key(struct page *page, const char *name, const char *value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void page_keys_end(struct page *page);

#endif

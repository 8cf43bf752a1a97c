#include "report/page.h"

#include "report/style.h"

#include <stdarg.h>

static void tag_simulated(struct page *page)
{
    if (page->simulated)
        html_raw(&page->html, " <span class=\"simulated\">simulated</span>");
}

void page_begin(struct page *page, const char *kind, const char *title, bool simulated)
{
    *page = (struct page){.simulated = simulated};
    struct html *html = &page->html;
    html_raw(html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                   "<meta http-equiv=\"Content-Security-Policy\" "
                   "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\"/>\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                   "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
                   /* Else a browser asks for /favicon.ico where the file is served. */
                   "<link rel=\"icon\" href=\"data:,\"/>\n<title>");
    html_textf(html, "%s: %s%s", kind, title, simulated ? " (simulated)" : "");
    html_raw(html, "</title>\n<style>\n");
    html_raw(html, style_sheet);
    html_raw(html, "</style>\n</head>\n<body>\n");
    chart_definitions(html);
    html_raw(html, "<header>\n");
    html_element(html, "p", "kind", kind);
    html_raw(html, "<h1>");
    html_text(html, title);
    tag_simulated(page);
    html_raw(html, "</h1>\n");
    if (simulated)
        html_raw(html,
                 "<p class=\"warning\">All data here are <strong>simulated</strong>. No number "
                 "on this page is a claim about a real arm.</p>\n");
    html_raw(html, "</header>\n<main>\n<section>\n");
}

void page_end(struct page *page, const char *tool)
{
    html_raw(&page->html, "</section>\n</main>\n<footer><p>");
    html_textf(&page->html, "Made by %s. This file needs no network.", tool);
    if (page->simulated)
        html_raw(&page->html, " All data are simulated.");
    html_raw(&page->html, "</p></footer>\n</body>\n</html>\n");
}

void page_section(struct page *page, const char *title)
{
    html_raw(&page->html, "</section>\n<section>\n<h2>");
    html_text(&page->html, title);
    tag_simulated(page);
    html_raw(&page->html, "</h2>\n");
}

void page_grid_begin(struct page *page)
{
    html_raw(&page->html, "<div class=\"grid\">\n");
}

void page_grid_end(struct page *page)
{
    html_raw(&page->html, "</div>\n");
}

void page_paragraph(struct page *page, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    html_raw(&page->html, "<p>");
    html_vtextf(&page->html, format, args);
    html_raw(&page->html, "</p>\n");
    va_end(args);
}

void page_figure_begin(struct page *page, const struct page_figure *figure)
{
    struct html *html = &page->html;
    html_put(html, "<figure%s>\n<figcaption><b>", figure->wide ? " class=\"wide\"" : "");
    html_textf(html, "Figure %u. %s", ++page->figures, figure->title);
    html_raw(html, "</b>");
    tag_simulated(page);
    html_raw(html, "<br/>");
    html_text(html, figure->reading);
    html_raw(html, "</figcaption>\n");
    if (figure->key_count > 0)
        chart_legend(html, figure->keys, figure->key_count);
    html_raw(html, "<div class=\"plot\">");
}

void page_figure_end(struct page *page)
{
    html_raw(&page->html, "</div>\n</figure>\n");
}

void page_table_begin(struct page *page, const struct page_table *table)
{
    struct html *html = &page->html;
    html_put(html, "<div class=\"scroll%s\" tabindex=\"0\" role=\"region\" aria-label=\"",
             table->landscape ? " landscape" : "");
    html_text(html, table->caption);
    html_raw(html, "\">\n<table>\n<caption><span class=\"text\"><b>");
    html_text(html, table->caption);
    html_raw(html, "</b>");
    tag_simulated(page);
    if (table->note) {
        html_raw(html, "<br/>");
        html_text(html, table->note);
    }
    html_raw(html, "</span></caption>\n<thead><tr>");
    for (size_t i = 0; i < table->count; i++) {
        const struct page_column *column = &table->columns[i];
        html_put(html, "<th scope=\"col\"%s", column->text ? " class=\"text\"" : "");
        if (column->meaning) {
            html_raw(html, " title=\"");
            html_text(html, column->meaning);
            html_raw(html, "\"");
        }
        html_raw(html, ">");
        html_text(html, column->name);
        html_raw(html, "</th>");
    }
    html_raw(html, "</tr></thead>\n<tbody>\n");
}

void page_table_group(struct page *page, const struct page_table *table, const char *name)
{
    html_put(&page->html,
             "</tbody>\n<tbody>\n<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"%zu\">",
             table->count);
    html_text(&page->html, name);
    html_raw(&page->html, "</th></tr>\n");
}

void page_table_end(struct page *page)
{
    html_raw(&page->html, "</tbody>\n</table>\n</div>\n");
}

static void write_below(struct page *page, const char *below)
{
    if (below && *below) {
        html_raw(&page->html, "<br/>");
        html_element(&page->html, "small", NULL, below);
    }
}

void page_row_begin(struct page *page, const char *name, const char *below, bool muted)
{
    html_put(&page->html, "<tr%s><th scope=\"row\">", muted ? " class=\"muted\"" : "");
    html_text(&page->html, name);
    write_below(page, below);
    html_raw(&page->html, "</th>");
}

void page_row_end(struct page *page)
{
    html_raw(&page->html, "</tr>\n");
}

void page_cell(struct page *page, const char *number, const char *below, bool strong)
{
    html_raw(&page->html, "<td>");
    if (strong)
        html_element(&page->html, "strong", NULL, number);
    else
        html_text(&page->html, number);
    write_below(page, below);
    html_raw(&page->html, "</td>");
}

void page_cell_text(struct page *page, const char *text)
{
    html_element(&page->html, "td", "text", text);
}

void page_facts_begin(struct page *page)
{
    html_raw(&page->html, "<dl class=\"facts\">\n");
}

void page_fact(struct page *page, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    html_element(&page->html, "dt", NULL, name);
    html_raw(&page->html, "<dd>");
    html_vtextf(&page->html, format, args);
    html_raw(&page->html, "</dd>\n");
    va_end(args);
}

void page_facts_end(struct page *page)
{
    html_raw(&page->html, "</dl>\n");
}

void page_keys_begin(struct page *page)
{
    html_raw(&page->html, "<dl class=\"keys\">\n");
}

void page_key(struct page *page, const char *name, const char *value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    html_raw(&page->html, "<div>");
    html_element(&page->html, "dt", NULL, name);
    html_raw(&page->html, "<dd><b>");
    html_text(&page->html, *value ? value : "not measured");
    html_raw(&page->html, "</b>");
    tag_simulated(page);
    html_raw(&page->html, "<br/>");
    html_vtextf(&page->html, format, args);
    html_raw(&page->html, "</dd></div>\n");
    va_end(args);
}

void page_keys_end(struct page *page)
{
    html_raw(&page->html, "</dl>\n");
}

#include "report/chart_internal.h"

/* One shape for each style, all of about the same weight; they are drawn around 0, 0. */
static const char *const shapes[CHART_STYLES] = {
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0",
    "M-4 -4h8v8h-8z",
    "M0 -5.5l5 9h-10z",
    "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
    "M0 5.5l5 -9h-10z",
    "M-5 -1.7h3.3v-3.3h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3z",
    "M-5 -3h10v6h-10z",
    "M-3 -5h6v10h-6z",
};

void chart_draw_marker(struct html *html, unsigned style, double x, double y, const char *tip)
{
    html_put(html, "<path class=\"marker f%u\" transform=\"translate(%.1f %.1f)\" d=\"%s\">", style,
             x, y, shapes[style % CHART_STYLES]);
    chart_draw_tip(html, tip);
    html_raw(html, "</path>");
}

static void draw_swatch(struct html *html, const struct chart_key *key)
{
    html_raw(html, "<svg viewBox=\"0 0 28 14\" width=\"28\" height=\"14\" aria-hidden=\"true\">");
    switch (key->swatch) {
    case CHART_SWATCH_LINE:
    case CHART_SWATCH_MARKED_LINE:
        html_put(html, "<path class=\"line s%u\" d=\"M0 7H28\"/>", key->style);
        if (key->swatch == CHART_SWATCH_MARKED_LINE)
            chart_draw_marker(html, key->style, 14, 7, NULL);
        break;
    case CHART_SWATCH_AREA:
        html_put(html,
                 "<path class=\"area f%u\" d=\"M2 14V3H26V14\"/>"
                 "<path class=\"line s%u\" d=\"M2 14V3H26V14\"/>",
                 key->style, key->style);
        break;
    case CHART_SWATCH_BAR:
        html_put(html, "<rect class=\"bar f%u\" x=\"4\" width=\"20\" height=\"14\"/>", key->style);
        if (key->hatch > 0)
            html_put(html, "<rect x=\"4\" width=\"20\" height=\"14\" fill=\"url(#hatch%u)\"/>",
                     key->hatch % CHART_HATCHES);
        break;
    case CHART_SWATCH_MARKER:
        chart_draw_marker(html, key->style, 14, 7, NULL);
        break;
    case CHART_SWATCH_SHADE:
        html_raw(html, "<rect class=\"shade\" x=\"4\" width=\"20\" height=\"14\"/>");
        break;
    }
    html_raw(html, "</svg>");
}

void chart_legend(struct html *html, const struct chart_key *keys, size_t count)
{
    html_raw(html, "<ul class=\"legend\">");
    for (size_t i = 0; i < count; i++) {
        html_raw(html, "<li>");
        draw_swatch(html, &keys[i]);
        html_text(html, keys[i].name);
        html_raw(html, "</li>");
    }
    html_raw(html, "</ul>\n");
}

void chart_definitions(struct html *html)
{
    static const char *const lines[CHART_HATCHES] = {NULL, "M-2 8L8 -2M-2 2L2 -2M4 8L8 4", "M0 3H6",
                                                     "M-2 -2L8 8M-2 8L8 -2"};
    html_raw(html,
             "<svg class=\"definitions\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>");
    for (unsigned i = 1; i < CHART_HATCHES; i++)
        html_put(html,
                 "<pattern id=\"hatch%u\" width=\"6\" height=\"6\" "
                 "patternUnits=\"userSpaceOnUse\"><path class=\"hatch\" d=\"%s\"/></pattern>",
                 i, lines[i]);
    html_raw(html, "</defs></svg>\n");
}

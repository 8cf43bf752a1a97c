/* Text is 12 px high at the natural width; no letter of a usual sans-serif is wider than its share
 * of 6.6 px on average, which is what margins are reckoned with. */
#include "report/chart_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LETTER 6.6
#define MARGIN_TOP 10.0
#define MARGIN_RIGHT 16.0

static double letters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return (double)count;
}

/* ---- frame */

static double widest_label(const struct scale *scale)
{
    double widest = 0;
    for (size_t i = 0; i < scale->ticks; i++) {
        char label[SCALE_LABEL_MAX];
        scale_label(scale, scale->tick[i], label);
        widest = fmax(widest, letters(label) * LETTER);
    }
    return widest;
}

void chart_write(struct chart *chart, double x, double y, const char *anchor, const char *text)
{
    html_put(chart->html, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    html_text(chart->html, text);
    html_raw(chart->html, "</text>");
}

static void draw_x_axis(struct chart *chart, const struct chart_axis *axis)
{
    for (size_t i = 0; i < chart->x.ticks; i++) {
        char label[SCALE_LABEL_MAX];
        double x = scale_at(&chart->x, chart->x.tick[i]);
        scale_label(&chart->x, chart->x.tick[i], label);
        html_put(chart->html, "<path class=\"tick\" d=\"M%.1f %.1fV%.1f\"/>", x, chart->top,
                 chart->bottom);
        chart_write(chart, x, chart->bottom + 17, "middle", label);
    }
    html_raw(chart->html, "<g class=\"axis\">");
    chart_write(chart, (chart->left + chart->right) / 2, chart->bottom + 37, "middle", axis->title);
    html_raw(chart->html, "</g>");
}

static void draw_y_axis(struct chart *chart, const struct chart_axis *axis)
{
    for (size_t i = 0; i < chart->y.ticks; i++) {
        char label[SCALE_LABEL_MAX];
        double y = scale_at(&chart->y, chart->y.tick[i]);
        scale_label(&chart->y, chart->y.tick[i], label);
        html_put(chart->html, "<path class=\"tick\" d=\"M%.1f %.1fH%.1f\"/>", chart->left, y,
                 chart->right);
        chart_write(chart, chart->left - 7, y + 4, "end", label);
    }
    html_put(chart->html, "<g class=\"axis\" transform=\"translate(13 %.1f) rotate(-90)\">",
             (chart->top + chart->bottom) / 2);
    chart_write(chart, 0, 0, "middle", axis->title);
    html_raw(chart->html, "</g>");
}

/* Fewer ticks than would make labels touch. */
static size_t fitting_ticks(double length, double each)
{
    double count = floor(length / each);
    return count < 2 ? 2 : count > 6 ? 6 : (size_t)count;
}

static struct scale make_scale(const struct chart_axis *axis, double length, double each)
{
    size_t wanted = fitting_ticks(length, each);
    if (axis->whole && axis->high - axis->low < (double)wanted)
        wanted = axis->high > axis->low + 1 ? (size_t)(axis->high - axis->low) : 1;
    return scale_make(axis->low, axis->high, axis->log, !axis->exact, wanted);
}

void chart_begin(struct chart *chart, struct html *html, const struct chart_frame *frame)
{
    *chart = (struct chart){.html = html, .width = frame->width, .height = frame->height};
    chart->top = MARGIN_TOP;
    chart->right = frame->width - MARGIN_RIGHT;
    chart->bottom = frame->height - (frame->bottom > 0 ? frame->bottom : 46);
    chart->y = make_scale(&frame->y, chart->bottom - chart->top, 34);
    chart->left = frame->left > 0 ? frame->left : 28 + widest_label(&chart->y);
    chart->x = make_scale(&frame->x, chart->right - chart->left, 62);
    scale_place(&chart->x, chart->left, chart->right);
    scale_place(&chart->y, chart->bottom, chart->top);
    html_put(html, "<svg viewBox=\"0 0 %.0f %.0f\" style=\"max-width:%.0fpx\" role=\"img\">",
             frame->width, frame->height, frame->width);
    html_element(html, "title", NULL, frame->name);
    if (frame->description)
        html_element(html, "desc", NULL, frame->description);
    if (!frame->x.hidden)
        draw_x_axis(chart, &frame->x);
    if (!frame->y.hidden)
        draw_y_axis(chart, &frame->y);
}

void chart_end(struct chart *chart)
{
    html_put(chart->html, "<path class=\"frame\" d=\"M%.1f %.1fV%.1fH%.1f\"/></svg>", chart->left,
             chart->top, chart->bottom, chart->right);
}

/* ---- marks */

static bool finite_pair(const double *point)
{
    return isfinite(point[0]) && isfinite(point[1]);
}

static void draw_path(struct chart *chart, unsigned style, const double *points, size_t count,
                      bool steps)
{
    bool open = false;
    html_put(chart->html, "<path class=\"line s%u\" d=\"", style);
    for (size_t i = 0; i < count; i++) {
        const double *point = points + 2 * i;
        if (!finite_pair(point)) {
            open = false;
            continue;
        }
        double x = scale_at(&chart->x, point[0]), y = scale_at(&chart->y, point[1]);
        if (open && steps)
            html_put(chart->html, "V%.1fH%.1f", y, x);
        else
            html_put(chart->html, "%c%.1f %.1f", open ? 'L' : 'M', x, y);
        open = true;
    }
    html_raw(chart->html, "\"/>");
}

void chart_line(struct chart *chart, unsigned style, const double *points, size_t count)
{
    draw_path(chart, style, points, count, false);
}

void chart_steps(struct chart *chart, unsigned style, const double *points, size_t count)
{
    draw_path(chart, style, points, count, true);
}

static void outline_histogram(struct chart *chart, const double *edges, const double *heights,
                              size_t count)
{
    html_put(chart->html, "M%.1f %.1f", scale_at(&chart->x, edges[0]), chart->bottom);
    for (size_t i = 0; i < count; i++) {
        double height = isfinite(heights[i]) ? heights[i] : chart->y.low;
        html_put(chart->html, "V%.1fH%.1f", scale_at(&chart->y, height),
                 scale_at(&chart->x, edges[i + 1]));
    }
    html_put(chart->html, "V%.1f", chart->bottom);
}

void chart_histogram(struct chart *chart, unsigned style, const double *edges,
                     const double *heights, size_t count)
{
    for (size_t i = 0; i <= count; i++) {
        if (!isfinite(edges[i]))
            return;
    }
    static const char *const classes[] = {"area f", "line s"};
    for (size_t i = 0; i < 2; i++) {
        html_put(chart->html, "<path class=\"%s%u\" d=\"", classes[i], style);
        outline_histogram(chart, edges, heights, count);
        html_raw(chart->html, "\"/>");
    }
}

/* One stretch of a band without a gap: along the top, back along the bottom. */
static void draw_stretch(struct chart *chart, unsigned style, const double *points, size_t count)
{
    html_put(chart->html, "<path class=\"band f%u s%u\" d=\"", style, style);
    for (size_t i = 0; i < count; i++)
        html_put(chart->html, "%c%.1f %.1f", i == 0 ? 'M' : 'L', scale_at(&chart->x, points[3 * i]),
                 scale_at(&chart->y, points[3 * i + 2]));
    for (size_t i = count; i-- > 0;)
        html_put(chart->html, "L%.1f %.1f", scale_at(&chart->x, points[3 * i]),
                 scale_at(&chart->y, points[3 * i + 1]));
    html_raw(chart->html, "z\"/>");
}

void chart_band(struct chart *chart, unsigned style, const double *points, size_t count)
{
    size_t first = 0;
    for (size_t i = 0; i <= count; i++) {
        if (i < count && finite_pair(points + 3 * i) && isfinite(points[3 * i + 2]))
            continue;
        if (i > first)
            draw_stretch(chart, style, points + 3 * first, i - first);
        first = i + 1;
    }
}

void chart_draw_tip(struct html *html, const char *tip)
{
    if (tip)
        html_element(html, "title", NULL, tip);
}

void chart_bar(struct chart *chart, const struct chart_bar *bar)
{
    if (!isfinite(bar->from) || !isfinite(bar->to) || !isfinite(bar->value))
        return;
    const struct scale *across = bar->along ? &chart->y : &chart->x;
    double value = scale_at(bar->along ? &chart->x : &chart->y, bar->value);
    double from = scale_at(across, bar->from), to = scale_at(across, bar->to);
    double x = bar->along ? chart->left : fmin(from, to), y = bar->along ? fmin(from, to) : value;
    double width = bar->along ? value - chart->left : fabs(to - from);
    double height = bar->along ? fabs(to - from) : chart->bottom - value;
    html_raw(chart->html, "<g>");
    chart_draw_tip(chart->html, bar->tip);
    html_put(chart->html,
             "<rect class=\"bar f%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
             bar->style, x, y, width, height);
    if (bar->hatch > 0)
        html_put(chart->html,
                 "<rect fill=\"url(#hatch%u)\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                 "height=\"%.1f\"/>",
                 bar->hatch % CHART_HATCHES, x, y, width, height);
    html_raw(chart->html, "</g>");
}

void chart_whisker(struct chart *chart, bool upright, double at, double low, double high)
{
    if (!isfinite(at) || !isfinite(low) || !isfinite(high))
        return;
    if (upright) {
        double x = scale_at(&chart->x, at), y0 = scale_at(&chart->y, low),
               y1 = scale_at(&chart->y, high);
        html_put(chart->html, "<path class=\"whisker\" d=\"M%.1f %.1fh6m-3 0V%.1fm-3 0h6\"/>",
                 x - 3, y0, y1);
    } else {
        double y = scale_at(&chart->y, at), x0 = scale_at(&chart->x, low),
               x1 = scale_at(&chart->x, high);
        html_put(chart->html, "<path class=\"whisker\" d=\"M%.1f %.1fv6m0 -3H%.1fm0 -3v6\"/>", x0,
                 y - 3, x1);
    }
}

void chart_marker(struct chart *chart, unsigned style, double x, double y, const char *tip)
{
    if (isfinite(x) && isfinite(y))
        chart_draw_marker(chart->html, style, scale_at(&chart->x, x), scale_at(&chart->y, y), tip);
}

void chart_shade(struct chart *chart, double low, double high, const char *tip)
{
    if (!isfinite(low) || !isfinite(high) || high < chart->x.low || low > chart->x.high)
        return;
    double left = scale_at(&chart->x, low), right = scale_at(&chart->x, high);
    html_put(chart->html,
             "<rect class=\"shade\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">", left,
             chart->top, fmax(right - left, 1), chart->bottom - chart->top);
    chart_draw_tip(chart->html, tip);
    html_raw(chart->html, "</rect>");
}

void chart_rule_x(struct chart *chart, double x, const char *label, unsigned line)
{
    if (!(x >= chart->x.low && x <= chart->x.high))
        return;
    double at = scale_at(&chart->x, x);
    bool room = chart->right - at > letters(label) * LETTER + 6;
    html_put(chart->html, "<path class=\"rule\" d=\"M%.1f %.1fV%.1f\"/>", at, chart->top,
             chart->bottom);
    html_raw(chart->html, "<g class=\"note\">");
    chart_write(chart, at + (room ? 5 : -5), chart->top + 11 + 14 * line, room ? "start" : "end",
                label);
    html_raw(chart->html, "</g>");
}

void chart_rule_y(struct chart *chart, double y, const char *label)
{
    if (!(y >= chart->y.low && y <= chart->y.high))
        return;
    double at = scale_at(&chart->y, y);
    html_put(chart->html, "<path class=\"rule\" d=\"M%.1f %.1fH%.1f\"/>", chart->left, at,
             chart->right);
    html_raw(chart->html, "<g class=\"note\">");
    chart_write(chart, chart->right - 4, at - chart->top > 16 ? at - 5 : at + 14, "end", label);
    html_raw(chart->html, "</g>");
}

/* ---- names of rows */

#define NAME_GAP 10.0
#define NAME_MARGIN_MAX 200.0

double chart_name_margin(const char *name, double margin_so_far)
{
    double wanted = letters(name) * LETTER + NAME_GAP + 6;
    return fmin(fmax(margin_so_far, wanted), NAME_MARGIN_MAX);
}

/* Bytes of as many letters as there is room for; up to the last space in them if the text goes on
 * and `at_space`. */
static size_t fitting_bytes(const char *text, size_t room, bool at_space)
{
    size_t bytes = 0, seen = 0, space = 0;
    for (; text[bytes]; bytes++) {
        bool starts = ((unsigned char)text[bytes] & 0xc0) != 0x80;
        if (starts && seen++ == room)
            return at_space && space > 0 ? space : bytes;
        if (text[bytes] == ' ')
            space = bytes;
    }
    return bytes;
}

static void write_name_line(struct chart *chart, double y, const char *text, size_t bytes,
                            bool goes_on)
{
    char *line = strndup(text, bytes);
    if (!line) {
        chart->html->failed = true;
        return;
    }
    html_put(chart->html, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
             chart->left - NAME_GAP, y);
    html_text(chart->html, line);
    html_raw(chart->html, goes_on ? "\u2026</text>" : "</text>");
    free(line);
}

void chart_name(struct chart *chart, double y, const char *name)
{
    double at = scale_at(&chart->y, y) + 4;
    size_t room = (size_t)((chart->left - NAME_GAP) / LETTER);
    bool two = letters(name) > (double)room;
    html_raw(chart->html, two ? "<g class=\"name small\">" : "<g class=\"name\">");
    if (!two) {
        write_name_line(chart, at, name, strlen(name), false);
    } else {
        size_t first = fitting_bytes(name, room, true);
        const char *rest = name + first + (name[first] == ' ');
        size_t second = fitting_bytes(rest, room - 1, false);
        chart_draw_tip(chart->html, name);
        write_name_line(chart, at - 5, name, first, false);
        write_name_line(chart, at + 6, rest, second, rest[second] != '\0');
    }
    html_raw(chart->html, "</g>");
}

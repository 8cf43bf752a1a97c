#include "cli/explain_text.h"

#include "base/clock.h"
#include "cli/fields.h"
#include "cli/terminal.h"
#include "report/member.h"

#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_COLUMNS 8
#define CHART_COLUMNS 100 /* at most */
#define CHART_LINES 8
#define LEVELS 8
#define LOWEST 0.1 /* score over threshold that is drawn */
#define NAME_COLUMNS 28
#define COURSE_COLUMNS 24

static const char *const blocks[LEVELS + 1] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const ascii[LEVELS + 1] = {" ", ".", ".", "-", "-", "=", "=", "#", "#"};

static bool is_unicode(void)
{
    return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static const char *const *marks(void)
{
    return is_unicode() ? blocks : ascii;
}

static const char *plain(FILE *out)
{
    return terminal_style(out, TERMINAL_PLAIN);
}

static enum terminal_style severity_style(const char *severity)
{
    return !strcmp(severity, "critical")  ? TERMINAL_CRITICAL
           : !strcmp(severity, "warning") ? TERMINAL_WARNING
                                          : TERMINAL_BOLD;
}

/* ---- time ---- */

/* Columns of a picture over the time of a pack. */
struct columns {
    size_t count;
    double start, end; /* s from the alert */
    double value[CHART_COLUMNS];
};

static size_t column_at(const struct columns *columns, double time)
{
    double share = (time - columns->start) / (columns->end - columns->start);
    double at = fmin(fmax(share, 0), 1) * (double)columns->count;
    return (size_t)fmin(at, (double)columns->count - 1);
}

/* The largest of the values in each column; NAN: none. */
static void fill_columns(struct columns *columns, const cJSON *times, const cJSON *values)
{
    const cJSON *value = values ? values->child : NULL;
    for (const cJSON *time = times ? times->child : NULL; time && value; time = time->next) {
        size_t at = column_at(columns, member_value(time));
        columns->value[at] = fmax(columns->value[at], member_value(value));
        value = value->next;
    }
}

/* False: there is no time to draw. */
static bool set_columns(struct columns *columns, const cJSON *times, size_t count)
{
    const cJSON *time;
    *columns =
        (struct columns){.count = count, .start = (double)INFINITY, .end = -(double)INFINITY};
    cJSON_ArrayForEach(time, times)
    {
        columns->start = fmin(columns->start, member_value(time));
        columns->end = fmax(columns->end, member_value(time));
    }
    for (size_t i = 0; i < count; i++)
        columns->value[i] = (double)NAN;
    return columns->end > columns->start;
}

/* ---- the score ---- */

/* Score over threshold: the largest of the detectors. */
static void fill_ratios(struct columns *columns, const cJSON *explained)
{
    const cJSON *detector, *times = member(explained, "time");
    struct columns one = *columns;
    cJSON_ArrayForEach(detector, member_list(explained, "detectors"))
    {
        double threshold = member_number(detector, "threshold");
        for (size_t i = 0; i < one.count; i++)
            one.value[i] = (double)NAN;
        fill_columns(&one, times, member(detector, "score"));
        for (size_t i = 0; i < one.count; i++)
            columns->value[i] = fmax(columns->value[i], one.value[i] / threshold);
    }
}

static double height_of(double ratio, double high)
{
    return log(fmax(ratio, LOWEST) / LOWEST) / log(high / LOWEST) * CHART_LINES;
}

static void put_label(FILE *out, int line, double high)
{
    int limit = (int)height_of(1, high);
    char label[FIELDS_SCORE_MAX] = "";
    if (line == limit)
        snprintf(label, sizeof label, "1");
    else if (line == CHART_LINES - 1)
        snprintf(label, sizeof label, high < 100 ? "%.1f" : "%.0f", high);
    else if (line == 0)
        snprintf(label, sizeof label, "%g", LOWEST);
    fprintf(out, "%*s ", LABEL_COLUMNS - 1, label);
}

static void put_line(FILE *out, const struct columns *columns, int line, double high)
{
    bool limit = line == (int)height_of(1, high);
    enum terminal_style now = TERMINAL_PLAIN;
    put_label(out, line, high);
    for (size_t i = 0; i < columns->count; i++) {
        double ratio = columns->value[i];
        double part = isnan(ratio) ? 0 : fmin(fmax(height_of(ratio, high) - line, 0), 1);
        int level = (int)ceil(part * LEVELS);
        if (line == 0 && !isnan(ratio) && level == 0)
            level = 1; /* it was scored, and calm */
        enum terminal_style style = level == 0   ? TERMINAL_DIM
                                    : ratio >= 1 ? TERMINAL_CRITICAL
                                                 : TERMINAL_PLAIN;
        if (style != now)
            fprintf(out, "%s%s", plain(out),
                    style == TERMINAL_PLAIN ? "" : terminal_style(out, style));
        now = style;
        fputs(level > 0 ? marks()[level] : limit ? (is_unicode() ? "┄" : "-") : " ", out);
    }
    fprintf(out, "%s%s\n", plain(out), limit ? " threshold" : "");
}

static void put_axis(FILE *out, const struct columns *columns, const char *event)
{
    char start[32], end[32];
    int at = (int)column_at(columns, 0), width = (int)columns->count;
    fprintf(out, "%*s%s %s\n", LABEL_COLUMNS + at, "", is_unicode() ? "▲" : "^", event);
    snprintf(start, sizeof start, "%.3g s", columns->start);
    snprintf(end, sizeof end, "%+.3g s", columns->end);
    fprintf(out, "%*s%s", LABEL_COLUMNS, "", start);
    int used = (int)strlen(start), middle = at - used;
    if (middle > 1 && at + 8 < width) {
        fprintf(out, "%*s0 s", middle, "");
        used = at + 3;
    }
    fprintf(out, "%*s\n", width - used, end);
}

static void put_score(FILE *out, const cJSON *explained, const char *event)
{
    struct columns columns;
    int width, lines;
    terminal_size(out, &width, &lines);
    width -= LABEL_COLUMNS + 11;
    width = width < 20 ? 20 : width > CHART_COLUMNS ? CHART_COLUMNS : width;
    if (!set_columns(&columns, member(explained, "time"), (size_t)width))
        return;
    fill_ratios(&columns, explained);
    double high = 2;
    for (size_t i = 0; i < columns.count; i++)
        high = fmax(high, columns.value[i]);
    fprintf(out, "\n%sScore over threshold%s, logarithmic\n", terminal_style(out, TERMINAL_BOLD),
            plain(out));
    for (int line = CHART_LINES - 1; line >= 0; line--)
        put_line(out, &columns, line, high);
    put_axis(out, &columns, event);
}

/* ---- the channels ---- */

/* How far from what was expected, against its largest. */
static void put_course(FILE *out, const cJSON *times, const cJSON *channel)
{
    const cJSON *series = member(channel, "series");
    const cJSON *expected = member_list(series, "expected");
    struct columns columns, other;
    if (!expected || !set_columns(&columns, times, COURSE_COLUMNS))
        return;
    const cJSON *time = times->child, *is = member(series, "observed"), *wanted = expected->child;
    double largest = 0;
    other = columns;
    for (is = is ? is->child : NULL; time && is && wanted; time = time->next) {
        size_t at = column_at(&columns, member_value(time));
        double off = fabs(member_value(is) - member_value(wanted));
        columns.value[at] = fmax(columns.value[at], off);
        largest = fmax(largest, columns.value[at]);
        is = is->next;
        wanted = wanted->next;
    }
    for (size_t i = 0; i < other.count; i++) {
        double share = columns.value[i] / largest;
        fputs(isnan(share) ? " " : marks()[1 + (int)(share * (LEVELS - 1))], out);
    }
}

static void put_number(FILE *out, double value, const char *suffix, int columns)
{
    char text[48];
    if (isfinite(value))
        snprintf(text, sizeof text, "%.4g%s", value, suffix);
    else
        snprintf(text, sizeof text, "-");
    fprintf(out, " %*s", columns, text);
}

static void put_channel(FILE *out, const cJSON *times, const cJSON *channel)
{
    const char *name = member_text(channel, "name", "?"), *unit = member_text(channel, "unit", "");
    int shown = json_utf8_head(name, NAME_COLUMNS);
    fprintf(out, "  %-*.*s", NAME_COLUMNS, shown, name);
    put_number(out, round(100 * member_number(channel, "share")), " %", 6);
    put_number(out, member_number(channel, "observed"), "", 10);
    put_number(out, member_number(channel, "expected"), "", 10);
    fprintf(out, " %-6.*s", json_utf8_head(unit, 6), unit);
    put_number(out, round(10 * member_number(channel, "z")) / 10, "", 7);
    fputs("  ", out);
    put_course(out, times, channel);
    fputc('\n', out);
}

static void put_channels(FILE *out, const cJSON *explained)
{
    const cJSON *channel, *list = member_list(explained, "channels");
    const cJSON *times = member(explained, "time");
    const char *detector = member_text(explained, "detector", "");
    if (!list)
        return;
    bool fault = !strcmp(member_text(explained, "kind", ""), "sensor_fault");
    fprintf(out, "\n%s%s%s", terminal_style(out, TERMINAL_BOLD),
            fault ? "What stands still" : "What deviates", plain(out));
    if (*detector)
        fprintf(out, ", by detector %s; each where it is furthest off", detector);
    fprintf(out, "\n  %s%-*s %6s %10s %10s %-6s %7s  %s%s\n", terminal_style(out, TERMINAL_DIM),
            NAME_COLUMNS, "CHANNEL", "SHARE", "OBSERVED", "EXPECTED", "UNIT", "Z",
            fault ? "" : "HOW FAR OFF, OVER TIME", plain(out));
    cJSON_ArrayForEach(channel, list)
    {
        put_channel(out, times, channel);
    }
}

/* ---- the rest ---- */

static void put_head(FILE *out, const cJSON *explained)
{
    const char *severity = member_text(explained, "severity", "?");
    char score[FIELDS_SCORE_MAX];
    double peak = member_number(explained, "peak_score");
    double duration = member_number(explained, "duration_s");
    fprintf(out, "%s%s%s  %s%s%s  %s  %s\n", terminal_style(out, severity_style(severity)),
            severity, plain(out), terminal_style(out, TERMINAL_BOLD),
            member_text(explained, "robot", "?"), plain(out), member_text(explained, "kind", "?"),
            member_text(explained, "started", "?"));
    fprintf(out, "%s%s%s\n", terminal_style(out, TERMINAL_BOLD),
            member_text(explained, "text", "?"), plain(out));
    if (isfinite(duration))
        fprintf(out, "lasted %.1f s", duration);
    else
        fputs("no end is known", out);
    if (isfinite(peak)) {
        fields_score(peak, score);
        fprintf(out, "; at most %s times the threshold since it was raised", score);
    }
    fputc('\n', out);
}

static void put_verdict(FILE *out, const cJSON *explained)
{
    const cJSON *verdict = member(explained, "verdict");
    const char *note = member_text(verdict, "note", "");
    if (verdict)
        fprintf(out, "  verdict    %s%s%s\n", member_text(verdict, "verdict", "?"),
                *note ? ": " : "", note);
}

static void put_rescored(FILE *out, const cJSON *explained)
{
    const cJSON *rescored = member(explained, "rescored");
    const char *result = member_text(rescored, "result", "");
    double scores = member_number(rescored, "scores"), equal = member_number(rescored, "equal");
    double unchecked = member_number(rescored, "unchecked");
    enum terminal_style style = !strcmp(result, "equal") ? TERMINAL_GOOD : TERMINAL_WARNING;
    fprintf(out, "  rescored   %s", terminal_style(out, style));
    if (!strcmp(result, "equal"))
        fprintf(out, "equal%s: %.0f scores by the same model are what the daemon said", plain(out),
                equal);
    else if (!strcmp(result, "different"))
        fprintf(out,
                "DIFFERENT%s: %.0f of %.0f scores by the same model are not what the daemon said",
                plain(out), scores - equal - unchecked, scores);
    else if (!strcmp(result, "other_model"))
        fprintf(out, "by another model%s: these are its scores, not those of the alert",
                plain(out));
    else
        fprintf(out, "no%s: %s", plain(out), member_text(rescored, "why", ""));
    if (isfinite(unchecked) && unchecked > 0)
        fprintf(out, " (%.0f of windows that begin before the pack were not checked)", unchecked);
    fputc('\n', out);
}

static void put_sources(FILE *out, const cJSON *explained)
{
    const cJSON *model = member(explained, "model");
    const char *cut = member_text(explained, "cut", "");
    fputc('\n', out);
    put_verdict(out, explained);
    put_rescored(out, explained);
    fprintf(out, "  model      %s version %.0f (%.12s)\n", member_text(model, "name", "?"),
            member_number(model, "version"), member_text(model, "sha256", "?"));
    fprintf(out, "  settings   %.12s\n",
            member_text(member(explained, "configuration"), "sha256", "?"));
    fprintf(out, "  samples    %.0f%s%s\n", member_number(explained, "rows"),
            *cut ? "; the end is missing: " : "", cut);
    fprintf(out, "  pack       %s\n", member_text(explained, "pack", "?"));
}

void explain_text(FILE *out, const cJSON *explained)
{
    bool silent = !strcmp(member_text(explained, "kind", ""), "silent");
    put_head(out, explained);
    put_score(out, explained, silent ? "last sample" : "raised");
    put_channels(out, explained);
    put_sources(out, explained);
}

void explain_text_list(FILE *out, const cJSON *list)
{
    const cJSON *entry;
    fprintf(out, "%s%-12s  %-19s  %-16s %-12s %-8s %7s  %s%s\n", terminal_style(out, TERMINAL_DIM),
            "ALERT", "STARTED", "ROBOT", "KIND", "SEVERITY", "PEAK", "TEXT", plain(out));
    cJSON_ArrayForEach(entry, list)
    {
        char score[FIELDS_SCORE_MAX], time[FIELDS_TIME_MAX];
        const char *severity = member_text(entry, "severity", "?");
        fields_score(member_number(entry, "peak_score"), score);
        snprintf(time, sizeof time, "%.19s", member_text(entry, "started", "?"));
        if (strlen(time) > 10)
            time[10] = ' ';
        fprintf(out, "%-12.12s  %-19s  %-16s %-12s %s%-8s%s %7s  %s\n",
                member_text(entry, "alert_id", "?"), time, member_text(entry, "robot", "?"),
                member_text(entry, "kind", "?"), terminal_style(out, severity_style(severity)),
                severity, plain(out), score, member_text(entry, "text", ""));
    }
}

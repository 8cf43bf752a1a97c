/*
 * Tables of what came, as far as a person reads them, then the findings, then what to write. Every
 * text from outside goes through terminal_clean.
 */
#include "cli/doctor_text.h"

#include "cli/terminal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC_ROWS 40
#define SIGNAL_ROWS 60
#define NAME_COLUMNS 36
#define WORDS_SHOWN 6
#define NUMBERS_SHOWN 5

/* A name in its column; one that is too long is cut in front, where names are most alike. */
static void put_name(FILE *out, const char *name, int columns)
{
    char text[SURVEY_TOPIC_BYTES + 4];
    size_t length = strlen(name), most = (size_t)columns;
    if (length > most) {
        const char *from = name + length - (most - 2);
        while (((unsigned char)*from & 0xc0) == 0x80)
            from++;
        snprintf(text, sizeof text, "..%s", from);
    } else {
        snprintf(text, sizeof text, "%s", name);
    }
    terminal_clean(text);
    fprintf(out, "%-*s", columns, text);
}

static void put_heading(FILE *out, const char *text)
{
    fprintf(out, "\n%s%s%s\n", terminal_style(out, TERMINAL_BOLD), text,
            terminal_style(out, TERMINAL_PLAIN));
}

static void format_rate(double rate_hz, char ret_text[16])
{
    if (rate_hz <= 0)
        snprintf(ret_text, 16, "-");
    else if (rate_hz >= 0.1)
        snprintf(ret_text, 16, "%.3g Hz", rate_hz);
    else
        snprintf(ret_text, 16, "1/%.3g s", 1 / rate_hz);
}

static void format_seconds(double seconds, char ret_text[16])
{
    if (isnan(seconds))
        snprintf(ret_text, 16, "-");
    else if (seconds < 0.9995)
        snprintf(ret_text, 16, "%.3g ms", seconds * 1000);
    else
        snprintf(ret_text, 16, "%.3g s", seconds);
}

/* ---- topics */

struct group_figures {
    uint64_t messages, retained, bytes;
    double rate_hz, step_s, gap_s; /* medians of rate and step, the longest gap */
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct group_figures sum_group(const struct survey *survey, const struct survey_group *group)
{
    struct group_figures sum = {0};
    double *rates = calloc(2 * group->count + 1, sizeof *rates), *steps = rates + group->count;
    size_t step_count = 0;
    sum.step_s = (double)NAN;
    for (size_t t = 0; t < group->count && rates; t++) {
        const struct survey_topic *topic = &survey->topics[group->topics[t]];
        sum.messages += topic->count;
        sum.retained += topic->retained;
        sum.bytes += topic->bytes;
        sum.gap_s = fmax(sum.gap_s, survey_topic_gap_s(survey, topic));
        rates[t] = survey_topic_rate_hz(topic);
        steps[step_count] = survey_topic_step_s(topic);
        step_count += !isnan(steps[step_count]);
    }
    if (rates) {
        qsort(rates, group->count, sizeof *rates, compare_doubles);
        qsort(steps, step_count, sizeof *steps, compare_doubles);
        sum.rate_hz = rates[group->count / 2];
        sum.step_s = step_count > 0 ? steps[step_count / 2] : sum.step_s;
    }
    free(rates);
    return sum;
}

/* "JSON object, values in /fields": the form, and where the values are. */
static void put_form(const struct survey_topic *topic, FILE *out)
{
    const struct survey_recipe *recipe = &topic->recipe;
    char place[2 * SURVEY_PLACE_MAX + 40] = "";
    if (recipe->way == SURVEY_BY_TOPIC && recipe->value.there)
        snprintf(place, sizeof place, ", its value at %s", recipe->value.at);
    else if (recipe->way == SURVEY_BY_VALUES || recipe->way == SURVEY_BY_NAME)
        snprintf(place, sizeof place, "%s%s%s",
                 recipe->each.there || recipe->values.there ? ", values in " : "",
                 recipe->each.there ? recipe->each.at : "",
                 recipe->values.there
                     ? *recipe->values.at || recipe->each.there ? recipe->values.at : "the whole"
                     : "");
    else if (recipe->way == SURVEY_BY_PLACES)
        snprintf(place, sizeof place, ", numbers at places");
    terminal_clean(place);
    fprintf(out, "%s%s", survey_form_label(topic->form), place);
}

static void put_group(const struct survey *survey, const struct survey_group *group, FILE *out)
{
    char pattern[SURVEY_TOPIC_BYTES + 2], rate[16], step[16], gap[16];
    const struct survey_topic *topic = &survey->topics[group->topics[0]];
    struct group_figures sum = sum_group(survey, group);
    uint64_t all = sum.messages + sum.retained;
    survey_group_pattern(survey, group, pattern, sizeof pattern);
    format_rate(sum.rate_hz, rate);
    format_seconds(sum.step_s, step);
    format_seconds(sum.gap_s, gap);
    fputs("  ", out);
    put_name(out, pattern, NAME_COLUMNS);
    fprintf(out, " %6zu %9s %9s %9s %7.0f  ", group->count, rate, step, gap,
            all ? (double)sum.bytes / (double)all : 0);
    put_form(topic, out);
    if (sum.retained > 0)
        fprintf(out, ", %" PRIu64 " retained", sum.retained);
    fputc('\n', out);
}

static void put_topics(const struct doctor_report *report, FILE *out)
{
    const struct survey_groups *groups = &report->advice->groups;
    if (groups->count == 0)
        return;
    put_heading(out, "What comes");
    fprintf(out, "%s  %-*s %6s %9s %9s %9s %7s  %s%s\n", terminal_style(out, TERMINAL_DIM),
            NAME_COLUMNS, "TOPIC", "TOPICS", "EACH", "STEP", "LONGEST", "BYTES", "FORM",
            terminal_style(out, TERMINAL_PLAIN));
    for (size_t g = 0; g < groups->count && g < TOPIC_ROWS; g++)
        put_group(report->survey, &groups->items[g], out);
    if (groups->count > TOPIC_ROWS)
        fprintf(out, "  ... and %zu more lines: --topic narrows, --json has all\n",
                groups->count - TOPIC_ROWS);
}

/* ---- signals */

/* A piece of a list, cut where there is no room. */
static void add_note(char *note, size_t size, const char *piece)
{
    size_t used = strlen(note);
    if (used < size)
        snprintf(note + used, size - used, "%s%s", used ? ", " : "", piece);
}

/* What its figures do not say. */
static void note_signal(const struct survey_signal *signal, char *note, size_t size)
{
    char number[24];
    *note = '\0';
    for (size_t w = 0; w < signal->word_count && w < WORDS_SHOWN; w++)
        add_note(note, size, signal->word[w]);
    if (signal->more_words || signal->word_count > WORDS_SHOWN)
        add_note(note, size, "...");
    if (signal->words > 0)
        return;
    if (survey_signal_flat(signal)) {
        add_note(note, size, "never changed");
    } else if (signal->bools > 0) {
        add_note(note, size, "true, false");
    } else if (signal->distinct_count <= NUMBERS_SHOWN && signal->numbers > 3 * NUMBERS_SHOWN) {
        for (size_t i = 0; i < signal->distinct_count; i++) {
            snprintf(number, sizeof number, "%.4g", signal->distinct[i]);
            add_note(note, size, number);
        }
    }
}

static void put_signal(const struct survey *survey, const struct survey_signal *signal,
                       const char *name, FILE *out)
{
    char rate[16], note[WORDS_SHOWN * (SURVEY_WORD_BYTES + 2) + 8];
    format_rate(survey_signal_rate_hz(signal), rate);
    note_signal(signal, note, sizeof note);
    terminal_clean(note);
    fputs("  ", out);
    put_name(out, *name ? name : survey->topics[signal->topic].name, NAME_COLUMNS);
    fprintf(out, " %6" PRIu64 " %9s ", signal->count, rate);
    if (signal->numbers + signal->bools > 0)
        fprintf(out, "%9.4g %9.4g %9.4g", signal->min, signal->mean, signal->max);
    else
        fprintf(out, "%9s %9s %9s", "-", "-", "-");
    fprintf(out, "%s%s\n", *note ? "  " : "", note);
}

static void put_signals(const struct doctor_report *report, FILE *out)
{
    const struct survey_sources *sources = &report->advice->sources;
    if (sources->tag_count == 0)
        return;
    put_heading(out, "Signals");
    fprintf(out, "%s  %-*s %6s %9s %9s %9s %9s%s\n", terminal_style(out, TERMINAL_DIM),
            NAME_COLUMNS, "SIGNAL", "VALUES", "RATE", "MIN", "MEAN", "MAX",
            terminal_style(out, TERMINAL_PLAIN));
    for (size_t t = 0; t < sources->tag_count && t < SIGNAL_ROWS; t++)
        put_signal(report->survey, sources->tags[t].signal, sources->tags[t].name, out);
    if (sources->tag_count > SIGNAL_ROWS)
        fprintf(out, "  ... and %zu more: --json has all\n", sources->tag_count - SIGNAL_ROWS);
}

/* ---- clocks */

static void put_clocks(const struct doctor_report *report, FILE *out)
{
    bool headed = false;
    for (size_t g = 0; g < report->advice->groups.count && g < TOPIC_ROWS; g++) {
        const struct survey_group *group = &report->advice->groups.items[g];
        const struct survey_topic *topic = &report->survey->topics[group->topics[0]];
        char pattern[SURVEY_TOPIC_BYTES + 2], place[SURVEY_PLACE_MAX], spread[16];
        double skew_s, spread_s;
        if (!survey_topic_skew(topic, &skew_s, &spread_s))
            continue;
        if (!headed)
            put_heading(out, "Clocks");
        headed = true;
        survey_group_pattern(report->survey, group, pattern, sizeof pattern);
        snprintf(place, sizeof place, "%s", topic->recipe.time.at);
        terminal_clean(place);
        format_seconds(spread_s, spread);
        fputs("  ", out);
        put_name(out, pattern, NAME_COLUMNS);
        fprintf(out, " %s in %s: %.3f s %s this host, spread %s\n", place,
                survey_unit_name(topic->recipe.unit), fabs(skew_s),
                skew_s > 0 ? "ahead of" : "behind", spread);
    }
}

/* ---- findings, and what to write */

static void put_findings(const struct survey_findings *findings, FILE *out)
{
    static const enum terminal_style styles[SURVEY_SEVERITIES] = {TERMINAL_CRITICAL,
                                                                  TERMINAL_WARNING, TERMINAL_DIM};
    int columns, lines;
    terminal_size(out, &columns, &lines);
    if (!terminal_is(out))
        columns = 100000; /* one line each, for grep */
    put_heading(out, findings->count ? "Findings" : "Findings: none");
    for (size_t f = 0; f < findings->count; f++) {
        const struct survey_finding *finding = &findings->items[f];
        fprintf(out, "  %s%-7s%s ", terminal_style(out, styles[finding->severity]),
                survey_severity_name(finding->severity), terminal_style(out, TERMINAL_PLAIN));
        terminal_put_wrapped(out, finding->text, 10, 10, columns);
    }
    size_t all = 0;
    for (int s = 0; s < SURVEY_SEVERITIES; s++)
        all += findings->counts[s];
    if (all > findings->count)
        fprintf(out, "  ... and %zu more\n", all - findings->count);
}

/* What a terminal would act on is escaped, as JSON may have it. */
static void put_json(const cJSON *tree, FILE *out)
{
    char *text = cJSON_Print(tree);
    for (const char *c = text; c && *c; c++) {
        unsigned char first = (unsigned char)c[0], second = (unsigned char)c[1];
        if (first == 0x7f) {
            fputs("\\u007f", out);
        } else if (first == 0xc2 && second >= 0x80 && second < 0xa0) {
            fprintf(out, "\\u00%02x", second);
            c++;
        } else if (first == '\t') { /* cJSON's, in front of a line and behind a colon */
            fputs(c > text && c[-1] == ':' ? " " : "  ", out);
        } else {
            fputc(first, out);
        }
    }
    fputc('\n', out);
    cJSON_free(text);
}

static void put_files(const struct doctor_report *report, FILE *out)
{
    const struct survey_advice *advice = report->advice;
    if (!advice->configuration) {
        put_heading(out, "Nothing to configure: no values were found");
        return;
    }
    put_heading(out, "Into armwatchd.json");
    put_json(advice->configuration, out);
    if (!advice->assembler)
        return;
    if (report->written) {
        fprintf(out, "The file of sources is written to %s\n", report->written);
        return;
    }
    put_heading(out, SURVEY_FILE_NAME ", beside it");
    put_json(advice->assembler, out);
}

static void put_trial(const struct survey_trial *trial, FILE *out)
{
    put_heading(out, "The file of sources, tried");
    for (size_t s = 0; s < trial->map->count; s++) {
        fputs("  ", out);
        put_name(out, trial->map->sources[s].topic, NAME_COLUMNS);
        fprintf(out, " %6" PRIu64 " messages\n", trial->messages[s]);
    }
    for (size_t r = 0; r < trial->robot_count; r++) {
        uint64_t refused = 0;
        for (int i = SAMPLE_ACCEPTED + 1; i < SAMPLE_REFUSALS; i++)
            refused += trial->robots[r].refused[i];
        fputs("  ", out);
        put_name(out, trial->robots[r].name, NAME_COLUMNS);
        fprintf(out, " %6" PRIu64 " samples, %" PRIu64 " refused\n", trial->robots[r].samples,
                refused);
    }
}

void doctor_text_print(const struct doctor_report *report, FILE *out)
{
    const struct survey *survey = report->survey;
    fprintf(out, "%" PRIu64 " messages on %zu topics in %.0f s", survey->messages - survey->own,
            survey->topic_count, survey_seconds(survey));
    if (survey->own > 0)
        fprintf(out, ", and %" PRIu64 " of armwatchd's own", survey->own);
    fputc('\n', out);
    put_topics(report, out);
    put_signals(report, out);
    put_clocks(report, out);
    if (report->trial)
        put_trial(report->trial, out);
    put_findings(&report->advice->findings, out);
    if (!report->trial)
        put_files(report, out);
}

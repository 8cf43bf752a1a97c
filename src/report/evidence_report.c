/* The page answers in the order of the questions of who is called to the arm: what is it, how bad,
 * how long; where; and only then how far all this is to be trusted. */
#include "report/report.h"

#include "report/evidence_figures.h"
#include "report/member.h"
#include "report/number.h"
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the head ---- */

static void show_facts(struct page *page, const cJSON *root)
{
    const cJSON *model = member(root, "model"), *verdict = member(root, "verdict");
    double step = member_number(root, "step");
    page_facts_begin(page);
    page_fact(page, "Robot", "%s", member_text(root, "robot", "?"));
    page_fact(page, "Began (UTC)", "%s", member_text(root, "started", "?"));
    page_fact(page, "Kind", "%s", member_text(root, "kind", "?"));
    page_fact(page, "Ended (UTC)", "%s", member_text(root, "ended", "not known"));
    if (isfinite(step))
        page_fact(page, "Program step", "%.0f", step);
    page_fact(page, "Model", "%s, version %s", member_text(model, "name", "?"),
              number_given(member_number(model, "version")).text);
    if (verdict)
        page_fact(page, "Verdict", "%s %s", member_text(verdict, "verdict", "?"),
                  member_text(verdict, "note", ""));
    page_fact(page, "Alert", "%s", member_text(root, "alert_id", "?"));
    page_facts_end(page);
}

static void show_peak(struct page *page, const cJSON *root)
{
    double peak = member_number(root, "peak_score"), score = member_number(root, "score");
    if (!isfinite(peak))
        return;
    page_key(page, "Highest score", number_plain(peak).text,
             "times the threshold; %s when it was raised", number_plain(score).text);
}

static void show_largest(struct page *page, const cJSON *root)
{
    const cJSON *list = member_list(root, "channels"), *first = list ? list->child : NULL;
    const char *unit = member_text(first, "unit", "");
    double observed = member_number(first, "observed"), expected = member_number(first, "expected");
    char value[120];
    if (!first || !isfinite(observed))
        return;
    snprintf(value, sizeof value, "%s%s%.20s", number_plain(observed).text, *unit ? "\u00a0" : "",
             unit);
    if (isfinite(expected))
        page_key(page, "Deviates most", value, "%s, where %s was expected",
                 member_text(first, "name", "?"), number_plain(expected).text);
    else
        page_key(page, "Stands still at", value, "%s", member_text(first, "name", "?"));
}

static void show_duration(struct page *page, const cJSON *root)
{
    double duration = member_number(root, "duration_s");
    page_key(page, "Lasted", isfinite(duration) ? number_duration(duration).text : "not over", "%s",
             isfinite(duration) ? "from the first window over the threshold on"
                                : "as far as this pack knows");
}

static void show_trust(struct page *page, const cJSON *root)
{
    const cJSON *rescored = member(root, "rescored");
    const char *result = member_text(rescored, "result", "");
    double scores = member_number(rescored, "scores"), equal = member_number(rescored, "equal");
    double unchecked = member_number(rescored, "unchecked");
    if (!strcmp(result, "equal"))
        page_key(page, "Scored again", "the same", "%.0f of %.0f scores checked, by the same model",
                 equal, scores);
    else if (!strcmp(result, "different"))
        page_key(page, "Scored again", "different",
                 "%.0f of %.0f scores are not what the daemon said", scores - equal - unchecked,
                 scores);
    else if (!strcmp(result, "other_model"))
        page_key(page, "Scored again", "by another model",
                 "what is drawn is not what raised the alert");
    else
        page_key(page, "Scored again", "no", "%s", member_text(rescored, "why", ""));
}

static void show_table(struct page *page, const cJSON *root, bool fault)
{
    static const struct page_column columns[] = {
        {"Channel", NULL, true},
        {"Share", "of the score, over the windows above the threshold", false},
        {"Observed", "where it is furthest off", false},
        {"Expected", "there", false},
        {"z", "how far off, in usual distances", false},
        {"When (s)", "after the alert was raised", false}};
    const struct page_table table = {fault ? "Standing still" : "The same in figures",
                                     fault ? "What these should read is not known."
                                           : "Each channel where it is furthest off.",
                                     columns, fault ? 5 : 6, false};
    const cJSON *channel;
    page_table_begin(page, &table);
    cJSON_ArrayForEach(channel, member_list(root, "channels"))
    {
        page_row_begin(page, member_text(channel, "name", "?"), member_text(channel, "unit", ""),
                       false);
        page_cell(page, number_share(member_number(channel, "share")).text, NULL, false);
        page_cell(page, number_plain(member_number(channel, "observed")).text, NULL, true);
        page_cell(page, number_plain(member_number(channel, "expected")).text, NULL, false);
        page_cell(page, number_plain(member_number(channel, "z")).text, NULL, false);
        if (!fault)
            page_cell(page, number_signed(member_number(channel, "at_s")).text, NULL, false);
        page_row_end(page);
    }
    page_table_end(page);
}

static void show_channels(struct page *page, const struct evidence_course *course)
{
    bool fault = !strcmp(member_text(course->root, "kind", ""), "sensor_fault");
    if (!member_list(course->root, "channels"))
        return;
    page_section(page, fault ? "Which sensor" : "Where");
    if (evidence_course_is_drawn(course))
        evidence_figures_channels(page, course, fault);
    show_table(page, course->root, fault);
}

/* ---- where all this is from ---- */

static void show_sources(struct page *page, const cJSON *root)
{
    const cJSON *model = member(root, "model"), *rescored = member(root, "rescored");
    const char *cut = member_text(root, "cut", "");
    double difference = member_number(rescored, "largest_difference");
    double unchecked = member_number(rescored, "unchecked");
    page_section(page, "What this is made of");
    page_facts_begin(page);
    page_fact(page, "Samples", "%s%s%s", number_count(member_number(root, "rows")).text,
              *cut ? "; the end is missing: " : "", cut);
    page_fact(page, "Written by", "%s, %s", member_text(root, "tool", "?"),
              member_text(root, "written", "?"));
    page_fact(page, "Model", "%s", member_text(model, "sha256", "?"));
    page_fact(page, "Configuration", "%s",
              member_text(member(root, "configuration"), "sha256", "?"));
    if (isfinite(difference))
        page_fact(page, "Largest difference", "%s of the score, when scored again",
                  number_plain(difference).text);
    if (unchecked > 0)
        page_fact(page, "Not checked", "%.0f scores of windows that begin before the samples",
                  unchecked);
    page_fact(page, "Pack", "%s", member_text(root, "pack", "?"));
    page_facts_end(page);
}

int report_evidence(const cJSON *explained, char **ret_html, size_t *ret_size, struct diag *diag)
{
    struct page page;
    struct evidence_course course;
    char kind[96];
    if (!cJSON_IsObject(explained))
        return diag_set(diag, "an explanation is a JSON object");
    snprintf(kind, sizeof kind, "armwatch alert, %.60s", member_text(explained, "severity", "?"));
    page_begin(&page, kind, member_text(explained, "text", "alert"),
               member_true(explained, "simulated"));
    evidence_course_init(&course, &page, explained);
    show_facts(&page, explained);
    page_keys_begin(&page);
    show_peak(&page, explained);
    show_largest(&page, explained);
    show_duration(&page, explained);
    show_trust(&page, explained);
    page_keys_end(&page);
    if (evidence_course_is_drawn(&course))
        evidence_figures_scores(&page, &course);
    show_channels(&page, &course);
    show_sources(&page, explained);
    page_end(&page, "armwatch explain");
    free(course.time);
    int r = html_take(&page.html, ret_html, ret_size);
    return r < 0 ? diag_errno(diag, r, "the page") : 0;
}

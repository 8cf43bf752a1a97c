#include "cli/injection_report.h"

#include "cli/fields.h"
#include "cli/terminal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_S 2.0 /* between two injections of the same anomaly */
#define GRACE_S 3.0 /* after an injection, for windows and filters that reach back into it */

void injection_report_init(struct injection_report *report, double rate_hz)
{
    *report = (struct injection_report){.rate_hz = rate_hz};
}

void injection_report_deinit(struct injection_report *report)
{
    free(report->injection);
    free(report->alert);
    *report = (struct injection_report){0};
}

/* ---- what was injected */

static struct injection *add_injection(struct injection_report *report, const char *text)
{
    struct injection *list =
        reallocarray(report->injection, report->injections + 1, sizeof *report->injection);
    if (!list) {
        report->out_of_memory = true;
        return NULL;
    }
    report->injection = list;
    struct injection *injection = &list[report->injections++];
    *injection = (struct injection){.first = report->rows, .last = report->rows};
    snprintf(injection->text, sizeof injection->text, "%s", text);
    return injection;
}

void injection_report_row(struct injection_report *report, const char *text, bool touched)
{
    struct injection *present =
        report->injecting && text ? &report->injection[report->injections - 1] : NULL;
    bool paused = present && touched && present->touched > 0 &&
                  (double)(report->rows - present->last) > PAUSE_S * report->rate_hz;
    if (text && (!present || strcmp(present->text, text) != 0 || paused))
        present = add_injection(report, text);
    if (present && touched) {
        if (present->touched++ == 0)
            present->first = report->rows;
        present->last = report->rows;
    }
    report->injecting = present != NULL;
    report->healthy_rows += !touched;
    report->rows++;
}

/* ---- what was raised */

static struct injection_alert *find_alert(struct injection_report *report, const char *id)
{
    for (size_t i = 0; i < report->alerts; i++) {
        if (!strcmp(report->alert[i].id, id))
            return &report->alert[i];
    }
    return NULL;
}

static struct injection_alert *add_alert(struct injection_report *report, const cJSON *data)
{
    struct injection_alert *list =
        reallocarray(report->alert, report->alerts + 1, sizeof *report->alert);
    if (!list) {
        report->out_of_memory = true;
        return NULL;
    }
    report->alert = list;
    struct injection_alert *alert = &list[report->alerts++];
    *alert = (struct injection_alert){.raised = (uint64_t)fields_number(data, "last_seq", 0),
                                      .cleared = UINT64_MAX,
                                      .peak = (double)NAN};
    snprintf(alert->id, sizeof alert->id, "%s", fields_text(data, "alert_id", ""));
    snprintf(alert->kind, sizeof alert->kind, "%s", fields_text(data, "kind", "-"));
    const cJSON *groups = cJSON_GetObjectItemCaseSensitive(data, "groups"),
                *first = cJSON_IsArray(groups) ? groups->child : NULL;
    snprintf(alert->group, sizeof alert->group, "%s",
             fields_text(first, "label", fields_text(first, "name", "")));
    alert->share = fields_number(first, "share", (double)NAN);
    return alert;
}

void injection_report_alert(struct injection_report *report, const cJSON *event)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(event, "data");
    const char *id = fields_text(data, "alert_id", NULL), *state = fields_text(data, "state", "");
    if (!id)
        return;
    struct injection_alert *alert = find_alert(report, id);
    if (!alert && !strcmp(state, "raised")) /* others are of an earlier stream */
        alert = add_alert(report, data);
    if (!alert)
        return;
    snprintf(alert->severity, sizeof alert->severity, "%s", fields_text(data, "severity", "-"));
    alert->peak = fmax(alert->peak, fields_number(data, "peak_score", (double)NAN));
    if (!strcmp(state, "cleared"))
        alert->cleared = (uint64_t)fields_number(data, "last_seq", 0);
}

/* ---- what belongs together */

static bool belongs(const struct injection_report *report, const struct injection *injection,
                    const struct injection_alert *alert)
{
    double grace = GRACE_S * report->rate_hz;
    return injection->touched > 0 && alert->cleared >= injection->first &&
           (double)alert->raised <= (double)injection->last + grace;
}

const struct injection_alert *injection_report_find(const struct injection_report *report,
                                                    const struct injection *injection)
{
    for (size_t i = 0; i < report->alerts; i++) {
        if (belongs(report, injection, &report->alert[i]))
            return &report->alert[i];
    }
    return NULL;
}

size_t injection_report_false_alarms(const struct injection_report *report)
{
    size_t count = 0;
    for (size_t a = 0; a < report->alerts; a++) {
        bool explained = false;
        for (size_t i = 0; i < report->injections && !explained; i++)
            explained = belongs(report, &report->injection[i], &report->alert[a]);
        count += !explained;
    }
    return count;
}

/* Seconds from the first touched row to the alert; 0 for one that was still open. */
static double delay_s(const struct injection_report *report, const struct injection *injection,
                      const struct injection_alert *alert)
{
    return alert->raised > injection->first
               ? (double)(alert->raised - injection->first) / report->rate_hz
               : 0;
}

static size_t count_occurred(const struct injection_report *report)
{
    size_t count = 0;
    for (size_t i = 0; i < report->injections; i++)
        count += report->injection[i].touched > 0;
    return count;
}

size_t injection_report_found(const struct injection_report *report)
{
    size_t count = 0;
    for (size_t i = 0; i < report->injections; i++)
        count += injection_report_find(report, &report->injection[i]) != NULL;
    return count;
}

/* ---- how it is told */

static void print_injection(const struct injection_report *report,
                            const struct injection *injection, FILE *out)
{
    const struct injection_alert *alert = injection_report_find(report, injection);
    const char *plain = terminal_style(out, TERMINAL_PLAIN);
    char after[16] = "", lasts[24] = "-", peak[16] = "-";
    if (injection->touched > 0)
        snprintf(lasts, sizeof lasts, "%.1f s",
                 (double)(injection->last - injection->first + 1) / report->rate_hz);
    fprintf(out, "  %6.1f s  %-14.14s %7s  ", (double)injection->first / report->rate_hz,
            injection->text, lasts);
    if (injection->touched == 0) {
        fprintf(out, "did not occur: the arm stood still\n");
        return;
    }
    if (!alert) {
        fprintf(out, "%smissed%s\n", terminal_style(out, TERMINAL_WARNING), plain);
        return;
    }
    snprintf(after, sizeof after, "%.1f s", delay_s(report, injection, alert));
    if (!isnan(alert->peak))
        snprintf(peak, sizeof peak, "%.3g", alert->peak);
    fprintf(out, "%sfound %s %6s  %5s  %-8s  %.22s\n", terminal_style(out, TERMINAL_GOOD), plain,
            after, peak, alert->severity, *alert->group ? alert->group : alert->kind);
}

void injection_report_print(const struct injection_report *report, FILE *out)
{
    size_t occurred = count_occurred(report), found = injection_report_found(report);
    fprintf(out, "%s  %8s  %-14s %7s  %-6s %6s  %5s  %-8s  %s%s\n",
            terminal_style(out, TERMINAL_DIM), "AT", "INJECTED", "LASTS", "", "AFTER", "PEAK",
            "SEVERITY", "WHERE", terminal_style(out, TERMINAL_PLAIN));
    for (size_t i = 0; i < report->injections; i++)
        print_injection(report, &report->injection[i], out);
    size_t false_alarms = injection_report_false_alarms(report);
    fprintf(
        out,
        "  simulated: %zu injected, %zu found, %zu missed; %zu false alarm%s in %.0f s healthy\n",
        occurred, found, occurred - found, false_alarms, false_alarms == 1 ? "" : "s",
        (double)report->healthy_rows / report->rate_hz);
    if (report->out_of_memory)
        fputs("  memory ran out: some entries are missing\n", out);
}

static cJSON *injection_json(const struct injection_report *report,
                             const struct injection *injection)
{
    const struct injection_alert *alert = injection_report_find(report, injection);
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "anomaly", injection->text);
    cJSON_AddBoolToObject(entry, "occurred", injection->touched > 0);
    cJSON_AddNumberToObject(entry, "first_row", (double)injection->first);
    cJSON_AddNumberToObject(entry, "last_row", (double)injection->last);
    cJSON_AddBoolToObject(entry, "found", alert != NULL);
    if (alert) {
        cJSON_AddStringToObject(entry, "alert_id", alert->id);
        cJSON_AddStringToObject(entry, "severity", alert->severity);
        cJSON_AddNumberToObject(entry, "delay_s", delay_s(report, injection, alert));
        cJSON_AddNumberToObject(entry, "peak_score", alert->peak);
    }
    return entry;
}

cJSON *injection_report_json(const struct injection_report *report)
{
    size_t occurred = count_occurred(report), found = injection_report_found(report);
    cJSON *root = cJSON_CreateObject();
    cJSON_AddBoolToObject(root, "simulated", true);
    cJSON *list = cJSON_AddArrayToObject(root, "injections");
    for (size_t i = 0; i < report->injections; i++)
        cJSON_AddItemToArray(list, injection_json(report, &report->injection[i]));
    cJSON_AddNumberToObject(root, "injected", (double)occurred);
    cJSON_AddNumberToObject(root, "found", (double)found);
    cJSON_AddNumberToObject(root, "alerts", (double)report->alerts);
    cJSON_AddNumberToObject(root, "false_alarms", (double)injection_report_false_alarms(report));
    cJSON_AddNumberToObject(root, "healthy_s", (double)report->healthy_rows / report->rate_hz);
    return root;
}

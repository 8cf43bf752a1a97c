#include "cli/survey_findings.h"

#include "base/json.h"
#include "base/utf8.h"
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LIST_SHOWN 4
#define LIST_NAME_BYTES 60

const char *survey_severity_name(enum survey_severity severity)
{
    static const char *const names[SURVEY_SEVERITIES] = {"error", "warning", "hint"};
    return names[severity];
}

/* Names may have been cut within a character. */
static void clean(char *text)
{
    terminal_clean(text);
    for (size_t length = strlen(text), step; length > 0; text += step, length -= step) {
        step = utf8_sequence(text, length);
        if (step == 0) {
            *text = '?';
            step = 1;
        }
    }
}

void survey_finding_add(struct survey_findings *findings, enum survey_severity severity,
                        const char *format, ...)
{
    findings->counts[severity]++;
    if (findings->count == SURVEY_FINDINGS_MAX)
        return;
    struct survey_finding *finding = &findings->items[findings->count++];
    finding->severity = severity;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(finding->text, sizeof finding->text, format, args);
    va_end(args);
    if (length >= (int)sizeof finding->text)
        finding->text[json_utf8_head(finding->text, sizeof finding->text - 1)] = '\0';
    clean(finding->text);
}

void survey_findings_sort(struct survey_findings *findings)
{
    for (size_t i = 1; i < findings->count; i++) {
        struct survey_finding finding = findings->items[i];
        size_t at = i;
        for (; at > 0 && findings->items[at - 1].severity > finding.severity; at--)
            findings->items[at] = findings->items[at - 1];
        findings->items[at] = finding;
    }
}

void survey_list_add(struct survey_list *list, const char *name)
{
    size_t used = strlen(list->text);
    if (list->count++ < LIST_SHOWN && used < sizeof list->text)
        snprintf(list->text + used, sizeof list->text - used, "%s%.*s", used ? ", " : "",
                 json_utf8_head(name, LIST_NAME_BYTES), name);
}

const char *survey_list_end(struct survey_list *list)
{
    size_t used = strlen(list->text);
    if (list->count > LIST_SHOWN && used < sizeof list->text)
        snprintf(list->text + used, sizeof list->text - used, " and %zu more",
                 list->count - LIST_SHOWN);
    return list->text;
}

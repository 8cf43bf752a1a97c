#include "cli/operations_text.h"

#include "cli/fields.h"
#include "cli/terminal.h"

#include <math.h>
#include <string.h>

static const cJSON *at(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static double number_at(const cJSON *object, const char *part, const char *key)
{
    return fields_number(at(object, part), key, (double)NAN);
}

static const char *local_time(const cJSON *object, const char *key, char ret_text[FIELDS_TIME_MAX])
{
    fields_local_time(fields_text(object, key, ""), ret_text);
    return *ret_text ? ret_text : "-";
}

static void print_head(const char *text, FILE *out)
{
    fprintf(out, "%s%s%s\n", terminal_style(out, TERMINAL_DIM), text,
            terminal_style(out, TERMINAL_PLAIN));
}

/* ---- threshold ---- */

static void print_value(double value, FILE *out)
{
    if (isfinite(value))
        fprintf(out, " %10.4g", value);
    else
        fprintf(out, " %10s", "none");
}

static void print_model(const cJSON *model, FILE *out)
{
    const cJSON *detector;
    double supported = fields_number(model, "supported_per_day", (double)NAN);
    fprintf(out, "model %s v%.0f, by %s: target %.4g a day (was %.4g), ",
            fields_text(model, "name", "-"), fields_number(model, "version", 0),
            fields_text(model, "thresholds_from", "-"),
            fields_number(model, "false_alarms_per_day", (double)NAN),
            fields_number(model, "before_per_day", (double)NAN));
    if (isfinite(supported))
        fprintf(out, "supported %.3g (95 %%)\n", supported);
    else
        fprintf(out, "nothing supported yet\n");
    print_head("  DETECTOR             BEFORE        NOW  TAIL", out);
    cJSON_ArrayForEach(detector, at(model, "detectors"))
    {
        fprintf(out, "  %-16s", fields_text(detector, "name", "-"));
        print_value(fields_number(detector, "before", (double)NAN), out);
        print_value(fields_number(detector, "threshold", (double)NAN), out);
        fprintf(out, "  %s\n", fields_text(detector, "tail", "-"));
    }
}

static void print_threshold(const cJSON *reply, FILE *out)
{
    const cJSON *model;
    const char *robot = fields_text(reply, "robot", NULL);
    fprintf(out, "%s: %.4g false alarms a day, as %s\n", robot ? robot : "all robots",
            fields_number(reply, "false_alarms_per_day", (double)NAN),
            !strcmp(fields_text(reply, "source", ""), "configuration") ? "configured"
            : !strcmp(fields_text(reply, "source", ""), "model")       ? "the model was made for"
            : !strcmp(fields_text(reply, "source", ""), "armed")       ? "it is armed for"
            : !strcmp(fields_text(reply, "source", ""), "threshold")   ? "set for this robot"
                                                                       : "set for all robots");
    double own = fields_number(reply, "robots_with_own", 0);
    if (own > 0)
        fprintf(out, "%.0f of %.0f robots go by a budget of their own and not by this\n", own,
                own + fields_number(reply, "robots", 0));
    cJSON_ArrayForEach(model, at(reply, "models")) print_model(model, out);
    if (fields_text(reply, "warning", NULL))
        fprintf(out, "%swarning%s: %s\n", terminal_style(out, TERMINAL_WARNING),
                terminal_style(out, TERMINAL_PLAIN), fields_text(reply, "warning", ""));
}

/* ---- verdicts and audit ---- */

static void print_ack(const cJSON *reply, FILE *out)
{
    const char *note = fields_text(reply, "note", "");
    fprintf(out, "%s alert %s of %s: %s%s%s%s%s\n", fields_text(reply, "kind", "-"),
            fields_text(reply, "alert_id", "-"), fields_text(reply, "robot", "-"),
            fields_text(reply, "verdict", "-"), *note ? ": " : "", note,
            cJSON_IsTrue(at(reply, "replaced")) ? "; it takes the place of the verdict before" : "",
            cJSON_IsFalse(at(reply, "open")) ? "; the alert is over already" : "");
}

static void print_verdicts(const cJSON *reply, FILE *out)
{
    const cJSON *entry;
    char time[FIELDS_TIME_MAX];
    if (cJSON_GetArraySize(at(reply, "verdicts")) > 0)
        print_head("TIME                 ROBOT            KIND          VERDICT      ALERT"
                   "                             NOTE",
                   out);
    cJSON_ArrayForEach(entry, at(reply, "verdicts"))
        fprintf(out, "%-20s %-16s %-13s %-12s %-32s  %s\n", local_time(entry, "time", time),
                fields_text(entry, "robot", "-"), fields_text(entry, "kind", "-"),
                fields_text(entry, "verdict", "-"), fields_text(entry, "alert_id", "-"),
                fields_text(entry, "note", ""));
    fprintf(out, "%.0f true, %.0f false, %.0f by maintenance", number_at(reply, "counts", "true"),
            number_at(reply, "counts", "false"), number_at(reply, "counts", "maintenance"));
    if (fields_text(reply, "since", NULL))
        fprintf(out, ", since %s", local_time(reply, "since", time));
    fputc('\n', out);
}

/* "model=cell7-v2 robot=kuka1". */
static void format_arguments(const cJSON *arguments, char *ret_text, size_t size)
{
    const cJSON *item;
    size_t used = 0;
    *ret_text = '\0';
    cJSON_ArrayForEach(item, arguments)
    {
        char value[96];
        if (cJSON_IsString(item))
            snprintf(value, sizeof value, "%.*s", json_utf8_head(item->valuestring, 90),
                     item->valuestring);
        else if (cJSON_IsNumber(item))
            snprintf(value, sizeof value, "%.6g", item->valuedouble);
        else
            snprintf(value, sizeof value, "%s", cJSON_IsTrue(item) ? "true" : "false");
        int more = snprintf(ret_text + used, size - used, "%s%s=%s", used ? " " : "",
                            item->string ? item->string : "", value);
        if (more < 0 || (size_t)more >= size - used)
            return;
        used += (size_t)more;
    }
}

static void print_audit(const cJSON *reply, FILE *out)
{
    const cJSON *entry;
    char time[FIELDS_TIME_MAX], arguments[400];
    if (cJSON_GetArraySize(at(reply, "audit")) == 0) {
        fprintf(out, "nothing was changed so far\n");
        return;
    }
    print_head("TIME                 BY         COMMAND     RESULT           ID                "
               "ARGUMENTS",
               out);
    cJSON_ArrayForEach(entry, at(reply, "audit"))
    {
        const char *message = fields_text(entry, "message", "");
        format_arguments(at(entry, "arguments"), arguments, sizeof arguments);
        fprintf(out, "%-20s %-10s %-11s %-16s %-16s  %s%s%s", local_time(entry, "time", time),
                fields_text(entry, "by", "-"), fields_text(entry, "command", "-"),
                fields_text(entry, "result", "-"), fields_text(entry, "id", ""), arguments,
                *message ? "  " : "", message);
        if (fields_text(entry, "model", NULL))
            fprintf(out, "%s%s v%.0f", *arguments || *message ? ": " : "",
                    fields_text(entry, "model", "-"), fields_number(entry, "model_version", 0));
        fputc('\n', out);
    }
    double omitted = fields_number(reply, "omitted", 0);
    if (omitted > 0)
        fprintf(out, "%.0f older ones: --last N shows more\n", omitted);
}

/* ---- shadow ---- */

static void print_lone(const cJSON *list, const char *what, FILE *out)
{
    const cJSON *entry;
    char started[FIELDS_TIME_MAX], ended[FIELDS_TIME_MAX], peak[FIELDS_SCORE_MAX];
    if (cJSON_GetArraySize(list) == 0)
        return;
    fprintf(out, "  %s\n", what);
    print_head("    ROBOT            STARTED              ENDED                  PEAK  ALERT", out);
    cJSON_ArrayForEach(entry, list)
    {
        fields_score(fields_number(entry, "peak_score", (double)NAN), peak);
        fprintf(out, "    %-16s %-20s %-20s %6s  %s\n", fields_text(entry, "robot", "-"),
                local_time(entry, "started", started), local_time(entry, "ended", ended), peak,
                fields_text(entry, "alert_id", ""));
    }
}

static void print_shadow_head(const cJSON *shadow, FILE *out)
{
    char since[FIELDS_TIME_MAX];
    const char *robot = fields_text(shadow, "robot", NULL),
               *state = fields_text(shadow, "state", "-");
    fprintf(out, "shadow %s%s%s: %s v%.0f beside the live model since %s%s%s\n",
            fields_text(shadow, "file", "-"), robot ? ", robot " : "", robot ? robot : "",
            fields_text(shadow, "model", "-"), fields_number(shadow, "model_version", 0),
            local_time(shadow, "since", since), strcmp(state, "on") != 0 ? ": " : "",
            strcmp(state, "on") != 0 ? state : "");
}

static void print_alert_counts(const cJSON *shadow, FILE *out)
{
    fprintf(out,
            "  alerts       %.0f of the live model, %.0f of the candidate: %.0f matched, %.0f "
            "missing, %.0f extra\n",
            number_at(shadow, "alerts", "live"), number_at(shadow, "alerts", "candidate"),
            number_at(shadow, "alerts", "matched"), number_at(shadow, "alerts", "missing"),
            number_at(shadow, "alerts", "extra"));
}

static void print_shadow(const cJSON *shadow, FILE *out)
{
    double correlation = number_at(shadow, "agreement", "correlation");
    double same = number_at(shadow, "agreement", "same_side");
    print_shadow_head(shadow, out);
    fprintf(out,
            "  windows      %.0f judged by both; %.0f by the live model, %.0f by the candidate",
            number_at(shadow, "windows", "both"), number_at(shadow, "windows", "live"),
            number_at(shadow, "windows", "candidate"));
    fprintf(out, "; %.0f lost, %.0f not finite\n", number_at(shadow, "windows", "lost"),
            number_at(shadow, "windows", "nonfinite"));
    if (isfinite(same))
        fprintf(out,
                "  agreement    %.4g %% on the same side of the limit; over it by the live "
                "model alone %.0f, by the candidate alone %.0f\n",
                100 * same, number_at(shadow, "agreement", "over_by_live_only"),
                number_at(shadow, "agreement", "over_by_candidate_only"));
    if (isfinite(correlation))
        fprintf(out, "  scores       correlation %.3f; usually %.3g live, %.3g candidate\n",
                correlation, number_at(shadow, "agreement", "usual_score_live"),
                number_at(shadow, "agreement", "usual_score_candidate"));
    if (isfinite(number_at(shadow, "cost_us", "candidate")))
        fprintf(out, "  cost         %.3g us a window live, %.3g us candidate\n",
                number_at(shadow, "cost_us", "live"), number_at(shadow, "cost_us", "candidate"));
    if (cJSON_IsFalse(at(shadow, "calibrated")))
        fprintf(out, "  it has no calibration: it would raise nothing\n");
    print_alert_counts(shadow, out);
    print_lone(at(at(shadow, "alerts"), "missing_alerts"), "missing: the candidate has no alert",
               out);
    print_lone(at(at(shadow, "alerts"), "extra_alerts"), "extra: the live model has no alert", out);
}

static void print_report(const cJSON *reply, FILE *out)
{
    const cJSON *shadow;
    bool any = cJSON_GetArraySize(at(reply, "shadows")) > 0;
    cJSON_ArrayForEach(shadow, at(reply, "shadows")) print_shadow(shadow, out);
    if (!any)
        fprintf(out, "no candidate is in shadow\n");
    if (!any && cJSON_IsObject(at(reply, "last"))) {
        fprintf(out, "the last one:\n");
        print_shadow(at(reply, "last"), out);
    }
}

static void print_loaded(const char *command, const cJSON *reply, FILE *out)
{
    fprintf(out, "%s version %.0f is %s\n", fields_text(reply, "model", "-"),
            fields_number(reply, "model_version", 0),
            !strcmp(command, "shadow") ? "compared from now on; shadow-report tells how"
                                       : "in use");
    if (cJSON_IsObject(at(reply, "shadow")))
        print_shadow(at(reply, "shadow"), out);
}

bool operations_text_answer(const char *command, const cJSON *reply, FILE *out)
{
    static const struct {
        const char *command;
        void (*print)(const cJSON *reply, FILE *out);
    } printers[] = {{"threshold", print_threshold},
                    {"ack", print_ack},
                    {"verdicts", print_verdicts},
                    {"audit", print_audit},
                    {"shadow-report", print_report}};
    for (size_t i = 0; i < sizeof printers / sizeof printers[0]; i++) {
        if (!strcmp(printers[i].command, command)) {
            printers[i].print(reply, out);
            return true;
        }
    }
    if (!strcmp(command, "shadow") || !strcmp(command, "promote")) {
        print_loaded(command, reply, out);
        return true;
    }
    if (!strcmp(command, "unshadow")) {
        print_shadow(at(reply, "shadow"), out);
        return true;
    }
    return false;
}

/* ---- status ---- */

static void print_probation(const cJSON *probation, FILE *out)
{
    const char *robot = fields_text(probation, "robot", NULL);
    double limit = fields_number(probation, "alerts_limit", (double)NAN);
    fprintf(out, "probation of %s v%.0f%s%s: %.0f of %.0f s judged; %.0f alerts",
            fields_text(probation, "model", "-"), fields_number(probation, "model_version", 0),
            robot ? ", robot " : "", robot ? robot : "", fields_number(probation, "judged_s", 0),
            fields_number(probation, "of_s", 0), fields_number(probation, "alerts", 0));
    if (isfinite(limit))
        fprintf(out, ", rolled back from %.0f on", limit);
    fprintf(out, "; %.0f scores not finite\n", fields_number(probation, "nonfinite", 0));
}

static void print_rollback(const cJSON *last, FILE *out)
{
    char time[FIELDS_TIME_MAX];
    const char *robot = fields_text(last, "robot", NULL),
               *result = fields_text(last, "result", "ok");
    bool good = !strcmp(result, "ok");
    if (!cJSON_IsTrue(at(last, "open")))
        return;
    fprintf(out, "%srolled back%s at %s: %s v%.0f%s%s", terminal_style(out, TERMINAL_WARNING),
            terminal_style(out, TERMINAL_PLAIN), local_time(last, "time", time),
            fields_text(at(last, "from"), "model", "-"), number_at(last, "from", "model_version"),
            robot ? ", robot " : "", robot ? robot : "");
    if (good)
        fprintf(out, " to %s v%.0f", fields_text(at(last, "to"), "model", "-"),
                number_at(last, "to", "model_version"));
    else
        fprintf(out, " should have been, but could not be (%s)", result);
    fprintf(out, ": %s\n", fields_text(last, "text", "-"));
}

void operations_text_status(const cJSON *status, const char *instance, FILE *out)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, at(status, "shadows"))
    {
        print_shadow_head(entry, out);
        print_alert_counts(entry, out);
        fprintf(out, "  armwatch ctl --instance %s shadow-report\n", instance);
    }
    cJSON_ArrayForEach(entry, at(status, "probation")) print_probation(entry, out);
    print_rollback(at(status, "last_rollback"), out);
}

static void print_alert(const char *robot, const cJSON *alert, FILE *out)
{
    char started[FIELDS_TIME_MAX];
    const cJSON *ack = at(alert, "ack");
    const char *note = fields_text(ack, "note", "");
    fprintf(out, "%s: %s %s alert %s since %s", robot, fields_text(alert, "severity", "-"),
            fields_text(alert, "kind", "-"), fields_text(alert, "alert_id", "-"),
            local_time(alert, "started", started));
    if (cJSON_IsTrue(at(alert, "acked")))
        fprintf(out, "; acknowledged as %s%s%s", fields_text(ack, "verdict", "-"),
                *note ? ": " : "", note);
    fputc('\n', out);
}

void operations_text_robot(const cJSON *robot, FILE *out)
{
    const cJSON *alert, *promise = at(robot, "promise");
    const char *source = fields_text(promise, "source", "");
    const char *name = fields_text(robot, "robot", "-");
    cJSON_ArrayForEach(alert, at(robot, "alerts")) print_alert(name, alert, out);
    if (strcmp(source, "threshold") != 0)
        return;
    fprintf(out, "%s: target %.4g false alarms a day, set for this robot", name,
            fields_number(promise, "false_alarms_per_day", (double)NAN));
    double supported = fields_number(promise, "supported_per_day", (double)NAN);
    if (isfinite(supported))
        fprintf(out, "; supported %.3g (95 %%)", supported);
    fputc('\n', out);
}

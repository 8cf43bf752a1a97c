#include "cli/status_text.h"

#include "base/name.h"
#include "cli/fields.h"
#include "cli/operations_text.h"
#include "cli/partitions_text.h"
#include "cli/terminal.h"

#include <math.h>
#include <string.h>

void status_text_promise(const cJSON *model, FILE *out)
{
    double target = fields_number(model, "false_alarms_per_day", (double)NAN);
    double supported = fields_number(model, "supported_per_day", (double)NAN);
    double sessions = fields_number(model, "sessions", 0);
    if (!isfinite(target))
        return;
    fprintf(out, "model %s v%.0f: target %.4g false alarms a day, ",
            fields_text(model, "name", "-"), fields_number(model, "version", 0), target);
    if (isfinite(supported))
        fprintf(out, "supported %.3g (95 %%) by %.4g h in %.0f session%s\n", supported,
                fields_number(model, "hours", 0), sessions, sessions == 1 ? "" : "s");
    else
        fprintf(out, "not calibrated: it raises nothing\n");
}

void status_text_skew(const cJSON *robot, FILE *out)
{
    double skew_s = fields_number(robot, "clock_skew_s", (double)NAN);
    if (isfinite(skew_s) && fabs(skew_s) >= 1)
        fprintf(out, "%s: times of its samples are %.1f s %s the daemon's clock\n",
                fields_text(robot, "robot", "-"), fabs(skew_s), skew_s > 0 ? "ahead of" : "behind");
}

static void print_moved(const cJSON *channels, FILE *out)
{
    const cJSON *channel;
    cJSON_ArrayForEach(channel, channels)
    {
        const char *unit = fields_text(channel, "unit", "");
        const char *space = *unit ? " " : "";
        fprintf(out, "; %s mean %.3g%s%s, usual %.3g%s%s", fields_text(channel, "name", "-"),
                fields_number(channel, "mean", (double)NAN), space, unit,
                fields_number(channel, "usual", (double)NAN), space, unit);
    }
}

/* It is proposed and never done: whether a robot is worn or has a new habit is not in the data. */
void status_text_drift(const cJSON *robot, const char *broker, FILE *out)
{
    const cJSON *drift = cJSON_GetObjectItemCaseSensitive(robot, "drift");
    const char *level = fields_text(drift, "level", "stable");
    if (!strcmp(level, "stable"))
        return;
    const char *name = fields_text(robot, "robot", "-");
    double between = fields_number(drift, "between_sessions", (double)NAN);
    char since[FIELDS_TIME_MAX];
    fields_local_time(fields_text(drift, "since", ""), since);
    fprintf(out, "\n%s%s%s: scores of %s have moved since calibration (PSI %.2f, %s, over %.1f h",
            terminal_style(out, TERMINAL_WARNING), name, terminal_style(out, TERMINAL_PLAIN),
            fields_text(drift, "detector", "-"), fields_number(drift, "psi", (double)NAN), level,
            fields_number(drift, "hours", 0));
    if (isfinite(between))
        fprintf(out, "; its sessions are up to %.2f apart), since %s", between, since);
    else
        fprintf(out, "; it is of one session, and a new one may just be unlike it), since %s",
                since);
    print_moved(cJSON_GetObjectItemCaseSensitive(drift, "channels"), out);
    fprintf(out,
            "\n  if an interval since then was healthy, calibrate anew on recordings of such:\n"
            "  armwatch record --broker %s --robot %s --out FILE --duration 8h\n"
            "  armwatch calibrate --model %s.safetensors --normal FILE --from TIME --to TIME "
            "--out NEW.safetensors\n",
            broker, name, fields_text(robot, "model", "MODEL"));
}

static void print_learning(const cJSON *commissioning, const char *robot, const char *instance,
                           FILE *out)
{
    const char *ready_at = fields_text(commissioning, "ready_at", NULL);
    double sessions = fields_number(commissioning, "sessions", 0);
    double supported = fields_number(commissioning, "supported_per_day", (double)NAN);
    fprintf(out, "commissioned: %.4g of %.4g h for the target of %.4g false alarms a day, ",
            fields_number(commissioning, "hours", 0),
            fields_number(commissioning, "needed_hours", (double)NAN),
            fields_number(commissioning, "false_alarms_per_day", (double)NAN));
    fprintf(out, "in %.0f session%s", sessions, sessions == 1 ? "" : "s");
    if (isfinite(supported))
        fprintf(out, "; supported %.3g (95 %%)", supported);
    if (ready_at) {
        char when[FIELDS_TIME_MAX];
        fields_local_time(ready_at, when);
        fprintf(out, "; the target about %s at this rate", when);
    }
    fputc('\n', out);
    if (fields_text(commissioning, "advice", NULL))
        fprintf(out, "  target supported: arm it: armwatch ctl --instance %s arm --robot %s\n",
                instance, robot);
}

void status_text_commissioning(const cJSON *robot, const char *instance, FILE *out)
{
    const cJSON *commissioning = cJSON_GetObjectItemCaseSensitive(robot, "commissioning");
    const char *mode = fields_text(commissioning, "mode", "idle");
    const char *name = fields_text(robot, "robot", "-");
    if (!strcmp(mode, "idle"))
        return;
    fprintf(out, "%s: ", name);
    if (strcmp(mode, "armed") != 0) {
        print_learning(commissioning, name, instance, out);
        return;
    }
    double sessions = fields_number(commissioning, "sessions", 0);
    fprintf(out,
            "armed for %.4g false alarms a day, by thresholds learnt here in %.4g h in %.0f "
            "session%s; supported %.3g (95 %%)\n",
            fields_number(commissioning, "false_alarms_per_day", (double)NAN),
            fields_number(commissioning, "hours", 0), sessions, sessions == 1 ? "" : "s",
            fields_number(commissioning, "supported_per_day", (double)NAN));
}

void status_text_thresholds(const cJSON *reply, FILE *out)
{
    const cJSON *detector;
    cJSON_ArrayForEach(detector, cJSON_GetObjectItemCaseSensitive(reply, "detectors")) fprintf(
        out, "  %-12s threshold %.4g (%.0f blocks of 30 s, %s tail)\n",
        fields_text(detector, "name", "-"), fields_number(detector, "threshold", (double)NAN),
        fields_number(detector, "blocks", 0), fields_text(detector, "tail", "-"));
}

/* ---- all of it ---- */

static void print_robot(const cJSON *robot, FILE *out)
{
    char score[FIELDS_SCORE_MAX], reasons[256], coverage[16] = "-", model[NAME_MAX_LENGTH + 16],
                                                since[FIELDS_TIME_MAX],
                                                suspended[FIELDS_SUSPENSION_MAX];
    const char *state = fields_text(robot, "state", "-");
    double covered = fields_number(robot, "coverage_1h", (double)NAN);
    fields_score(fields_number(robot, "score", (double)NAN), score);
    fields_join(robot, "reasons", reasons, sizeof reasons);
    fields_local_time(fields_text(robot, "since", ""), since);
    if (isfinite(covered))
        snprintf(coverage, sizeof coverage, "%.1f %%", 100 * covered);
    snprintf(model, sizeof model, "%s v%.0f", fields_text(robot, "model", "-"),
             fields_number(robot, "model_version", 0));
    enum terminal_style style = !strcmp(state, "ok")      ? TERMINAL_GOOD
                                : !strcmp(state, "alert") ? TERMINAL_CRITICAL
                                                          : TERMINAL_WARNING;
    fields_suspension(robot, suspended);
    fprintf(out, "%-16s %s%-13s%s %6s %8s  %-18s %s%s%s%s%s\n", fields_text(robot, "robot", "-"),
            terminal_style(out, style), state, terminal_style(out, TERMINAL_PLAIN), score, coverage,
            model, since, *suspended ? "  " : "", suspended, *reasons ? "  also " : "", reasons);
}

/* Nothing where it is not served: `http` is among the reasons then, if it should be. */
static void print_page(const cJSON *reply, FILE *out)
{
    const char *url = fields_text(reply, "http", NULL);
    if (url)
        fprintf(out, "page and metrics on its host: %s\n", url);
}

void status_text(const cJSON *reply, const char *instance, const char *broker, FILE *out)
{
    char up[FIELDS_SPAN_MAX], reasons[256];
    const char *state = fields_text(reply, "state", "-");
    const cJSON *model, *models = cJSON_GetObjectItemCaseSensitive(reply, "models");
    const cJSON *robot, *robots = cJSON_GetObjectItemCaseSensitive(reply, "robot_states");
    fields_span(fields_number(reply, "uptime", 0), up);
    fields_join(reply, "reasons", reasons, sizeof reasons);
    fprintf(out, "%s%s%s is %s%s%s%s%s, up %s, version %s\n", terminal_style(out, TERMINAL_BOLD),
            fields_text(reply, "instance", "-"), terminal_style(out, TERMINAL_PLAIN),
            terminal_style(out, !strcmp(state, "online") ? TERMINAL_GOOD : TERMINAL_WARNING), state,
            terminal_style(out, TERMINAL_PLAIN), *reasons ? ": " : "", reasons, up,
            fields_text(reply, "version", "-"));
    fprintf(out, "model %s v%.0f; %.0f samples, %.0f rejected; %.0f alerts, %.0f open\n",
            fields_text(reply, "model", "-"), fields_number(reply, "model_version", 0),
            fields_number(reply, "samples", 0), fields_number(reply, "rejected", 0),
            fields_number(reply, "alerts", 0), fields_number(reply, "open_alerts", 0));
    print_page(reply, out);
    partitions_text(reply, out);
    cJSON_ArrayForEach(model, models) status_text_promise(model, out);
    operations_text_status(reply, instance, out);
    if (cJSON_GetArraySize(robots) == 0) {
        fputs("no robot has sent samples yet\n", out);
        return;
    }
    fprintf(out, "\n%s%-16s %-13s %6s %8s  %-18s %s%s\n", terminal_style(out, TERMINAL_DIM),
            "ROBOT", "STATE", "SCORE", "COVERAGE", "MODEL", "SINCE",
            terminal_style(out, TERMINAL_PLAIN));
    cJSON_ArrayForEach(robot, robots) print_robot(robot, out);
    cJSON_ArrayForEach(robot, robots)
    {
        operations_text_robot(robot, out);
        status_text_skew(robot, out);
        status_text_drift(robot, broker, out);
    }
    cJSON_ArrayForEach(robot, robots) status_text_commissioning(robot, instance, out);
}

#include "cli/status_text.h"

#include "cli/fields.h"
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

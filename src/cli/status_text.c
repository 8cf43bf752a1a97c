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

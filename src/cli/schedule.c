#include "cli/schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_step(const char *text, size_t length, struct schedule_step *step,
                      struct diag *diag)
{
    char copy[64];
    if (length == 0 || length >= sizeof copy)
        return diag_set(diag, "schedule: \"%.*s\" must be ANOMALY[:AMOUNT]:SECONDS",
                        (int)(length < 80 ? length : 80), text);
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *colon = strrchr(copy, ':'), *end = NULL;
    if (colon) {
        *colon = '\0';
        step->seconds = strtod(colon + 1, &end);
    }
    if (!colon || end == colon + 1 || *end || !(step->seconds > 0) || step->seconds > 1e9)
        return diag_set(diag, "schedule: \"%.*s\" must be ANOMALY[:AMOUNT]:SECONDS", (int)length,
                        text);
    memcpy(step->text, copy, sizeof step->text);
    if (!strcmp(copy, "healthy") || !strcmp(copy, "none")) {
        strcpy(step->text, "healthy");
        step->anomaly = (struct anomaly){.kind = ANOMALY_NONE};
        return 0;
    }
    return anomaly_parse(copy, &step->anomaly, diag);
}

int schedule_parse(const char *text, struct schedule *ret_schedule, struct diag *diag)
{
    ret_schedule->count = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        if (ret_schedule->count == SCHEDULE_STEPS_MAX)
            return diag_set(diag, "schedule: more than %d steps", SCHEDULE_STEPS_MAX);
        int r = parse_step(text, length, &ret_schedule->step[ret_schedule->count++], diag);
        if (r < 0)
            return r;
        if (!text[length])
            return 0;
        text += length + 1;
    }
}

double schedule_seconds(const struct schedule *schedule)
{
    double sum = 0;
    for (size_t i = 0; i < schedule->count; i++)
        sum += schedule->step[i].seconds;
    return sum;
}

size_t schedule_at(const struct schedule *schedule, double seconds)
{
    double end = 0;
    for (size_t i = 0; i + 1 < schedule->count; i++) {
        end += schedule->step[i].seconds;
        if (seconds < end)
            return i;
    }
    return schedule->count - 1;
}

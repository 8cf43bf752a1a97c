#include "cli/fields.h"

#include "base/clock.h"
#include "cli/terminal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *fields_text(const cJSON *object, const char *key, const char *fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : fallback;
}

double fields_number(const cJSON *object, const char *key, double fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

void fields_join(const cJSON *object, const char *key, char *ret_text, size_t size)
{
    size_t used = 0;
    const cJSON *item;
    ret_text[0] = '\0';
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, key))
    {
        if (cJSON_IsString(item) && used < size)
            used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used ? ", " : "",
                                     item->valuestring);
    }
}

void fields_score(double score, char ret_text[FIELDS_SCORE_MAX])
{
    if (!isfinite(score))
        snprintf(ret_text, FIELDS_SCORE_MAX, "-");
    else
        snprintf(ret_text, FIELDS_SCORE_MAX, fabs(score) < 999.995 ? "%.2f" : "%.1e", score);
}

void fields_span(double seconds, char ret_text[FIELDS_SPAN_MAX])
{
    long long s = llround(fmin(fmax(seconds, 0), 1e12));
    if (s >= 86400)
        snprintf(ret_text, FIELDS_SPAN_MAX, "%lld d %lld:%02lld h", s / 86400, s / 3600 % 24,
                 s / 60 % 60);
    else
        snprintf(ret_text, FIELDS_SPAN_MAX, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

void fields_local_time(const char *text, char ret_text[FIELDS_TIME_MAX])
{
    int64_t time_ns;
    struct tm tm, now;
    snprintf(ret_text, FIELDS_TIME_MAX, "-");
    if (!clock_parse_rfc3339(text, strlen(text), &time_ns))
        return;
    time_t seconds = (time_t)(time_ns / CLOCK_NS_PER_S),
           now_s = (time_t)(clock_realtime_ns() / CLOCK_NS_PER_S);
    if (!localtime_r(&seconds, &tm) || !localtime_r(&now_s, &now))
        return;
    bool today = tm.tm_yday == now.tm_yday && tm.tm_year == now.tm_year;
    strftime(ret_text, FIELDS_TIME_MAX, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
}

void fields_suspension(const cJSON *robot, char ret_text[FIELDS_SUSPENSION_MAX])
{
    const cJSON *suspended = cJSON_GetObjectItemCaseSensitive(robot, "suspended");
    const char *reason = fields_text(suspended, "reason", "");
    char until[FIELDS_TIME_MAX];
    ret_text[0] = '\0';
    if (!cJSON_IsObject(suspended))
        return;
    fields_local_time(fields_text(suspended, "until", ""), until);
    snprintf(ret_text, FIELDS_SUSPENSION_MAX, "no alerts until %s%s%.*s", until,
             *reason ? ": " : "", json_utf8_head(reason, 128), reason);
}

void fields_clean(cJSON *tree)
{
    for (cJSON *item = tree; item; item = item->next) {
        if (cJSON_IsString(item))
            terminal_clean(item->valuestring);
        fields_clean(item->child);
    }
}

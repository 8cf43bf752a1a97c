#include "daemon/shadow_report.h"

#include "base/clock.h"
#include "pipeline/alert_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATIO_LEAST 1e-3
#define RATIO_MOST 1e3

static const char *const side_names[SHADOW_SIDES] = {"live", "candidate"};

void shadow_report_begin(struct shadow_report *report, int64_t wall_ns)
{
    *report = (struct shadow_report){.since_ns = wall_ns};
}

/* ---- counting ---- */

static double scale(double ratio)
{
    return log10(fmin(fmax(ratio, RATIO_LEAST), RATIO_MOST));
}

/* Means and sums of squares about them (Welford). */
void shadow_report_pair(struct shadow_report *report, double live, double candidate)
{
    const double value[SHADOW_SIDES] = {scale(live), scale(candidate)};
    double before[SHADOW_SIDES];
    report->both++;
    for (int s = 0; s < SHADOW_SIDES; s++) {
        before[s] = value[s] - report->mean[s];
        report->mean[s] += before[s] / (double)report->both;
        report->square[s] += before[s] * (value[s] - report->mean[s]);
    }
    report->product += before[0] * (value[1] - report->mean[1]);
    report->over[SHADOW_LIVE] += live >= 1 && candidate < 1;
    report->over[SHADOW_CANDIDATE] += candidate >= 1 && live < 1;
}

void shadow_report_cost(struct shadow_report *report, enum shadow_side side, double ns)
{
    report->cost_ns[side] += ns;
    report->costed[side]++;
}

static void list(struct shadow_report *report, const char *robot, enum shadow_side side,
                 const struct shadow_alert *alert)
{
    struct shadow_listed *list = report->list[side];
    if (report->listed[side] == SHADOW_LISTED_MAX)
        memmove(list, list + 1, --report->listed[side] * sizeof *list);
    struct shadow_listed *entry = &list[report->listed[side]++];
    snprintf(entry->robot, sizeof entry->robot, "%s", robot);
    entry->alert = *alert;
}

static void note_end(struct shadow_report *report, const char *robot, enum shadow_side side,
                     const struct shadow_alert *alert)
{
    for (size_t i = 0; i < report->listed[side]; i++) {
        struct shadow_listed *entry = &report->list[side][i];
        if (entry->alert.started_ns == alert->started_ns && !strcmp(entry->robot, robot))
            entry->alert = *alert;
    }
}

void shadow_report_found(struct shadow_report *report, const char *robot, enum shadow_side side,
                         enum shadow_finding finding, const struct shadow_alert *alert)
{
    switch (finding) {
    case SHADOW_MATCHED:
        report->matched[side]++;
        break;
    case SHADOW_ALONE:
        report->alone[side]++;
        list(report, robot, side, alert);
        break;
    case SHADOW_ENDED:
        note_end(report, robot, side, alert);
        break;
    }
}

/* ---- for people ---- */

static void add_time(cJSON *object, const char *key, int64_t time_ns)
{
    char text[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(time_ns, text);
    cJSON_AddStringToObject(object, key, text);
}

static void add_count(cJSON *object, const char *key, uint64_t count)
{
    cJSON_AddNumberToObject(object, key, (double)count);
}

static void add_windows(const struct shadow_report *report, cJSON *root)
{
    cJSON *windows = cJSON_AddObjectToObject(root, "windows");
    add_count(windows, "live", report->windows[SHADOW_LIVE]);
    add_count(windows, "candidate", report->windows[SHADOW_CANDIDATE]);
    add_count(windows, "both", report->both);
    add_count(windows, "lost", report->lost);
    add_count(windows, "nonfinite", report->nonfinite);
}

static void add_agreement(const struct shadow_report *report, cJSON *root)
{
    cJSON *agreement = cJSON_AddObjectToObject(root, "agreement");
    double n = (double)report->both, none = (double)NAN;
    uint64_t differ = report->over[0] + report->over[1];
    double spread = sqrt(report->square[0]) * sqrt(report->square[1]);
    alert_json_number(agreement, "same_side", n > 0 ? (n - (double)differ) / n : none);
    add_count(agreement, "over_by_live_only", report->over[SHADOW_LIVE]);
    add_count(agreement, "over_by_candidate_only", report->over[SHADOW_CANDIDATE]);
    alert_json_number(agreement, "correlation", spread > 0 ? report->product / spread : none);
    for (int s = 0; s < SHADOW_SIDES; s++) {
        char key[32];
        snprintf(key, sizeof key, "usual_score_%s", side_names[s]);
        alert_json_number(agreement, key, n > 0 ? pow(10, report->mean[s]) : none);
    }
}

static void add_list(const struct shadow_report *report, enum shadow_side side, const char *key,
                     cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, key);
    for (size_t i = 0; i < report->listed[side]; i++) {
        const struct shadow_listed *listed = &report->list[side][i];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "robot", listed->robot);
        if (*listed->alert.id)
            cJSON_AddStringToObject(entry, "alert_id", listed->alert.id);
        add_time(entry, "started", listed->alert.started_ns);
        if (listed->alert.open)
            cJSON_AddNullToObject(entry, "ended");
        else
            add_time(entry, "ended", listed->alert.ended_ns);
        alert_json_number(entry, "peak_score", listed->alert.peak);
        json_append(array, entry);
    }
}

static void add_alerts(const struct shadow_report *report, bool lists, cJSON *root)
{
    cJSON *alerts = cJSON_AddObjectToObject(root, "alerts");
    add_count(alerts, "live", report->alerts[SHADOW_LIVE]);
    add_count(alerts, "candidate", report->alerts[SHADOW_CANDIDATE]);
    add_count(alerts, "matched", report->matched[SHADOW_LIVE]);
    add_count(alerts, "missing", report->alone[SHADOW_LIVE]);
    add_count(alerts, "extra", report->alone[SHADOW_CANDIDATE]);
    if (!lists)
        return;
    add_list(report, SHADOW_LIVE, "missing_alerts", alerts);
    add_list(report, SHADOW_CANDIDATE, "extra_alerts", alerts);
}

void shadow_report_json(const struct shadow_report *report, bool lists, cJSON *ret_object)
{
    add_time(ret_object, "since", report->since_ns);
    add_windows(report, ret_object);
    add_agreement(report, ret_object);
    cJSON *cost = cJSON_AddObjectToObject(ret_object, "cost_us");
    for (int s = 0; s < SHADOW_SIDES; s++) {
        double windows = (double)report->costed[s];
        alert_json_number(cost, side_names[s],
                          windows > 0 ? report->cost_ns[s] / windows / 1e3 : (double)NAN);
    }
    add_alerts(report, lists, ret_object);
}

/* ---- for the next run ---- */

/* Every number of the report, so that none is forgotten on one of the two ways. */
struct member {
    const char *key;
    uint64_t *count; /* or: */
    double *value;
};

#define MEMBERS_MAX 32

static size_t name_members(struct shadow_report *report, struct member *ret_members)
{
    static const char *const sides[][SHADOW_SIDES] = {
        {"windows_live", "windows_candidate"}, {"over_live", "over_candidate"},
        {"costed_live", "costed_candidate"},   {"alerts_live", "alerts_candidate"},
        {"matched_live", "matched_candidate"}, {"alone_live", "alone_candidate"},
        {"mean_live", "mean_candidate"},       {"square_live", "square_candidate"},
        {"cost_ns_live", "cost_ns_candidate"}};
    size_t count = 0;
    for (int s = 0; s < SHADOW_SIDES; s++) {
        uint64_t *counts[] = {&report->windows[s], &report->over[s],    &report->costed[s],
                              &report->alerts[s],  &report->matched[s], &report->alone[s]};
        double *values[] = {&report->mean[s], &report->square[s], &report->cost_ns[s]};
        for (size_t i = 0; i < 6; i++)
            ret_members[count++] = (struct member){.key = sides[i][s], .count = counts[i]};
        for (size_t i = 0; i < 3; i++)
            ret_members[count++] = (struct member){.key = sides[6 + i][s], .value = values[i]};
    }
    ret_members[count++] = (struct member){.key = "both", .count = &report->both};
    ret_members[count++] = (struct member){.key = "lost", .count = &report->lost};
    ret_members[count++] = (struct member){.key = "nonfinite", .count = &report->nonfinite};
    ret_members[count++] = (struct member){.key = "product", .value = &report->product};
    return count;
}

static void add_ns(cJSON *object, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    cJSON_AddStringToObject(object, key, text);
}

static int get_ns(const cJSON *object, const char *key, int64_t *ret_value)
{
    const char *text = "";
    char *end;
    int r = json_get_string(object, key, true, 24, &text, NULL);
    errno = 0;
    int64_t value = strtoll(text, &end, 10);
    if (r < 0 || errno || !*text || *end)
        return -EINVAL;
    *ret_value = value;
    return 0;
}

cJSON *shadow_alert_save(const char *robot, const struct shadow_alert *alert)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "robot", robot);
    cJSON_AddStringToObject(entry, "id", alert->id);
    add_ns(entry, "started_ns", alert->started_ns);
    add_ns(entry, "ended_ns", alert->ended_ns);
    cJSON_AddNumberToObject(entry, "peak", alert->peak);
    cJSON_AddBoolToObject(entry, "open", alert->open);
    cJSON_AddBoolToObject(entry, "matched", alert->matched);
    cJSON_AddBoolToObject(entry, "told", alert->told);
    return entry;
}

int shadow_alert_load(const cJSON *entry, struct shadow_listed *ret_listed)
{
    struct shadow_alert *alert = &ret_listed->alert;
    const char *robot = "", *id = "";
    *ret_listed = (struct shadow_listed){.robot = ""};
    if (json_get_string(entry, "robot", true, NAME_MAX_LENGTH, &robot, NULL) < 0 ||
        json_get_string(entry, "id", true, HASH_HEX_SIZE - 1, &id, NULL) < 0 ||
        get_ns(entry, "started_ns", &alert->started_ns) < 0 ||
        get_ns(entry, "ended_ns", &alert->ended_ns) < 0 ||
        json_get_number(entry, "peak", true, 0, 1e300, &alert->peak, NULL) < 0 ||
        json_get_bool(entry, "open", true, &alert->open, NULL) < 0 ||
        json_get_bool(entry, "matched", true, &alert->matched, NULL) < 0 ||
        json_get_bool(entry, "told", true, &alert->told, NULL) < 0)
        return -EINVAL;
    strcpy(ret_listed->robot, robot);
    strcpy(alert->id, id);
    return 0;
}

cJSON *shadow_report_save(const struct shadow_report *report)
{
    struct shadow_report copy = *report;
    struct member members[MEMBERS_MAX];
    size_t count = name_members(&copy, members);
    cJSON *root = cJSON_CreateObject();
    add_ns(root, "since_ns", report->since_ns);
    for (size_t i = 0; i < count; i++)
        cJSON_AddNumberToObject(root, members[i].key,
                                members[i].count ? (double)*members[i].count : *members[i].value);
    for (int s = 0; s < SHADOW_SIDES; s++) {
        cJSON *array = cJSON_AddArrayToObject(root, side_names[s]);
        for (size_t i = 0; i < report->listed[s]; i++)
            json_append(array,
                        shadow_alert_save(report->list[s][i].robot, &report->list[s][i].alert));
    }
    return root;
}

void shadow_report_load(struct shadow_report *report, const cJSON *saved)
{
    struct member members[MEMBERS_MAX];
    size_t count = name_members(report, members);
    if (get_ns(saved, "since_ns", &report->since_ns) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        double value = 0;
        json_get_number(saved, members[i].key, false, -1e300, 1e300, &value, NULL);
        if (members[i].value)
            *members[i].value = value;
        else
            *members[i].count = value > 0 && value < JSON_MAX_INTEGER ? (uint64_t)value : 0;
    }
    for (int s = 0; s < SHADOW_SIDES; s++) {
        const cJSON *entry;
        cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(saved, side_names[s]))
        {
            if (report->listed[s] < SHADOW_LISTED_MAX &&
                shadow_alert_load(entry, &report->list[s][report->listed[s]]) == 0)
                report->listed[s]++;
        }
    }
}

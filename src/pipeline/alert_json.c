#include "pipeline/alert_json.h"

#include "base/clock.h"
#include "base/decimal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_NAMED 2
#define NAME_SHOWN 60     /* bytes, in a sentence */
#define CHANNEL_SHOWN 128 /* bytes */

/* Six significant digits: a score is not known better, and a number stays short. */
void alert_json_number(cJSON *object, const char *key, double value)
{
    char text[DECIMAL_SIX_MAX];
    if (!isfinite(value)) {
        cJSON_AddNullToObject(object, key);
        return;
    }
    decimal_six(value, text);
    cJSON_AddRawToObject(object, key, text);
}

/* ---- detectors ---- */

static void add_detector(cJSON *list, const char *name, double score, double threshold)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "name", name);
    alert_json_number(entry, "score", score);
    alert_json_number(entry, "threshold", threshold);
    alert_json_number(entry, "ratio", score / threshold);
    json_append(list, entry);
}

void alert_json_fired(cJSON *object, const struct model *model, const struct alert *alert)
{
    cJSON *list = cJSON_AddArrayToObject(object, "detectors");
    const double *peak = alert->episode.fired;
    size_t order[MODEL_DETECTORS_MAX], count = 0;
    for (size_t d = 0; d < alert->detectors; d++) {
        if (!(peak[d] > 0))
            continue;
        double ratio = peak[d] / alert->trigger[d].threshold;
        size_t at = count++;
        for (; at > 0 && peak[order[at - 1]] / alert->trigger[order[at - 1]].threshold < ratio;
             at--)
            order[at] = order[at - 1];
        order[at] = d;
    }
    for (size_t i = 0; i < count; i++)
        add_detector(list, model->detector[order[i]].name, peak[order[i]],
                     alert->trigger[order[i]].threshold);
}

void alert_json_step(cJSON *object, const struct alert_episode *episode)
{
    const struct score *last = &episode->last;
    bool known = last->attributed && last->attribution.finding.step >= 0;
    alert_json_number(object, "step", known ? last->attribution.finding.step : (double)NAN);
}

/* ---- channels and groups ---- */

/* "link4_q1" is told as "link4_rotation"; a model file may call the four anything else. */
static void name_rotation(const char *first, char *ret_name, size_t size)
{
    size_t length = strlen(first);
    bool numbered = length >= 3 && !strcmp(first + length - 3, "_q1");
    if (numbered)
        length -= 3;
    int shown = json_utf8_head(first, length < CHANNEL_SHOWN ? length : CHANNEL_SHOWN);
    snprintf(ret_name, size, "%.*s%crotation", shown, first, numbered ? '_' : ' ');
}

static cJSON *new_channel(const struct model *model, size_t channel, bool rotation, double share)
{
    const char *unit = rotation ? "deg" : model->channel[channel].unit;
    const char *full = model->channel[channel].name;
    char name[CHANNEL_SHOWN + 16];
    if (rotation)
        name_rotation(full, name, sizeof name);
    else
        snprintf(name, sizeof name, "%.*s", json_utf8_head(full, CHANNEL_SHOWN), full);
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "name", name);
    if (*unit)
        cJSON_AddStringToObject(entry, "unit", unit);
    alert_json_number(entry, "share", share);
    return entry;
}

static void add_group(cJSON *list, const struct model *model, size_t group, double share)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "name", model->group_names[group]);
    if (strcmp(model->group_labels[group], model->group_names[group]) != 0)
        cJSON_AddStringToObject(entry, "label", model->group_labels[group]);
    alert_json_number(entry, "share", share);
    json_append(list, entry);
}

void alert_json_attribution(cJSON *object, const struct model *model,
                            const struct attribution *attribution)
{
    cJSON *channels = cJSON_AddArrayToObject(object, "channels");
    for (size_t i = 0; i < attribution->channels; i++) {
        const struct deviation *deviation = &attribution->channel[i];
        bool rotation = finding_is_rotation(model, deviation->channel);
        cJSON *entry = new_channel(model, deviation->channel, rotation, deviation->share);
        alert_json_number(entry, "observed", deviation->observed);
        alert_json_number(entry, "expected", deviation->expected);
        alert_json_number(entry, "z", deviation->z);
        json_append(channels, entry);
    }
    cJSON *groups = cJSON_AddArrayToObject(object, "groups");
    for (size_t i = 0; i < attribution->groups; i++)
        add_group(groups, model, attribution->group[i].group, attribution->group[i].share);
}

void alert_json_fault(cJSON *object, const struct model *model, const struct sensor_fault *fault)
{
    double share = 1.0 / (double)fault->channels;
    cJSON *channels = cJSON_AddArrayToObject(object, "channels");
    double group_shares[MODEL_CHANNELS_MAX + 1] = {0};
    for (size_t i = 0; i < fault->channels && i < SENSOR_FAULT_LISTED_MAX; i++) {
        size_t channel = fault->listed[i].channel;
        cJSON *entry = new_channel(model, channel, false, share);
        alert_json_number(entry, "observed", (double)fault->listed[i].observed);
        cJSON_AddNullToObject(entry, "expected");
        cJSON_AddNullToObject(entry, "z");
        json_append(channels, entry);
        group_shares[model->channel[channel].group] += share;
    }
    cJSON *groups = cJSON_AddArrayToObject(object, "groups");
    for (size_t listed = 0; listed < model->groups; listed++) {
        size_t largest = 0;
        for (size_t g = 1; g < model->groups; g++)
            largest = group_shares[g] > group_shares[largest] ? g : largest;
        if (group_shares[largest] <= 0)
            break;
        add_group(groups, model, largest, group_shares[largest]);
        group_shares[largest] = 0;
    }
}

/* ---- sentences ---- */

void alert_text(const struct model *model, const struct alert *alert, char ret_text[ALERT_TEXT_MAX])
{
    const struct score *score = &alert->episode.last;
    ret_text[0] = '\0';
    if (score->attributed)
        finding_text(&score->attribution.finding, model, ret_text);
}

static double seconds(int64_t from_ns, int64_t to_ns)
{
    return (double)(to_ns - from_ns) / (double)CLOCK_NS_PER_S;
}

/* Whether one of the first `count` that are listed is of the group. */
static bool lists_group(const struct sensor_fault *fault, const struct model *model, size_t count,
                        size_t group)
{
    for (size_t i = 0; i < count; i++) {
        if (model->channel[fault->listed[i].channel].group == group)
            return true;
    }
    return false;
}

/* The groups of the channels that are listed, each once; at most `max` are filled in. */
static size_t find_groups(const struct sensor_fault *fault, const struct model *model,
                          size_t *ret_groups, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < fault->channels && i < SENSOR_FAULT_LISTED_MAX; i++) {
        size_t group = model->channel[fault->listed[i].channel].group;
        if (lists_group(fault, model, i, group))
            continue;
        if (count < max)
            ret_groups[count] = group;
        count++;
    }
    return count;
}

/* Channels are listed in the order of the model, as far as there is room: those without room may be
 * of any group that has channels behind the last one listed. */
static bool may_lack_groups(const struct sensor_fault *fault, const struct model *model)
{
    if (fault->channels <= SENSOR_FAULT_LISTED_MAX)
        return false;
    size_t behind = fault->listed[SENSOR_FAULT_LISTED_MAX - 1].channel + 1;
    for (size_t c = behind; c < model->channels; c++) {
        if (!lists_group(fault, model, SENSOR_FAULT_LISTED_MAX, model->channel[c].group))
            return true;
    }
    return false;
}

/* What stands still: a channel, a group, or several, and that there may be more if it is so.
 * Returns true if it is one. */
static bool name_subject(const struct model *model, const struct sensor_fault *fault,
                         char *ret_name, size_t size)
{
    size_t groups[GROUPS_NAMED] = {0};
    size_t count = find_groups(fault, model, groups, GROUPS_NAMED);
    bool maybe_more = may_lack_groups(fault, model);
    const char *first = model->group_labels[groups[0]], *second = model->group_labels[groups[1]];
    if (fault->channels == 1)
        first = model->channel[fault->listed[0].channel].name;
    int shown = json_utf8_head(first, NAME_SHOWN);
    int second_shown = json_utf8_head(second, NAME_SHOWN);
    if (count == 1)
        snprintf(ret_name, size, "%.*s%s", shown, first, maybe_more ? " and perhaps more" : "");
    else if (count == 2)
        snprintf(ret_name, size, "%.*s%s %.*s%s", shown, first, maybe_more ? "," : " and",
                 second_shown, second, maybe_more ? " and perhaps more" : "");
    else
        snprintf(ret_name, size, "%.*s, %.*s and %s%zu more", shown, first, second_shown, second,
                 maybe_more ? "at least " : "", count - 2);
    return count == 1 && !maybe_more;
}

void alert_text_fault(const struct model *model, const struct sensor_fault *fault, bool cleared,
                      char ret_text[ALERT_TEXT_MAX])
{
    const struct alert_episode *episode = &fault->episode;
    char name[3 * NAME_SHOWN];
    bool one = name_subject(model, fault, name, sizeof name);
    bool timed =
        episode->ended_ns >= episode->started_ns; /* else the source's clock was set back */
    if (cleared && timed)
        snprintf(ret_text, ALERT_TEXT_MAX, "%s %s again after %.1f s", name,
                 one ? "varies" : "vary", seconds(episode->started_ns, episode->ended_ns));
    else if (cleared)
        snprintf(ret_text, ALERT_TEXT_MAX, "%s %s again", name, one ? "varies" : "vary");
    else
        snprintf(ret_text, ALERT_TEXT_MAX,
                 "%s %s still while the arm moves (%zu channel%s flat for %.1f s)", name,
                 one ? "stands" : "stand", fault->channels, fault->channels == 1 ? "" : "s",
                 fault->flat_s);
}

#include "cli/explain_json.h"

#include "base/clock.h"
#include "cli/fields.h"
#include "pipeline/alert_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seven digits: more than a float has. */
static double shorten(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.7g", value);
    return strtod(text, NULL);
}

static void add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, shorten(value));
    else
        cJSON_AddNullToObject(object, key);
}

/* Every stride-th of the values; null for what is not known. */
static void add_series(cJSON *object, const char *key, const double *values, size_t count,
                       size_t stride)
{
    cJSON *list = cJSON_AddArrayToObject(object, key);
    for (size_t i = 0; i < count; i++) {
        double value = values[i * stride];
        json_append(list,
                    isfinite(value) ? cJSON_CreateNumber(shorten(value)) : cJSON_CreateNull());
    }
}

static void copy_member(cJSON *to, const cJSON *from, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, key);
    json_attach(to, key, item ? cJSON_Duplicate(item, true) : cJSON_CreateNull());
}

static const cJSON *data_of(const cJSON *alert)
{
    return cJSON_GetObjectItemCaseSensitive(alert, "data");
}

/* NAN: it is no time. */
static double seconds_of(const cJSON *object, const char *key)
{
    const char *text = fields_text(object, key, "");
    int64_t time_ns;
    return clock_parse_rfc3339(text, strlen(text), &time_ns) ? (double)time_ns / 1e9 : (double)NAN;
}

/* ---- the alert ---- */

/* How high it went: to the end where that is known. */
static double peak_of(const struct pack *pack)
{
    double raised = fields_number(data_of(pack->alert), "peak_score", (double)NAN);
    return fields_number(data_of(pack->cleared), "peak_score", raised);
}

static void add_alert(cJSON *root, const struct pack *pack)
{
    const cJSON *data = data_of(pack->alert), *end = data_of(pack->cleared);
    cJSON_AddStringToObject(root, "alert_id", pack->alert_id);
    cJSON_AddStringToObject(root, "robot", pack->robot);
    copy_member(root, pack->about, "instance");
    cJSON_AddStringToObject(root, "kind", pack->kind);
    copy_member(root, end ? end : data, "severity");
    copy_member(root, data, "text");
    copy_member(root, data, "step");
    copy_member(root, data, "started");
    copy_member(root, end, "ended");
    add_number(root, "duration_s", seconds_of(end, "ended") - seconds_of(data, "started"));
    copy_member(root, data, "score");
    add_number(root, "peak_score", peak_of(pack));
    json_attach(root, "verdict",
                pack->verdict ? cJSON_Duplicate(pack->verdict, true) : cJSON_CreateNull());
}

cJSON *explain_json_entry(const struct pack *pack)
{
    cJSON *root = cJSON_CreateObject();
    add_alert(root, pack);
    return root;
}

/* ---- scored again ---- */

static void add_rescored(cJSON *root, const struct explain_input *input)
{
    const struct explanation *explanation = input->explanation;
    cJSON *object = cJSON_AddObjectToObject(root, "rescored");
    const char *result = "no_model";
    if (input->pack->rows == 0)
        result = "no_samples";
    else if (explanation && !explanation->same)
        result = "other_model";
    else if (explanation)
        result = explanation->equal + explanation->unchecked == explanation->scores ? "equal"
                                                                                    : "different";
    cJSON_AddStringToObject(object, "result", result);
    cJSON_AddStringToObject(object, "why", input->why);
    if (!explanation)
        return;
    cJSON *model = cJSON_AddObjectToObject(object, "model");
    cJSON_AddStringToObject(model, "name", input->model->name);
    cJSON_AddNumberToObject(model, "version", (double)input->model->version);
    cJSON_AddStringToObject(model, "sha256", input->model->sha256);
    if (!explanation->same)
        return;
    cJSON_AddNumberToObject(object, "scores", (double)explanation->scores);
    cJSON_AddNumberToObject(object, "equal", (double)explanation->equal);
    cJSON_AddNumberToObject(object, "unchecked", (double)explanation->unchecked);
    add_number(object, "largest_difference", explanation->largest_difference);
    cJSON_AddNumberToObject(object, "tolerance", EXPLANATION_TOLERANCE);
}

/* ---- over time ---- */

static double origin_of(const struct pack *pack)
{
    return pack->at < pack->rows ? pack->time_s[pack->at] : pack->time_s[0];
}

static void add_times(cJSON *root, const struct pack *pack)
{
    double origin = origin_of(pack);
    char text[CLOCK_RFC3339_MAX];
    cJSON *list = cJSON_AddArrayToObject(root, "time");
    clock_format_rfc3339((int64_t)llround(origin * 1e9), text);
    cJSON_AddStringToObject(root, "origin", text);
    for (size_t i = 0; i < pack->rows; i++) {
        double time_s = round((pack->time_s[i] - origin) * 1e4) / 1e4;
        json_append(list, cJSON_CreateNumber(time_s));
    }
    add_number(root, "started_s", seconds_of(data_of(pack->alert), "started") - origin);
    add_number(root, "ended_s", seconds_of(data_of(pack->cleared), "ended") - origin);
    cJSON *standing = cJSON_AddArrayToObject(root, "window");
    for (size_t i = 0; i < pack->rows; i++)
        json_append(standing, cJSON_CreateNumber(pack->window[i]));
}

/* What the daemon said; of another model, what that says. */
static void add_scores(cJSON *root, const struct explain_input *input)
{
    const struct pack *pack = input->pack;
    const struct explanation *explanation = input->explanation;
    bool theirs = explanation && !explanation->same;
    const double *scores = theirs ? explanation->score : pack->scores;
    size_t detectors = theirs ? explanation->detectors : pack->detectors;
    cJSON *list = cJSON_AddArrayToObject(root, "detectors");
    for (size_t d = 0; d < detectors; d++) {
        cJSON *entry = cJSON_CreateObject();
        double threshold = theirs ? explanation->threshold[d] : pack->detector[d].threshold;
        cJSON_AddStringToObject(entry, "name",
                                theirs ? input->model->detector[d].name : pack->detector[d].name);
        add_number(entry, "threshold", threshold);
        add_series(entry, "score", scores + d, pack->rows, detectors);
        json_append(list, entry);
    }
}

/* ---- channels ---- */

static void name_channel(cJSON *entry, const struct model *model,
                         const struct explanation_channel *channel)
{
    char name[256];
    const char *full = model->channel[channel->channel].name;
    size_t length = strlen(full);
    bool numbered = channel->rotation && length > 3 && !strcmp(full + length - 3, "_q1");
    snprintf(name, sizeof name, "%.*s%s",
             json_utf8_head(full, numbered ? length - 3 : sizeof name - 16), full,
             numbered            ? "_rotation"
             : channel->rotation ? " rotation"
                                 : "");
    cJSON_AddStringToObject(entry, "name", name);
    cJSON_AddStringToObject(entry, "unit",
                            channel->rotation ? "deg" : model->channel[channel->channel].unit);
}

static cJSON *channel_of(const struct explain_input *input,
                         const struct explanation_channel *channel)
{
    size_t row = channel->row, rows = input->pack->rows;
    double residual = channel->observed[row] - channel->expected[row];
    cJSON *entry = cJSON_CreateObject();
    name_channel(entry, input->model, channel);
    add_number(entry, "share", channel->share);
    add_number(entry, "observed", channel->observed[row]);
    add_number(entry, "expected", channel->expected[row]);
    add_number(entry, "z", residual == 0 ? 0 : residual / channel->usual[row]);
    add_number(entry, "at_s",
               round((input->pack->time_s[row] - origin_of(input->pack)) * 1e4) / 1e4);
    cJSON *series = cJSON_AddObjectToObject(entry, "series");
    add_series(series, "observed", channel->observed, rows, 1);
    add_series(series, "expected", channel->expected, rows, 1);
    add_series(series, "usual", channel->usual, rows, 1);
    return entry;
}

/* What was read of a channel that is named so. */
static void add_readings(cJSON *entry, const struct pack *pack)
{
    const char *name = fields_text(entry, "name", "");
    double *values = malloc((pack->rows + 1) * sizeof *values);
    for (size_t c = 0; values && c < pack->channels && pack->rows > 0; c++) {
        if (strcmp(pack->columns[c], name) != 0)
            continue;
        for (size_t i = 0; i < pack->rows; i++)
            values[i] = (double)pack->samples[i * pack->channels + c];
        cJSON *series = cJSON_AddObjectToObject(entry, "series");
        add_series(series, "observed", values, pack->rows, 1);
        break;
    }
    free(values);
}

/* Without a model: what the pack itself says of the highest window, or the alert of its own. */
static void add_told_channels(cJSON *root, const struct pack *pack)
{
    const cJSON *moments = cJSON_GetObjectItemCaseSensitive(pack->about, "explained");
    const cJSON *moment, *last = data_of(pack->alert);
    cJSON_ArrayForEach(moment, moments)
    {
        last = moment;
    }
    cJSON *list = cJSON_AddArrayToObject(root, "channels");
    const cJSON *channel;
    cJSON_ArrayForEach(channel, cJSON_GetObjectItemCaseSensitive(last, "channels"))
    {
        if (cJSON_GetArraySize(list) == EXPLANATION_CHANNELS_MAX)
            break;
        cJSON *entry = cJSON_Duplicate(channel, true);
        if (cJSON_IsObject(entry))
            add_readings(entry, pack);
        json_append(list, entry);
    }
    copy_member(root, last, "detector");
}

/* A sensor that stands still deviates in no score. */
static void add_channels(cJSON *root, const struct explain_input *input)
{
    const struct explanation *explanation = input->explanation;
    bool told = strcmp(input->pack->kind, alert_kind_name(ALERT_ANOMALY)) != 0;
    if (!explanation || told || explanation->detector == explanation->detectors) {
        add_told_channels(root, input->pack);
        return;
    }
    cJSON *list = cJSON_AddArrayToObject(root, "channels");
    for (size_t i = 0; i < explanation->channels; i++)
        json_append(list, channel_of(input, &explanation->channel[i]));
    cJSON_AddStringToObject(root, "detector", input->model->detector[explanation->detector].name);
    cJSON_AddNumberToObject(root, "highest_row", (double)explanation->row);
}

cJSON *explain_json(const struct explain_input *input)
{
    const struct pack *pack = input->pack;
    cJSON *root = cJSON_CreateObject();
    add_alert(root, pack);
    cJSON_AddStringToObject(root, "pack", input->path);
    copy_member(root, pack->about, "model");
    copy_member(root, pack->about, "configuration");
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(pack->about, "model");
    cJSON_AddBoolToObject(root, "simulated",
                          cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(model, "simulated")));
    copy_member(root, pack->about, "tool");
    copy_member(root, pack->about, "written");
    copy_member(root, pack->about, "cut");
    add_rescored(root, input);
    cJSON_AddNumberToObject(root, "rows", (double)pack->rows);
    if (pack->rows > 0) {
        add_times(root, pack);
        add_scores(root, input);
    }
    add_channels(root, input);
    json_attach(root, "alert", cJSON_Duplicate(pack->alert, true));
    return root;
}

/*
 * Columns are of equal time, so that a gap is seen as one. None is narrower than two sample
 * periods: times that jitter would leave columns empty that are not gaps.
 */
#include "lab/curves_internal.h"

#include "lab/event.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double seconds(const struct scored *scored, size_t row)
{
    return (double)(scored->time_ns[row] - scored->time_ns[0]) / 1e9;
}

static double duration(const struct scored *scored)
{
    double longest = 0;
    for (size_t i = 0; i < scored->rows; i++)
        longest = fmax(longest, seconds(scored, i));
    return longest;
}

static int add_columns(cJSON *object, const struct scored *scored)
{
    double duration_s = duration(scored);
    double step_s = fmax(2 * scored->period_s, duration_s / (CURVES_COLUMNS - 1));
    size_t columns = (size_t)(duration_s / step_s) + 1;
    double *lowest = malloc(2 * columns * sizeof *lowest), *highest = lowest + columns;
    if (!lowest)
        return -ENOMEM;
    for (size_t c = 0; c < 2 * columns; c++)
        lowest[c] = (double)NAN;
    for (size_t i = 0; i < scored->rows; i++) {
        double at = seconds(scored, i) / step_s;
        if (at < 0 || !scored_evaluated(scored, i))
            continue;
        size_t c = (size_t)at < columns ? (size_t)at : columns - 1;
        lowest[c] = fmin(lowest[c], (double)scored->ratio[i]); /* of a NAN the other one */
        highest[c] = fmax(highest[c], (double)scored->ratio[i]);
    }
    cJSON_AddNumberToObject(object, "start_s", 0);
    cJSON_AddNumberToObject(object, "step_s", step_s);
    cJSON *min = cJSON_AddArrayToObject(object, "min");
    cJSON *max = cJSON_AddArrayToObject(object, "max");
    for (size_t c = 0; c < columns; c++) {
        curves_add_number(min, lowest[c]);
        curves_add_number(max, highest[c]);
    }
    free(lowest);
    return 0;
}

static cJSON *add_list(cJSON *array)
{
    cJSON *item = cJSON_CreateArray();
    cJSON_AddItemToArray(array, item);
    return item;
}

/* Tenths of a millisecond are more than a plot shows; four digits of an hour would be too few. */
static void add_seconds(cJSON *array, double value)
{
    cJSON_AddItemToArray(array, cJSON_CreateNumber(round(value * 1e4) / 1e4));
}

static bool is_healthy(const struct scored *scored)
{
    for (size_t i = 0; i < scored->rows; i++) {
        if (scored->label[i] != 0)
            return false;
    }
    return true;
}

/* Runs of one label. */
static void add_labels(cJSON *object, const struct scored *scored)
{
    cJSON *labels = cJSON_AddArrayToObject(object, "labels");
    for (size_t first = 0, end; first < scored->rows; first = end) {
        for (end = first + 1; end < scored->rows && scored->label[end] == scored->label[first];)
            end++;
        if (scored->label[first] == 0)
            continue;
        cJSON *item = add_list(labels);
        add_seconds(item, seconds(scored, first));
        add_seconds(item, seconds(scored, end - 1) + scored->period_s);
        cJSON_AddItemToArray(item, cJSON_CreateNumber(scored->label[first]));
    }
}

static void add_alerts(cJSON *object, const struct scored *scored)
{
    cJSON *alerts = cJSON_AddArrayToObject(object, "alerts");
    struct event_onset onset;
    for (size_t from = 0; event_next_onset(scored, &from, &onset);) {
        cJSON *item = add_list(alerts);
        add_seconds(item, seconds(scored, onset.row));
        cJSON_AddItemToArray(item, cJSON_CreateBool(onset.in_event));
    }
}

int curves_add_timeline(cJSON *array, const struct scored *scored, size_t index)
{
    char name[32];
    snprintf(name, sizeof name, "recording %zu", index + 1);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToArray(array, object);
    cJSON_AddStringToObject(object, "recording", scored->name ? scored->name : name);
    cJSON_AddBoolToObject(object, "healthy", is_healthy(scored));
    int r = add_columns(object, scored);
    if (r < 0)
        return r;
    add_labels(object, scored);
    add_alerts(object, scored);
    return 0;
}

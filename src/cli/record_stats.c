#include "cli/record_stats.h"

#include "lab/split.h"
#include "model/calibration.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP_PERIODS 1.5 /* as for windows */
#define SPLIT_GAP_ROWS 5

int record_stats_init(struct record_stats *stats, char *const *names, size_t channels,
                      const char *step_channel)
{
    *stats = (struct record_stats){.channels = channels, .names = names, .step_channel = channels};
    stats->channel = calloc(channels, sizeof *stats->channel);
    for (size_t c = 0; c < channels; c++) {
        if (!strcmp(names[c], step_channel))
            stats->step_channel = c;
    }
    return stats->channel ? 0 : -ENOMEM;
}

void record_stats_deinit(struct record_stats *stats)
{
    free(stats->channel);
    free(stats->session_rows);
    *stats = (struct record_stats){0};
}

bool record_stats_is_border(const struct record_stats *stats, int64_t time_ns)
{
    double step_s = fabs((double)time_ns - (double)stats->last_ns) / 1e9;
    return stats->rows > 0 && step_s > CALIBRATION_SESSION_GAP_S;
}

static int begin_session(struct record_stats *stats)
{
    size_t *rows = reallocarray(stats->session_rows, stats->sessions + 1, sizeof *rows);
    if (!rows)
        return -ENOMEM;
    stats->session_rows = rows;
    rows[stats->sessions++] = 0;
    return 0;
}

static void follow_channel(struct record_stats_channel *channel, float value, bool first)
{
    bool same = !first && value == channel->value;
    channel->changed |= !first && !same;
    channel->run = same ? channel->run + 1 : 1;
    if (channel->run > channel->longest)
        channel->longest = channel->run;
    channel->value = value;
}

static void follow_step(struct record_stats *stats, const float *values, bool first)
{
    if (stats->step_channel == stats->channels)
        return;
    float step = values[stats->step_channel];
    if (first)
        stats->first_step = step;
    else if (step == stats->first_step && stats->channel[stats->step_channel].value != step)
        stats->cycles++;
}

int record_stats_push(struct record_stats *stats, const float *values, int64_t time_ns,
                      bool new_session)
{
    bool border = stats->rows == 0 || new_session || record_stats_is_border(stats, time_ns);
    int64_t step_ns = time_ns - stats->last_ns;
    if (border && begin_session(stats) < 0)
        return -ENOMEM;
    if (!border && step_ns > 0) {
        stats->step_ns[stats->steps++ % RECORD_STATS_STEPS] = step_ns;
        stats->seconds += (double)step_ns / 1e9;
        stats->gaps += stats->period_s > 0 && (double)step_ns / 1e9 > GAP_PERIODS * stats->period_s;
    }
    bool first = stats->rows == stats->holes;
    if (values)
        follow_step(stats, values, first);
    for (size_t c = 0; values && c < stats->channels; c++)
        follow_channel(&stats->channel[c], values[c], first);
    stats->rows++;
    stats->holes += values == NULL;
    stats->session_rows[stats->sessions - 1]++;
    stats->last_ns = time_ns;
    return 0;
}

static int compare_steps(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void record_stats_update(struct record_stats *stats)
{
    int64_t sorted[RECORD_STATS_STEPS];
    size_t count = stats->steps < RECORD_STATS_STEPS ? stats->steps : RECORD_STATS_STEPS;
    if (count == 0)
        return;
    memcpy(sorted, stats->step_ns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_steps);
    stats->period_s = (double)sorted[count / 2] / 1e9;
}

/* ---- channels ---- */

static void add_name(const char *name, char *text, size_t size)
{
    size_t used = strlen(text);
    if (used + strlen(name) + 8 < size)
        snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
    else if (used + 6 < size && (used < 3 || strcmp(text + used - 3, "...") != 0))
        strcat(text, ", ...");
}

size_t record_stats_dead(const struct record_stats *stats, char *ret_text, size_t size)
{
    size_t count = 0;
    *ret_text = '\0';
    for (size_t c = 0; c < stats->channels; c++) {
        if (stats->channel[c].changed)
            continue;
        count++;
        add_name(stats->names[c], ret_text, size);
    }
    return count;
}

size_t record_stats_flat(const struct record_stats *stats, char *ret_text, size_t size)
{
    size_t count = 0, measured = stats->rows - stats->holes;
    *ret_text = '\0';
    for (size_t c = 0; c < stats->channels; c++) {
        const struct record_stats_channel *channel = &stats->channel[c];
        if (!channel->changed || 2 * channel->longest < measured)
            continue;
        count++;
        add_name(stats->names[c], ret_text, size);
    }
    return count;
}

const char *record_stats_longest(const struct record_stats *stats, size_t *ret_rows)
{
    const char *name = NULL;
    *ret_rows = 0;
    for (size_t c = 0; c < stats->channels; c++) {
        const struct record_stats_channel *channel = &stats->channel[c];
        if (!channel->changed || channel->longest <= *ret_rows)
            continue;
        *ret_rows = channel->longest;
        name = stats->names[c];
    }
    return name;
}

/* ---- hours ---- */

double record_stats_hours(const struct record_stats *stats)
{
    return (double)(stats->rows - stats->holes) * stats->period_s / 3600;
}

/* By the rule that training splits with, of sessions of that many rows. */
double record_stats_kept_hours(const struct record_stats *stats)
{
    struct recording *items = calloc(stats->sessions + 1, sizeof *items);
    struct recording **sessions = calloc(stats->sessions + 1, sizeof *sessions);
    struct split split = {0};
    double hours = 0;
    if (items && sessions && stats->rows > 0) {
        for (size_t s = 0; s < stats->sessions; s++) {
            items[s].rows = stats->session_rows[s];
            sessions[s] = &items[s];
        }
        if (split_make(sessions, stats->sessions, SPLIT_GAP_ROWS, &split, NULL) == 0) {
            double share = (double)split_rows(&split, SPLIT_CALIBRATION) / (double)stats->rows;
            hours = share * record_stats_hours(stats);
        }
        split_deinit(&split);
    }
    free(items);
    free(sessions);
    return hours;
}

/*
 * The least deviation that says something is what healthy sessions differ by. A constant for each
 * unit is a guess about sensors that nobody has measured; the training sessions have: means of the
 * same program steps in motion, session against session. On a simulated robot one session of 48 had
 * an accelerometer 37 mg off, and raised ten false alarms in three hours with a floor of 20 mg.
 */
#include "lab/fit_motion.h"

#include "lab/channel_info.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOOR_RATE 0.5                             /* deg/s */
#define FLOOR_ACCELERATION 0.020                   /* g */
#define FLOOR_SPREAD 0.05                          /* of other channels' spread */
#define FLOOR_FORCE (9.80665 * FLOOR_ACCELERATION) /* m/s^2 */
#define SESSIONS_LEAST 3 /* that are trained on, to tell what sessions differ by */
#define SESSION_SPREADS 3

static const struct {
    const char *unit;
    double floor;
} floors[] = {{"deg/s", FLOOR_RATE},
              {"rad/s", M_PI / 180 * FLOOR_RATE},
              {"g", FLOOR_ACCELERATION},
              {"m/s^2", FLOOR_FORCE}};
#define UNITS (sizeof floors / sizeof floors[0])

double fit_motion_floor(const char *name)
{
    const char *unit = channel_unit(name);
    for (size_t i = 0; i < UNITS; i++) {
        if (!strcmp(unit, floors[i].unit))
            return floors[i].floor;
    }
    return 0;
}

static size_t group_of(const struct fit_motion *motion, char *const *names, const char *name)
{
    char group[128], other[128];
    channel_group(name, group, sizeof group);
    for (size_t i = 0; i < motion->channels; i++) {
        channel_group(names[motion->channel[i]], other, sizeof other);
        if (!strcmp(group, other))
            return motion->group[i];
    }
    return motion->groups;
}

static void choose(const struct fit_source *source, const char *kind, const double *spread,
                   bool inertial, struct fit_motion *motion)
{
    const struct derivation *derivation = source->derivation;
    char *const *names = source->sessions[0]->names;
    for (size_t c = 0; c < derivation->channels; c++) {
        double floor = fit_motion_floor(names[c]);
        if (c == derivation->step_channel || !(spread[c] > 0) || inertial != (floor > 0) ||
            fit_ignored(source->options, kind, names[c]))
            continue;
        size_t group = group_of(motion, names, names[c]);
        motion->groups = group == motion->groups ? group + 1 : motion->groups;
        motion->floor[motion->channels] = (float)(inertial ? floor : FLOOR_SPREAD * spread[c]);
        motion->group[motion->channels] = group;
        motion->channel[motion->channels++] = c;
    }
}

/* ---- what sessions differ by ---- */

struct sums {
    size_t sessions, steps, channels;
    double *value; /* [sessions][steps][channels] of rows in motion */
    size_t *rows;  /* [sessions][steps] */
};

static void sums_deinit(struct sums *sums)
{
    free(sums->value);
    free(sums->rows);
}

static int sums_add(struct sums *sums, const struct fit_source *source,
                    const struct fit_motion *motion)
{
    *sums = (struct sums){.sessions = source->count,
                          .steps = source->derivation->steps,
                          .channels = motion->channels};
    sums->value = calloc(sums->sessions * sums->steps * sums->channels + 1, sizeof *sums->value);
    sums->rows = calloc(sums->sessions * sums->steps + 1, sizeof *sums->rows);
    if (!sums->value || !sums->rows)
        return -ENOMEM;
    for (size_t i = 0; i < source->segments->count; i++) {
        const struct segment *segment = &source->segments->item[i];
        const struct recording *session = source->sessions[segment->session];
        size_t step = derivation_step_index(source->derivation, segment->step);
        if (segment->split || segment->part != SPLIT_TRAINING || step == DERIVED_NONE)
            continue;
        size_t at = segment->session * sums->steps + step;
        for (size_t row = segment->first; row < segment->end; row++) {
            const float *values = session->values + row * session->channels;
            if (!session->valid[row] || !derivation_moving(source->derivation, values))
                continue;
            sums->rows[at]++;
            for (size_t c = 0; c < sums->channels; c++)
                sums->value[at * sums->channels + c] += (double)values[motion->channel[c]];
        }
    }
    return 0;
}

/* Sessions are compared by the steps that all of them have. */
static bool is_common(const struct sums *sums, const bool *trained, size_t step)
{
    for (size_t s = 0; s < sums->sessions; s++) {
        if (trained[s] && sums->rows[s * sums->steps + step] == 0)
            return false;
    }
    return true;
}

/* Where a session's readings of a channel lie: the mean over steps of their means in motion. */
static double level_of(const struct sums *sums, const bool *trained, size_t session, size_t channel)
{
    double sum = 0, steps = 0;
    for (size_t step = 0; step < sums->steps; step++) {
        size_t at = session * sums->steps + step;
        if (!is_common(sums, trained, step))
            continue;
        sum += sums->value[at * sums->channels + channel] / (double)sums->rows[at];
        steps++;
    }
    return steps > 0 ? sum / steps : 0;
}

static double level_variance(const struct sums *sums, const bool *trained, size_t channel)
{
    double mean = 0, count = 0, squares = 0;
    for (size_t s = 0; s < sums->sessions; s++) {
        mean += trained[s] ? level_of(sums, trained, s, channel) : 0;
        count += trained[s];
    }
    mean /= count;
    for (size_t s = 0; s < sums->sessions; s++) {
        double off = trained[s] ? level_of(sums, trained, s, channel) - mean : 0;
        squares += off * off;
    }
    return squares / (count - 1);
}

/* Raises the floors of the channels of a unit to SESSION_SPREADS of what its sessions differ by,
 * pooled over them. */
static void raise_floors(const struct fit_source *source, const struct sums *sums,
                         const bool *trained, const char *unit, struct fit_motion *motion)
{
    char *const *names = source->sessions[0]->names;
    double variance = 0, count = 0;
    for (size_t c = 0; c < motion->channels; c++) {
        if (strcmp(channel_unit(names[motion->channel[c]]), unit) != 0)
            continue;
        variance += level_variance(sums, trained, c);
        count++;
    }
    float floor = count > 0 ? (float)(SESSION_SPREADS * sqrt(variance / count)) : 0;
    for (size_t c = 0; c < motion->channels; c++) {
        if (!strcmp(channel_unit(names[motion->channel[c]]), unit))
            motion->floor[c] = fmaxf(motion->floor[c], floor);
    }
}

static int allow_for_sessions(const struct fit_source *source, struct fit_motion *motion)
{
    struct sums sums;
    bool *trained = calloc(source->count, sizeof *trained);
    int r = sums_add(&sums, source, motion);
    size_t count = 0;
    for (size_t s = 0; r == 0 && trained && s < source->count; s++) {
        for (size_t step = 0; step < sums.steps; step++)
            trained[s] |= sums.rows[s * sums.steps + step] > 0;
        count += trained[s];
    }
    for (size_t i = 0; r == 0 && trained && count >= SESSIONS_LEAST && i < UNITS; i++)
        raise_floors(source, &sums, trained, floors[i].unit, motion);
    sums_deinit(&sums);
    r = trained ? r : -ENOMEM;
    free(trained);
    return r;
}

int fit_motion_find(const struct fit_source *source, const char *kind,
                    struct fit_motion *ret_motion, struct diag *diag)
{
    size_t width = source->sessions[0]->channels;
    double *mean = calloc(width, sizeof *mean), *spread = calloc(width, sizeof *spread);
    *ret_motion = (struct fit_motion){.channel = calloc(width, sizeof *ret_motion->channel),
                                      .group = calloc(width, sizeof *ret_motion->group),
                                      .floor = calloc(width, sizeof *ret_motion->floor)};
    int r = mean && spread && ret_motion->channel && ret_motion->group && ret_motion->floor
                ? fit_spread(source, mean, spread, diag)
                : diag_errno(diag, ENOMEM, "channels");
    if (r == 0)
        choose(source, kind, spread, true, ret_motion);
    if (r == 0 && ret_motion->channels == 0)
        choose(source, kind, spread, false, ret_motion);
    if (r == 0 && allow_for_sessions(source, ret_motion) < 0)
        r = diag_errno(diag, ENOMEM, "channels");
    free(mean);
    free(spread);
    if (r < 0)
        return r;
    return ret_motion->channels > 0 ? 0 : diag_set(diag, "no channel is left to look at");
}

void fit_motion_deinit(struct fit_motion *motion)
{
    free(motion->channel);
    free(motion->group);
    free(motion->floor);
    *motion = (struct fit_motion){0};
}

void fit_motion_put(const struct fit_motion *motion, cJSON *entry)
{
    cJSON *channels = cJSON_AddArrayToObject(entry, "channels");
    cJSON *groups = cJSON_AddArrayToObject(entry, "groups");
    for (size_t c = 0; c < motion->channels; c++) {
        cJSON_AddItemToArray(channels, cJSON_CreateNumber((double)motion->channel[c]));
        cJSON_AddItemToArray(groups, cJSON_CreateNumber((double)motion->group[c]));
    }
}

#include "lab/fit_motion.h"

#include "lab/channel_info.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOOR_RATE 0.5           /* deg/s */
#define FLOOR_ACCELERATION 0.020 /* g: twice what sessions differ by */
#define FLOOR_SPREAD 0.05        /* of other channels' spread */
#define STANDARD_GRAVITY 9.80665

double fit_motion_floor(const char *name)
{
    const char *unit = channel_unit(name);
    static const struct {
        const char *unit;
        double floor;
    } floors[] = {{"deg/s", FLOOR_RATE},
                  {"rad/s", FLOOR_RATE * M_PI / 180},
                  {"g", FLOOR_ACCELERATION},
                  {"m/s^2", FLOOR_ACCELERATION * STANDARD_GRAVITY}};
    for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++) {
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

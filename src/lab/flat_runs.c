/*
 * A longest run is a guess at a tail. It is a good one where there were hundreds of runs of about
 * its length, and none where a few values filled the whole session: a temperature that rises ever
 * more slowly has its longest run still before it. So a run must be short beside the unbroken
 * stretch that it was seen in.
 */
#include "lab/flat_runs.h"

#include "lab/channel_info.h"
#include "pipeline/flat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_NAME_MAX 128
#define GROUP_LEAST 3   /* channels that change */
#define SHARE_MAX 0.01  /* of the motion in the longest stretch that a run may take */
#define GAP_PERIODS 3.0 /* a longer step begins a stretch anew, as it does live */

struct learning {
    const struct flat_runs_source *source;
    struct flat_runs *runs;
    struct flat flat;
    float *first;       /* [channels] of the first row of all */
    uint32_t *shortest; /* [groups] of the present row */
    bool any;
    size_t moving, most_moving; /* rows in motion of the present stretch, and of the longest */
};

void flat_runs_deinit(struct flat_runs *runs)
{
    for (size_t g = 0; g < runs->groups; g++)
        free(runs->group_name[g]);
    free(runs->constant);
    free(runs->run);
    free(runs->group_name);
    free(runs->group_of);
    free(runs->group_run);
    *runs = (struct flat_runs){0};
}

static int find_groups(struct flat_runs *runs, char *const *names)
{
    for (size_t c = 0; c < runs->channels; c++) {
        char group[GROUP_NAME_MAX];
        size_t g = 0;
        channel_group(names[c], group, sizeof group);
        while (g < runs->groups && strcmp(runs->group_name[g], group) != 0)
            g++;
        if (g == runs->groups) {
            if (!(runs->group_name[g] = strdup(group)))
                return -ENOMEM;
            runs->groups++;
        }
        runs->group_of[c] = g;
    }
    return 0;
}

static int start(struct learning *learning, struct diag *diag)
{
    struct flat_runs *runs = learning->runs;
    size_t channels = learning->source->derivation->channels;
    *runs = (struct flat_runs){.channels = channels};
    runs->constant = malloc(channels * sizeof *runs->constant);
    runs->run = calloc(channels, sizeof *runs->run);
    runs->group_name = calloc(channels, sizeof *runs->group_name);
    runs->group_of = calloc(channels, sizeof *runs->group_of);
    runs->group_run = calloc(channels, sizeof *runs->group_run);
    learning->first = malloc(channels * sizeof *learning->first);
    learning->shortest = malloc(channels * sizeof *learning->shortest);
    if (!runs->constant || !runs->run || !runs->group_name || !runs->group_of || !runs->group_run ||
        !learning->first || !learning->shortest ||
        find_groups(runs, learning->source->sessions[0]->names) < 0 ||
        flat_init(&learning->flat, learning->source->derivation) < 0)
        return diag_errno(diag, ENOMEM, "runs of equal values");
    memset(runs->constant, true, channels * sizeof *runs->constant);
    return 0;
}

/* A channel that never changes never has the shortest run of its group. */
static void note_row(struct learning *learning, const float *row)
{
    struct flat_runs *runs = learning->runs;
    const struct flat *flat = &learning->flat;
    for (size_t g = 0; g < runs->groups; g++)
        learning->shortest[g] = UINT32_MAX;
    for (size_t c = 0; c < runs->channels; c++) {
        uint32_t *shortest = &learning->shortest[runs->group_of[c]];
        runs->constant[c] &= row[c] == learning->first[c];
        if (flat->run[c] > runs->run[c])
            runs->run[c] = flat->run[c];
        if (c != learning->source->derivation->step_channel && flat->run[c] < *shortest)
            *shortest = flat->run[c];
    }
    for (size_t g = 0; g < runs->groups; g++) {
        if (learning->shortest[g] != UINT32_MAX && learning->shortest[g] > runs->group_run[g])
            runs->group_run[g] = learning->shortest[g];
    }
    if (flat->whole > runs->whole_run)
        runs->whole_run = flat->whole;
}

static void begin_stretch(struct learning *learning)
{
    if (learning->moving > learning->most_moving)
        learning->most_moving = learning->moving;
    learning->moving = 0;
    flat_restart(&learning->flat);
}

static void walk_block(struct learning *learning, const struct split_block *block)
{
    const struct recording *session = learning->source->sessions[block->session];
    double gap_ns = GAP_PERIODS * learning->source->period_s * 1e9;
    size_t before = block->first;
    begin_stretch(learning);
    for (size_t i = block->first; i < block->end; i++) {
        const float *row = session->values + i * session->channels;
        if (!session->valid[i])
            continue;
        if (!learning->any)
            memcpy(learning->first, row, learning->runs->channels * sizeof *row);
        learning->any = true;
        double step_ns = session->time_ns ? (double)(session->time_ns[i] - session->time_ns[before])
                                          : (double)(i - before) * learning->source->period_s * 1e9;
        if (step_ns > gap_ns)
            begin_stretch(learning);
        before = i;
        learning->moving += flat_push(&learning->flat, row);
        note_row(learning, row);
    }
    begin_stretch(learning);
}

/* A part of a rotation stands still wherever the link turns about an axis that it does not show:
 * how long is as the movement has it, and no sensor's. */
static bool part_of_rotation(const struct derivation *derivation, size_t channel)
{
    for (size_t r = 0; r < derivation->rotations; r++) {
        for (size_t i = 0; i < 4; i++) {
            if (derivation->rotation[r][i] == channel)
                return true;
        }
    }
    return false;
}

/* A group of few channels says hardly more than each of them: those have limits of their own. */
static void drop_unknown(struct learning *learning)
{
    struct flat_runs *runs = learning->runs;
    size_t step = learning->source->derivation->step_channel;
    double most = SHARE_MAX * (double)learning->most_moving;
    uint32_t *counted = learning->shortest; /* channels of the group */
    memset(counted, 0, runs->groups * sizeof *counted);
    for (size_t c = 0; c < runs->channels; c++) {
        bool counts = !runs->constant[c] && c != step;
        counted[runs->group_of[c]] += counts;
        if (!counts || (double)runs->run[c] > most ||
            part_of_rotation(learning->source->derivation, c))
            runs->run[c] = 0;
    }
    for (size_t g = 0; g < runs->groups; g++) {
        if (counted[g] < GROUP_LEAST || (double)runs->group_run[g] > most)
            runs->group_run[g] = 0;
    }
}

int flat_runs_learn(const struct flat_runs_source *source, struct flat_runs *ret_runs,
                    struct diag *diag)
{
    struct learning learning = {.source = source, .runs = ret_runs};
    int r = start(&learning, diag);
    for (size_t b = 0; r == 0 && b < source->split->count; b++) {
        if (source->split->block[b].part == SPLIT_TRAINING)
            walk_block(&learning, &source->split->block[b]);
    }
    if (r == 0)
        drop_unknown(&learning);
    flat_deinit(&learning.flat);
    free(learning.first);
    free(learning.shortest);
    return r;
}

void flat_runs_format(const struct flat_runs *runs, cJSON *config)
{
    cJSON *entry, *channels = cJSON_GetObjectItemCaseSensitive(config, "channels");
    size_t c = 0;
    cJSON_ArrayForEach(entry, channels)
    {
        if (runs->constant[c])
            cJSON_AddTrueToObject(entry, "constant");
        else if (runs->run[c] > 0)
            cJSON_AddNumberToObject(entry, "longest_run", (double)runs->run[c]);
        c++;
    }
    cJSON *groups = cJSON_AddArrayToObject(config, "groups");
    for (size_t g = 0; g < runs->groups; g++) {
        char label[128];
        bool labelled = channel_group_label(runs->group_name[g], label, sizeof label);
        if (runs->group_run[g] == 0 && !labelled)
            continue;
        cJSON *group = cJSON_CreateObject();
        cJSON_AddStringToObject(group, "name", runs->group_name[g]);
        if (labelled)
            cJSON_AddStringToObject(group, "label", label);
        if (runs->group_run[g] > 0)
            cJSON_AddNumberToObject(group, "longest_run", (double)runs->group_run[g]);
        cJSON_AddItemToArray(groups, group);
    }
    if (runs->whole_run > 0)
        cJSON_AddNumberToObject(config, "longest_run", (double)runs->whole_run);
}

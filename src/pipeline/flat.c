/*
 * The limits of single channels see one dead axis; those of groups see a whole sensor, and much
 * sooner: that eleven noisy channels repeat themselves together hardly ever happens in health. One
 * coarse channel does so often, mostly as a movement begins or ends, and a short training has not
 * seen all of that: so it gets a second at least.
 * A channel that was constant in training, or names the program step, says nothing by standing
 * still: it has no limit, and a group stands still without it.
 */
#include "pipeline/flat.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int flat_init(struct flat *flat, const struct derivation *derivation)
{
    size_t channels = derivation->channels;
    *flat = (struct flat){.derivation = derivation};
    flat->last = calloc(channels, sizeof *flat->last);
    flat->run = calloc(channels, sizeof *flat->run);
    flat->rows = calloc(channels, sizeof *flat->rows);
    flat->group = calloc(channels + 1, sizeof *flat->group);
    if (flat->last && flat->run && flat->rows && flat->group)
        return 0;
    flat_deinit(flat);
    return -ENOMEM;
}

void flat_deinit(struct flat *flat)
{
    free(flat->last);
    free(flat->run);
    free(flat->rows);
    free(flat->group);
    *flat = (struct flat){0};
}

void flat_set_derivation(struct flat *flat, const struct derivation *derivation)
{
    assert(derivation->channels == flat->derivation->channels);
    flat->derivation = derivation;
}

void flat_restart(struct flat *flat)
{
    flat->started = false;
}

/* A motion channel that is itself stuck beyond its rest moves nothing; most of them do. */
static bool is_moving(const struct flat *flat, const float *sample, size_t changed)
{
    const struct derivation *derivation = flat->derivation;
    if (derivation->motions == 0)
        return 2 * changed >= derivation->channels;
    size_t beyond = 0, alive = 0;
    for (size_t i = 0; i < derivation->motions; i++) {
        size_t c = derivation->motion[i];
        bool is_beyond = fabsf(sample[c] - derivation->rest[i]) > derivation->rest_level[i];
        beyond += is_beyond;
        alive += sample[c] != flat->last[c];
        if (is_beyond && sample[c] != flat->last[c])
            return true;
    }
    return alive == 0 && changed > 0 && derivation->motions > 1 && 2 * beyond > derivation->motions;
}

static void begin(struct flat *flat, const float *sample)
{
    size_t channels = flat->derivation->channels;
    memcpy(flat->last, sample, channels * sizeof *sample);
    for (size_t c = 0; c < channels; c++)
        flat->run[c] = flat->rows[c] = 1;
    flat->whole = 1;
    flat->started = true;
}

bool flat_push(struct flat *flat, const float *sample)
{
    size_t channels = flat->derivation->channels, changed = 0;
    if (!flat->started) {
        begin(flat, sample);
        return false;
    }
    for (size_t c = 0; c < channels; c++)
        changed += sample[c] != flat->last[c];
    bool moving = is_moving(flat, sample, changed);
    for (size_t c = 0; c < channels; c++) {
        bool same = sample[c] == flat->last[c];
        flat->run[c] = same ? flat->run[c] + moving : 1;
        flat->rows[c] = same ? flat->rows[c] + 1 : 1;
        flat->last[c] = sample[c];
    }
    flat->whole = changed ? 1 : flat->whole + 1;
    return moving;
}

static bool over(uint32_t run, size_t longest)
{
    return longest > 0 && run > FLAT_LIMIT * longest;
}

static bool channel_over(uint32_t run, size_t longest, double period_s)
{
    return over(run, longest) && (double)run * period_s > FLAT_CHANNEL_LEAST_S;
}

/* A channel that can tell, by itself or in its group, whether a sensor lives. */
static bool counts(const struct model *model, size_t channel)
{
    return !model->channel[channel].constant && channel != model->derivation.step_channel;
}

static void find_groups(struct flat *flat, const struct model *model)
{
    for (size_t g = 0; g < model->groups; g++)
        flat->group[g] = UINT32_MAX;
    for (size_t c = 0; c < model->channels; c++) {
        uint32_t *shortest = &flat->group[model->channel[c].group];
        if (counts(model, c) && flat->run[c] < *shortest)
            *shortest = flat->run[c];
    }
}

bool flat_limited(const struct model *model, size_t channel)
{
    const struct model_channel *it = &model->channel[channel];
    return counts(model, channel) && (it->longest_run > 0 || model->group_run[it->group] > 0);
}

bool flat_has_alone(const struct flat *flat, const struct model *model, size_t channel)
{
    return counts(model, channel) &&
           channel_over(flat->run[channel], model->channel[channel].longest_run, model->period_s);
}

bool flat_has(const struct flat *flat, const struct model *model, size_t channel)
{
    size_t group = model->channel[channel].group;
    return flat_has_alone(flat, model, channel) ||
           (counts(model, channel) && over(flat->group[group], model->group_run[group]));
}

enum flat_verdict flat_judge(struct flat *flat, const struct model *model)
{
    assert(flat->started && model->groups <= model->channels + 1);
    find_groups(flat, model);
    if (over(flat->whole, model->whole_run))
        return FLAT_STOPPED;
    for (size_t c = 0; c < model->channels; c++) {
        if (flat_has(flat, model, c))
            return FLAT_SENSOR_FAULT;
    }
    return FLAT_NONE;
}

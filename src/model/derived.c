#include "model/derived.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *unit;
} kinds[DERIVED_KINDS] = {
    [DERIVED_MOVING_TIME] = {"moving-time", "s"},
};

int derived_kind_parse(const char *name, enum derived_kind *ret_kind, struct diag *diag)
{
    for (int kind = 0; kind < DERIVED_KINDS; kind++) {
        if (!strcmp(name, kinds[kind].name)) {
            *ret_kind = (enum derived_kind)kind;
            return 0;
        }
    }
    return diag_set(diag, "\"%s\" is no kind of derived channel; moving-time is", name);
}

const char *derived_kind_name(enum derived_kind kind)
{
    return kinds[kind].name;
}

const char *derived_kind_unit(enum derived_kind kind)
{
    return kinds[kind].unit;
}

void derivation_deinit(struct derivation *derivation)
{
    free(derivation->step);
    free(derivation->motion);
    free(derivation->rest);
    free(derivation->rest_level);
    free(derivation->rotation);
    free(derivation->reference);
    *derivation = (struct derivation){0};
}

size_t derivation_width(const struct derivation *derivation)
{
    return derivation->channels + derivation->count;
}

size_t derivation_find(const struct derivation *derivation, enum derived_kind kind)
{
    for (size_t i = 0; i < derivation->count; i++) {
        if (derivation->channel[i].kind == kind)
            return derivation->channels + i;
    }
    return DERIVED_NONE;
}

int derivation_step(const struct derivation *derivation, const float *row)
{
    if (derivation->step_channel == DERIVED_NONE)
        return -1;
    float value = row[derivation->step_channel];
    bool whole = value >= 0 && value < DERIVED_STEPS_MAX && value == floorf(value);
    return whole ? (int)value : -1;
}

size_t derivation_step_index(const struct derivation *derivation, int step)
{
    size_t low = 0, high = derivation->steps;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (derivation->step[middle] < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low < derivation->steps && derivation->step[low] == step ? low : DERIVED_NONE;
}

bool derivation_moving(const struct derivation *derivation, const float *row)
{
    for (size_t i = 0; i < derivation->motions; i++) {
        if (fabsf(row[derivation->motion[i]] - derivation->rest[i]) > derivation->rest_level[i])
            return true;
    }
    return false;
}

void deriver_init(struct deriver *deriver, const struct derivation *derivation, double period_s)
{
    *deriver = (struct deriver){.derivation = derivation, .period_s = period_s, .step = -1};
}

void deriver_break(struct deriver *deriver)
{
    deriver->step = -1;
    deriver->step_begun = false;
    deriver->moving = 0;
}

/* A step is known to have begun only where the row before was of another one. */
static void follow_step(struct deriver *deriver, int step, bool moving)
{
    if (step != deriver->step) {
        deriver->step_begun = step >= 0 && deriver->step >= 0;
        deriver->moving = 0;
        deriver->step = step;
    }
    deriver->moving += moving;
}

static void turn_rotations(const struct derivation *derivation, int step, float *row)
{
    size_t index = step >= 0 ? derivation_step_index(derivation, step) : DERIVED_NONE;
    index = index == DERIVED_NONE ? derivation->steps : index;
    const float *reference = derivation->reference + index * derivation->rotations * 4;
    for (size_t i = 0; i < derivation->rotations; i++, reference += 4) {
        const size_t *at = derivation->rotation[i];
        float product = 0;
        for (size_t j = 0; j < 4; j++)
            product += row[at[j]] * reference[j];
        for (size_t j = 0; product < 0 && j < 4; j++)
            row[at[j]] = -row[at[j]];
    }
}

void deriver_push(struct deriver *deriver, float *row)
{
    const struct derivation *derivation = deriver->derivation;
    int step = derivation_step(derivation, row);
    follow_step(deriver, step, derivation_moving(derivation, row));
    turn_rotations(derivation, step, row);
    for (size_t i = 0; i < derivation->count; i++) {
        float *value = &row[derivation->channels + i];
        switch (derivation->channel[i].kind) {
        case DERIVED_MOVING_TIME:
            *value =
                deriver->step_begun ? (float)((double)deriver->moving * deriver->period_s) : NAN;
            break;
        case DERIVED_KINDS:
            break;
        }
    }
}

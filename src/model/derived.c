#include "model/derived.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *unit;
} kinds[DERIVED_KINDS] = {
    [DERIVED_MOVING_TIME] = {"moving-time", "s"},
    [DERIVED_LOAD_SUM] = {"load-sum", ""},
    [DERIVED_LOAD_EXCESS] = {"load-excess", NULL},
};

int derived_kind_parse(const char *name, enum derived_kind *ret_kind, struct diag *diag)
{
    for (int kind = 0; kind < DERIVED_KINDS; kind++) {
        if (!strcmp(name, kinds[kind].name)) {
            *ret_kind = (enum derived_kind)kind;
            return 0;
        }
    }
    return diag_set(
        diag, "\"%s\" is no kind of derived channel; moving-time, load-sum and load-excess are",
        name);
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
    free(derivation->load_usual);
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
    deriver->load.sum = 0;
    deriver->load.rows = 0;
}

/* Clipped, so that what a PC beside the arm draws for half a minute moves the sum by little. The
 * allowance is what a session may differ by. Prototyped on four simulated robots at a quarter of an
 * alarm a day, friction +50 % found within two cycles, and .75 kg within 30 minutes: .85 and .62
 * with a clip of 1, .97 and .88 with 2, .93 and .88 with 3; with allowances of .5 and .8 instead of
 * .6 (at 2) .93 and .95, .82 and .60. */
#define LOAD_CLIP 2.0
#define LOAD_ALLOWANCE 0.6
#define LOAD_SUM_MOST 40.0 /* so that it also falls again */
#define LOAD_EXCESS_CLIP 3.0

static void count_step(struct deriver *deriver, double usual)
{
    struct load *load = &deriver->load;
    double z = (load->mean - usual) / deriver->derivation->load_spread;
    double clipped = fmax(fmin(z, LOAD_CLIP), -LOAD_CLIP);
    double bounded = fmax(fmin(z, LOAD_EXCESS_CLIP), -LOAD_EXCESS_CLIP);
    load->high = fmin(fmax(load->high + clipped - LOAD_ALLOWANCE, 0), LOAD_SUM_MOST);
    load->low = fmin(fmax(load->low - clipped - LOAD_ALLOWANCE, 0), LOAD_SUM_MOST);
    load->steps++;
    double weight = 1 / fmin((double)load->steps, LOAD_STEPS);
    load->excess += weight * (bounded * deriver->derivation->load_spread - load->excess);
}

/* The step before ends with this row. */
static void end_step(struct deriver *deriver)
{
    struct load *load = &deriver->load;
    load->finished = deriver->step_begun && load->rows >= LOAD_ROWS_LEAST;
    load->step = deriver->step;
    load->mean = load->finished ? load->sum / (double)load->rows : 0;
    load->sum = 0;
    load->rows = 0;
    size_t index = derivation_step_index(deriver->derivation, load->step);
    if (!load->finished || index == DERIVED_NONE)
        return;
    float usual = deriver->derivation->load_usual[index];
    if (usual > DERIVED_LOAD_UNKNOWN)
        count_step(deriver, (double)usual);
}

static void follow_load(struct deriver *deriver, int step, bool moving, const float *row)
{
    deriver->load.finished = false;
    if (deriver->derivation->load == DERIVED_NONE)
        return;
    if (step != deriver->step)
        end_step(deriver);
    if (moving) {
        deriver->load.sum += (double)row[deriver->derivation->load];
        deriver->load.rows++;
    }
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
    bool moving = derivation_moving(derivation, row);
    follow_load(deriver, step, moving, row);
    follow_step(deriver, step, moving);
    turn_rotations(derivation, step, row);
    bool load_known = deriver->load.steps > 0 && deriver->step_begun;
    for (size_t i = 0; i < derivation->count; i++) {
        float *value = &row[derivation->channels + i];
        switch (derivation->channel[i].kind) {
        case DERIVED_MOVING_TIME:
            *value =
                deriver->step_begun ? (float)((double)deriver->moving * deriver->period_s) : NAN;
            break;
        case DERIVED_LOAD_SUM:
            *value = load_known ? (float)fmax(deriver->load.high, deriver->load.low) : NAN;
            break;
        case DERIVED_LOAD_EXCESS:
            *value = load_known ? (float)deriver->load.excess : NAN;
            break;
        case DERIVED_KINDS:
            break;
        }
    }
}

#include "model/step_time.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct step_time {
    size_t place;  /* of the moving time in a row */
    float *usual;  /* [steps] s until the step's end; STEP_TIME_UNKNOWN */
    float *spread; /* [steps] s */
};

static void step_time_unload(struct detector *detector)
{
    struct step_time *step_time = detector->part.step_time;
    if (!step_time)
        return;
    free(step_time->usual);
    free(step_time->spread);
    free(step_time);
    detector->part.step_time = NULL;
}

static int load_times(struct step_time *step_time, const struct detector *detector,
                      const struct safetensors *tensors, struct diag *diag)
{
    char name[64];
    size_t steps = detector->derivation->steps;
    step_time->usual = calloc(steps, sizeof *step_time->usual);
    step_time->spread = calloc(steps, sizeof *step_time->spread);
    if (!step_time->usual || !step_time->spread)
        return diag_errno(diag, ENOMEM, "step times");
    snprintf(name, sizeof name, "%zu.usual", detector->index);
    int r = safetensors_get_f32(tensors, name, SAFETENSORS_SHAPE(steps), step_time->usual, diag);
    snprintf(name, sizeof name, "%zu.spread", detector->index);
    if (r == 0)
        r = safetensors_get_f32(tensors, name, SAFETENSORS_SHAPE(steps), step_time->spread, diag);
    for (size_t s = 0; r == 0 && s < steps; s++) {
        if (!(step_time->spread[s] > 0))
            r = diag_set(diag, "%s: entry %zu is %g, must be over 0", name, s,
                         (double)step_time->spread[s]);
    }
    return r;
}

static int step_time_load(struct detector *detector, const cJSON *config,
                          const struct safetensors *tensors, struct diag *diag)
{
    size_t place = derivation_find(detector->derivation, DERIVED_MOVING_TIME);
    if (place == DERIVED_NONE)
        return diag_set(diag, "step-time needs a derived channel of the kind %s",
                        derived_kind_name(DERIVED_MOVING_TIME));
    if (detector->window != 1)
        return diag_set(diag, "step-time has windows of 1 row");
    struct step_time *step_time = calloc(1, sizeof *step_time);
    if (!step_time)
        return diag_errno(diag, ENOMEM, "step-time");
    detector->part.step_time = step_time;
    step_time->place = place;
    return load_times(step_time, detector, tensors, diag);
}

/* DERIVED_NONE: the row cannot be judged. */
static size_t step_of(const struct detector *detector, const float *row)
{
    const struct step_time *step_time = detector->part.step_time;
    size_t step =
        derivation_step_index(detector->derivation, derivation_step(detector->derivation, row));
    if (step == DERIVED_NONE || isnan(row[step_time->place]) || step_time->usual[step] <= 0)
        return DERIVED_NONE;
    return step;
}

static double excess(const struct step_time *step_time, size_t step, const float *row)
{
    double over = (double)row[step_time->place] - (double)step_time->usual[step];
    return fmax(over, 0) / (double)step_time->spread[step];
}

static void step_time_score(struct detector *detector, const float *const *windows, size_t count,
                            double *ret_scores)
{
    for (size_t i = 0; i < count; i++) {
        size_t step = step_of(detector, windows[i]);
        ret_scores[i] =
            step == DERIVED_NONE ? (double)NAN : excess(detector->part.step_time, step, windows[i]);
    }
}

static void step_time_explain(struct detector *detector, const float *window,
                              struct deviation *ret_deviations)
{
    const struct step_time *step_time = detector->part.step_time;
    size_t step = step_of(detector, window);
    for (size_t c = 0; c < detector->channels; c++)
        ret_deviations[c] = (struct deviation){
            .channel = c, .observed = (double)window[c], .expected = (double)window[c]};
    if (step == DERIVED_NONE)
        return;
    struct deviation *deviation = &ret_deviations[step_time->place];
    deviation->share = 1;
    deviation->expected = (double)step_time->usual[step];
    deviation->z = (deviation->observed - deviation->expected) / (double)step_time->spread[step];
}

const struct detector_kind step_time_kind = {
    .name = "step-time",
    .load = step_time_load,
    .unload = step_time_unload,
    .score = step_time_score,
    .explain = step_time_explain,
};

#include "model/cycle_power.h"

#include <math.h>

static int cycle_power_load(struct detector *detector, const cJSON *config,
                            const struct safetensors *tensors, struct diag *diag)
{
    const struct derivation *derivation = detector->derivation;
    if (derivation_find(derivation, DERIVED_LOAD_SUM) == DERIVED_NONE ||
        derivation_find(derivation, DERIVED_LOAD_EXCESS) == DERIVED_NONE)
        return diag_set(diag, "cycle-power needs derived channels of the kinds %s and %s",
                        derived_kind_name(DERIVED_LOAD_SUM),
                        derived_kind_name(DERIVED_LOAD_EXCESS));
    if (detector->window != 1)
        return diag_set(diag, "cycle-power has windows of 1 row");
    return 0;
}

static void cycle_power_unload(struct detector *detector)
{
}

static void cycle_power_score(struct detector *detector, const float *const *windows, size_t count,
                              double *ret_scores)
{
    size_t place = derivation_find(detector->derivation, DERIVED_LOAD_SUM);
    for (size_t i = 0; i < count; i++)
        ret_scores[i] = (double)windows[i][place];
}

/* What the load is over a program: the mean of the usual loads of its steps. */
static double usual_load(const struct derivation *derivation)
{
    double sum = 0, count = 0;
    for (size_t s = 0; s < derivation->steps; s++) {
        if (derivation->load_usual[s] > DERIVED_LOAD_UNKNOWN) {
            sum += (double)derivation->load_usual[s];
            count++;
        }
    }
    return count > 0 ? sum / count : 0;
}

/* The newest reading says little: observed and expected are those of a program cycle. */
static void cycle_power_explain(struct detector *detector, const float *window,
                                struct deviation *ret_deviations)
{
    const struct derivation *derivation = detector->derivation;
    double excess = (double)window[derivation_find(derivation, DERIVED_LOAD_EXCESS)];
    for (size_t c = 0; c < detector->channels; c++)
        ret_deviations[c] = (struct deviation){
            .channel = c, .observed = (double)window[c], .expected = (double)window[c]};
    if (isnan(excess))
        return;
    struct deviation *load = &ret_deviations[derivation->load];
    load->share = 1;
    load->expected = usual_load(derivation);
    load->observed = load->expected + excess;
    load->z = excess / (derivation->load_spread / sqrt(LOAD_STEPS));
}

const struct detector_kind cycle_power_kind = {
    .name = "cycle-power",
    .load = cycle_power_load,
    .unload = cycle_power_unload,
    .score = cycle_power_score,
    .explain = cycle_power_explain,
};

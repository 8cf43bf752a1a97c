/* What cycle-power needs is learnt with the derived channels (derive.c). */
#include "lab/fit_kind.h"

#include <stdio.h>

static const struct alert_filter filter = {.k = 1, .n = 1, .clear_ratio = 0.8, .clear_s = 1};

static int fit_cycle_power(const struct fit_source *source, size_t index, struct draft *draft,
                           cJSON *entry, struct diag *diag)
{
    const struct derivation *derivation = source->derivation;
    if (derivation->load == DERIVED_NONE)
        return diag_set(diag, "no channel is in W, or it never changes; name one (--load)");
    char summary[160];
    size_t known = 0;
    for (size_t s = 0; s < derivation->steps; s++)
        known += derivation->load_usual[s] > DERIVED_LOAD_UNKNOWN;
    snprintf(summary, sizeof summary, "the usual %.60s in motion of %zu program steps, spread %.3g",
             source->sessions[0]->names[derivation->load], known, derivation->load_spread);
    cJSON_AddStringToObject(entry, "summary", summary);
    cJSON_AddNumberToObject(entry, "window", 1);
    return 0;
}

static bool fits(const struct derivation *derivation)
{
    return derivation->load != DERIVED_NONE;
}

const struct fit_kind fit_kind_cycle_power = {.name = "cycle-power",
                                              .needs_step = true,
                                              .by_default = true,
                                              .fits = fits,
                                              .filter = &filter,
                                              .fit = fit_cycle_power};

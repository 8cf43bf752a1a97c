#include "daemon/scoring_set.h"

#include <stdlib.h>

struct scoring_set *scoring_set_new(uint64_t generation, size_t robots)
{
    struct scoring_set *set = calloc(1, sizeof *set + robots * sizeof set->robot[0]);
    if (set) {
        set->generation = generation;
        set->robots = robots;
    }
    return set;
}

void scoring_set_assign(struct scoring_set *set, size_t robot, struct model *model,
                        double false_alarms_per_day)
{
    struct scoring_entry *entry = &set->robot[robot];
    model_unref(entry->model);
    entry->model = model_ref(model);
    for (size_t d = 0; d < model->detectors; d++)
        entry->thresholds[d] = model_threshold(model, d, false_alarms_per_day);
}

void scoring_set_shadow(struct scoring_set *set, size_t robot, uint32_t shadow,
                        struct model *candidate)
{
    set->robot[robot].shadow = shadow;
    set->robot[robot].candidate = model_ref(candidate);
}

void scoring_set_free(struct scoring_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->robots; i++) {
        model_unref(set->robot[i].model);
        model_unref(set->robot[i].candidate);
    }
    free(set);
}

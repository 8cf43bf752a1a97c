#include "pipeline/score.h"

#include <assert.h>
#include <math.h>
#include <string.h>

double score_ratio(const struct score *score, const double *thresholds, size_t *ret_detector)
{
    double largest = -1;
    for (size_t d = 0; d < score->detectors; d++) {
        if (!score->detector[d].evaluated)
            continue;
        double ratio = score->detector[d].score / thresholds[d];
        if (ratio > largest) {
            largest = ratio;
            if (ret_detector)
                *ret_detector = d;
        }
    }
    return largest;
}

/* Inserts into a list that is sorted by falling share and cut at `max`; both lists here are a
 * handful long. */
static void keep_largest(struct deviation *list, size_t *count, size_t max,
                         const struct deviation *item)
{
    if (*count == max && list[max - 1].share >= item->share)
        return;
    size_t at = *count < max ? (*count)++ : max - 1;
    for (; at > 0 && list[at - 1].share < item->share; at--)
        list[at] = list[at - 1];
    list[at] = *item;
}

static void attribute(struct model *model, size_t detector, const float *window,
                      struct attribution *ret)
{
    struct deviation deviations[MODEL_CHANNELS_MAX + DERIVED_MAX];
    double group_shares[MODEL_CHANNELS_MAX + 1] = {0};
    detector_explain(&model->detector[detector], window, deviations);
    finding_join_rotations(model, deviations);
    *ret = (struct attribution){.detector = detector};
    for (size_t c = 0; c < model->width; c++) {
        if (deviations[c].share > 0)
            keep_largest(ret->channel, &ret->channels, SCORE_CHANNELS_MAX, &deviations[c]);
        group_shares[model->channel[c].group] += deviations[c].share;
    }
    struct deviation groups[SCORE_GROUPS_MAX];
    for (size_t g = 0; g < model->groups; g++) {
        struct deviation item = {.channel = g, .share = group_shares[g]};
        if (item.share > 0)
            keep_largest(groups, &ret->groups, SCORE_GROUPS_MAX, &item);
    }
    for (size_t g = 0; g < ret->groups; g++)
        ret->group[g] = (struct score_group){groups[g].channel, groups[g].share};
    if (ret->groups > 0) {
        const struct detector *explained = &model->detector[detector];
        size_t newest = detector_span(explained) - 1;
        ret->finding = finding_make(model, explained->kind, deviations, groups[0].channel,
                                    window + newest * model->width);
    }
}

/* One detector over those windows that are long enough for it. */
static void run_detector(struct model *model, size_t d, const struct score_request *requests,
                         size_t count, struct score *scores)
{
    const float *windows[DETECTOR_BATCH_MAX];
    size_t who[DETECTOR_BATCH_MAX];
    double values[DETECTOR_BATCH_MAX];
    size_t used = 0, span = detector_span(&model->detector[d]);
    for (size_t i = 0; i < count; i++) {
        scores[i].detector[d].evaluated = false;
        if (requests[i].rows < span)
            continue;
        windows[used] = requests[i].window + (requests[i].rows - span) * model->width;
        who[used++] = i;
    }
    if (used == 0)
        return;
    detector_score(&model->detector[d], windows, used, values);
    for (size_t j = 0; j < used; j++) {
        struct score *score = &scores[who[j]];
        bool finite = isfinite(values[j]);
        score->detector[d].score = finite ? values[j] : 0;
        score->detector[d].evaluated = finite;
        score->nonfinite |= isinf(values[j]) != 0;
    }
}

void score_windows(struct model *model, const struct score_request *requests, size_t count,
                   struct score *scores)
{
    assert(count <= DETECTOR_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        scores[i].detectors = model->detectors;
        scores[i].nonfinite = false;
        scores[i].attributed = false;
    }
    for (size_t d = 0; d < model->detectors; d++)
        run_detector(model, d, requests, count, scores);
    for (size_t i = 0; i < count; i++) {
        size_t largest = 0;
        if (score_ratio(&scores[i], requests[i].thresholds, &largest) < 1)
            continue;
        size_t skip = requests[i].rows - detector_span(&model->detector[largest]);
        attribute(model, largest, requests[i].window + skip * model->width, &scores[i].attribution);
        scores[i].attributed = true;
    }
}

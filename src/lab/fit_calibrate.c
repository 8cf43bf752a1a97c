/*
 * Thresholds from the part of the sessions that is kept for them, and the alert filter that they
 * are for.
 *
 * A glitch of one row is in as many windows as a window has rows. Where sensors have glitches, a
 * filter that so many windows can pass must have a threshold above them all: measured on a
 * simulated arm, 24.8 instead of 2.1 for knn and .48 instead of .017 for an autoencoder, and 5 of
 * 65 collisions found instead of all. Without glitches the longer filter only costs time: three
 * windows more. So both are tried, and the longer one is taken where it lets the threshold fall to
 * less than 1 / FILTER_GAIN.
 */
#include "lab/fit_internal.h"
#include "lab/runner.h"

#include <errno.h>
#include <stdlib.h>

#define FILTER_GAIN 3
#define FILTER_SPARE 2 /* windows of the longer filter that need not be over */

void fit_put_filter(cJSON *entry, const struct alert_filter *filter)
{
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "filter");
    cJSON *object = cJSON_AddObjectToObject(entry, "filter");
    cJSON_AddNumberToObject(object, "k", filter->k);
    cJSON_AddNumberToObject(object, "n", filter->n);
    cJSON_AddNumberToObject(object, "clear_ratio", filter->clear_ratio);
    cJSON_AddNumberToObject(object, "clear_s", filter->clear_s);
}

/* Healthy recordings, as they were sampled: the derived channels are not the model's samples. */
struct parts {
    struct recording **item;
    size_t count;
};

static void parts_deinit(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        recording_free(parts->item[i]);
    free(parts->item);
}

static int cut_part(const struct fit_source *source, const struct split_block *block,
                    struct recording **ret_part, struct diag *diag)
{
    struct recording *wide;
    const struct recording *session = source->sessions[block->session];
    int r = recording_cut(session, block->first, block->end, &wide);
    if (r < 0)
        return diag_errno(diag, r, "calibration");
    r = recording_select(wide, (const char *const *)wide->names, source->derivation->channels,
                         ret_part, diag);
    recording_free(wide);
    return r;
}

static int parts_cut(struct parts *parts, const struct fit_source *source, struct diag *diag)
{
    const struct split *split = source->split;
    parts->item = calloc(split->count, sizeof(struct recording *));
    int r = parts->item ? 0 : diag_errno(diag, ENOMEM, "calibration");
    for (size_t b = 0; r == 0 && b < split->count; b++) {
        if (split->block[b].part != SPLIT_CALIBRATION)
            continue;
        r = cut_part(source, &split->block[b], &parts->item[parts->count], diag);
        parts->count += r == 0;
    }
    return r;
}

/* One calibration of each detector. */
struct calibrations {
    size_t count;
    struct calibration item[MODEL_DETECTORS_MAX];
    double threshold[MODEL_DETECTORS_MAX]; /* at the model's budget */
};

static void calibrations_deinit(struct calibrations *calibrations)
{
    for (size_t d = 0; d < calibrations->count; d++)
        calibration_deinit(&calibrations->item[d]);
}

static int calibrate(struct draft *draft, const struct parts *parts,
                     struct calibrations *ret_calibrations, struct diag *diag)
{
    struct model *model;
    int r = draft_build(draft, &model, diag);
    if (r < 0)
        return r;
    r = runner_calibrate(parts->item, parts->count, model, ret_calibrations->item, diag);
    if (r == 0) {
        double per_day = model->false_alarms_per_day / (double)model->detectors;
        ret_calibrations->count = model->detectors;
        for (size_t d = 0; d < model->detectors; d++)
            ret_calibrations->threshold[d] =
                calibration_threshold(&ret_calibrations->item[d], per_day);
    }
    model_unref(model);
    return r;
}

/* Of a detector without a filter of its own, one that the windows with the same odd row cannot
 * pass. False: there is none. */
static bool longer_filter(const struct fit_source *source, const char *kind,
                          struct alert_filter *ret_filter)
{
    const struct fit_options *options = source->options;
    if (!options->choose_filter || fit_kind_find(kind)->filter ||
        options->window + 1 + FILTER_SPARE > ALERT_FILTER_N_MAX ||
        options->window < options->filter.k)
        return false;
    *ret_filter = options->filter;
    ret_filter->k = (unsigned)options->window + 1;
    ret_filter->n = ret_filter->k + FILTER_SPARE;
    return true;
}

/* Returns how many detectors have one. */
static size_t put_longer_filters(const struct fit_source *source, const char *const *kinds,
                                 struct draft *draft)
{
    size_t changed = 0;
    for (size_t d = 0; kinds[d]; d++) {
        struct alert_filter longer;
        if (!longer_filter(source, kinds[d], &longer))
            continue;
        fit_put_filter(draft_detector(draft, d), &longer);
        changed++;
    }
    return changed;
}

/* The draft has the longer filters; where they gain too little it gets the options' back. */
static int choose_filters(const struct fit_source *source, const char *const *kinds,
                          struct draft *draft, const struct calibrations *with_usual,
                          const struct calibrations *with_longer)
{
    int r = 0;
    for (size_t d = 0; r == 0 && kinds[d]; d++) {
        struct alert_filter longer;
        bool tried = longer_filter(source, kinds[d], &longer);
        bool gains = with_longer->count > 0 &&
                     with_longer->threshold[d] * FILTER_GAIN < with_usual->threshold[d];
        if (tried && !gains)
            fit_put_filter(draft_detector(draft, d), &source->options->filter);
        r = draft_set_calibration(draft, d,
                                  tried && gains ? &with_longer->item[d] : &with_usual->item[d]);
    }
    return r;
}

int fit_calibrate(const struct fit_source *source, const char *const *kinds, struct draft *draft,
                  struct diag *diag)
{
    struct parts parts = {0};
    struct calibrations usual = {0}, longer = {0};
    int r = parts_cut(&parts, source, diag);
    if (r == 0)
        r = calibrate(draft, &parts, &usual, diag);
    /* What is too short for the longer filter alone keeps the usual one. */
    if (r == 0 && put_longer_filters(source, kinds, draft) > 0 &&
        calibrate(draft, &parts, &longer, diag) == -ENOMEM)
        r = -ENOMEM;
    if (r == 0 && (r = choose_filters(source, kinds, draft, &usual, &longer)) < 0)
        diag_errno(diag, r, "calibration");
    calibrations_deinit(&usual);
    calibrations_deinit(&longer);
    parts_deinit(&parts);
    return r;
}

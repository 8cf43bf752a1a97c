/* The whole way: split, derived channels, the autoencoder's training, and the model file. */
#include "lab/derive.h"
#include "lab/fit_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GAP_S 10.0 /* between two parts of one session */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double fit_period_of(struct recording *const *sessions, size_t count)
{
    size_t rows = 0, used = 0;
    for (size_t s = 0; s < count; s++)
        rows += sessions[s]->time_ns ? sessions[s]->rows : 0;
    double *steps = rows > 1 ? malloc(rows * sizeof *steps) : NULL;
    if (!steps)
        return 0;
    for (size_t s = 0; s < count; s++) {
        const int64_t *time_ns = sessions[s]->time_ns;
        for (size_t i = 1; time_ns && i < sessions[s]->rows; i++) {
            if (time_ns[i] > time_ns[i - 1])
                steps[used++] = (double)(time_ns[i] - time_ns[i - 1]) / 1e9;
        }
    }
    qsort(steps, used, sizeof *steps, compare_doubles);
    double median = used ? steps[used / 2] : 0;
    free(steps);
    return median;
}

size_t fit_gap_rows(const struct fit_options *options, double period_s)
{
    size_t span = (options->window - 1) * options->spacing + 1;
    size_t gap = (size_t)(GAP_S / period_s);
    return gap > span ? gap : span;
}

/* ---- which detectors ---- */

static bool asked_for(const char *const *detectors, const char *kind)
{
    for (size_t i = 0; detectors[i]; i++) {
        if (!strcmp(detectors[i], kind))
            return true;
    }
    return false;
}

/* ret_kinds: in the order of the table, ended by NULL; room for MODEL_DETECTORS_MAX and the end. */
static int choose_detectors(const struct fit_options *options, const struct derivation *derivation,
                            const char **ret_kinds, struct diag *diag)
{
    bool steps = derivation->step_channel != DERIVED_NONE;
    size_t count = 0;
    for (size_t i = 0; options->detectors && options->detectors[i]; i++) {
        const struct fit_kind *kind = fit_kind_find(options->detectors[i]);
        if (!kind)
            return diag_set(diag, "there is no detector %s", options->detectors[i]);
        if (kind->needs_step && !steps)
            return diag_set(diag,
                            "detector %s needs a channel that names the program step, and there is "
                            "none",
                            kind->name);
    }
    for (const struct fit_kind *const *kind = fit_kinds(); *kind; kind++) {
        bool by_default = (steps ? (*kind)->by_default : (*kind)->by_default_without_step) &&
                          (!(*kind)->fits || (*kind)->fits(derivation));
        if (options->detectors ? !asked_for(options->detectors, (*kind)->name) : !by_default)
            continue;
        if (count == MODEL_DETECTORS_MAX)
            return diag_set(diag, "over %d detectors", MODEL_DETECTORS_MAX);
        ret_kinds[count++] = (*kind)->name;
    }
    ret_kinds[count] = NULL;
    return count > 0 ? 0 : diag_set(diag, "no detector");
}

/* ---- the fit ---- */

struct work {
    const char *kinds[MODEL_DETECTORS_MAX + 1];
    struct derivation derivation;
    struct recording **sessions; /* [count] with derived channels */
    size_t count;
    struct segments segments;
    struct fitting fitting;
};

static void work_deinit(struct work *work)
{
    for (size_t s = 0; work->sessions && s < work->count; s++)
        recording_free(work->sessions[s]);
    free(work->sessions);
    segments_deinit(&work->segments);
    derivation_deinit(&work->derivation);
    fitting_deinit(&work->fitting);
}

static int derive_all(struct work *work, struct recording *const *sessions,
                      const struct fit_options *options, const struct split *split,
                      struct diag *diag)
{
    work->sessions = calloc(work->count, sizeof(struct recording *));
    int r = work->sessions ? 0 : -ENOMEM;
    for (size_t s = 0; r == 0 && s < work->count; s++)
        r = derive_session(sessions[s], &work->derivation, options->period_s, &work->sessions[s]);
    if (r < 0)
        return diag_errno(diag, r, "derived channels");
    const struct segments_source source = {.sessions = work->sessions,
                                           .count = work->count,
                                           .split = split,
                                           .derivation = &work->derivation,
                                           .period_s = options->period_s};
    return segments_find(&source, &work->segments, diag);
}

static int check_ignore(const struct fit_options *options, const struct recording *first,
                        struct diag *diag)
{
    for (size_t i = 0; options->ignore && options->ignore[i]; i++) {
        const char *colon = strchr(options->ignore[i], ':');
        char kind[DETECTOR_NAME_MAX] = "";
        if (colon && (size_t)(colon - options->ignore[i]) < sizeof kind)
            memcpy(kind, options->ignore[i], (size_t)(colon - options->ignore[i]));
        const char *pattern = fit_kind_find(kind) ? colon + 1 : options->ignore[i];
        bool known = false;
        for (size_t c = 0; !known && c < first->channels; c++)
            known = derive_name_matches(pattern, first->names[c]);
        if (!known)
            return diag_set(diag, "no channel is named %s, which is to be ignored", pattern);
    }
    return 0;
}

static int prepare(struct work *work, struct recording *const *sessions,
                   const struct fit_options *options, struct fit_report *report, struct diag *diag)
{
    const struct derive_source source = {.sessions = sessions,
                                         .count = work->count,
                                         .split = &report->split,
                                         .step_channel = options->step_channel,
                                         .motion = options->motion,
                                         .load = options->load,
                                         .period_s = options->period_s,
                                         .as_sampled = options->adopted != NULL};
    int r = check_ignore(options, sessions[0], diag);
    if (r == 0)
        r = split_make(sessions, work->count, fit_gap_rows(options, options->period_s),
                       &report->split, diag);
    if (r == 0)
        r = derive_learn(&source, &work->derivation, diag);
    if (r == 0)
        r = choose_detectors(options, &work->derivation, work->kinds, diag);
    return r < 0 ? r : derive_all(work, sessions, options, &report->split, diag);
}

/* NULL: cycle-power is not in the set. */
static const char *followed_load(const struct work *work)
{
    return asked_for(work->kinds, "cycle-power") && work->derivation.load != DERIVED_NONE
               ? work->sessions[0]->names[work->derivation.load]
               : NULL;
}

static int learn(struct work *work, size_t sample_channels, const struct fit_options *options,
                 struct draft **ret_draft, struct fit_report *report, struct diag *diag)
{
    int r = 0;
    struct fit_source source = {.sessions = work->sessions,
                                .count = work->count,
                                .split = &report->split,
                                .derivation = &work->derivation,
                                .segments = &work->segments,
                                .options = options,
                                .report = report};
    if (asked_for(work->kinds, "autoencoder")) {
        work->fitting = (struct fitting){.sessions = work->sessions,
                                         .count = work->count,
                                         .sample_channels = sample_channels,
                                         .options = options,
                                         .load = followed_load(work),
                                         .beside_analog = asked_for(work->kinds, "analog")};
        r = fit_network_learn(&work->fitting, "autoencoder", report, diag);
        source.fitting = &work->fitting;
        source.network = report->result.network;
    }
    if (r == 0)
        r = fit_assemble(&source, work->kinds, ret_draft, &report->model, diag);
    if (r < 0 || !options->with_twin || !report->result.twin)
        return r;
    struct draft *twin = NULL;
    source.network = report->result.twin;
    r = fit_assemble(&source, work->kinds, &twin, &report->twin_model, diag);
    draft_free(twin);
    return r;
}

int fit(struct recording *const *sessions, size_t count, const struct fit_options *options,
        struct draft **ret_draft, struct fit_report *ret_report, struct diag *diag)
{
    struct work work = {.count = count};
    *ret_report = (struct fit_report){.drift_sessions = SIZE_MAX};
    *ret_draft = NULL;
    for (size_t s = 0; s < count; s++)
        assert(sessions[s]->channels == sessions[0]->channels);
    int r = prepare(&work, sessions, options, ret_report, diag);
    if (r == 0)
        r = learn(&work, sessions[0]->channels, options, ret_draft, ret_report, diag);
    work_deinit(&work);
    if (r < 0) {
        draft_free(*ret_draft);
        *ret_draft = NULL;
        fit_report_deinit(ret_report);
    }
    return r;
}

void fit_report_deinit(struct fit_report *report)
{
    split_deinit(&report->split);
    train_result_deinit(&report->result);
    model_unref(report->model);
    model_unref(report->twin_model);
    free(report->left_out);
    *report = (struct fit_report){0};
}

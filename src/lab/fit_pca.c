/* How pca learns: a network that follows from the covariance of the training windows. */
#include "lab/fit_internal.h"

#include <stdlib.h>

static int fit_pca(const struct fit_source *source, size_t index, struct draft *draft, cJSON *entry,
                   struct diag *diag)
{
    struct fit_options options = *source->options;
    options.baseline = BASELINE_PCA;
    options.train.loss = TRAIN_MSE;
    struct fit_report report = {.split = *source->split};
    struct fitting fitting = {.sessions = source->sessions,
                              .count = source->count,
                              .sample_channels = source->derivation->channels,
                              .options = &options};
    const struct fit_place place = {index, draft, entry};
    int r = fit_network_learn(&fitting, "pca", &report, diag);
    source->report->drift_sessions = report.drift_sessions;
    if (r == 0)
        r = fit_network_put(&fitting, &report, report.result.network, &place, diag);
    fitting_deinit(&fitting);
    free(report.left_out);
    train_result_deinit(&report.result);
    return r;
}

const struct fit_kind fit_kind_pca = {.name = "pca", .fit = fit_pca};

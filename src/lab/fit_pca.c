/* How pca and mahalanobis learn: networks that follow from the covariance of the training windows.
 */
#include "lab/fit_internal.h"

#include "nn/network.h"

#include <stdlib.h>

static int fit_baseline(const struct fit_source *source, enum baseline_kind baseline,
                        const struct fit_place *place, struct diag *diag)
{
    struct fit_options options = *source->options;
    options.baseline = baseline;
    options.train.loss = TRAIN_MSE;
    struct fit_report report = {.split = *source->split};
    struct fitting fitting = {.sessions = source->sessions,
                              .count = source->count,
                              .sample_channels = source->derivation->channels,
                              .options = &options};
    int r = fit_network_learn(&fitting, baseline_kind_key(baseline), &report, diag);
    if (r == 0)
        r = fit_network_put(&fitting, &report, report.result.network, place, diag);
    fitting_deinit(&fitting);
    free(report.left_out);
    train_result_deinit(&report.result);
    return r;
}

static int fit_pca(const struct fit_source *source, size_t index, struct draft *draft, cJSON *entry,
                   struct diag *diag)
{
    return fit_baseline(source, BASELINE_PCA, &(struct fit_place){index, draft, entry}, diag);
}

static int fit_mahalanobis(const struct fit_source *source, size_t index, struct draft *draft,
                           cJSON *entry, struct diag *diag)
{
    return fit_baseline(source, BASELINE_MAHALANOBIS, &(struct fit_place){index, draft, entry},
                        diag);
}

const struct fit_kind fit_kind_pca = {.name = "pca", .fit = fit_pca};
const struct fit_kind fit_kind_mahalanobis = {.name = "mahalanobis", .fit = fit_mahalanobis};

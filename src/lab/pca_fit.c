/*
 * The covariance is summed in double over centred rows, two passes: there are a few hundred
 * thousand rows of some hundred channels at most, which is seconds, and nothing is lost.
 */
#include "lab/pca_fit.h"

#include "nn/eigen.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_used(const struct pca_rows *rows, size_t row)
{
    return !rows->valid || rows->valid[row];
}

static int measure_mean(const struct pca_rows *rows, double *mean, size_t *ret_count,
                        struct diag *diag)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        if (!is_used(rows, i))
            continue;
        const float *row = rows->values + i * rows->channels;
        for (size_t c = 0; c < rows->channels; c++) {
            if (!isfinite(row[c]))
                return diag_set(diag, "row %zu, channel %zu: %g, must be finite", i, c,
                                (double)row[c]);
            mean[c] += (double)row[c];
        }
        count++;
    }
    if (count < 2)
        return diag_set(diag, "%zu valid rows: principal components need at least 2", count);
    for (size_t c = 0; c < rows->channels; c++)
        mean[c] /= (double)count;
    *ret_count = count;
    return 0;
}

/* Its upper triangle. */
static void measure_covariance(const struct pca_rows *rows, const double *mean, size_t count,
                               double *centred, double *ret_covariance)
{
    size_t channels = rows->channels;
    for (size_t i = 0; i < rows->rows; i++) {
        if (!is_used(rows, i))
            continue;
        for (size_t c = 0; c < channels; c++)
            centred[c] = (double)rows->values[i * channels + c] - mean[c];
        for (size_t a = 0; a < channels; a++) {
            double *restrict sums = ret_covariance + a * channels;
            for (size_t b = a; b < channels; b++)
                sums[b] += centred[a] * centred[b];
        }
    }
    for (size_t i = 0; i < channels * channels; i++)
        ret_covariance[i] /= (double)(count - 1);
}

/* Rounding can make the smallest variances a little less than nothing. */
static int keep_enough(struct pca_fit *fit, double share, struct diag *diag)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < fit->channels; i++) {
        fit->variance[i] = fmax(fit->variance[i], 0);
        total += fit->variance[i];
    }
    if (!(total > 0))
        return diag_set(diag, "no channel changes: there are no principal components");
    while (fit->components < fit->channels && sum <= share * total)
        sum += fit->variance[fit->components++];
    fit->explained = sum / total;
    return 0;
}

int pca_fit(const struct pca_rows *rows, double share, struct pca_fit *ret_fit, struct diag *diag)
{
    size_t channels = rows->channels, count = 0;
    *ret_fit = (struct pca_fit){.channels = channels,
                                .mean = calloc(channels, sizeof *ret_fit->mean),
                                .component = calloc(channels * channels, sizeof(double)),
                                .variance = calloc(channels, sizeof *ret_fit->variance)};
    double *centred = calloc(channels, sizeof *centred);
    int r = ret_fit->mean && ret_fit->component && ret_fit->variance && centred
                ? 0
                : diag_errno(diag, ENOMEM, "principal components");
    if (r == 0)
        r = measure_mean(rows, ret_fit->mean, &count, diag);
    if (r == 0) {
        measure_covariance(rows, ret_fit->mean, count, centred, ret_fit->component);
        r = eigen_symmetric(channels, ret_fit->component, ret_fit->variance);
        if (r < 0)
            diag_errno(diag, r, "principal components");
    }
    if (r == 0)
        r = keep_enough(ret_fit, share, diag);
    free(centred);
    return r;
}

void pca_fit_deinit(struct pca_fit *fit)
{
    free(fit->mean);
    free(fit->component);
    free(fit->variance);
    *fit = (struct pca_fit){0};
}

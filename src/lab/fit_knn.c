/*
 * How knn learns: which training windows become references, and what their residuals usually are.
 *
 * If there are more windows than references, several times as many as are kept are taken evenly
 * from all, and of those the ones that cover them best, as seen along the directions in which they
 * differ most: what else they differ in is noise, and costs ten times the time. Measured on a
 * simulated arm of 39 channels (8 MB of 96,000 windows), windows of slowed and of hit movement that
 * are over what healthy ones hardly ever reach: .59 and .78, with even thinning .39 and .65, with
 * all windows .61 and .78.
 */
#include "lab/coverage.h"
#include "lab/fit_internal.h"
#include "lab/pca_fit.h"
#include "model/knn.h"
#include "nn/blas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES 4          /* times what is kept */
#define DIRECTIONS_SHARE 0.95 /* of the variance */

struct work {
    struct fitting fitting;
    struct fit_report report; /* borrows the split */
    size_t width;             /* of a window of features */
    size_t neighbours, references;
    float *reference; /* [references][width] */
    size_t directions;
    float *direction; /* [directions][width] */
    struct nearest search;
    struct neighbour *neighbour; /* [FIT_RECONSTRUCT_MAX][neighbours] */
    float *expected;             /* [FIT_RECONSTRUCT_MAX][width] */
};

static void work_deinit(struct work *work)
{
    fitting_deinit(&work->fitting);
    free(work->report.left_out);
    nearest_deinit(&work->search);
    free(work->reference);
    free(work->direction);
    free(work->neighbour);
    free(work->expected);
}

/* ---- references ---- */

static void gather_evenly(const struct work *work, size_t count, float *ret_windows)
{
    const struct train_data data = fitting_data(&work->fitting, &work->report);
    for (size_t i = 0; i < count; i++)
        train_gather(&data, &data.training[i * data.training_count / count], 1,
                     ret_windows + i * work->width);
}

static int find_directions(struct work *work, struct diag *diag)
{
    const struct pca_rows rows = {
        .rows = work->references, .channels = work->width, .values = work->reference};
    struct pca_fit pca;
    int r = pca_fit(&rows, DIRECTIONS_SHARE, &pca, diag);
    if (r == 0) {
        work->directions =
            pca.components < NEAREST_DIRECTIONS_MAX ? pca.components : NEAREST_DIRECTIONS_MAX;
        size_t count = work->directions * work->width;
        work->direction = malloc(count * sizeof *work->direction);
        r = work->direction ? 0 : diag_errno(diag, ENOMEM, "reference windows");
        for (size_t i = 0; r == 0 && i < count; i++)
            work->direction[i] = (float)pca.component[i];
    }
    pca_fit_deinit(&pca);
    return r;
}

/* Moves the best of the candidates to the front. */
static int thin(struct work *work, size_t most, struct diag *diag)
{
    float *projected = malloc(work->references * work->directions * sizeof *projected);
    size_t *place = malloc(most * sizeof *place);
    int r = projected && place ? 0 : -ENOMEM;
    if (r == 0) {
        blas_multiply_transposed_b(
            (struct blas_size){work->references, work->directions, work->width}, work->reference,
            work->direction, false, projected);
        r = coverage_choose(projected, work->references, work->directions, most, place,
                            &work->references);
    }
    for (size_t i = 0; r == 0 && i < work->references; i++)
        memmove(work->reference + i * work->width, work->reference + place[i] * work->width,
                work->width * sizeof *work->reference);
    free(projected);
    free(place);
    return r < 0 ? diag_errno(diag, r, "reference windows") : 0;
}

static int choose_references(struct work *work, struct diag *diag)
{
    const struct fit_options *options = work->fitting.options;
    size_t windows = work->report.training_windows;
    size_t most = options->knn_bytes_max / (work->width * sizeof *work->reference);
    most = most < windows ? most : windows;
    if (most < work->neighbours)
        return diag_set(diag, "%zu windows of %zu values, of which each score needs %zu", most,
                        work->width, work->neighbours);
    size_t candidates = CANDIDATES * most < windows ? CANDIDATES * most : windows;
    work->reference = malloc(candidates * work->width * sizeof *work->reference);
    if (!work->reference)
        return diag_errno(diag, ENOMEM, "reference windows");
    gather_evenly(work, candidates, work->reference);
    work->references = candidates;
    int r = find_directions(work, diag);
    if (r == 0 && candidates > most)
        r = thin(work, most, diag);
    if (r == 0 && work->references < work->neighbours)
        r = diag_set(diag, "%zu different windows, of which each score needs %zu", work->references,
                     work->neighbours);
    return r;
}

/* ---- usual residuals ---- */

static const float *reconstruct(void *with, const float *windows, size_t count)
{
    struct work *work = with;
    nearest_find(&work->search, windows, count, work->neighbour);
    for (size_t i = 0; i < count; i++)
        nearest_mean(&work->search, work->neighbour + i * work->neighbours,
                     work->expected + i * work->width);
    return work->expected;
}

static int measure_floor(struct work *work, struct diag *diag)
{
    const struct fit_reconstructor reconstructor = {reconstruct, work, FIT_RECONSTRUCT_MAX};
    const struct nearest_rows rows = {.row = work->reference,
                                      .rows = work->references,
                                      .width = work->width,
                                      .direction = work->direction,
                                      .directions = work->directions};
    work->neighbour = calloc(FIT_RECONSTRUCT_MAX * work->neighbours, sizeof *work->neighbour);
    work->expected = calloc(FIT_RECONSTRUCT_MAX * work->width, sizeof *work->expected);
    int r = work->neighbour && work->expected
                ? nearest_init(&work->search, &rows, work->neighbours, diag)
                : diag_errno(diag, ENOMEM, "reference windows");
    if (r == 0 && (r = fitting_measure_floor(&work->fitting, &work->report, &reconstructor)) < 0)
        diag_errno(diag, r, "residuals");
    return r;
}

/* ---- the model file ---- */

static int put(const struct work *work, size_t index, struct draft *draft, cJSON *entry,
               struct diag *diag)
{
    char summary[160];
    snprintf(summary, sizeof summary, "%zu reference windows of %zu (%.1f MB); %zu nearest",
             work->references, work->report.training_windows,
             (double)(work->references * work->width * sizeof *work->reference) / 1e6,
             work->neighbours);
    fitting_describe(&work->fitting, &work->report, entry);
    cJSON_AddNumberToObject(entry, "neighbours", (double)work->neighbours);
    cJSON_AddStringToObject(entry, "summary", summary);
    int r = fitting_put(&work->fitting, index, draft);
    if (r == 0)
        r = fit_put(draft, index, "reference.windows", SAFETENSORS_F32,
                    SAFETENSORS_SHAPE(work->references, work->width), work->reference);
    if (r == 0)
        r = fit_put(draft, index, "reference.directions", SAFETENSORS_F32,
                    SAFETENSORS_SHAPE(work->directions, work->width), work->direction);
    return r < 0 ? diag_errno(diag, r, "reference windows") : 0;
}

static int fit_knn(const struct fit_source *source, size_t index, struct draft *draft, cJSON *entry,
                   struct diag *diag)
{
    struct work work = {.report = {.split = *source->split},
                        .neighbours = source->options->knn_neighbours,
                        .fitting = {.sessions = source->sessions,
                                    .count = source->count,
                                    .sample_channels = source->derivation->channels,
                                    .options = source->options}};
    int r = fitting_init(&work.fitting, "knn", &work.report, diag);
    work.width = source->options->window * features_width(&work.fitting.features);
    if (r == 0)
        r = choose_references(&work, diag);
    if (r == 0)
        r = measure_floor(&work, diag);
    if (r == 0)
        r = put(&work, index, draft, entry, diag);
    work_deinit(&work);
    return r;
}

const struct fit_kind fit_kind_knn = {
    .name = "knn", .without_step_only = true, .by_default = true, .fit = fit_knn};

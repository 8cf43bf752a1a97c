/*
 * How knn learns: which training windows become references, and what their residuals usually are.
 *
 * If there are more windows than references, several times as many as are kept are taken evenly
 * from all, and of those the ones that cover them best, as seen along the directions in which they
 * differ most: what else they differ in is noise, and costs ten times the time. Measured on a
 * simulated arm of 39 channels (8 MB of 72,000 windows), windows of slowed and of hit movement that
 * are over what healthy ones hardly ever reach: .59 and .78, with even thinning .39 and .65, with
 * all windows .61 and .78.
 *
 * That is done twice: what the references of the first time leave over of held-out windows, which
 * has the biases of other sessions in it, tells how much a feature's residual says.
 */
#include "lab/coverage.h"
#include "lab/fit_internal.h"
#include "lab/pca_fit.h"
#include "model/knn.h"
#include "nn/blas.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES 4          /* times what is kept */
#define DIRECTIONS_SHARE 0.95 /* of the variance */
#define RESIDUAL_LEAST 0.01   /* of what the scaler makes of a channel's spread */

struct work {
    struct fitting fitting;
    struct fit_report report; /* borrows the split */
    size_t features;          /* width of one row */
    size_t width;             /* of a window of them */
    size_t neighbours, candidates, references, directions;
    float *weight;    /* [features] */
    float *candidate; /* [candidates][width], weighted */
    float *reference; /* [references][width] */
    float *direction; /* [directions][width] */
    struct nearest search;
    struct neighbour *neighbour; /* [FIT_RECONSTRUCT_MAX][neighbours] */
    float *query, *expected;     /* [FIT_RECONSTRUCT_MAX][width] */
};

static void work_deinit(struct work *work)
{
    fitting_deinit(&work->fitting);
    free(work->report.left_out);
    nearest_deinit(&work->search);
    free(work->weight);
    free(work->candidate);
    free(work->reference);
    free(work->direction);
    free(work->neighbour);
    free(work->query);
    free(work->expected);
}

/* ---- references ---- */

static void weigh(const struct work *work, size_t windows, float *values)
{
    for (size_t i = 0; i < windows * work->width; i += work->features) {
        for (size_t k = 0; k < work->features; k++)
            values[i + k] *= work->weight[k];
    }
}

/* Evenly from all, several times as many as are kept. */
static int gather_candidates(struct work *work, size_t most, struct diag *diag)
{
    const struct train_data data = fitting_data(&work->fitting, &work->report);
    size_t windows = data.training_count;
    work->candidates = CANDIDATES * most < windows ? CANDIDATES * most : windows;
    work->candidate = malloc(work->candidates * work->width * sizeof *work->candidate);
    work->reference = malloc(most * work->width * sizeof *work->reference);
    work->direction = malloc(NEAREST_DIRECTIONS_MAX * work->width * sizeof *work->direction);
    if (!work->candidate || !work->reference || !work->direction)
        return diag_errno(diag, ENOMEM, "reference windows");
    for (size_t i = 0; i < work->candidates; i++)
        train_gather(&data, &data.training[i * windows / work->candidates], 1,
                     work->candidate + i * work->width);
    return 0;
}

static int find_directions(struct work *work, struct diag *diag)
{
    const struct pca_rows rows = {
        .rows = work->candidates, .channels = work->width, .values = work->candidate};
    struct pca_fit pca;
    int r = pca_fit(&rows, DIRECTIONS_SHARE, &pca, diag);
    size_t found = r == 0 ? pca.components : 0;
    work->directions = found < NEAREST_DIRECTIONS_MAX ? found : NEAREST_DIRECTIONS_MAX;
    for (size_t i = 0; i < work->directions * work->width; i++)
        work->direction[i] = (float)pca.component[i];
    pca_fit_deinit(&pca);
    return r;
}

/* place [most] */
static int thin(struct work *work, size_t most, size_t *place)
{
    float *projected = malloc(work->candidates * work->directions * sizeof *projected);
    if (!projected)
        return -ENOMEM;
    blas_multiply_transposed_b((struct blas_size){work->candidates, work->directions, work->width},
                               work->candidate, work->direction, false, projected);
    int r = coverage_choose(projected, work->candidates, work->directions, most, place,
                            &work->references);
    free(projected);
    return r;
}

static int choose_references(struct work *work, size_t most, struct diag *diag)
{
    int r = find_directions(work, diag);
    if (r < 0)
        return r;
    size_t *place = malloc(most * sizeof *place);
    r = !place ? -ENOMEM : work->candidates > most ? thin(work, most, place) : 0;
    if (r == 0 && work->candidates <= most) {
        work->references = work->candidates;
        for (size_t i = 0; i < work->references; i++)
            place[i] = i;
    }
    for (size_t i = 0; r == 0 && i < work->references; i++)
        memcpy(work->reference + i * work->width, work->candidate + place[i] * work->width,
               work->width * sizeof *work->reference);
    free(place);
    if (r < 0)
        return diag_errno(diag, r, "reference windows");
    if (work->references < work->neighbours)
        return diag_set(diag, "%zu different windows, of which each score needs %zu",
                        work->references, work->neighbours);
    const struct nearest_rows rows = {.row = work->reference,
                                      .rows = work->references,
                                      .width = work->width,
                                      .direction = work->direction,
                                      .directions = work->directions};
    nearest_deinit(&work->search);
    return nearest_init(&work->search, &rows, work->neighbours, diag);
}

/* ---- usual residuals ---- */

static const float *reconstruct(void *with, const float *windows, size_t count)
{
    struct work *work = with;
    memcpy(work->query, windows, count * work->width * sizeof *work->query);
    weigh(work, count, work->query);
    nearest_find(&work->search, work->query, count, work->neighbour);
    for (size_t i = 0; i < count; i++)
        nearest_mean(&work->search, work->neighbour + i * work->neighbours,
                     work->expected + i * work->width);
    for (size_t i = 0; i < count * work->width; i++)
        work->expected[i] /= work->weight[i % work->features];
    return work->expected;
}

/* One over what is usually left of each feature; until now all weights are 1. */
static int measure_weights(struct work *work)
{
    const struct train_data data = fitting_data(&work->fitting, &work->report);
    size_t values = FIT_RECONSTRUCT_MAX * work->width;
    double *squares = calloc(work->features, sizeof *squares);
    float *windows = malloc(values * sizeof *windows);
    bool complete = squares && windows;
    for (size_t i = 0; complete && i < data.held_out_count; i += FIT_RECONSTRUCT_MAX) {
        size_t left = data.held_out_count - i;
        size_t count = left < FIT_RECONSTRUCT_MAX ? left : FIT_RECONSTRUCT_MAX;
        train_gather(&data, data.held_out + i, count, windows);
        const float *expected = reconstruct(work, windows, count);
        for (size_t v = 0; v < count * work->width; v++) {
            double residual = (double)windows[v] - (double)expected[v];
            squares[v % work->features] += residual * residual;
        }
    }
    double count = (double)(data.held_out_count * work->fitting.options->window);
    for (size_t k = 0; complete && k < work->features; k++)
        work->weight[k] = (float)(1 / fmax(sqrt(squares[k] / count), RESIDUAL_LEAST));
    free(squares);
    free(windows);
    return complete ? 0 : -ENOMEM;
}

static int learn(struct work *work, struct diag *diag)
{
    const struct fit_reconstructor reconstructor = {reconstruct, work, FIT_RECONSTRUCT_MAX};
    size_t windows = work->report.training_windows;
    size_t most = work->fitting.options->knn_bytes_max / (work->width * sizeof *work->reference);
    most = most < windows ? most : windows;
    if (most < work->neighbours)
        return diag_set(diag, "%zu windows of %zu values, of which each score needs %zu", most,
                        work->width, work->neighbours);
    int r = gather_candidates(work, most, diag);
    if (r == 0)
        r = choose_references(work, most, diag);
    if (r == 0 && (r = measure_weights(work)) < 0)
        diag_errno(diag, r, "residuals");
    if (r < 0)
        return r;
    weigh(work, work->candidates, work->candidate);
    r = choose_references(work, most, diag);
    if (r == 0 && (r = fitting_measure_floor(&work->fitting, &work->report, &reconstructor)) < 0)
        diag_errno(diag, r, "residuals");
    return r;
}

static int make_room(struct work *work, struct diag *diag)
{
    work->features = features_width(&work->fitting.features);
    work->width = work->fitting.options->window * work->features;
    size_t values = FIT_RECONSTRUCT_MAX * work->width;
    work->weight = calloc(work->features, sizeof *work->weight);
    work->neighbour = calloc(FIT_RECONSTRUCT_MAX * work->neighbours, sizeof *work->neighbour);
    work->query = calloc(values, sizeof *work->query);
    work->expected = calloc(values, sizeof *work->expected);
    for (size_t k = 0; work->weight && k < work->features; k++)
        work->weight[k] = 1;
    bool complete = work->weight && work->neighbour && work->query && work->expected;
    return complete ? 0 : diag_errno(diag, ENOMEM, "windows");
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
        r = fit_put(draft, index, "feature.weight", SAFETENSORS_F32,
                    SAFETENSORS_SHAPE(work->features), work->weight);
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
    source->report->drift_sessions = work.report.drift_sessions;
    if (r == 0)
        r = make_room(&work, diag);
    if (r == 0)
        r = learn(&work, diag);
    if (r == 0)
        r = put(&work, index, draft, entry, diag);
    work_deinit(&work);
    return r;
}

const struct fit_kind fit_kind_knn = {
    .name = "knn", .by_default_without_step = true, .fit = fit_knn};

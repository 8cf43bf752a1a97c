/*
 * References are kept as the file has them, weighted: what a window is compared in. The weights
 * matter: without them the bias that one accelerometer has in a new session is more than all that
 * gyroscopes say of a slowed arm.
 */
#include "model/knn.h"

#include "model/reconstruction.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct knn {
    struct reconstruction reconstruction;
    size_t width;     /* of a window of features */
    float *reference; /* [references][width] */
    float *direction; /* [directions][width] */
    struct nearest search;
    /* Scratch of the scoring thread. */
    float *input;                /* [DETECTOR_BATCH_MAX][width], weighted */
    float *plain, *expected;     /* [width], not weighted */
    struct neighbour *neighbour; /* [DETECTOR_BATCH_MAX][neighbours] */
};

static void knn_unload(struct detector *detector)
{
    struct knn *knn = detector->part.knn;
    if (!knn)
        return;
    reconstruction_deinit(&knn->reconstruction);
    nearest_deinit(&knn->search);
    free(knn->reference);
    free(knn->direction);
    free(knn->input);
    free(knn->plain);
    free(knn->expected);
    free(knn->neighbour);
    free(knn);
    detector->part.knn = NULL;
}

struct matrix {
    const char *name;
    size_t least, most, rows;
    float *values; /* [rows][width] */
};

/* A tensor "<detector>.<name>" of [least to most][width]. Memory: the caller's. */
static int load_matrix(const struct knn *knn, const struct detector *detector,
                       const struct safetensors *tensors, struct matrix *matrix, struct diag *diag)
{
    char name[64];
    snprintf(name, sizeof name, "%zu.%s", detector->index, matrix->name);
    const struct safetensors_tensor *tensor = safetensors_find(tensors, name);
    if (!tensor || tensor->shape.rank != 2 || tensor->shape.dims[1] != knn->width ||
        tensor->shape.dims[0] < matrix->least || tensor->shape.dims[0] > matrix->most)
        return diag_set(diag, "%s: missing, or not [%zu and more, %zu]", name, matrix->least,
                        knn->width);
    matrix->rows = tensor->shape.dims[0];
    matrix->values = malloc(tensor->count * sizeof *matrix->values);
    return matrix->values ? safetensors_get_f32(tensors, name, tensor->shape, matrix->values, diag)
                          : diag_errno(diag, ENOMEM, "%s", name);
}

static int load_references(struct knn *knn, const struct detector *detector, size_t neighbours,
                           const struct safetensors *tensors, struct diag *diag)
{
    size_t directions = knn->width < NEAREST_DIRECTIONS_MAX ? knn->width : NEAREST_DIRECTIONS_MAX;
    struct matrix reference = {"reference.windows", neighbours, SIZE_MAX, 0, NULL};
    struct matrix direction = {"reference.directions", 1, directions, 0, NULL};
    int r = load_matrix(knn, detector, tensors, &reference, diag);
    knn->reference = reference.values;
    if (r == 0)
        r = load_matrix(knn, detector, tensors, &direction, diag);
    knn->direction = direction.values;
    if (r < 0)
        return r;
    const struct nearest_rows rows = {.row = knn->reference,
                                      .rows = reference.rows,
                                      .width = knn->width,
                                      .direction = knn->direction,
                                      .directions = direction.rows};
    r = nearest_init(&knn->search, &rows, neighbours, diag);
    if (r < 0)
        diag_prefix(diag, "reference.directions");
    return r;
}

static int make_scratch(struct knn *knn, struct diag *diag)
{
    knn->input = calloc(DETECTOR_BATCH_MAX * knn->width, sizeof *knn->input);
    knn->plain = calloc(knn->width, sizeof *knn->plain);
    knn->expected = calloc(knn->width, sizeof *knn->expected);
    knn->neighbour = calloc(DETECTOR_BATCH_MAX * knn->search.neighbours, sizeof *knn->neighbour);
    bool complete = knn->input && knn->plain && knn->expected && knn->neighbour;
    return complete ? 0 : diag_errno(diag, ENOMEM, "scratch");
}

static int knn_load(struct detector *detector, const cJSON *config,
                    const struct safetensors *tensors, struct diag *diag)
{
    int64_t neighbours = 0;
    struct knn *knn = calloc(1, sizeof *knn);
    if (!knn)
        return diag_errno(diag, ENOMEM, "knn");
    detector->part.knn = knn;
    int r = json_get_integer(config, "neighbours", true, 1, KNN_NEIGHBOURS_MAX, &neighbours, diag);
    if (r == 0)
        r = reconstruction_load(&knn->reconstruction, detector, config, tensors, diag);
    if (r == 0)
        r = reconstruction_load_weight(&knn->reconstruction, detector->index, tensors, diag);
    if (r < 0)
        return r;
    knn->width = detector->window * features_width(&knn->reconstruction.features);
    r = load_references(knn, detector, (size_t)neighbours, tensors, diag);
    return r < 0 ? r : make_scratch(knn, diag);
}

/* One overflow makes the mean infinite. */
static double mean_distance(const struct knn *knn, const struct neighbour *neighbour)
{
    double sum = 0;
    for (size_t n = 0; n < knn->search.neighbours; n++)
        sum += sqrt(neighbour[n].distance / (double)knn->width);
    return sum / (double)knn->search.neighbours;
}

static void fill_input(struct detector *detector, const float *window, float *ret_input)
{
    struct knn *knn = detector->part.knn;
    size_t features = features_width(&knn->reconstruction.features);
    reconstruction_input(&knn->reconstruction, detector, window, ret_input);
    for (size_t i = 0; i < knn->width; i += features) {
        for (size_t k = 0; k < features; k++)
            ret_input[i + k] *= knn->reconstruction.weight[k];
    }
}

static void knn_score(struct detector *detector, const float *const *windows, size_t count,
                      double *ret_scores)
{
    struct knn *knn = detector->part.knn;
    for (size_t i = 0; i < count; i++)
        fill_input(detector, windows[i], knn->input + i * knn->width);
    nearest_find(&knn->search, knn->input, count, knn->neighbour);
    for (size_t i = 0; i < count; i++)
        ret_scores[i] = mean_distance(knn, knn->neighbour + i * knn->search.neighbours);
}

static void knn_explain(struct detector *detector, const float *window,
                        struct deviation *ret_deviations)
{
    struct knn *knn = detector->part.knn;
    size_t features = features_width(&knn->reconstruction.features);
    fill_input(detector, window, knn->input);
    nearest_find(&knn->search, knn->input, 1, knn->neighbour);
    nearest_mean(&knn->search, knn->neighbour, knn->expected);
    for (size_t i = 0; i < knn->width; i++)
        knn->expected[i] /= knn->reconstruction.weight[i % features];
    reconstruction_input(&knn->reconstruction, detector, window, knn->plain);
    reconstruction_explain(&knn->reconstruction, detector, window, knn->plain, knn->expected,
                           ret_deviations);
}

const struct detector_kind knn_kind = {
    .name = "knn",
    .load = knn_load,
    .unload = knn_unload,
    .score = knn_score,
    .explain = knn_explain,
};

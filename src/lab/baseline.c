/*
 * All of them are affine maps or clamps, so a dense layer or two, with or without a ReLU, says
 * exactly what they do.
 */
#include "lab/baseline.h"

#include "lab/pca_fit.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define SAMPLE_MAX 20000 /* windows: enough for a covariance of some hundred values */
#define PCA_SHARE 0.95
#define DEVIATION_FLOOR 0.05 /* of scaled values: a direction that hardly moves must not rule */

static const struct {
    const char *key, *name;
} names[BASELINE_KINDS] = {
    [BASELINE_NONE] = {"none", "none"},
    [BASELINE_UNTRAINED] = {"untrained", "AE2, untrained"},
    [BASELINE_RANGE] = {"range", "range of each channel"},
    [BASELINE_PCA] = {"pca", "PCA of windows, 95 %"},
    [BASELINE_MAHALANOBIS] = {"mahalanobis", "Mahalanobis distance of windows"},
};

const char *baseline_kind_key(enum baseline_kind kind)
{
    return names[kind].key;
}

const char *baseline_kind_name(enum baseline_kind kind)
{
    return names[kind].name;
}

/* A network and where the parameters of its dense layers are. */
struct dense {
    real *weight; /* [outputs][inputs] */
    real *bias;   /* [outputs] */
};

static struct dense dense_at(struct network *network, size_t layer)
{
    struct dense dense = {0};
    for (size_t i = 0; i < network_tensors(network); i++) {
        const struct network_tensor *tensor = network_tensor(network, i);
        if (tensor->layer == layer && tensor->dimensions == 2)
            dense.weight = tensor->data;
        else if (tensor->layer == layer)
            dense.bias = tensor->data;
    }
    assert(dense.weight && dense.bias);
    return dense;
}

static int new_network(size_t width, size_t max_rows, const struct architecture *architecture,
                       struct network **ret_network, struct diag *diag)
{
    return network_new(width, architecture->layers, architecture->count, max_rows, ret_network,
                       diag);
}

static int make_untrained(const struct train_data *data, size_t max_rows, uint64_t seed,
                          struct architecture *architecture, struct network **ret_network,
                          struct diag *diag)
{
    int r = new_network(data->window * data->channels, max_rows, architecture, ret_network, diag);
    if (r == 0)
        network_initialise(*ret_network, seed);
    return r;
}

/* relu(x) - relu(x - 1) is x where it lies in 0..1, and the nearer end where it does not. */
static int make_range(const struct train_data *data, size_t max_rows,
                      struct architecture *architecture, struct network **ret_network,
                      struct diag *diag)
{
    size_t width = data->window * data->channels;
    *architecture = (struct architecture){.layers = {{NN_LAYER_DENSE, 2 * width, 0},
                                                     {NN_LAYER_RELU, 0, 0},
                                                     {NN_LAYER_DENSE, width, 0}},
                                          .count = 3,
                                          .encoder_count = 2};
    int r = new_network(width, max_rows, architecture, ret_network, diag);
    if (r < 0)
        return r;
    struct dense in = dense_at(*ret_network, 0), out = dense_at(*ret_network, 2);
    for (size_t i = 0; i < width; i++) {
        in.weight[i * width + i] = 1;
        in.weight[(width + i) * width + i] = 1;
        in.bias[width + i] = -1;
        out.weight[i * 2 * width + i] = 1;
        out.weight[i * 2 * width + width + i] = -1;
    }
    return 0;
}

/* Principal components of evenly taken training windows. */
static int analyse(const struct train_data *data, double share, struct pca_fit *ret_fit,
                   struct diag *diag)
{
    size_t width = data->window * data->channels;
    size_t count = data->training_count < SAMPLE_MAX ? data->training_count : SAMPLE_MAX;
    float *windows = malloc(count * width * sizeof *windows);
    size_t *ends = malloc(count * sizeof *ends);
    int r = windows && ends ? 0 : diag_errno(diag, ENOMEM, "windows");
    for (size_t i = 0; r == 0 && i < count; i++)
        ends[i] = data->training[i * data->training_count / count];
    if (r == 0) {
        train_gather(data, ends, count, windows);
        const struct pca_rows rows = {.rows = count, .channels = width, .values = windows};
        r = pca_fit(&rows, share, ret_fit, diag);
        if (r < 0)
            pca_fit_deinit(ret_fit);
    }
    free(windows);
    free(ends);
    return r;
}

static void put_projection(const struct pca_fit *pca, struct dense in, struct dense out)
{
    for (size_t c = 0; c < pca->channels; c++)
        out.bias[c] = (real)pca->mean[c];
    for (size_t k = 0; k < pca->components; k++) {
        const double *component = pca->component + k * pca->channels;
        double centre = 0;
        for (size_t c = 0; c < pca->channels; c++) {
            centre += component[c] * pca->mean[c];
            in.weight[k * pca->channels + c] = (real)component[c];
            out.weight[c * pca->components + k] = (real)component[c];
        }
        in.bias[k] = (real)-centre;
    }
}

static int make_pca(const struct train_data *data, size_t max_rows,
                    struct architecture *architecture, struct network **ret_network,
                    struct diag *diag)
{
    struct pca_fit pca;
    int r = analyse(data, PCA_SHARE, &pca, diag);
    if (r < 0)
        return r;
    *architecture = (struct architecture){
        .layers = {{NN_LAYER_DENSE, pca.components, 0}, {NN_LAYER_DENSE, pca.channels, 0}},
        .count = 2,
        .encoder_count = 1};
    r = new_network(pca.channels, max_rows, architecture, ret_network, diag);
    if (r == 0)
        put_projection(&pca, dense_at(*ret_network, 0), dense_at(*ret_network, 1));
    pca_fit_deinit(&pca);
    return r;
}

/* The inverse square root A of the covariance, with a floor under its deviations: the distance is
 * |A (x - mean)|, and x - A (x - mean) is what the network gives. */
static void put_whitening(const struct pca_fit *pca, struct dense dense)
{
    size_t width = pca->channels;
    for (size_t row = 0; row < width; row++) {
        double bias = 0;
        for (size_t column = 0; column < width; column++) {
            double a = row == column ? 1 / DEVIATION_FLOOR : 0;
            for (size_t k = 0; k < pca->components; k++) {
                const double *component = pca->component + k * width;
                double deviation = fmax(sqrt(pca->variance[k]), DEVIATION_FLOOR);
                a += (1 / deviation - 1 / DEVIATION_FLOOR) * component[row] * component[column];
            }
            bias += a * pca->mean[column];
            dense.weight[row * width + column] = (real)((row == column ? 1 : 0) - a);
        }
        dense.bias[row] = (real)bias;
    }
}

static int make_mahalanobis(const struct train_data *data, size_t max_rows,
                            struct architecture *architecture, struct network **ret_network,
                            struct diag *diag)
{
    struct pca_fit pca;
    int r = analyse(data, 0.999999, &pca, diag);
    if (r < 0)
        return r;
    *architecture = (struct architecture){
        .layers = {{NN_LAYER_DENSE, pca.channels, 0}}, .count = 1, .encoder_count = 0};
    r = new_network(pca.channels, max_rows, architecture, ret_network, diag);
    if (r == 0)
        put_whitening(&pca, dense_at(*ret_network, 0));
    pca_fit_deinit(&pca);
    return r;
}

int baseline_make(enum baseline_kind kind, const struct train_data *data, uint64_t seed,
                  size_t max_rows, struct architecture *architecture, struct network **ret_network,
                  struct diag *diag)
{
    switch (kind) {
    case BASELINE_UNTRAINED:
        return make_untrained(data, max_rows, seed, architecture, ret_network, diag);
    case BASELINE_RANGE:
        return make_range(data, max_rows, architecture, ret_network, diag);
    case BASELINE_PCA:
        return make_pca(data, max_rows, architecture, ret_network, diag);
    case BASELINE_MAHALANOBIS:
        return make_mahalanobis(data, max_rows, architecture, ret_network, diag);
    case BASELINE_NONE:
    case BASELINE_KINDS:
        break;
    }
    return diag_set(diag, "%d is no baseline", (int)kind);
}

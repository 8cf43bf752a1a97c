/* How the autoencoder learns: its network, and its part of the model file. */
#include "lab/fit_internal.h"
#include "lab/training_json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- training ---- */

/* A copy, as wide as windows of the channels here are. */
static int adopt(struct fitting *fitting, const struct train_data *data, struct fit_report *report,
                 struct diag *diag)
{
    const struct fit_adopted *adopted = fitting->options->adopted;
    size_t width = fitting->options->window * data->channels;
    if (network_inputs(adopted->network) != width)
        return diag_set(diag, "the network takes %zu values, %zu rows of %zu channels are %zu",
                        network_inputs(adopted->network), fitting->options->window, data->channels,
                        width);
    assert(adopted->count <= ARCHITECTURE_LAYERS_MAX);
    memcpy(fitting->architecture.layers, adopted->layers, adopted->count * sizeof *adopted->layers);
    fitting->architecture.count = adopted->count;
    fitting->architecture.encoder_count = adopted->encoder_count;
    int r = network_new(width, adopted->layers, adopted->count, fitting->options->train.batch,
                        &report->result.network, diag);
    if (r == 0)
        network_copy(adopted->network, report->result.network);
    return r;
}

static int run_training(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    const struct fit_options *options = fitting->options;
    const struct train_data data = fitting_data(fitting, report);
    if (options->adopted)
        return adopt(fitting, &data, report, diag);
    fitting->architecture =
        architecture_make(options->window * data.channels, &options->architecture);
    if (options->baseline != BASELINE_NONE)
        return baseline_make(options->baseline, &data, options->train.seed, options->train.batch,
                             &fitting->architecture, &report->result.network, diag);
    struct train_options train_options = options->train;
    train_options.layers = fitting->architecture.layers;
    train_options.layer_count = fitting->architecture.count;
    return train(&data, &train_options, &report->result, diag);
}

int fit_network_learn(struct fitting *fitting, const char *kind, struct fit_report *report,
                      struct diag *diag)
{
    int r = fitting_init(fitting, kind, report, diag);
    return r < 0 ? r : run_training(fitting, report, diag);
}

/* ---- the model file ---- */

static cJSON *layers_json(const struct nn_layer_spec *layers, size_t count)
{
    static const char *const parameter_names[NN_LAYER_KINDS] = {[NN_LAYER_BATCHNORM] = "epsilon",
                                                                [NN_LAYER_LEAKY_RELU] = "slope",
                                                                [NN_LAYER_DROPOUT] = "rate"};
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "kind", nn_layer_kind_name(layers[i].kind));
        if (layers[i].kind == NN_LAYER_DENSE)
            cJSON_AddNumberToObject(entry, "outputs", (double)layers[i].outputs);
        if (parameter_names[layers[i].kind] && layers[i].parameter > 0)
            cJSON_AddNumberToObject(entry, parameter_names[layers[i].kind], layers[i].parameter);
        cJSON_AddItemToArray(list, entry);
    }
    return list;
}

static void describe(const struct fitting *fitting, const struct fit_report *report, cJSON *entry)
{
    const struct fit_options *options = fitting->options;
    const struct architecture *architecture = &fitting->architecture;
    fitting_describe(fitting, report, entry);
    cJSON *layers = cJSON_AddObjectToObject(entry, "architecture");
    cJSON_AddStringToObject(layers, "name",
                            options->adopted ? "imported"
                                             : architecture_kind_name(options->architecture.kind));
    cJSON_AddItemToObject(layers, "encoder",
                          layers_json(architecture->layers, architecture->encoder_count));
    cJSON_AddItemToObject(layers, "decoder",
                          layers_json(architecture->layers + architecture->encoder_count,
                                      architecture->count - architecture->encoder_count));
    bool smooth = options->train.loss == TRAIN_SMOOTH_L1;
    cJSON_AddStringToObject(entry, "score", smooth ? "smooth-l1" : "mse");
    if (smooth)
        cJSON_AddNumberToObject(entry, "beta", options->train.beta);
    if (options->adopted)
        return; /* how it was trained is not known here */
    if (options->baseline == BASELINE_NONE)
        cJSON_AddItemToObject(entry, "training", training_json(options, report));
    else
        cJSON_AddStringToObject(entry, "baseline", baseline_kind_key(options->baseline));
}

static int put_network(struct draft *draft, size_t index, const struct fitting *fitting,
                       const struct network *network)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < network_tensors(network); i++) {
        const struct network_tensor *tensor = network_tensor(network, i);
        size_t encoder = fitting->architecture.encoder_count;
        bool decoding = tensor->layer >= encoder;
        char name[96];
        snprintf(name, sizeof name, "%zu.%s.%zu.%s", index, decoding ? "decoder" : "encoder",
                 tensor->layer - (decoding ? encoder : 0), tensor->name);
        struct safetensors_shape shape = {.rank = tensor->dimensions,
                                          .dims = {tensor->shape[0], tensor->shape[1]}};
        r = draft_set(draft, name, SAFETENSORS_F32, shape, tensor->data);
    }
    return r;
}

static const float *reconstruct(void *with, const float *windows, size_t count)
{
    return network_forward(with, count, windows, false);
}

int fit_network_put(struct fitting *fitting, const struct fit_report *report,
                    struct network *network, const struct fit_place *place, struct diag *diag)
{
    const struct fit_reconstructor reconstructor = {reconstruct, network,
                                                    fitting->options->train.batch};
    int r = fitting_measure_floor(fitting, report, &reconstructor);
    if (r < 0)
        return diag_errno(diag, r, "residuals");
    describe(fitting, report, place->entry);
    r = put_network(place->draft, place->index, fitting, network);
    if (r == 0)
        r = fitting_put(fitting, place->index, place->draft);
    return r < 0 ? diag_errno(diag, r, "network") : 0;
}

static int fit_autoencoder(const struct fit_source *source, size_t index, struct draft *draft,
                           cJSON *entry, struct diag *diag)
{
    const struct fit_place place = {index, draft, entry};
    return fit_network_put(source->fitting, source->report, source->network, &place, diag);
}

const struct fit_kind fit_kind_autoencoder = {
    .name = "autoencoder", .by_default = true, .fit = fit_autoencoder};

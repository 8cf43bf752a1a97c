/* An ONNX file. What was accepted is a network that runs, and the same one when it is read
 * again. */
#include "fuzz.h"
#include "nn/blas.h"
#include "onnx/onnx_import.h"

#include <string.h>

#define WIDTH_MOST 512 /* that is run */

static void check_layers(const struct onnx_network *network)
{
    FUZZ_CHECK(network->count >= 1 && network->count <= ONNX_IMPORT_LAYERS_MAX);
    FUZZ_CHECK(network->inputs >= 1 && network->inputs == network->outputs);
    FUZZ_CHECK(network->window * network->channels == 0 ||
               network->window * network->channels == network->inputs);
    for (size_t i = 0; i < network->count; i++) {
        const struct onnx_layer *layer = &network->layer[i];
        bool dense = layer->spec.kind == NN_LAYER_DENSE;
        bool norm = layer->spec.kind == NN_LAYER_BATCHNORM;
        FUZZ_CHECK(!(dense || norm) || (layer->weight && layer->bias));
        FUZZ_CHECK(!norm || (layer->mean && layer->variance));
    }
}

static void run(struct onnx_model *model, struct onnx_network *onnx)
{
    struct diag diag = DIAG_INIT;
    struct network *network = NULL;
    float input[WIDTH_MOST];
    int r = onnx_import_build(onnx, 1, &network, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
        return;
    }
    for (size_t i = 0; i < onnx->inputs && i < WIDTH_MOST; i++)
        input[i] = (float)i - 3;
    if (onnx->inputs <= WIDTH_MOST)
        network_forward(network, 1, input, false);
    network_free(network);
    r = onnx_import_transpose(model, onnx, 1, onnx->inputs, &diag);
    if (r < 0)
        fuzz_check_refusal(r, &diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;
    if (!is_ready)
        blas_init();
    is_ready = true;
    struct onnx_model model;
    struct onnx_network network;
    struct diag diag = DIAG_INIT;
    int r = onnx_read(data, size, &model, &diag);
    if (r == 0)
        r = onnx_import(&model, &network, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
    } else {
        check_layers(&network);
        run(&model, &network);
    }
    onnx_model_deinit(&model);
    return 0;
}

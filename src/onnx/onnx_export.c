#include "onnx/onnx_export.h"

#include "model/features_file.h"
#include "model/model_file.h"
#include "onnx/onnx_export_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IR_VERSION 7 /* what operator set 13 came with */
#define INPUT "rows"
#define RECONSTRUCTION "reconstruction"
#define SCORE "score"

struct work {
    const struct onnx_export *export;
    const struct detector *detector;
    const cJSON *config; /* of the detector */
    struct model_file file;
    struct features features;
    struct onnx_builder builder;
    size_t width; /* of a window of features */
};

bool onnx_can_export(const struct detector *detector)
{
    static const char *const kinds[] = {"autoencoder", "pca", "knn"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!strcmp(detector->kind->name, kinds[i]))
            return true;
    }
    return false;
}

/* ---- features */

/* Where the channels that the detector looks at lie in the flat window. */
static const char *gather(struct work *work)
{
    const struct features *features = &work->features;
    size_t count = work->detector->window * features->channels;
    int64_t *place = onnx_memory_take(&work->builder.model.memory, count * sizeof *place);
    if (!place) {
        work->builder.failed = true;
        return "";
    }
    for (size_t i = 0; i < count; i++)
        place[i] = (int64_t)(i / features->channels * work->detector->channels +
                             features->channel[i % features->channels]);
    const char *value = onnx_builder_2(&work->builder, "Gather", INPUT,
                                       onnx_builder_integers(&work->builder, count, place));
    onnx_builder_set_int(&work->builder, "axis", 1);
    return value;
}

static const char *scale(struct work *work, const struct scaler *scaler, const char *value)
{
    value = onnx_builder_cast(&work->builder, value, ONNX_DOUBLE);
    value = onnx_export_scaler(&work->builder, scaler, value);
    return onnx_builder_cast(&work->builder, value, ONNX_FLOAT);
}

/* To principal components: the basis as the columns of a matrix. */
static const char *project(struct work *work, const char *value)
{
    const struct features_pca *pca = &work->features.pca;
    size_t channels = work->features.channels;
    const char *mean =
        onnx_builder_floats(&work->builder, (struct onnx_extent){0, channels}, pca->mean);
    const char *basis = onnx_builder_floats(
        &work->builder, (struct onnx_extent){pca->components, channels}, pca->basis);
    value = onnx_builder_2(&work->builder, "Sub", value, mean);
    value = onnx_builder_2(&work->builder, "Gemm", value, basis);
    onnx_builder_set_int(&work->builder, "transB", 1);
    return scale(work, &work->features.second, value);
}

/* FLOAT [N, window * features], what features_apply makes of the window. */
static const char *put_features(struct work *work)
{
    const int64_t row[] = {-1, (int64_t)work->features.channels};
    const int64_t window[] = {-1, (int64_t)work->width};
    const char *value = onnx_builder_reshape(&work->builder, gather(work), 2, row);
    value = scale(work, &work->features.scaler, value);
    if (work->features.pca.components > 0)
        value = project(work, value);
    return onnx_builder_reshape(&work->builder, value, 2, window);
}

/* ---- scores */

static const char *mean(struct work *work, const char *value)
{
    struct onnx_builder *builder = &work->builder;
    struct onnx_attribute *axes;
    static const int64_t axis = 1;
    value = onnx_builder_1(builder, "ReduceMean", onnx_builder_cast(builder, value, ONNX_DOUBLE));
    onnx_builder_set_int(builder, "keepdims", 0);
    onnx_builder_set_int(builder, "axes", 0);
    if (!builder->failed) { /* a list of one */
        struct onnx_node *node = &builder->model.node[builder->model.nodes - 1];
        axes = &node->attribute[node->attributes - 1];
        axes->kind = ONNX_ATTRIBUTE_INTS;
        axes->ints = &axis;
        axes->count = 1;
    }
    return onnx_builder_cast(builder, value, ONNX_FLOAT);
}

/* As element_error of reconstruction.c, in single precision as there. */
static const char *smooth_l1(struct work *work, const char *difference, double beta)
{
    struct onnx_builder *builder = &work->builder;
    const char *size = onnx_builder_1(builder, "Abs", difference);
    const char *inner =
        onnx_builder_2(builder, "Min", size, onnx_builder_float(builder, (float)beta));
    const char *square = onnx_builder_2(builder, "Mul", inner, inner);
    square =
        onnx_builder_2(builder, "Mul", square, onnx_builder_float(builder, 0.5F / (float)beta));
    return onnx_builder_2(builder, "Add", square, onnx_builder_2(builder, "Sub", size, inner));
}

static int put_error(struct work *work, const char *features, const char *reconstruction,
                     struct diag *diag)
{
    const char *kind;
    double beta = 1;
    int r = json_get_string(work->config, "score", true, 32, &kind, diag);
    if (r == 0)
        r = json_get_number(work->config, "beta", false, 1e-6, 1e6, &beta, diag);
    if (r < 0)
        return r;
    const char *difference = onnx_builder_2(&work->builder, "Sub", reconstruction, features);
    const char *error = !strcmp(kind, "smooth-l1")
                            ? smooth_l1(work, difference, beta)
                            : onnx_builder_2(&work->builder, "Mul", difference, difference);
    onnx_builder_name(&work->builder, mean(work, error), SCORE);
    return 0;
}

static int put_network(struct work *work, const char *features, struct diag *diag)
{
    const struct onnx_export_network network = {work->config, work->file.tensors,
                                                work->export->detector};
    const char *reconstruction;
    int r = onnx_export_network(&work->builder, &network, features, &reconstruction, diag);
    if (r < 0)
        return r;
    onnx_builder_name(&work->builder, reconstruction, RECONSTRUCTION);
    return put_error(work, features, reconstruction, diag);
}

/* ---- nearest neighbours */

/* The squared distances of weighted windows to all references, |x|^2 + |r|^2 - 2 x r, in double:
 * the difference of large numbers. DOUBLE [N, references]. */
static const char *distances(struct work *work, const char *windows,
                             const struct safetensors_tensor *tensor, const float *references)
{
    struct onnx_builder *builder = &work->builder;
    size_t rows = tensor->shape.dims[0];
    const int64_t axis = 1;
    double *square = onnx_memory_take(&builder->model.memory, rows * sizeof *square);
    if (!square) {
        builder->failed = true;
        return "";
    }
    for (size_t i = 0; i < rows * work->width; i++)
        square[i / work->width] += (double)references[i] * (double)references[i];
    const char *reference =
        onnx_builder_floats(builder, (struct onnx_extent){rows, work->width}, references);
    reference =
        onnx_builder_1(builder, "Transpose", onnx_builder_cast(builder, reference, ONNX_DOUBLE));
    const char *product = onnx_builder_2(builder, "MatMul", windows, reference);
    product = onnx_builder_2(builder, "Mul", product, onnx_builder_double(builder, -2));
    const char *own =
        onnx_builder_2(builder, "ReduceSum", onnx_builder_2(builder, "Mul", windows, windows),
                       onnx_builder_integers(builder, 1, &axis));
    const char *sum = onnx_builder_2(builder, "Add", product, own);
    sum = onnx_builder_2(builder, "Add", sum,
                         onnx_builder_doubles(builder, (struct onnx_extent){0, rows}, square));
    return onnx_builder_2(builder, "Max", sum, onnx_builder_double(builder, 0));
}

static const char *nearest(struct work *work, const char *distance, int64_t neighbours)
{
    struct onnx_builder *builder = &work->builder;
    const char *const inputs[] = {distance, onnx_builder_integers(builder, 1, &neighbours)};
    const char *outputs[2];
    onnx_builder_node(builder, "TopK", &(struct onnx_node_shape){2, 2, inputs}, outputs);
    onnx_builder_set_int(builder, "axis", 1);
    onnx_builder_set_int(builder, "largest", 0);
    return outputs[0];
}

/* A tensor of the detector's, in the graph's memory. */
static int get_floats(struct work *work, const char *name,
                      const struct safetensors_tensor **ret_tensor, float **ret_values,
                      struct diag *diag)
{
    char full[64];
    snprintf(full, sizeof full, "%zu.%s", work->export->detector, name);
    const struct safetensors_tensor *tensor = safetensors_find(work->file.tensors, full);
    if (!tensor)
        return diag_set(diag, "%s: missing", full);
    *ret_tensor = tensor;
    *ret_values =
        onnx_memory_take(&work->builder.model.memory, tensor->count * sizeof **ret_values);
    return *ret_values
               ? safetensors_get_f32(work->file.tensors, full, tensor->shape, *ret_values, diag)
               : diag_errno(diag, ENOMEM, "%s", full);
}

/* What a window's features count, over and over for each of its rows. */
static const char *weights(struct work *work, const float *weight)
{
    size_t features = features_width(&work->features);
    float *all = onnx_memory_take(&work->builder.model.memory, work->width * sizeof *all);
    if (!all) {
        work->builder.failed = true;
        return "";
    }
    for (size_t i = 0; i < work->width; i++)
        all[i] = weight[i % features];
    return onnx_builder_floats(&work->builder, (struct onnx_extent){0, work->width}, all);
}

static int put_neighbours(struct work *work, const char *features, struct diag *diag)
{
    struct onnx_builder *builder = &work->builder;
    const struct safetensors_tensor *tensor, *ignored;
    float *references, *weight;
    int64_t neighbours = 0;
    int r = json_get_integer(work->config, "neighbours", true, 1, 1 << 20, &neighbours, diag);
    if (r == 0)
        r = get_floats(work, "reference.windows", &tensor, &references, diag);
    if (r == 0)
        r = get_floats(work, "feature.weight", &ignored, &weight, diag);
    if (r < 0)
        return r;
    const char *windows = onnx_builder_2(builder, "Mul", features, weights(work, weight));
    windows = onnx_builder_cast(builder, windows, ONNX_DOUBLE);
    const char *found = nearest(work, distances(work, windows, tensor, references), neighbours);
    found =
        onnx_builder_2(builder, "Div", found, onnx_builder_double(builder, (double)work->width));
    onnx_builder_name(builder, mean(work, onnx_builder_1(builder, "Sqrt", found)), SCORE);
    return 0;
}

/* ---- the file */

static void put_number(struct work *work, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", value);
    onnx_builder_entry(&work->builder, key, text);
}

/* The names, or the units, of a row's channels as a JSON list. */
static void put_channels(struct work *work, const char *key, bool units)
{
    const struct model *model = work->export->model;
    cJSON *list = cJSON_CreateArray();
    for (size_t c = 0; c < model->width; c++)
        json_append(list,
                    cJSON_CreateString(units ? model->channel[c].unit : model->channel[c].name));
    char *text = cJSON_PrintUnformatted(list);
    onnx_builder_entry(&work->builder, key, text ? text : "");
    work->builder.failed |= !text;
    cJSON_free(text);
    cJSON_Delete(list);
}

static void put_metadata(struct work *work)
{
    const struct model *model = work->export->model;
    double per_day = work->export->false_alarms_per_day;
    per_day = per_day > 0 ? per_day : model->false_alarms_per_day;
    onnx_builder_entry(&work->builder, "name", model->name);
    put_number(work, "version", (double)model->version);
    onnx_builder_entry(&work->builder, "sha256", model->sha256);
    onnx_builder_entry(&work->builder, "detector", work->detector->name);
    onnx_builder_entry(&work->builder, "kind", work->detector->kind->name);
    put_number(work, "window", (double)work->detector->window);
    put_number(work, "spacing", (double)work->detector->spacing);
    put_number(work, "sample_period_s", model->period_s);
    put_number(work, "filter_k", (double)work->detector->filter.k);
    put_number(work, "filter_n", (double)work->detector->filter.n);
    put_number(work, "false_alarms_per_day", per_day);
    double threshold = model_threshold(model, work->export->detector, per_day);
    if (isfinite(threshold))
        put_number(work, "threshold", threshold);
    put_channels(work, "channels", false);
    put_channels(work, "units", true);
}

static void put_ends(struct work *work)
{
    static struct onnx_value input = {
        .name = INPUT, .type = ONNX_FLOAT, .shaped = true, .rank = 2, .dims = {-1, 0}};
    struct onnx_value *values = onnx_memory_take(&work->builder.model.memory, 3 * sizeof *values);
    if (!values) {
        work->builder.failed = true;
        return;
    }
    struct onnx_model *model = &work->builder.model;
    bool reconstructs = strcmp(work->detector->kind->name, "knn") != 0;
    values[0] = values[1] = input;
    values[0].dims[1] = (int64_t)(work->detector->window * work->detector->channels);
    values[1].name = RECONSTRUCTION;
    values[1].dims[1] = (int64_t)work->width;
    values[2] = input;
    values[2].name = SCORE;
    values[2].rank = 1;
    model->inputs = 1;
    model->input = values;
    model->outputs = reconstructs ? 2 : 1;
    model->output = values + (reconstructs ? 1 : 2);
}

static int put_graph(struct work *work, struct diag *diag)
{
    struct onnx_model *model = &work->builder.model;
    const char *features = put_features(work);
    int r = strcmp(work->detector->kind->name, "knn") != 0 ? put_network(work, features, diag)
                                                           : put_neighbours(work, features, diag);
    if (r < 0)
        return r;
    put_metadata(work);
    put_ends(work);
    model->ir_version = IR_VERSION;
    model->opset = ONNX_EXPORT_OPSET;
    model->producer = "armwatch";
    model->producer_version = ARMWATCH_VERSION;
    model->graph = work->export->model->name;
    return work->builder.failed ? diag_errno(diag, ENOMEM, "ONNX") : 0;
}

static int load(struct work *work, struct diag *diag)
{
    const struct onnx_export *export = work->export;
    int r = model_file_parse(export->data, export->size, &work->file, diag);
    if (r < 0)
        return r;
    work->config = cJSON_GetArrayItem(
        cJSON_GetObjectItemCaseSensitive(work->file.config, "detectors"), (int)export->detector);
    const struct features_source source = {work->config, work->file.tensors, export->detector,
                                           work->detector->channels};
    r = features_file_load(&source, &work->features, diag);
    work->width = work->detector->window * features_width(&work->features);
    return r;
}

int onnx_export(const struct onnx_export *export, void **ret_data, size_t *ret_size,
                struct diag *diag)
{
    struct work work = {.export = export, .detector = &export->model->detector[export->detector]};
    if (!onnx_can_export(work.detector))
        return diag_set(
            diag, "detector %zu, %s, is of the kind %s, which has no ONNX form; %s have",
            export->detector, work.detector->name, work.detector->kind->name, ONNX_EXPORT_KINDS);
    onnx_builder_init(&work.builder);
    int r = load(&work, diag);
    if (r == 0)
        r = put_graph(&work, diag);
    if (r == 0 && onnx_write(&work.builder.model, ret_data, ret_size) < 0)
        r = diag_errno(diag, ENOMEM, "ONNX");
    onnx_builder_deinit(&work.builder);
    features_deinit(&work.features);
    model_file_deinit(&work.file);
    return r;
}

#include "tiny_model.h"

#include "base/file.h"
#include "base/rng.h"
#include "model/calibration_file.h"
#include "model/derived_file.h"
#include "model/model_file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN 5
#define WIDTH_MAX 256
#define CLIP 3.0
#define BETA 0.5
#define EPSILON 1e-5

/* One detector's parameters, as the file has them. */
struct network {
    size_t watched; /* channels */
    size_t width;   /* window * watched */
    float w1[HIDDEN * WIDTH_MAX], b1[HIDDEN];
    float gamma[HIDDEN], beta[HIDDEN], mean[HIDDEN], var[HIDDEN];
    float w2[WIDTH_MAX * HIDDEN], b2[WIDTH_MAX];
    double offset[WIDTH_MAX], scale[WIDTH_MAX]; /* [watched] */
};

static struct tiny_model complete(const struct tiny_model *tiny)
{
    struct tiny_model t = *tiny;
    t.name = t.name ? t.name : "tiny";
    t.version = t.version ? t.version : 1;
    t.channels = t.channels ? t.channels : 3;
    t.window[0] = t.window[0] ? t.window[0] : 4;
    t.window[1] = t.window[1] ? t.window[1] : 1;
    t.spacing = t.spacing ? t.spacing : 1;
    t.detectors = t.detectors ? t.detectors : 1;
    t.period_s = t.period_s > 0 ? t.period_s : 0.1;
    t.limit = t.limit > 0 ? t.limit : 1;
    t.filter = t.filter.n ? t.filter : ALERT_FILTER_DEFAULT;
    return t;
}

static void draw(struct rng *rng, bool random, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = random ? (float)(0.5 * rng_normal(rng)) : 0;
}

static void make_network(const struct tiny_model *t, size_t detector, struct network *network)
{
    struct rng rng;
    rng_init(&rng, 100 + detector);
    size_t watched = t->channels - t->unwatched, width = t->window[detector] * watched;
    assert_true(width <= WIDTH_MAX);
    *network = (struct network){.watched = watched, .width = width};
    draw(&rng, t->random, network->w1, HIDDEN * width);
    draw(&rng, t->random, network->b1, HIDDEN);
    draw(&rng, t->random, network->beta, HIDDEN);
    draw(&rng, t->random, network->mean, HIDDEN);
    draw(&rng, t->random, network->w2, width * HIDDEN);
    draw(&rng, t->random, network->b2, width);
    for (size_t h = 0; h < HIDDEN; h++) {
        network->gamma[h] = t->random ? (float)rng_normal(&rng) : 1;
        network->var[h] = t->random ? (float)(0.1 + rng_uniform(&rng)) : 1;
    }
    for (size_t c = 0; c < watched; c++) {
        network->offset[c] = t->random ? 0.1 * (double)c : 0;
        network->scale[c] = t->random ? 1 + 0.2 * (double)c : 1;
    }
}

static size_t row_width(const struct tiny_model *t)
{
    return t->derivation ? derivation_width(t->derivation) : t->channels;
}

/* ---- score ---- */

static void scale_window(const struct tiny_model *t, const struct network *network, size_t window,
                         const float *rows, double *ret_input)
{
    for (size_t w = 0; w < window; w++) {
        for (size_t c = 0; c < network->watched; c++) {
            double value = (double)rows[w * t->spacing * row_width(t) + t->unwatched + c];
            value = (value - network->offset[c]) * network->scale[c];
            ret_input[w * network->watched + c] =
                t->random ? fmin(fmax(value, -CLIP), CLIP) : value;
        }
    }
}

static void forward(const struct tiny_model *t, const struct network *n, const double *input,
                    double *ret_output)
{
    double hidden[HIDDEN];
    for (size_t h = 0; h < HIDDEN; h++) {
        double sum = (double)n->b1[h];
        for (size_t i = 0; i < n->width; i++)
            sum += (double)n->w1[h * n->width + i] * input[i];
        sum = (sum - (double)n->mean[h]) / sqrt((double)n->var[h] + EPSILON) * (double)n->gamma[h] +
              (double)n->beta[h];
        hidden[h] = sum > 0 ? sum : 0;
    }
    for (size_t o = 0; o < n->width; o++) {
        double sum = (double)n->b2[o];
        for (size_t h = 0; h < HIDDEN; h++)
            sum += (double)n->w2[o * HIDDEN + h] * hidden[h];
        ret_output[o] = t->sigmoid ? 1 / (1 + exp(-sum)) : sum;
    }
}

double tiny_model_score(const struct tiny_model *tiny, size_t detector, const float *window)
{
    const struct tiny_model t = complete(tiny);
    struct network network;
    double input[WIDTH_MAX], output[WIDTH_MAX], sum = 0;
    make_network(&t, detector, &network);
    scale_window(&t, &network, t.window[detector], window, input);
    forward(&t, &network, input, output);
    for (size_t i = 0; i < network.width; i++) {
        double d = fabs(output[i] - input[i]);
        if (!t.random)
            sum += d * d;
        else
            sum += d < BETA ? d * d / 2 / BETA : d - BETA / 2;
    }
    return sum / (double)network.width;
}

/* ---- file ---- */

struct output {
    const struct tiny_model *tiny;
    struct safetensors_writer *writer;
};

static void add(const struct output *output, const char *name, enum safetensors_dtype dtype,
                struct safetensors_shape shape, const void *values)
{
    const struct tiny_model *t = output->tiny;
    if (t->drop && !strcmp(t->drop, name))
        return;
    size_t count = 1, size = safetensors_dtype_size(dtype);
    for (size_t i = 0; i < shape.rank; i++)
        count *= shape.dims[i];
    unsigned char *copy = calloc(2 * count + 1, size);
    assert_non_null(copy);
    memcpy(copy, values, count * size);
    if (t->poison && !strcmp(t->poison, name)) {
        double d = t->poison_value != 0 ? t->poison_value : (double)NAN;
        float f = (float)d;
        memcpy(copy + (count - 1) * size, dtype == SAFETENSORS_F32 ? (void *)&f : (void *)&d, size);
    }
    if (t->reshape && !strcmp(t->reshape, name))
        shape.dims[shape.rank - 1]++;
    assert_int_equal(safetensors_writer_add(output->writer, name, dtype, shape, copy), 0);
    free(copy);
}

static void add_f32(const struct output *output, size_t detector, const char *name,
                    struct safetensors_shape shape, const float *values)
{
    char full[64];
    snprintf(full, sizeof full, "%zu.%s", detector, name);
    add(output, full, SAFETENSORS_F32, shape, values);
}

static void add_f64(const struct output *output, size_t detector, const char *name, size_t count,
                    const double *values)
{
    char full[64];
    snprintf(full, sizeof full, "%zu.%s", detector, name);
    add(output, full, SAFETENSORS_F64, SAFETENSORS_SHAPE(count), values);
}

static void add_network(const struct output *output, size_t d, const struct network *n)
{
    float floor[WIDTH_MAX];
    for (size_t c = 0; c < n->watched; c++)
        floor[c] = 0.5F;
    add_f32(output, d, "encoder.0.weight", SAFETENSORS_SHAPE(HIDDEN, n->width), n->w1);
    add_f32(output, d, "encoder.0.bias", SAFETENSORS_SHAPE(HIDDEN), n->b1);
    add_f32(output, d, "encoder.1.weight", SAFETENSORS_SHAPE(HIDDEN), n->gamma);
    add_f32(output, d, "encoder.1.bias", SAFETENSORS_SHAPE(HIDDEN), n->beta);
    add_f32(output, d, "encoder.1.running_mean", SAFETENSORS_SHAPE(HIDDEN), n->mean);
    add_f32(output, d, "encoder.1.running_var", SAFETENSORS_SHAPE(HIDDEN), n->var);
    add_f32(output, d, "decoder.0.weight", SAFETENSORS_SHAPE(n->width, HIDDEN), n->w2);
    add_f32(output, d, "decoder.0.bias", SAFETENSORS_SHAPE(n->width), n->b2);
    add_f64(output, d, "scaler.offset", n->watched, n->offset);
    add_f64(output, d, "scaler.scale", n->watched, n->scale);
    add_f32(output, d, "channel.floor", SAFETENSORS_SHAPE(n->watched), floor);
}

static size_t span_of(const struct tiny_model *t, size_t detector)
{
    return (t->window[detector] - 1) * t->spacing + 1;
}

static void add_selftest(const struct output *output)
{
    const struct tiny_model *t = output->tiny;
    struct rng rng;
    rng_init(&rng, 5);
    float rows[TINY_SELFTEST_ROWS * WIDTH_MAX];
    size_t width = row_width(t);
    for (size_t i = 0; i < TINY_SELFTEST_ROWS * width; i++)
        rows[i] = t->still ? 0 : (float)rng_normal(&rng);
    add(output, "selftest.input", SAFETENSORS_F32, SAFETENSORS_SHAPE(TINY_SELFTEST_ROWS, width),
        rows);
    for (size_t d = 0; d < t->detectors; d++) {
        double scores[TINY_SELFTEST_ROWS];
        assert_true(span_of(t, d) <= TINY_SELFTEST_ROWS);
        size_t count = TINY_SELFTEST_ROWS - span_of(t, d) + 1;
        for (size_t i = 0; i < count; i++)
            scores[i] = tiny_model_score(t, d, rows + i * width);
        if (t->wrong_selftest > 0)
            scores[count - 1] *= t->wrong_selftest;
        add_f64(output, d, "selftest.score", count, scores);
    }
}

static cJSON *parse(const char *text)
{
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(text, strlen(text), &diag);
    if (!tree)
        fail_msg("%s: %s", text, diag.text);
    return tree;
}

static void add_calibration(const struct output *output, size_t d, cJSON *entry)
{
    enum { BLOCKS = 10 };
    double maxima[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        maxima[i] = output->tiny->limit;
    const struct calibration calibration = {.block_s = 30,
                                            .hours = BLOCKS * 30 / 3600.0,
                                            .sessions = 1,
                                            .blocks = BLOCKS,
                                            .stored = BLOCKS,
                                            .maxima = maxima,
                                            .tail = CALIBRATION_MAXIMUM,
                                            .level = output->tiny->limit,
                                            .peaks = 1,
                                            .excess = {.sigma = 1e-3 * output->tiny->limit}};
    cJSON *object;
    assert_int_equal(calibration_file_format(&calibration, &object), 0);
    cJSON_AddItemToObject(entry, "calibration", object);
    add_f64(output, d, "calibration.maxima", BLOCKS, maxima);
}

static cJSON *make_detector(const struct output *output, size_t d)
{
    const struct tiny_model *t = output->tiny;
    char text[1024];
    snprintf(text, sizeof text,
             "{\"kind\":\"autoencoder\",\"name\":\"%s\",\"window\":%zu,\"spacing\":%zu,"
             "\"score\":\"%s\",\"beta\":%g,"
             "\"scaler\":{\"kind\":\"standard\"%s},"
             "\"filter\":{\"k\":%u,\"n\":%u,\"clear_ratio\":%g,\"clear_s\":%g},"
             "\"architecture\":{\"encoder\":[{\"kind\":\"dense\",\"outputs\":%d},"
             "{\"kind\":\"batchnorm\",\"epsilon\":%g},{\"kind\":\"relu\"},"
             "{\"kind\":\"dropout\",\"rate\":0.3}],"
             "\"decoder\":[{\"kind\":\"dense\",\"outputs\":%zu}%s]}}",
             d ? "second" : "first", t->window[d], t->spacing, t->random ? "smooth-l1" : "mse",
             BETA, t->random ? ",\"clip\":3" : "", t->filter.k, t->filter.n, t->filter.clear_ratio,
             t->filter.clear_s, HIDDEN, EPSILON, t->window[d] * (t->channels - t->unwatched),
             t->sigmoid ? ",{\"kind\":\"sigmoid\"}" : "");
    cJSON *detector = parse(text);
    if (t->unwatched > 0 || t->derivation) {
        cJSON *list = cJSON_AddArrayToObject(detector, "channels");
        for (size_t c = t->unwatched; c < t->channels; c++)
            cJSON_AddItemToArray(list, cJSON_CreateNumber((double)c));
    }
    return detector;
}

static int put_derived(void *to, const char *name, enum safetensors_dtype dtype,
                       struct safetensors_shape shape, const void *values)
{
    add(to, name, dtype, shape, values);
    return 0;
}

static void add_derivation(struct output *output, cJSON *config)
{
    const struct derivation *derivation = output->tiny->derivation;
    const char *names[WIDTH_MAX];
    size_t count = 0;
    cJSON *channel;
    cJSON_ArrayForEach(channel, cJSON_GetObjectItemCaseSensitive(config, "channels"))
        names[count++] = cJSON_GetObjectItemCaseSensitive(channel, "name")->valuestring;
    derived_file_format(derivation, &(struct derived_names){.count = count, .name = names}, config);
    const struct tensor_sink sink = {.put = put_derived, .to = output};
    assert_int_equal(derived_file_put(derivation, &sink), 0);
}

static cJSON *make_config(struct output *output)
{
    const struct tiny_model *t = output->tiny;
    cJSON *config = cJSON_CreateObject();
    cJSON_AddStringToObject(config, "name", t->name);
    cJSON_AddNumberToObject(config, "version", (double)t->version);
    cJSON_AddNumberToObject(config, "sample_period_s", t->period_s);
    cJSON *channels = cJSON_AddArrayToObject(config, "channels");
    for (size_t c = 0; c < t->channels; c++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", (char[]){(char)('a' + c), '\0'});
        cJSON_AddStringToObject(entry, "unit", c == 0 ? "deg/s" : "");
        if (c < 2)
            cJSON_AddStringToObject(entry, "group", "arm");
        cJSON_AddItemToArray(channels, entry);
    }
    if (t->derivation)
        add_derivation(output, config);
    cJSON *detectors = cJSON_AddArrayToObject(config, "detectors");
    for (size_t d = 0; d < t->detectors; d++) {
        cJSON *entry = make_detector(output, d);
        if (!t->uncalibrated)
            add_calibration(output, d, entry);
        cJSON_AddItemToArray(detectors, entry);
    }
    if (t->edit)
        t->edit(config);
    return config;
}

void tiny_model_format(const struct tiny_model *tiny, void **ret_data, size_t *ret_size)
{
    const struct tiny_model t = complete(tiny);
    struct output output = {.tiny = &t, .writer = safetensors_writer_new()};
    assert_non_null(output.writer);
    for (size_t d = 0; d < t.detectors; d++) {
        struct network network;
        make_network(&t, d, &network);
        add_network(&output, d, &network);
    }
    add_selftest(&output);
    cJSON *config = make_config(&output);
    struct diag diag = DIAG_INIT;
    if (model_file_format(config, output.writer, ret_data, ret_size, &diag) < 0)
        fail_msg("%s", diag.text);
    cJSON_Delete(config);
    safetensors_writer_free(output.writer);
}

void tiny_model_write(const struct tiny_model *tiny, const char *path)
{
    void *data;
    size_t size;
    struct diag diag = DIAG_INIT;
    tiny_model_format(tiny, &data, &size);
    if (file_write(path, data, size, &diag) < 0)
        fail_msg("%s", diag.text);
    free(data);
}

struct model *tiny_model_new(const struct tiny_model *tiny)
{
    void *data;
    size_t size;
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    tiny_model_format(tiny, &data, &size);
    if (model_parse(data, size, &model, &diag) < 0)
        fail_msg("%s", diag.text);
    free(data);
    return model;
}

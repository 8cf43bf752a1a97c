#include "golden.h"

#include "base/rng.h"
#include "model/features_file.h"
#include "model/safetensors_writer.h"
#include "nn/blas.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define SAMPLE 8 /* channels of a sample */
#define ROWS 200

static const size_t places[] = {1, 2, 4, 5, 7};
#define CHANNELS (sizeof places / sizeof places[0])
#define COMPONENTS 3

static void draw_samples(float *samples)
{
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t i = 0; i < ROWS * SAMPLE; i++)
        samples[i] = (float)((double)(i % SAMPLE) + rng_normal(&rng));
}

/* Directions drawn, each made orthogonal to those before it. */
static void draw_basis(float *basis)
{
    struct rng rng;
    double axes[COMPONENTS][CHANNELS];
    rng_init(&rng, 4);
    for (size_t k = 0; k < COMPONENTS; k++) {
        double squares = 0;
        for (size_t c = 0; c < CHANNELS; c++)
            axes[k][c] = rng_normal(&rng);
        for (size_t before = 0; before < k; before++) {
            double dot = 0;
            for (size_t c = 0; c < CHANNELS; c++)
                dot += axes[k][c] * axes[before][c];
            for (size_t c = 0; c < CHANNELS; c++)
                axes[k][c] -= dot * axes[before][c];
        }
        for (size_t c = 0; c < CHANNELS; c++)
            squares += axes[k][c] * axes[k][c];
        for (size_t c = 0; c < CHANNELS; c++)
            basis[k * CHANNELS + c] = (float)(axes[k][c] / sqrt(squares));
    }
}

static void fit_scaler(enum scaler_kind kind, size_t channels, const float *values,
                       struct scaler *ret_scaler)
{
    struct diag diag = DIAG_INIT;
    const struct scaler_rows rows = {.rows = ROWS, .channels = channels, .values = values};
    const struct scaler_options options = {.kind = kind, .clip = 4};
    if (scaler_fit(ret_scaler, &options, &rows, &diag) < 0)
        fail_msg("%s", diag.text);
}

/* As fit does it: the scaler, the components of what it scaled, a scaler over those. */
static struct features make(enum scaler_kind kind, bool pca, const float *samples)
{
    struct features features;
    float chosen[ROWS * CHANNELS];
    for (size_t i = 0; i < ROWS * CHANNELS; i++)
        chosen[i] = samples[i / CHANNELS * SAMPLE + places[i % CHANNELS]];
    assert_int_equal(features_init(&features, places, CHANNELS), 0);
    fit_scaler(kind, CHANNELS, chosen, &features.scaler);
    if (!pca)
        return features;
    assert_int_equal(features_add_pca(&features, COMPONENTS), 0);
    features.pca.variance = 0.75;
    draw_basis(features.pca.basis);
    for (size_t c = 0; c < CHANNELS; c++)
        features.pca.mean[c] = 0.1F * (float)c;
    scaler_apply(&features.scaler, ROWS, chosen, chosen);
    features_project(&features, ROWS, chosen, chosen);
    fit_scaler(kind, COMPONENTS, chosen, &features.second);
    struct diag diag = DIAG_INIT;
    if (features_check(&features, &diag) < 0)
        fail_msg("%s", diag.text);
    return features;
}

static void test_channels_alone(void **state)
{
    float samples[ROWS * SAMPLE], output[ROWS * CHANNELS];
    draw_samples(samples);
    struct features features = make(SCALER_STANDARD, false, samples);
    assert_int_equal(features_width(&features), CHANNELS);
    features_apply(&features, ROWS, samples, SAMPLE, output);
    for (size_t i = 0; i < ROWS * CHANNELS; i++) {
        size_t c = i % CHANNELS;
        double value = (double)samples[i / CHANNELS * SAMPLE + places[c]];
        value = (value - features.scaler.offset[c]) * features.scaler.scale[c];
        expect_near((double)output[i], fmin(fmax(value, -4), 4), 1e-6);
    }
    features_deinit(&features);
}

static void test_components(void **state)
{
    float samples[ROWS * SAMPLE], output[ROWS * COMPONENTS];
    draw_samples(samples);
    struct features features = make(SCALER_STANDARD, true, samples);
    assert_int_equal(features_width(&features), COMPONENTS);
    features_apply(&features, ROWS, samples, SAMPLE, output);
    for (size_t row = 0; row < ROWS; row++) {
        float scaled[CHANNELS];
        features_scale(&features, 1, samples + row * SAMPLE, SAMPLE, scaled);
        for (size_t k = 0; k < COMPONENTS; k++) {
            double sum = 0;
            for (size_t c = 0; c < CHANNELS; c++)
                sum += ((double)scaled[c] - (double)features.pca.mean[c]) *
                       (double)features.pca.basis[k * CHANNELS + c];
            sum = (sum - features.second.offset[k]) * features.second.scale[k];
            expect_near((double)output[row * COMPONENTS + k], fmin(fmax(sum, -4), 4), 2e-6);
        }
    }
    features_deinit(&features);
}

/* A window of the daemon, rows of which lie apart, against the same rows in one go as in training.
 */
static void test_live_equals_offline(void **state)
{
    float samples[ROWS * SAMPLE], offline[ROWS * CHANNELS], live[3 * CHANNELS];
    draw_samples(samples);
    for (size_t i = 0; i < 2; i++) {
        struct features features = make(SCALER_QUANTILE_NORMAL, i > 0, samples);
        size_t width = features_width(&features);
        features_apply(&features, ROWS, samples, SAMPLE, offline);
        for (size_t first = 0; first + 9 <= ROWS; first++) {
            features_apply(&features, 3, samples + first * SAMPLE, 4 * SAMPLE, live);
            for (size_t v = 0; v < 3 * width; v++)
                expect_near((double)live[v],
                            (double)offline[(first + v / width * 4) * width + v % width], 1e-6);
        }
        features_deinit(&features);
    }
}

/* A reconstruction that is exactly the input without one channel's deviation along the basis. */
static void test_the_way_back(void **state)
{
    float samples[ROWS * SAMPLE];
    draw_samples(samples);
    for (size_t i = 0; i < 2; i++) {
        struct features features = make(SCALER_STANDARD, i > 0, samples);
        float healthy[CHANNELS], disturbed[CHANNELS], scaled[CHANNELS], sample[SAMPLE];
        double residual[CHANNELS], expected[CHANNELS];
        memcpy(sample, samples + 7 * SAMPLE, sizeof sample);
        features_apply(&features, 1, sample, SAMPLE, healthy);
        sample[places[3]] += 1;
        features_apply(&features, 1, sample, SAMPLE, disturbed);
        features_scale(&features, 1, sample, SAMPLE, scaled);
        features_residual(&features, disturbed, healthy, residual);
        features_expected(&features, scaled, residual, expected);
        for (size_t c = 0; c < CHANNELS; c++) {
            double change = features.scaler.scale[3], share = c == 3;
            for (size_t k = 0; i > 0 && k < COMPONENTS; k++) {
                const float *axis = features.pca.basis + k * CHANNELS;
                share = (k ? share : 0) + (double)axis[c] * (double)axis[3];
            }
            expect_near(residual[c], change * share, 1e-5);
            expect_near(expected[c],
                        (double)sample[places[c]] - change * share / features.scaler.scale[c],
                        1e-5);
        }
        features_deinit(&features);
    }
}

/* ---- files ---- */

struct file {
    cJSON *config;
    struct safetensors_writer *writer;
    const char *drop, *spoil; /* tensors: left out; its last value replaced */
    double spoilt;
    void *bytes;
    struct safetensors *tensors;
};

static int put(void *to, const char *name, enum safetensors_dtype dtype,
               struct safetensors_shape shape, const void *values)
{
    const struct file *file = to;
    size_t count = 1, size = safetensors_dtype_size(dtype);
    for (size_t i = 0; i < shape.rank; i++)
        count *= shape.dims[i];
    if (file->drop && !strcmp(file->drop, name))
        return 0;
    unsigned char *copy = malloc(count * size);
    assert_non_null(copy);
    memcpy(copy, values, count * size);
    if (file->spoil && !strcmp(file->spoil, name)) {
        float f = (float)file->spoilt;
        memcpy(copy + (count - 1) * size,
               dtype == SAFETENSORS_F32 ? (const void *)&f : (const void *)&file->spoilt, size);
    }
    int r = safetensors_writer_add(file->writer, name, dtype, shape, copy);
    free(copy);
    return r;
}

static void save(struct file *file, const struct features *features)
{
    struct diag diag = DIAG_INIT;
    size_t size;
    file->config = cJSON_CreateObject();
    file->writer = safetensors_writer_new();
    features_file_format(features, SAMPLE, file->config);
    assert_int_equal(features_file_put(features, 2, &(struct tensor_sink){.put = put, .to = file}),
                     0);
    if (safetensors_writer_finish(file->writer, &file->bytes, &size, &diag) < 0 ||
        safetensors_parse(file->bytes, size, &file->tensors, &diag) < 0)
        fail_msg("%s", diag.text);
}

static int load(const struct file *file, struct features *ret_features, struct diag *diag)
{
    const struct features_source source = {
        .config = file->config, .tensors = file->tensors, .detector = 2, .sample_channels = SAMPLE};
    return features_file_load(&source, ret_features, diag);
}

static void close_file(struct file *file)
{
    safetensors_free(file->tensors);
    safetensors_writer_free(file->writer);
    cJSON_Delete(file->config);
    free(file->bytes);
}

static void test_files_give_the_same_bits(void **state)
{
    float samples[ROWS * SAMPLE], before[ROWS * CHANNELS], after[ROWS * CHANNELS];
    draw_samples(samples);
    for (size_t i = 0; i < 2 * (SCALER_QUANTILE_NORMAL + 1); i++) {
        struct features features = make((enum scaler_kind)(i / 2), i % 2, samples), loaded;
        struct file file = {0};
        struct diag diag = DIAG_INIT;
        size_t cells = ROWS * features_width(&features);
        save(&file, &features);
        if (load(&file, &loaded, &diag) < 0)
            fail_msg("%s: %s", scaler_kind_name((enum scaler_kind)(i / 2)), diag.text);
        assert_int_equal(features_width(&loaded), features_width(&features));
        expect_near(loaded.pca.variance, features.pca.variance, 0);
        features_apply(&features, ROWS, samples, SAMPLE, before);
        features_apply(&loaded, ROWS, samples, SAMPLE, after);
        for (size_t v = 0; v < cells; v++)
            expect_near((double)after[v], (double)before[v], 0);
        for (size_t c = 0; c < CHANNELS; c++)
            expect_near(scaler_inverse(&loaded.scaler, c, 0.3),
                        scaler_inverse(&features.scaler, c, 0.3), 0);
        features_deinit(&features);
        features_deinit(&loaded);
        close_file(&file);
    }
}

static cJSON *reduction(cJSON *config)
{
    return cJSON_GetObjectItemCaseSensitive(config, "reduction");
}

static void unknown_reduction(cJSON *config)
{
    cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(reduction(config), "kind"), "pcb");
}

static void more_components(cJSON *config)
{
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(reduction(config), "components"), 4);
}

static void too_many_components(cJSON *config)
{
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(reduction(config), "components"), 6);
}

static void no_second_scaler(cJSON *config)
{
    cJSON_DeleteItemFromObjectCaseSensitive(reduction(config), "second_scaler");
}

static void variance_over_1(cJSON *config)
{
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(reduction(config), "variance"), 1.5);
}

static void a_channel_twice(cJSON *config)
{
    cJSON_ReplaceItemInArray(cJSON_GetObjectItemCaseSensitive(config, "channels"), 1,
                             cJSON_CreateNumber(1));
}

static void test_damaged_files_are_refused(void **state)
{
    static const struct {
        enum scaler_kind kind;
        void (*edit)(cJSON *config);
        const char *drop, *spoil;
        double spoilt;
        const char *why;
    } cases[] = {
        {SCALER_STANDARD, unknown_reduction, .why = "reduction: kind \"pcb\", must be pca"},
        {SCALER_STANDARD, more_components, .why = "2.pca.basis"},
        {SCALER_STANDARD, too_many_components, .why = "components"},
        {SCALER_STANDARD, no_second_scaler, .why = "second_scaler"},
        {SCALER_STANDARD, variance_over_1, .why = "variance"},
        {SCALER_STANDARD, a_channel_twice, .why = "channels: entry 1 must be an integer from 2"},
        {SCALER_STANDARD, .drop = "2.scaler.offset", .why = "2.scaler.offset"},
        {SCALER_STANDARD, .drop = "2.pca.mean", .why = "2.pca.mean"},
        {SCALER_STANDARD, .drop = "2.pca.basis", .why = "2.pca.basis"},
        {SCALER_STANDARD, .drop = "2.second_scaler.scale", .why = "2.second_scaler.scale"},
        {SCALER_STANDARD, .spoil = "2.pca.mean", .spoilt = (double)NAN, .why = "2.pca.mean"},
        {SCALER_STANDARD, .spoil = "2.pca.basis", .spoilt = (double)NAN, .why = "2.pca.basis"},
        {SCALER_STANDARD, .spoil = "2.pca.basis", .spoilt = 3, .why = "component 2 has length 3"},
        {SCALER_STANDARD, .spoil = "2.second_scaler.scale", .why = "scale 0"},
        {SCALER_POWER, .drop = "2.scaler.lambda", .why = "2.scaler.lambda"},
        {SCALER_POWER, .drop = "2.scaler.quantiles", .why = "2.scaler.quantiles: missing"},
        {SCALER_POWER, .spoil = "2.scaler.lambda", .spoilt = (double)NAN, .why = "2.scaler.lambda"},
        {SCALER_QUANTILE_UNIFORM, .drop = "2.scaler.quantiles", .why = "2.scaler.quantiles"},
        {SCALER_QUANTILE_UNIFORM, .spoil = "2.scaler.quantiles", .spoilt = -99, .why = "below the"},
        {SCALER_QUANTILE_NORMAL, .spoil = "2.scaler.quantiles", .spoilt = (double)INFINITY,
         .why = "2.scaler.quantiles"},
    };
    float samples[ROWS * SAMPLE];
    draw_samples(samples);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct features features = make(cases[i].kind, true, samples), loaded;
        struct file file = {
            .drop = cases[i].drop, .spoil = cases[i].spoil, .spoilt = cases[i].spoilt};
        struct diag diag = DIAG_INIT;
        save(&file, &features);
        if (cases[i].edit)
            cases[i].edit(file.config);
        int r = load(&file, &loaded, &diag);
        if (r != -EINVAL || !strstr(diag.text, cases[i].why))
            fail_msg("%d: \"%s\", expected \"%s\"", r, diag.text, cases[i].why);
        features_deinit(&features);
        features_deinit(&loaded);
        close_file(&file);
    }
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channels_alone),
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_live_equals_offline),
        cmocka_unit_test(test_the_way_back),
        cmocka_unit_test(test_files_give_the_same_bits),
        cmocka_unit_test(test_damaged_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

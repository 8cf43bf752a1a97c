#include "golden.h"
#include "nn/blas.h"
#include "tiny_model.h"

#include "base/rng.h"
#include "lab/draft.h"

#include <math.h>
#include <string.h>

#define ROWS 200

static void draw_rows(float *rows, size_t count, double spread)
{
    struct rng rng;
    rng_init(&rng, 11);
    for (size_t i = 0; i < count; i++)
        rows[i] = (float)(spread * rng_normal(&rng));
}

/* Every batch size, against a plain network with its BatchNorm in place. */
static void check_scores(const struct tiny_model *tiny)
{
    struct model *model = tiny_model_new(tiny);
    struct detector *detector = &model->detector[0];
    float rows[ROWS * 8];
    draw_rows(rows, ROWS * model->channels, 2); /* some beyond the clip */
    size_t total = ROWS - detector_span(detector) + 1, first = 0;
    for (size_t batch = 1; batch <= DETECTOR_BATCH_MAX; batch = batch < 3 ? batch + 1 : 2 * batch) {
        const float *windows[DETECTOR_BATCH_MAX];
        double scores[DETECTOR_BATCH_MAX];
        for (size_t i = 0; i < batch; i++)
            windows[i] = rows + (first + i) % total * model->channels;
        detector_score(detector, windows, batch, scores);
        for (size_t i = 0; i < batch; i++) {
            double expected = tiny_model_score(tiny, 0, windows[i]);
            expect_near(scores[i], expected, 2e-5 * (1 + expected));
        }
        first += batch;
    }
    model_unref(model);
}

static void test_scores_equal_a_plain_network(void **state)
{
    check_scores(&(struct tiny_model){.random = true});
    check_scores(&(struct tiny_model){.random = true, .sigmoid = true});
    check_scores(&(struct tiny_model){.random = true, .window = {5}, .channels = 7, .spacing = 3});
    check_scores(&(struct tiny_model){.random = true, .window = {1}, .channels = 1});
    check_scores(&(struct tiny_model){.sigmoid = true});
}

static void test_mean_square_without_weights(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    float rows[4 * 3];
    double score, sum = 0;
    for (size_t i = 0; i < 12; i++) {
        rows[i] = (float)i;
        sum += (double)(i * i);
    }
    detector_score(&model->detector[0], (const float *[]){rows}, 1, &score);
    expect_near(score, sum / 12, 1e-6);
    model_unref(model);
}

static void test_overflow_is_not_finite(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    float rows[4 * 3] = {[7] = 3e38F};
    double score;
    detector_score(&model->detector[0], (const float *[]){rows}, 1, &score);
    assert_false(isfinite(score));
    model_unref(model);
}

/* Only channel b moves, in one row of four that is not the newest. */
static void test_explanation(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    float rows[4 * 3] = {0};
    rows[1 * 3 + 1] = 2;
    rows[3 * 3 + 0] = 1;
    struct deviation deviations[3];
    detector_explain(&model->detector[0], rows, deviations);
    expect_near(deviations[0].share, 0.2, 1e-6);
    expect_near(deviations[1].share, 0.8, 1e-6);
    expect_near(deviations[2].share, 0, 0);
    expect_near(deviations[0].observed, 1, 0);
    expect_near(deviations[0].expected, 0, 1e-6);
    expect_near(deviations[0].z, 2, 1e-5); /* the usual residual is 0.5 */
    expect_near(deviations[1].observed, 0, 0);
    for (size_t c = 0; c < 3; c++)
        assert_int_equal(deviations[c].channel, c);
    model_unref(model);
}

static void test_a_detector_of_some_channels(void **state)
{
    const struct tiny_model tiny = {.random = true, .channels = 5, .unwatched = 2};
    check_scores(&tiny);
    struct model *model = tiny_model_new(&tiny);
    float rows[4 * 5];
    struct deviation deviations[5];
    draw_rows(rows, 4 * 5, 1);
    detector_explain(&model->detector[0], rows, deviations);
    double sum = 0;
    for (size_t c = 0; c < 5; c++) {
        sum += deviations[c].share;
        expect_near(deviations[c].observed, (double)rows[3 * 5 + c], 0);
    }
    expect_near(sum, 1, 1e-6);
    expect_near(deviations[0].share + deviations[1].share, 0, 0);
    expect_near(deviations[1].expected, deviations[1].observed, 0); /* nothing is known of it */
    model_unref(model);
}

/* ---- principal components ---- */

#define PCA_CHANNELS 6
#define PCA_COMPONENTS 5
#define PCA_WINDOW 4

/* All directions but the one in which every channel changes by the same: a DCT-II without its first
 * row. */
static void fill_basis(float *basis)
{
    for (size_t k = 0; k < PCA_COMPONENTS; k++)
        for (size_t c = 0; c < PCA_CHANNELS; c++)
            basis[k * PCA_CHANNELS + c] =
                (float)(sqrt(2.0 / PCA_CHANNELS) *
                        cos(M_PI / PCA_CHANNELS * ((double)c + 0.5) * (double)(k + 1)));
}

static void set(struct draft *draft, const char *name, enum safetensors_dtype dtype,
                struct safetensors_shape shape, const void *values)
{
    assert_int_equal(draft_set(draft, name, dtype, shape, values), 0);
}

static void edit_config(struct draft *draft)
{
    cJSON *detector = draft_detector(draft, 0);
    cJSON *reduction = cJSON_AddObjectToObject(detector, "reduction");
    cJSON_AddStringToObject(reduction, "kind", "pca");
    cJSON_AddNumberToObject(reduction, "components", PCA_COMPONENTS);
    cJSON *second = cJSON_AddObjectToObject(reduction, "second_scaler");
    cJSON_AddStringToObject(second, "kind", "standard");
    cJSON *architecture = cJSON_GetObjectItemCaseSensitive(detector, "architecture");
    cJSON *decoder = cJSON_GetObjectItemCaseSensitive(architecture, "decoder");
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(decoder->child, "outputs"),
                         PCA_WINDOW * PCA_COMPONENTS);
}

/* A network that reconstructs 0, which is the mean of the components. */
static struct model *pca_model(void)
{
    enum { WIDTH = PCA_WINDOW * PCA_COMPONENTS, HIDDEN = 5 };
    static const float zeros[HIDDEN * WIDTH];
    static const float mean[PCA_CHANNELS] = {0.1F, -0.1F, 0.2F, 0, 0.3F, -0.2F};
    static const double offset[PCA_CHANNELS] = {10, 20, 30, 40, 50, 60};
    static const double scale[PCA_CHANNELS] = {1, 2, 0.5, 1, 4, 1};
    static const double second_offset[PCA_COMPONENTS], second[PCA_COMPONENTS] = {1, 2, 3, 4, 5};
    float basis[PCA_COMPONENTS * PCA_CHANNELS], rows[PCA_WINDOW * PCA_CHANNELS] = {0};
    fill_basis(basis);
    void *data;
    size_t size;
    struct draft *draft;
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    tiny_model_format(&(struct tiny_model){.channels = PCA_CHANNELS}, &data, &size);
    if (draft_parse(data, size, &draft, &diag) < 0)
        fail_msg("%s", diag.text);
    free(data);
    edit_config(draft);
    set(draft, "0.encoder.0.weight", SAFETENSORS_F32, SAFETENSORS_SHAPE(HIDDEN, WIDTH), zeros);
    set(draft, "0.decoder.0.weight", SAFETENSORS_F32, SAFETENSORS_SHAPE(WIDTH, HIDDEN), zeros);
    set(draft, "0.decoder.0.bias", SAFETENSORS_F32, SAFETENSORS_SHAPE(WIDTH), zeros);
    set(draft, "0.scaler.offset", SAFETENSORS_F64, SAFETENSORS_SHAPE(PCA_CHANNELS), offset);
    set(draft, "0.scaler.scale", SAFETENSORS_F64, SAFETENSORS_SHAPE(PCA_CHANNELS), scale);
    set(draft, "0.pca.mean", SAFETENSORS_F32, SAFETENSORS_SHAPE(PCA_CHANNELS), mean);
    set(draft, "0.pca.basis", SAFETENSORS_F32, SAFETENSORS_SHAPE(PCA_COMPONENTS, PCA_CHANNELS),
        basis);
    set(draft, "0.second_scaler.offset", SAFETENSORS_F64, SAFETENSORS_SHAPE(PCA_COMPONENTS),
        second_offset);
    set(draft, "0.second_scaler.scale", SAFETENSORS_F64, SAFETENSORS_SHAPE(PCA_COMPONENTS), second);
    if (draft_set_selftest(draft, rows, PCA_WINDOW, PCA_CHANNELS, &diag) < 0 ||
        draft_build(draft, &model, &diag) < 0)
        fail_msg("%s", diag.text);
    draft_free(draft);
    return model;
}

/* Rows at the mean of the components, scaled as the model does. */
static void fill_mean_rows(float *rows)
{
    static const double mean_sample[PCA_CHANNELS] = {10.1, 19.95, 30.4, 40, 50.075, 59.8};
    for (size_t i = 0; i < PCA_WINDOW * PCA_CHANNELS; i++)
        rows[i] = (float)mean_sample[i % PCA_CHANNELS];
}

static void test_components_are_explained_by_channel(void **state)
{
    static const double scale[PCA_CHANNELS] = {1, 2, 0.5, 1, 4, 1};
    struct model *model = pca_model();
    float rows[PCA_WINDOW * PCA_CHANNELS];
    for (size_t channel = 0; channel < PCA_CHANNELS; channel++) {
        struct deviation deviations[PCA_CHANNELS];
        fill_mean_rows(rows);
        float *newest = rows + (PCA_WINDOW - 1) * PCA_CHANNELS;
        newest[channel] += (float)(3 / scale[channel]);
        detector_explain(&model->detector[0], rows, deviations);
        double sum = 0;
        for (size_t c = 0; c < PCA_CHANNELS; c++) {
            /* The direction that the components lack takes 3 / 6 from every channel. */
            double residual = (c == channel ? 3 : 0) - 3.0 / PCA_CHANNELS;
            expect_near(deviations[c].observed, (double)newest[c], 0);
            expect_near(deviations[c].expected, (double)newest[c] - residual / scale[c], 1e-4);
            expect_near(deviations[c].z, residual / scale[c] / 0.5, 1e-3);
            expect_near(deviations[c].share, residual * residual / 7.5, 1e-4);
            sum += deviations[c].share;
        }
        expect_near(sum, 1, 1e-9);
        assert_true(deviations[channel].share > 0.8);
    }
    model_unref(model);
}

static void test_the_score_of_components(void **state)
{
    struct model *model = pca_model();
    float rows[PCA_WINDOW * PCA_CHANNELS], basis[PCA_COMPONENTS * PCA_CHANNELS];
    double score, sum = 0;
    fill_basis(basis);
    fill_mean_rows(rows);
    detector_score(&model->detector[0], (const float *[]){rows}, 1, &score);
    expect_near(score, 0, 1e-9);
    rows[1 * PCA_CHANNELS + 3] += 2;
    for (size_t k = 0; k < PCA_COMPONENTS; k++) {
        double component = 2 * (double)basis[k * PCA_CHANNELS + 3] * (double)(k + 1);
        sum += component * component;
    }
    detector_score(&model->detector[0], (const float *[]){rows}, 1, &score);
    expect_near(score, sum / (PCA_WINDOW * PCA_COMPONENTS), 1e-5);
    model_unref(model);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_equal_a_plain_network),
        cmocka_unit_test(test_mean_square_without_weights),
        cmocka_unit_test(test_overflow_is_not_finite),
        cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_a_detector_of_some_channels),
        cmocka_unit_test(test_components_are_explained_by_channel),
        cmocka_unit_test(test_the_score_of_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

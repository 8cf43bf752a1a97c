#include "golden.h"
#include "nn/blas.h"
#include "tiny_model.h"

#include "base/rng.h"

#include <math.h>

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

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_equal_a_plain_network),
        cmocka_unit_test(test_mean_square_without_weights),
        cmocka_unit_test(test_overflow_is_not_finite),
        cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_a_detector_of_some_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "golden.h"
#include "lab/draft.h"
#include "nn/blas.h"
#include "tiny_model.h"

#include <errno.h>
#include <string.h>

/* The rows of the golden file are windows of three rows of ten channels. */
#define WINDOW 3
#define CHANNELS 10
#define WIDTH (WINDOW * CHANNELS)
#define GOLDEN_NEIGHBOURS 5

struct bench {
    struct golden golden;
    float *reference, *direction;
    float *queries; /* weighted, as the references are */
    float *windows; /* [count][WIDTH] what becomes of them by the weights */
    float weight[CHANNELS];
    double *distances;
    int64_t *places;
    size_t references, directions, count;
};

static struct bench bench_open(void)
{
    struct bench bench = {.golden = golden_open("nearest.safetensors")};
    size_t count;
    bench.reference = golden_values(&bench.golden, "smooth.", "rows", &bench.references);
    bench.direction = golden_values(&bench.golden, "smooth.", "directions", &bench.directions);
    bench.queries = golden_values(&bench.golden, "smooth.", "queries", &bench.count);
    bench.distances = golden_values(&bench.golden, "smooth.", "distances", &count);
    bench.places = golden_values(&bench.golden, "smooth.", "places", &count);
    bench.references /= WIDTH;
    bench.directions /= WIDTH;
    bench.count /= WIDTH;
    bench.windows = malloc(bench.count * WIDTH * sizeof *bench.windows);
    assert_non_null(bench.windows);
    for (size_t c = 0; c < CHANNELS; c++) /* powers of two: nothing is rounded */
        bench.weight[c] = ldexpf(1, (int)(c % 5) - 2);
    for (size_t i = 0; i < bench.count * WIDTH; i++)
        bench.windows[i] = bench.queries[i] / bench.weight[i % CHANNELS];
    return bench;
}

static void bench_close(struct bench *bench)
{
    free(bench->reference);
    free(bench->direction);
    free(bench->queries);
    free(bench->windows);
    free(bench->distances);
    free(bench->places);
    golden_close(&bench->golden);
}

static void set(struct draft *draft, const char *name, size_t rows, const float *values)
{
    assert_int_equal(
        draft_set(draft, name, SAFETENSORS_F32, SAFETENSORS_SHAPE(rows, WIDTH), values), 0);
}

/* A tiny model whose detector is changed into knn. Its scaler changes nothing. */
static int build(const struct bench *bench, double neighbours, size_t references,
                 struct model **ret_model, struct diag *diag)
{
    void *data;
    size_t size;
    struct draft *draft;
    tiny_model_format(&(struct tiny_model){.channels = CHANNELS, .window = {WINDOW}}, &data, &size);
    if (draft_parse(data, size, &draft, diag) < 0)
        fail_msg("%s", diag->text);
    free(data);
    cJSON *entry = draft_detector(draft, 0);
    cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(entry, "kind"), "knn");
    cJSON_AddNumberToObject(entry, "neighbours", neighbours);
    assert_int_equal(draft_set(draft, "0.feature.weight", SAFETENSORS_F32,
                               SAFETENSORS_SHAPE(CHANNELS), bench->weight),
                     0);
    if (references > 0)
        set(draft, "0.reference.windows", references, bench->reference);
    set(draft, "0.reference.directions", bench->directions, bench->direction);
    int r = draft_set_selftest(draft, bench->windows, WINDOW, CHANNELS, diag);
    if (r == 0)
        r = draft_build(draft, ret_model, diag);
    draft_free(draft);
    return r;
}

static struct model *model_of(const struct bench *bench, double neighbours)
{
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    if (build(bench, neighbours, bench->references, &model, &diag) < 0)
        fail_msg("%s", diag.text);
    return model;
}

/* The mean over the nearest of the root-mean-square difference, in any batch. */
static void check_scores(size_t neighbours)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench, (double)neighbours);
    for (size_t batch = 1; batch <= DETECTOR_BATCH_MAX; batch *= 4) {
        for (size_t first = 0; first + batch <= bench.count; first += batch) {
            const float *windows[DETECTOR_BATCH_MAX];
            double scores[DETECTOR_BATCH_MAX];
            for (size_t i = 0; i < batch; i++)
                windows[i] = bench.windows + (first + i) * WIDTH;
            detector_score(&model->detector[0], windows, batch, scores);
            for (size_t i = 0; i < batch; i++) {
                double sum = 0;
                for (size_t n = 0; n < neighbours; n++)
                    sum += bench.distances[(first + i) * GOLDEN_NEIGHBOURS + n];
                expect_near(scores[i], sum / (double)neighbours / sqrt(WIDTH), 1e-9);
            }
        }
    }
    model_unref(model);
    bench_close(&bench);
}

static void test_scores_equal_scikit_learns(void **state)
{
    check_scores(1);
    check_scores(GOLDEN_NEIGHBOURS);
}

/* Against the mean of the windows that scikit-learn finds. */
static void test_explanation(void **state)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench, GOLDEN_NEIGHBOURS);
    for (size_t i = 0; i < bench.count; i++) {
        const float *window = bench.windows + i * WIDTH, *query = bench.queries + i * WIDTH;
        double mean[WIDTH] = {0}, error[CHANNELS] = {0}, total = 0;
        for (size_t n = 0; n < GOLDEN_NEIGHBOURS; n++) {
            size_t place = (size_t)bench.places[i * GOLDEN_NEIGHBOURS + n];
            for (size_t c = 0; c < WIDTH; c++)
                mean[c] += (double)bench.reference[place * WIDTH + c] / GOLDEN_NEIGHBOURS;
        }
        for (size_t c = 0; c < WIDTH; c++) {
            double residual = (double)query[c] - mean[c];
            error[c % CHANNELS] += residual * residual;
            total += residual * residual;
        }
        struct deviation deviations[CHANNELS];
        detector_explain(&model->detector[0], window, deviations);
        for (size_t c = 0; c < CHANNELS; c++) {
            size_t newest = (WINDOW - 1) * CHANNELS + c;
            double expected = mean[newest] / (double)bench.weight[c];
            assert_int_equal(deviations[c].channel, c);
            expect_near(deviations[c].share, error[c] / total, 1e-4);
            expect_near(deviations[c].observed, (double)window[newest], 0);
            expect_near(deviations[c].expected, expected, 1e-4);
            expect_near(deviations[c].z, ((double)window[newest] - expected) / 0.5, 1e-3);
        }
    }
    model_unref(model);
    bench_close(&bench);
}

/* As a clip is not asked for; a distance is summed in double. */
static void test_glitches_are_far_away(void **state)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench, 2);
    float window[WIDTH] = {[4] = 3e38F, [5] = -3e38F};
    double score;
    struct deviation deviations[CHANNELS];
    detector_score(&model->detector[0], (const float *[]){window}, 1, &score);
    assert_true(score > 1e37);
    window[4] = INFINITY;
    detector_score(&model->detector[0], (const float *[]){window}, 1, &score);
    assert_true(isinf(score) && score > 0);
    detector_explain(&model->detector[0], window, deviations);
    model_unref(model);
    bench_close(&bench);
}

static void refuses(const struct bench *bench, double neighbours, size_t references,
                    const char *text)
{
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    assert_int_equal(build(bench, neighbours, references, &model, &diag), -EINVAL);
    if (!strstr(diag.text, text))
        fail_msg("\"%s\" does not say \"%s\"", diag.text, text);
}

static void test_broken_files_are_refused(void **state)
{
    struct bench bench = bench_open();
    refuses(&bench, 0, bench.references, "neighbours");
    refuses(&bench, 65, bench.references, "neighbours");
    refuses(&bench, 5, 4, "0.reference.windows: missing, or not [5 and more, 30]");
    refuses(&bench, 1, 0, "0.reference.windows: missing");
    bench.weight[9] = 0;
    refuses(&bench, 1, bench.references, "0.feature.weight: entry 9 is 0, must be over 0");
    bench.weight[9] = 1;
    bench.direction[3] += 1;
    refuses(&bench, 1, bench.references, "reference.directions: directions 0 and 0");
    bench_close(&bench);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_equal_scikit_learns),
        cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_glitches_are_far_away),
        cmocka_unit_test(test_broken_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

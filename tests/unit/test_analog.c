/* The analog detector against plain NumPy (tests/golden). */
#include "model/analog.h"

#include "base/rng.h"
#include "golden.h"
#include "lab/draft.h"
#include "model/derived_file.h"
#include "nn/blas.h"
#include "tiny_model.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

/* Of the golden file: rows of the program step and five channels. */
#define WATCHED 5
#define CHANNELS (WATCHED + 1)
#define WINDOW_VALUES (ANALOG_WINDOW * CHANNELS)
#define STEP_NEW 4 /* that no reference cycle is of */

static int golden_steps[] = {3, 5, 9};
static int neighbours = 4; /* of the golden file */

struct bench {
    struct golden golden;
    float *floor, *rows, *windows;
    int64_t *run;
    double *score, *expected, *z, *share;
    size_t reference_rows, runs, count;
};

static struct bench bench_open(void)
{
    struct bench bench = {.golden = golden_open("analog.safetensors")};
    size_t count;
    bench.floor = golden_values(&bench.golden, "", "floor", &count);
    bench.rows = golden_values(&bench.golden, "", "rows", &bench.reference_rows);
    bench.run = golden_values(&bench.golden, "", "run", &bench.runs);
    bench.windows = golden_values(&bench.golden, "", "windows", &bench.count);
    bench.score = golden_values(&bench.golden, "", "score", &count);
    bench.expected = golden_values(&bench.golden, "", "expected", &count);
    bench.z = golden_values(&bench.golden, "", "z", &count);
    bench.share = golden_values(&bench.golden, "", "share", &count);
    bench.reference_rows /= WATCHED;
    bench.runs /= 2;
    bench.count /= WINDOW_VALUES;
    return bench;
}

static void bench_close(struct bench *bench)
{
    free(bench->floor);
    free(bench->rows);
    free(bench->windows);
    free(bench->run);
    free(bench->score);
    free(bench->expected);
    free(bench->z);
    free(bench->share);
    golden_close(&bench->golden);
}

/* ---- a tiny model whose detector is changed into analog ---- */

static void put_places(cJSON *entry, const char *key, const int *places, size_t count)
{
    cJSON_AddItemToObject(entry, key, cJSON_CreateIntArray(places, (int)count));
}

static void put_derivation(cJSON *config)
{
    static const char *const names[CHANNELS] = {"a", "b", "c", "d", "e", "f"};
    const struct derivation derivation = {.channels = CHANNELS,
                                          .load = DERIVED_NONE,
                                          .steps = sizeof golden_steps / sizeof *golden_steps,
                                          .step = golden_steps};
    derived_file_format(&derivation, &(struct derived_names){.count = CHANNELS, .name = names},
                        config);
}

static struct draft *start_draft(void)
{
    static const int places[] = {1, 2, 3, 4, 5}, groups[] = {0, 0, 1, 0, 1};
    void *data;
    size_t size;
    struct draft *draft;
    struct diag diag = DIAG_INIT;
    tiny_model_format(&(struct tiny_model){.channels = CHANNELS, .window = {ANALOG_WINDOW}}, &data,
                      &size);
    if (draft_parse(data, size, &draft, &diag) < 0)
        fail_msg("%s", diag.text);
    free(data);
    put_derivation(draft_config(draft));
    cJSON *entry = draft_detector(draft, 0);
    cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(entry, "kind"), "analog");
    cJSON_AddNumberToObject(entry, "neighbours", neighbours);
    put_places(entry, "channels", places, WATCHED);
    put_places(entry, "groups", groups, WATCHED);
    return draft;
}

/* edit: what is wrong with it; may be NULL. */
static int build(const struct bench *bench, void (*edit)(struct draft *draft),
                 struct model **ret_model, struct diag *diag)
{
    struct draft *draft = start_draft();
    assert_int_equal(draft_set(draft, "0.channel.floor", SAFETENSORS_F32,
                               SAFETENSORS_SHAPE(WATCHED), bench->floor),
                     0);
    assert_int_equal(draft_set(draft, "0.reference.rows", SAFETENSORS_F32,
                               SAFETENSORS_SHAPE(bench->reference_rows, WATCHED), bench->rows),
                     0);
    assert_int_equal(draft_set(draft, "0.reference.run", SAFETENSORS_I64,
                               SAFETENSORS_SHAPE(bench->runs, 2), bench->run),
                     0);
    if (edit)
        edit(draft);
    int r = draft_set_selftest(draft, bench->windows, 2 * ANALOG_WINDOW, CHANNELS, diag);
    if (r == 0)
        r = draft_build(draft, ret_model, diag);
    draft_free(draft);
    return r;
}

static struct model *model_of(const struct bench *bench)
{
    struct model *model = NULL;
    struct diag diag = DIAG_INIT;
    if (build(bench, NULL, &model, &diag) < 0)
        fail_msg("%s", diag.text);
    return model;
}

/* ---- scoring ---- */

/* Batches mix the steps; the same window gets the same score in any. */
static void test_scores_equal_numpys(void **state)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench);
    for (size_t batch = 1; batch <= DETECTOR_BATCH_MAX; batch *= 4) {
        for (size_t first = 0; first < bench.count; first++) {
            const float *windows[DETECTOR_BATCH_MAX];
            double scores[DETECTOR_BATCH_MAX];
            for (size_t i = 0; i < batch; i++)
                windows[i] = bench.windows + (first + 32 * i) % bench.count * WINDOW_VALUES;
            detector_score(&model->detector[0], windows, batch, scores);
            for (size_t i = 0; i < batch; i++)
                expect_near(scores[i], bench.score[(first + 32 * i) % bench.count], 2e-4);
        }
    }
    model_unref(model);
    bench_close(&bench);
}

static void test_explanation(void **state)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench);
    for (size_t i = 0; i < bench.count; i++) {
        const float *newest = bench.windows + (i + 1) * WINDOW_VALUES - CHANNELS;
        struct deviation deviations[CHANNELS];
        detector_explain(&model->detector[0], bench.windows + i * WINDOW_VALUES, deviations);
        expect_near(deviations[0].share, 0, 0); /* the step is not looked at */
        expect_near(deviations[0].expected, (double)newest[0], 0);
        for (size_t c = 1; c < CHANNELS; c++) {
            size_t at = i * WATCHED + c - 1;
            assert_int_equal(deviations[c].channel, c);
            expect_near(deviations[c].observed, (double)newest[c], 0);
            expect_near(deviations[c].expected, bench.expected[at],
                        1e-4 * (1 + fabs(bench.expected[at])));
            expect_near(deviations[c].z, bench.z[at], 1e-3 * (1 + fabs(bench.z[at])));
            expect_near(deviations[c].share, bench.share[at], 1e-4);
        }
    }
    model_unref(model);
    bench_close(&bench);
}

static void test_a_new_step_cannot_be_judged(void **state)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench);
    struct deviation deviations[CHANNELS];
    float window[WINDOW_VALUES];
    double scores[2];
    memcpy(window, bench.windows, sizeof window);
    window[WINDOW_VALUES - CHANNELS] = STEP_NEW;
    detector_score(&model->detector[0], (const float *[]){window, bench.windows}, 2, scores);
    assert_true(isnan(scores[0]));
    expect_near(scores[1], bench.score[0], 2e-4);
    detector_explain(&model->detector[0], window, deviations);
    for (size_t c = 0; c < CHANNELS; c++) {
        expect_near(deviations[c].share, 0, 0);
        expect_near(deviations[c].expected, deviations[c].observed, 0);
    }
    model_unref(model);
    bench_close(&bench);
}

/* The references carry the rows before their step, so its first rows are judged as any others:
 * what step the predecessors are of does not matter. */
static void test_the_step_is_that_of_the_newest_row(void **state)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench);
    float window[WINDOW_VALUES];
    double score;
    memcpy(window, bench.windows, sizeof window);
    window[0] = window[CHANNELS] = STEP_NEW;
    detector_score(&model->detector[0], (const float *[]){window}, 1, &score);
    expect_near(score, bench.score[0], 2e-4);
    model_unref(model);
    bench_close(&bench);
}

static void test_overflow_is_infinite(void **state)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench);
    float window[WINDOW_VALUES];
    double score;
    memcpy(window, bench.windows, sizeof window);
    for (size_t w = 0; w < ANALOG_WINDOW; w++)
        window[w * CHANNELS + 1] = 3e38F;
    detector_score(&model->detector[0], (const float *[]){window}, 1, &score);
    assert_true(isinf(score) && score > 0);
    model_unref(model);
    bench_close(&bench);
}

static void test_spikes(void **state)
{
    assert_true(analog_spike(0, 101, 0));
    assert_true(analog_spike(50, -101, 20));
    assert_false(analog_spike(0, 99, 0));
    assert_false(analog_spike(0, 101, 101)); /* it stays */
    assert_false(analog_spike(0, 101, 202)); /* it goes on */
}

/* Ahead of the sample by one row or two, a spike changes nothing but the search a little. */
static void test_a_spike_is_not_searched_with(void **state)
{
    struct bench bench = bench_open();
    struct model *model = model_of(&bench);
    for (size_t row = 0; row < ANALOG_PREDECESSORS; row++) {
        float window[WINDOW_VALUES];
        double scores[2];
        memcpy(window, bench.windows + 3 * WINDOW_VALUES, sizeof window);
        window[row * CHANNELS + 1] = 1500;
        detector_score(&model->detector[0],
                       (const float *[]){bench.windows + 3 * WINDOW_VALUES, window}, 2, scores);
        if (!(scores[0] < 1.5 && scores[1] < 1.5))
            fail_msg("row %zu: %.3f without, %.3f with a spike", row, scores[0], scores[1]);
    }
    model_unref(model);
    bench_close(&bench);
}

/* ---- steps of many rows ---- */

/* The golden references, with a run of `pad` rows, which are near to nothing, ahead of each step's.
 */
static struct model *padded_model(const struct bench *bench, size_t pad)
{
    size_t steps = sizeof golden_steps / sizeof *golden_steps, from = 0, rows = 0, runs = 0;
    struct bench padded = *bench;
    padded.rows = malloc((bench->reference_rows + steps * pad) * WATCHED * sizeof *padded.rows);
    padded.run = malloc((bench->runs + steps) * 2 * sizeof *padded.run);
    assert_true(padded.rows && padded.run);
    for (size_t i = 0; i < bench->runs; i++) {
        size_t length = (size_t)bench->run[2 * i + 1];
        if (i == 0 || bench->run[2 * i] != bench->run[2 * i - 2]) {
            padded.run[2 * runs] = bench->run[2 * i];
            padded.run[2 * runs++ + 1] = (int64_t)pad;
            for (size_t v = 0; v < pad * WATCHED; v++)
                padded.rows[rows * WATCHED + v] = 1e6F;
            rows += pad;
        }
        memcpy(&padded.run[2 * runs++], &bench->run[2 * i], 2 * sizeof *padded.run);
        memcpy(padded.rows + rows * WATCHED, bench->rows + from * WATCHED,
               length * WATCHED * sizeof *padded.rows);
        from += length;
        rows += length;
    }
    padded.reference_rows = rows;
    padded.runs = runs;
    struct model *model = model_of(&padded);
    free(padded.rows);
    free(padded.run);
    return model;
}

static void expect_golden_scores(const struct bench *bench, struct model *model, size_t pad)
{
    for (size_t first = 0; first < bench->count; first += DETECTOR_BATCH_MAX) {
        const float *windows[DETECTOR_BATCH_MAX];
        double scores[DETECTOR_BATCH_MAX];
        size_t left = bench->count - first;
        size_t count = left < DETECTOR_BATCH_MAX ? left : DETECTOR_BATCH_MAX;
        for (size_t i = 0; i < count; i++)
            windows[i] = bench->windows + (first + i) * WINDOW_VALUES;
        detector_score(&model->detector[0], windows, count, scores);
        for (size_t i = 0; i < count; i++) {
            if (!(fabs(scores[i] - bench->score[first + i]) < 2e-4))
                fail_msg("%zu rows before: window %zu scored %g, expected %g", pad, first + i,
                         scores[i], bench->score[first + i]);
        }
    }
}

/* Wherever the border between two products runs, no row is lost there. */
static void test_rows_are_found_in_all_blocks(void **state)
{
    struct bench bench = bench_open();
    for (size_t pad = ANALOG_BLOCK_ROWS - 90; pad <= ANALOG_BLOCK_ROWS + 3; pad++) {
        struct model *model = padded_model(&bench, pad);
        expect_golden_scores(&bench, model, pad);
        model_unref(model);
    }
    bench_close(&bench);
}

/* Scratch does not grow with them: what a file takes is in proportion to the file. */
static void test_a_step_of_many_rows_takes_little_memory(void **state)
{
    enum { PAD = 200000 };
    struct bench bench = bench_open();
    struct mallinfo2 before = mallinfo2();
    struct model *model = padded_model(&bench, PAD);
    struct mallinfo2 after = mallinfo2();
    size_t taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    size_t file = 3 * (PAD + 100) * WATCHED * sizeof(float);
    if (taken > 2 * file)
        fail_msg("%zu MB for %zu MB of references", taken >> 20, file >> 20);
    expect_golden_scores(&bench, model, PAD);
    model_unref(model);
    bench_close(&bench);
}

/* ---- crowds: many rows that are about as near ---- */

enum crowd { CROWD_COMES, CROWD_GOES, CROWD_TIES, CROWD_SAME, CROWD_RECURS };

/* Of a run of `count` rows: the level of row i. */
static float crowd_level(enum crowd crowd, size_t i, size_t count)
{
    switch (crowd) {
    case CROWD_COMES:
        return 2 + 0.01F * (float)(count - i);
    case CROWD_GOES:
        return 2 + 0.01F * (float)i;
    case CROWD_TIES:
        return 2 + (float)(i % 7);
    case CROWD_RECURS: /* a few near ones each time, and the first are the nearest */
        return i % 128 < 7 ? 2 + 1e-4F * (float)i : 10;
    default:
        return 2;
    }
}

/* The score of a window of ones and a three where the step has a run like that. */
static double crowd_score(const struct bench *bench, enum crowd crowd, size_t count)
{
    struct bench crowded = *bench;
    int64_t run[2] = {0, (int64_t)count};
    crowded.rows = malloc(count * WATCHED * sizeof *crowded.rows);
    crowded.run = run;
    crowded.reference_rows = count;
    crowded.runs = 1;
    assert_non_null(crowded.rows);
    for (size_t v = 0; v < count * WATCHED; v++)
        crowded.rows[v] = bench->floor[v % WATCHED] * crowd_level(crowd, v / WATCHED, count);
    struct model *model = model_of(&crowded);
    float window[WINDOW_VALUES];
    for (size_t w = 0; w < ANALOG_WINDOW; w++) {
        window[w * CHANNELS] = (float)golden_steps[0];
        for (size_t c = 0; c < WATCHED; c++)
            window[w * CHANNELS + 1 + c] = bench->floor[c] * (w < ANALOG_PREDECESSORS ? 1 : 3);
    }
    const float *windows = window;
    double score;
    detector_score(&model->detector[0], &windows, 1, &score);
    model_unref(model);
    free(crowded.rows);
    return score;
}

/* However many there are, the nearest are found: as where there are only these. */
static void test_crowds(void **state)
{
    struct bench bench = bench_open();
    for (enum crowd crowd = CROWD_COMES; crowd <= CROWD_RECURS; crowd++) {
        double few = crowd_score(&bench, crowd, 70);
        assert_true(isfinite(few) && few > 0);
        for (size_t count = 700; count <= 70000; count *= 10) {
            double many = crowd_score(&bench, crowd, count);
            if (!(fabs(many - few) <= 1e-5 * few))
                fail_msg("crowd %d of %zu rows: %.9g, of 70 %.9g", crowd, count, many, few);
        }
    }
    bench_close(&bench);
}

/* ---- beside a search of all rows in doubles ---- */

#define RUN 40 /* rows; the last one has what is left */

struct heap_of_rows {
    float *row; /* [rows][WATCHED] of one step */
    size_t rows;
    int64_t *run; /* [runs][2] */
    size_t runs;
};

static struct heap_of_rows random_rows(struct rng *rng, size_t rows, float offset)
{
    struct heap_of_rows made = {.rows = rows, .runs = rows < RUN ? 1 : rows / RUN};
    made.row = malloc(rows * WATCHED * sizeof *made.row);
    made.run = malloc(made.runs * 2 * sizeof *made.run);
    assert_true(made.row && made.run);
    for (size_t v = 0; v < rows * WATCHED; v++)
        made.row[v] = offset + (float)(3 * rng_normal(rng));
    for (size_t i = 0; i < made.runs; i++) {
        made.run[2 * i] = 0;
        made.run[2 * i + 1] = (int64_t)(i + 1 < made.runs ? RUN : rows - i * RUN);
    }
    return made;
}

static int rising(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Of [distance, row] pairs: weighed by 1 / (distance + 1). window [ANALOG_WINDOW][CHANNELS] */
static void expect_by_all_rows(const struct heap_of_rows *among, const float *window,
                               double ret_expected[WATCHED])
{
    double(*pair)[2] = malloc(among->rows * sizeof *pair), sum = 0;
    size_t count = 0, first = 0;
    assert_non_null(pair);
    for (size_t r = 0; r < among->runs; first += (size_t)among->run[2 * r++ + 1]) {
        for (size_t i = ANALOG_PREDECESSORS; i < (size_t)among->run[2 * r + 1]; i++) {
            double square = 0;
            for (size_t c = 0; c < WATCHED; c++) {
                const float *row = among->row + (first + i) * WATCHED + c;
                double newer = (double)(row[-WATCHED] - window[CHANNELS + 1 + c]),
                       older = (double)(row[-2 * WATCHED] - window[1 + c]);
                square += newer * newer + older * older;
            }
            pair[count][0] = square;
            pair[count++][1] = (double)(first + i);
        }
    }
    qsort(pair, count, sizeof *pair, rising);
    memset(ret_expected, 0, WATCHED * sizeof *ret_expected);
    for (int n = 0; n < neighbours; n++)
        sum += 1 / (pair[n][0] + 1);
    for (int n = 0; n < neighbours; n++) {
        for (size_t c = 0; c < WATCHED; c++)
            ret_expected[c] +=
                (double)among->row[(size_t)pair[n][1] * WATCHED + c] / (pair[n][0] + 1) / sum;
    }
    free(pair);
}

/* The square of an offset of 1e4 hides all that a sum of floats could say of who is near. */
static void expect_nearest(size_t rows, float offset)
{
    static float ones[WATCHED] = {1, 1, 1, 1, 1};
    struct rng rng;
    rng_init(&rng, rows);
    struct heap_of_rows among = random_rows(&rng, rows, offset);
    struct bench golden = bench_open(), bench = golden;
    bench.floor = ones;
    bench.rows = among.row;
    bench.run = among.run;
    bench.reference_rows = rows;
    bench.runs = among.runs;
    struct model *model = model_of(&bench);
    for (int i = 0; i < 5; i++) {
        float window[WINDOW_VALUES];
        double expected[WATCHED];
        struct deviation deviation[CHANNELS];
        for (size_t v = 0; v < WINDOW_VALUES; v++)
            window[v] =
                v % CHANNELS ? offset + (float)(3 * rng_normal(&rng)) : (float)golden_steps[0];
        detector_explain(&model->detector[0], window, deviation);
        expect_by_all_rows(&among, window, expected);
        for (size_t c = 0; c < WATCHED; c++) {
            if (!(fabs(deviation[c + 1].expected - expected[c]) < 1e-9 * (1 + (double)offset)))
                fail_msg("%d of %zu rows at %g, channel %zu: %.9g, must be %.9g", neighbours, rows,
                         (double)offset, c, deviation[c + 1].expected, expected[c]);
        }
    }
    model_unref(model);
    free(among.row);
    free(among.run);
    bench_close(&golden);
}

static void test_nearest(void **state)
{
    static const size_t many[] = {127, 128, 129, 130, 600, 2046, 2047, 2048, 2049, 2050, 6000};
    static const int wanted[] = {1, 4, 36, 64};
    int before = neighbours;
    for (size_t n = 0; n < sizeof wanted / sizeof wanted[0]; n++) {
        neighbours = wanted[n];
        for (size_t r = 0; r < sizeof many / sizeof many[0]; r++) {
            expect_nearest(many[r], 0);
            expect_nearest(many[r], 1e4F);
        }
        if (neighbours + ANALOG_PREDECESSORS < RUN) /* one run, as short as it may be */
            expect_nearest((size_t)neighbours + ANALOG_PREDECESSORS, 0);
    }
    neighbours = before;
}

/* ---- broken files ---- */

static cJSON *member(struct draft *draft, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(draft_detector(draft, 0), name);
}

static void no_steps(struct draft *draft)
{
    cJSON_DeleteItemFromObjectCaseSensitive(draft_config(draft), "derived");
}

static void longer_window(struct draft *draft)
{
    cJSON_SetNumberValue(member(draft, "window"), 4);
}

static void no_neighbours(struct draft *draft)
{
    cJSON_SetNumberValue(member(draft, "neighbours"), 0);
}

static void channel_out_of_range(struct draft *draft)
{
    cJSON_SetNumberValue(cJSON_GetArrayItem(member(draft, "channels"), 2), CHANNELS);
}

static void group_missing(struct draft *draft)
{
    cJSON_DeleteItemFromArray(member(draft, "groups"), 0);
}

static void group_empty(struct draft *draft)
{
    cJSON_SetNumberValue(cJSON_GetArrayItem(member(draft, "groups"), 0), 3);
}

static void floor_of_0(struct draft *draft)
{
    static const float floor[WATCHED] = {1, 1, 0, 1, 1};
    assert_int_equal(
        draft_set(draft, "0.channel.floor", SAFETENSORS_F32, SAFETENSORS_SHAPE(WATCHED), floor), 0);
}

static void set_runs(struct draft *draft, const int64_t *run, size_t count)
{
    assert_int_equal(
        draft_set(draft, "0.reference.run", SAFETENSORS_I64, SAFETENSORS_SHAPE(count, 2), run), 0);
}

static void run_of_no_step(struct draft *draft)
{
    set_runs(draft, (const int64_t[]){3, 30}, 1);
}

static void run_too_short(struct draft *draft)
{
    set_runs(draft, (const int64_t[]){0, ANALOG_PREDECESSORS}, 1);
}

static void runs_falling(struct draft *draft)
{
    set_runs(draft, (const int64_t[]){1, 30, 0, 30}, 2);
}

static void rows_left_over(struct draft *draft)
{
    set_runs(draft, (const int64_t[]){0, 30}, 1);
}

static void test_broken_files_are_refused(void **state)
{
    static const struct {
        void (*edit)(struct draft *draft);
        const char *text;
    } cases[] = {
        {no_steps, "needs \"derived\" with a \"step_channel\""},
        {longer_window, "windows of 3 rows"},
        {no_neighbours, "neighbours"},
        {channel_out_of_range, "channels: entry 2 must be an integer from 0 to 5"},
        {group_missing, "groups: 4 entries for 5 channels"},
        {group_empty, "has no channel"},
        {floor_of_0, "channel.floor: entry 2 is 0, must be over 0"},
        {run_of_no_step, "reference.run: entry 0 is 3, 30"},
        {run_too_short, "reference.run: entry 0 is 0, 2"},
        {runs_falling, "reference.run: entry 1 is 0, 30"},
        {rows_left_over, "30 rows in the runs"},
    };
    struct bench bench = bench_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model *model = NULL;
        struct diag diag = DIAG_INIT;
        assert_int_equal(build(&bench, cases[i].edit, &model, &diag), -EINVAL);
        if (!strstr(diag.text, cases[i].text))
            fail_msg("\"%s\" does not say \"%s\"", diag.text, cases[i].text);
    }
    bench_close(&bench);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_equal_numpys),
        cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_a_new_step_cannot_be_judged),
        cmocka_unit_test(test_the_step_is_that_of_the_newest_row),
        cmocka_unit_test(test_overflow_is_infinite),
        cmocka_unit_test(test_spikes),
        cmocka_unit_test(test_a_spike_is_not_searched_with),
        cmocka_unit_test(test_rows_are_found_in_all_blocks),
        cmocka_unit_test(test_crowds),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_a_step_of_many_rows_takes_little_memory),
        cmocka_unit_test(test_broken_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

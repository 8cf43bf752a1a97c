/* Which reference cycles are kept of healthy sessions, and that they tell faults by their link. */
#include "golden.h"
#include "lab/derive.h"
#include "lab/fit.h"
#include "lab/simulator.h"
#include "model/analog.h"
#include "nn/blas.h"

#include <errno.h>
#include <string.h>

#define SESSIONS 5 /* three are trained on */
#define ROWS 9000
#define STEPS 32
#define WATCHED 42 /* angular rates and accelerations of seven links */

static const char *const detectors[] = {"analog", NULL};

struct bench {
    struct recording *sessions[SESSIONS];
    struct fit_options options;
    struct draft *draft;
    struct fit_report report;
};

static struct recording *simulate(uint64_t session, size_t rows, struct anomaly anomaly)
{
    struct diag diag = DIAG_INIT;
    struct recording *recording = NULL;
    const struct simulator_options options = {
        .robot_seed = 1, .session_seed = session, .anomaly = anomaly};
    if (simulator_record(&options, rows, &recording, &diag) < 0)
        fail_msg("%s", diag.text);
    return recording;
}

static struct bench bench_new(void)
{
    struct bench bench = {.options = fit_defaults(ADVERSARY_NONE)};
    for (size_t s = 0; s < SESSIONS; s++)
        bench.sessions[s] = simulate(s + 1, ROWS, (struct anomaly){.kind = ANOMALY_NONE});
    bench.options.detectors = detectors;
    return bench;
}

static void bench_fit(struct bench *bench)
{
    struct diag diag = DIAG_INIT;
    int r = fit(bench->sessions, SESSIONS, &bench->options, &bench->draft, &bench->report, &diag);
    if (r != 0)
        fail_msg("fit: %d: %s", r, diag.text);
}

static void bench_free(struct bench *bench)
{
    for (size_t s = 0; s < SESSIONS; s++)
        recording_free(bench->sessions[s]);
    draft_free(bench->draft);
    fit_report_deinit(&bench->report);
}

/* The tensors that a file of the draft has. */
struct references {
    void *data;
    struct safetensors *file;
    const struct safetensors_tensor *rows, *run;
};

static struct references references_of(struct draft *draft)
{
    struct references references;
    struct diag diag = DIAG_INIT;
    size_t size;
    if (draft_format(draft, &references.data, &size, &diag) < 0 ||
        safetensors_parse(references.data, size, &references.file, &diag) < 0)
        fail_msg("%s", diag.text);
    references.rows = safetensors_find(references.file, "0.reference.rows");
    references.run = safetensors_find(references.file, "0.reference.run");
    assert_non_null(references.rows);
    assert_non_null(references.run);
    return references;
}

static void references_free(struct references *references)
{
    safetensors_free(references->file);
    free(references->data);
}

static void run_at(const struct references *references, size_t i, int64_t ret_run[2])
{
    memcpy(ret_run, (const char *)references->run->data + i * 2 * sizeof *ret_run,
           2 * sizeof *ret_run);
}

static void test_keeps_cycles_of_every_step_within_the_memory(void **state)
{
    struct bench bench = bench_new();
    size_t bytes[2];
    for (size_t i = 0; i < 2; i++) {
        bench.options.analog_bytes_max = (size_t)1 << (i == 0 ? 22 : 20);
        bench_fit(&bench);
        struct references references = references_of(bench.draft);
        bool kept[STEPS] = {false};
        for (size_t r = 0; r < references.run->shape.dims[0]; r++) {
            int64_t run[2];
            run_at(&references, r, run);
            kept[run[0]] = true;
        }
        for (size_t s = 0; s < STEPS; s++)
            assert_true(kept[s]);
        assert_int_equal(references.rows->shape.dims[1], WATCHED);
        bytes[i] = references.rows->size;
        if (bytes[i] > bench.options.analog_bytes_max)
            fail_msg("%zu bytes, at most %zu are allowed", bytes[i],
                     bench.options.analog_bytes_max);
        references_free(&references);
        draft_free(bench.draft);
        fit_report_deinit(&bench.report);
        bench.draft = NULL;
    }
    if (!(bytes[1] < bytes[0]))
        fail_msg("%zu bytes, with less memory %zu", bytes[0], bytes[1]);
    bench_free(&bench);
}

static void test_too_little_memory_is_refused(void **state)
{
    struct bench bench = bench_new();
    struct diag diag = DIAG_INIT;
    bench.options.analog_bytes_max = 1000;
    int r = fit(bench.sessions, SESSIONS, &bench.options, &bench.draft, &bench.report, &diag);
    assert_int_equal(r, -EINVAL);
    if (!strstr(diag.text, "over 1000 bytes"))
        fail_msg("%s", diag.text);
    bench_free(&bench);
}

/* There are few enough cycles that all whole ones would be kept. */
static void test_cycles_with_a_spike_are_not_kept(void **state)
{
    struct bench bench = bench_new();
    size_t gyro = 0;
    while (strcmp(bench.sessions[0]->names[gyro], "sensor_id3_GyroY") != 0)
        gyro++;
    for (size_t i = 500; i < ROWS / 2; i += 50) {
        for (size_t s = 0; s < SESSIONS; s++)
            bench.sessions[s]->values[i * bench.sessions[s]->channels + gyro] = 1900;
    }
    bench_fit(&bench);
    struct references references = references_of(bench.draft);
    for (size_t i = 0; i < references.rows->count; i++) {
        float value;
        memcpy(&value, (const char *)references.rows->data + i * sizeof value, sizeof value);
        if (fabsf(value) > 1000)
            fail_msg("value %zu of the references is %g", i, (double)value);
    }
    references_free(&references);
    bench_free(&bench);
}

/* ---- a rest inside a step ---- */

#define PLAIN_CHANNELS 2
#define MOVE 12
#define PLAIN_CYCLE 120

/* Two steps: one moves, rests for so many rows, and moves; the other only moves. */
static struct recording *record_rests(size_t rest)
{
    static const char *const names[PLAIN_CHANNELS] = {"action", "sensor_id1_GyroX"};
    struct recording *recording = recording_new(ROWS, PLAIN_CHANNELS, names, false, false);
    assert_non_null(recording);
    recording->named = true;
    for (size_t i = 0; i < ROWS; i++) {
        float *row = recording->values + i * PLAIN_CHANNELS;
        size_t phase = i % PLAIN_CYCLE, first = 2 * MOVE + rest;
        bool rests = phase >= MOVE && phase < MOVE + rest;
        row[0] = phase >= first;
        row[1] = rests ? 0 : 20 + (float)(phase % 7) + 0.01F * (float)(i % 13);
    }
    return recording;
}

/* Rows that are kept of a cycle of the first step, as [runs], ended by 0. */
static void check_runs(size_t rest, const int64_t *expected)
{
    struct bench bench = {.options = fit_defaults(ADVERSARY_NONE)};
    for (size_t s = 0; s < SESSIONS; s++)
        bench.sessions[s] = record_rests(rest);
    bench.options.detectors = detectors;
    bench_fit(&bench);
    struct references references = references_of(bench.draft);
    size_t runs = 0, at = 0;
    for (size_t r = 0; r < references.run->shape.dims[0]; r++) {
        int64_t run[2];
        run_at(&references, r, run);
        if (run[0] != 0)
            continue;
        at = expected[at] ? at : 0;
        if (run[1] != expected[at])
            fail_msg("a rest of %zu rows: run %zu has %lld rows, expected %lld", rest, r,
                     (long long)run[1], (long long)expected[at]);
        at++;
        runs++;
    }
    assert_true(runs > 0);
    references_free(&references);
    bench_free(&bench);
}

/* A second of a rest is kept: ten rows. */
static void test_long_rests_are_thinned(void **state)
{
    check_runs(9, (const int64_t[]){2 + 2 * MOVE + 9, 0});
    check_runs(10, (const int64_t[]){2 + MOVE + 10, 2 + MOVE, 0});
    check_runs(40, (const int64_t[]){2 + MOVE + 10, 2 + MOVE, 0});
}

/* ---- floors ---- */

/* The largest floors of angular rates and of accelerations. */
static void largest_floors(struct bench *bench, float ret_floors[2])
{
    struct diag diag = DIAG_INIT;
    void *data;
    size_t size;
    struct safetensors *file;
    float floor[WATCHED];
    if (draft_format(bench->draft, &data, &size, &diag) < 0 ||
        safetensors_parse(data, size, &file, &diag) < 0 ||
        safetensors_get_f32(file, "0.channel.floor", SAFETENSORS_SHAPE(WATCHED), floor, &diag) < 0)
        fail_msg("%s", diag.text);
    const cJSON *places =
        cJSON_GetObjectItemCaseSensitive(draft_detector(bench->draft, 0), "channels");
    ret_floors[0] = ret_floors[1] = 0;
    for (int c = 0; c < WATCHED; c++) {
        int place = (int)cJSON_GetArrayItem(places, c)->valuedouble;
        bool acceleration = !strcmp(bench->report.model->channel[place].unit, "g");
        ret_floors[acceleration] = fmaxf(ret_floors[acceleration], floor[c]);
    }
    safetensors_free(file);
    free(data);
}

/* What accelerometers read anew in each session is not to be a finding in the next. */
static void test_floors_are_what_sessions_differ_by(void **state)
{
    float usual[2], moved[2];
    for (int i = 0; i < 2; i++) {
        struct bench bench = bench_new();
        for (size_t s = 0; i == 1 && s < SESSIONS; s++) {
            struct recording *session = bench.sessions[s];
            for (size_t c = 0; c < session->channels; c++) {
                for (size_t r = 0; strstr(session->names[c], "_Acc") && r < session->rows; r++)
                    session->values[r * session->channels + c] += (s % 2 ? 0.05F : -0.05F);
            }
        }
        bench_fit(&bench);
        largest_floors(&bench, i == 0 ? usual : moved);
        bench_free(&bench);
    }
    expect_near((double)usual[0], 0.5, 1e-6); /* at least, and a rate's bias is within it */
    expect_near((double)moved[0], 0.5, 1e-6);
    assert_true(usual[1] >= 0.02F && usual[1] < 0.06F);
    /* Three trained sessions at -.05, .05 and -.05: a standard deviation of .058. */
    if (!(moved[1] > 0.15F && moved[1] < 0.2F))
        fail_msg("a floor of %g g", (double)moved[1]);
}

/* ---- which detector looks at what ---- */

/* How many channels a detector of the draft leaves out for a reason. */
static int left_out_for(struct draft *draft, size_t detector, const char *reason)
{
    int count = 0;
    const cJSON *list =
        cJSON_GetObjectItemCaseSensitive(draft_detector(draft, detector), "left_out");
    const cJSON *entry;
    cJSON_ArrayForEach(entry, list)
    {
        const cJSON *why = cJSON_GetObjectItemCaseSensitive(entry, "reason");
        count += !strcmp(why->valuestring, reason);
    }
    return count;
}

/* What another detector of the set knows better is not the autoencoder's. */
static void test_each_channel_has_its_detector(void **state)
{
    static const char *const set[] = {"analog", "cycle-power", "autoencoder", NULL};
    static const char *const alone[] = {"autoencoder", NULL};
    for (int i = 0; i < 2; i++) {
        struct bench bench = bench_new();
        bench.options.detectors = i == 0 ? set : alone;
        bench.options.train.epochs = 1;
        bench_fit(&bench);
        size_t autoencoder = i == 0 ? 2 : 0;
        assert_int_equal(left_out_for(bench.draft, autoencoder, "analog's matter"),
                         i == 0 ? 21 : 0);
        assert_int_equal(left_out_for(bench.draft, autoencoder, "cycle-power's matter"),
                         i == 0 ? 8 : 0);
        bench_free(&bench);
    }
}

/* ---- faults ---- */

/* The group that has the largest share of a window's score. */
static size_t largest_group(struct model *model, const float *window)
{
    struct deviation *deviations = calloc(model->width, sizeof *deviations);
    double *share = calloc(model->groups, sizeof *share);
    assert_non_null(deviations);
    assert_non_null(share);
    detector_explain(&model->detector[0], window, deviations);
    size_t largest = 0;
    for (size_t c = 0; c < model->width; c++)
        share[model->channel[c].group] += deviations[c].share;
    for (size_t g = 0; g < model->groups; g++)
        largest = share[g] > share[largest] ? g : largest;
    free(deviations);
    free(share);
    return largest;
}

struct judged {
    size_t windows, over; /* labelled ones, and those over the threshold */
    size_t first;         /* of these, the group has the largest share */
};

/* group: NULL: any. */
static struct judged judge(struct model *model, struct anomaly anomaly, bool labelled,
                           const char *group)
{
    struct recording *raw = simulate(77, ROWS, anomaly), *session = NULL;
    assert_int_equal(derive_session(raw, &model->derivation, 0.1, &session), 0);
    struct judged judged = {0};
    double threshold = model_threshold(model, 0, 1);
    for (size_t i = ANALOG_WINDOW - 1; i < ROWS; i++) {
        const float *window = session->values + (i + 1 - ANALOG_WINDOW) * session->channels;
        double score;
        if (labelled && !raw->label[i])
            continue;
        detector_score(&model->detector[0], &window, 1, &score);
        assert_true(score >= 0); /* every window can be judged */
        judged.windows++;
        if (!(score > threshold))
            continue;
        judged.over++;
        if (group)
            judged.first += !strcmp(model->group_names[largest_group(model, window)], group);
    }
    recording_free(raw);
    recording_free(session);
    return judged;
}

static void test_faults_stand_out_and_are_told_by_their_link(void **state)
{
    struct bench bench = bench_new();
    bench_fit(&bench);
    struct model *model = bench.report.model;
    struct judged healthy = judge(model, (struct anomaly){.kind = ANOMALY_NONE}, false, NULL);
    struct judged slow =
        judge(model, (struct anomaly){.kind = ANOMALY_SLOW, .amount = 0.5}, true, NULL);
    struct judged dropout =
        judge(model, (struct anomaly){.kind = ANOMALY_DROPOUT, .amount = 4}, true, "sensor_id4");
    if (!(healthy.over * 50 < healthy.windows))
        fail_msg("healthy: %zu of %zu over", healthy.over, healthy.windows);
    if (!(slow.over * 5 > slow.windows))
        fail_msg("slow: %zu of %zu over", slow.over, slow.windows);
    if (!(dropout.windows > 0 && dropout.over * 2 > dropout.windows))
        fail_msg("dropout: %zu of %zu over", dropout.over, dropout.windows);
    if (!(dropout.first * 10 >= dropout.over * 9))
        fail_msg("dropout: link 4 first in %zu of %zu", dropout.first, dropout.over);
    bench_free(&bench);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_cycles_of_every_step_within_the_memory),
        cmocka_unit_test(test_too_little_memory_is_refused),
        cmocka_unit_test(test_cycles_with_a_spike_are_not_kept),
        cmocka_unit_test(test_long_rests_are_thinned),
        cmocka_unit_test(test_floors_are_what_sessions_differ_by),
        cmocka_unit_test(test_each_channel_has_its_detector),
        cmocka_unit_test(test_faults_stand_out_and_are_told_by_their_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

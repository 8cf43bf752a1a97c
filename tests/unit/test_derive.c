/* What is derived, learnt from simulated sessions: steps, rest, references; and through a file. */
#include "lab/derive.h"

#include "lab/draft.h"
#include "lab/simulator.h"
#include "model/derived_file.h"
#include "model/model_file.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 6000

static struct recording *session;
static struct split_block block = {.session = 0, .first = 0, .end = ROWS};
static const struct split whole = {.count = 1, .block = &block};

static int record(void **state)
{
    struct diag diag = DIAG_INIT;
    const struct simulator_options options = {.robot_seed = 1, .session_seed = 9};
    return simulator_record(&options, ROWS, &session, &diag);
}

static int forget(void **state)
{
    recording_free(session);
    return 0;
}

static void learn(const struct derive_source *source, struct derivation *ret)
{
    struct diag diag = DIAG_INIT;
    if (derive_learn(source, ret, &diag) < 0)
        fail_msg("%s", diag.text);
}

static size_t place(const char *name)
{
    for (size_t c = 0; c < session->channels; c++) {
        if (!strcmp(session->names[c], name))
            return c;
    }
    fail_msg("no channel %s", name);
    return 0;
}

static void test_learns(void **state)
{
    const struct derive_source source = {.sessions = &session, .count = 1, .split = &whole};
    struct derivation derivation;
    learn(&source, &derivation);
    assert_int_equal(derivation.step_channel, place("action"));
    assert_int_equal(derivation.steps, 32);
    assert_int_equal(derivation.motions, 21);
    assert_int_equal(derivation.rotations, 7);
    assert_int_equal(derivation.count, 1);
    /* Step 0 waits for the next part: hardly any of its rows is motion. Others mostly are. */
    size_t moving[2] = {0}, rows[2] = {0};
    for (size_t i = 0; i < session->rows; i++) {
        const float *row = session->values + i * session->channels;
        bool works = derivation_step(&derivation, row) > 0;
        rows[works]++;
        moving[works] += derivation_moving(&derivation, row);
    }
    double waiting = (double)moving[0] / (double)rows[0];
    double working = (double)moving[1] / (double)rows[1];
    if (!(waiting < 0.02 && working > 0.6))
        fail_msg("%.3f of step 0 and %.3f of the others count as motion", waiting, working);
    derivation_deinit(&derivation);
}

/* The sign never flips within a step but where the sensor turned by half a turn. */
static void test_signs_hold(void **state)
{
    const struct derive_source source = {.sessions = &session, .count = 1, .split = &whole};
    struct derivation derivation;
    struct recording *wide;
    learn(&source, &derivation);
    assert_int_equal(derive_session(session, &derivation, 0.1, &wide), 0);
    size_t flips[2] = {0};
    const struct recording *both[] = {session, wide};
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 1; i < ROWS; i++) {
            const float *row = both[which]->values + i * both[which]->channels;
            const float *before = row - both[which]->channels;
            for (size_t g = 0;
                 g < 7 && row[derivation.step_channel] == before[derivation.step_channel]; g++) {
                double dot = 0;
                for (size_t j = 0; j < 4; j++)
                    dot += (double)row[derivation.rotation[g][j]] *
                           (double)before[derivation.rotation[g][j]];
                flips[which] += dot < 0;
            }
        }
    }
    if (!(flips[1] * 4 < flips[0]))
        fail_msg("%zu flips are left of %zu", flips[1], flips[0]);
    recording_free(wide);
    derivation_deinit(&derivation);
}

static void test_refuses(void **state)
{
    static const char *const unknown[] = {"nothing*", NULL};
    const struct derive_source bad[] = {
        {.sessions = &session, .count = 1, .split = &whole, .step_channel = "no_such"},
        {.sessions = &session, .count = 1, .split = &whole, .step_channel = "sensor_id1_AccX"},
        {.sessions = &session, .count = 1, .split = &whole, .motion = unknown},
    };
    static const char *const words[] = {"no_such", "whole number", "nothing*"};
    for (size_t i = 0; i < 3; i++) {
        struct diag diag = DIAG_INIT;
        struct derivation derivation;
        if (derive_learn(&bad[i], &derivation, &diag) != -EINVAL || !strstr(diag.text, words[i]))
            fail_msg("case %zu: %s", i, diag.text);
        derivation_deinit(&derivation);
    }
}

/* From 50 minutes, some nine cycles: what a step usually takes, point by point. */
static void test_load(void **state)
{
    struct diag diag = DIAG_INIT;
    const struct simulator_options options = {.robot_seed = 1, .session_seed = 10};
    struct split_block all = {.session = 0, .first = 0, .end = 5 * ROWS};
    const struct split split = {.count = 1, .block = &all};
    struct recording *longer;
    assert_int_equal(simulator_record(&options, 5 * ROWS, &longer, &diag), 0);
    const struct derive_source source = {
        .sessions = &longer, .count = 1, .split = &split, .period_s = 0.1};
    struct derivation derivation;
    learn(&source, &derivation);
    assert_int_equal(derivation.load, place("machine_nameKuka Robot_power"));
    assert_non_null(derivation.point_first);
    assert_int_equal(derivation.point_first[1], 0); /* step 0 does not move */
    assert_true(derivation.contrast_spread > 0);
    for (size_t s = 1; s < derivation.steps; s++) {
        size_t first = derivation.point_first[s], points = derivation.point_first[s + 1] - first;
        double sum = 0;
        if (!(points > 30 && points < 300))
            fail_msg("step %zu has %zu points", s, points);
        for (size_t p = 0; p < points; p++)
            sum += (double)derivation.point_load[first + p];
        /* The mean in motion is none of the rests, which the load lags behind into. */
        double mean = sum / (double)points, usual = (double)derivation.load_usual[s];
        if (!(fabs(mean - usual) < 8 && derivation.point_least < mean))
            fail_msg("step %zu: %g over its points, %g in motion", s, mean, usual);
    }
    derivation_deinit(&derivation);
    recording_free(longer);
}

/* What a file brings back derives the same as what went in. */
static void test_file(void **state)
{
    const struct derive_source source = {.sessions = &session, .count = 1, .split = &whole};
    struct derivation derivation, loaded;
    struct diag diag = DIAG_INIT;
    const struct derived_names names = {session->channels, (const char *const *)session->names};
    struct draft *draft = draft_new();
    learn(&source, &derivation);
    derived_file_format(&derivation, &names, draft_config(draft));
    assert_int_equal(draft_set(draft, "derived.rest", SAFETENSORS_F32,
                               SAFETENSORS_SHAPE(derivation.motions), derivation.rest),
                     0);
    draft_set(draft, "derived.rest_level", SAFETENSORS_F32, SAFETENSORS_SHAPE(derivation.motions),
              derivation.rest_level);
    draft_set(draft, "derived.rotation", SAFETENSORS_F32,
              SAFETENSORS_SHAPE(derivation.steps + 1, derivation.rotations, 4),
              derivation.reference);
    void *data;
    size_t size;
    struct model_file file;
    if (draft_format(draft, &data, &size, &diag) < 0 ||
        model_file_parse(data, size, &file, &diag) < 0 ||
        derived_file_load(file.config, file.tensors, &names, &loaded, &diag) < 0)
        fail_msg("%s", diag.text);
    struct recording *a, *b;
    assert_int_equal(derive_session(session, &derivation, 0.1, &a), 0);
    assert_int_equal(derive_session(session, &loaded, 0.1, &b), 0);
    assert_int_equal(a->channels, b->channels);
    assert_memory_equal(a->values, b->values, ROWS * a->channels * sizeof *a->values);
    recording_free(a);
    recording_free(b);
    model_file_deinit(&file);
    free(data);
    draft_free(draft);
    derivation_deinit(&loaded);
    derivation_deinit(&derivation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns), cmocka_unit_test(test_signs_hold),
        cmocka_unit_test(test_refuses), cmocka_unit_test(test_load), cmocka_unit_test(test_file)};
    return cmocka_run_group_tests(tests, record, forget);
}

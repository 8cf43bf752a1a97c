#include "golden.h"

#include "base/rng.h"
#include "lab/derive.h"
#include "lab/flat_runs.h"
#include "lab/simulator.h"

#include <string.h>

enum { GYRO, NOISE, TEMPERATURE, STEP, FIXED, CHANNELS };
static const char *const names[CHANNELS] = {"imu1_gyro", "imu1_noise", "imu1_temp", "action",
                                            "imu1_fixed"};

struct lesson {
    struct recording *session[2];
    struct split_block block[2];
    struct split split;
    size_t motion[1];
    float rest[1], rest_level[1];
    struct derivation derivation;
    struct flat_runs_source source;
};

/* The gyro moves for 8 rows, each third of which it changes in, and rests for 40. Temperature steps
 * up twice. */
static void make_session(struct recording *session)
{
    for (size_t i = 0; i < session->rows; i++) {
        float *row = session->values + i * CHANNELS;
        size_t phase = i % 48;
        row[GYRO] = phase < 8 ? (float)(10 + i / 48 % 7) + (float)(phase / 3) : 0;
        row[NOISE] = (float)(i * 7919 % 1009);
        row[TEMPERATURE] = i < 300 ? 24 : i < 1000 ? 25 : 26;
        row[STEP] = (float)(i / 480);
        row[FIXED] = 144;
    }
}

static void prepare(struct lesson *lesson, size_t rows)
{
    *lesson = (struct lesson){.rest_level = {1}, .motion = {GYRO}};
    for (size_t s = 0; s < 2; s++) {
        lesson->session[s] = recording_new(rows, CHANNELS, names, false, false);
        assert_non_null(lesson->session[s]);
        make_session(lesson->session[s]);
        lesson->block[s] = (struct split_block){.session = s, .end = rows};
    }
    lesson->block[1].part = SPLIT_HELD_OUT;
    lesson->split = (struct split){.count = 2, .block = lesson->block};
    lesson->derivation = (struct derivation){.channels = CHANNELS,
                                             .step_channel = STEP,
                                             .motions = 1,
                                             .motion = lesson->motion,
                                             .rest = lesson->rest,
                                             .rest_level = lesson->rest_level};
    lesson->source = (struct flat_runs_source){.sessions = lesson->session,
                                               .count = 2,
                                               .split = &lesson->split,
                                               .derivation = &lesson->derivation,
                                               .period_s = 0.1};
}

static void end(struct lesson *lesson)
{
    recording_free(lesson->session[0]);
    recording_free(lesson->session[1]);
}

static void learn(const struct lesson *lesson, struct flat_runs *runs)
{
    struct diag diag = DIAG_INIT;
    if (flat_runs_learn(&lesson->source, runs, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void test_longest_runs(void **state)
{
    struct lesson lesson;
    struct flat_runs runs;
    prepare(&lesson, 24000);
    /* Held out: does not count. */
    for (size_t i = 0; i < 24000; i++)
        lesson.session[1]->values[i * CHANNELS + NOISE] = 1;
    learn(&lesson, &runs);
    /* The only motion channel: what stands still with it does so at rest. */
    assert_int_equal(runs.run[GYRO], 1);
    assert_int_equal(runs.run[NOISE], 1);
    assert_int_equal(runs.run[STEP], 0);
    assert_true(runs.constant[FIXED]);
    assert_false(runs.constant[TEMPERATURE]);
    assert_int_equal(runs.run[TEMPERATURE], 0); /* its last run ends with the session */
    assert_int_equal(runs.groups, 2);
    assert_string_equal(runs.group_name[runs.group_of[NOISE]], "imu1");
    assert_int_equal(runs.group_of[NOISE], runs.group_of[FIXED]);
    assert_int_equal(runs.group_run[runs.group_of[NOISE]], 1);
    assert_int_equal(runs.group_run[runs.group_of[STEP]], 0); /* nothing in it counts */
    assert_int_equal(runs.whole_run, 1);
    flat_runs_deinit(&runs);
    end(&lesson);
}

/* Noise that is held from a movement across a rest, with a hole in it, into the next movement. */
static void test_what_is_held(void **state)
{
    struct lesson lesson;
    struct flat_runs runs;
    prepare(&lesson, 24000);
    struct recording *session = lesson.session[0];
    for (size_t i = 484; i < 529; i++)
        session->values[i * CHANNELS + NOISE] = -1;
    session->valid[500] = 0;
    learn(&lesson, &runs);
    /* Motion is where the gyro changes: at rows 486 and 528. */
    assert_int_equal(runs.run[NOISE], 3);
    assert_int_equal(runs.group_run[runs.group_of[NOISE]], 1);
    /* At rest, rows 488 to 527, nothing else changes either. */
    assert_int_equal(runs.whole_run, 39);
    flat_runs_deinit(&runs);
    end(&lesson);
}

static void test_a_gap_in_time_ends_a_run(void **state)
{
    struct lesson lesson;
    struct flat_runs runs;
    prepare(&lesson, 9600);
    struct recording *session = lesson.session[0];
    for (size_t i = 100; i < 110; i++)
        memcpy(session->values + i * CHANNELS, session->values + 99 * CHANNELS,
               CHANNELS * sizeof(float));
    for (size_t i = 104; i < 107; i++) /* four periods from 103 to 107 */
        session->valid[i] = 0;
    learn(&lesson, &runs);
    assert_int_equal(runs.whole_run, 5);
    flat_runs_deinit(&runs);
    for (size_t i = 104; i < 107; i++)
        session->valid[i] = 1;
    session->valid[105] = 0; /* a hole alone is passed over */
    learn(&lesson, &runs);
    assert_int_equal(runs.whole_run, 10);
    flat_runs_deinit(&runs);
    end(&lesson);
}

static void test_members_of_the_configuration(void **state)
{
    struct lesson lesson;
    struct flat_runs runs;
    prepare(&lesson, 24000);
    learn(&lesson, &runs);
    static const char text[] = "{\"channels\":[{},{},{},{},{}]}";
    cJSON *config = json_parse(text, sizeof text - 1, NULL);
    assert_non_null(config);
    flat_runs_format(&runs, config);
    char *made = cJSON_PrintUnformatted(config);
    assert_string_equal(made, "{\"channels\":[{\"longest_run\":1},{\"longest_run\":1},{},{},"
                              "{\"constant\":true}],\"groups\":[{\"name\":\"imu1\","
                              "\"longest_run\":1}],\"longest_run\":1}");
    cJSON_free(made);
    cJSON_Delete(config);
    flat_runs_deinit(&runs);
    end(&lesson);
}

/* A simulated arm: what is known of its sensors. */
static void test_a_simulated_arm(void **state)
{
    struct recording *session;
    struct diag diag = DIAG_INIT;
    const struct simulator_options options = {.robot_seed = 3, .session_seed = 4};
    assert_int_equal(simulator_record(&options, 36000, &session, &diag), 0);
    struct split_block block = {.end = 36000};
    const struct split split = {1, &block};
    const struct derive_source derive = {.sessions = &session, .count = 1, .split = &split};
    struct derivation derivation = {0};
    if (derive_learn(&derive, &derivation, &diag) < 0)
        fail_msg("%s", diag.text);
    const struct flat_runs_source source = {.sessions = &session,
                                            .count = 1,
                                            .split = &split,
                                            .derivation = &derivation,
                                            .period_s = 0.1};
    struct flat_runs runs;
    assert_int_equal(flat_runs_learn(&source, &runs, &diag), 0);
    for (size_t c = 0; c < runs.channels; c++) {
        const char *name = session->names[c];
        bool slow = strstr(name, "_temp") || !strcmp(name, "action");
        if (slow && runs.run[c] != 0)
            fail_msg("%s: %zu rows", name, runs.run[c]);
        bool gyro = strstr(name, "Gyro") != NULL;
        if (gyro && (runs.run[c] < 1 || runs.run[c] > 40))
            fail_msg("%s: %zu rows", name, runs.run[c]);
    }
    for (size_t g = 0; g < runs.groups; g++) {
        bool sensor = !strncmp(runs.group_name[g], "sensor_id", 9);
        if (sensor && (runs.group_run[g] < 1 || runs.group_run[g] > 3))
            fail_msg("%s: %zu rows", runs.group_name[g], runs.group_run[g]);
    }
    assert_in_range(runs.whole_run, 1, 3);
    flat_runs_deinit(&runs);
    derivation_deinit(&derivation);
    recording_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_runs),
        cmocka_unit_test(test_what_is_held),
        cmocka_unit_test(test_a_gap_in_time_ends_a_run),
        cmocka_unit_test(test_members_of_the_configuration),
        cmocka_unit_test(test_a_simulated_arm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Each session by the threshold of the others, and the way of it through a model file. */
#include "base/rng.h"
#include "golden.h"
#include "model/calibration.h"
#include "model/calibration_file.h"
#include "model/safetensors_writer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define BLOCK_S 30.0

/* Blocks of one window each; the draws are exponential, those of `odd` (from 1; 0: none) are
 * `factor` times as large. */
struct draw {
    size_t sessions, blocks;
    uint64_t seed;
    size_t odd;
    double factor;
};

static void fill(struct calibration_blocks *blocks, const struct draw *draw)
{
    struct rng rng;
    rng_init(&rng, draw->seed);
    calibration_blocks_init(blocks, BLOCK_S, BLOCK_S);
    for (size_t s = 1; s <= draw->sessions; s++) {
        for (size_t i = 0; i < draw->blocks; i++) {
            double value = -log1p(-rng_uniform(&rng)) * (s == draw->odd ? draw->factor : 1);
            int64_t time_ns = (int64_t)i * INT64_C(30000000000);
            assert_int_equal(calibration_blocks_push(blocks, time_ns, value), 0);
        }
        assert_int_equal(calibration_blocks_end_session(blocks), 0);
    }
}

static void fit(struct calibration *calibration, const struct calibration_blocks *blocks,
                double per_day)
{
    struct diag diag = DIAG_INIT;
    if (calibration_fit(calibration, blocks, &diag) != 0 ||
        calibration_leave_out(calibration, blocks, per_day, &diag) != 0 ||
        calibration_check(calibration, &diag) != 0)
        fail_msg("%s", diag.text);
}

static struct calibration make(const struct draw *draw, double per_day)
{
    struct calibration_blocks blocks;
    struct calibration calibration;
    fill(&blocks, draw);
    fit(&calibration, &blocks, per_day);
    calibration_blocks_deinit(&blocks);
    return calibration;
}

/* Sessions that are alike raise what was promised: 20 a day in 100 h are 83, with sd 9 for the
 * count. */
static void test_alike(void **state)
{
    struct calibration calibration =
        make(&(struct draw){.sessions = 10, .blocks = 1200, .seed = 1}, 20);
    const struct calibration_left_out *left_out = &calibration.left_out;
    assert_int_equal(left_out->stored, 10);
    expect_near(left_out->per_day, 20, 0);
    if (left_out->over < 55 || left_out->over > 115)
        fail_msg("%zu alarms in 100 h, 83 expected", left_out->over);
    for (size_t s = 0; s < 10; s++) {
        assert_int_equal(left_out->session[s].number, s + 1);
        assert_int_equal(left_out->session[s].blocks, 1200);
        expect_near(left_out->session[s].hours, 10, 1e-12);
    }
    calibration_deinit(&calibration);
}

static void test_one_is_odd(void **state)
{
    struct calibration calibration =
        make(&(struct draw){.sessions = 6, .blocks = 120, .seed = 2, .odd = 4, .factor = 10}, 1);
    const struct calibration_session *worst = calibration_worst(&calibration.left_out);
    assert_non_null(worst);
    assert_int_equal(worst->number, 4);
    /* e^-1 of its blocks are over 10, the threshold of the others lies between 8 and 14 */
    if (worst->over < 20 || worst->over > 70)
        fail_msg("%zu alarms in the odd session", worst->over);
    assert_int_equal(calibration.left_out.over, worst->over);
    /* where it is among the others, it raises the threshold */
    for (size_t s = 0; s < 6; s++) {
        const struct calibration_session *session = &calibration.left_out.session[s];
        if (session != worst && !(session->threshold > 2 * worst->threshold))
            fail_msg("threshold %g with the odd session, %g without", session->threshold,
                     worst->threshold);
    }
    calibration_deinit(&calibration);
}

/* Brute force: the blocks of a session over the threshold of a calibration that never saw it; a
 * session without a block has a number, and that is all. */
static void test_against_calibrations_of_the_others(void **state)
{
    enum { SESSIONS = 4 };
    static const size_t lengths[SESSIONS] = {40, 0, 130, 25};
    double value[SESSIONS][130];
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t s = 0; s < SESSIONS; s++) {
        for (size_t i = 0; i < lengths[s]; i++)
            value[s][i] = exp(rng_normal(&rng) + (double)s);
    }
    struct calibration without[SESSIONS], all = {0};
    for (size_t left = 0; left <= SESSIONS; left++) {
        struct calibration_blocks blocks;
        calibration_blocks_init(&blocks, BLOCK_S, BLOCK_S);
        for (size_t s = 0; s < SESSIONS; s++) {
            for (size_t i = 0; s != left && i < lengths[s]; i++)
                calibration_blocks_push(&blocks, (int64_t)i * INT64_C(30000000000), value[s][i]);
            calibration_blocks_end_session(&blocks);
        }
        fit(left < SESSIONS ? &without[left] : &all, &blocks, 100);
        calibration_blocks_deinit(&blocks);
    }
    assert_int_equal(all.left_out.stored, 3);
    size_t sum = 0;
    for (size_t k = 0; k < 3; k++) {
        const struct calibration_session *session = &all.left_out.session[k];
        size_t s = k == 0 ? 0 : k + 1, over = 0;
        double threshold = calibration_threshold(&without[s], 100);
        for (size_t i = 0; i < lengths[s]; i++)
            over += value[s][i] > threshold;
        assert_int_equal(session->number, s + 1);
        assert_int_equal(session->blocks, lengths[s]);
        assert_int_equal(session->over, over);
        expect_near(session->threshold, threshold, 0);
        expect_near(session->hours, (double)lengths[s] * BLOCK_S / 3600, 1e-12);
        sum += over;
    }
    assert_int_equal(all.left_out.over, sum);
    assert_true(sum > 0);
    for (size_t s = 0; s < SESSIONS; s++)
        calibration_deinit(&without[s]);
    calibration_deinit(&all);
}

static void test_one_session_says_nothing(void **state)
{
    struct calibration calibration =
        make(&(struct draw){.sessions = 1, .blocks = 200, .seed = 4}, 1);
    assert_int_equal(calibration.left_out.stored, 0);
    assert_null(calibration.left_out.session);
    assert_null(calibration_worst(&calibration.left_out));
    calibration_deinit(&calibration);
}

static void test_many_sessions(void **state)
{
    struct calibration calibration =
        make(&(struct draw){.sessions = 150, .blocks = 20, .seed = 5, .odd = 77, .factor = 20}, 1);
    const struct calibration_left_out *left_out = &calibration.left_out;
    assert_int_equal(calibration.sessions, 150);
    assert_int_equal(left_out->stored, CALIBRATION_SESSIONS_MAX);
    assert_int_equal(calibration_worst(left_out)->number, 77);
    size_t over = 0;
    for (size_t s = 0; s < left_out->stored; s++) /* none that was dropped had an alarm */
        over += left_out->session[s].over;
    assert_int_equal(over, left_out->over);
    calibration_deinit(&calibration);
}

/* One alarm more in an hour weighs more than in a day, five in a day more than one in a minute. */
static void test_the_worst(void **state)
{
    struct calibration_session session[] = {
        {1, 24, 2880, 1, 3}, {2, 1, 120, 1, 2}, {3, 24, 2880, 1, 0}, {4, 0.01, 1, 1, 1}};
    struct calibration_left_out left_out = {
        .per_day = 1, .over = 6, .stored = 4, .session = session};
    assert_int_equal(calibration_worst(&left_out)->number, 4);
    session[0].over = 12;
    assert_int_equal(calibration_worst(&left_out)->number, 1);
    session[0].over = 3;
    session[3].over = 0;
    assert_int_equal(calibration_worst(&left_out)->number, 2);
    session[0].over = session[1].over = left_out.over = 0;
    assert_null(calibration_worst(&left_out));
}

/* ---- in a model file ---- */

static const struct draw stored = {.sessions = 3, .blocks = 50, .seed = 6, .odd = 2, .factor = 8};

static int load(const cJSON *object, const struct calibration *written,
                struct calibration *ret_loaded, struct diag *diag)
{
    struct safetensors_writer *writer = safetensors_writer_new();
    struct safetensors *tensors;
    void *data;
    size_t size;
    assert_int_equal(safetensors_writer_add(writer, "0.calibration.maxima", SAFETENSORS_F64,
                                            SAFETENSORS_SHAPE(written->stored), written->maxima),
                     0);
    assert_int_equal(safetensors_writer_finish(writer, &data, &size, diag), 0);
    assert_int_equal(safetensors_parse(data, size, &tensors, diag), 0);
    int r = calibration_file_load(object, tensors, 0, ret_loaded, diag);
    safetensors_free(tensors);
    safetensors_writer_free(writer);
    free(data);
    return r;
}

/* As text, since that is how it comes from the file. */
static cJSON *format(const struct calibration *calibration)
{
    cJSON *object;
    struct diag diag = DIAG_INIT;
    assert_int_equal(calibration_file_format(calibration, &object), 0);
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    object = json_parse(text, strlen(text), &diag);
    if (!object)
        fail_msg("%s: %s", text, diag.text);
    cJSON_free(text);
    return object;
}

static void test_round_trip(void **state)
{
    struct calibration written = make(&stored, 24), loaded;
    struct diag diag = DIAG_INIT;
    cJSON *object = format(&written);
    if (load(object, &written, &loaded, &diag) != 0)
        fail_msg("%s", diag.text);
    assert_int_equal(loaded.left_out.stored, 3);
    assert_int_equal(loaded.left_out.over, written.left_out.over);
    expect_near(loaded.left_out.per_day, 24, 0);
    for (size_t s = 0; s < 3; s++) {
        const struct calibration_session *a = &loaded.left_out.session[s];
        const struct calibration_session *b = &written.left_out.session[s];
        assert_int_equal(a->number, b->number);
        assert_int_equal(a->blocks, b->blocks);
        assert_int_equal(a->over, b->over);
        expect_near(a->threshold, b->threshold, 0);
        expect_near(a->hours, b->hours, 0);
    }
    calibration_deinit(&loaded);

    cJSON_DeleteItemFromObjectCaseSensitive(object, "left_out"); /* as older programs write it */
    if (load(object, &written, &loaded, &diag) != 0)
        fail_msg("%s", diag.text);
    assert_int_equal(loaded.left_out.stored, 0);
    assert_int_equal(loaded.sessions, 3);
    calibration_deinit(&loaded);
    cJSON_Delete(object);
    calibration_deinit(&written);
}

enum place { LEFT_OUT, SECOND };

static void test_damaged_members_are_refused(void **state)
{
    static const struct {
        enum place place; /* of the member: in left_out itself, or in its second session */
        const char *key;
        const char *value; /* JSON; NULL: the member is missing */
        const char *why;
    } cases[] = {
        {LEFT_OUT, "false_alarms_per_day", "0", "false_alarms_per_day 0"},
        {LEFT_OUT, "false_alarms_per_day", NULL, "false_alarms_per_day"},
        {LEFT_OUT, "over", "1000", "1000 in all"},
        {LEFT_OUT, "over", "-1", "over: -1"},
        {LEFT_OUT, "over", "0.5", "over"},
        {LEFT_OUT, "sessions", "{}", "sessions"},
        {LEFT_OUT, "sessions", "[]", "0 sessions"},
        {LEFT_OUT, "sessions", "[{}]", "1 sessions"},
        {LEFT_OUT, "sessions", "[1,2,3]", "must be an object"},
        {LEFT_OUT, "sessions", NULL, "sessions"},
        {SECOND, "session", "1", "session 1"},
        {SECOND, "session", "4", "session 3"},
        {SECOND, "session", "0", "session: 0"},
        {SECOND, "hours", "0", "hours 0"},
        {SECOND, "hours", "-1", "hours: -1"},
        {SECOND, "hours", "1e9", "hours"},
        {SECOND, "hours", "0.1", "hours"},
        {SECOND, "blocks", "51", "151 blocks"},
        {SECOND, "blocks", "49", "149 blocks"},
        {SECOND, "blocks", "0", "blocks: 0"},
        {SECOND, "over", "51", "51 of 50"},
        {SECOND, "over", "0", "blocks over the threshold"},
        {SECOND, "threshold", "\"high\"", "threshold"},
        {SECOND, "threshold", NULL, "threshold"},
    };
    struct calibration written = make(&stored, 24), loaded;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diag diag = DIAG_INIT;
        cJSON *object = format(&written);
        cJSON *entry = cJSON_GetObjectItemCaseSensitive(object, "left_out");
        if (cases[i].place == SECOND)
            entry = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(entry, "sessions"), 1);
        if (cases[i].value)
            cJSON_ReplaceItemInObjectCaseSensitive(entry, cases[i].key,
                                                   cJSON_Parse(cases[i].value));
        else
            cJSON_DeleteItemFromObjectCaseSensitive(entry, cases[i].key);
        if (load(object, &written, &loaded, &diag) != -EINVAL)
            fail_msg("%s = %s is not refused", cases[i].key, cases[i].value);
        if (!strstr(diag.text, "left_out") || !strstr(diag.text, cases[i].why))
            fail_msg("%s = %s: \"%s\" lacks \"%s\"", cases[i].key, cases[i].value, diag.text,
                     cases[i].why);
        cJSON_Delete(object);
    }
    calibration_deinit(&written);
}

static void test_fewer_sessions_than_there_were(void **state)
{
    struct calibration calibration = make(&stored, 24);
    struct diag diag = DIAG_INIT;
    calibration.left_out.stored = 2;
    assert_int_equal(calibration_check(&calibration, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "2 sessions of 3"));
    calibration.left_out.stored = 3;
    calibration.left_out.session[0].threshold = (double)NAN;
    assert_int_equal(calibration_check(&calibration, &diag), -EINVAL);
    calibration_deinit(&calibration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alike),
        cmocka_unit_test(test_one_is_odd),
        cmocka_unit_test(test_against_calibrations_of_the_others),
        cmocka_unit_test(test_one_session_says_nothing),
        cmocka_unit_test(test_many_sessions),
        cmocka_unit_test(test_the_worst),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damaged_members_are_refused),
        cmocka_unit_test(test_fewer_sessions_than_there_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

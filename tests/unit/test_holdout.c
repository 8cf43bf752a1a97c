#include "lab/holdout.h"

#include "fixture.h"

#include <errno.h>

#define SESSIONS_MAX 8

static struct recording *session_of(size_t rows, float first)
{
    static const char *const names[] = {"x"};
    struct recording *recording = recording_new(rows, 1, names, false, false);
    assert_non_null(recording);
    for (size_t i = 0; i < rows; i++)
        recording->values[i] = first + (float)i;
    return recording;
}

static void fill(struct recording **sessions, size_t count)
{
    for (size_t s = 0; s < count; s++)
        sessions[s] = session_of(1000, (float)(10000 * s));
}

static void release(struct recording **sessions, size_t count)
{
    for (size_t s = 0; s < count; s++)
        recording_free(sessions[s]);
}

static void few_sessions_lose_their_ends(void **state)
{
    (void)state;
    struct recording *sessions[SESSIONS_MAX];
    struct holdout holdout;
    struct diag diag = DIAG_INIT;
    fill(sessions, 2);
    assert_int_equal(holdout_make(sessions, 2, 0.2, 50, &holdout, &diag), 0);
    assert_int_equal(holdout.fit_count, 2);
    assert_int_equal(holdout.test_count, 2);
    for (size_t s = 0; s < 2; s++) {
        float first = (float)(10000 * s);
        assert_int_equal(holdout.fit[s]->rows, 800);
        assert_true(holdout.fit[s]->values[0] == first);
        assert_int_equal(holdout.test[s]->rows, 150);
        assert_true(holdout.test[s]->values[0] == first + 850);
        assert_true(holdout.test[s]->values[149] == first + 999);
        assert_int_equal(holdout.test_source[s], s);
    }
    holdout_deinit(&holdout);
    release(sessions, 2);
}

static void many_sessions_stay_whole(void **state)
{
    (void)state;
    struct recording *sessions[SESSIONS_MAX];
    struct holdout holdout;
    struct diag diag = DIAG_INIT;
    fill(sessions, 7);
    assert_int_equal(holdout_make(sessions, 7, 0.3, 50, &holdout, &diag), 0);
    assert_int_equal(holdout.fit_count, 5);
    assert_int_equal(holdout.test_count, 2);
    assert_ptr_equal(holdout.fit[4], sessions[4]);
    assert_ptr_equal(holdout.test[1], sessions[6]);
    assert_int_equal(holdout.test_source[1], 6);
    holdout_deinit(&holdout);
    assert_int_equal(holdout_make(sessions, 5, 0.01, 50, &holdout, &diag), 0);
    assert_int_equal(holdout.test_count, 1);
    holdout_deinit(&holdout);
    assert_int_equal(holdout_make(sessions, 2, 0, 50, &holdout, &diag), 0);
    assert_int_equal(holdout.fit_count, 2);
    assert_int_equal(holdout.test_count, 0);
    holdout_deinit(&holdout);
    release(sessions, 7);
}

static void too_short_a_session_is_refused(void **state)
{
    (void)state;
    struct recording *sessions[1] = {session_of(100, 0)};
    struct holdout holdout;
    struct diag diag = DIAG_INIT;
    assert_int_equal(holdout_make(sessions, 1, 0.2, 20, &holdout, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "session 1: 100 rows"));
    recording_free(sessions[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_sessions_lose_their_ends),
        cmocka_unit_test(many_sessions_stay_whole),
        cmocka_unit_test(too_short_a_session_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

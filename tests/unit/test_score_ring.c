#include "daemon/score_ring.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#define S CLOCK_NS_PER_S
#define BEGIN (1000 * S)

static float values[SCORE_RING_INTERVALS];
static int64_t first_ns;

static size_t read_at(const struct score_ring *ring, int64_t now_ns)
{
    return score_ring_read(ring, now_ns, values, &first_ns);
}

static void test_empty(void **state)
{
    struct score_ring ring = {0};
    assert_int_equal(read_at(&ring, BEGIN), 0);
}

static void test_the_highest_of_each_second(void **state)
{
    struct score_ring ring = {0};
    score_ring_push(&ring, 0.5, BEGIN);
    score_ring_push(&ring, 2, BEGIN + S / 2);
    score_ring_push(&ring, 1, BEGIN + S - 1);
    score_ring_push(&ring, 0.25, BEGIN + 3 * S);
    assert_int_equal(read_at(&ring, BEGIN + 3 * S), 4);
    assert_true(values[0] == 2 && values[1] < 0 && values[2] < 0 && values[3] == 0.25F);
    assert_int_equal(first_ns, BEGIN);
    /* nothing since then is told as nothing */
    assert_int_equal(read_at(&ring, BEGIN + 5 * S + 7), 6);
    assert_true(values[3] == 0.25F && values[4] < 0 && values[5] < 0);
}

/* A score of 0 is one. */
static void test_zero(void **state)
{
    struct score_ring ring = {0};
    score_ring_push(&ring, 0, 0);
    assert_int_equal(read_at(&ring, 0), 1);
    assert_true(values[0] == 0);
    assert_int_equal(first_ns, 0);
}

static void test_it_goes_round(void **state)
{
    struct score_ring ring = {0};
    for (int i = 0; i < 3 * SCORE_RING_INTERVALS + 5; i++)
        score_ring_push(&ring, i, BEGIN + i * S);
    int newest = 3 * SCORE_RING_INTERVALS + 4;
    assert_int_equal(read_at(&ring, BEGIN + newest * S), SCORE_RING_INTERVALS);
    for (int i = 0; i < SCORE_RING_INTERVALS; i++)
        assert_true(values[i] == (float)(newest - SCORE_RING_INTERVALS + 1 + i));
    assert_int_equal(first_ns, BEGIN + (newest - SCORE_RING_INTERVALS + 1) * S);
    /* ten minutes later nothing of it is left */
    assert_int_equal(read_at(&ring, BEGIN + (newest + SCORE_RING_INTERVALS - 1) * S),
                     SCORE_RING_INTERVALS);
    assert_true(values[0] == (float)newest);
    assert_int_equal(read_at(&ring, BEGIN + (newest + SCORE_RING_INTERVALS) * S), 0);
}

/* What was before a long pause must not show behind it. */
static void test_a_pause(void **state)
{
    static const int pauses[] = {2, SCORE_RING_INTERVALS - 1, SCORE_RING_INTERVALS,
                                 SCORE_RING_INTERVALS + 1, 5 * SCORE_RING_INTERVALS + 3};
    for (size_t p = 0; p < sizeof pauses / sizeof pauses[0]; p++) {
        struct score_ring ring = {0};
        for (int i = 0; i < SCORE_RING_INTERVALS; i++)
            score_ring_push(&ring, 9, BEGIN + i * S);
        int64_t after = BEGIN + (SCORE_RING_INTERVALS - 1 + pauses[p]) * S;
        score_ring_push(&ring, 1, after);
        size_t count = read_at(&ring, after), nines = 0;
        for (size_t i = 0; i < count; i++)
            nines += values[i] == 9;
        int left = SCORE_RING_INTERVALS - pauses[p];
        assert_int_equal(nines, left > 0 ? left : 0);
        assert_true(values[count - 1] == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty), cmocka_unit_test(test_the_highest_of_each_second),
        cmocka_unit_test(test_zero), cmocka_unit_test(test_it_goes_round),
        cmocka_unit_test(test_a_pause)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

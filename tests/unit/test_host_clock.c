#include "daemon/host_clock.h"

#include "base/clock.h"
#include "fixture.h"

#define SECOND CLOCK_NS_PER_S
#define WALL (INT64_C(1763917200) * SECOND)
#define START (1000 * SECOND)

static void test_it_runs_on_the_monotonic_clock(void **state)
{
    struct host_clock clock;
    host_clock_init(&clock, WALL, START);
    assert_int_equal(host_clock_ns(&clock, START), WALL);
    assert_int_equal(host_clock_ns(&clock, START + 7), WALL + 7);
    /* What a daemon of the network's time does is no step. */
    for (int i = 1; i <= 100; i++) {
        int64_t now = START + i * SECOND / 4, wall = WALL + i * SECOND / 4 + i * SECOND / 100;
        assert_int_equal(host_clock_check(&clock, wall, now), 0);
        assert_int_equal(host_clock_ns(&clock, now), WALL + i * SECOND / 4);
    }
    assert_int_equal(clock.jumps, 0);
}

static void test_steps(void **state)
{
    static const int64_t steps[] = {
        3600, -3600, 2, -2, INT64_C(2147483648) - 1763917200, 1763917200 - INT64_C(2147483648)};
    struct host_clock clock;
    host_clock_init(&clock, WALL, START);
    int64_t set = 0, now = START;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        now += SECOND / 4;
        set += steps[i] * SECOND;
        int64_t wall = WALL + (now - START) + set;
        assert_int_equal(host_clock_check(&clock, wall, now), steps[i] * SECOND);
        assert_int_equal(clock.jumps, i + 1);
        assert_int_equal(host_clock_ns(&clock, now), wall);
        assert_int_equal(host_clock_check(&clock, wall + SECOND / 4, now + SECOND / 4), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_runs_on_the_monotonic_clock),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "mqtt/backoff.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_between(double value, double low, double high)
{
    if (!(value >= low && value <= high))
        fail_msg("%g, expected %g to %g", value, low, high);
}

static void test_doubles_within_limits(void **state)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct mqtt_backoff backoff;
        mqtt_backoff_init(&backoff, 0.5, 30, seed);
        for (int attempt = 0; attempt < 200; attempt++) {
            double limit = fmin(30, ldexp(1, attempt));
            assert_between(mqtt_backoff_next(&backoff, 0), limit / 2, limit);
        }
    }
}

static void test_jitter(void **state)
{
    double low = 30, high = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct mqtt_backoff backoff;
        mqtt_backoff_init(&backoff, 0.5, 30, seed);
        double wait = mqtt_backoff_next(&backoff, 0);
        low = fmin(low, wait);
        high = fmax(high, wait);
    }
    assert_between(low, 0.5, 0.55);
    assert_between(high, 0.95, 1);
}

static void test_forgotten_after_a_lasting_connection(void **state)
{
    struct mqtt_backoff backoff;
    mqtt_backoff_init(&backoff, 0.5, 30, 1);
    for (int attempt = 0; attempt < 10; attempt++)
        mqtt_backoff_next(&backoff, 0);
    assert_between(mqtt_backoff_next(&backoff, 59), 15, 30);
    assert_between(mqtt_backoff_next(&backoff, 61), 0.5, 1);
    assert_between(mqtt_backoff_next(&backoff, 3), 1, 2);
    assert_between(mqtt_backoff_next(&backoff, 9), 0.5, 1); /* a broker restarted now and then */
}

/* Two clients with one id: each is online until the other comes back. */
static void test_two_of_a_kind_get_slow(void **state)
{
    struct mqtt_backoff clients[2];
    double wait = 0;
    mqtt_backoff_init(&clients[0], 0.5, 30, 1);
    mqtt_backoff_init(&clients[1], 0.5, 30, 2);
    for (int round = 0; round < 100; round++)
        wait = mqtt_backoff_next(&clients[round % 2], wait);
    assert_between(wait, 15, 30);
}

/* However long the broker was away, and however badly it behaved before. */
static void test_absent_broker_is_found_soon(void **state)
{
    struct mqtt_backoff backoff;
    mqtt_backoff_init(&backoff, 0.5, 30, 1);
    for (int attempt = 0; attempt < 10; attempt++)
        mqtt_backoff_next(&backoff, 0);
    assert_between(mqtt_backoff_absent(&backoff), 0.5, 1);
    assert_between(mqtt_backoff_absent(&backoff), 1, 2);
    for (int attempt = 0; attempt < 1000; attempt++)
        assert_between(mqtt_backoff_absent(&backoff), 1.5, MQTT_BACKOFF_ABSENT_S);
    assert_between(mqtt_backoff_next(&backoff, 0.1), 0.5, 1); /* it is back, and gone again */
    assert_between(mqtt_backoff_next(&backoff, 0.1), 1, 2);
    assert_between(mqtt_backoff_absent(&backoff), 0.5, 1);
}

static void test_odd_limits(void **state)
{
    struct mqtt_backoff backoff;
    mqtt_backoff_init(&backoff, 2, 1, 1);
    for (int attempt = 0; attempt < 10; attempt++)
        assert_between(mqtt_backoff_next(&backoff, 0), 2, 2);
    assert_between(mqtt_backoff_absent(&backoff), 2, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_within_limits),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_forgotten_after_a_lasting_connection),
        cmocka_unit_test(test_two_of_a_kind_get_slow),
        cmocka_unit_test(test_absent_broker_is_found_soon),
        cmocka_unit_test(test_odd_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

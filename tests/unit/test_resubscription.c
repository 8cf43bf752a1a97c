#include "daemon/resubscription.h"

#include "base/clock.h"
#include "fixture.h"

#define S CLOCK_NS_PER_S
#define CONTROL "armwatch/service/a/control"

static unsigned asked;
static bool online;

int __wrap_mqtt_client_subscribe(struct mqtt_client *client, const char *filter, int options);
bool __wrap_mqtt_client_online(const struct mqtt_client *client);

int __wrap_mqtt_client_subscribe(struct mqtt_client *client, const char *filter, int options)
{
    assert_string_equal(filter, CONTROL);
    assert_int_equal(options, 1 | MQTT_RETAIN_AS_PUBLISHED);
    asked++;
    return 0;
}

bool __wrap_mqtt_client_online(const struct mqtt_client *client)
{
    return online;
}

static int setup(void **state)
{
    asked = 0;
    online = true;
    return 0;
}

static void test_asked_again(void **state)
{
    struct resubscription again = {0};
    assert_false(resubscription_tick(&again, NULL, 1 * S));
    resubscription_refused(&again, CONTROL, CONTROL, 1 * S);
    assert_false(resubscription_tick(&again, NULL, 10 * S));
    assert_int_equal(asked, 0);
    assert_false(resubscription_tick(&again, NULL, 11 * S));
    assert_int_equal(asked, 1);
    resubscription_refused(&again, CONTROL, CONTROL, 12 * S); /* once more */
    assert_false(resubscription_tick(&again, NULL, 20 * S));
    assert_false(resubscription_tick(&again, NULL, 22 * S));
    assert_int_equal(asked, 2);
    assert_false(resubscription_tick(&again, NULL, 27 * S));
    assert_true(resubscription_tick(&again, NULL, 28 * S)); /* no refusal came */
    assert_false(resubscription_tick(&again, NULL, 29 * S));
    assert_int_equal(asked, 2);
}

/* The trouble stays where another one was refused; offline nothing is asked for. */
static void test_another_one(void **state)
{
    struct resubscription again = {0};
    resubscription_refused(&again, "part/#", CONTROL, 1 * S);
    assert_false(resubscription_tick(&again, NULL, 30 * S));
    assert_int_equal(asked, 0);
    resubscription_refused(&again, CONTROL, CONTROL, 30 * S);
    online = false;
    assert_false(resubscription_tick(&again, NULL, 50 * S));
    assert_int_equal(asked, 0);
    online = true;
    assert_false(resubscription_tick(&again, NULL, 51 * S));
    assert_false(resubscription_tick(&again, NULL, 60 * S));
    assert_int_equal(asked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_asked_again, setup),
        cmocka_unit_test_setup(test_another_one, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

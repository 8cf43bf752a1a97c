#include "daemon/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "fake_client.h"
#include "fixture.h"
#include "plant.h"

#include <string.h>

#define SECOND CLOCK_NS_PER_S
#define STATUS "armwatch/service/cell7/status"

static struct plant plant;
static struct silence silence;
static struct saved_state saved;
static struct service service;

static int setup_models(void **state)
{
    int r = fixture_setup(state);
    plant_set_directory(fixture_directory);
    plant_add_model(&(struct tiny_model){.name = "one"});
    return r;
}

static int setup(void **state)
{
    plant_start(&plant, "\"default\":\"one\"", ",\"robots\":{\"max\":2}", NULL);
    silence = (struct silence){.fleet = &plant.fleet, .publisher = &plant.publisher};
    saved = (struct saved_state){0};
    service = (struct service){.config = plant.config,
                               .fleet = &plant.fleet,
                               .intake = &plant.intake,
                               .publisher = &plant.publisher,
                               .saved = &saved,
                               .silence = &silence};
    return 0;
}

static int teardown(void **state)
{
    plant_stop(&plant);
    return 0;
}

/* As published; the caller deletes it. */
static cJSON *published(void)
{
    const struct fake_message *message = fake_client_last(STATUS);
    assert_non_null(message);
    cJSON *tree = cJSON_Parse(message->payload);
    assert_non_null(tree);
    return tree;
}

/* Of the status that is published now. */
static bool has_reason(const char *reason)
{
    service_publish(&service, true, clock_monotonic_ns());
    cJSON *tree = published();
    const cJSON *item;
    bool found = false;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(tree, "reasons")) found |=
        !strcmp(item->valuestring, reason);
    cJSON_Delete(tree);
    return found;
}

/* 31 s with a subscription that brings nothing, from the first sample on it is over for good. */
static void test_no_samples(void **state)
{
    int64_t now_ns = clock_monotonic_ns();
    assert_false(has_reason("no_samples")); /* not connected: nothing can be heard */
    silence_listen(&silence, true, now_ns - 29 * SECOND);
    assert_false(has_reason("no_samples"));
    silence_listen(&silence, true, now_ns - 31 * SECOND);
    assert_true(has_reason("no_samples"));
    silence_listen(&silence, false, now_ns);
    assert_false(has_reason("no_samples"));
    silence_listen(&silence, true, now_ns - 31 * SECOND);
    const struct mqtt_message retained = {
        .topic = "armwatch/robot/r/sample", .payload = "[1,2,3]", .size = 7, .retained = true};
    assert_true(intake_message(&plant.intake, &retained)); /* of another time */
    assert_true(has_reason("no_samples"));
    plant_publish(&plant, "r", "[1,2]"); /* bad, but it came */
    assert_false(has_reason("no_samples"));
}

static void test_the_subscription_is_refused(void **state)
{
    assert_false(has_reason("subscription"));
    service.troubles |= 1U << SERVICE_SUBSCRIPTION;
    assert_true(has_reason("subscription"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(test_no_samples),
        TEST(test_the_subscription_is_refused),
    };
    return cmocka_run_group_tests(tests, setup_models, fixture_teardown);
}

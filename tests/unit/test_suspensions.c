#include "daemon/suspensions.h"

#include "base/clock.h"
#include "fixture.h"

#include <errno.h>

#define MINUTE (60 * CLOCK_NS_PER_S)
#define NOW (1000 * MINUTE)               /* of the monotonic clock */
#define WALL INT64_C(1763917200000000000) /* at NOW */

static struct suspensions list;

static int teardown(void **state)
{
    suspensions_deinit(&list);
    return 0;
}

static void put(const char *robot, int64_t minutes, const char *reason)
{
    struct suspension one = {.until_ns = NOW + minutes * MINUTE};
    strcpy(one.robot, robot);
    strcpy(one.reason, reason);
    assert_int_equal(suspensions_put(&list, &one), 0);
}

/* For how many minutes from NOW on; 0: it is not. */
static int64_t minutes_of(const char *robot)
{
    const struct suspension *found = suspensions_find(&list, robot, NOW);
    return found ? (found->until_ns - NOW) / MINUTE : 0;
}

static void test_one_and_all(void **state)
{
    assert_int_equal(minutes_of("a"), 0);
    put("a", 10, "gripper");
    assert_int_equal(minutes_of("a"), 10);
    assert_int_equal(minutes_of("b"), 0);
    assert_string_equal(suspensions_find(&list, "a", NOW)->reason, "gripper");
    put("a", 5, "");
    assert_int_equal(minutes_of("a"), 5);
    put(SUSPENSIONS_ALL, 7, "shift");
    assert_int_equal(minutes_of("a"), 7);
    assert_int_equal(minutes_of("b"), 7);
    put("a", 20, "");
    assert_int_equal(minutes_of("a"), 20);
    assert_null(suspensions_find(&list, "a", NOW + 20 * MINUTE));
    assert_non_null(suspensions_find(&list, "a", NOW + 20 * MINUTE - 1));
}

static void test_ends(void **state)
{
    put("a", 10, "");
    put("b", 10, "");
    assert_int_equal(suspensions_end(&list, "a", NOW), 0);
    assert_int_equal(minutes_of("a"), 0);
    assert_int_equal(minutes_of("b"), 10);
    put(SUSPENSIONS_ALL, 30, "");
    assert_int_equal(suspensions_end(&list, "b", NOW), 0); /* it comes back alone */
    assert_int_equal(minutes_of("a"), 30);
    assert_int_equal(minutes_of("b"), 0);
    put("b", 3, "");
    assert_int_equal(minutes_of("b"), 30);
    assert_int_equal(suspensions_end(&list, "b", NOW), 0);
    put(SUSPENSIONS_ALL, 40, ""); /* anew */
    assert_int_equal(minutes_of("b"), 40);
    assert_int_equal(suspensions_end(&list, SUSPENSIONS_ALL, NOW), 0);
    assert_int_equal(list.count, 0);
    assert_int_equal(suspensions_end(&list, "nobody", NOW), 0);
}

static void test_what_is_over_is_forgotten(void **state)
{
    put("a", 1, "");
    put(SUSPENSIONS_ALL, 2, "");
    suspensions_end(&list, "b", NOW);
    suspensions_expire(&list, NOW + MINUTE);
    assert_int_equal(list.count, 2);
    suspensions_expire(&list, NOW + 2 * MINUTE);
    assert_int_equal(list.count, 0); /* what was taken out of all too */
}

static void test_bounded(void **state)
{
    for (int i = 0; i < SUSPENSIONS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "r%d", i);
        put(name, 1, "");
    }
    struct suspension more = {.robot = "x", .until_ns = NOW + 1};
    assert_int_equal(suspensions_put(&list, &more), -ENOSPC);
    put("r7", 9, "");
    assert_int_equal(minutes_of("r7"), 9);
}

/* At the other two clocks, and with what was saved beside it. */
static void save_and_load(int64_t wall_later_ns)
{
    char *text =
        suspensions_save(&list, strdup("{\"assignments\":[1],\"suspensions\":[{}]}"), WALL, NOW);
    assert_non_null(text);
    assert_non_null(strstr(text, "assignments"));
    suspensions_deinit(&list);
    assert_int_equal(suspensions_load(&list, text, WALL + wall_later_ns, NOW), 0);
    free(text);
}

static void test_a_restart(void **state)
{
    put("a", 10, "gripper \"7\"");
    put(SUSPENSIONS_ALL, 60, "");
    suspensions_end(&list, "b", NOW);
    put("c", 1, "");
    save_and_load(5 * MINUTE);
    assert_int_equal(list.count, 3); /* that of c is over */
    assert_int_equal(minutes_of("a"), 55);
    assert_int_equal(minutes_of("b"), 0);
    assert_int_equal(minutes_of("c"), 55);
    assert_int_equal(suspensions_end(&list, SUSPENSIONS_ALL, NOW), 0);
    put("a", 10, "gripper \"7\"");
    save_and_load(0);
    assert_string_equal(suspensions_find(&list, "a", NOW)->reason, "gripper \"7\"");
}

/* A clock that was set back by a year prolongs nothing beyond what could be asked for. */
static void test_a_clock_that_was_set(void **state)
{
    put("a", 10, "");
    save_and_load(-365 * 24 * 60 * MINUTE);
    assert_int_equal(minutes_of("a"), SUSPENSION_MINUTES_MAX);
    save_and_load(365 * 24 * 60 * MINUTE);
    assert_int_equal(list.count, 0);
}

static void test_a_state_that_is_none(void **state)
{
    static const char *const states[] = {
        "",
        "[]",
        "{\"suspensions\":{}}",
        "{\"suspensions\":[1,{},{\"robot\":1},{\"robot\":\"a "
        "b\",\"until\":\"2100-01-01T00:00:00Z\"}]}",
        "{\"suspensions\":[{\"robot\":\"a\",\"until\":\"tomorrow\"},{\"robot\":\"a\",\"until\":7}]"
        "}",
        "{\"suspensions\":[{\"robot\":\"a\"}]}", /* taken out of nothing */
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        assert_int_equal(suspensions_load(&list, states[i], WALL, NOW), 0);
        if (list.count != 0)
            fail_msg("%s", states[i]);
    }
    assert_int_equal(suspensions_load(&list, NULL, WALL, NOW), 0);
    assert_null(suspensions_save(&list, NULL, WALL, NOW));
    char *text = suspensions_save(&list, strdup("{\"suspensions\":[{}]}"), WALL, NOW);
    assert_null(strstr(text, "suspensions"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, NULL, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_and_all),
        TEST(test_ends),
        TEST(test_what_is_over_is_forgotten),
        TEST(test_bounded),
        TEST(test_a_restart),
        TEST(test_a_clock_that_was_set),
        TEST(test_a_state_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

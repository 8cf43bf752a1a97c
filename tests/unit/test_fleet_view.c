/* What `armwatch fleet` makes of the statuses of instances. */
#include "cli/fleet_view.h"

#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fleet_view view;

static int setup(void **state)
{
    view = (struct fleet_view){0};
    return 0;
}

static int teardown(void **state)
{
    fleet_view_deinit(&view);
    return 0;
}

static int take(const char *name, const char *json)
{
    cJSON *tree = json_parse(json, strlen(json), NULL);
    assert_non_null(tree);
    int r = fleet_view_take(&view, name, tree);
    cJSON_Delete(tree);
    return r;
}

static int take_owner(const char *name, int count, const char *owned)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"state\":\"online\",\"version\":\"0.1.0\",\"reasons\":[],\"robots\":9,\"samples\":"
             "600,\"uptime\":30,\"open_alerts\":2,\"partitions\":{\"count\":%d,\"owned\":\"%s\","
             "\"lag_s\":0.25,\"lease\":{\"reachable\":true}}}",
             count, owned);
    return take(name, text);
}

/* Memory: the caller frees it. */
static char *text_of(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fleet_view_text(&view, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect(const char *part)
{
    char *text = text_of();
    fixture_expect_text(text, part);
    free(text);
}

static void test_whole(void **state)
{
    take_owner("b", 6, "3-5");
    assert_false(fleet_view_is_whole(&view));
    expect("without an owner: 0-2 of 6\n");
    take_owner("a", 6, "0-2");
    assert_true(fleet_view_is_whole(&view));
    assert_string_equal(view.instance[0].name, "a");
    expect("a         online       3       9      20.0   0.250       2  0.1.0      0-2\n");
    expect("6 partitions, each with one owner; 18 robots, 40.0 messages a second, 4 alerts open\n");
}

static void test_gaps_and_doubles(void **state)
{
    take_owner("a", 8, "0-3");
    take_owner("b", 8, "3,5");
    take_owner("c", 8, "3");
    assert_false(fleet_view_is_whole(&view));
    expect("without an owner: 4,6-7 of 8\n");
    expect("partition 3: owned by a and b and c\n");
    cJSON *tree = fleet_view_json(&view);
    const cJSON *doubled = cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "doubled"), 0);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(tree, "whole")));
    assert_string_equal(cJSON_GetObjectItem(tree, "unowned")->valuestring, "4,6-7");
    assert_int_equal(cJSON_GetObjectItem(doubled, "partition")->valueint, 3);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(doubled, "instances")), 3);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(tree, "instances")), 3);
    cJSON_Delete(tree);
}

static void test_offline_owns_nothing(void **state)
{
    take_owner("a", 4, "0-3");
    assert_true(fleet_view_is_whole(&view));
    assert_int_equal(take("a", "{\"state\":\"offline\"}"), 0);
    assert_false(fleet_view_is_whole(&view));
    expect("without an owner: 0-3 of 4\n");
    expect("0 robots, 0.0 messages a second, 0 alerts open\n");
    take_owner("b", 4, "0-3");
    assert_true(fleet_view_is_whole(&view));
}

static void test_counts_differ(void **state)
{
    take_owner("a", 4, "0-3");
    take_owner("b", 8, "4-7");
    assert_false(fleet_view_is_whole(&view));
    expect("differ in partitions.count");
}

static void test_rate(void **state)
{
    take("a", "{\"state\":\"online\",\"samples\":1000,\"uptime\":100}");
    assert_true(fleet_instance_rate(&view.instance[0]) == 10);
    take("a", "{\"state\":\"online\",\"samples\":1600,\"uptime\":130}");
    assert_true(fleet_instance_rate(&view.instance[0]) == 20);
    take("a", "{\"state\":\"online\",\"samples\":50,\"uptime\":10}"); /* another run of it */
    assert_true(fleet_instance_rate(&view.instance[0]) == 5);
    expect("not parted");
    expect("no instance tells of partitions\n");
    assert_false(fleet_view_is_whole(&view));
}

static void test_trouble_is_shown(void **state)
{
    take("a", "{\"state\":\"degraded\",\"reasons\":[\"leases\"],\"partitions\":{\"count\":2,"
              "\"owned\":\"\",\"lease\":{\"reachable\":false}}}");
    expect("none; leases: no answer; leases\n");
}

static void test_nonsense(void **state)
{
    assert_int_equal(take("a", "{}"), -EINVAL);
    assert_int_equal(take("a", "[1]"), -EINVAL);
    assert_int_equal(view.instances, 0);
    take_owner("a", 4, "0-9"); /* more than there are */
    take_owner("b", 100000, "0-3");
    assert_int_equal(partition_set_count(&view.instance[0].owned), 0);
    assert_int_equal(view.instance[1].count, 0);
    assert_int_equal(partition_set_count(&view.unowned), 4);
}

static void test_bounded(void **state)
{
    char name[16];
    for (int i = 0; i < FLEET_VIEW_MAX; i++) {
        snprintf(name, sizeof name, "i%d", i);
        assert_int_equal(take_owner(name, 4, i == 0 ? "0-3" : ""), 0);
    }
    assert_true(fleet_view_is_whole(&view));
    assert_int_equal(take_owner("one-more", 4, ""), -ENOSPC);
    assert_false(fleet_view_is_whole(&view));
    expect("not all are shown\n");
}

#define VIEW_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEW_TEST(test_whole),
        VIEW_TEST(test_gaps_and_doubles),
        VIEW_TEST(test_offline_owns_nothing),
        VIEW_TEST(test_counts_differ),
        VIEW_TEST(test_rate),
        VIEW_TEST(test_trouble_is_shown),
        VIEW_TEST(test_nonsense),
        VIEW_TEST(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

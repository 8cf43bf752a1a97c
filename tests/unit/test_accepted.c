#include "daemon/accepted.h"

#include "fixture.h"

static struct accepted accepted;

static int teardown(void **state)
{
    accepted_deinit(&accepted);
    return 0;
}

static void test_the_highest_stays(void **state)
{
    assert_int_equal(accepted_version(&accepted, "a"), 0);
    assert_int_equal(accepted_note(&accepted, "a", 3), 0);
    assert_int_equal(accepted_note(&accepted, "b", 1), 0);
    assert_int_equal(accepted_note(&accepted, "a", 2), 0);
    assert_int_equal(accepted_version(&accepted, "a"), 3);
    assert_int_equal(accepted_note(&accepted, "a", INT64_C(1) << 50), 0);
    assert_true(accepted_version(&accepted, "a") == INT64_C(1) << 50);
    assert_int_equal(accepted_version(&accepted, "b"), 1);
    assert_int_equal(accepted_version(&accepted, "A"), 0);
}

static void test_saved_and_read_back(void **state)
{
    struct accepted again = {0};
    cJSON *root = cJSON_Parse("{\"accepted\":[{\"name\":\"old\",\"version\":9}],\"x\":1}");
    accepted_note(&accepted, "a", INT64_C(1) << 50);
    accepted_note(&accepted, "b", 1);
    accepted_put(&accepted, root);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    struct diag diag = DIAG_INIT;
    root = json_parse(text, strlen(text), &diag);
    free(text);
    assert_int_equal(accepted_load(&again, root), 0);
    assert_true(cJSON_HasObjectItem(root, "x"));
    cJSON_Delete(root);
    assert_int_equal(again.count, 2);
    assert_true(accepted_version(&again, "a") == INT64_C(1) << 50);
    assert_int_equal(accepted_version(&again, "b"), 1);
    accepted_deinit(&again);
}

static void test_junk_is_passed_over(void **state)
{
    static const char *const junk[] = {
        "[]", "{}", "{\"accepted\":3}", "{\"accepted\":{\"name\":\"a\"}}",
        "{\"accepted\":[1,null,[],{},{\"name\":\"a\"},{\"version\":2},"
        "{\"name\":\"../a\",\"version\":1},{\"name\":\"a\",\"version\":0},"
        "{\"name\":\"a\",\"version\":1.5},{\"name\":\"a\",\"version\":\"7\"}]}"};
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        cJSON *root = cJSON_Parse(junk[i]);
        assert_non_null(root);
        assert_int_equal(accepted_load(&accepted, root), 0);
        assert_int_equal(accepted.count, 0);
        cJSON_Delete(root);
    }
    assert_int_equal(accepted_load(&accepted, NULL), 0);
}

static void test_of_too_many_the_oldest_go(void **state)
{
    char name[16];
    for (int i = 0; i < ACCEPTED_MAX; i++) {
        snprintf(name, sizeof name, "m%d", i);
        assert_int_equal(accepted_note(&accepted, name, 5), 0);
    }
    accepted_note(&accepted, "m0", 1); /* used again */
    accepted_note(&accepted, "one-more", 1);
    assert_int_equal(accepted.count, ACCEPTED_MAX);
    assert_int_equal(accepted_version(&accepted, "m0"), 5);
    assert_int_equal(accepted_version(&accepted, "m1"), 0);
    assert_int_equal(accepted_version(&accepted, "m2"), 5);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_highest_stays),
        TEST(test_saved_and_read_back),
        TEST(test_junk_is_passed_over),
        TEST(test_of_too_many_the_oldest_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/json_pointer.h"
#include "fixture.h"

#include <errno.h>

/* The document of RFC 6901, section 5, without the keys that strict JSON texts here cannot have. */
static const char document[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
                               "\"g|h\":4,\" \":7,\"m~n\":8,\"deep\":{\"x\":{\"y\":9}}}";

static void expect_number(const cJSON *tree, const char *pointer, double expected)
{
    const cJSON *item = json_pointer_get(tree, pointer);
    if (!cJSON_IsNumber(item) || item->valuedouble != expected)
        fail_msg("%s: not %g", pointer, expected);
}

static void test_places_of_the_rfc(void **state)
{
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(document, strlen(document), &diag);
    assert_non_null(tree);
    assert_ptr_equal(json_pointer_get(tree, ""), tree);
    assert_true(cJSON_IsArray(json_pointer_get(tree, "/foo")));
    assert_string_equal(json_pointer_get(tree, "/foo/0")->valuestring, "bar");
    expect_number(tree, "/", 0);
    expect_number(tree, "/a~1b", 1);
    expect_number(tree, "/c%d", 2);
    expect_number(tree, "/e^f", 3);
    expect_number(tree, "/g|h", 4);
    expect_number(tree, "/ ", 7);
    expect_number(tree, "/m~0n", 8);
    expect_number(tree, "/deep/x/y", 9);
    cJSON_Delete(tree);
}

static void test_what_is_not_there(void **state)
{
    static const char *const none[] = {"/nope",   "/foo/2",   "/foo/-",
                                       "/foo/01", "/foo/+0",  "/foo/0/x",
                                       "/a/b",    "/foo/1e0", "/foo/99999999999"};
    cJSON *tree = json_parse(document, strlen(document), NULL);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        if (json_pointer_get(tree, none[i]))
            fail_msg("%s is there", none[i]);
    }
    cJSON_Delete(tree);
    assert_null(json_pointer_get(NULL, "/a"));
}

static void test_what_is_no_pointer(void **state)
{
    char longest[JSON_POINTER_MAX + 3];
    memset(longest, 'a', sizeof longest - 1);
    longest[0] = '/';
    longest[JSON_POINTER_MAX] = '\0';
    struct diag diag = DIAG_INIT;
    assert_int_equal(json_pointer_check(longest, &diag), 0);
    longest[JSON_POINTER_MAX] = 'a';
    longest[JSON_POINTER_MAX + 1] = '\0';
    assert_int_equal(json_pointer_check(longest, &diag), -EINVAL);
    fixture_expect_text(diag.text, "at most 512");
    assert_int_equal(json_pointer_check("a/b", &diag), -EINVAL);
    fixture_expect_text(diag.text, "begins with /");
    assert_int_equal(json_pointer_check("/a~2", &diag), -EINVAL);
    fixture_expect_text(diag.text, "~0");
    assert_int_equal(json_pointer_check("/a~", &diag), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_of_the_rfc),
        cmocka_unit_test(test_what_is_not_there),
        cmocka_unit_test(test_what_is_no_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What Home Assistant was told of, in the saved state. */
#include "daemon/discovery.h"
#include "fixture.h"

static void expect(const char *state, const char *prefix, size_t count)
{
    struct discovery discovery = {0};
    assert_int_equal(discovery_load(&discovery, state), 0);
    assert_int_equal(discovery.count, count);
    if (prefix)
        assert_string_equal(discovery.prefix, prefix);
    else
        assert_null(discovery.prefix);
    discovery_deinit(&discovery);
}

static void test_kept(void **state)
{
    struct discovery discovery = {0};
    const char *saved = "{\"a\":1,\"discovery\":{\"prefix\":\"ha/x\",\"robots\":[\"k1\",\"k-2\"]}}";
    assert_int_equal(discovery_load(&discovery, saved), 0);
    assert_int_equal(discovery.count, 2);
    assert_string_equal(discovery.robot[1], "k-2");
    char *text = discovery_save(&discovery, strdup("{\"a\":2}"));
    fixture_expect_text(text, "\"prefix\":\t\"ha/x\"");
    fixture_expect_text(text, "[\"k1\", \"k-2\"]");
    fixture_expect_text(text, "\"a\":\t2");
    char *again = discovery_save(&discovery, strdup(text)); /* in its place */
    assert_string_equal(again, text);
    free(again);
    discovery.count = 0;
    text = discovery_save(&discovery, text);
    assert_null(strstr(text, "discovery"));
    free(text);
    assert_null(discovery_save(&discovery, NULL));
    discovery_deinit(&discovery);
}

/* A file that somebody has edited ends no start. */
static void test_what_cannot_be(void **state)
{
    expect(NULL, NULL, 0);
    expect("{", NULL, 0);
    expect("[]", NULL, 0);
    expect("{\"discovery\":7}", NULL, 0);
    expect("{\"discovery\":{\"robots\":[\"k1\"]}}", NULL, 0);
    expect("{\"discovery\":{\"prefix\":\"ha\",\"robots\":7}}", NULL, 0);
    expect("{\"discovery\":{\"prefix\":\"ha\",\"robots\":[1,\"a/b\",\"k1\",\"\"]}}", "ha", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kept),
                                       cmocka_unit_test(test_what_cannot_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

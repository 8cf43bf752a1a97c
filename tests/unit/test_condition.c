#include "base/condition.h"

#include "fixture.h"

#include <errno.h>
#include <math.h>

static struct conditions parse(const char *text)
{
    struct conditions conditions;
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(text, strlen(text), &diag);
    assert_non_null(tree);
    if (conditions_parse(tree, &conditions, &diag) < 0)
        fail_msg("%s: %s", text, diag.text);
    cJSON_Delete(tree);
    return conditions;
}

static void refuse(const char *text, const char *why)
{
    struct conditions conditions;
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(text, strlen(text), &diag);
    assert_non_null(tree);
    assert_int_equal(conditions_parse(tree, &conditions, &diag), -EINVAL);
    assert_int_equal(conditions.count, 0);
    fixture_expect_text(diag.text, why);
    cJSON_Delete(tree);
}

static void test_what_is_refused(void **state)
{
    refuse("[]", "an array, must be an object");
    refuse("{\"a\":\"auto\"}", "a: a string, must be an array of allowed values or an object");
    refuse("{\"a\":null}", "a: null");
    refuse("{\"a\":[]}", "0 allowed values, must be 1 to 32");
    refuse("{\"a\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3]}", "33");
    refuse("{\"a\":[null]}", "a value is null, must be a string, a number, true or false");
    refuse("{\"a\":[[1]]}", "an array");
    refuse("{\"a\":[\"x\\ny\"]}", "printable");
    refuse("{\"a\":{\"mini\":1}}", "mini: unknown key; known here: min, max");
    refuse("{\"a\":{\"min\":\"1\"}}", "min is a string, must be a number");
    refuse("{\"a\":{\"min\":2,\"max\":1}}", "min 2 is over max 1");
    refuse("{\"\":[1]}", "1 to 64 bytes");
    refuse("{\"a\\u0007\":[1]}", "printable");
    refuse("{\"12345678901234567890123456789012345678901234567890123456789012345\":[1]}", "64");
    char many[512] = "{";
    for (int i = 0; i < 17; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%s\"s%d\":[1]", i ? "," : "", i);
    strcat(many, "}");
    refuse(many, "17 conditions, at most 16");
}

static bool holds(const struct conditions *conditions, struct tag tag)
{
    size_t which;
    return condition_holds(&conditions->item[0], &tag, &which);
}

#define TEXT(value) ((struct tag){.type = TAG_TEXT, .text = (value)})
#define NUMBER(value) ((struct tag){.type = TAG_NUMBER, .number = (value)})
#define BOOL(value) ((struct tag){.type = TAG_BOOL, .number = (value)})
#define NOTHING ((struct tag){.type = TAG_NULL})

static void test_lists(void **state)
{
    struct conditions c = parse("{\"a\":[\"#AUT\",3,true,0.1]}");
    assert_true(holds(&c, TEXT("#AUT")));
    assert_false(holds(&c, TEXT("#aut")));
    assert_false(holds(&c, TEXT("3")));
    assert_true(holds(&c, NUMBER(3)));
    assert_true(holds(&c, NUMBER(1))); /* a PLC's true */
    assert_true(holds(&c, BOOL(1)));
    assert_false(holds(&c, BOOL(0)));
    assert_false(holds(&c, NUMBER(0)));
    assert_true(holds(&c, NUMBER(0.1)));
    assert_true(holds(&c, NUMBER((double)0.1F))); /* as a channel brings it */
    assert_false(holds(&c, NUMBER(0.1001)));
    assert_false(holds(&c, NUMBER((double)NAN)));
    assert_false(holds(&c, NOTHING));
    size_t which = 9;
    struct tag tag = NUMBER(3);
    assert_true(condition_holds(&c.item[0], &tag, &which));
    assert_int_equal(which, 1);
    conditions_clear(&c);
}

static void test_ranges(void **state)
{
    struct conditions both = parse("{\"a\":{\"min\":99,\"max\":100.1}}");
    assert_true(holds(&both, NUMBER(99)));
    assert_true(holds(&both, NUMBER(100)));
    assert_true(holds(&both, NUMBER((double)100.1F))); /* it is a little over 100.1 */
    assert_false(holds(&both, NUMBER(98.999)));
    assert_false(holds(&both, NUMBER(100.2)));
    assert_false(holds(&both, NUMBER((double)NAN)));
    assert_false(holds(&both, NUMBER((double)INFINITY)));
    assert_false(holds(&both, TEXT("100")));
    assert_false(holds(&both, NOTHING));
    struct conditions least = parse("{\"a\":{\"min\":1}}"), most = parse("{\"a\":{\"max\":-1}}");
    assert_true(holds(&least, NUMBER(1e300)));
    assert_true(holds(&least, BOOL(1)));
    assert_false(holds(&least, BOOL(0)));
    assert_true(holds(&most, NUMBER(-1e300)));
    assert_false(holds(&most, NUMBER(0)));
    conditions_clear(&both);
    conditions_clear(&least);
    conditions_clear(&most);
}

static void test_same(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"a\":[1]}",
        "{\"a\":[true]}",
        "{\"a\":[\"1\"]}",
        "{\"a\":[\"2\"]}",
        "{\"a\":[1,2]}",
        "{\"b\":[1]}",
        "{\"a\":{\"min\":1}}",
        "{\"a\":{\"max\":1}}",
        "{\"a\":{}}",
        "{\"a\":[1],\"b\":[1]}",
    };
    size_t count = sizeof texts / sizeof texts[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct conditions a = parse(texts[i]), b = parse(texts[j]);
            if (conditions_same(&a, &b) != (i == j))
                fail_msg("%s and %s", texts[i], texts[j]);
            conditions_clear(&a);
            conditions_clear(&b);
        }
    }
}

static void test_add(void **state)
{
    struct conditions c = parse("{\"a\":[1]}"), more = parse("{\"a\":[2],\"b\":[3]}");
    struct diag diag = DIAG_INIT;
    assert_int_equal(conditions_add(&c, &more.item[0], &diag), 0);
    assert_int_equal(c.count, 1);
    assert_true(c.item[0].allowed[0].number == 1);
    assert_int_equal(conditions_add(&c, &more.item[1], &diag), 0);
    assert_int_equal(conditions_find(&c, "b"), 1);
    assert_int_equal(conditions_find(&c, "c"), 2);
    conditions_clear(&c);
    conditions_clear(&more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

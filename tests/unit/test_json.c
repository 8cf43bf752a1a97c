#include "base/json.h"
#include "fixture.h"

#include <errno.h>
#include <math.h>

static cJSON *accept(const char *text)
{
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(text, strlen(text), &diag);
    if (!tree)
        fail_msg("%s was refused: %s", text, diag.text);
    return tree;
}

static void refuse_bytes(const char *text, size_t length, const char *why)
{
    struct diag diag = DIAG_INIT;
    char *copy = malloc(length + !length); /* so that a sanitizer sees the end */
    memcpy(copy, text, length);
    cJSON *tree = json_parse(copy, length, &diag);
    free(copy);
    if (tree)
        fail_msg("%s was accepted", text);
    fixture_expect_text(diag.text, why);
}

static void test_valid_documents(void **state)
{
    static const char *const valid[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-0.5e-3",
        "1E+2",
        "10",
        "\"\"",
        " \t\r\n[1 , 2]\n",
        "true",
        "null",
        "\"\\u00e9\\ud83d\\ude00 \\\\u0000 \\\" \"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
        "[[[[[[[[1]]]]]]]]",
        "1e-400",
    };
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++)
        cJSON_Delete(accept(valid[i]));
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "empty"},
        {" ", "not valid JSON"},
        {"{", "not valid JSON"},
        {"[1,]", "not valid JSON"},
        {"{\"a\":1,}", "not valid JSON"},
        {"{a:1}", "not valid JSON"},
        {"{'a':1}", "not valid JSON"},
        {"[1 2]", "not valid JSON"},
        {"nul", "not valid JSON"},
        {"NaN", "not valid JSON"},
        {"Infinity", "not valid JSON"},
        {"-Infinity", "not a JSON number"},
        {"\"abc", "not valid JSON"},
        {"\"\\", "not valid JSON"},
        {"\"\\x41\"", "not valid JSON"},
        {"\"\\ud800\"", "not valid JSON"},
        {"\"\\udc00\"", "not valid JSON"},
        {"[]]", "something follows"},
        {"{} {}", "something follows"},
        {"1 2", "something follows"},
        {"truefalse", "something follows"},
        {"1e999", "out of range"},
        {"{\"a\":[1,-1e999]}", "out of range"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "\"a\" appears twice"},
        {"[{\"x\":{\"k\":1,\"\\u006b\":2}}]", "\"k\" appears twice"},
        {"\"a\\u0000b\"", "\\u0000"},
        {"{\"a\\u0000\":1}", "\\u0000"},
        {"[[[[[[[[[1]]]]]]]]]", "nested deeper than 8"},
        {"{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":1}]}]}]}]}", "nested deeper than 8"},
        {"\"a\nb\"", "control character"},
        {"\x01[]", "control character"},
        {"[1,\x0b 2]", "control character"},
        {"\"\xff\"", "UTF-8"},
        {"\"\xc3\"", "UTF-8"},
        {"\"\xc3", "UTF-8"},
        {"\"\xf0\x9f\x98", "UTF-8"},
        {"\"\xc0\x80\"", "UTF-8"},
        {"\"\xe0\x80\x80\"", "UTF-8"},
        {"\"\xed\xa0\x80\"", "UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "UTF-8"},
        {"\"\xf0\x8f\xbf\xbf\"", "UTF-8"},
        {"01", "not a JSON number"},
        {"-01", "not a JSON number"},
        {"1.", "not a JSON number"},
        {"-.5", "not a JSON number"},
        {"-", "not a JSON number"},
        {"[1.e3]", "not a JSON number"},
        {"1e", "not a JSON number"},
        {"1e+", "not a JSON number"},
        {"+1", "not valid JSON"},
        {".5", "not valid JSON"},
        {"0x10", "something follows"},
        {"[1-2]", "not valid JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse_bytes(cases[i].text, strlen(cases[i].text), cases[i].why);
    refuse_bytes("[1]\0", 4, "control character");
    refuse_bytes("\"a\0b\"", 5, "control character");
}

/* Text without a terminating 0, as a payload is. */
static void test_reads_no_further_than_the_length(void **state)
{
    char *text = malloc(3);
    memcpy(text, "[1]", 3);
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(text, 3, &diag);
    assert_non_null(tree);
    cJSON_Delete(tree);
    for (size_t length = 1; length < 3; length++)
        refuse_bytes(text, length, "not valid JSON");
    free(text);
}

static void expect_diag(int r, const struct diag *diag, const char *const *parts, size_t count)
{
    assert_int_equal(r, -EINVAL);
    for (size_t i = 0; i < count; i++)
        fixture_expect_text(diag->text, parts[i]);
}
#define expect_refused(call, ...)                                                                  \
    do {                                                                                           \
        struct diag diag = DIAG_INIT;                                                              \
        const char *const parts[] = {__VA_ARGS__};                                                 \
        int result = call;                                                                         \
        expect_diag(result, &diag, parts, sizeof parts / sizeof parts[0]);                         \
    } while (0)

static void test_numbers(void **state)
{
    cJSON *tree = accept("{\"n\":1.5,\"i\":-7,\"big\":9007199254740992,\"over\":1e16,\"s\":\"x\"}");
    double number = 42;
    int64_t integer = 42;
    assert_int_equal(json_get_number(tree, "n", true, 0, 2, &number, NULL), 0);
    assert_true(number == 1.5);
    assert_int_equal(json_get_number(tree, "none", false, 0, 2, &number, NULL), 0);
    assert_true(number == 1.5);
    assert_int_equal(json_get_integer(tree, "i", true, -10, 10, &integer, NULL), 0);
    assert_int_equal(integer, -7);
    assert_int_equal(json_get_integer(tree, "big", true, 0, INT64_C(1) << 53, &integer, NULL), 0);
    assert_int_equal(integer, INT64_C(1) << 53);
    expect_refused(json_get_number(tree, "none", true, 0, 2, &number, &diag), "none", "missing");
    expect_refused(json_get_number(tree, "s", true, 0, 2, &number, &diag), "s", "a string",
                   "a number");
    expect_refused(json_get_number(tree, "n", true, 2, 3, &number, &diag), "n", "1.5", "2 to 3");
    expect_refused(json_get_integer(tree, "n", true, 0, 3, &integer, &diag), "1.5", "an integer");
    expect_refused(json_get_integer(tree, "over", true, 0, INT64_MAX, &integer, &diag), "over",
                   "an integer");
    expect_refused(json_get_integer(tree, "i", true, 0, 3, &integer, &diag), "-7", "0 to 3");
    assert_int_equal(integer, INT64_C(1) << 53);
    cJSON_Delete(tree);
}

static void test_other_types(void **state)
{
    cJSON *tree = accept("{\"t\":true,\"f\":false,\"s\":\"four\",\"o\":{},\"a\":[],\"z\":null}");
    bool flag = false;
    const char *text = "kept";
    const cJSON *item = NULL;
    assert_int_equal(json_get_bool(tree, "t", true, &flag, NULL), 0);
    assert_true(flag);
    assert_int_equal(json_get_bool(tree, "f", true, &flag, NULL), 0);
    assert_false(flag);
    assert_int_equal(json_get_string(tree, "none", false, 4, &text, NULL), 0);
    assert_string_equal(text, "kept");
    assert_int_equal(json_get_string(tree, "s", true, 4, &text, NULL), 0);
    assert_string_equal(text, "four");
    assert_int_equal(json_get_object(tree, "o", true, &item, NULL), 0);
    assert_true(cJSON_IsObject(item));
    assert_int_equal(json_get_array(tree, "a", true, &item, NULL), 0);
    assert_true(cJSON_IsArray(item));
    expect_refused(json_get_string(tree, "s", true, 3, &text, &diag), "4 characters", "at most 3");
    expect_refused(json_get_bool(tree, "z", true, &flag, &diag), "null", "true or false");
    expect_refused(json_get_object(tree, "a", true, &item, &diag), "an array", "an object");
    expect_refused(json_get_array(tree, "o", true, &item, &diag), "an object", "an array");
    expect_refused(json_get_string(tree, "T", true, 3, &text, &diag), "T", "missing");
    cJSON_Delete(tree);
}

static void knows_utf8(void **state)
{
    assert_true(json_is_utf8(""));
    assert_true(json_is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\xa4\x96"));
    static const char *const wrong[] = {"\xe4", "a\xc3", "\xc0\x80", "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (json_is_utf8(wrong[i]))
            fail_msg("case %zu passes", i);
}

static void test_a_cut_goes_through_no_character(void **state)
{
    static const struct {
        const char *text;
        int head[8]; /* by the room */
    } cases[] = {
        {"", {0, 0, 0, 0, 0, 0, 0, 0}},
        {"abc", {0, 1, 2, 3, 3, 3, 3, 3}},
        {"a\xc3\xa4\xc3\xa4", {0, 1, 1, 3, 3, 5, 5, 5}},
        {"\xe2\x82\xac\xe2\x82\xac", {0, 0, 0, 3, 3, 3, 6, 6}},
        {"a\xf0\x9f\xa4\x96z", {0, 1, 1, 1, 1, 5, 6, 6}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t max = 0; max < 8; max++)
            assert_int_equal(json_utf8_head(cases[i].text, max), cases[i].head[max]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_documents),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_reads_no_further_than_the_length),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_other_types),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(test_a_cut_goes_through_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "daemon/exposition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

static void expect(struct text *out, const char *text)
{
    assert_false(out->failed);
    assert_string_equal(out->data, text);
    text_clear(out);
}

static void test_families(void **state)
{
    struct text out = {0};
    exposition_family(&out, "a_total", EXPOSITION_COUNTER, "What it counts.");
    exposition_family(&out, "b", EXPOSITION_GAUGE, "B.");
    exposition_family(&out, "c_seconds", EXPOSITION_HISTOGRAM, "C.");
    expect(&out, "# HELP a_total What it counts.\n# TYPE a_total counter\n"
                 "# HELP b B.\n# TYPE b gauge\n# HELP c_seconds C.\n# TYPE c_seconds histogram\n");
    text_deinit(&out);
}

static void test_labels(void **state)
{
    struct text out = {0};
    const struct exposition_label none[EXPOSITION_LABELS_MAX] = {{0}};
    const struct exposition_label two[EXPOSITION_LABELS_MAX] = {{"a", "1"}, {"b", ""}};
    const struct exposition_label four[EXPOSITION_LABELS_MAX] = {
        {"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}};
    const struct exposition_label odd[EXPOSITION_LABELS_MAX] = {
        {"x", "\"quoted\"\\\n\ttab \xc3\xa4}{,="}};
    exposition_sample(&out, "m", "", NULL, 1);
    expect(&out, "m 1\n");
    exposition_sample(&out, "m", "", none, 1);
    expect(&out, "m 1\n");
    exposition_sample(&out, "m", "_bucket", two, 2);
    expect(&out, "m_bucket{a=\"1\",b=\"\"} 2\n");
    exposition_sample(&out, "m", "", four, 0);
    expect(&out, "m{a=\"1\",b=\"2\",c=\"3\",d=\"4\"} 0\n");
    exposition_sample(&out, "m", "", odd, 0);
    expect(&out, "m{x=\"\\\"quoted\\\"\\\\\\n\ttab \xc3\xa4}{,=\"} 0\n");
    text_deinit(&out);
}

static void test_values(void **state)
{
    static const struct {
        double value;
        const char *text;
    } all[] = {
        {0, "m 0\n"},
        {9007199254740992.0, "m 9007199254740992\n"},
        {1e18, "m 1e+18\n"},
        {-1, "m -1\n"},
        {0.1, "m 0.1\n"},
        {1764142000.123, "m 1764142000.123\n"},
        {(double)NAN, "m NaN\n"},
        {(double)INFINITY, "m +Inf\n"},
        {-(double)INFINITY, "m -Inf\n"},
    };
    struct text out = {0};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        exposition_sample(&out, "m", "", NULL, all[i].value);
        expect(&out, all[i].text);
    }
    text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_families),
                                       cmocka_unit_test(test_labels),
                                       cmocka_unit_test(test_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "config/topic_template.h"
#include "fixture.h"

#include <errno.h>

static void expect_match(const char *template, const char *topic, const char *robot)
{
    char name[NAME_MAX_LENGTH + 1];
    if (topic_template_match(template, topic, name) != !!robot)
        fail_msg("\"%s\": \"%s\" %s", template, topic, robot ? "does not fit" : "fits");
    if (robot)
        assert_string_equal(name, robot);
}

static void test_match(void **state)
{
    expect_match("armwatch/robot/{robot}/sample", "armwatch/robot/kuka1/sample", "kuka1");
    expect_match("{robot}/sample", "kuka1/sample", "kuka1");
    expect_match("cell/{robot}", "cell/K-2_b", "K-2_b");
    expect_match("{robot}", "kuka1", "kuka1");
    expect_match("a/{robot}/b", "a/kuka1/c", NULL);
    expect_match("a/{robot}/b", "a/kuka1/b/c", NULL);
    expect_match("a/{robot}/b", "a/kuka1", NULL);
    expect_match("a/{robot}/b", "b/kuka1/b", NULL);
    expect_match("a/{robot}/b", "a//b", "");
    expect_match("a/{robot}", "a/kuka 1", "");
    expect_match("{robot}/b", "$SYS/b", "");
    char topic[NAME_MAX_LENGTH + 8] = "a/";
    memset(topic + 2, 'k', NAME_MAX_LENGTH);
    expect_match("a/{robot}", topic, topic + 2);
    topic[2 + NAME_MAX_LENGTH] = 'k';
    expect_match("a/{robot}", topic, "");
}

static void test_filter(void **state)
{
    char *filter = topic_template_filter("armwatch/robot/{robot}/sample");
    assert_string_equal(filter, "armwatch/robot/+/sample");
    free(filter);
    filter = topic_template_filter("{robot}");
    assert_string_equal(filter, "+");
    free(filter);
}

static void expect_partition(const char *template, const char *topic, int partition)
{
    char name[NAME_MAX_LENGTH + 1];
    int found = 99;
    if (!topic_template_match_partition(template, topic, name, &found))
        fail_msg("\"%s\": \"%s\" does not fit", template, topic);
    if (found != partition)
        fail_msg("\"%s\": %d instead of %d", topic, found, partition);
    assert_string_equal(name, "kuka1");
}

static void test_partition(void **state)
{
    static const char both[] = "part/{partition}/armwatch/robot/{robot}/sample";
    expect_partition(both, "part/0/armwatch/robot/kuka1/sample", 0);
    expect_partition(both, "part/23/armwatch/robot/kuka1/sample", 23);
    expect_partition(both, "part/9999/armwatch/robot/kuka1/sample", 9999);
    expect_partition("{robot}/{partition}", "kuka1/7", 7);
    expect_partition("a/{robot}", "a/kuka1", TOPIC_PARTITION_NONE);
    static const char *const wrong[] = {"", "07", "00", "-1", "+1", "x", "1x", "10000", "1 "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char topic[64];
        snprintf(topic, sizeof topic, "kuka1/%s", wrong[i]);
        expect_partition("{robot}/{partition}", topic, TOPIC_PARTITION_INVALID);
    }
    expect_match(both, "part/armwatch/robot/kuka1/sample", NULL);
    expect_match(both, "part/1/2/armwatch/robot/kuka1/sample", NULL);
    expect_match(both, "part/1/armwatch/robot/kuka1/sample/x", NULL);
    assert_true(topic_template_has_partition(both));
    assert_false(topic_template_has_partition("a/{robot}"));
    char *filter = topic_template_filter(both);
    assert_string_equal(filter, "part/+/armwatch/robot/+/sample");
    free(filter);
    filter = topic_template_filter_partition(both, 12);
    assert_string_equal(filter, "part/12/armwatch/robot/+/sample");
    free(filter);
}

static void test_refused(void **state)
{
    static const struct {
        const char *template, *why;
    } cases[] = {
        {"", "{robot} must stand for one whole level"},
        {"a/b", "{robot} must stand for one whole level"},
        {"a/x{robot}", "whole level"},
        {"a/{robot}x", "whole level"},
        {"{robot}/{robot}", "once"},
        {"{robot}/{partition}/{partition}", "{partition} must stand for one whole level"},
        {"{robot}/p{partition}", "{partition} must stand for one whole level"},
        {"{partition}", "{robot} must stand for one whole level"},
        {"+/{robot}", "must be a topic"},
        {"{robot}/#", "must be a topic"},
        {"a\x01/{robot}", "\"a /{robot}\": must be a topic"},
        {"\xc2\x85/{robot}", "must be a topic"},     /* a control character of two bytes */
        {"\xef\xbf\xbf/{robot}", "must be a topic"}, /* no character */
        {"\xff/{robot}", "must be a topic"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diag diag = DIAG_INIT;
        if (topic_template_check(cases[i].template, &diag) != -EINVAL)
            fail_msg("\"%s\" is accepted", cases[i].template);
        fixture_expect_text(diag.text, cases[i].why);
    }
    char text[TOPIC_TEMPLATE_MAX + 2] = "{robot}/";
    memset(text + 8, 'a', TOPIC_TEMPLATE_MAX - 8);
    assert_int_equal(topic_template_check(text, NULL), 0);
    text[TOPIC_TEMPLATE_MAX] = 'a';
    struct diag diag = DIAG_INIT;
    assert_int_equal(topic_template_check(text, &diag), -EINVAL);
    assert_string_equal(diag.text, "1025 bytes, at most 1024 are allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_partition),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "fixture.h"
#include "sparkplug/topic.h"

#include <errno.h>

static void expect_span(struct sparkplug_span span, const char *text)
{
    assert_int_equal(span.length, strlen(text));
    assert_memory_equal(span.text ? span.text : "", text, span.length);
}

static void test_parts(void **state)
{
    static const struct {
        const char *topic;
        enum sparkplug_type type;
        const char *group, *node, *device;
    } cases[] = {
        {"spBv1.0/plant 1/NBIRTH/cell7", SPARKPLUG_NBIRTH, "plant 1", "cell7", ""},
        {"spBv1.0/g/NDEATH/n", SPARKPLUG_NDEATH, "g", "n", ""},
        {"spBv1.0/g/DBIRTH/n/d", SPARKPLUG_DBIRTH, "g", "n", "d"},
        {"spBv1.0/g/DDEATH/n/d", SPARKPLUG_DDEATH, "g", "n", "d"},
        {"spBv1.0/g/NDATA/n", SPARKPLUG_NDATA, "g", "n", ""},
        {"spBv1.0/g\xc3\xa4/DDATA/n/d", SPARKPLUG_DDATA, "g\xc3\xa4", "n", "d"},
        {"spBv1.0/g/NCMD/n", SPARKPLUG_NCMD, "g", "n", ""},
        {"spBv1.0/g/DCMD/n/d", SPARKPLUG_DCMD, "g", "n", "d"},
        {"spBv1.0/STATE/scada", SPARKPLUG_STATE, "", "scada", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sparkplug_topic topic;
        struct diag diag = DIAG_INIT;
        char text[SPARKPLUG_TOPIC_SIZE];
        if (sparkplug_topic_parse(cases[i].topic, &topic, &diag) < 0)
            fail_msg("%s", diag.text);
        assert_int_equal(topic.type, cases[i].type);
        expect_span(topic.group, cases[i].group);
        expect_span(topic.node, cases[i].node);
        expect_span(topic.device, cases[i].device);
        assert_int_equal(sparkplug_topic_format(&topic, text), strlen(cases[i].topic));
        assert_string_equal(text, cases[i].topic);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *topic, *why;
    } cases[] = {
        {"", "does not begin with spBv1.0/"},
        {"spAv1.0/g/NDATA/n", "does not begin with spBv1.0/"},
        {"spBv1.0x/g/NDATA/n", "does not begin with spBv1.0/"},
        {"spBv1.0", "the third part must be one of NBIRTH"},
        {"spBv1.0/g", "the third part"},
        {"spBv1.0/g/DATA/n", "the third part"},
        {"spBv1.0/g/STATE/n", "the third part"},
        {"spBv1.0/g/ndata/n", "the third part"},
        {"spBv1.0/g/NDATA", "NDATA has 4 parts"},
        {"spBv1.0/g/NDATA/n/d", "NDATA has 4 parts"},
        {"spBv1.0/g/DDATA/n", "DDATA has 5 parts"},
        {"spBv1.0/g/DDATA/n/d/x", "DDATA has 5 parts"},
        {"spBv1.0/g/DDATA/n/d/x/y/z", "DDATA has 5 parts"},
        {"spBv1.0/STATE", "a STATE has 3 parts"},
        {"spBv1.0/STATE/a/b", "a STATE has 3 parts"},
        {"spBv1.0/STATE/", "the host must be"},
        {"spBv1.0//NDATA/n", "the group must be"},
        {"spBv1.0/g/NDATA/", "the node must be"},
        {"spBv1.0/g/DDATA/n/", "the device must be"},
        {"spBv1.0/g/NDATA/+", "the node \"+\" must hold neither + nor #"},
        {"spBv1.0/g#/NDATA/n", "the group \"g#\" must hold neither"},
        {"spBv1.0/g/DDATA/n/\x01", "the device must be 1 to 255 bytes of UTF-8"},
        {"spBv1.0/g/DDATA/n/\xff", "the device must be"},
        {"spBv1.0/g/DDATA/n/\x7f", "the device must be"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sparkplug_topic topic;
        struct diag diag = DIAG_INIT;
        if (sparkplug_topic_parse(cases[i].topic, &topic, &diag) != -EINVAL)
            fail_msg("\"%s\" is accepted", cases[i].topic);
        fixture_expect_text(diag.text, cases[i].why);
    }
}

static void test_longest(void **state)
{
    char id[SPARKPLUG_ID_MAX + 2] = "", topic[1024], text[SPARKPLUG_TOPIC_SIZE];
    struct sparkplug_topic parsed;
    memset(id, 'x', SPARKPLUG_ID_MAX);
    snprintf(topic, sizeof topic, "spBv1.0/%s/DBIRTH/%s/%s", id, id, id);
    assert_int_equal(sparkplug_topic_parse(topic, &parsed, NULL), 0);
    assert_int_equal(sparkplug_topic_format(&parsed, text), strlen(topic));
    assert_string_equal(text, topic);
    id[SPARKPLUG_ID_MAX] = 'x';
    snprintf(topic, sizeof topic, "spBv1.0/g/NBIRTH/%s", id);
    assert_int_equal(sparkplug_topic_parse(topic, &parsed, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "pipeline/gate.h"

#include "fixture.h"
#include "pipeline/sample.h"

#include <math.h>

static struct conditions gate;

static int setup(void **state)
{
    const char *text = "{\"mode\":[\"auto\",\"ext\"],\"$OV_PRO\":{\"min\":99},"
                       "\"stop\":[false],\"n\":[1,2]}";
    cJSON *tree = json_parse(text, strlen(text), NULL);
    int r = conditions_parse(tree, &gate, NULL);
    cJSON_Delete(tree);
    return r;
}

static int teardown(void **state)
{
    conditions_clear(&gate);
    return 0;
}

enum { MODE, OVERRIDE, STOP, NUMBER };

static struct gate_value judge(size_t condition, struct tag tag)
{
    return gate_judge(&gate, condition, &tag);
}

#define TEXT(value) ((struct tag){.type = TAG_TEXT, .text = (value)})
#define NUM(value) ((struct tag){.type = TAG_NUMBER, .number = (value)})
#define BOOL(value) ((struct tag){.type = TAG_BOOL, .number = (value)})
#define NOTHING ((struct tag){.type = TAG_NULL})

/* A sample that brings everything. */
static struct gate_reading reading(struct tag mode, struct tag override, struct tag stop,
                                   struct tag number)
{
    return (struct gate_reading){.value = {judge(MODE, mode), judge(OVERRIDE, override),
                                           judge(STOP, stop), judge(NUMBER, number)}};
}

static struct gate_reading good(void)
{
    return reading(TEXT("auto"), NUM(100), BOOL(0), NUM(1));
}

static void expect_reason(size_t condition, struct tag tag, enum gate_verdict verdict,
                          const char *reason)
{
    struct gate_value value = judge(condition, tag);
    char text[GATE_REASON_MAX];
    gate_reason(&gate.item[condition], &value, text);
    assert_int_equal(value.verdict, verdict);
    assert_string_equal(text, reason);
}

static void test_verdicts_and_reasons(void **state)
{
    assert_int_equal(judge(MODE, TEXT("ext")).verdict, GATE_OPEN);
    assert_int_equal(judge(MODE, NOTHING).verdict, GATE_OPEN);
    expect_reason(MODE, TEXT("t1"), GATE_CLOSED, "mode t1");
    expect_reason(OVERRIDE, NUM(30), GATE_CLOSED, "$OV_PRO 30");
    expect_reason(OVERRIDE, TEXT("100"), GATE_CLOSED, "$OV_PRO \"100\"");
    expect_reason(OVERRIDE, NOTHING, GATE_UNKNOWN, "$OV_PRO unknown");
    expect_reason(OVERRIDE, NUM((double)NAN), GATE_UNKNOWN, "$OV_PRO unknown");
    expect_reason(STOP, BOOL(1), GATE_CLOSED, "stop true");
    expect_reason(STOP, NUM(1), GATE_CLOSED, "stop 1");
    assert_int_equal(judge(STOP, NUM(0)).verdict, GATE_OPEN);
}

/* What a network brings cannot end the line, nor a character in its middle. */
static void test_a_reason_is_one_short_line(void **state)
{
    expect_reason(MODE, TEXT("t\n1\x1b[2J\x7f"), GATE_CLOSED, "mode t?1?[2J?");
    expect_reason(MODE, TEXT("123456789012345678901234567890\xc3\xa4x"), GATE_CLOSED,
                  "mode 123456789012345678901234567890");
    expect_reason(MODE, TEXT("12345678901234567890123456789\xc3\xa4x"), GATE_CLOSED,
                  "mode 12345678901234567890123456789\xc3\xa4");
}

static void test_all_must_hold(void **state)
{
    struct gate_reading all = good(), none = {0};
    assert_true(gate_is_open(&gate, &all));
    assert_false(gate_is_open(&gate, &none));
    for (size_t i = 0; i < gate.count; i++) {
        struct gate_reading one = good();
        one.value[i].verdict = i % 2 ? GATE_CLOSED : GATE_UNKNOWN;
        assert_false(gate_is_open(&gate, &one));
    }
    assert_true(gate_is_open(&(struct conditions){0}, &none));
}

static struct gate_change follow(struct gate_reading *known, struct gate_reading sample)
{
    return gate_follow(&gate, known, &sample);
}

static void test_what_parts(void **state)
{
    struct gate_reading known = {0};
    follow(&known, good());
    assert_false(follow(&known, good()).parted);
    assert_true(follow(&known, reading(TEXT("ext"), NUM(100), BOOL(0), NUM(1))).parted);
    assert_false(follow(&known, reading(TEXT("ext"), NUM(100), BOOL(0), NUM(1))).parted);
    /* A range is one value, and a mode that is not said every time is none. */
    assert_false(follow(&known, reading(TEXT("ext"), NUM(120), BOOL(0), NUM(1))).parted);
    assert_false(follow(&known, reading(NOTHING, NUM(120), BOOL(0), NUM(1))).parted);
    assert_false(follow(&known, reading(TEXT("ext"), NUM(120), BOOL(0), NUM(1))).parted);
    assert_true(follow(&known, reading(TEXT("auto"), NUM(120), BOOL(0), NUM(1))).parted);
    assert_true(follow(&known, reading(TEXT("auto"), NUM(120), BOOL(0), NUM(2))).parted);
}

/* A mode between the two does not hide that it is another one. */
static void test_what_is_told(void **state)
{
    struct gate_reading known = {0};
    assert_true(follow(&known, good()).told);
    assert_false(follow(&known, good()).told);
    assert_true(follow(&known, reading(TEXT("t1"), NUM(100), BOOL(0), NUM(1))).told);
    assert_false(follow(&known, reading(TEXT("t1"), NUM(100), BOOL(0), NUM(1))).told);
    assert_true(follow(&known, reading(TEXT("t2"), NUM(100), BOOL(0), NUM(1))).told);
    assert_string_equal(known.value[MODE].text, "t2");
    assert_true(follow(&known, reading(TEXT("t2"), NUM(70), BOOL(0), NUM(1))).told);
    for (int i = 0; i < 50; i++)
        assert_false(follow(&known, reading(TEXT("t2"), NUM(i), BOOL(0), NUM(1))).told);
    assert_true(known.value[OVERRIDE].number == 70);
    for (int i = 3; i < 50; i++)
        assert_int_equal(follow(&known, reading(TEXT("t2"), NUM(1), BOOL(0), NUM(i))).told, i == 3);
    assert_true(follow(&known, reading(TEXT("t2"), NOTHING, BOOL(0), NUM(3))).told);
    assert_true(follow(&known, good()).told);
}

/* ---- as samples bring it */

static struct gate_reading decode(const void *payload, size_t size)
{
    static const char *const names[] = {"a", "n"};
    struct sample_decoder *decoder = sample_decoder_new(names, 2, SAMPLE_TIME_S);
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float values[2];
    sample_decoder_set_gate(decoder, &gate);
    if (sample_decode(decoder, payload, size, &sample, values, &diag) != SAMPLE_ACCEPTED)
        fail_msg("%s", diag.text);
    sample_decoder_free(decoder);
    return sample.gate;
}

static void expect_verdicts(const char *text, const char *verdicts)
{
    struct gate_reading read = decode(text, strlen(text));
    for (size_t i = 0; i < gate.count; i++) {
        if (read.value[i].verdict != (enum gate_verdict)(verdicts[i] - '0'))
            fail_msg("%s: %s is %d", text, gate.item[i].name, read.value[i].verdict);
    }
}

static void test_samples(void **state)
{
    expect_verdicts("{\"mode\":\"auto\",\"channels\":{\"a\":1,\"$OV_PRO\":100,\"n\":2,"
                    "\"stop\":false}}",
                    "2222");
    expect_verdicts("{\"channels\":{\"a\":1,\"$OV_PRO\":30,\"n\":3,\"stop\":true}}", "2111");
    expect_verdicts("{\"channels\":{\"a\":1,\"$OV_PRO\":null,\"n\":1,\"stop\":[false]}}", "2002");
    /* What the model calls mode is not the sample's. */
    expect_verdicts("{\"channels\":{\"a\":1,\"n\":1,\"mode\":\"t1\"}}", "2002");
    expect_verdicts("{\"mode\":\"t1\",\"values\":[1,1]}", "1002");
    expect_verdicts("{\"values\":[1,3]}", "2001");
    expect_verdicts("[1,1]", "2002");
    unsigned char bytes[SAMPLE_BINARY_HEADER + 8];
    size_t size = sample_format_binary(&(struct sample){.time_ns = 1, .seq = 1},
                                       (const float[]){1, 3}, 2, bytes);
    struct gate_reading read = decode(bytes, size);
    assert_int_equal(read.value[MODE].verdict, GATE_OPEN);
    assert_int_equal(read.value[STOP].verdict, GATE_UNKNOWN);
    assert_int_equal(read.value[NUMBER].verdict, GATE_CLOSED);
}

/* Signals of the gate are not among what nobody knows. */
static void test_signals_are_known_names(void **state)
{
    static const char *const names[] = {"a"};
    struct sample_decoder *decoder = sample_decoder_new(names, 1, SAMPLE_TIME_S);
    const char *text = "{\"channels\":{\"a\":1,\"stop\":false,\"x\":1}}";
    char name[8];
    sample_decoder_set_gate(decoder, &gate);
    assert_true(sample_unknown_channel(decoder, text, strlen(text), name, sizeof name));
    assert_string_equal(name, "x");
    sample_decoder_set_gate(decoder, NULL);
    assert_true(sample_unknown_channel(decoder, text, strlen(text), name, sizeof name));
    assert_string_equal(name, "stop");
    sample_decoder_free(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts_and_reasons),
        cmocka_unit_test(test_a_reason_is_one_short_line),
        cmocka_unit_test(test_all_must_hold),
        cmocka_unit_test(test_what_parts),
        cmocka_unit_test(test_what_is_told),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_signals_are_known_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

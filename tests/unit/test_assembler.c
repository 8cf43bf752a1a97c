#include "base/clock.h"
#include "fixture.h"

#include "pipeline/assembler.h"
#include <errno.h>

#include <math.h>

#define MS CLOCK_NS_PER_MS
#define START (INT64_C(1763917200) * CLOCK_NS_PER_S)

static const char *const names[] = {"a", "b", "step"};

struct bench {
    struct assembler_rules rules;
    struct assembler *assembler;
};

static const struct conditions no_gate;

static struct bench open_bench(const char *text)
{
    struct bench bench = {.assembler = NULL};
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(text, strlen(text), &diag);
    if (!tree || assembler_rules_parse(tree, &bench.rules, &diag) < 0)
        fail_msg("%s: %s", text, diag.text);
    cJSON_Delete(tree);
    return bench;
}

/* The rules have to stay where they are. */
static void begin(struct bench *bench)
{
    struct assembler_layout *layout = assembler_layout_new(&bench->rules, &no_gate, names, 3, 0.1);
    assert_non_null(layout);
    bench->assembler = assembler_new(layout);
    assembler_layout_unref(layout);
    assert_non_null(bench->assembler);
}

static void end(struct bench *bench)
{
    assembler_free(bench->assembler);
    assembler_rules_deinit(&bench->rules);
}

static enum assembler_refusal put_tag(struct bench *bench, const char *name, struct tag tag,
                                      int64_t ms)
{
    struct diag diag = DIAG_INIT;
    const struct assembler_input input = {.name = name, .tag = tag, .time_ns = START + ms * MS};
    enum assembler_refusal refusal = assembler_put(bench->assembler, &input, &diag);
    assert_int_equal(*diag.text != 0, refusal != ASSEMBLER_TAKEN);
    return refusal;
}

static enum assembler_refusal put(struct bench *bench, const char *name, double value, int64_t ms)
{
    return put_tag(bench, name, (struct tag){.type = TAG_NUMBER, .number = value}, ms);
}

static enum assembler_refusal put_text(struct bench *bench, const char *name, const char *text,
                                       int64_t ms)
{
    return put_tag(bench, name, (struct tag){.type = TAG_TEXT, .text = text}, ms);
}

static void put_all(struct bench *bench, double value, int64_t ms)
{
    for (size_t c = 0; c < 3; c++)
        assert_int_equal(put(bench, names[c], value, ms), ASSEMBLER_TAKEN);
}

static bool due(struct bench *bench, int64_t ms)
{
    return assembler_due(bench->assembler, START + ms * MS);
}

static void expect_sample(struct bench *bench, int64_t ms, double a, double b)
{
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float values[3];
    enum sample_refusal refusal =
        assembler_sample(bench->assembler, &no_gate, &sample, values, &diag);
    if (refusal)
        fail_msg("%s: %s", sample_refusal_name(refusal), diag.text);
    assert_true(sample.has_time && !sample.has_seq);
    assert_int_equal(sample.time_ns - START, ms * MS);
    if (values[0] != (float)a || values[1] != (float)b)
        fail_msg("%g %g instead of %g %g", (double)values[0], (double)values[1], a, b);
}

static void expect_refusal(struct bench *bench, enum sample_refusal expected, const char *why)
{
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float values[3];
    enum sample_refusal refusal =
        assembler_sample(bench->assembler, &no_gate, &sample, values, &diag);
    if (refusal != expected)
        fail_msg("%s instead of %s", sample_refusal_name(refusal), sample_refusal_name(expected));
    fixture_expect_text(diag.text, why);
}

/* A border is closed by what is of a later time, with what was there until then. */
static void test_clock_makes_samples(void **state)
{
    struct bench bench = open_bench("{}");
    begin(&bench);
    assert_false(due(&bench, 10));
    put_all(&bench, 1, 10);
    assert_false(due(&bench, 60));
    assert_int_equal(put(&bench, "a", 2, 60), ASSEMBLER_TAKEN);
    assert_false(due(&bench, 100)); /* at the border: it belongs to this sample */
    assert_true(due(&bench, 101));
    expect_sample(&bench, 100, 2, 1);
    assert_false(due(&bench, 101));
    assert_int_equal(put(&bench, "b", 5, 101), ASSEMBLER_TAKEN);
    /* Three borders at once: each gets its sample, of the values that held then. */
    for (int64_t ms = 200; ms <= 400; ms += 100) {
        assert_true(due(&bench, 420));
        expect_sample(&bench, ms, 2, 5);
    }
    assert_false(due(&bench, 420));
    end(&bench);
}

static void test_a_named_channel_makes_samples(void **state)
{
    struct bench bench = open_bench("{\"tick\":{\"channel\":\"step\"}}");
    begin(&bench);
    assert_false(due(&bench, 0));
    assert_int_equal(put(&bench, "a", 1, 0), ASSEMBLER_TAKEN);
    assert_int_equal(put(&bench, "b", 2, 0), ASSEMBLER_TAKEN);
    assert_false(assembler_ticked(bench.assembler));
    assert_false(due(&bench, 517));
    assert_int_equal(put(&bench, "step", 3, 517), ASSEMBLER_TAKEN);
    assert_true(assembler_ticked(bench.assembler));
    assert_false(assembler_ticked(bench.assembler));
    expect_sample(&bench, 517, 1, 2);
    end(&bench);
}

/* A signal that is no channel of the model may be the one. */
static void test_a_signal_makes_samples(void **state)
{
    struct bench bench = open_bench("{\"tick\":{\"channel\":\"cycle\"},\"max_age_s\":\"hold\","
                                    "\"channels\":{\"cycle\":{\"tag\":\"PLC.Tick\"}}}");
    begin(&bench);
    due(&bench, 1);
    put_all(&bench, 4, 0);
    assert_false(assembler_ticked(bench.assembler));
    assert_int_equal(put_text(&bench, "PLC.Tick", "any", 40), ASSEMBLER_TAKEN);
    assert_true(assembler_ticked(bench.assembler));
    expect_sample(&bench, 40, 4, 4);
    end(&bench);
}

static void test_a_value_may_be_too_old(void **state)
{
    struct bench bench = open_bench("{\"max_age_s\":0.5,\"channels\":{\"step\":{\"max_age_s\":"
                                    "\"hold\"},\"b\":{\"max_age_s\":0.25}}}");
    begin(&bench);
    due(&bench, 1);
    put_all(&bench, 1, 0);
    assert_true(due(&bench, 201));
    expect_sample(&bench, 100, 1, 1);
    assert_true(due(&bench, 310));
    expect_sample(&bench, 200, 1, 1);
    assert_true(due(&bench, 310));
    expect_refusal(&bench, SAMPLE_STALE_CHANNEL, "channel \"b\" is 0.3 s old, may be 0.25 s");
    assert_int_equal(put(&bench, "b", 7, 310), ASSEMBLER_TAKEN);
    assert_true(due(&bench, 401));
    expect_sample(&bench, 400, 1, 7);
    end(&bench);
}

static void test_a_value_may_be_missing(void **state)
{
    struct bench bench =
        open_bench("{\"channels\":{\"b\":{\"missing\":-1},\"a\":{\"tag\":\"A1\"}}}");
    const char *first;
    begin(&bench);
    assert_int_equal(assembler_absent(bench.assembler, &first), 3);
    assert_string_equal(first, "a");
    due(&bench, 1);
    put(&bench, "step", 1, 0);
    assert_true(due(&bench, 101));
    expect_refusal(&bench, SAMPLE_MISSING_CHANNEL,
                   "channel \"a\" (tag \"A1\") has no value (2 of 3 have none)");
    put(&bench, "A1", 3, 100);
    assert_true(due(&bench, 201));
    expect_sample(&bench, 200, 3, -1);
    put_tag(&bench, "A1", (struct tag){.type = TAG_NULL}, 210); /* bad quality */
    assert_true(due(&bench, 301));
    expect_refusal(&bench, SAMPLE_MISSING_CHANNEL, "\"a\"");
    end(&bench);
}

static void test_words_and_units(void **state)
{
    struct bench bench =
        open_bench("{\"channels\":{\"a\":{\"table\":{\"open\":1,\"closed\":0.5,\"true\":7}},"
                   "\"b\":{\"scale\":0.001,\"offset\":273.15}}}");
    begin(&bench);
    due(&bench, 1);
    put(&bench, "step", 0, 0);
    put(&bench, "b", 1000, 0);
    assert_int_equal(put_text(&bench, "a", "closed", 0), ASSEMBLER_TAKEN);
    assert_true(due(&bench, 101));
    expect_sample(&bench, 100, 0.5, 274.15);
    put_tag(&bench, "a", (struct tag){.type = TAG_BOOL, .number = 1}, 100);
    put_text(&bench, "b", "2e3", 100);
    assert_true(due(&bench, 201));
    expect_sample(&bench, 200, 7, 275.15);
    put_tag(&bench, "a", (struct tag){.type = TAG_BOOL, .number = 0}, 200); /* not in the table */
    assert_true(due(&bench, 301));
    expect_sample(&bench, 300, 0, 275.15);
    assert_int_equal(put_text(&bench, "a", "ajar", 300), ASSEMBLER_NOT_IN_TABLE);
    assert_true(due(&bench, 401));
    expect_refusal(&bench, SAMPLE_MISSING_CHANNEL, "\"a\""); /* it is neither open nor closed */
    put_text(&bench, "a", "open", 400);
    static const char *const wrong[] = {"AUT", "", "0x10", "nan", "inf", "1.2.3", "12 A", "--1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(put_text(&bench, "b", wrong[i], 400), ASSEMBLER_NOT_A_NUMBER);
    assert_int_equal(put(&bench, "b", (double)NAN, 400), ASSEMBLER_NONFINITE);
    assert_int_equal(put(&bench, "b", 1e300, 400), ASSEMBLER_NONFINITE);
    assert_int_equal(put(&bench, "c", 1, 400), ASSEMBLER_UNKNOWN);
    end(&bench);
}

static void test_mode(void **state)
{
    struct bench bench = open_bench("{\"max_age_s\":\"hold\",\"channels\":{\"mode\":{\"tag\":\"$"
                                    "MODE_OP\",\"table\":{\"AUT\":\"auto\",\"#T1\":\"t1\",\"4\":"
                                    "\"ext\"}}}}");
    struct sample sample;
    float values[3];
    struct diag diag = DIAG_INIT;
    begin(&bench);
    due(&bench, 1);
    put_all(&bench, 1, 0);
    assert_true(due(&bench, 101));
    /* Without it nobody knows whether the robot is to be judged. */
    expect_refusal(&bench, SAMPLE_MISSING_CHANNEL, "channel \"mode\" (tag \"$MODE_OP\")");
    put_text(&bench, "$MODE_OP", "#T1", 100);
    assert_true(due(&bench, 201));
    assert_int_equal(assembler_sample(bench.assembler, &no_gate, &sample, values, &diag),
                     SAMPLE_ACCEPTED);
    assert_string_equal(sample.mode, "t1");
    put(&bench, "$MODE_OP", 4, 200);
    assert_true(due(&bench, 301));
    assert_int_equal(assembler_sample(bench.assembler, &no_gate, &sample, values, &diag),
                     SAMPLE_ACCEPTED);
    assert_string_equal(sample.mode, "ext");
    assert_int_equal(put_text(&bench, "$MODE_OP", "AUTO", 300), ASSEMBLER_NOT_IN_TABLE);
    end(&bench);
}

/* A mode without a table is what it says, as far as it has room. */
static void test_plain_mode(void **state)
{
    struct bench bench = open_bench("{\"channels\":{\"mode\":{}}}");
    char longest[SAMPLE_MODE_MAX + 1];
    memset(longest, 'x', sizeof longest - 1);
    longest[SAMPLE_MODE_MAX] = '\0';
    begin(&bench);
    assert_int_equal(put_text(&bench, "mode", longest, 0), ASSEMBLER_NOT_IN_TABLE);
    longest[SAMPLE_MODE_MAX - 1] = '\0';
    assert_int_equal(put_text(&bench, "mode", longest, 0), ASSEMBLER_TAKEN);
    end(&bench);
}

static void test_one_tag_makes_two_channels(void **state)
{
    struct bench bench = open_bench(
        "{\"channels\":{\"a\":{\"tag\":\"x\"},\"b\":{\"tag\":\"x\",\"scale\":-2},\"step\":{"
        "\"missing\":0}}}");
    begin(&bench);
    due(&bench, 1);
    assert_int_equal(put(&bench, "x", 3, 0), ASSEMBLER_TAKEN);
    assert_int_equal(put(&bench, "a", 3, 0), ASSEMBLER_UNKNOWN);
    assert_true(due(&bench, 101));
    expect_sample(&bench, 100, 3, -6);
    end(&bench);
}

static void test_late_and_repeated_tags(void **state)
{
    struct bench bench = open_bench("{}");
    begin(&bench);
    due(&bench, 50);
    put_all(&bench, 1, 50);
    assert_int_equal(put(&bench, "a", 9, 40), ASSEMBLER_LATE);
    assert_int_equal(put(&bench, "a", 2, 50), ASSEMBLER_TAKEN);
    /* Another source's clock may be a little behind. */
    assert_false(due(&bench, 40));
    assert_true(due(&bench, 101));
    expect_sample(&bench, 100, 2, 1);
    assert_int_equal(assembler_restarts(bench.assembler), 0);
    end(&bench);
}

/* No sample is made for hours in which nobody said anything. */
static void test_times_jump_forward(void **state)
{
    struct bench bench = open_bench("{}");
    begin(&bench);
    due(&bench, 1);
    put_all(&bench, 1, 0);
    assert_true(due(&bench, 101));
    expect_sample(&bench, 100, 1, 1);
    assert_false(due(&bench, 3600050));
    assert_int_equal(assembler_restarts(bench.assembler), 1);
    put(&bench, "a", 2, 3600050);
    assert_true(due(&bench, 3600101));
    expect_refusal(&bench, SAMPLE_STALE_CHANNEL, "\"b\"");
    end(&bench);
}

/* However long a value may be held: one message makes no day's samples. */
static void test_a_bounded_number_of_samples_at_once(void **state)
{
    struct bench bench = open_bench("{\"max_age_s\":86400}");
    begin(&bench);
    due(&bench, 1);
    put_all(&bench, 1, 1);
    size_t samples = 0;
    while (due(&bench, 99950))
        samples++;
    assert_int_equal(samples, 999);
    assert_false(due(&bench, 99950 + 100050));
    assert_int_equal(assembler_restarts(bench.assembler), 1);
    end(&bench);
}

static void test_times_jump_back(void **state)
{
    struct bench bench = open_bench("{\"channels\":{\"b\":{\"max_age_s\":\"hold\"}}}");
    begin(&bench);
    due(&bench, 3600000);
    put_all(&bench, 1, 3600000);
    assert_false(due(&bench, 20));
    assert_int_equal(assembler_restarts(bench.assembler), 1);
    assert_int_equal(put(&bench, "a", 2, 20), ASSEMBLER_TAKEN);
    assert_int_equal(put(&bench, "step", 2, 20), ASSEMBLER_TAKEN);
    assert_true(due(&bench, 101));
    expect_sample(&bench, 100, 2, 1);
    end(&bench);
}

static void test_the_clock_of_arrivals_is_set(void **state)
{
    struct bench bench = open_bench("{}");
    begin(&bench);
    due(&bench, 1);
    put_all(&bench, 1, 0);
    assembler_shift(bench.assembler, 3600000 * MS);
    assert_true(due(&bench, 3600101));
    expect_sample(&bench, 3600100, 1, 1);
    assert_int_equal(assembler_restarts(bench.assembler), 0);
    end(&bench);
}

/* A retained tag is as old as it likes. */
static void test_old_tags_fill_what_holds(void **state)
{
    struct bench bench = open_bench("{\"channels\":{\"b\":{\"max_age_s\":\"hold\"}}}");
    struct diag diag = DIAG_INIT;
    const char *first;
    begin(&bench);
    for (size_t c = 0; c < 3; c++) {
        const struct assembler_input input = {.name = names[c],
                                              .tag = {.type = TAG_NUMBER, .number = 6},
                                              .time_ns = START,
                                              .old = true};
        assert_int_equal(assembler_put(bench.assembler, &input, &diag), ASSEMBLER_TAKEN);
    }
    assert_int_equal(assembler_absent(bench.assembler, &first), 2);
    due(&bench, 1);
    put(&bench, "a", 1, 0);
    put(&bench, "step", 1, 0);
    assert_true(due(&bench, 101));
    expect_sample(&bench, 100, 1, 6);
    end(&bench);
}

static void put_old(struct bench *bench, const char *name, double value)
{
    struct diag diag = DIAG_INIT;
    const struct assembler_input input = {
        .name = name, .tag = {.type = TAG_NUMBER, .number = value}, .time_ns = START, .old = true};
    assert_int_equal(assembler_put(bench->assembler, &input, &diag), ASSEMBLER_TAKEN);
}

/* After an outage the broker's word counts more than what was known before, until something new
   comes. */
static void test_doubt_and_oblivion(void **state)
{
    struct bench bench = open_bench("{\"channels\":{\"b\":{\"max_age_s\":\"hold\"}}}");
    const char *first;
    begin(&bench);
    due(&bench, 1);
    put_all(&bench, 1, 1);
    put_old(&bench, "b", 2);
    assert_true(due(&bench, 101));
    expect_sample(&bench, 100, 1, 1);
    assembler_doubt(bench.assembler);
    put_old(&bench, "a", 3);
    put_old(&bench, "b", 4);
    put_old(&bench, "b", 5);
    assert_true(due(&bench, 201));
    expect_sample(&bench, 200, 1, 4);
    assembler_forget(bench.assembler);
    assert_int_equal(assembler_absent(bench.assembler, &first), 3);
    assert_true(due(&bench, 301));
    expect_refusal(&bench, SAMPLE_MISSING_CHANNEL, "(3 of 3 have none)");
    end(&bench);
}

static struct conditions gate_of(const char *text)
{
    struct conditions gate;
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(text, strlen(text), &diag);
    if (conditions_parse(tree, &gate, &diag) < 0)
        fail_msg("%s", diag.text);
    cJSON_Delete(tree);
    return gate;
}

/* Two letters a condition: o(pen), c(losed), u(nknown). */
static void expect_gate(struct bench *bench, const struct conditions *gate, const char *expected)
{
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float values[3];
    char text[CONDITIONS_MAX + 1] = "";
    if (assembler_sample(bench->assembler, gate, &sample, values, &diag) != SAMPLE_ACCEPTED)
        fail_msg("%s", diag.text);
    for (size_t i = 0; i < gate->count; i++)
        text[i] = "uco"[sample.gate.value[i].verdict];
    assert_string_equal(text, expected);
}

static void test_signals_of_the_gate(void **state)
{
    struct bench bench = open_bench("{\"channels\":{\"running\":{\"tag\":\"PLC.Run\",\"table\":{"
                                    "\"RUN\":1,\"HALT\":0}},\"a\":{\"max_age_s\":\"hold\"}}}");
    struct conditions gate = gate_of("{\"$OV_PRO\":{\"min\":99},\"running\":[1],\"a\":[1],"
                                     "\"state\":[\"auto\"],\"mode\":[\"auto\"]}");
    struct assembler_layout *layout = assembler_layout_new(&bench.rules, &gate, names, 3, 0.1);
    bench.assembler = assembler_new(layout);
    assembler_layout_unref(layout);
    due(&bench, 1);
    put_all(&bench, 1, 1);
    assert_true(due(&bench, 101));
    expect_gate(&bench, &gate, "uuouo"); /* without a mode it is judged */
    put(&bench, "$OV_PRO", 100, 101);
    put_text(&bench, "PLC.Run", "RUN", 101);
    put_text(&bench, "state", "auto", 101);
    assert_true(due(&bench, 201));
    expect_gate(&bench, &gate, "ooooo");
    put(&bench, "$OV_PRO", 30, 201);
    put_text(&bench, "PLC.Run", "HALT", 201);
    put_text(&bench, "state", "t1", 201);
    assert_true(due(&bench, 301));
    expect_gate(&bench, &gate, "ccoco");
    /* Others know the same, for the gate of another configuration. */
    struct conditions other = gate_of("{\"state\":[\"t1\"],\"new\":[1]}");
    layout = assembler_layout_new(&bench.rules, &other, names, 3, 0.1);
    struct assembler *after = assembler_new(layout);
    assembler_layout_unref(layout);
    assembler_take_over(after, bench.assembler);
    assembler_free(bench.assembler);
    bench.assembler = after;
    assert_true(due(&bench, 401));
    expect_gate(&bench, &other, "ou");
    for (int64_t ms = 501; ms < 1500; ms += 100) { /* of a second's age nothing is known */
        put_all(&bench, 1, ms);
        assert_true(due(&bench, ms));
    }
    expect_gate(&bench, &other, "uu");
    conditions_clear(&gate);
    conditions_clear(&other);
    end(&bench);
}

static void test_wrong_rules(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"{\"tick\":{}}", "tick: either period_s or channel"},
        {"{\"tick\":{\"period_s\":1,\"channel\":\"a\"}}", "tick: either"},
        {"{\"tick\":{\"period_s\":0}}", "tick: period_s: 0, must be from 0.001 to 60"},
        {"{\"tick\":{\"hz\":10}}", "tick: hz: unknown key; known here: period_s, channel"},
        {"{\"tick\":{\"channel\":\"\"}}", "tick: channel: empty"},
        {"{\"tick\":7}", "tick: a number, must be an object"},
        {"{\"max_age_s\":\"forever\"}", "max_age_s: \"forever\", must be seconds or \"hold\""},
        {"{\"max_age_s\":0}", "max_age_s: 0, must be from"},
        {"{\"channels\":[]}", "channels: an array, must be an object"},
        {"{\"channels\":{\"a\":3}}", "channels.a: a number, must be an object"},
        {"{\"channels\":{\"a\":{\"from\":\"x\"}}}", "channels.a: from: unknown key"},
        {"{\"channels\":{\"a\":{\"scale\":0}}}", "channels.a: scale: 0"},
        {"{\"channels\":{\"a\":{\"tag\":\"\"}}}", "channels.a: tag: empty"},
        {"{\"channels\":{\"\":{}}}", "a name of 0 bytes"},
        {"{\"channels\":{\"a\":{\"missing\":\"zero\"}}}", "channels.a: missing: must be"},
        {"{\"channels\":{\"a\":{\"table\":{}}}}", "channels.a: table: 0 words"},
        {"{\"channels\":{\"a\":{\"table\":{\"x\":\"1\"}}}}", "table: \"x\": a string, must be a"},
        {"{\"channels\":{\"mode\":{\"table\":{\"x\":1}}}}", "table: \"x\": a number, must be a"},
        {"{\"channels\":{\"a\":{\"table\":{\"x\":1e40}}}}", "table: \"x\": 1e+40 is too large"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct assembler_rules rules;
        struct diag diag = DIAG_INIT;
        cJSON *tree = json_parse(wrong[i].text, strlen(wrong[i].text), &diag);
        assert_non_null(tree);
        if (assembler_rules_parse(tree, &rules, &diag) != -EINVAL)
            fail_msg("%s was taken", wrong[i].text);
        fixture_expect_text(diag.text, wrong[i].why);
        assembler_rules_deinit(&rules);
        cJSON_Delete(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_makes_samples),
        cmocka_unit_test(test_a_named_channel_makes_samples),
        cmocka_unit_test(test_a_signal_makes_samples),
        cmocka_unit_test(test_a_value_may_be_too_old),
        cmocka_unit_test(test_a_value_may_be_missing),
        cmocka_unit_test(test_words_and_units),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_plain_mode),
        cmocka_unit_test(test_one_tag_makes_two_channels),
        cmocka_unit_test(test_late_and_repeated_tags),
        cmocka_unit_test(test_times_jump_forward),
        cmocka_unit_test(test_a_bounded_number_of_samples_at_once),
        cmocka_unit_test(test_times_jump_back),
        cmocka_unit_test(test_the_clock_of_arrivals_is_set),
        cmocka_unit_test(test_old_tags_fill_what_holds),
        cmocka_unit_test(test_doubt_and_oblivion),
        cmocka_unit_test(test_signals_of_the_gate),
        cmocka_unit_test(test_wrong_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

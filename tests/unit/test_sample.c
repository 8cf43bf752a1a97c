#include "base/clock.h"
#include "base/rng.h"
#include "fixture.h"
#include "pipeline/sample.h"

#include <math.h>

static const char *const names[] = {"a", "b", "c"};

static struct sample_decoder *new_decoder(enum sample_time_unit unit)
{
    struct sample_decoder *decoder = sample_decoder_new(names, 3, unit);
    assert_non_null(decoder);
    assert_int_equal(sample_decoder_channels(decoder), 3);
    return decoder;
}

/* Decodes a copy of exactly this size, so that a sanitizer sees its end. */
static enum sample_refusal decode(enum sample_time_unit unit, const void *payload, size_t size,
                                  struct sample *ret_sample, float values[3], struct diag *diag)
{
    struct sample_decoder *decoder = new_decoder(unit);
    unsigned char *copy = malloc(size + !size);
    memcpy(copy, payload, size);
    *diag = DIAG_INIT;
    enum sample_refusal r = sample_decode(decoder, copy, size, ret_sample, values, diag);
    free(copy);
    sample_decoder_free(decoder);
    return r;
}

static struct sample accept_as(enum sample_time_unit unit, const char *text, float values[3])
{
    struct sample sample;
    struct diag diag;
    enum sample_refusal r = decode(unit, text, strlen(text), &sample, values, &diag);
    if (r != SAMPLE_ACCEPTED)
        fail_msg("%s was refused: %s: %s", text, sample_refusal_name(r), diag.text);
    return sample;
}

static struct sample accept(const char *text, float values[3])
{
    return accept_as(SAMPLE_TIME_S, text, values);
}

static void refuse_bytes(enum sample_time_unit unit, const void *payload, size_t size,
                         enum sample_refusal expected, const char *why)
{
    struct sample sample;
    struct diag diag;
    float values[3];
    enum sample_refusal r = decode(unit, payload, size, &sample, values, &diag);
    if (r != expected)
        fail_msg("%.*s: %s instead of %s", (int)size, (const char *)payload, sample_refusal_name(r),
                 sample_refusal_name(expected));
    fixture_expect_text(diag.text, why);
}

static void refuse(const char *text, enum sample_refusal expected, const char *why)
{
    refuse_bytes(SAMPLE_TIME_S, text, strlen(text), expected, why);
}

static void expect_values(const float values[3], float a, float b, float c)
{
    if (values[0] != a || values[1] != b || values[2] != c)
        fail_msg("%g %g %g instead of %g %g %g", (double)values[0], (double)values[1],
                 (double)values[2], (double)a, (double)b, (double)c);
}

static void test_three_forms(void **state)
{
    float values[3];
    struct sample sample = accept("{\"time\":\"2026-11-23T17:00:00.123Z\",\"seq\":4711,"
                                  "\"mode\":\"auto\",\"values\":[3,163.25,-0.5]}",
                                  values);
    expect_values(values, 3, 163.25F, -0.5F);
    assert_true(sample.has_time && sample.has_seq);
    assert_int_equal(sample.time_ns, INT64_C(1795453200123000000));
    assert_int_equal(sample.seq, 4711);
    assert_string_equal(sample.mode, "auto");

    sample = accept("{\"channels\":{\"c\":1,\"a\":2,\"b\":3}}", values);
    expect_values(values, 2, 3, 1);
    assert_false(sample.has_time || sample.has_seq);
    assert_string_equal(sample.mode, "");

    sample = accept(" [1e0, 2E1, -0]", values);
    expect_values(values, 1, 20, 0);
    assert_false(sample.has_time || sample.has_seq);
}

static void test_unknown_names_are_ignored_and_told(void **state)
{
    static const char text[] = "{\"channels\":{\"a\":1,\"gripper\":null,\"b\":2,\"zz\":\"x\","
                               "\"c\":3},\"values_of\":[1]}";
    float values[3];
    accept(text, values);
    expect_values(values, 1, 2, 3);
    struct sample_decoder *decoder = new_decoder(SAMPLE_TIME_S);
    char name[6];
    assert_true(sample_unknown_channel(decoder, text, strlen(text), name, sizeof name));
    assert_string_equal(name, "gripp");
    assert_false(sample_unknown_channel(decoder, "{\"channels\":{\"a\":1}}", 20, name, 6));
    assert_false(sample_unknown_channel(decoder, "{\"channels\":[1]}", 16, name, 6));
    assert_false(sample_unknown_channel(decoder, "[1,2,3]", 7, name, 6));
    assert_false(sample_unknown_channel(decoder, "{broken", 7, name, 6));
    assert_false(sample_unknown_channel(decoder, "", 0, name, 6));
    sample_decoder_free(decoder);
}

static void test_malformed(void **state)
{
    static const char *const malformed[] = {
        "{",
        "}",
        "[1,2,3",
        "[1,2,3]]",
        "[1,2,3]x",
        "[1,2,3],",
        "[1,2,]",
        "[1 2 3]",
        "[01,2,3]",
        "[1.,2,3]",
        "[+1,2,3]",
        "[NaN,2,3]",
        "[Infinity,2,3]",
        "[0x1,2,3]",
        "hello",
        "\xef\xbb\xbf",
        " ",
        "null",
        "true",
        "3",
        "\"[1,2,3]\"",
        "{\"values\":[1,2,3],\"values\":[1,2,3]}",
        "{\"channels\":{\"a\":1,\"a\":1,\"b\":2,\"c\":3}}",
        "{\"values\":[1,2,3],\"mode\":\"a\\u0000\"}",
        "{\"values\":[1,2,3],\"mode\":\"\xff\"}",
        "{\"x\":[[[[[[[[1]]]]]]]],\"values\":[1,2,3]}",
        "{values:[1,2,3]}",
        "{\"values\":[1,2,3]}\n{}",
    };
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        refuse(malformed[i], SAMPLE_MALFORMED, "");
    refuse_bytes(SAMPLE_TIME_S, "[1,2,3]\0", 8, SAMPLE_MALFORMED, "control character");
    refuse("", SAMPLE_EMPTY, "empty");
}

static void test_sizes(void **state)
{
    size_t size = SAMPLE_PAYLOAD_MAX + 1;
    char *text = malloc(size);
    memset(text, ' ', size);
    memcpy(text, "[1,2,3]", 7);
    refuse_bytes(SAMPLE_TIME_S, text, size, SAMPLE_TOO_LARGE, "65537 bytes");
    struct sample sample;
    struct diag diag;
    float values[3];
    assert_int_equal(decode(SAMPLE_TIME_S, text, size - 1, &sample, values, &diag),
                     SAMPLE_ACCEPTED);
    free(text);
}

static void test_values_and_channels(void **state)
{
    refuse("{}", SAMPLE_NO_VALUES, "either");
    refuse("{\"seq\":1}", SAMPLE_NO_VALUES, "either");
    refuse("{\"values\":[1,2,3],\"channels\":{\"a\":1,\"b\":2,\"c\":3}}", SAMPLE_NO_VALUES,
           "either");
    refuse("{\"values\":{\"a\":1}}", SAMPLE_NO_VALUES, "either");
    refuse("{\"channels\":[1,2,3]}", SAMPLE_NO_VALUES, "either");
    refuse("{\"values\":null}", SAMPLE_NO_VALUES, "either");
    refuse("[]", SAMPLE_WRONG_COUNT, "0 values, the model has 3");
    refuse("[1,2]", SAMPLE_WRONG_COUNT, "2 values");
    refuse("[1,2,3,4]", SAMPLE_WRONG_COUNT, "4 values");
    refuse("{\"channels\":{\"a\":1,\"c\":3}}", SAMPLE_MISSING_CHANNEL, "\"b\" is missing (2 of 3");
    refuse("{\"channels\":{}}", SAMPLE_MISSING_CHANNEL, "\"a\"");
    refuse("{\"channels\":{\"A\":1,\"b\":2,\"c\":3}}", SAMPLE_MISSING_CHANNEL, "\"a\"");
    refuse("[1,null,3]", SAMPLE_NOT_A_NUMBER, "\"b\" is null");
    refuse("[1,2,\"3\"]", SAMPLE_NOT_A_NUMBER, "\"c\" is a string");
    refuse("[true,2,3]", SAMPLE_NOT_A_NUMBER, "true or false");
    refuse("[[1,2,3]]", SAMPLE_NOT_A_NUMBER, "\"a\" is an array");
    refuse("{\"channels\":{\"a\":1,\"b\":{},\"c\":3}}", SAMPLE_NOT_A_NUMBER, "\"b\" is an object");
    refuse("[1,2,1e39]", SAMPLE_NONFINITE, "\"c\" is 1e+39");
    refuse("[1,2,1e999]", SAMPLE_NONFINITE, "out of range");
    refuse("{\"channels\":{\"a\":-1e999,\"b\":2,\"c\":3}}", SAMPLE_NONFINITE,
           "a: a number is out of range");
    refuse("{\"channels\":{\"a\":-4e38,\"b\":2,\"c\":3}}", SAMPLE_NONFINITE, "\"a\"");
}

static void test_seq(void **state)
{
    float values[3];
    assert_int_equal(accept("{\"values\":[1,2,3],\"seq\":0}", values).seq, 0);
    struct sample sample = accept("{\"values\":[1,2,3],\"seq\":9007199254740992}", values);
    assert_int_equal(sample.seq, UINT64_C(1) << 53);
    refuse("{\"values\":[1,2,3],\"seq\":9007199254740994}", SAMPLE_BAD_SEQ, "seq");
    refuse("{\"values\":[1,2,3],\"seq\":-1}", SAMPLE_BAD_SEQ, "-1");
    refuse("{\"values\":[1,2,3],\"seq\":1.5}", SAMPLE_BAD_SEQ, "1.5");
    refuse("{\"values\":[1,2,3],\"seq\":\"1\"}", SAMPLE_BAD_SEQ, "a string");
    refuse("{\"values\":[1,2,3],\"seq\":null}", SAMPLE_BAD_SEQ, "null");
}

static void test_mode(void **state)
{
    float values[3];
    struct sample sample =
        accept("{\"values\":[1,2,3],\"mode\":\"1234567890123456789012345678901\"}", values);
    assert_int_equal(strlen(sample.mode), SAMPLE_MODE_MAX - 1);
    refuse("{\"values\":[1,2,3],\"mode\":\"12345678901234567890123456789012\"}", SAMPLE_BAD_MODE,
           "32 characters");
    refuse("{\"values\":[1,2,3],\"mode\":1}", SAMPLE_BAD_MODE, "a number");
}

static void test_time_units(void **state)
{
    static const struct {
        enum sample_time_unit unit;
        const char *text;
        int64_t time_ns;
    } good[] = {
        {SAMPLE_TIME_S, "1763917200", INT64_C(1763917200000000000)},
        {SAMPLE_TIME_S, "1763917200.5", INT64_C(1763917200500000000)},
        {SAMPLE_TIME_S, "0", 0},
        {SAMPLE_TIME_S, "12.25", INT64_C(12250000000)},
        {SAMPLE_TIME_S, "\"1970-01-01T00:00:01Z\"", CLOCK_NS_PER_S},
        {SAMPLE_TIME_MS, "1763917200123", INT64_C(1763917200123000000)},
        {SAMPLE_TIME_MS, "1763917200123.5", INT64_C(1763917200123500000)},
        {SAMPLE_TIME_MS, "500000000", INT64_C(500000000000000)}, /* up for six days */
        {SAMPLE_TIME_US, "1763917200123456", INT64_C(1763917200123456000)},
        {SAMPLE_TIME_US, "500000000", INT64_C(500000000000)},
        {SAMPLE_TIME_NS, "1763917200123456768", INT64_C(1763917200123456768)},
        {SAMPLE_TIME_NS, "500000000", INT64_C(500000000)},
        {SAMPLE_TIME_NS, "20000000000", INT64_C(20000000000)},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[96];
        float values[3];
        snprintf(text, sizeof text, "{\"time\":%s,\"values\":[1,2,3]}", good[i].text);
        struct sample sample = accept_as(good[i].unit, text, values);
        assert_true(sample.has_time);
        /* A double holds times of today to 0.24 us. */
        if (llabs(sample.time_ns - good[i].time_ns) > 300)
            fail_msg("%s: %lld instead of %lld", text, (long long)sample.time_ns,
                     (long long)good[i].time_ns);
    }
}

static void test_times_that_are_refused(void **state)
{
    static const struct {
        enum sample_time_unit unit;
        const char *text, *why;
    } bad[] = {
        {SAMPLE_TIME_S, "1763917200123",
         "must be milliseconds: set time_unit to \"ms\" (it is \"s\")"},
        {SAMPLE_TIME_S, "1763917200123456",
         "must be microseconds: set time_unit to \"us\" (it is \"s\")"},
        {SAMPLE_TIME_S, "1763917200123456789",
         "must be nanoseconds: set time_unit to \"ns\" (it is \"s\")"},
        {SAMPLE_TIME_MS, "1763917200", "must be seconds: set time_unit to \"s\" (it is \"ms\")"},
        {SAMPLE_TIME_MS, "1763917200123456789",
         "must be nanoseconds: set time_unit to \"ns\" (it is \"ms\")"},
        {SAMPLE_TIME_NS, "1763917200", "must be seconds: set time_unit to \"s\" (it is \"ns\")"},
        {SAMPLE_TIME_NS, "1763917200123",
         "must be milliseconds: set time_unit to \"ms\" (it is \"ns\")"},
        {SAMPLE_TIME_US, "1763917200", "must be seconds: set time_unit to \"s\""},
        {SAMPLE_TIME_US, "1763917200123", "time 1763917200123 must be milliseconds: set time_unit"},
        {SAMPLE_TIME_US, "1763917200123456789", "must be nanoseconds: set"},
        {SAMPLE_TIME_MS, "1763917200123456", "must be microseconds: set"},
        {SAMPLE_TIME_MS, "1763917200.123", "time 1763917200.123 must be seconds: set"},
        {SAMPLE_TIME_NS, "1763917200123456", "must be microseconds: set"},
        {SAMPLE_TIME_S, "-1", "out of range"},
        {SAMPLE_TIME_S, "5e10", "out of range"},
        {SAMPLE_TIME_NS, "1e300", "out of range"},
        {SAMPLE_TIME_S, "null", "null"},
        {SAMPLE_TIME_S, "true", "true or false"},
        {SAMPLE_TIME_S, "\"\"", "RFC 3339"},
        {SAMPLE_TIME_S, "\"2026-11-23T17:00:00\"", "RFC 3339"},
        {SAMPLE_TIME_S, "\"1763917200\"", "RFC 3339"},
        {SAMPLE_TIME_S, "\"2026-02-30T00:00:00Z\"", "RFC 3339"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[96];
        snprintf(text, sizeof text, "{\"time\":%s,\"values\":[1,2,3]}", bad[i].text);
        refuse_bytes(bad[i].unit, text, strlen(text), SAMPLE_BAD_TIME, bad[i].why);
    }
}

/* ---- binary ---- */

static size_t make_binary(unsigned char bytes[SAMPLE_BINARY_HEADER + 12])
{
    const struct sample sample = {.time_ns = INT64_C(1763917200123456789), .seq = 4711};
    return sample_format_binary(&sample, (const float[]){1.5F, -2, 3e38F}, 3, bytes);
}

static void test_binary_round_trip(void **state)
{
    unsigned char bytes[SAMPLE_BINARY_HEADER + 12];
    size_t size = make_binary(bytes);
    assert_int_equal(size, 36);
    static const unsigned char start[] = {0xa1, 1, 0, 0, 3, 0, 0, 0};
    assert_memory_equal(bytes, start, sizeof start);
    assert_int_equal(bytes[16], 4711 & 0xff); /* little-endian */
    struct sample sample;
    struct diag diag;
    float values[3];
    assert_int_equal(decode(SAMPLE_TIME_S, bytes, size, &sample, values, &diag), SAMPLE_ACCEPTED);
    expect_values(values, 1.5F, -2, 3e38F);
    assert_true(sample.has_time && sample.has_seq);
    assert_int_equal(sample.time_ns, INT64_C(1763917200123456789));
    assert_int_equal(sample.seq, 4711);
}

static void refuse_patched(size_t at, const void *patch, size_t length,
                           enum sample_refusal expected)
{
    unsigned char bytes[SAMPLE_BINARY_HEADER + 12];
    size_t size = make_binary(bytes);
    memcpy(bytes + at, patch, length);
    refuse_bytes(SAMPLE_TIME_S, bytes, size, expected, "");
}

static void test_binary_refusals(void **state)
{
    unsigned char bytes[SAMPLE_BINARY_HEADER + 16] = {0};
    size_t size = make_binary(bytes);
    for (size_t length = 1; length < size; length++)
        refuse_bytes(SAMPLE_TIME_S, bytes, length, SAMPLE_BAD_BINARY, "binary sample");
    refuse_bytes(SAMPLE_TIME_S, bytes, size + 1, SAMPLE_BAD_BINARY, "do not hold");
    refuse_patched(1, "\2", 1, SAMPLE_BAD_BINARY);
    refuse_patched(2, "\1", 1, SAMPLE_BAD_BINARY);
    refuse_patched(3, "\1", 1, SAMPLE_BAD_BINARY);
    refuse_patched(4, "\xff\xff\xff\xff", 4, SAMPLE_BAD_BINARY);
    refuse_patched(7, "\x40", 1, SAMPLE_BAD_BINARY); /* 4 * count would wrap in 32 bits */
    refuse_patched(15, "\x80", 1, SAMPLE_BAD_TIME);
    refuse_patched(16, "\1\0\0\0\0\0\x20", 7, SAMPLE_BAD_SEQ); /* 2^53 + 1 */
    refuse_patched(24, "\0\0\xc0\x7f", 4, SAMPLE_NONFINITE);   /* NaN */
    refuse_patched(28, "\1\0\x80\xff", 4, SAMPLE_NONFINITE);   /* a signalling one */
    refuse_patched(32, "\0\0\x80\x7f", 4, SAMPLE_NONFINITE);   /* infinity */
    bytes[4] = 4;
    refuse_bytes(SAMPLE_TIME_S, bytes, size + 4, SAMPLE_WRONG_COUNT, "4 values");
}

/* One bad value among any number of good ones, wherever it is, is found and named. */
static void test_binary_with_one_bad_value(void **state)
{
    enum { MOST = 37 };
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    char made[MOST][8];
    const char *list[MOST];
    for (int i = 0; i < MOST; i++) {
        snprintf(made[i], sizeof made[i], "c%d", i);
        list[i] = made[i];
    }
    for (size_t channels = 1; channels <= MOST; channels++) {
        struct sample_decoder *decoder = sample_decoder_new(list, channels, SAMPLE_TIME_S);
        for (size_t at = 0; at <= channels; at++) { /* at the last round there is none */
            unsigned char bytes[SAMPLE_BINARY_HEADER + 4 * MOST];
            const struct sample sent = {.time_ns = 1};
            struct sample sample;
            struct diag diag = DIAG_INIT;
            float values[MOST], read[MOST];
            for (size_t i = 0; i < channels; i++)
                values[i] = i == at ? bad[at % 3] : i % 2 ? 3.4e38F : -1e-45F;
            size_t size = sample_format_binary(&sent, values, channels, bytes);
            enum sample_refusal r = sample_decode(decoder, bytes, size, &sample, read, &diag);
            assert_int_equal(r, at < channels ? SAMPLE_NONFINITE : SAMPLE_ACCEPTED);
            char named[16];
            snprintf(named, sizeof named, "\"c%zu\"", at);
            fixture_expect_text(diag.text, at < channels ? named : "");
        }
        sample_decoder_free(decoder);
    }
}

/* Whatever stood there before: what a sample does not say is empty, and no gate is known. */
static void test_nothing_is_left_of_the_sample_before(void **state)
{
    unsigned char bytes[SAMPLE_BINARY_HEADER + 12];
    const struct {
        const void *payload;
        size_t size;
        bool dated;
    } payloads[] = {{bytes, make_binary(bytes), true},
                    {"[1,2,3]", 7, false},
                    {"{\"values\":[1,2,3],\"other\":1}", 28, false}}; /* read by the tree */
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        static const struct gate_reading nothing;
        struct sample sample;
        struct diag diag;
        float values[3];
        memset(&sample, 0xff, sizeof sample);
        assert_int_equal(
            decode(SAMPLE_TIME_S, payloads[i].payload, payloads[i].size, &sample, values, &diag),
            SAMPLE_ACCEPTED);
        assert_int_equal(sample.has_time, payloads[i].dated);
        assert_int_equal(sample.has_seq, payloads[i].dated);
        assert_false(sample.undated);
        assert_string_equal(sample.mode, "");
        assert_memory_equal(&sample.gate, &nothing, sizeof nothing);
    }
}

/* Nothing that is made by changing valid payloads may crash; what is accepted is finite. */
static void test_mutations(void **state)
{
    static const char *const seeds[] = {
        "{\"time\":\"2026-11-23T17:00:00.123Z\",\"seq\":1,\"mode\":\"auto\",\"values\":[1,2,3]}",
        "{\"time\":1763917200.5,\"channels\":{\"a\":1,\"b\":-2e3,\"c\":0.5,\"d\":null}}",
        "[1,2,3]",
    };
    struct rng rng;
    rng_init(&rng, 9);
    struct sample_decoder *decoder = new_decoder(SAMPLE_TIME_S);
    size_t accepted = 0;
    for (int i = 0; i < 60000; i++) {
        unsigned char bytes[SAMPLE_BINARY_HEADER + 128];
        size_t kind = rng_below(&rng, 4);
        size_t size = kind < 3 ? strlen(seeds[kind]) : make_binary(bytes);
        if (kind < 3)
            memcpy(bytes, seeds[kind], size);
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
            bytes[rng_below(&rng, size)] = (unsigned char)rng_next(&rng);
        struct sample sample;
        struct diag diag = DIAG_INIT;
        float values[3];
        enum sample_refusal r = sample_decode(decoder, bytes, size, &sample, values, &diag);
        if (r == SAMPLE_ACCEPTED)
            assert_true(isfinite(values[0]) && isfinite(values[1]) && isfinite(values[2]));
        else
            assert_true(*diag.text);
        accepted += r == SAMPLE_ACCEPTED;
    }
    assert_in_range(accepted, 10000, 55000);
    sample_decoder_free(decoder);
}

static void test_many_channels_by_name(void **state)
{
    enum { COUNT = 1000 };
    char *text = malloc(64 * COUNT), *at = text;
    char(*made)[16] = malloc(COUNT * sizeof *made);
    const char *list[COUNT];
    at += sprintf(at, "{\"channels\":{");
    for (int i = 0; i < COUNT; i++) {
        snprintf(made[i], sizeof made[i], "channel_%d", i);
        list[i] = made[i];
        int back = COUNT - 1 - i;
        at += sprintf(at, "%s\"channel_%d\":%d", i ? "," : "", back, back);
    }
    at += sprintf(at, "}}");
    struct sample_decoder *decoder = sample_decoder_new(list, COUNT, SAMPLE_TIME_S);
    struct sample sample;
    struct diag diag = DIAG_INIT;
    float values[COUNT];
    assert_int_equal(sample_decode(decoder, text, (size_t)(at - text), &sample, values, &diag),
                     SAMPLE_ACCEPTED);
    for (int i = 0; i < COUNT; i++)
        assert_true(values[i] == (float)i);
    sample_decoder_free(decoder);
    free(made);
    free(text);
}

static void test_every_refusal_has_a_name(void **state)
{
    for (int i = 0; i < SAMPLE_REFUSALS; i++)
        assert_true(*sample_refusal_name((enum sample_refusal)i));
    assert_string_equal(sample_refusal_name(SAMPLE_WRONG_COUNT), "wrong_count");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_forms),
        cmocka_unit_test(test_unknown_names_are_ignored_and_told),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_values_and_channels),
        cmocka_unit_test(test_seq),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_time_units),
        cmocka_unit_test(test_times_that_are_refused),
        cmocka_unit_test(test_binary_round_trip),
        cmocka_unit_test(test_binary_refusals),
        cmocka_unit_test(test_binary_with_one_bad_value),
        cmocka_unit_test(test_nothing_is_left_of_the_sample_before),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_many_channels_by_name),
        cmocka_unit_test(test_every_refusal_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

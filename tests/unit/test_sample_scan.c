#include "base/json.h"
#include "base/rng.h"
#include "fixture.h"
#include "pipeline/sample_decoder.h"
#include "pipeline/sample_scan.h"

#include <inttypes.h>
#include <math.h>

#define CHANNELS_MOST 40
#define PADDING                                                                                    \
    20 /* blanks behind a text, so that also its last number can be read as a plain one */

static const char *const names[CHANNELS_MOST] = {
    "a",  "b",  "c",  "d",  "e",  "f",  "g",  "h",  "i",  "j",  "k",  "l",  "m",  "n",
    "o",  "p",  "q",  "r",  "s",  "t",  "u",  "v",  "w",  "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "a8", "a9", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8"};
static struct conditions gate;

static struct sample_decoder *open_decoder(size_t channels)
{
    static const char text[] = "{\"mode\":[\"auto\"],\"a\":{\"min\":0},\"state\":[\"run\",1,true]}";
    struct sample_decoder *decoder = sample_decoder_new(names, channels, SAMPLE_TIME_S);
    cJSON *tree = json_parse(text, strlen(text), NULL);
    assert_non_null(decoder);
    assert_int_equal(conditions_parse(tree, &gate, NULL), 0);
    cJSON_Delete(tree);
    sample_decoder_set_gate(decoder, &gate);
    return decoder;
}

static void close_decoder(struct sample_decoder *decoder)
{
    sample_decoder_free(decoder);
    conditions_clear(&gate);
}

/* Scans a copy of exactly this size, so that a sanitizer sees its end. */
static bool scan_copy(const struct sample_decoder *decoder, const char *text, size_t padding,
                      struct sample *ret_sample, float *ret_values)
{
    size_t length = strlen(text), size = length + padding;
    char *copy = malloc(size + !size);
    memcpy(copy, text, length);
    memset(copy + length, ' ', padding);
    bool read = length > 0 && sample_scan(decoder, copy, size, ret_sample, ret_values);
    free(copy);
    return read;
}

/* In every way: with plain numbers and without, with blanks behind the text and without. */
static bool scan(const struct sample_decoder *decoder, const char *text, struct sample *ret_sample,
                 float *ret_values)
{
    struct sample_decoder by_digits = *decoder;
    by_digits.reads_plain = false;
    bool read = scan_copy(&by_digits, text, 0, ret_sample, ret_values);
    for (int way = 0; way < 3; way++) {
        struct sample sample;
        float values[CHANNELS_MOST];
        bool again =
            scan_copy(way < 2 ? decoder : &by_digits, text, way > 0 ? PADDING : 0, &sample, values);
        if (again != read)
            fail_msg("%s: way %d: %d instead of %d", text, way, again, read);
        if (!read)
            continue;
        assert_memory_equal(values, ret_values, decoder->channels * sizeof *values);
        assert_int_equal(sample.time_ns, ret_sample->time_ns);
        assert_int_equal(sample.seq, ret_sample->seq);
    }
    return read;
}

static void expect_same(const struct sample_decoder *decoder, const char *text)
{
    struct sample scanned, read;
    struct diag diag = DIAG_INIT;
    float values[CHANNELS_MOST] = {0}, expected[CHANNELS_MOST] = {0};
    if (!scan(decoder, text, &scanned, values))
        fail_msg("%s was left to the tree", text);
    if (sample_decode_tree(decoder, text, strlen(text), &read, expected, &diag))
        fail_msg("%s: %s", text, diag.text);
    assert_memory_equal(values, expected, sample_decoder_channels(decoder) * sizeof *values);
    assert_int_equal(scanned.has_time, read.has_time);
    assert_int_equal(scanned.time_ns, read.time_ns);
    assert_int_equal(scanned.has_seq, read.has_seq);
    assert_int_equal(scanned.seq, read.seq);
    assert_string_equal(scanned.mode, read.mode);
    for (size_t i = 0; i < gate.count; i++) {
        assert_int_equal(scanned.gate.value[i].verdict, read.gate.value[i].verdict);
        assert_int_equal(scanned.gate.value[i].which, read.gate.value[i].which);
        assert_int_equal(scanned.gate.value[i].type, read.gate.value[i].type);
        assert_string_equal(scanned.gate.value[i].text, read.gate.value[i].text);
    }
}

static void test_plain_samples(void **state)
{
    static const char *const plain[] = {
        "[1,2,3]",
        " [ 1 , -2.5e3\t,\r\n0 ] ",
        "{\"values\":[1,2,3]}",
        "{\"time\":\"2026-11-23T17:00:00.123Z\",\"seq\":4711,\"mode\":\"auto\",\"values\":[3,163.2,"
        "0.976]}",
        "{\"values\":[1,2,3],\"mode\":\"t1\",\"seq\":0,\"time\":1763917200.123456}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3}}",
        "{\"channels\":{\"c\":3,\"a\":1,\"b\":2},\"time\":17.5}",
        "{\"channels\":{\"a\":1,\"state\":\"run\",\"b\":2,\"c\":3}}",
        "{\"channels\":{\"state\":1,\"x\":null,\"y\":\"text\",\"z\":false,\"a\":-1,\"b\":2,\"c\":3}"
        "}",
        "{\"seq\":9007199254740992,\"values\":[1,2,3]}",
        "{\"seq\":1e3,\"values\":[-0,-0.0,1E-2]}",
    };
    struct sample_decoder *decoder = open_decoder(3);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        expect_same(decoder, plain[i]);
    close_decoder(decoder);
}

/* Right or wrong, it is the tree's. */
static void test_what_is_left_to_the_tree(void **state)
{
    static const char *const unusual[] = {
        "",
        " ",
        "1",
        "null",
        "[]",
        "[1,2]",
        "[1,2,3,4]",
        "[1,2,3",
        "[1,2,3]]",
        "[1,2,3],",
        "[1,,3]",
        "[01,2,3]",
        "[1.,2,3]",
        "[.5,2,3]",
        "[+1,2,3]",
        "[1e,2,3]",
        "[-,2,3]",
        "[0x1,2,3]",
        "[NaN,2,3]",
        "[1e39,2,3]",
        "[1e400,2,3]",
        "[\"1\",2,3]",
        "[null,2,3]",
        "[1 2,3]",
        "{}",
        "{\"values\":[1,2,3],}",
        "{\"values\":[1,2,3],\"values\":[1,2,3]}",
        "{\"values\":[1,2,3],\"channels\":{\"a\":1,\"b\":2,\"c\":3}}",
        "{\"time\":1,\"values\":[1,2,3],\"time\":1}",
        "{\"Values\":[1,2,3]}",
        "{\"other\":1,\"values\":[1,2,3]}",
        "{\"valu\\u0065s\":[1,2,3]}",
        "{\"mode\":\"a\\n\",\"values\":[1,2,3]}",
        "{\"mode\":\"\xc3\xa4\",\"values\":[1,2,3]}",
        "{\"mode\":7,\"values\":[1,2,3]}",
        "{\"mode\":\"12345678901234567890123456789012\",\"values\":[1,2,3]}",
        "{\"seq\":-1,\"values\":[1,2,3]}",
        "{\"seq\":1.5,\"values\":[1,2,3]}",
        "{\"seq\":9007199254740993,\"values\":[1,2,3]}",
        "{\"seq\":9007199254740994,\"values\":[1,2,3]}",
        "{\"time\":\"yesterday\",\"values\":[1,2,3]}",
        "{\"time\":1763917200123,\"values\":[1,2,3]}",
        "{\"time\":null,\"values\":[1,2,3]}",
        "{\"channels\":{\"a\":1,\"b\":2}}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3,\"a\":1}}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3,\"x\":1,\"x\":1}}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3,\"x\":[]}}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":null}}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3,\"x\":1e999}}",
    };
    struct sample_decoder *decoder = open_decoder(3);
    for (size_t i = 0; i < sizeof unusual / sizeof unusual[0]; i++) {
        struct sample sample;
        float values[3];
        /* 2^53 + 1 is no double of its own: the tree takes it as 2^53, and so does the scanner. */
        bool rounds = strstr(unusual[i], "740993");
        if (scan(decoder, unusual[i], &sample, values) != rounds)
            fail_msg("%s: read: %d", unusual[i], !rounds);
    }
    close_decoder(decoder);
}

/* Seventeen names that are no channels are more than it compares. */
static void test_many_unknown_names(void **state)
{
    struct sample_decoder *decoder = open_decoder(3);
    char text[600] = "{\"channels\":{\"a\":1,\"b\":2,\"c\":3";
    for (int i = 0; i < 17; i++) {
        char whole[620];
        struct sample sample;
        float values[3];
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, ",\"x%d\":%d", i, i);
        snprintf(whole, sizeof whole, "%s}}", text);
        if (i < 16)
            expect_same(decoder, whole);
        else
            assert_false(scan(decoder, whole, &sample, values));
    }
    close_decoder(decoder);
}

static void print_number(size_t way, double value, char text[200])
{
    switch (way % 6) {
    case 0:
        snprintf(text, 200, "[%.17g]", value);
        break;
    case 1:
        snprintf(text, 200, "[%.9g]", value);
        break;
    case 2:
        snprintf(text, 200, "[%.3e]", value);
        break;
    case 3:
        snprintf(text, 200, "[%.15f]", value);
        break;
    case 4:
        snprintf(text, 200, "[%.0f]", value);
        break;
    default:
        snprintf(text, 200, "[%.40f]", value);
    }
}

/* Numbers of every length, size and notation come out as strtod reads them. */
static void test_numbers(void **state)
{
    struct sample_decoder *decoder = open_decoder(1);
    struct rng rng;
    rng_init(&rng, 5);
    for (size_t i = 0; i < 40000; i++) {
        char text[200];
        double value = ldexp(rng_normal(&rng), (int)rng_below(&rng, 200) - 100);
        print_number(i, value, text);
        struct sample sample;
        float values[1];
        bool is_long = strlen(text) > 66; /* over what it has room for */
        if (!is_long)
            expect_same(decoder, text);
        else
            assert_false(scan(decoder, text, &sample, values) && strlen(text) > 120);
    }
    for (size_t i = 0; i < 20000;
         i++) { /* digits at random, leading zeros behind the point among them */
        char text[80];
        snprintf(text, sizeof text, "[%" PRIu64 ".%0*" PRIu64 "e%d]",
                 rng_next(&rng) >> rng_below(&rng, 64), (int)rng_below(&rng, 12) + 1,
                 rng_next(&rng) >> (1 + rng_below(&rng, 63)), (int)rng_below(&rng, 60) - 40);
        struct sample sample;
        float values[1];
        if (scan(decoder, text, &sample, values))
            expect_same(decoder, text);
        else /* only what no float can hold */
            assert_true(strtod(text + 1, NULL) > 3e38);
    }
    close_decoder(decoder);
}

/* A number as sources write it, or, now and then, as they do not. */
static void append_number(struct rng *rng, uint64_t unusual, char *text)
{
    double value = ldexp(rng_normal(rng), (int)rng_below(rng, 24) - 8);
    char *at = text + strlen(text);
    if (rng_below(rng, 100) < unusual)
        sprintf(at, rng_below(rng, 2) ? "%.17g" : "%.6e", value);
    else
        sprintf(at, "%.*f", (int)rng_below(rng, 8), value);
}

static void make_row(struct rng *rng, size_t channels, bool named, uint64_t unusual, char *text)
{
    static const char *const separators[] = {",", ", ", ",  ", " ,", ",\n  "};
    size_t usual = rng_below(rng, 2);
    strcpy(text, named ? "{\"channels\":{" : "[");
    for (size_t c = 0; c < channels; c++) {
        if (c > 0)
            strcat(text, separators[rng_below(rng, 20) ? usual : rng_below(rng, 5)]);
        if (named)
            sprintf(text + strlen(text), "\"%s\":%s", names[c], rng_below(rng, 2) ? " " : "");
        append_number(rng, unusual, text);
    }
    strcat(text, named ? "}}" : "]");
}

/* Rows of plain numbers and others, so that the quick way is left and taken again, and given up. */
static void test_rows(void **state)
{
    static const size_t channels[] = {1, 2, 3, 8, CHANNELS_MOST};
    struct rng rng;
    rng_init(&rng, 9);
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        struct sample_decoder *decoder = open_decoder(channels[i]);
        for (size_t n = 0; n < 1500; n++) {
            static const uint64_t unusual[] = {0, 2, 20, 60, 100}; /* in a hundred */
            char text[CHANNELS_MOST * 40];
            make_row(&rng, channels[i], n % 2, unusual[n % 5], text);
            expect_same(decoder, text);
        }
        close_decoder(decoder);
    }
}

/* Fewer values than channels and more, of which the last is followed by a comma or not. */
static void test_wrong_counts(void **state)
{
    struct sample_decoder *decoder = open_decoder(CHANNELS_MOST);
    for (int count = 1; count <= CHANNELS_MOST + 2; count++) {
        char text[300] = "[";
        struct sample sample;
        float values[CHANNELS_MOST];
        for (int i = 0; i < count; i++)
            strcat(text, i ? ",1.5" : "1.5");
        strcat(text, "]");
        assert_int_equal(scan(decoder, text, &sample, values), count == CHANNELS_MOST);
        strcpy(strrchr(text, ']'), ",]");
        assert_false(scan(decoder, text, &sample, values));
    }
    close_decoder(decoder);
}

/* Whatever is wrong with it: what the scanner reads, the tree accepts. */
static void test_spoilt_samples(void **state)
{
    static const char good[] =
        "{\"time\":\"2026-11-23T17:00:00.5Z\",\"seq\":7,\"mode\":\"auto\",\"channels\":{"
        "\"a\":1.5,\"b\":-2e-1,\"state\":\"run\",\"c\":300}}";
    static const char bytes[] = "{}[]\",:0123456789-+.eEabctrun \\\x01\xc3";
    struct sample_decoder *decoder = open_decoder(3);
    struct rng rng;
    rng_init(&rng, 6);
    size_t read = 0;
    for (size_t i = 0; i < 60000; i++) {
        char text[sizeof good];
        struct sample sample;
        float values[3];
        memcpy(text, good, sizeof good);
        for (uint64_t n = 1 + rng_below(&rng, 3); n > 0; n--)
            text[rng_below(&rng, sizeof good - 1)] = bytes[rng_below(&rng, sizeof bytes - 1)];
        if (!scan(decoder, text, &sample, values))
            continue;
        read++;
        expect_same(decoder, text);
    }
    assert_true(read > 1000);
    close_decoder(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_samples),
        cmocka_unit_test(test_what_is_left_to_the_tree),
        cmocka_unit_test(test_many_unknown_names),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_wrong_counts),
        cmocka_unit_test(test_spoilt_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/json.h"
#include "model/safetensors.h"
#include "model/safetensors_writer.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A file of exactly its size on the heap, so that a sanitizer sees the first byte too far. */
struct file {
    unsigned char *bytes;
    size_t size;
};

static struct file make_file(uint64_t length, const char *header, const void *data, size_t size)
{
    size_t text = strlen(header);
    struct file file = {.size = 8 + text + size};
    file.bytes = malloc(file.size);
    assert_non_null(file.bytes);
    memcpy(file.bytes, &length, 8);
    memcpy(file.bytes + 8, header, text);
    if (size)
        memcpy(file.bytes + 8 + text, data, size);
    return file;
}

static struct file make_sample(void)
{
    static const float weight[6] = {1, -2, 3.5F, 0, 5, -6};
    static const double scale[2] = {0.1, 1e300};
    static const int64_t steps[1] = {INT64_MIN};
    struct safetensors_writer *writer = safetensors_writer_new();
    assert_non_null(writer);
    assert_int_equal(safetensors_writer_add_metadata(writer, "format", "armwatch-model"), 0);
    assert_int_equal(safetensors_writer_add_metadata(writer, "config", "{\"a\":\"\xc3\xa9\\n\"}"),
                     0);
    assert_int_equal(safetensors_writer_add(writer, "0.weight", SAFETENSORS_F32,
                                            SAFETENSORS_SHAPE(2, 3), weight),
                     0);
    assert_int_equal(
        safetensors_writer_add(writer, "b.scale", SAFETENSORS_F64, SAFETENSORS_SHAPE(2), scale), 0);
    assert_int_equal(
        safetensors_writer_add(writer, "a.scale", SAFETENSORS_F64, SAFETENSORS_SHAPE(2), scale), 0);
    assert_int_equal(
        safetensors_writer_add(writer, "steps", SAFETENSORS_I64, SAFETENSORS_SHAPE(1), steps), 0);
    assert_int_equal(
        safetensors_writer_add(writer, "empty", SAFETENSORS_F32, SAFETENSORS_SHAPE(0, 7), NULL), 0);
    assert_int_equal(safetensors_writer_add(writer, "scalar", SAFETENSORS_F32,
                                            (struct safetensors_shape){.rank = 0}, &weight[2]),
                     0);
    struct diag diag = DIAG_INIT;
    void *bytes;
    struct file file;
    int r = safetensors_writer_finish(writer, &bytes, &file.size, &diag);
    if (r != 0)
        fail_msg("finish: %d: %s", r, diag.text);
    safetensors_writer_free(writer);
    file.bytes = bytes;
    return file;
}

static void expect_refused(struct file file, const char *reason)
{
    struct diag diag = DIAG_INIT;
    struct safetensors *parsed = NULL;
    int r = safetensors_parse(file.bytes, file.size, &parsed, &diag);
    if (r != -EINVAL || !strstr(diag.text, reason))
        fail_msg("expected -EINVAL with \"%s\", got %d with \"%s\"", reason, r, diag.text);
    assert_null(parsed);
    free(file.bytes);
}

static void expect_header_refused(const char *header, const void *data, size_t size,
                                  const char *reason)
{
    expect_refused(make_file(strlen(header), header, data, size), reason);
}

static void test_round_trip(void **state)
{
    struct file file = make_sample();
    struct diag diag = DIAG_INIT;
    struct safetensors *st;
    assert_int_equal(safetensors_parse(file.bytes, file.size, &st, &diag), 0);
    assert_int_equal(safetensors_count(st), 6);
    assert_string_equal(safetensors_metadata(st, "format"), "armwatch-model");
    assert_string_equal(safetensors_metadata(st, "config"), "{\"a\":\"\xc3\xa9\\n\"}");
    assert_null(safetensors_metadata(st, "Format"));
    assert_null(safetensors_find(st, "c.scale"));
    for (size_t i = 1; i < safetensors_count(st); i++)
        assert_true(strcmp(safetensors_at(st, i - 1)->name, safetensors_at(st, i)->name) < 0);

    float weight[6];
    double scale[2];
    int64_t steps;
    float scalar;
    assert_int_equal(safetensors_get_f32(st, "0.weight", SAFETENSORS_SHAPE(2, 3), weight, &diag),
                     0);
    assert_float_equal(weight[2], 3.5, 0);
    assert_float_equal(weight[5], -6, 0);
    assert_int_equal(safetensors_get_f64(st, "b.scale", SAFETENSORS_SHAPE(2), scale, &diag), 0);
    assert_true(scale[0] == 0.1 && scale[1] == 1e300);
    assert_int_equal(safetensors_get_i64(st, "steps", SAFETENSORS_SHAPE(1), &steps, &diag), 0);
    assert_true(steps == INT64_MIN);
    assert_int_equal(
        safetensors_get_f32(st, "scalar", (struct safetensors_shape){.rank = 0}, &scalar, &diag),
        0);
    assert_float_equal(scalar, 3.5, 0);
    assert_int_equal(safetensors_get_f32(st, "empty", SAFETENSORS_SHAPE(0, 7), NULL, &diag), 0);
    safetensors_free(st);
    free(file.bytes);
}

static void test_layout(void **state)
{
    struct file file = make_sample(), again = make_sample();
    assert_int_equal(file.size, again.size);
    assert_memory_equal(file.bytes, again.bytes, file.size);

    uint64_t length;
    memcpy(&length, file.bytes, 8);
    assert_int_equal(length % 8, 0);
    struct diag diag = DIAG_INIT;
    struct safetensors *st;
    assert_int_equal(safetensors_parse(file.bytes, file.size, &st, &diag), 0);
    static const char *const order[] = {"steps",    "a.scale", "b.scale",
                                        "0.weight", "empty",   "scalar"};
    size_t size, at = 0;
    const unsigned char *data = safetensors_data(st, &size);
    assert_ptr_equal(data, file.bytes + 8 + length);
    for (size_t i = 0; i < 6; i++) {
        const struct safetensors_tensor *tensor = safetensors_find(st, order[i]);
        assert_ptr_equal(tensor->data, data + at);
        at += tensor->size;
    }
    assert_int_equal(at, size);
    safetensors_free(st);
    free(file.bytes);
    free(again.bytes);
}

static void test_writer_data(void **state)
{
    struct safetensors_writer *writer = safetensors_writer_new();
    float values[3] = {1, 2, 3};
    double other = 4;
    assert_int_equal(
        safetensors_writer_add(writer, "x", SAFETENSORS_F32, SAFETENSORS_SHAPE(3), values), 0);
    assert_int_equal(
        safetensors_writer_add(writer, "y", SAFETENSORS_F64, SAFETENSORS_SHAPE(1), &other), 0);
    void *data, *bytes;
    size_t data_size, size, found_size;
    struct diag diag = DIAG_INIT;
    assert_int_equal(safetensors_writer_data(writer, &data, &data_size), 0);
    assert_int_equal(safetensors_writer_add_metadata(writer, "sha256", "of the data"), 0);
    assert_int_equal(safetensors_writer_finish(writer, &bytes, &size, &diag), 0);
    struct safetensors *st;
    assert_int_equal(safetensors_parse(bytes, size, &st, &diag), 0);
    const void *found = safetensors_data(st, &found_size);
    assert_int_equal(found_size, 20);
    assert_int_equal(found_size, data_size);
    assert_memory_equal(found, data, data_size);
    safetensors_free(st);
    safetensors_writer_free(writer);
    free(data);
    free(bytes);
}

static void test_writer_refuses(void **state)
{
    static const char *const names[][2] = {{"x", "x"}, {"\xff", "y"}, {"", "y"}};
    static const char *const reasons[] = {"twice", "UTF-8", "name"};
    for (size_t i = 0; i < 3; i++) {
        struct safetensors_writer *writer = safetensors_writer_new();
        float value = 1;
        for (size_t j = 0; j < 2; j++)
            assert_int_equal(safetensors_writer_add(writer, names[i][j], SAFETENSORS_F32,
                                                    SAFETENSORS_SHAPE(1), &value),
                             0);
        void *bytes = NULL;
        size_t size;
        struct diag diag = DIAG_INIT;
        assert_int_equal(safetensors_writer_finish(writer, &bytes, &size, &diag), -EINVAL);
        assert_null(bytes);
        if (!strstr(diag.text, reasons[i]))
            fail_msg("expected \"%s\", got \"%s\"", reasons[i], diag.text);
        safetensors_writer_free(writer);
    }
}

static void test_unaligned(void **state)
{
    static const float values[2] = {1.5F, -2};
    const char *header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]} }";
    struct file file = make_file(strlen(header), header, values, sizeof values);
    unsigned char *shifted = malloc(file.size + 1);
    memcpy(shifted + 1, file.bytes, file.size);
    struct diag diag = DIAG_INIT;
    struct safetensors *st;
    float read[2];
    assert_int_equal(safetensors_parse(shifted + 1, file.size, &st, &diag), 0);
    assert_int_equal(safetensors_get_f32(st, "x", SAFETENSORS_SHAPE(2), read, &diag), 0);
    assert_memory_equal(read, values, sizeof values);
    safetensors_free(st);
    free(shifted);
    free(file.bytes);
}

static void test_get_refuses(void **state)
{
    struct file file = make_sample();
    struct diag diag = DIAG_INIT;
    struct safetensors *st;
    float values[8];
    assert_int_equal(safetensors_parse(file.bytes, file.size, &st, &diag), 0);
    assert_int_equal(safetensors_get_f32(st, "none", SAFETENSORS_SHAPE(1), values, &diag), -EINVAL);
    assert_string_equal(diag.text, "none: tensor is missing");
    assert_int_equal(safetensors_get_f32(st, "a.scale", SAFETENSORS_SHAPE(2), values, &diag),
                     -EINVAL);
    assert_string_equal(diag.text, "a.scale: F64, must be F32");
    assert_int_equal(safetensors_get_f32(st, "0.weight", SAFETENSORS_SHAPE(3, 2), values, &diag),
                     -EINVAL);
    assert_string_equal(diag.text, "0.weight: shape [2,3], must be [3,2]");
    assert_int_equal(safetensors_get_f32(st, "0.weight", SAFETENSORS_SHAPE(6), values, &diag),
                     -EINVAL);
    safetensors_free(st);
    free(file.bytes);
}

static void test_get_refuses_not_finite(void **state)
{
    struct safetensors_writer *writer = safetensors_writer_new();
    float single[3] = {1, NAN, 2};
    double twice[3] = {1, 2, -HUGE_VAL};
    safetensors_writer_add(writer, "f", SAFETENSORS_F32, SAFETENSORS_SHAPE(3), single);
    safetensors_writer_add(writer, "d", SAFETENSORS_F64, SAFETENSORS_SHAPE(3), twice);
    void *bytes;
    size_t size;
    struct diag diag = DIAG_INIT;
    struct safetensors *st;
    assert_int_equal(safetensors_writer_finish(writer, &bytes, &size, &diag), 0);
    assert_int_equal(safetensors_parse(bytes, size, &st, &diag), 0);
    assert_int_equal(safetensors_get_f32(st, "f", SAFETENSORS_SHAPE(3), single, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "f: element 1"));
    assert_int_equal(safetensors_get_f64(st, "d", SAFETENSORS_SHAPE(3), twice, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "d: element 2"));
    safetensors_free(st);
    safetensors_writer_free(writer);
    free(bytes);
}

#define ENTRY(dtype, shape, offsets)                                                               \
    "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{\"x\":" ENTRY(dtype, shape, offsets) "}"
#define TWO(a, b) "{\"a\":" a ",\"b\":" b "}"
#define FLOATS(count, offsets) ENTRY("\"F32\"", count, offsets)

static void test_refuses_headers(void **state)
{
    static const struct {
        const char *header;
        const char *reason;
    } cases[] = {
        /* the JSON itself */
        {"[1]", "start with {"},
        {" {}", "start with {"},
        {"{", "not valid JSON"},
        {"{}x", "follows"},
        {"{}{}", "follows"},
        {"{\"a\\u0000\":1}", "u0000"},
        {"{\"\xc3\x28\":1}", "UTF-8"},
        {"{\"\xed\xa0\x80\":1}", "UTF-8"},
        {"{\"\xc0\xaf\":1}", "UTF-8"},
        {"{\"\xf5\x80\x80\x80\":1}", "UTF-8"},
        {"{\"x\":[[[[[[[[1]]]]]]]]}", "nested"},
        {"{\"x\":1e999}", "out of range"},
        {TWO(FLOATS("[2]", "[0,8]"), FLOATS("[0]", "[8,8]") ",\"a\":1"), "twice"},
        {ONE("\"F32\"", "[2]", "[0,8],\"dtype\":\"F32\""), "twice"},
        /* metadata */
        {"{\"__metadata__\":[]}", "object"},
        {"{\"__metadata__\":{\"a\":1}}", "string"},
        {"{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", "twice"},
        /* an entry */
        {"{\"x\":1}", "object"},
        {"{\"\":" FLOATS("[2]", "[0,8]") "}", "name"},
        {"{\"x\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype: missing"},
        {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "shape: missing"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2]}}", "data_offsets: missing"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"y\":1}}", "only"},
        {ONE("1", "[2]", "[0,8]"), "dtype: a number"},
        {ONE("\"F16\"", "[4]", "[0,8]"), "F16"},
        {ONE("\"f32\"", "[2]", "[0,8]"), "f32"},
        {ONE("\"F32\"", "2", "[0,8]"), "shape: a number"},
        {ONE("\"F32\"", "[\"2\"]", "[0,8]"), "shape: a string"},
        {ONE("\"F32\"", "[2.5]", "[0,8]"), "shape: 2.5"},
        {ONE("\"F32\"", "[-2]", "[0,8]"), "shape: -2"},
        {ONE("\"F32\"", "[2147483649]", "[0,8]"), "shape: 2147483649"},
        {ONE("\"F32\"", "[2,1,1,1,1]", "[0,8]"), "dimensions"},
        {ONE("\"F32\"", "[2147483648,2147483648,4]", "[0,8]"), "too many"},
        {ONE("\"F32\"", "[2147483648,2147483648,1]", "[0,8]"), "another number"},
        {ONE("\"F32\"", "[2]", "{}"), "data_offsets: an object"},
        {ONE("\"F32\"", "[2]", "[0]"), "two integers"},
        {ONE("\"F32\"", "[2]", "[]"), "two integers"},
        {ONE("\"F32\"", "[2]", "[0,8,8]"), "two integers"},
        {ONE("\"F32\"", "[2]", "[0,7.5]"), "data_offsets: 7.5"},
        {ONE("\"F32\"", "[2]", "[-8,0]"), "data_offsets: -8"},
        {ONE("\"F32\"", "[2]", "[8,0]"), "after"},
        {ONE("\"F32\"", "[3]", "[0,8]"), "another number"},
        {ONE("\"F64\"", "[2]", "[0,8]"), "another number"},
        {ONE("\"F32\"", "[4]", "[0,16]"), "data_offsets: 16"},
        {ONE("\"F32\"", "[2]", "[0,9007199254740993]"), "data_offsets: 9007199254740992"},
        /* coverage of the data: 8 bytes follow */
        {"{}", "end at byte 0 of 8"},
        {ONE("\"F32\"", "[1]", "[0,4]"), "end at byte 4 of 8"},
        {ONE("\"F32\"", "[1]", "[4,8]"), "starts at byte 4"},
        {TWO(FLOATS("[2]", "[0,8]"), FLOATS("[1]", "[4,8]")), "starts at byte 4"},
        {TWO(FLOATS("[2]", "[0,8]"), FLOATS("[2]", "[0,8]")), "starts at byte 0"},
        {TWO(FLOATS("[2]", "[0,8]"), FLOATS("[0]", "[4,4]")), "starts at byte 4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_header_refused(cases[i].header, "12345678", 8, cases[i].reason);
}

static void test_refuses_sizes(void **state)
{
    expect_refused((struct file){.bytes = calloc(1, 7), .size = 7}, "not a safetensors");
    expect_refused((struct file){.bytes = calloc(1, 8), .size = 8}, "start with {");
    expect_refused(make_file(3, "{}", NULL, 0), "cut short");
    expect_refused(make_file(UINT64_MAX, "{}", NULL, 0), "at most");
    expect_refused(make_file(UINT64_C(1) << 63, "{}", NULL, 0), "at most");
    expect_refused(make_file(UINT64_C(100) << 20, "{}", NULL, 0), "at most");
    expect_refused(make_file(SAFETENSORS_MAX_HEADER + 1, "{}", NULL, 0), "at most");
    /* a NUL after the value: what other readers take for the end */
    expect_refused(make_file(3, "{}", "\0", 1), "control character");

    char name[SAFETENSORS_MAX_NAME + 2] = "", header[512];
    memset(name, 'n', SAFETENSORS_MAX_NAME + 1);
    snprintf(header, sizeof header, "{\"%s\":%s}", name, FLOATS("[0]", "[0,0]"));
    expect_header_refused(header, NULL, 0, "name");
}

static void test_accepts_edges(void **state)
{
    static const char *const headers[] = {
        "{}",
        "{}      ",
        "{\"__metadata__\":{}}",
        "{\"x\":" FLOATS("[0]", "[0,0]") "}",
        TWO(FLOATS("[0]", "[0,0]"), ENTRY("\"F64\"", "[3,0]", "[0,0]")),
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct file file = make_file(strlen(headers[i]), headers[i], NULL, 0);
        struct diag diag = DIAG_INIT;
        struct safetensors *st;
        if (safetensors_parse(file.bytes, file.size, &st, &diag) != 0)
            fail_msg("%s: %s", headers[i], diag.text);
        assert_null(safetensors_metadata(st, "a"));
        safetensors_free(st);
        free(file.bytes);
    }
}

/* Every prefix of a valid file is refused, and none is read beyond its end. */
static void test_truncation(void **state)
{
    struct file file = make_sample();
    for (size_t size = 0; size < file.size; size++) {
        unsigned char *cut = malloc(size ? size : 1);
        memcpy(cut, file.bytes, size);
        expect_refused((struct file){.bytes = cut, .size = size}, "");
    }
    free(file.bytes);
}

/* A flipped bit may give another valid file, but then one whose every tensor lies inside it. */
static void test_bit_flips(void **state)
{
    struct file file = make_sample();
    uint64_t length;
    memcpy(&length, file.bytes, 8);
    size_t refused = 0, bits = (8 + (size_t)length) * 8;
    for (size_t bit = 0; bit < bits; bit++) {
        file.bytes[bit / 8] ^= (unsigned char)(1U << (bit % 8));
        struct diag diag = DIAG_INIT;
        struct safetensors *st;
        if (safetensors_parse(file.bytes, file.size, &st, &diag) < 0) {
            refused++;
            assert_string_not_equal(diag.text, "");
        } else {
            for (size_t i = 0; i < safetensors_count(st); i++)
                (void)safetensors_check_finite(safetensors_at(st, i), &diag);
            safetensors_free(st);
        }
        file.bytes[bit / 8] ^= (unsigned char)(1U << (bit % 8));
    }
    if (refused < bits / 2)
        fail_msg("%zu of %zu flips refused", refused, bits);
    free(file.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_writer_data),
        cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_unaligned),
        cmocka_unit_test(test_get_refuses),
        cmocka_unit_test(test_get_refuses_not_finite),
        cmocka_unit_test(test_refuses_headers),
        cmocka_unit_test(test_refuses_sizes),
        cmocka_unit_test(test_accepts_edges),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_bit_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

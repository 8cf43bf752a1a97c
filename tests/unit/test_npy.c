#include "lab/npy.h"

#include "fixture.h"

#include <errno.h>

/* A file of the given version with the header text, padded as NumPy does, and the data. */
static const char *write_npy(int version, const char *header, const void *data, size_t size)
{
    unsigned char bytes[4096];
    size_t prefix = version == 1 ? 10 : 12;
    size_t length = (prefix + strlen(header) + 1 + 63) / 64 * 64 - prefix;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[7] = 0;
    memset(bytes + 8, 0, 4);
    bytes[8] = (unsigned char)(length & 0xff);
    bytes[9] = (unsigned char)(length >> 8);
    memset(bytes + prefix, ' ', length);
    memcpy(bytes + prefix, header, strlen(header));
    bytes[prefix + length - 1] = '\n';
    memcpy(bytes + prefix + length, data, size);
    return fixture_write_bytes("x.npy", bytes, prefix + length + size);
}

static void reads_each_version_and_type(void **state)
{
    static const double f8[] = {1, -2, 3};
    static const float f4[] = {1, -2, 3};
    static const int64_t i8[] = {1, -2, 3};
    static const int16_t i2[] = {1, -2, 3};
    static const signed char i1[] = {1, -2, 3};
    static const struct {
        const char *descr;
        const void *data;
        size_t size;
    } types[] = {{"<f8", f8, sizeof f8},
                 {"<f4", f4, sizeof f4},
                 {"<i8", i8, sizeof i8},
                 {"<i2", i2, sizeof i2},
                 {"|i1", i1, sizeof i1}};
    for (int version = 1; version <= 3; version++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            char header[128];
            sprintf(header, "{'descr': '%s', 'fortran_order': False, 'shape': (3, 1), }",
                    types[t].descr);
            struct npy *npy = NULL;
            struct diag diag = DIAG_INIT;
            double items[3] = {0};
            const char *path = write_npy(version, header, types[t].data, types[t].size);
            if (npy_open(path, &npy, &diag) < 0)
                fail_msg("version %d %s: %s", version, types[t].descr, diag.text);
            assert_int_equal(npy->rows, 3);
            assert_int_equal(npy->columns, 1);
            assert_int_equal(npy->dimensions, 2);
            assert_int_equal(npy_read_numbers(npy, 2, items, &diag), 0);
            assert_int_equal(npy_read_numbers(npy, 1, items + 2, &diag), 0);
            assert_int_equal(npy_read_numbers(npy, 1, items, &diag), -EINVAL);
            if (items[0] != 1 || items[1] != -2 || items[2] != 3)
                fail_msg("%s: %g %g %g", types[t].descr, items[0], items[1], items[2]);
            npy_close(npy);
        }
}

static void refuses_with_a_remedy(void **state)
{
    static const struct {
        const char *header;
        const char *text;
    } cases[] = {
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 1), }", "array.astype(float)"},
        {"{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2), }", NULL}, /* same in memory */
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", "ascontiguousarray"},
        {"{'descr': '>f8', 'fortran_order': False, 'shape': (2, 1), }", "big-endian"},
        {"{'descr': '<c16', 'fortran_order': False, 'shape': (1, 1), }", "<c16"},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (8, 1), }", "<f2"},
        {"{'descr': '|S8', 'fortran_order': False, 'shape': (2,), }", "<U strings"},
        {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }", "structured"},
        {"{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (2,), }", "structured"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }", "dimensions"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 2), }", "3 dimensions"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1), }", "cut short"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", "cut short"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }",
         "cut short"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999, 4), }",
         "cannot be understood"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2), }", "cannot be understood"},
        {"{'descr': '<f8', 'fortran_order': False, }", "cannot be understood"},
        {"{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (2,)}",
         "cannot be understood"},
        {"{'descr': '<f8', 'fortran_order': 0, 'shape': (2,), }", "cannot be understood"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), } x", "cannot be understood"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,) 'x': 1}", "cannot be understood"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': [2, 1]}", "cannot be understood"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, x)}", "cannot be understood"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 7: 1}", "cannot be understood"},
        {"{'descr': '<f\\8', 'fortran_order': False, 'shape': (2,)}", "cannot be understood"},
        {"('descr', '<f8')", "cannot be understood"},
        {"{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,)}",
         "cannot be understood"},
    };
    static const double data[2] = {1, 2};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct npy *npy = NULL;
        struct diag diag = DIAG_INIT;
        int r = npy_open(write_npy(1, cases[i].header, data, sizeof data), &npy, &diag);
        if (!cases[i].text) {
            assert_int_equal(r, 0);
            npy_close(npy);
            continue;
        }
        if (r != -EINVAL)
            fail_msg("%s: %d", cases[i].header, r);
        fixture_expect_text(diag.text, cases[i].text);
    }
}

static void refuses_a_header_that_is_longer_than_the_file(void **state)
{
    static const unsigned char bytes[] = {0x93, 'N',  'U',  'M',  'P', 'Y', 2,   0,
                                          0xff, 0xff, 0xff, 0xff, '{', '}', ' ', '\n'};
    struct diag diag = DIAG_INIT;
    struct npy *npy = NULL;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        const char *path = fixture_write_bytes("short.npy", bytes, size);
        assert_int_equal(npy_open(path, &npy, &diag), -EINVAL);
    }
    fixture_expect_text(diag.text, "header of 4294967295 bytes");
}

static void refuses_a_header_that_no_array_needs(void **state)
{
    enum { LENGTH = 65537, PREFIX = 12 };
    char *bytes = calloc(1, PREFIX + LENGTH);
    assert_non_null(bytes);
    memcpy(bytes, "\x93NUMPY\x02\x00\x01\x00\x01\x00", PREFIX);
    struct npy *npy = NULL;
    struct diag diag = DIAG_INIT;
    const char *path = fixture_write_bytes("long.npy", bytes, PREFIX + LENGTH);
    assert_int_equal(npy_open(path, &npy, &diag), -EINVAL);
    fixture_expect_text(diag.text, "header of 65537 bytes, at most 65536");
    free(bytes);
}

/* After its header was read. */
static void tells_that_a_file_became_shorter(void **state)
{
    char name[NPY_MAX_STRING + 1] = ""; /* long, so that no buffer holds two */
    memset(name, 'a', NPY_MAX_STRING);
    double items[600] = {0};
    char **strings;
    size_t count;
    struct npy *npy = NULL;
    struct npy_writer *writer = NULL;
    struct diag diag = DIAG_INIT;
    const char *path = fixture_path("shorter.npy");
    assert_int_equal(npy_create(path, NPY_FLOAT64, 600, 0, &writer, &diag), 0);
    npy_put(writer, items, 600);
    assert_int_equal(npy_commit(writer, &diag), 0);
    assert_int_equal(npy_open(path, &npy, &diag), 0);
    assert_int_equal(truncate(path, 128), 0);
    assert_int_equal(npy_read_numbers(npy, 600, items, &diag), -EIO);
    fixture_expect_text(diag.text, "600 items before the end");
    npy_close(npy);
    assert_int_equal(npy_write_strings(path, (const char *[]){name, name}, 2, &diag), 0);
    assert_int_equal(npy_open(path, &npy, &diag), 0);
    assert_int_equal(truncate(path, 128), 0);
    assert_int_equal(npy_read_strings(npy, &strings, &count, &diag), -EIO);
    npy_close(npy);
}

static void strings_survive_a_round_trip(void **state)
{
    static const char *const names[] = {"action", "", "\xc3\xa4\xe2\x82\xac\xf0\x9f\xa4\x96",
                                        "machine_nameKuka Robot_power_factor"};
    struct diag diag = DIAG_INIT;
    const char *path = fixture_path("names.npy");
    assert_int_equal(npy_write_strings(path, names, 4, &diag), 0);
    struct npy *npy = NULL;
    char **read = NULL;
    size_t count = 0;
    assert_int_equal(npy_open(path, &npy, &diag), 0);
    assert_int_equal(npy->item_size, 4 * 35);
    assert_int_equal(npy_read_strings(npy, &read, &count, &diag), 0);
    npy_close(npy);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(read[i], names[i]);
        free(read[i]);
    }
    free(read);
}

static void a_written_array_has_the_bytes_of_numpy(void **state)
{
    struct diag diag = DIAG_INIT;
    struct npy_writer *writer = NULL;
    const char *path = fixture_path("w.npy");
    static const double items[] = {1.5, -2.5};
    assert_int_equal(npy_create(path, NPY_FLOAT64, 1, 2, &writer, &diag), 0);
    npy_put(writer, items, 2);
    assert_int_equal(npy_commit(writer, &diag), 0);
    unsigned char bytes[256] = {0};
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    size_t size = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    assert_int_equal(size, 128 + sizeof items);
    /* As np.save writes np.array([[1.5, -2.5]]). */
    char expected[129];
    sprintf(expected, "%-117s\n", "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }");
    assert_memory_equal(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    assert_memory_equal(bytes + 10, expected, 118);
    assert_memory_equal(bytes + 128, items, sizeof items);
}

static void a_discarded_file_is_not_there(void **state)
{
    struct diag diag = DIAG_INIT;
    struct npy_writer *writer = NULL;
    assert_int_equal(npy_create(fixture_path("gone.npy"), NPY_INT64, 5, 0, &writer, &diag), 0);
    npy_discard(writer);
    assert_int_equal(access(fixture_path("gone.npy"), F_OK), -1);
    assert_int_equal(npy_create("/nonexistent/x.npy", NPY_INT64, 5, 0, &writer, &diag), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_version_and_type),
        cmocka_unit_test(refuses_with_a_remedy),
        cmocka_unit_test(refuses_a_header_that_is_longer_than_the_file),
        cmocka_unit_test(refuses_a_header_that_no_array_needs),
        cmocka_unit_test(tells_that_a_file_became_shorter),
        cmocka_unit_test(strings_survive_a_round_trip),
        cmocka_unit_test(a_written_array_has_the_bytes_of_numpy),
        cmocka_unit_test(a_discarded_file_is_not_there),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}

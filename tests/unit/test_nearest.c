#include "model/nearest.h"

#include "golden.h"
#include "nn/blas.h"

#include <errno.h>
#include <string.h>

#define GOLDEN_NEIGHBOURS 5

struct bench {
    struct golden golden;
    float *rows, *queries, *directions;
    double *distances;
    int64_t *places;
    struct nearest_rows among;
    size_t count; /* of queries */
};

static struct bench bench_open(const char *name)
{
    struct bench bench = {.golden = golden_open("nearest.safetensors")};
    char prefix[32], tensor[64];
    size_t rows, directions, distances, queries;
    snprintf(prefix, sizeof prefix, "%s.", name);
    snprintf(tensor, sizeof tensor, "%s.rows", name);
    size_t width = safetensors_find(bench.golden.file, tensor)->shape.dims[1];
    bench.rows = golden_values(&bench.golden, prefix, "rows", &rows);
    bench.queries = golden_values(&bench.golden, prefix, "queries", &queries);
    bench.directions = golden_values(&bench.golden, prefix, "directions", &directions);
    bench.distances = golden_values(&bench.golden, prefix, "distances", &distances);
    bench.places = golden_values(&bench.golden, prefix, "places", &distances);
    bench.among = (struct nearest_rows){
        bench.rows, rows / width, width, bench.directions, directions / width,
    };
    bench.count = queries / width;
    assert_int_equal(distances, bench.count * GOLDEN_NEIGHBOURS);
    return bench;
}

static void bench_close(struct bench *bench)
{
    free(bench->rows);
    free(bench->queries);
    free(bench->directions);
    free(bench->distances);
    free(bench->places);
    golden_close(&bench->golden);
}

static struct nearest make(const struct nearest_rows *among, size_t neighbours)
{
    struct nearest nearest;
    struct diag diag = DIAG_INIT;
    if (nearest_init(&nearest, among, neighbours, &diag) != 0)
        fail_msg("%s", diag.text);
    return nearest;
}

static void check_case(const char *name, size_t neighbours)
{
    struct bench bench = bench_open(name);
    struct nearest nearest = make(&bench.among, neighbours);
    struct neighbour *found = calloc(bench.count * neighbours, sizeof *found);
    assert_non_null(found);
    nearest_find(&nearest, bench.queries, bench.count, found);
    for (size_t i = 0; i < bench.count; i++) {
        for (size_t n = 0; n < neighbours; n++) {
            size_t at = i * GOLDEN_NEIGHBOURS + n;
            expect_near(sqrt(found[i * neighbours + n].distance), bench.distances[at], 1e-9);
            assert_int_equal(found[i * neighbours + n].row, bench.places[at]);
        }
    }
    free(found);
    nearest_deinit(&nearest);
    bench_close(&bench);
}

static void test_finds_what_scikit_learn_finds(void **state)
{
    static const char *const names[] = {"smooth", "noise", "offset"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check_case(names[i], 1);
        check_case(names[i], GOLDEN_NEIGHBOURS);
    }
}

/* One poor direction only costs time. */
static void test_the_direction_does_not_matter(void **state)
{
    struct bench bench = bench_open("noise");
    float direction[12] = {[11] = 1};
    struct nearest_rows among = bench.among;
    among.direction = direction;
    among.directions = 1;
    struct nearest nearest = make(&among, 1);
    for (size_t i = 0; i < bench.count; i++) {
        struct neighbour found;
        nearest_find(&nearest, bench.queries + i * among.width, 1, &found);
        assert_int_equal(found.row, bench.places[i * GOLDEN_NEIGHBOURS]);
    }
    nearest_deinit(&nearest);
    bench_close(&bench);
}

static void test_all_rows_as_neighbours(void **state)
{
    static const float rows[] = {0, 0, 3, 4, 1, 0}, axes[] = {1, 0, 0, 1};
    const struct nearest_rows among = {rows, 3, 2, axes, 2};
    struct nearest nearest = make(&among, 3);
    struct neighbour found[3];
    float mean[2];
    nearest_find(&nearest, (const float[]){0, 0}, 1, found);
    static const struct neighbour expected[] = {{0, 0}, {1, 2}, {25, 1}};
    for (size_t n = 0; n < 3; n++) {
        assert_int_equal(found[n].row, expected[n].row);
        expect_near(found[n].distance, expected[n].distance, 0);
    }
    nearest_mean(&nearest, found, mean);
    expect_near((double)mean[0], 4.0 / 3, 1e-6);
    expect_near((double)mean[1], 4.0 / 3, 1e-6);
    nearest_deinit(&nearest);
}

static void test_what_is_no_number_is_far_from_all(void **state)
{
    struct bench bench = bench_open("offset");
    struct nearest nearest = make(&bench.among, 2);
    const float values[] = {INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct neighbour found[2];
        float query[5] = {[0] = values[i]};
        nearest_find(&nearest, query, 1, found);
        assert_true(isinf(found[0].distance) && isinf(found[1].distance));
    }
    nearest_deinit(&nearest);
    bench_close(&bench);
}

static void refuses(const float *directions, size_t count, const char *text)
{
    static const float rows[] = {0, 0, 3, 4, 1, 0};
    const struct nearest_rows among = {rows, 3, 2, directions, count};
    struct nearest nearest;
    struct diag diag = DIAG_INIT;
    assert_int_equal(nearest_init(&nearest, &among, 1, &diag), -EINVAL);
    if (!strstr(diag.text, text))
        fail_msg("\"%s\" does not say \"%s\"", diag.text, text);
    nearest_deinit(&nearest);
}

static void test_directions_that_stretch_are_refused(void **state)
{
    refuses((const float[]){1, 0.1F}, 1, "directions 0 and 0: product 1.01, must be 1");
    refuses((const float[]){1, 0, 0.6F, 0.8F}, 2, "directions 0 and 1: product 0.6, must be 0");
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_scikit_learn_finds),
        cmocka_unit_test(test_the_direction_does_not_matter),
        cmocka_unit_test(test_all_rows_as_neighbours),
        cmocka_unit_test(test_what_is_no_number_is_far_from_all),
        cmocka_unit_test(test_directions_that_stretch_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

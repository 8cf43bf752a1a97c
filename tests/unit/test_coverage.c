#include "lab/coverage.h"

#include "base/rng.h"
#include "golden.h"
#include "nn/blas.h"

static double squared(const float *a, const float *b, size_t width)
{
    double sum = 0;
    for (size_t c = 0; c < width; c++)
        sum += (double)(a[c] - b[c]) * (double)(a[c] - b[c]);
    return sum;
}

/* How far the worst row is from the nearest of some. */
static double radius(const float *rows, size_t count, size_t width, const size_t *places,
                     size_t chosen)
{
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        double nearest = (double)INFINITY;
        for (size_t n = 0; n < chosen; n++)
            nearest = fmin(nearest, squared(rows + i * width, rows + places[n] * width, width));
        worst = fmax(worst, nearest);
    }
    return sqrt(worst);
}

/* Gonzalez: never more than twice the best that there is. */
static void test_no_row_is_far_from_all(void **state)
{
    enum { COUNT = 14, WIDTH = 3, MOST = 3 };
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t round = 0; round < 20; round++) {
        float rows[COUNT * WIDTH];
        size_t places[MOST], chosen;
        double best = (double)INFINITY;
        for (size_t i = 0; i < COUNT * WIDTH; i++)
            rows[i] = (float)rng_normal(&rng);
        for (size_t a = 0; a < COUNT; a++)
            for (size_t b = a + 1; b < COUNT; b++)
                for (size_t c = b + 1; c < COUNT; c++)
                    best = fmin(best, radius(rows, COUNT, WIDTH, (size_t[]){a, b, c}, MOST));
        assert_int_equal(coverage_choose(rows, COUNT, WIDTH, MOST, places, &chosen), 0);
        assert_int_equal(chosen, MOST);
        double found = radius(rows, COUNT, WIDTH, places, chosen);
        if (!(found <= 2 * best + 1e-5))
            fail_msg("radius %g, the best is %g", found, best);
    }
}

static void test_rare_rows_are_kept(void **state)
{
    enum { COUNT = 1000 };
    float rows[COUNT];
    size_t places[3], chosen;
    for (size_t i = 0; i < COUNT; i++)
        rows[i] = (float)(i % 7) * 0.01F;
    rows[412] = 50;
    rows[7] = -20;
    assert_int_equal(coverage_choose(rows, COUNT, 1, 3, places, &chosen), 0);
    assert_int_equal(chosen, 3);
    assert_int_equal(places[0], 0);
    assert_int_equal(places[1], 7);
    assert_int_equal(places[2], 412);
}

static void test_equal_rows_are_kept_once(void **state)
{
    enum { COUNT = 60, WIDTH = 5 };
    float rows[COUNT * WIDTH];
    size_t places[COUNT], chosen;
    for (size_t i = 0; i < COUNT * WIDTH; i++)
        rows[i] = 0.1F * (float)(i / WIDTH % 4) + 3.3F * (float)(i % WIDTH);
    assert_int_equal(coverage_choose(rows, COUNT, WIDTH, COUNT, places, &chosen), 0);
    assert_int_equal(chosen, 4);
    for (size_t i = 1; i < chosen; i++)
        assert_true(places[i] > places[i - 1]);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_row_is_far_from_all),
        cmocka_unit_test(test_rare_rows_are_kept),
        cmocka_unit_test(test_equal_rows_are_kept_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

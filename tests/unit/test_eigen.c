#include "golden.h"
#include "nn/eigen.h"

#include <errno.h>
#include <string.h>

static void test_two_by_two(void **state)
{
    double matrix[] = {2, -1, 0, 2}, values[2], half = sqrt(0.5);
    assert_int_equal(eigen_symmetric(2, matrix, values), 0);
    expect_near(values[0], 3, 1e-14);
    expect_near(values[1], 1, 1e-14);
    expect_near(fabs(matrix[0]), half, 1e-14);
    expect_near(matrix[1], -matrix[0], 1e-14);
    expect_near(matrix[2], half, 1e-14);
    expect_near(matrix[3], half, 1e-14);
}

static void test_sign_and_order(void **state)
{
    double matrix[] = {1, 0, 0, 0, 5, 0, 0, 0, -2}, values[3];
    static const double expected[] = {0, 1, 0, 1, 0, 0, 0, 0, 1};
    assert_int_equal(eigen_symmetric(3, matrix, values), 0);
    expect_near(values[0], 5, 1e-14);
    expect_near(values[1], 1, 1e-14);
    expect_near(values[2], -2, 1e-14);
    for (size_t i = 0; i < 9; i++)
        expect_near(matrix[i], expected[i], 1e-14);
}

/* V diag(w) V^T is the matrix again, whatever the lower triangle held. */
static void test_rebuilds(void **state)
{
    enum { N = 37 };
    double matrix[N * N], vectors[N * N], again[N * N], values[N];
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            matrix[i * N + j] = sin((double)(i * j + i + j)) + (i == j ? 3 : 0);
            vectors[i * N + j] = j >= i ? matrix[i * N + j] : 1e300;
        }
    }
    assert_int_equal(eigen_symmetric(N, vectors, values), 0);
    for (size_t i = 0; i < N; i++) {
        double largest = 0;
        for (size_t c = 0; c < N; c++)
            largest = fabs(vectors[i * N + c]) > fabs(largest) ? vectors[i * N + c] : largest;
        assert_true(largest > 0);
        assert_true(i == 0 || values[i] <= values[i - 1]);
        for (size_t j = 0; j < N; j++) {
            double sum = 0, dot = 0;
            for (size_t k = 0; k < N; k++) {
                sum += values[k] * vectors[k * N + i] * vectors[k * N + j];
                dot += vectors[i * N + k] * vectors[j * N + k];
            }
            expect_near(sum, matrix[i * N + j], 1e-12);
            expect_near(dot, i == j ? 1 : 0, 1e-13);
        }
    }
    for (size_t i = 0; i < N * N; i++)
        again[i] = matrix[i];
    assert_int_equal(eigen_symmetric(N, again, values), 0);
    assert_memory_equal(again, vectors, sizeof again);
}

static void test_refuses(void **state)
{
    double matrix[] = {1, (double)NAN, 0, 1}, values[2];
    assert_int_equal(eigen_symmetric(2, matrix, values), -EINVAL);
    assert_int_equal(eigen_symmetric(0, matrix, values), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_by_two),
        cmocka_unit_test(test_sign_and_order),
        cmocka_unit_test(test_rebuilds),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "golden.h"
#include "lab/pca_fit.h"
#include "nn/blas.h"

#include <errno.h>
#include <string.h>

static void expect_golden(const struct golden *golden, const char *prefix)
{
    size_t cells, channels, components, count;
    float *input = golden_values(golden, prefix, "input", &cells);
    double *mean = golden_values(golden, prefix, "mean", &channels);
    double *component = golden_values(golden, prefix, "components", &count);
    double *variance = golden_values(golden, prefix, "variance", &components);
    double *share = golden_values(golden, prefix, "share", &count);
    struct pca_rows rows = {.rows = cells / channels, .channels = channels, .values = input};
    struct pca_fit fit;
    struct diag diag = DIAG_INIT;
    assert_int_equal(pca_fit(&rows, share[0], &fit, &diag), 0);
    assert_int_equal(fit.components, components);
    expect_near(fit.explained, share[1], 1e-9);
    for (size_t c = 0; c < channels; c++)
        expect_near(fit.mean[c], mean[c], 1e-12 * fmax(1, fabs(mean[c])));
    for (size_t k = 0; k < components; k++) {
        expect_near(fit.variance[k], variance[k], 1e-9 * variance[k]);
        const double *found = fit.component + k * channels, *expected = component + k * channels;
        double dot = 0;
        for (size_t c = 0; c < channels; c++)
            dot += found[c] * expected[c];
        for (size_t c = 0; c < channels; c++)
            expect_near(found[c], copysign(1, dot) * expected[c], 1e-6);
    }
    pca_fit_deinit(&fit);
    free(input);
    free(mean);
    free(component);
    free(variance);
    free(share);
}

static void test_golden(void **state)
{
    struct golden golden = golden_open("pca.safetensors");
    expect_golden(&golden, "mixed.");
    expect_golden(&golden, "offset.");
    expect_golden(&golden, "most.");
    golden_close(&golden);
}

static void test_leaves_out_invalid_rows(void **state)
{
    float values[] = {0, 0, NAN, 1e30F, 1, 2, 2, 4};
    unsigned char valid[] = {1, 0, 1, 1};
    struct pca_rows rows = {.rows = 4, .channels = 2, .values = values, .valid = valid};
    struct pca_fit fit;
    struct diag diag = DIAG_INIT;
    assert_int_equal(pca_fit(&rows, 0.95, &fit, &diag), 0);
    assert_int_equal(fit.components, 1);
    expect_near(fit.variance[0], 5, 1e-12);
    expect_near(fit.component[0], 1 / sqrt(5), 1e-12);
    expect_near(fit.component[1], 2 / sqrt(5), 1e-12);
    expect_near(fit.explained, 1, 1e-12);
    pca_fit_deinit(&fit);
}

static void test_refuses(void **state)
{
    float values[] = {1, 2, 1, 2, INFINITY, 3};
    struct pca_rows rows = {.rows = 2, .channels = 2, .values = values};
    struct pca_fit fit;
    struct diag diag = DIAG_INIT;
    assert_int_equal(pca_fit(&rows, 0.95, &fit, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "no channel changes"));
    pca_fit_deinit(&fit);
    rows.rows = 1;
    assert_int_equal(pca_fit(&rows, 0.95, &fit, &diag), -EINVAL);
    assert_non_null(strstr(diag.text, "at least 2"));
    pca_fit_deinit(&fit);
    rows.rows = 3;
    assert_int_equal(pca_fit(&rows, 0.95, &fit, &diag), -EINVAL);
    assert_string_equal(diag.text, "row 2, channel 0: inf, must be finite");
    pca_fit_deinit(&fit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_leaves_out_invalid_rows),
        cmocka_unit_test(test_refuses),
    };
    blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

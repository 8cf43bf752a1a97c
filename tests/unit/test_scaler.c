#include "golden.h"
#include "model/scaler.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define ROWS 201
#define CHANNELS 7

static struct scaler fit(const struct scaler_options *options, const struct scaler_rows *rows)
{
    struct diag diag = DIAG_INIT;
    struct scaler scaler;
    int r = scaler_fit(&scaler, options, rows, &diag);
    if (r != 0)
        fail_msg("fit: %d: %s", r, diag.text);
    return scaler;
}

static void expect_golden(const char *name, const struct scaler_options *options)
{
    struct golden golden = golden_open("scaler.safetensors");
    size_t count;
    float *input = golden_values(&golden, "", "input", &count);
    assert_int_equal(count, ROWS * CHANNELS);
    double *expected = golden_values(&golden, "", name, &count);
    struct scaler_rows rows = {.rows = ROWS, .channels = CHANNELS, .values = input};
    struct scaler scaler = fit(options, &rows);
    float output[ROWS * CHANNELS];
    scaler_apply(&scaler, ROWS, input, output);
    for (size_t i = 0; i < count; i++) {
        double tolerance = 1e-6 * fmax(1, fabs(expected[i]));
        if (!(fabs((double)output[i] - expected[i]) <= tolerance))
            fail_msg("%s: row %zu, channel %zu: %.9g, expected %.9g", name, i / CHANNELS,
                     i % CHANNELS, (double)output[i], expected[i]);
        double back = scaler_inverse(&scaler, i % CHANNELS, expected[i]);
        tolerance = 1e-9 * fmax(1, fabs((double)input[i]));
        if (!(fabs(back - (double)input[i]) <= tolerance))
            fail_msg("%s: row %zu, channel %zu: %.9g back, expected %.9g", name, i / CHANNELS,
                     i % CHANNELS, back, (double)input[i]);
    }
    scaler_deinit(&scaler);
    free(input);
    free(expected);
    golden_close(&golden);
}

static void test_golden(void **state)
{
    static const char *const names[] = {"minmax", "standard", "robust", "maxabs", "signed-sqrt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct scaler_options options = {.clip = HUGE_VAL};
        struct diag diag = DIAG_INIT;
        assert_int_equal(scaler_kind_parse(names[i], &options.kind, &diag), 0);
        assert_string_equal(scaler_kind_name(options.kind), names[i]);
        expect_golden(names[i], &options);
    }
}

static void test_golden_tail(void **state)
{
    expect_golden("minmax-tail-1",
                  &(struct scaler_options){.kind = SCALER_MINMAX, .clip = HUGE_VAL, .tail = 0.01});
}

#define CURVED_CHANNELS 7

/* Fitted on the first rows of the golden values. */
static struct scaler fit_curved(const struct golden *golden, size_t rows, const char *kind)
{
    size_t count;
    float *input = golden_values(golden, "curved.", "input", &count);
    struct scaler_options options = {.clip = HUGE_VAL};
    assert_int_equal(scaler_kind_parse(kind, &options.kind, NULL), 0);
    assert_string_equal(scaler_kind_name(options.kind), kind);
    assert_true(count >= rows * CURVED_CHANNELS);
    struct scaler scaler =
        fit(&options,
            &(struct scaler_rows){.rows = rows, .channels = CURVED_CHANNELS, .values = input});
    free(input);
    return scaler;
}

static void expect_values(const char *what, size_t index, double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-6 * fmax(1, fabs(expected))))
        fail_msg("%s: row %zu, channel %zu: %.10g, expected %.10g", what, index / CURVED_CHANNELS,
                 index % CURVED_CHANNELS, found, expected);
}

static void expect_curved(const struct golden *golden, size_t rows, const char *kind)
{
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%zu.", rows);
    struct scaler scaler = fit_curved(golden, rows, kind);
    size_t count;
    float *probe = golden_values(golden, prefix, "probe", &count);
    float *output = calloc(count, sizeof *output);
    assert_non_null(output);
    scaler_apply(&scaler, count / CURVED_CHANNELS, probe, output);
    snprintf(prefix, sizeof prefix, "%zu.%.16s.", rows, kind);
    double *expected = golden_values(golden, prefix, "probe", &count);
    for (size_t i = 0; i < count; i++)
        expect_values(kind, i, (double)output[i], expected[i]);
    double *scaled = golden_values(golden, prefix, "scaled", &count);
    double *back = golden_values(golden, prefix, "back", &count);
    for (size_t i = 0; i < count; i++)
        expect_values("back", i, scaler_inverse(&scaler, i % CURVED_CHANNELS, scaled[i]), back[i]);
    free(probe);
    free(output);
    free(expected);
    free(scaled);
    free(back);
    scaler_deinit(&scaler);
}

static const char *const curved[] = {"power", "quantile-uniform", "quantile-normal"};

static void test_golden_curved(void **state)
{
    struct golden golden = golden_open("scaler.safetensors");
    for (size_t i = 0; i < 3; i++) {
        expect_curved(&golden, 1500, curved[i]);
        expect_curved(&golden, 150, curved[i]); /* fewer rows than quantiles */
    }
    golden_close(&golden);
}

/* scikit-learn would put both at an end of the distribution, and the rounding at the other. */
static void test_curved_constant(void **state)
{
    float values[200];
    for (size_t i = 0; i < 200; i += 2) {
        values[i] = 144.12F;
        values[i + 1] = i % 4 ? 30.001F : nextafterf(30.001F, 31);
    }
    struct scaler_rows rows = {.rows = 100, .channels = 2, .values = values};
    for (size_t i = 0; i < 3; i++) {
        struct scaler_options options = {.clip = HUGE_VAL};
        assert_int_equal(scaler_kind_parse(curved[i], &options.kind, NULL), 0);
        struct scaler scaler = fit(&options, &rows);
        float row[4] = {144.12F, 30.001F, 145.12F, 30.501F}, output[4];
        scaler_apply(&scaler, 2, row, output);
        expect_near((double)output[0], 0, 1e-5);
        expect_near((double)output[1], 0, 1e-5);
        expect_near((double)output[2], 1, 1e-5);
        expect_near((double)output[3], 0.5, 1e-5);
        expect_near(scaler_inverse(&scaler, 0, 0), (double)144.12F, 1e-5);
        scaler_deinit(&scaler);
    }
}

/* A voltage: no exponent in reach bends it without pressing it into the last digits. */
static void test_power_of_a_narrow_channel_is_standard(void **state)
{
    float values[400], power[400], standard[400];
    for (size_t i = 0; i < 400; i++)
        values[i] = 230.0F + 0.01F * (float)(i * i % 97);
    struct scaler_rows rows = {.rows = 400, .channels = 1, .values = values};
    struct scaler scaler = fit(&(struct scaler_options){SCALER_POWER, HUGE_VAL, 0}, &rows);
    expect_near(scaler.lambda[0], 1, 0);
    scaler_apply(&scaler, 400, values, power);
    scaler_deinit(&scaler);
    scaler = fit(&(struct scaler_options){SCALER_STANDARD, HUGE_VAL, 0}, &rows);
    scaler_apply(&scaler, 400, values, standard);
    scaler_deinit(&scaler);
    for (size_t i = 0; i < 400; i++)
        expect_near((double)power[i], (double)standard[i], 1e-4);
}

static void test_curved_keep_to_the_training_range(void **state)
{
    struct golden golden = golden_open("scaler.safetensors");
    for (size_t i = 0; i < 3; i++) {
        struct scaler scaler = fit_curved(&golden, 1500, curved[i]);
        for (size_t c = 0; c < CURVED_CHANNELS; c++) {
            const double *quantiles = scaler.quantiles + c * scaler.quantile_count;
            expect_near(scaler_inverse(&scaler, c, 60), quantiles[scaler.quantile_count - 1], 0);
            expect_near(scaler_inverse(&scaler, c, -60), quantiles[0], 0);
        }
        float row[CURVED_CHANNELS] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        scaler_apply(&scaler, 1, row, row);
        for (size_t c = 0; c < CURVED_CHANNELS; c++)
            assert_true(isnan(row[c]));
        scaler_deinit(&scaler);
    }
    golden_close(&golden);
}

static void test_curved_refuse_broken_parameters(void **state)
{
    struct scaler scaler;
    struct diag diag = DIAG_INIT;
    assert_int_equal(scaler_init(&scaler, SCALER_QUANTILE_NORMAL, 2, 3), 0);
    assert_int_equal(scaler_check(&scaler, &diag), 0);
    scaler.quantiles[1 * 3 + 1] = -1;
    assert_int_equal(scaler_check(&scaler, &diag), -EINVAL);
    assert_string_equal(diag.text, "scaler: channel 1: quantile 1 is -1, below the one before");
    scaler.quantiles[1 * 3 + 1] = (double)NAN;
    assert_int_equal(scaler_check(&scaler, &diag), -EINVAL);
    scaler_deinit(&scaler);
    assert_int_equal(scaler_init(&scaler, SCALER_POWER, 2, 2), 0);
    assert_int_equal(scaler_check(&scaler, &diag), 0);
    scaler.lambda[0] = (double)INFINITY;
    assert_int_equal(scaler_check(&scaler, &diag), -EINVAL);
    assert_string_equal(diag.text, "scaler: channel 0: lambda inf");
    scaler_deinit(&scaler);
}

static void test_unknown_kind(void **state)
{
    enum scaler_kind kind;
    struct diag diag = DIAG_INIT;
    assert_int_equal(scaler_kind_parse("MinMax", &kind, &diag), -EINVAL);
    assert_string_equal(diag.text,
                        "\"MinMax\", must be one of minmax, standard, robust, maxabs, signed-sqrt, "
                        "power, quantile-uniform, quantile-normal");
}

static void test_valid_mask(void **state)
{
    float values[] = {1, 10, NAN, 1e30F, 3, 30, 5, 20};
    unsigned char valid[] = {1, 0, 1, 1};
    struct scaler_rows rows = {.rows = 4, .channels = 2, .values = values, .valid = valid};
    struct scaler scaler =
        fit(&(struct scaler_options){.kind = SCALER_MINMAX, .clip = HUGE_VAL}, &rows);
    float row[2] = {2, 30}, output[2];
    scaler_apply(&scaler, 1, row, output);
    assert_float_equal(output[0], 0.25, 1e-7);
    assert_float_equal(output[1], 1, 1e-7);
    scaler_deinit(&scaler);
}

/* One unit in the last place of a constant temperature must not become a deviation of 1. */
static void test_rounding_is_constant(void **state)
{
    float low = 180.24F, values[100];
    for (size_t i = 0; i < 100; i++)
        values[i] = i % 2 ? low : nextafterf(low, 200);
    struct scaler_rows rows = {.rows = 100, .channels = 1, .values = values};
    static const enum scaler_kind kinds[] = {SCALER_MINMAX, SCALER_STANDARD, SCALER_ROBUST,
                                             SCALER_SIGNED_SQRT};
    for (size_t i = 0; i < 4; i++) {
        struct scaler scaler = fit(&(struct scaler_options){kinds[i], HUGE_VAL, 0}, &rows);
        float output[100];
        scaler_apply(&scaler, 100, values, output);
        for (size_t row = 0; row < 100; row++) {
            if (!(fabs((double)output[row]) < 5e-3))
                fail_msg("%s: %g", scaler_kind_name(kinds[i]), (double)output[row]);
        }
        scaler_deinit(&scaler);
    }
}

/* A tail without spread falls back to the exact range instead of magnifying nothing. */
static void test_tail_of_rare_channel(void **state)
{
    float values[1000] = {[500] = 4};
    struct scaler_rows rows = {.rows = 1000, .channels = 1, .values = values};
    struct scaler scaler =
        fit(&(struct scaler_options){.kind = SCALER_MINMAX, .clip = HUGE_VAL, .tail = 0.01}, &rows);
    expect_near(scaler.scale[0], 0.25, 1e-12);
    scaler_deinit(&scaler);
}

static void test_clip(void **state)
{
    static const struct {
        enum scaler_kind kind;
        double clip;
        float low, high;
    } cases[] = {{SCALER_MINMAX, 0, 0, 1},
                 {SCALER_MINMAX, 0.5, -0.5F, 1.5F},
                 {SCALER_STANDARD, 5, -5, 5},
                 {SCALER_SIGNED_SQRT, 3, -3, 3}};
    float values[] = {-1, 1};
    struct scaler_rows rows = {.rows = 2, .channels = 1, .values = values};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scaler scaler =
            fit(&(struct scaler_options){cases[i].kind, cases[i].clip, 0}, &rows);
        float row[3] = {-1e6F, 1e6F, NAN};
        scaler_apply(&scaler, 3, row, row);
        assert_float_equal(row[0], cases[i].low, 0);
        assert_float_equal(row[1], cases[i].high, 0);
        assert_true(isnan(row[2]));
        scaler_deinit(&scaler);
    }
}

static void test_large_offset_keeps_its_digits(void **state)
{
    enum { COUNT = 10000 };
    static float values[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        values[i] = 4000000.0F + (i % 2 ? 0.5F : -0.5F);
    struct scaler_rows rows = {.rows = COUNT, .channels = 1, .values = values};
    struct scaler scaler = fit(&(struct scaler_options){SCALER_STANDARD, HUGE_VAL, 0}, &rows);
    expect_near(scaler.offset[0], 4000000.0, 1e-6);
    scaler_deinit(&scaler);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = 4000000.0F + (i % 2 ? 8.0F : -8.0F);
    scaler = fit(&(struct scaler_options){SCALER_STANDARD, HUGE_VAL, 0}, &rows);
    expect_near(1 / scaler.scale[0], 8, 1e-9);
    scaler_deinit(&scaler);
}

static void test_refuses(void **state)
{
    float values[] = {1, 2, INFINITY, 4};
    unsigned char none[] = {0, 0};
    struct scaler_rows rows = {.rows = 2, .channels = 2, .values = values};
    struct scaler_options options = {.kind = SCALER_STANDARD, .clip = 5};
    struct scaler scaler;
    struct diag diag = DIAG_INIT;
    assert_int_equal(scaler_fit(&scaler, &options, &rows, &diag), -EINVAL);
    assert_string_equal(diag.text, "row 1, channel 0: inf, must be finite");
    rows.valid = none;
    assert_int_equal(scaler_fit(&scaler, &options, &rows, &diag), -EINVAL);
    assert_string_equal(diag.text, "no valid row to fit a scaler on");
}

static void test_restore(void **state)
{
    struct scaler scaler;
    struct diag diag = DIAG_INIT;
    assert_int_equal(scaler_init(&scaler, SCALER_STANDARD, 2, 0), 0);
    assert_int_equal(scaler_check(&scaler, &diag), 0);
    float row[2] = {1, 2}, output[2];
    scaler_apply(&scaler, 1, row, output);
    assert_memory_equal(row, output, sizeof row);
    static const double bad_scale[] = {0, -1, (double)INFINITY, (double)NAN};
    for (size_t i = 0; i < 4; i++) {
        scaler.scale[1] = bad_scale[i];
        assert_int_equal(scaler_check(&scaler, &diag), -EINVAL);
        assert_non_null(strstr(diag.text, "channel 1"));
    }
    scaler.scale[1] = 1;
    scaler.clip = -1;
    assert_int_equal(scaler_check(&scaler, &diag), -EINVAL);
    scaler_deinit(&scaler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_golden_tail),
        cmocka_unit_test(test_golden_curved),
        cmocka_unit_test(test_curved_constant),
        cmocka_unit_test(test_power_of_a_narrow_channel_is_standard),
        cmocka_unit_test(test_curved_keep_to_the_training_range),
        cmocka_unit_test(test_curved_refuse_broken_parameters),
        cmocka_unit_test(test_unknown_kind),
        cmocka_unit_test(test_valid_mask),
        cmocka_unit_test(test_rounding_is_constant),
        cmocka_unit_test(test_tail_of_rare_channel),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_large_offset_keeps_its_digits),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/rng.h"
#include "fixture.h"
#include "nn/dense_stream.h"
#include "nn/vector.h"

#include <math.h>

/* A window's outputs are the same bits, whatever it is computed with. */
static void check_alone(const struct dense_stream *layer, size_t count, const float *x,
                        const float *together)
{
    float *y = vector_new(layer->outputs);
    for (size_t n = 0; n < count; n++) {
        dense_stream_forward(layer, 1, x + n * layer->inputs, y);
        assert_memory_equal(y, together + n * layer->outputs, layer->outputs * sizeof *y);
    }
    free(y);
}

/* Against sums in double, for sizes around the borders of a panel and of a tile. */
static void check(size_t count, size_t inputs, size_t outputs, struct rng *rng)
{
    const float slopes[] = {1, 0, 0.125F};
    float *weight = vector_new(inputs * outputs), *bias = vector_new(outputs),
          *x = vector_new(count * inputs), *y = vector_new(count * outputs + 1);
    float *packed = vector_new(dense_stream_weights(inputs, outputs)),
          *packed_bias = vector_new(dense_stream_biases(outputs));
    for (size_t i = 0; i < inputs * outputs; i++)
        weight[i] = (float)rng_normal(rng);
    for (size_t i = 0; i < count * inputs; i++)
        x[i] = (float)rng_normal(rng);
    for (size_t o = 0; o < outputs; o++)
        bias[o] = (float)rng_normal(rng);
    y[count * outputs] = 12345;
    dense_stream_pack(inputs, outputs, weight, bias, packed, packed_bias);
    const struct dense_stream layer = {inputs, outputs, packed, packed_bias, slopes[count % 3]};
    dense_stream_forward(&layer, count, x, y);
    for (size_t n = 0; n < count * outputs; n++) {
        size_t o = n % outputs;
        const float *row = x + n / outputs * inputs;
        double sum = (double)bias[o], size = fabs((double)bias[o]);
        for (size_t i = 0; i < inputs; i++) {
            double product = (double)weight[o * inputs + i] * (double)row[i];
            sum += product;
            size += fabs(product);
        }
        sum = sum < 0 ? (double)layer.slope * sum : sum;
        if (!(fabs((double)y[n] - sum) <= 1e-6 * size))
            fail_msg("%zu windows, %zu x %zu, output %zu: %g instead of %g", count, inputs, outputs,
                     n, (double)y[n], sum);
    }
    assert_true(y[count * outputs] == 12345); /* nothing behind the end */
    check_alone(&layer, count, x, y);
    free(weight);
    free(bias);
    free(x);
    free(y);
    free(packed);
    free(packed_bias);
}

static void skip_if_unsuited(void)
{
    if (!dense_stream_suits()) {
        print_message("skipped: this processor has no AVX2\n");
        skip();
    }
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = {1, 2, 15, 16, 17, 31, 48, 64, 65, 129, 430};
    struct rng rng;
    rng_init(&rng, 3);
    skip_if_unsuited();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t o = 0; o < sizeof sizes / sizeof sizes[0]; o++)
            check(1 + (i * 11 + o) % 40, sizes[i], sizes[o], &rng);
    }
}

/* NaN and infinity do not vanish, not even behind a weight of 0. */
static void test_what_is_not_finite_stays(void **state)
{
    skip_if_unsuited();
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    float weight[2 * 3] = {1, 0, 2, 0, 0, 0}, bias[2] = {0, 0}, y[2];
    float *packed = vector_new(dense_stream_weights(3, 2)),
          *packed_bias = vector_new(dense_stream_biases(2));
    dense_stream_pack(3, 2, weight, bias, packed, packed_bias);
    for (size_t b = 0; b < 6; b++) {
        const struct dense_stream layer = {3, 2, packed, packed_bias, (float)(b / 3)};
        const float x[3] = {1, bad[b % 3], 1};
        dense_stream_forward(&layer, 1, x, y);
        assert_true(isnan(y[0]) && isnan(y[1]));
    }
    free(packed);
    free(packed_bias);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_what_is_not_finite_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

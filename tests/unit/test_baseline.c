#include "lab/baseline.h"

#include "base/rng.h"
#include "fixture.h"
#include "nn/blas.h"

#include <math.h>

#define ROWS 4000
#define CHANNELS 3
#define WINDOW 2
#define WIDTH (CHANNELS * WINDOW)

static float rows[ROWS * CHANNELS];
static size_t ends[ROWS];

/* Channel 2 is the sum of the others and a little noise: windows have four directions that matter.
 */
static struct train_data plane(void)
{
    struct rng rng;
    rng_init(&rng, 4);
    for (size_t i = 0; i < ROWS; i++) {
        float *row = rows + i * CHANNELS;
        row[0] = (float)(2 + rng_normal(&rng));
        row[1] = (float)(0.5 * rng_normal(&rng));
        row[2] = row[0] + row[1] + (float)(0.1 * rng_normal(&rng));
        ends[i] = i;
    }
    return (struct train_data){.rows = rows,
                               .row_count = ROWS,
                               .channels = CHANNELS,
                               .window = WINDOW,
                               .spacing = 1,
                               .training = ends + 1,
                               .training_count = ROWS - 1};
}

static struct network *make(enum baseline_kind kind)
{
    const struct train_data data = plane();
    const struct architecture_options options = {.kind = ARCHITECTURE_DEEP};
    struct architecture architecture = architecture_make(WIDTH, &options);
    struct network *network;
    struct diag diag = DIAG_INIT;
    if (baseline_make(kind, &data, 1, 4, &architecture, &network, &diag) != 0)
        fail_msg("%s", diag.text);
    assert_int_equal(network_outputs(network), WIDTH);
    assert_int_equal(network_layers(network), architecture.count);
    return network;
}

static double error_of(struct network *network, const float *window)
{
    const float *output = network_forward(network, 1, window, false);
    double sum = 0;
    for (size_t i = 0; i < WIDTH; i++)
        sum += ((double)output[i] - (double)window[i]) * ((double)output[i] - (double)window[i]);
    return sum / WIDTH;
}

static void close_to(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%.9g, expected %.9g", found, expected);
}

static void the_range_is_left_by_the_square(void **state)
{
    (void)state;
    struct network *network = make(BASELINE_RANGE);
    close_to(error_of(network, (const float[]){0, 0.3F, 1, 0.5F, 0.9F, 0.1F}), 0, 1e-12);
    close_to(error_of(network, (const float[]){1.5F, 0.3F, 1, -2, 0.9F, 0.1F}), (0.25 + 4) / WIDTH,
             1e-6);
    network_free(network);
}

static void principal_components_keep_the_plane(void **state)
{
    (void)state;
    struct network *network = make(BASELINE_PCA);
    double within = error_of(network, (const float[]){3, 0.5F, 3.5F, 1, -0.5F, 0.5F});
    double without = error_of(network, (const float[]){3, 0.5F, 5.5F, 1, -0.5F, 0.5F});
    assert_true(within < 0.02);
    /* The part of a step of 2 in one channel that is at right angles to the plane: 4 / 3. */
    assert_true(without > 0.8 * (4.0 / 3) / WIDTH && without < 1.6 * (4.0 / 3) / WIDTH);
    network_free(network);
}

/* Rows are independent: the covariance of a window is that of a row, twice. Checked against the
 * distance computed from the known covariance [[1, 0, 1], [0, .25, .25], [1, .25, 1.26]]. */
static void the_distance_is_that_of_mahalanobis(void **state)
{
    (void)state;
    static const double inverse[3][3] = {{101, 100, -100}, {100, 104, -100}, {-100, -100, 100}};
    static const float window[WIDTH] = {3, 0.5F, 3.7F, 1.5F, 0.2F, 1.9F};
    struct network *network = make(BASELINE_MAHALANOBIS);
    double expected = 0;
    for (size_t w = 0; w < WINDOW; w++) {
        double d[3];
        for (size_t c = 0; c < 3; c++)
            d[c] = (double)window[w * 3 + c] - (c == 1 ? 0 : 2);
        for (size_t a = 0; a < 3; a++) {
            for (size_t b = 0; b < 3; b++)
                expected += d[a] * inverse[a][b] * d[b];
        }
    }
    close_to(error_of(network, window) * WIDTH, expected, 0.15 * expected);
    network_free(network);
}

static void the_untrained_network_is_where_training_starts(void **state)
{
    (void)state;
    struct network *network = make(BASELINE_UNTRAINED), *fresh;
    const struct architecture_options options = {.kind = ARCHITECTURE_DEEP};
    const struct architecture architecture = architecture_make(WIDTH, &options);
    struct diag diag = DIAG_INIT;
    assert_int_equal(network_new(WIDTH, architecture.layers, architecture.count, 1, &fresh, &diag),
                     0);
    network_initialise(fresh, 1);
    assert_int_equal(network_parameter_count(network), network_parameter_count(fresh));
    assert_memory_equal(network_parameters(network), network_parameters(fresh),
                        network_parameter_count(fresh) * sizeof(real));
    network_free(network);
    network_free(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_range_is_left_by_the_square),
        cmocka_unit_test(principal_components_keep_the_plane),
        cmocka_unit_test(the_distance_is_that_of_mahalanobis),
        cmocka_unit_test(the_untrained_network_is_where_training_starts),
    };
    blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

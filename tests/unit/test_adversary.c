#include "base/rng.h"
#include "lab/adversary.h"
#include "nn/adam.h"
#include "nn/blas.h"
#include "nn/loss.h"
#include "nn/vector.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { WIDTH = 24, ROWS = 64 };

/* Real rows have unit noise around a plane; "reconstructions" lack most of it, as after a
 * bottleneck. */
struct rows {
    struct rng rng;
    real genuine[ROWS * WIDTH], reconstructed[ROWS * WIDTH];
};

static void draw(struct rows *rows, double kept)
{
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        double noise = rng_normal(&rows->rng);
        double plane = sin((double)(i / WIDTH)) * cos((double)(i % WIDTH));
        rows->genuine[i] = (real)(plane + noise);
        rows->reconstructed[i] = (real)(plane + kept * noise);
    }
}

static struct adversary *make(const struct adversary_options *options)
{
    struct adversary *adversary;
    struct diag diag = DIAG_INIT;
    struct adversary_size size = {WIDTH, ROWS, 8 * ROWS, 1000};
    if (adversary_new(size, options, 1, &adversary, &diag))
        fail_msg("%s", diag.text);
    return adversary;
}

static struct adversary_health run(struct adversary *adversary, double kept, int steps)
{
    struct rows rows;
    rng_init(&rows.rng, 5);
    for (int i = 0; i < steps; i++) {
        draw(&rows, kept);
        adversary_step(adversary, ROWS, rows.genuine, rows.reconstructed);
    }
    for (int i = 0; i < 8; i++) {
        draw(&rows, kept);
        adversary_measure(adversary, ROWS, rows.genuine, rows.reconstructed);
    }
    struct adversary_health health;
    adversary_measure_end(adversary, &health);
    return health;
}

static void learns_to_tell_apart(void **state)
{
    struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
    options.rate = 1e-3;
    options.gamma = 0.1;
    struct adversary *adversary = make(&options);
    struct adversary_health before = run(adversary, 0.1, 0), health = run(adversary, 0.1, 400);
    if (!(before.auc > 0.2 && before.auc < 0.8 && health.auc > 0.95))
        fail_msg("AUC %g before, %g after", before.auc, health.auc);
    assert_true(before.relative_step == 0 && health.relative_step > 0.01);
    assert_true(health.balanced_accuracy > 0.85);
    assert_true(health.logit_real > health.logit_reconstructed);
    adversary_free(adversary);
}

static void cannot_tell_what_is_the_same(void **state)
{
    struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
    struct adversary *adversary = make(&options);
    struct adversary_health health = run(adversary, 1, 20);
    assert_true(health.auc == 0.5);
    assert_int_equal(adversary_judge(&health, 1, 1), ADVERSARY_DEAD);
    adversary_free(adversary);
}

static void the_penalty_flattens(void **state)
{
    double norm[2];
    for (size_t i = 0; i < 2; i++) {
        struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
        options.rate = 1e-3;
        options.gamma = i == 0 ? 0 : 20;
        struct adversary *adversary = make(&options);
        struct adversary_health health = run(adversary, 0.1, 150);
        norm[i] = health.gradient_norm_real + health.gradient_norm_reconstructed;
        assert_true(i == 0 ? health.penalty == 0 : health.penalty > 0);
        adversary_free(adversary);
    }
    if (!(norm[1] < norm[0] / 2))
        fail_msg("gradient norms %g without, %g with the penalty", norm[0], norm[1]);
}

/* Smoothed label arrays hide a working discriminator from Keras' accuracy; smoothing in the loss
 * does not. */
static void smoothed_labels_cap_the_reported_accuracy(void **state)
{
    static const double caps[ADVERSARY_SMOOTHINGS] = {1, 0.5, 0, 1};
    for (int i = 0; i < ADVERSARY_SMOOTHINGS; i++) {
        struct adversary_options options = adversary_defaults(ADVERSARY_PAPER);
        options.rate = 1e-3;
        options.smoothing = (enum adversary_smoothing)i;
        struct adversary *adversary = make(&options);
        struct adversary_health health = run(adversary, 0.1, 150);
        assert_true(health.balanced_accuracy > 0.8);
        assert_true(health.penalty == 0);
        if (!(health.reported_accuracy <= caps[i] && health.reported_accuracy >= 0.8 * caps[i]))
            fail_msg("smoothing %d: reported %g, cap %g", i, health.reported_accuracy, caps[i]);
        adversary_free(adversary);
    }
}

static void the_pull_is_scaled_to_the_reconstruction_gradient(void **state)
{
    struct rows rows;
    rng_init(&rows.rng, 5);
    draw(&rows, 0.1);
    real gradient[ROWS * WIDTH], before[ROWS * WIDTH];
    loss_mse(ROWS * WIDTH, rows.reconstructed, rows.genuine, gradient);
    memcpy(before, gradient, sizeof before);
    double own = sqrt(vector_sum_squares(ROWS * WIDTH, before));

    struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
    struct adversary *adversary = make(&options);
    adversary_step(adversary, ROWS, rows.genuine, rows.reconstructed);
    adversary_pull(adversary, 0.5, gradient);
    vector_add_scaled(ROWS * WIDTH, -1, before, gradient);
    double pull = sqrt(vector_sum_squares(ROWS * WIDTH, gradient));
    if (fabs(pull / own - 0.05) > 1e-4)
        fail_msg("pull / reconstruction gradient is %g, expected 0.05", pull / own);

    /* The direction: following it must raise the discriminator's opinion of the reconstructions. */
    struct network *network = adversary_network(adversary);
    double mean[2];
    for (size_t i = 0; i < 2; i++) {
        const real *logits = network_forward(network, ROWS, rows.reconstructed, false);
        mean[i] = vector_sum(ROWS, logits) / ROWS;
        vector_add_scaled(ROWS * WIDTH, (real)(-0.1 / pull), gradient, rows.reconstructed);
    }
    if (!(mean[1] > mean[0]))
        fail_msg("mean logit %g became %g", mean[0], mean[1]);
    adversary_free(adversary);
}

static const struct nn_layer_spec autoencoder_layers[] = {{NN_LAYER_DENSE, 8, 0},
                                                          {NN_LAYER_BATCHNORM, 0, 0},
                                                          {NN_LAYER_RELU, 0, 0},
                                                          {NN_LAYER_DENSE, WIDTH, 0}};

static void neither_touches_the_other(void **state)
{
    for (int kind = ADVERSARY_PAPER; kind <= ADVERSARY_STABLE; kind++) {
        struct adversary_options options = adversary_defaults((enum adversary_kind)kind);
        struct adversary *adversary = make(&options);
        struct network *critic = adversary_network(adversary), *autoencoder;
        assert_int_equal(network_new(WIDTH, autoencoder_layers, COUNT(autoencoder_layers), ROWS,
                                     &autoencoder, NULL),
                         0);
        network_initialise(autoencoder, 2);
        size_t count = network_parameter_count(autoencoder);
        size_t critic_count = network_parameter_count(critic);
        struct rows rows;
        rng_init(&rows.rng, 5);
        draw(&rows, 1);
        real *kept = vector_new(count), *critic_kept = vector_new(critic_count);
        real *critic_gradients = vector_new(critic_count);
        real gradient[ROWS * WIDTH];
        assert_true(kept && critic_kept && critic_gradients);

        const real *y = network_forward(autoencoder, ROWS, rows.genuine, true);
        vector_copy(count, network_parameters(autoencoder), kept);
        vector_copy(critic_count, network_parameters(critic), critic_kept);
        adversary_step(adversary, ROWS, rows.genuine, y);
        assert_memory_equal(network_parameters(autoencoder), kept, count * sizeof *kept);
        assert_memory_not_equal(network_parameters(critic), critic_kept,
                                critic_count * sizeof *critic_kept);
        assert_true(vector_sum_squares(count, network_gradients(autoencoder)) == 0);

        vector_copy(critic_count, network_parameters(critic), critic_kept);
        vector_copy(critic_count, network_gradients(critic), critic_gradients);
        struct adam adam;
        assert_int_equal(adam_init(&adam, count, 0.9, 0.999), 0);
        loss_mse(ROWS * WIDTH, y, rows.genuine, gradient);
        adversary_pull(adversary, 1, gradient);
        network_backward(autoencoder, gradient, NETWORK_PARAMETER_GRADIENTS);
        adam_step(&adam, 1e-3, network_gradients(autoencoder), network_parameters(autoencoder));
        assert_memory_not_equal(network_parameters(autoencoder), kept, count * sizeof *kept);
        assert_memory_equal(network_parameters(critic), critic_kept,
                            critic_count * sizeof *critic_kept);
        assert_memory_equal(network_gradients(critic), critic_gradients,
                            critic_count * sizeof *critic_kept);
        adam_deinit(&adam);
        free(kept);
        free(critic_kept);
        free(critic_gradients);
        network_free(autoencoder);
        adversary_free(adversary);
    }
}

static void auc_equals_the_definition(void **state)
{
    struct rng rng;
    rng_init(&rng, 3);
    double high[57], low[31];
    for (size_t i = 0; i < COUNT(high); i++)
        high[i] = (double)rng_below(&rng, 12) + 2;
    for (size_t i = 0; i < COUNT(low); i++)
        low[i] = (double)rng_below(&rng, 12);
    double wins = 0;
    for (size_t i = 0; i < COUNT(high); i++)
        for (size_t j = 0; j < COUNT(low); j++)
            wins += high[i] > low[j] ? 1 : high[i] < low[j] ? 0 : 0.5;
    double expected = wins / (COUNT(high) * COUNT(low));
    double auc = adversary_auc(COUNT(high), high, COUNT(low), low);
    if (fabs(auc - expected) > 1e-12)
        fail_msg("AUC %.15g, expected %.15g", auc, expected);
}

static void states_are_judged(void **state)
{
    static const struct {
        double auc, step, loss;
        enum adversary_state state;
    } cases[] = {
        {0.55, 1e-3, 1, ADVERSARY_DEAD},        {0.8, 1e-8, 1, ADVERSARY_DEAD},
        {0.8, 1e-3, 1.05, ADVERSARY_HEALTHY},   {0.8, 1e-3, 1.2, ADVERSARY_TRAINING},
        {0.62, 1e-3, 1, ADVERSARY_TRAINING},    {0.985, 1e-3, 1, ADVERSARY_TRAINING},
        {0.995, 1e-3, 1, ADVERSARY_SATURATED},  {0.995, 1e-3, 1.3, ADVERSARY_DOMINATING},
        {(double)NAN, 1e-3, 1, ADVERSARY_DEAD}, {0.8, 1e-3, (double)NAN, ADVERSARY_DOMINATING},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct adversary_health health = {.auc = cases[i].auc, .relative_step = cases[i].step};
        enum adversary_state found = adversary_judge(&health, cases[i].loss, 1);
        if (found != cases[i].state)
            fail_msg("case %zu is %s, expected %s", i, adversary_state_name(found),
                     adversary_state_name(cases[i].state));
    }
}

static void influence_warms_up_and_ramps(void **state)
{
    struct adversary_options stable = adversary_defaults(ADVERSARY_STABLE);
    struct adversary_options paper = adversary_defaults(ADVERSARY_PAPER);
    assert_true(adversary_influence(&stable, 0) == 0);
    assert_true(adversary_influence(&stable, 2.99) == 0);
    assert_true(fabs(adversary_influence(&stable, 4.5) - 0.5) < 1e-12);
    assert_true(adversary_influence(&stable, 6) == 1);
    assert_true(adversary_influence(&stable, 60) == 1);
    assert_true(adversary_influence(&paper, 0) == 1);
}

static void wrong_options_are_refused(void **state)
{
    struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
    options.gamma = -1;
    struct adversary *adversary;
    struct diag diag = DIAG_INIT;
    int error = adversary_new((struct adversary_size){WIDTH, ROWS, ROWS, 1000}, &options, 1,
                              &adversary, &diag);
    assert_int_equal(error, -EINVAL);
    assert_string_equal(diag.text, "adversary: gamma is -1; allowed are 0 to 1e+06");
    enum adversary_kind kind;
    assert_true(adversary_kind_from_name("paper", &kind) && kind == ADVERSARY_PAPER);
    assert_false(adversary_kind_from_name("stabel", &kind));
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_to_tell_apart),
        cmocka_unit_test(cannot_tell_what_is_the_same),
        cmocka_unit_test(the_penalty_flattens),
        cmocka_unit_test(smoothed_labels_cap_the_reported_accuracy),
        cmocka_unit_test(the_pull_is_scaled_to_the_reconstruction_gradient),
        cmocka_unit_test(neither_touches_the_other),
        cmocka_unit_test(auc_equals_the_definition),
        cmocka_unit_test(states_are_judged),
        cmocka_unit_test(influence_warms_up_and_ramps),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* The share of batches that it learnt from, and whether it moved at all. */
static struct adversary_health after(const struct adversary_options *options, int steps)
{
    struct adversary *adversary = make(options);
    struct adversary_health health = run(adversary, 0.1, steps);
    adversary_free(adversary);
    return health;
}

static void the_balance_decides_how_often_it_learns(void **state)
{
    struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
    double normal = after(&options, 40).relative_step;
    options.every = 4;
    struct adversary_health seldom = after(&options, 40);
    assert_true(seldom.learnt == 0.25);
    options.every = 1;
    options.steps = 3;
    struct adversary_health often = after(&options, 40);
    assert_true(often.learnt == 3);
    if (!(seldom.relative_step < normal && normal < often.relative_step))
        fail_msg("relative steps: every 4th %g, each %g, 3 each %g", seldom.relative_step, normal,
                 often.relative_step);
}

static void a_limit_of_accuracy_holds_it_back(void **state)
{
    struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
    options.rate = 1e-3;
    options.gamma = 0.1;
    struct adversary_health freely = after(&options, 400);
    options.accuracy_limit = 0.7;
    struct adversary_health held = after(&options, 400);
    double held_gap = held.logit_real - held.logit_reconstructed;
    double free_gap = freely.logit_real - freely.logit_reconstructed;
    assert_true(freely.learnt == 1);
    if (!(held.learnt > 0 && held.learnt < 0.5 && held_gap > 0 && held_gap < free_gap / 4))
        fail_msg("learnt from %g of the batches; logits apart by %g, without the limit by %g",
                 held.learnt, held_gap, free_gap);
}

static void a_frozen_one_never_learns(void **state)
{
    for (int norm = 0; norm < ADVERSARY_NORMS; norm++) {
        struct adversary_options options = adversary_defaults(ADVERSARY_PAPER);
        options.norm = (enum adversary_norm)norm;
        options.frozen = true;
        struct adversary *adversary = make(&options);
        double before = run(adversary, 0.1, 0).logit_real;
        struct adversary_health health = run(adversary, 0.1, 50);
        assert_true(health.relative_step == 0 && health.learnt == 0);
        /* Nor do the statistics of BatchNorm move. */
        assert_true(run(adversary, 0.1, 0).logit_real == before);
        assert_int_equal(adversary_judge(&health, 1, 1), ADVERSARY_DEAD);
        struct rows rows;
        rng_init(&rows.rng, 5);
        draw(&rows, 0.1);
        real gradient[ROWS * WIDTH] = {0};
        adversary_step(adversary, ROWS, rows.genuine, rows.reconstructed);
        adversary_pull(adversary, 1, gradient);
        assert_true(vector_sum_squares(ROWS * WIDTH, gradient) > 0); /* it pulls all the same */
        adversary_free(adversary);
    }
}

/* What can be told apart here is the size of the noise. BatchNorm, which sees the two kinds of rows
 * apart, takes just that out of them, so it only has to move. */
static void every_make_learns(void **state)
{
    for (int i = 0; i < 2 * ADVERSARY_NORMS; i++) {
        struct adversary_options options = adversary_defaults(ADVERSARY_PAPER);
        options.norm = (enum adversary_norm)(i / 2);
        options.dropout = i % 2;
        options.rate = 1e-3;
        options.smoothing = ADVERSARY_SMOOTHING_NONE;
        struct adversary_health health = after(&options, 200);
        bool blind = options.norm == ADVERSARY_NORM_BATCH;
        if (!(health.relative_step > 0.01 && (blind || health.auc > 0.9)))
            fail_msg("norm %s, dropout %d: AUC %g", adversary_norm_name(options.norm), i % 2,
                     health.auc);
    }
}

static void the_layers_are_those_asked_for(void **state)
{
    struct adversary_options options = adversary_defaults(ADVERSARY_PAPER);
    struct nn_layer_spec layers[ADVERSARY_LAYERS_MAX];
    static const enum nn_layer_kind paper[] = {
        NN_LAYER_DENSE,      NN_LAYER_LEAKY_RELU, NN_LAYER_LAYERNORM, NN_LAYER_DENSE,
        NN_LAYER_LEAKY_RELU, NN_LAYER_LAYERNORM,  NN_LAYER_DROPOUT,   NN_LAYER_DENSE,
        NN_LAYER_LEAKY_RELU, NN_LAYER_LAYERNORM,  NN_LAYER_DROPOUT,   NN_LAYER_DENSE,
    };
    assert_int_equal(adversary_layers(&options, layers), COUNT(paper));
    for (size_t i = 0; i < COUNT(paper); i++)
        assert_int_equal(layers[i].kind, paper[i]);
    assert_true(layers[6].parameter == 0.4 && layers[10].parameter == 0.3);

    assert_int_equal(adversary_hidden_parse("512,256,128,64", &options, NULL), 0);
    options.norm = ADVERSARY_NORM_NONE;
    options.dropout = false;
    assert_int_equal(adversary_layers(&options, layers), 9);
    assert_int_equal(layers[0].outputs, 512);
    assert_int_equal(layers[6].outputs, 64);
    assert_int_equal(layers[8].outputs, 1);
}

/* A schedule ends with the training: what is left of the rate moves it less and less. */
static void its_rate_falls(void **state)
{
    for (int kind = SCHEDULE_COSINE; kind < SCHEDULE_KINDS; kind++) {
        struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
        options.schedule = (enum schedule_kind)kind;
        struct adversary *adversary = make(&options);
        double first = run(adversary, 0.1, 100).relative_step;
        run(adversary, 0.1, 800);
        double last = run(adversary, 0.1, 100).relative_step; /* of 1000, as make says */
        if (!(last < first / 5))
            fail_msg("%s: step %g in the first tenth, %g in the last",
                     schedule_name(options.schedule), first, last);
        adversary_free(adversary);
    }
}

/* With penalties the pull is made of what the step found; it must be what passes through the
 * discriminator of before the step would give. */
static void the_pull_comes_from_before_the_step(void **state)
{
    struct rows rows;
    rng_init(&rows.rng, 5);
    draw(&rows, 0.1);
    struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
    options.kind = ADVERSARY_PAPER; /* a plain factor, here 1 */
    options.weight = 1;
    struct adversary *adversary = make(&options);
    struct network *network = adversary_network(adversary);
    real seeds[ROWS], expected[ROWS * WIDTH], pull[ROWS * WIDTH] = {0};
    const real *logits = network_forward(network, ROWS, rows.reconstructed, true);
    loss_bce_logits(ROWS, logits, 1, seeds);
    vector_copy(ROWS * WIDTH, network_backward(network, seeds, NETWORK_INPUT_GRADIENT), expected);
    adversary_step(adversary, ROWS, rows.genuine, rows.reconstructed);
    adversary_pull(adversary, 1, pull);
    double size = sqrt(vector_sum_squares(ROWS * WIDTH, expected));
    vector_add_scaled(ROWS * WIDTH, -1, expected, pull);
    double error = sqrt(vector_sum_squares(ROWS * WIDTH, pull));
    if (!(size > 0 && error < 1e-5 * size))
        fail_msg("difference %g of a pull of %g", error, size);
    adversary_free(adversary);
}

static void settings_have_names(void **state)
{
    static const char *const smoothings[] = {"none", "one-sided", "two-sided", "in-loss"};
    static const char *const norms[] = {"none", "layer", "batch"};
    enum adversary_smoothing smoothing;
    enum adversary_norm norm;
    for (size_t i = 0; i < COUNT(smoothings); i++)
        assert_true(adversary_smoothing_from_name(smoothings[i], &smoothing) && smoothing == i &&
                    !strcmp(adversary_smoothing_name(smoothing), smoothings[i]));
    for (size_t i = 0; i < COUNT(norms); i++)
        assert_true(adversary_norm_from_name(norms[i], &norm) && norm == i &&
                    !strcmp(adversary_norm_name(norm), norms[i]));
    assert_false(adversary_smoothing_from_name("both", &smoothing));
    assert_false(adversary_norm_from_name("", &norm));

    struct adversary_options options = adversary_defaults(ADVERSARY_STABLE);
    char text[ADVERSARY_HIDDEN_TEXT];
    static const char *const hidden[] = {"1", "256,128,64", "8,7,6,5,4,3,2,65536"};
    for (size_t i = 0; i < COUNT(hidden); i++) {
        assert_int_equal(adversary_hidden_parse(hidden[i], &options, NULL), 0);
        adversary_hidden_format(&options, text);
        assert_string_equal(text, hidden[i]);
    }
    static const char *const wrong[] = {"",
                                        ",",
                                        "3,",
                                        "3,,4",
                                        "0",
                                        "-3",
                                        "65537",
                                        "3;4",
                                        " 3",
                                        "3 ",
                                        "1,1,1,1,1,1,1,1,1",
                                        "99999999999999999999"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_equal(adversary_hidden_parse(wrong[i], &options, NULL), -EINVAL);
        assert_int_equal(options.hidden_count, 8); /* untouched */
    }
    assert_int_equal(adversary_balance_parse("3", &options, NULL), 0);
    assert_true(options.steps == 3 && options.every == 1);
    assert_int_equal(adversary_balance_parse("1/4", &options, NULL), 0);
    assert_true(options.steps == 1 && options.every == 4);
    static const char *const unbalanced[] = {"", "0", "1/0", "2/3", "1/", "/2", "x", "1.5", "1001"};
    for (size_t i = 0; i < COUNT(unbalanced); i++)
        assert_int_equal(adversary_balance_parse(unbalanced[i], &options, NULL), -EINVAL);
    assert_true(options.steps == 1 && options.every == 4);
}

static void refused(struct adversary_options options, const char *text)
{
    struct diag diag = DIAG_INIT;
    assert_int_equal(adversary_options_check(&options, &diag), -EINVAL);
    assert_string_equal(diag.text, text);
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
    options = adversary_defaults(ADVERSARY_STABLE);
    options.norm = ADVERSARY_NORM_BATCH;
    refused(options, "adversary: gamma is 20 with batch normalisation; the gradient penalty is "
                     "exact for discriminators without norm only: choose norm none or gamma 0");
    options.norm = ADVERSARY_NORM_NONE;
    options.every = 0;
    refused(options, "adversary: every is 0; allowed are 1 to 1000");
    options.every = 1;
    options.accuracy_limit = 1.5;
    refused(options, "adversary: accuracy limit is 1.5; allowed are 0 to 1");
    options.accuracy_limit = 0;
    options.hidden_count = 0;
    refused(options, "adversary: 0 hidden layers; allowed are 1 to 8");
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
        cmocka_unit_test(the_balance_decides_how_often_it_learns),
        cmocka_unit_test(a_limit_of_accuracy_holds_it_back),
        cmocka_unit_test(a_frozen_one_never_learns),
        cmocka_unit_test(every_make_learns),
        cmocka_unit_test(the_layers_are_those_asked_for),
        cmocka_unit_test(its_rate_falls),
        cmocka_unit_test(the_pull_comes_from_before_the_step),
        cmocka_unit_test(settings_have_names),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

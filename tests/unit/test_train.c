#include "base/rng.h"
#include "lab/architecture.h"
#include "lab/train.h"
#include "nn/blas.h"
#include "nn/loss.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { ROWS = 1000, CHANNELS = 5, WINDOW = 4, WIDTH = WINDOW * CHANNELS };

static const struct nn_layer_spec layers[] = {
    {NN_LAYER_DENSE, 12, 0}, {NN_LAYER_BATCHNORM, 0, 0}, {NN_LAYER_RELU, 0, 0},
    {NN_LAYER_DENSE, 4, 0},  {NN_LAYER_RELU, 0, 0},      {NN_LAYER_DENSE, 12, 0},
    {NN_LAYER_RELU, 0, 0},   {NN_LAYER_DENSE, WIDTH, 0},
};

struct fixture {
    float rows[ROWS * CHANNELS];
    size_t training[ROWS], held_out[ROWS];
    struct train_data data;
};

/* Five channels driven by two oscillations, with noise; the last quarter is held out. */
static struct fixture *setup(double noise)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    struct rng rng;
    rng_init(&rng, 17);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < CHANNELS; c++)
            f->rows[r * CHANNELS + c] =
                (float)(sin(0.2 * (double)r + (double)c) +
                        0.7 * sin(0.031 * (double)(r * (c + 1))) + noise * rng_normal(&rng));
    f->data =
        (struct train_data){f->rows, ROWS, CHANNELS, WINDOW, 1, f->training, 0, f->held_out, 0};
    for (size_t r = WINDOW - 1; r < ROWS; r++)
        if (r < ROWS * 3 / 4)
            f->training[f->data.training_count++] = r;
        else if (r >= ROWS * 3 / 4 + WINDOW)
            f->held_out[f->data.held_out_count++] = r;
    return f;
}

static struct train_options options_for(enum adversary_kind kind, size_t epochs)
{
    struct train_options options = train_defaults(kind);
    options.layers = layers;
    options.layer_count = COUNT(layers);
    options.epochs = epochs;
    options.batch = 32;
    options.rate = 0.005;
    options.adversary.warmup_epochs = options.adversary.ramp_epochs = 1;
    return options;
}

static struct train_result fit(const struct train_data *data, const struct train_options *options)
{
    struct train_result result;
    struct diag diag = DIAG_INIT;
    if (train(data, options, &result, &diag))
        fail_msg("%s", diag.text);
    return result;
}

static bool same(struct network *a, struct network *b)
{
    bool same = network_tensors(a) == network_tensors(b);
    for (size_t i = 0; same && i < network_tensors(a); i++) {
        const struct network_tensor *x = network_tensor(a, i), *y = network_tensor(b, i);
        same = memcmp(x->data, y->data, x->size * sizeof *x->data) == 0;
    }
    return same;
}

static double held_out_loss(const struct fixture *f, struct network *network, double beta)
{
    double sum = 0;
    for (size_t i = 0; i < f->data.held_out_count; i++) {
        float window[WIDTH];
        train_gather(&f->data, f->held_out + i, 1, window);
        const float *y = network_forward(network, 1, window, false);
        sum += loss_smooth_l1(WIDTH, y, window, beta, NULL);
    }
    return sum / (double)f->data.held_out_count;
}

static void the_loss_falls(void **state)
{
    struct fixture *f = setup(0.05);
    struct train_options options = options_for(ADVERSARY_NONE, 20);
    struct train_result result = fit(&f->data, &options);
    assert_null(result.twin);
    double first = result.epochs[0].held_out_loss;
    if (!(result.best_loss < first / 3))
        fail_msg("held-out loss %g in the first epoch, %g at best", first, result.best_loss);
    assert_true(result.epochs[0].loss > result.epochs[result.epoch_count - 1].loss);
    assert_true(result.epochs[0].gradient_norm > 0);
    double again = held_out_loss(f, result.network, options.beta);
    if (fabs(again / result.best_loss - 1) > 1e-5)
        fail_msg("the network has %g held out, its best epoch had %g", again, result.best_loss);
    train_result_deinit(&result);
    free(f);
}

static void the_same_seed_gives_the_same_bits(void **state)
{
    struct fixture *f = setup(0.2);
    for (int kind = ADVERSARY_NONE; kind < ADVERSARY_KINDS; kind++) {
        struct train_options options = options_for((enum adversary_kind)kind, 4);
        options.input_noise = 0.1;
        options.adversary.noise = 0.1;
        struct train_result a = fit(&f->data, &options), b = fit(&f->data, &options);
        options.seed = 2;
        struct train_result c = fit(&f->data, &options);
        assert_true(same(a.network, b.network));
        assert_false(same(a.network, c.network));
        assert_int_equal(a.twin != NULL, kind != ADVERSARY_NONE);
        if (a.twin)
            assert_true(same(a.twin, b.twin));
        assert_memory_equal(a.epochs, b.epochs, 4 * sizeof *a.epochs);
        train_result_deinit(&a);
        train_result_deinit(&b);
        train_result_deinit(&c);
    }
    free(f);
}

static void the_twin_is_a_run_without_the_adversary(void **state)
{
    struct fixture *f = setup(0.2);
    struct train_options options = options_for(ADVERSARY_STABLE, 4);
    options.adversary.warmup_epochs = options.adversary.ramp_epochs = 0;
    struct train_result with = fit(&f->data, &options);
    options.adversary = adversary_defaults(ADVERSARY_NONE);
    struct train_result without = fit(&f->data, &options);
    assert_true(same(with.twin, without.network));
    assert_false(same(with.network, with.twin));
    train_result_deinit(&with);
    train_result_deinit(&without);
    free(f);
}

static void an_adversary_without_weight_changes_nothing(void **state)
{
    struct fixture *f = setup(0.2);
    struct train_options options = options_for(ADVERSARY_STABLE, 4);
    options.adversary.weight = 0;
    struct train_result result = fit(&f->data, &options);
    assert_true(same(result.network, result.twin));
    assert_true(result.best_epoch == result.twin_best_epoch);
    train_result_deinit(&result);
    free(f);
}

static void every_epoch_is_recorded(void **state)
{
    struct fixture *f = setup(0.3);
    struct train_options options = options_for(ADVERSARY_STABLE, 6);
    options.patience = 0;
    options.adversary.rate = 1e-3;
    options.adversary.gamma = 0.1;
    struct train_result result = fit(&f->data, &options);
    assert_int_equal(result.epoch_count, 6);
    assert_true(result.best_epoch >= 2); /* not from the warm-up or the ramp */
    assert_true(result.epochs[0].influence == 0 && result.epochs[5].influence == 1);
    assert_true(result.epochs[0].adversary.pull_ratio == 0);
    assert_true(result.epochs[0].held_out_loss == result.epochs[0].twin_held_out_loss);
    assert_true(result.epochs[5].held_out_loss != result.epochs[5].twin_held_out_loss);
    for (size_t i = 0; i < 6; i++) {
        const struct train_epoch *epoch = &result.epochs[i];
        const struct adversary_health *health = &epoch->adversary;
        assert_true(epoch->discriminator_loss > 0 && isfinite(epoch->discriminator_loss));
        assert_true(health->auc > 0 && health->auc <= 1);
        assert_true(fabs(health->balanced_accuracy -
                         (health->accuracy_real + health->accuracy_reconstructed) / 2) < 1e-12);
        assert_true(health->gradient_norm_real > 0 && health->gradient_norm_reconstructed > 0);
        assert_true(health->penalty > 0 && health->relative_step > 0);
        assert_int_equal(epoch->state,
                         adversary_judge(health, epoch->held_out_loss, epoch->twin_held_out_loss));
    }
    const struct adversary_health *last = &result.epochs[5].adversary;
    if (!(last->auc > 0.7 && last->pull_ratio > 0))
        fail_msg("AUC %g, pull ratio %g", last->auc, last->pull_ratio);
    train_result_deinit(&result);
    free(f);
}

/* Pure noise cannot be learnt: what is gained on the training windows is lost on the others. */
/* The schedules differ from the first falling step on, and a constant rate is no cosine. */
static void the_schedule_is_followed(void **state)
{
    struct fixture *f = setup(0.1);
    struct train_result results[SCHEDULE_KINDS];
    for (int i = 0; i < SCHEDULE_KINDS; i++) {
        struct train_options options = options_for(ADVERSARY_NONE, 4);
        options.schedule = (enum schedule_kind)i;
        results[i] = fit(&f->data, &options);
    }
    /* Until the half of the training a step schedule is constant. */
    assert_true(results[SCHEDULE_STEP].epochs[1].loss == results[SCHEDULE_CONSTANT].epochs[1].loss);
    for (int i = 0; i < SCHEDULE_KINDS; i++)
        for (int j = 0; j < i; j++)
            assert_false(results[i].epochs[3].loss == results[j].epochs[3].loss);
    for (int i = 0; i < SCHEDULE_KINDS; i++)
        train_result_deinit(&results[i]);
    free(f);
}

static void training_stops_when_it_gains_nothing(void **state)
{
    struct fixture *f = setup(3);
    f->data.training_count = 40;
    struct train_options options = options_for(ADVERSARY_NONE, 300);
    options.patience = 3;
    struct train_result result = fit(&f->data, &options);
    if (!(result.epoch_count < 300 && result.epoch_count == result.best_epoch + 4))
        fail_msg("%zu epochs, best %zu", result.epoch_count, result.best_epoch);
    for (size_t i = 0; i < result.epoch_count; i++)
        assert_true(result.epochs[i].held_out_loss >= result.best_loss);
    double again = held_out_loss(f, result.network, options.beta);
    if (fabs(again / result.best_loss - 1) > 1e-5)
        fail_msg("the network has %g held out, its best epoch had %g", again, result.best_loss);
    train_result_deinit(&result);
    free(f);
}

static void a_last_batch_of_one_is_left_out(void **state)
{
    struct fixture *f = setup(0.1);
    f->data.training_count = 65; /* 32 + 32 + 1 */
    struct train_options options = options_for(ADVERSARY_PAPER, 2);
    struct train_result result = fit(&f->data, &options);
    assert_true(isfinite(result.best_loss));
    train_result_deinit(&result);
    free(f);
}

static void windows_are_spaced(void **state)
{
    struct fixture *f = setup(0);
    f->data.spacing = 3;
    float window[2 * WIDTH];
    const size_t ends[] = {9, 500};
    train_gather(&f->data, ends, 2, window);
    for (size_t i = 0; i < 2; i++)
        for (size_t w = 0; w < WINDOW; w++)
            assert_memory_equal(window + (i * WINDOW + w) * CHANNELS,
                                f->rows + (ends[i] - 9 + 3 * w) * CHANNELS,
                                CHANNELS * sizeof *window);
    f->data.spacing = 1;
    train_gather(&f->data, ends, 2, window);
    assert_memory_equal(window + WIDTH, f->rows + 497 * CHANNELS, WIDTH * sizeof *window);
    free(f);
}

static int cancel_at(size_t epoch, size_t batch, size_t batches, void *user)
{
    size_t *calls = user;
    ++*calls;
    assert_true(batch >= 1 && batch <= batches);
    return epoch == 1 && batch == 2;
}

static void progress_can_cancel(void **state)
{
    struct fixture *f = setup(0.1);
    size_t calls = 0;
    struct train_options options = options_for(ADVERSARY_STABLE, 5);
    options.progress = cancel_at;
    options.user = &calls;
    struct train_result result;
    assert_int_equal(train(&f->data, &options, &result, NULL), -ECANCELED);
    assert_int_equal(calls, (f->data.training_count + 30) / 32 + 2);
    free(f);
}

static void wrong_input_is_refused(void **state)
{
    struct fixture *f = setup(0.1);
    struct train_options options = options_for(ADVERSARY_NONE, 1);
    struct train_result result;
    struct diag diag = DIAG_INIT;
    f->training[7] = WINDOW - 2;
    assert_int_equal(train(&f->data, &options, &result, &diag), -EINVAL);
    assert_string_equal(diag.text, "training window 7 ends at row 2; allowed are 3 to 999");
    f->training[7] = WINDOW;
    options.layer_count--;
    assert_int_equal(train(&f->data, &options, &result, &diag), -EINVAL);
    assert_string_equal(diag.text, "the network gives 12 values for windows of 20");
    options = options_for(ADVERSARY_NONE, 1);
    f->rows[50] = NAN;
    assert_int_equal(train(&f->data, &options, &result, &diag), -EDOM);
    assert_non_null(strstr(diag.text, "no longer finite in epoch 0"));
    free(f);
}

static void architectures_are_those_of_the_paper(void **state)
{
    static const struct {
        struct architecture_options options;
        size_t layers, parameters; /* without norms: sums of inputs * outputs + outputs */
    } cases[] = {
        {{ARCHITECTURE_BASIC, true, false}, 8, 59136 + 64 + 32 + 64 + 430},
        {{ARCHITECTURE_BASIC, false, true}, 9, 59136 + 64 * 64 + 64 + 32 + 2 * 64 + 430},
        {{ARCHITECTURE_DEEP, true, false}, 11, 59136 + 64 + 32 + 64 + 430},
        {{ARCHITECTURE_DEEP, false, true}, 13, 59136 + 32 * 32 + 64 + 2 * 32 + 64 + 430},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct architecture made = architecture_make(430, &cases[i].options);
        size_t width = 430, parameters = 0, outputs;
        assert_int_equal(nn_spec_check(430, made.layers, made.count, &outputs, NULL), 0);
        assert_int_equal(outputs, 430);
        for (size_t l = 0; l < made.count; l++) {
            if (l == made.encoder_count)
                assert_int_equal(width, 32);
            if (made.layers[l].kind != NN_LAYER_DENSE)
                continue;
            parameters += (width + 1) * made.layers[l].outputs;
            width = made.layers[l].outputs;
        }
        assert_int_equal(made.count, cases[i].layers);
        assert_int_equal(parameters, cases[i].parameters);
    }
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_falls),
        cmocka_unit_test(the_same_seed_gives_the_same_bits),
        cmocka_unit_test(the_twin_is_a_run_without_the_adversary),
        cmocka_unit_test(an_adversary_without_weight_changes_nothing),
        cmocka_unit_test(every_epoch_is_recorded),
        cmocka_unit_test(the_schedule_is_followed),
        cmocka_unit_test(training_stops_when_it_gains_nothing),
        cmocka_unit_test(a_last_batch_of_one_is_left_out),
        cmocka_unit_test(windows_are_spaced),
        cmocka_unit_test(progress_can_cancel),
        cmocka_unit_test(wrong_input_is_refused),
        cmocka_unit_test(architectures_are_those_of_the_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/tuning.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ARGUMENTS_MAX 12

static const struct cli_command command = {.name = "tune", .options = {tuning_options}};

/* What the options make of a recipe; returns what tuning_choose does. */
static int choose(enum adversary_kind kind, const char *const *arguments,
                  struct train_options *ret_train, struct diag *diag)
{
    char *argv[ARGUMENTS_MAX] = {(char *)"tune"};
    int argc = 1, code;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    struct cli cli;
    assert_true(cli_parse(&cli, &command, argc, argv, &code));
    *ret_train = train_defaults(kind);
    int r = tuning_choose(&cli, ret_train, diag);
    cli_deinit(&cli);
    return r;
}

static void nothing_given_changes_nothing(void **state)
{
    static const char *const none[] = {NULL};
    for (int kind = 0; kind < ADVERSARY_KINDS; kind++) {
        struct train_options plain = train_defaults((enum adversary_kind)kind), tuned;
        struct diag diag = DIAG_INIT;
        assert_int_equal(choose((enum adversary_kind)kind, none, &tuned, &diag), 0);
        const struct adversary_options *a = &plain.adversary, *b = &tuned.adversary;
        assert_true(plain.rate == tuned.rate && plain.schedule == tuned.schedule &&
                    plain.batch == tuned.batch);
        assert_true(a->rate == b->rate && a->gamma == b->gamma && a->norm == b->norm &&
                    a->dropout == b->dropout && a->weight == b->weight &&
                    a->smoothing == b->smoothing && a->smoothing_amount == b->smoothing_amount &&
                    a->schedule == b->schedule && a->frozen == b->frozen && a->noise == b->noise &&
                    a->steps == b->steps && a->every == b->every &&
                    a->accuracy_limit == b->accuracy_limit &&
                    a->warmup_epochs == b->warmup_epochs && a->ramp_epochs == b->ramp_epochs);
        assert_int_equal(a->hidden_count, b->hidden_count);
        assert_memory_equal(a->hidden, b->hidden, sizeof a->hidden);
    }
}

static void each_option_reaches_its_setting(void **state)
{
    static const char *const first[] = {"--rate=0.01",
                                        "--schedule=step",
                                        "--batch=64",
                                        "--discriminator-rate=0.002",
                                        "--discriminator-schedule=cosine",
                                        "--discriminator-layers=512,256,128,64",
                                        "--discriminator-norm=batch",
                                        "--discriminator-dropout=on",
                                        "--discriminator-steps=1/4",
                                        "--gamma=0",
                                        NULL};
    static const char *const second[] = {"--discriminator-limit=0.8",
                                         "--discriminator-noise=0.1",
                                         "--frozen-discriminator",
                                         "--smoothing=two-sided",
                                         "--smoothing-amount=0.2",
                                         "--adversary-weight=0.5",
                                         "--adversary-warmup=2",
                                         "--adversary-ramp=1",
                                         "--gamma=7",
                                         NULL};
    struct train_options train;
    struct diag diag = DIAG_INIT;
    if (choose(ADVERSARY_STABLE, first, &train, &diag))
        fail_msg("%s", diag.text);
    const struct adversary_options *adversary = &train.adversary;
    assert_true(train.rate == 0.01 && train.schedule == SCHEDULE_STEP && train.batch == 64);
    assert_true(adversary->rate == 0.002 && adversary->schedule == SCHEDULE_COSINE);
    assert_true(adversary->hidden_count == 4 && adversary->hidden[0] == 512);
    assert_true(adversary->norm == ADVERSARY_NORM_BATCH && adversary->dropout);
    assert_true(adversary->steps == 1 && adversary->every == 4 && adversary->gamma == 0);

    if (choose(ADVERSARY_STABLE, second, &train, &diag))
        fail_msg("%s", diag.text);
    assert_true(adversary->accuracy_limit == 0.8 && adversary->noise == 0.1 && adversary->frozen);
    assert_true(adversary->smoothing == ADVERSARY_SMOOTHING_TWO_SIDED);
    assert_true(adversary->smoothing_amount == 0.2 && adversary->weight == 0.5);
    assert_true(adversary->warmup_epochs == 2 && adversary->ramp_epochs == 1);
    assert_true(adversary->gamma == 7);
}

static void what_makes_no_sense_is_refused(void **state)
{
    static const struct {
        enum adversary_kind kind;
        const char *argument, *text;
    } cases[] = {
        {ADVERSARY_NONE, "--gamma=1", "--gamma: there is no discriminator with --adversary none"},
        {ADVERSARY_NONE, "--discriminator-steps=2",
         "--discriminator-steps: there is no discriminator with --adversary none"},
        {ADVERSARY_PAPER, "--gamma=1",
         "adversary: gamma is 1 with layer normalisation; the gradient penalty is exact for "
         "discriminators without norm only: choose norm none or gamma 0"},
        {ADVERSARY_STABLE, "--discriminator-layers=3,,4",
         "--discriminator-layers: 3,,4: must be 1 to 8 widths such as 256,128,64, each 1 to 65536"},
        {ADVERSARY_STABLE, "--discriminator-steps=0",
         "--discriminator-steps: 0: must be N, steps a batch, or 1/N, a step every N batches"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const arguments[] = {cases[i].argument, NULL};
        struct train_options train;
        struct diag diag = DIAG_INIT;
        assert_int_equal(choose(cases[i].kind, arguments, &train, &diag), -EINVAL);
        assert_string_equal(diag.text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_changes_nothing),
        cmocka_unit_test(each_option_reaches_its_setting),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

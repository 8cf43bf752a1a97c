#include "cli/tuning.h"

#define SCHEDULES "constant|cosine|step|exponential"

const struct cli_option tuning_options[] = {
    {.help = "details of training; the defaults are the adversary's"},
    {"rate", "RATE", "learning rate of the autoencoder (default: 0.001; paper 0.005)", NULL,
     CLI_NUMBER, 1e-9, 1},
    {"schedule", SCHEDULES, "how that rate falls (default: cosine; paper constant)", NULL,
     CLI_CHOICE},
    {"batch", "WINDOWS", "windows in a batch", "256", CLI_INTEGER, 2, 65536},
    {"discriminator-rate", "RATE", "its learning rate (default: 0.0002; paper 0.005)", NULL,
     CLI_NUMBER, 1e-9, 1},
    {"discriminator-schedule", SCHEDULES, "how that rate falls", "constant", CLI_CHOICE},
    {"discriminator-layers", "WIDTHS", "of its hidden layers", "256,128,64"},
    {"discriminator-norm", "none|layer|batch", "normalisation (default: none; paper layer)", NULL,
     CLI_CHOICE},
    {"discriminator-dropout", "off|on", "default: off; paper on", NULL, CLI_CHOICE},
    {"discriminator-steps", "N|1/N", "learns N times from each batch, or once every N batches",
     "1"},
    {"discriminator-limit", "SHARE",
     "leaves a step out while its accuracy on the batch is above; 0: never", "0", CLI_NUMBER, 0, 1},
    {"discriminator-noise", "DEVIATION", "of Gaussian noise on all that it sees", "0", CLI_NUMBER,
     0, 1000},
    {"frozen-discriminator", NULL, "it never learns: the reading that it was compiled frozen"},
    {"smoothing", "none|one-sided|two-sided|in-loss",
     "where label smoothing acts (default: none; paper one-sided)", NULL, CLI_CHOICE},
    {"smoothing-amount", "SHARE", "of the labels", "0.1", CLI_NUMBER, 0, 0.5},
    {"adversary-weight", "X",
     "of its pull: relative to the gradient of the reconstruction (default 0.1); paper: factor of "
     "the cross-entropy (default 1)",
     NULL, CLI_NUMBER, 0, 1e6},
    {"adversary-warmup", "EPOCHS", "it learns without pulling (default: 3; paper 0)", NULL,
     CLI_INTEGER, 0, 10000},
    {"adversary-ramp", "EPOCHS", "then its pull grows to the full (default: 3; paper 0)", NULL,
     CLI_INTEGER, 0, 10000},
    {"gamma", "X", "of the gradient penalties; needs norm none (default: 20; paper 0)", NULL,
     CLI_NUMBER, 0, 1e6},
    {0}};

/* Behind the heading, rate, schedule and batch: all of a discriminator. */
#define DISCRIMINATORS 4

static int refuse_without_adversary(const struct cli *cli, struct diag *diag)
{
    for (const struct cli_option *option = tuning_options + DISCRIMINATORS; option->name; option++)
        if (cli_given(cli, option->name))
            return diag_set(diag, "--%s: there is no discriminator with --adversary none",
                            option->name);
    return 0;
}

static void change_number(const struct cli *cli, const char *name, double *number)
{
    if (cli_given(cli, name))
        *number = cli_number(cli, name);
}

static int choose_texts(const struct cli *cli, struct adversary_options *adversary,
                        struct diag *diag)
{
    int r = adversary_hidden_parse(cli_text(cli, "discriminator-layers"), adversary, diag);
    if (r < 0) {
        diag_prefix(diag, "--discriminator-layers");
        return r;
    }
    r = adversary_balance_parse(cli_text(cli, "discriminator-steps"), adversary, diag);
    if (r < 0)
        diag_prefix(diag, "--discriminator-steps");
    return r;
}

static int choose_adversary(const struct cli *cli, struct adversary_options *adversary,
                            struct diag *diag)
{
    change_number(cli, "discriminator-rate", &adversary->rate);
    change_number(cli, "adversary-weight", &adversary->weight);
    change_number(cli, "gamma", &adversary->gamma);
    if (cli_given(cli, "adversary-warmup"))
        adversary->warmup_epochs = (unsigned)cli_integer(cli, "adversary-warmup");
    if (cli_given(cli, "adversary-ramp"))
        adversary->ramp_epochs = (unsigned)cli_integer(cli, "adversary-ramp");
    if (cli_given(cli, "discriminator-norm"))
        adversary->norm = (enum adversary_norm)cli_choice(cli, "discriminator-norm");
    if (cli_given(cli, "discriminator-dropout"))
        adversary->dropout = cli_choice(cli, "discriminator-dropout") == 1;
    if (cli_given(cli, "smoothing"))
        adversary->smoothing = (enum adversary_smoothing)cli_choice(cli, "smoothing");
    adversary->smoothing_amount = cli_number(cli, "smoothing-amount");
    adversary->schedule = (enum schedule_kind)cli_choice(cli, "discriminator-schedule");
    adversary->accuracy_limit = cli_number(cli, "discriminator-limit");
    adversary->noise = cli_number(cli, "discriminator-noise");
    adversary->frozen = cli_given(cli, "frozen-discriminator");
    int r = choose_texts(cli, adversary, diag);
    return r < 0 ? r : adversary_options_check(adversary, diag);
}

int tuning_choose(const struct cli *cli, struct train_options *train, struct diag *diag)
{
    change_number(cli, "rate", &train->rate);
    if (cli_given(cli, "schedule"))
        train->schedule = (enum schedule_kind)cli_choice(cli, "schedule");
    train->batch = (size_t)cli_integer(cli, "batch");
    if (train->adversary.kind == ADVERSARY_NONE)
        return refuse_without_adversary(cli, diag);
    return choose_adversary(cli, &train->adversary, diag);
}

/*
 * One change at a time, to see what matters. The ablations are a table: each row one change of the
 * stable recipe without its adversary, of the stable recipe, or of the paper's.
 */
#include "lab/study_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum recipe { ALONE, STABLE, PAPER };

/* A row that is one change of a recipe. */
static struct study_row *add_change(const struct study_maker *maker, enum study_group group,
                                    enum recipe recipe, const char *key, const char *name)
{
    static const char *const references[] = {"ae2", "ae2-stable", "ae2-paper"};
    struct study_row *row = study_add_row(maker->study, group, key, name);
    const struct study_options *options = maker->options;
    row->fit = recipe == PAPER    ? options->paper
               : recipe == STABLE ? options->stable
                                  : study_without_adversary(&options->stable);
    row->reference = study_find(maker->study, references[recipe]);
    row->seeds = options->ablation_seeds;
    return row;
}

static void add_scalers(const struct study_maker *maker)
{
    for (int kind = 0; kind < SCALER_KINDS; kind++) {
        for (int sigmoid = 1; sigmoid >= 0; sigmoid--) {
            char key[STUDY_KEY_MAX], name[STUDY_NAME_MAX];
            const char *scaler = scaler_kind_name((enum scaler_kind)kind);
            const char *output = sigmoid ? "sigmoid" : "linear";
            snprintf(key, sizeof key, "%s-%s", scaler, output);
            snprintf(name, sizeof name, "%s, %s output", scaler, output);
            struct study_row *row = add_change(maker, STUDY_SCALER, ALONE, key, name);
            fit_use_scaler(&row->fit, (enum scaler_kind)kind);
            row->fit.architecture.sigmoid = sigmoid;
        }
    }
}

static void add_windows(const struct study_maker *maker)
{
    static const size_t windows[] = {3, 5, 10, 20};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        char key[STUDY_KEY_MAX], name[STUDY_NAME_MAX];
        snprintf(key, sizeof key, "window-%zu", windows[i]);
        snprintf(name, sizeof name, "windows of %zu rows", windows[i]);
        add_change(maker, STUDY_WINDOW, ALONE, key, name)->fit.window = windows[i];
    }
}

static void add_spacings(const struct study_maker *maker)
{
    static const size_t spacings[] = {1, 2, 4, 8};
    for (size_t i = 0; i < sizeof spacings / sizeof spacings[0]; i++) {
        char key[STUDY_KEY_MAX], name[STUDY_NAME_MAX];
        snprintf(key, sizeof key, "spacing-%zu", spacings[i]);
        snprintf(name, sizeof name, "rows of a window %zu apart", spacings[i]);
        add_change(maker, STUDY_SPACING, ALONE, key, name)->fit.spacing = spacings[i];
    }
}

/* ---- channels ---- */

/* The list of ignored channels with one more pattern. */
static int ignore_also(struct study *study, struct fit_options *fit, const char *pattern)
{
    size_t count = 0;
    while (fit->ignore && fit->ignore[count])
        count++;
    const char **list = study_add_list(study, count + 1);
    if (!list)
        return -ENOMEM;
    if (count > 0)
        memcpy(list, fit->ignore, count * sizeof *list);
    list[count] = pattern;
    fit->ignore = list;
    return 0;
}

static bool has_channel(const struct study_options *options, const char *start)
{
    for (size_t c = 0; c < options->channels; c++) {
        if (!strncmp(options->names[c], start, strlen(start)))
            return true;
    }
    return false;
}

/* All channels, those that drift included, and then without the ones that are suspected of giving
 * the session away. */
static int add_channels(const struct study_maker *maker)
{
    struct study_row *row =
        add_change(maker, STUDY_CHANNELS, ALONE, "channels-all", "all channels, drifting ones too");
    row->fit.keep_drift = true;
    int r = 0;
    if (has_channel(maker->options, "action")) {
        row = add_change(maker, STUDY_CHANNELS, ALONE, "channels-no-action",
                         "all channels but the program step");
        row->fit.keep_drift = true;
        r = ignore_also(maker->study, &row->fit, "action");
    }
    if (r == 0 && has_channel(maker->options, "machine_")) {
        row = add_change(maker, STUDY_CHANNELS, ALONE, "channels-no-power",
                         "all channels but the power meter's");
        row->fit.keep_drift = true;
        r = ignore_also(maker->study, &row->fit, "machine_*");
    }
    return r;
}

/* ---- reductions ---- */

static void add_reductions(const struct study_maker *maker)
{
    static const enum recipe recipes[] = {STABLE, PAPER};
    static const char *const prefixes[] = {"stable", "paper"};
    for (size_t i = 0; i < 2; i++) {
        char key[STUDY_KEY_MAX], name[STUDY_NAME_MAX];
        snprintf(key, sizeof key, "%s-pca", prefixes[i]);
        snprintf(name, sizeof name, "AE2, %s adversary, PCA 95 %%", prefixes[i]);
        struct study_row *row = add_change(maker, STUDY_REDUCTION, recipes[i], key, name);
        row->fit.reduction = FIT_REDUCTION_PCA;
        if (maker->options->labelled_count == 0)
            continue;
        snprintf(key, sizeof key, "%s-mutual-information", prefixes[i]);
        snprintf(name, sizeof name, "AE2, %s adversary, mutual information", prefixes[i]);
        row = add_change(maker, STUDY_REDUCTION, recipes[i], key, name);
        row->fit.reduction = FIT_REDUCTION_MUTUAL_INFORMATION;
        row->fit.labelled = maker->options->labelled;
        row->fit.labelled_count = maker->options->labelled_count;
    }
}

/* ---- adversaries ---- */

/* What the paper leaves open, what it tried, and what it suggests. */
static void paper_without_smoothing(struct fit_options *fit)
{
    fit->train.adversary.smoothing = ADVERSARY_SMOOTHING_NONE;
}
static void paper_two_sided(struct fit_options *fit)
{
    fit->train.adversary.smoothing = ADVERSARY_SMOOTHING_TWO_SIDED;
}
static void paper_in_loss(struct fit_options *fit)
{
    fit->train.adversary.smoothing = ADVERSARY_SMOOTHING_IN_LOSS;
}
static void frozen(struct fit_options *fit)
{
    fit->train.adversary.frozen = true;
}
static void low_rates(struct fit_options *fit)
{
    fit->train.rate = 1e-3;
    fit->train.adversary.rate = 2e-4;
}
static void falling_rates(struct fit_options *fit)
{
    fit->train.schedule = SCHEDULE_COSINE;
    fit->train.adversary.schedule = SCHEDULE_COSINE;
}
static void deeper(struct fit_options *fit)
{
    static const size_t hidden[] = {512, 256, 128, 64};
    memcpy(fit->train.adversary.hidden, hidden, sizeof hidden);
    fit->train.adversary.hidden_count = sizeof hidden / sizeof hidden[0];
}
static void every_fourth(struct fit_options *fit)
{
    fit->train.adversary.every = 4;
}
static void batch_norm(struct fit_options *fit)
{
    fit->train.adversary.norm = ADVERSARY_NORM_BATCH;
}
static void no_norm(struct fit_options *fit)
{
    fit->train.adversary.norm = ADVERSARY_NORM_NONE;
    fit->train.adversary.dropout = false;
}
static void penalty(struct fit_options *fit)
{
    no_norm(fit);
    fit->train.adversary.gamma = 20;
}
static void low_weight(struct fit_options *fit)
{
    fit->train.adversary.weight = 0.01;
}
static void no_penalty(struct fit_options *fit)
{
    fit->train.adversary.gamma = 0;
}
static void strong_penalty(struct fit_options *fit)
{
    fit->train.adversary.gamma = 100;
}
static void strong_pull(struct fit_options *fit)
{
    fit->train.adversary.weight = 0.5;
}
static void noisy(struct fit_options *fit)
{
    fit->train.adversary.noise = 0.1;
}

static const struct change {
    const char *key, *name;
    enum recipe recipe;
    void (*apply)(struct fit_options *fit);
} adversary_changes[] = {
    {"paper-no-smoothing", "the paper's, no label smoothing", PAPER, paper_without_smoothing},
    {"paper-two-sided", "the paper's, labels smoothed on both sides", PAPER, paper_two_sided},
    {"paper-in-loss", "the paper's, labels smoothed in the loss", PAPER, paper_in_loss},
    {"paper-frozen", "the paper's, compiled while frozen", PAPER, frozen},
    {"paper-low-rates", "the paper's, rates 0.001 and 0.0002", PAPER, low_rates},
    {"paper-cosine", "the paper's, rates fall along a cosine", PAPER, falling_rates},
    {"paper-deeper", "the paper's, discriminator 512-256-128-64", PAPER, deeper},
    {"paper-balance", "the paper's, discriminator learns from each 4th batch", PAPER, every_fourth},
    {"paper-batch-norm", "the paper's, batch instead of layer norm", PAPER, batch_norm},
    {"paper-no-norm", "the paper's, no norm, no dropout", PAPER, no_norm},
    {"paper-penalty", "the paper's, no norm, gradient penalty", PAPER, penalty},
    {"paper-low-weight", "the paper's, weight 0.01", PAPER, low_weight},
    {"stable-no-penalty", "stable without gradient penalty", STABLE, no_penalty},
    {"stable-gamma-100", "stable, penalty 100", STABLE, strong_penalty},
    {"stable-noise", "stable, noise 0.1 on all it sees", STABLE, noisy},
    {"stable-weight", "stable, pull 0.5", STABLE, strong_pull},
    {"stable-deeper", "stable, discriminator 512-256-128-64", STABLE, deeper},
};

static void add_adversaries(const struct study_maker *maker)
{
    for (size_t i = 0; i < sizeof adversary_changes / sizeof adversary_changes[0]; i++) {
        const struct change *change = &adversary_changes[i];
        struct study_row *row =
            add_change(maker, STUDY_ADVERSARY, change->recipe, change->key, change->name);
        change->apply(&row->fit);
    }
}

int study_add_ablations(const struct study_maker *maker)
{
    int r = 0;
    if (study_wants(maker, STUDY_SCALER))
        add_scalers(maker);
    if (study_wants(maker, STUDY_REDUCTION))
        add_reductions(maker);
    if (study_wants(maker, STUDY_WINDOW))
        add_windows(maker);
    if (study_wants(maker, STUDY_SPACING))
        add_spacings(maker);
    if (study_wants(maker, STUDY_CHANNELS))
        r = add_channels(maker);
    if (study_wants(maker, STUDY_ADVERSARY))
        add_adversaries(maker);
    return r;
}

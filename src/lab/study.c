/*
 * The ablations are a table: each row one change of the stable recipe without its adversary, of
 * the stable recipe, or of the paper's.
 */
#include "lab/study.h"

#include "lab/derive.h"
#include "lab/fit_kind.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const group_names[STUDY_GROUPS] = {
    [STUDY_BASELINE] = "baselines",    [STUDY_PAPER] = "paper",
    [STUDY_DETECTORS] = "detectors",   [STUDY_SCALER] = "scalers",
    [STUDY_REDUCTION] = "reductions",  [STUDY_WINDOW] = "windows",
    [STUDY_SPACING] = "spacings",      [STUDY_CHANNELS] = "channels",
    [STUDY_ADVERSARY] = "adversaries", [STUDY_PEER] = "peers",
};

const char *study_group_name(enum study_group group)
{
    return group_names[group];
}

static bool same_word(const char *word, size_t length, const char *name)
{
    return strlen(name) == length && !strncmp(word, name, length);
}

static unsigned group_bits(const char *word, size_t length)
{
    if (same_word(word, length, "all"))
        return (1u << STUDY_GROUPS) - 1;
    for (unsigned g = 0; g < STUDY_GROUPS; g++) {
        if (same_word(word, length, group_names[g]))
            return 1u << g;
    }
    return 0;
}

int study_groups_parse(const char *text, unsigned *ret_groups, struct diag *diag)
{
    *ret_groups = 0;
    for (const char *word = text;; word++) {
        size_t length = strcspn(word, ",");
        unsigned bits = group_bits(word, length);
        if (bits == 0) {
            diag_set(diag, "\"%.*s\", must be all or some of", (int)(length < 32 ? length : 32),
                     word);
            for (size_t g = 0; diag && g < STUDY_GROUPS; g++) {
                size_t used = strlen(diag->text);
                snprintf(diag->text + used, sizeof diag->text - used, "%s %s", g ? "," : "",
                         group_names[g]);
            }
            return -EINVAL;
        }
        *ret_groups |= bits;
        word += length;
        if (*word == '\0')
            return 0;
    }
}

/* ---- rows ---- */

struct maker {
    const struct study_options *options;
    struct study *study;
};

static bool wanted(const struct maker *maker, enum study_group group)
{
    return maker->options->groups & 1u << group;
}

static struct study_row *add_row(struct study *study, enum study_group group, const char *key,
                                 const char *name)
{
    assert(study->count < STUDY_ROWS_MAX);
    struct study_row *row = &study->row[study->count++];
    *row = (struct study_row){.group = group, .twin = STUDY_NO_ROW, .reference = STUDY_NO_ROW};
    snprintf(row->key, sizeof row->key, "%s", key);
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

/* Of `count` words and the NULL behind them; study_deinit frees it. NULL: memory is out. */
static const char **add_list(struct study *study, size_t count)
{
    assert(study->lists < STUDY_LISTS_MAX);
    const char **list = calloc(count + 1, sizeof *list);
    if (list)
        study->list[study->lists++] = list;
    return list;
}

size_t study_find(const struct study *study, const char *key)
{
    for (size_t i = 0; i < study->count; i++) {
        if (!strcmp(study->row[i].key, key))
            return i;
    }
    return STUDY_NO_ROW;
}

static struct fit_options without_adversary(const struct fit_options *with)
{
    struct fit_options fit = *with;
    fit.train.adversary = adversary_defaults(ADVERSARY_NONE);
    return fit;
}

/* ---- the paper's ---- */

static const struct reading {
    const char *key, *name;
    struct architecture_options architecture;
} readings[] = {
    {"ae1", "AE1", {.kind = ARCHITECTURE_BASIC}},
    {"ae1-two",
     "AE1, two decoder layers",
     {.kind = ARCHITECTURE_BASIC, .second_decoder_layer = true}},
    {"ae2", "AE2", {.kind = ARCHITECTURE_DEEP}},
};

/* An autoencoder and, behind it, the same with an adversary, whose twin it is. */
static void add_pair(const struct maker *maker, const struct reading *reading, bool paper)
{
    char key[STUDY_KEY_MAX], name[STUDY_NAME_MAX];
    const struct fit_options *recipe = paper ? &maker->options->paper : &maker->options->stable;
    struct study *study = maker->study;
    snprintf(key, sizeof key, "%s%s", reading->key, paper ? "-as-paper" : "");
    snprintf(name, sizeof name, "%s%s", reading->name, paper ? ", as in the paper" : "");
    size_t twin = study->count;
    struct study_row *row = add_row(study, STUDY_PAPER, key, name);
    row->source = STUDY_TWIN;
    row->seeds = maker->options->seeds;
    snprintf(key, sizeof key, "%s-%s", reading->key, paper ? "paper" : "stable");
    snprintf(name, sizeof name, "%s, %s", reading->name,
             paper ? "the paper's adversary" : "stable adversary");
    row = add_row(study, STUDY_PAPER, key, name);
    row->fit = *recipe;
    bool sigmoid = recipe->architecture.sigmoid;
    row->fit.architecture = reading->architecture;
    row->fit.architecture.sigmoid = sigmoid;
    row->twin = row->reference = twin;
    row->seeds = maker->options->seeds;
}

/* Every change is compared with the deep autoencoder, so that one is there in any case. */
static void add_paper(const struct maker *maker)
{
    const unsigned others = 1u << STUDY_BASELINE | 1u << STUDY_PEER;
    bool all = wanted(maker, STUDY_PAPER);
    if (!all && !(maker->options->groups & ~others))
        return;
    for (int paper = 0; paper <= 1; paper++) {
        for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
            if (all || readings[i].architecture.kind == ARCHITECTURE_DEEP)
                add_pair(maker, &readings[i], paper);
        }
    }
}

/* ---- baselines ---- */

/* The random score and the untrained network are always there: no table without them. */
static void add_baselines(const struct maker *maker)
{
    struct study_row *row = add_row(maker->study, STUDY_BASELINE, "random", "random score");
    row->source = STUDY_RANDOM;
    row->seeds = maker->options->seeds;
    for (int kind = 1; kind < BASELINE_KINDS; kind++) {
        if (kind != BASELINE_UNTRAINED && !wanted(maker, STUDY_BASELINE))
            continue;
        row = add_row(maker->study, STUDY_BASELINE, baseline_kind_key((enum baseline_kind)kind),
                      baseline_kind_name((enum baseline_kind)kind));
        row->fit = without_adversary(&maker->options->stable);
        row->fit.baseline = (enum baseline_kind)kind;
        if (kind != BASELINE_UNTRAINED)
            row->fit.train.loss = TRAIN_MSE;
        if (kind == BASELINE_RANGE)
            row->fit.scaler =
                (struct scaler_options){.kind = SCALER_MINMAX, .clip = (double)INFINITY};
        /* Only what is random is repeated. */
        row->seeds = kind == BASELINE_UNTRAINED ? maker->options->seeds : 1;
    }
}

/* ---- kinds of detector ---- */

static bool has_step(const struct study_options *options)
{
    const char *given = options->stable.step_channel, *step = given ? given : DERIVE_STEP_CHANNEL;
    for (size_t c = 0; c < options->channels; c++) {
        if (!strcmp(options->names[c], step))
            return true;
    }
    return false;
}

static struct study_row *add_kinds(const struct maker *maker, const char *key, const char *name)
{
    struct study_row *row = add_row(maker->study, STUDY_DETECTORS, key, name);
    row->fit = maker->options->stable;
    row->reference = study_find(maker->study, "ae2-stable");
    return row;
}

/* Those that the data suit and that have no row yet. Nothing in them is random. */
static int add_detectors(const struct maker *maker)
{
    for (const struct fit_kind *const *kind = fit_kinds(); *kind; kind++) {
        if (!strcmp((*kind)->name, "autoencoder") ||
            study_find(maker->study, (*kind)->name) != STUDY_NO_ROW ||
            ((*kind)->needs_step && !has_step(maker->options)))
            continue;
        struct study_row *row = add_kinds(maker, (*kind)->name, (*kind)->name);
        const char **list = add_list(maker->study, 1);
        if (!list)
            return -ENOMEM;
        list[0] = (*kind)->name;
        row->fit = without_adversary(&row->fit);
        row->fit.detectors = list;
        row->seeds = 1;
    }
    struct study_row *row = add_kinds(maker, "set", "the set together");
    row->fit.detectors = NULL;
    row->seeds = maker->options->seeds;
    return 0;
}

/* ---- one change at a time ---- */

enum recipe { ALONE, STABLE, PAPER };

/* A row that is one change of a recipe. */
static struct study_row *add_change(const struct maker *maker, enum study_group group,
                                    enum recipe recipe, const char *key, const char *name)
{
    static const char *const references[] = {"ae2", "ae2-stable", "ae2-paper"};
    struct study_row *row = add_row(maker->study, group, key, name);
    const struct study_options *options = maker->options;
    row->fit = recipe == PAPER    ? options->paper
               : recipe == STABLE ? options->stable
                                  : without_adversary(&options->stable);
    row->reference = study_find(maker->study, references[recipe]);
    row->seeds = options->ablation_seeds;
    return row;
}

static void add_scalers(const struct maker *maker)
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

static void add_windows(const struct maker *maker)
{
    static const size_t windows[] = {3, 5, 10, 20};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        char key[STUDY_KEY_MAX], name[STUDY_NAME_MAX];
        snprintf(key, sizeof key, "window-%zu", windows[i]);
        snprintf(name, sizeof name, "windows of %zu rows", windows[i]);
        add_change(maker, STUDY_WINDOW, ALONE, key, name)->fit.window = windows[i];
    }
}

static void add_spacings(const struct maker *maker)
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
    const char **list = add_list(study, count + 1);
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
static int add_channels(const struct maker *maker)
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

static void add_reductions(const struct maker *maker)
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

static void add_adversaries(const struct maker *maker)
{
    for (size_t i = 0; i < sizeof adversary_changes / sizeof adversary_changes[0]; i++) {
        const struct change *change = &adversary_changes[i];
        struct study_row *row =
            add_change(maker, STUDY_ADVERSARY, change->recipe, change->key, change->name);
        change->apply(&row->fit);
    }
}

int study_make(const struct study_options *options, struct study *ret_study)
{
    static const char *const autoencoder[] = {"autoencoder", NULL};
    struct study_options own = *options;
    const struct maker maker = {&own, ret_study};
    own.stable.detectors = own.paper.detectors = autoencoder;
    *ret_study = (struct study){0};
    add_baselines(&maker);
    add_paper(&maker);
    int r = wanted(&maker, STUDY_DETECTORS) ? add_detectors(&maker) : 0;
    if (wanted(&maker, STUDY_SCALER))
        add_scalers(&maker);
    if (wanted(&maker, STUDY_REDUCTION))
        add_reductions(&maker);
    if (wanted(&maker, STUDY_WINDOW))
        add_windows(&maker);
    if (wanted(&maker, STUDY_SPACING))
        add_spacings(&maker);
    if (r == 0 && wanted(&maker, STUDY_CHANNELS))
        r = add_channels(&maker);
    if (wanted(&maker, STUDY_ADVERSARY))
        add_adversaries(&maker);
    if (r < 0)
        study_deinit(ret_study);
    return r;
}

void study_deinit(struct study *study)
{
    for (size_t i = 0; i < study->lists; i++)
        free(study->list[i]);
    *study = (struct study){0};
}

#include "lab/study.h"

#include "lab/derive.h"
#include "lab/fit_kind.h"
#include "lab/study_internal.h"

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

struct study_row *study_add_row(struct study *study, enum study_group group, const char *key,
                                const char *name)
{
    assert(study->count < STUDY_ROWS_MAX);
    struct study_row *row = &study->row[study->count++];
    *row = (struct study_row){.group = group, .twin = STUDY_NO_ROW, .reference = STUDY_NO_ROW};
    snprintf(row->key, sizeof row->key, "%s", key);
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

const char **study_add_list(struct study *study, size_t count)
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

struct fit_options study_without_adversary(const struct fit_options *with)
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
static void add_pair(const struct study_maker *maker, const struct reading *reading, bool paper)
{
    char key[STUDY_KEY_MAX], name[STUDY_NAME_MAX];
    const struct fit_options *recipe = paper ? &maker->options->paper : &maker->options->stable;
    struct study *study = maker->study;
    snprintf(key, sizeof key, "%s%s", reading->key, paper ? "-as-paper" : "");
    snprintf(name, sizeof name, "%s%s", reading->name, paper ? ", as in the paper" : "");
    size_t twin = study->count;
    struct study_row *row = study_add_row(study, STUDY_PAPER, key, name);
    row->source = STUDY_TWIN;
    row->seeds = maker->options->seeds;
    snprintf(key, sizeof key, "%s-%s", reading->key, paper ? "paper" : "stable");
    snprintf(name, sizeof name, "%s, %s", reading->name,
             paper ? "the paper's adversary" : "stable adversary");
    row = study_add_row(study, STUDY_PAPER, key, name);
    row->fit = *recipe;
    bool sigmoid = recipe->architecture.sigmoid;
    row->fit.architecture = reading->architecture;
    row->fit.architecture.sigmoid = sigmoid;
    row->twin = row->reference = twin;
    row->seeds = maker->options->seeds;
}

/* Every change is compared with the deep autoencoder, so that one is there in any case. */
static void add_paper(const struct study_maker *maker)
{
    const unsigned others = 1u << STUDY_BASELINE | 1u << STUDY_PEER;
    bool all = study_wants(maker, STUDY_PAPER);
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
static void add_baselines(const struct study_maker *maker)
{
    struct study_row *row = study_add_row(maker->study, STUDY_BASELINE, "random", "random score");
    row->source = STUDY_RANDOM;
    row->seeds = maker->options->seeds;
    for (int kind = 1; kind < BASELINE_KINDS; kind++) {
        if (kind != BASELINE_UNTRAINED && !study_wants(maker, STUDY_BASELINE))
            continue;
        row =
            study_add_row(maker->study, STUDY_BASELINE, baseline_kind_key((enum baseline_kind)kind),
                          baseline_kind_name((enum baseline_kind)kind));
        row->fit = study_without_adversary(&maker->options->stable);
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

static struct study_row *add_kinds(const struct study_maker *maker, const char *key,
                                   const char *name)
{
    struct study_row *row = study_add_row(maker->study, STUDY_DETECTORS, key, name);
    row->fit = maker->options->stable;
    row->reference = study_find(maker->study, "ae2-stable");
    return row;
}

/* Those that the data suit and that have no row yet. Nothing in them is random. */
static int add_detectors(const struct study_maker *maker)
{
    for (const struct fit_kind *const *kind = fit_kinds(); *kind; kind++) {
        if (!strcmp((*kind)->name, "autoencoder") ||
            study_find(maker->study, (*kind)->name) != STUDY_NO_ROW ||
            ((*kind)->needs_step && !has_step(maker->options)))
            continue;
        struct study_row *row = add_kinds(maker, (*kind)->name, (*kind)->name);
        const char **list = study_add_list(maker->study, 1);
        if (!list)
            return -ENOMEM;
        list[0] = (*kind)->name;
        row->fit = study_without_adversary(&row->fit);
        row->fit.detectors = list;
        row->seeds = 1;
    }
    struct study_row *row = add_kinds(maker, "set", "the set together");
    row->fit.detectors = NULL;
    row->seeds = maker->options->seeds;
    return 0;
}

int study_make(const struct study_options *options, struct study *ret_study)
{
    static const char *const autoencoder[] = {"autoencoder", NULL};
    struct study_options own = *options;
    const struct study_maker maker = {&own, ret_study};
    own.stable.detectors = own.paper.detectors = autoencoder;
    *ret_study = (struct study){0};
    add_baselines(&maker);
    add_paper(&maker);
    int r = study_wants(&maker, STUDY_DETECTORS) ? add_detectors(&maker) : 0;
    if (r == 0)
        r = study_add_ablations(&maker);
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

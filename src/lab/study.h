/*
 * study: the rows of a comparison: the paper's autoencoders with and without adversaries, what they
 * have to beat, and one change at a time to see what matters.
 *
 * A row is a recipe; with each seed it is one trial. An adversary's training brings its twin, the
 * same without the adversary: that is a row of its own which costs nothing.
 */
#ifndef ARMWATCH_LAB_STUDY_H
#define ARMWATCH_LAB_STUDY_H

#include "base/diag.h"
#include "lab/fit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STUDY_ROWS_MAX 96
#define STUDY_KEY_MAX 32
#define STUDY_NAME_MAX 96
#define STUDY_NO_ROW SIZE_MAX
#define STUDY_LISTS_MAX 24

enum study_group {
    STUDY_BASELINE,  /* random, untrained and the classical ones */
    STUDY_PAPER,     /* both autoencoders, with and without either adversary */
    STUDY_DETECTORS, /* the other kinds of detector, each alone, and the set that is the default */
    STUDY_SCALER,    /* each with sigmoid and linear output */
    STUDY_REDUCTION, /* all channels that do not drift, principal components, mutual information */
    STUDY_WINDOW,    /* rows in a window */
    STUDY_SPACING,   /* between them */
    STUDY_CHANNELS,  /* which ones */
    STUDY_ADVERSARY, /* how the discriminator is made and trained */
    STUDY_PEER,      /* scores of another program on the same split */
    STUDY_GROUPS,
};
const char *study_group_name(enum study_group group); /* "baseline", "paper", ... */

enum study_source {
    STUDY_TRAINED, /* by a trial of its own */
    STUDY_TWIN,    /* of another row's trial */
    STUDY_RANDOM,  /* a random score */
    STUDY_OUTSIDE, /* a peer's scores */
};

struct study_row {
    char key[STUDY_KEY_MAX];
    char name[STUDY_NAME_MAX];
    enum study_group group;
    enum study_source source;
    struct fit_options fit; /* where it is trained; lists in it are borrowed */
    size_t twin;            /* the row that its training's twin fills, or STUDY_NO_ROW */
    size_t reference;       /* the row that it is compared with, or STUDY_NO_ROW */
    size_t seeds;
};

struct study {
    size_t count;
    struct study_row row[STUDY_ROWS_MAX];
    size_t lists;
    const char **list[STUDY_LISTS_MAX]; /* of channels and kinds, which rows borrow */
};

struct study_options {
    /* The two recipes, as the user wants them on these data. Which detectors is up to the row. */
    struct fit_options stable, paper;
    unsigned groups;       /* bit 1 << group for each that is wanted */
    size_t seeds;          /* of the baselines and the paper's rows */
    size_t ablation_seeds; /* of all others; at most seeds */
    /* All channels of the recordings, for the ablations of channels, and to know if there is one
     * that names the program step. */
    const char *const *names;
    size_t channels;
    /* For the selection by mutual information, which is left out without any. */
    struct recording *const *labelled;
    size_t labelled_count;
};

/* "all" or names of groups with commas between them. Errors: -EINVAL with the list in diag. */
int study_groups_parse(const char *text, unsigned *ret_groups, struct diag *diag);

/* The rows, in the order in which they are shown. Memory: study_deinit. Errors: -ENOMEM. */
int study_make(const struct study_options *options, struct study *ret_study);
void study_deinit(struct study *study);

/* The row of that key, or STUDY_NO_ROW. */
size_t study_find(const struct study *study, const char *key);

#endif

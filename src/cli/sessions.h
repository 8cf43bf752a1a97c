/*
 * sessions: several recordings as input of a subcommand, all with the same channels.
 */
#ifndef ARMWATCH_CLI_SESSIONS_H
#define ARMWATCH_CLI_SESSIONS_H

#include "cli/cli.h"
#include "lab/recording.h"
#include "model/model.h"

struct sessions {
    size_t count;
    struct recording **item;
};

/* Loads the files of an option ("normal"; one file is one session) and appends them. With a model,
 * each is brought to its channels in its order; else the first file sets the channels. Errors: for
 * cli_fail; what was loaded stays. */
int sessions_load(const struct cli *cli, const char *option, const struct model *model,
                  struct sessions *sessions, struct diag *diag);
/* The same for one file. */
int sessions_load_file(const struct cli *cli, const char *path, const struct model *model,
                       struct sessions *sessions, struct diag *diag);
/* Makes holes of the labelled rows in the recordings of an option (which must be all that were
 * loaded): what somebody labelled as an anomaly is nothing to learn from. Errors: -EINVAL: nothing
 * is left of one. */
int sessions_leave_out_labelled(const struct cli *cli, const char *option,
                                struct sessions *sessions, struct diag *diag);
/* That each recording of an option has labels; those of the option begin with `first`. A note where
 * none is an anomaly. Errors: -EINVAL: no labels. */
int sessions_check_labels(const struct cli *cli, const char *option,
                          const struct sessions *sessions, size_t first, struct diag *diag);
/* Puts the files of an option in front of what was found in all of them together; returns error. */
int sessions_blame(const struct cli *cli, const char *option, int error, struct diag *diag);
void sessions_free(struct sessions *sessions);

/* Makes a model of a file's bytes and runs its self-test. path: for messages. */
int sessions_parse_model(const char *path, const void *data, size_t size, struct model **ret_model,
                         struct diag *diag);
/* Loads a model and runs its self-test. */
int sessions_load_model(const char *path, struct model **ret_model, struct diag *diag);

/* The sample period: by --rate-hz, else by the recordings' times, else 0.1 s with a note. */
double sessions_choose_period(const struct cli *cli, const struct sessions *sessions);

/* A warning on stderr if the recordings' usual step is not the model's sample period. */
void sessions_check_period(const struct cli *cli, const struct sessions *sessions, double period_s);

#endif

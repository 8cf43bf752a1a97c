/*
 * data: recordings as input of a subcommand: the shared options and the loading.
 */
#ifndef ARMWATCH_CLI_DATA_H
#define ARMWATCH_CLI_DATA_H

#include "cli/cli.h"
#include "lab/recording.h"

/* --columns, --time-column, --label-column, --exclude, --rows, --from, --to, --strict */
extern const struct cli_option data_options[];

/* Loads a recording as these options say, and notes on stderr what is odd about it: holes, columns
 * that cannot be used, times that do not go on. path "-" is CSV on stdin. Errors: as
 * recording_load, a file that may not be read being a missing one; for cli_fail. */
int data_load(const struct cli *cli, const char *path, struct recording **ret_recording,
              struct diag *diag);

#endif

/*
 * provenance: what a model file says about the recordings behind it, for `train` and `calibrate`.
 */
#ifndef ARMWATCH_CLI_PROVENANCE_H
#define ARMWATCH_CLI_PROVENANCE_H

#include "base/json.h"
#include "cli/cli.h"
#include "cli/sessions.h"

/* The name without its directories, which are nobody's business. */
const char *provenance_file(const char *path);

/* [{"file", "rows", "holes", "sha256"}] of the files of --normal. Memory: cJSON_Delete. */
cJSON *provenance_recordings(const struct cli *cli, const struct sessions *sessions);

/* {"rows": "0:60%", "exclude": ["temp*"]}: of --rows, --from, --to and these repeatable options
 * [NULL at the end] what was given, by the options' names. Memory: cJSON_Delete. */
cJSON *provenance_options(const struct cli *cli, const char *const *names);

#endif

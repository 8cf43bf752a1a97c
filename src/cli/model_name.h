/* model_name: what a model that a subcommand makes is called. */
#ifndef ARMWATCH_CLI_MODEL_NAME_H
#define ARMWATCH_CLI_MODEL_NAME_H

#include "base/name.h"
#include "cli/cli.h"

/* By --name, else by the file of --out: "cell7.safetensors" in any directory is the model "cell7".
 * Returns an exit code, after a message. */
int model_name_choose(const struct cli *cli, char ret_name[NAME_MAX_LENGTH + 1]);

#endif

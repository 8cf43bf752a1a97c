/* commands: every subcommand; each is defined in the file that bears its name. */
#ifndef ARMWATCH_CLI_COMMANDS_H
#define ARMWATCH_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct cli_command command_check_config;

#endif

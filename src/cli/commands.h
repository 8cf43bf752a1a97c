/* commands: every subcommand; each is defined in the file that bears its name. */
#ifndef ARMWATCH_CLI_COMMANDS_H
#define ARMWATCH_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct cli_command command_calibrate;
extern const struct cli_command command_check_config;
extern const struct cli_command command_compare;
extern const struct cli_command command_ctl;
extern const struct cli_command command_doctor;
extern const struct cli_command command_evaluate;
extern const struct cli_command command_explain;
extern const struct cli_command command_fleet;
extern const struct cli_command command_model_export_onnx;
extern const struct cli_command command_model_import_onnx;
extern const struct cli_command command_model_install;
extern const struct cli_command command_model_keygen;
extern const struct cli_command command_model_list;
extern const struct cli_command command_model_show;
extern const struct cli_command command_model_sign;
extern const struct cli_command command_model_verify;
extern const struct cli_command command_record;
extern const struct cli_command command_replay;
extern const struct cli_command command_score;
extern const struct cli_command command_simulate;
extern const struct cli_command command_train;
extern const struct cli_command command_watch;

#endif

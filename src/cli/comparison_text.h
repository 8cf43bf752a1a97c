/*
 * comparison_text: the report of a comparison as a table on a terminal.
 */
#ifndef ARMWATCH_CLI_COMPARISON_TEXT_H
#define ARMWATCH_CLI_COMPARISON_TEXT_H

#include "base/json.h"

#include <stdio.h>

/* What comparison_run reports. */
void comparison_text_print(const cJSON *report, FILE *out);

#endif

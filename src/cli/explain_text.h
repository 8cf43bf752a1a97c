/*
 * explain_text: an alert's evidence on a terminal: the score over time as a picture, and which
 * channels deviate. Of what explain_json made; texts in it must be clean (fields_clean).
 */
#ifndef ARMWATCH_CLI_EXPLAIN_TEXT_H
#define ARMWATCH_CLI_EXPLAIN_TEXT_H

#include "base/json.h"

#include <stdio.h>

void explain_text(FILE *out, const cJSON *explained);
/* A table of explain_packs_list. */
void explain_text_list(FILE *out, const cJSON *list);

#endif

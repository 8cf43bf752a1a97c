/*
 * partitions_text: what an operator is told of an instance's part of a fleet.
 *
 * The tree is the reply to `status`, with texts made safe by fields_clean.
 */
#ifndef ARMWATCH_CLI_PARTITIONS_TEXT_H
#define ARMWATCH_CLI_PARTITIONS_TEXT_H

#include "base/json.h"

#include <stdio.h>

/* A line or two; nothing where the robots are not parted. */
void partitions_text(const cJSON *reply, FILE *out);

#endif

/*
 * name: the names of robots, instances and models, as they stand in topics and file names.
 */
#ifndef ARMWATCH_BASE_NAME_H
#define ARMWATCH_BASE_NAME_H

#include <stdbool.h>

#define NAME_MAX_LENGTH 64
#define NAME_RULE "1 to 64 of A-Z a-z 0-9 _ -"

bool name_valid(const char *name);

#endif

/*
 * recording_check: what holds for every recording that was read from a file.
 */
#ifndef ARMWATCH_TESTS_RECORDING_CHECK_H
#define ARMWATCH_TESTS_RECORDING_CHECK_H

#include "lab/recording.h"

/* NULL if it was refused, with a reason. The caller frees it. */
struct recording *recording_check_load(const char *path);

/* Saved as CSV and read again, it is the same. */
void recording_check_saved(const struct recording *recording);

#endif

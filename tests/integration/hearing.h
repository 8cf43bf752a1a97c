/*
 * hearing: a record of what a test has heard and said, for tests/integration/schemas.py, which
 * holds it against the schemas of the messages.
 *
 * One JSON object a line in the file that ARMWATCH_HEARING names; without that variable nothing is
 * written. A payload that is no UTF-8 text is left out.
 */
#ifndef ARMWATCH_TESTS_HEARING_H
#define ARMWATCH_TESTS_HEARING_H

#include <stdbool.h>
#include <stddef.h>

/* A message that came on a topic. */
void hearing_heard(const char *topic, const void *payload, size_t size);

/* A payload of a kind, "sample" or "control", that was sent, and whether it was taken for a good
 * one. */
void hearing_judged(const char *kind, const void *payload, size_t size, bool good);

#endif

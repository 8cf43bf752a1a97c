/*
 * json_pointer: a place in a JSON document (RFC 6901): "" is the whole, "/a/0" the first element of
 * its member "a"; "~1" stands for "/" and "~0" for "~" in a name.
 *
 * Debian's libcjson comes without cJSON_Utils, hence here. Thread: any.
 */
#ifndef ARMWATCH_BASE_JSON_POINTER_H
#define ARMWATCH_BASE_JSON_POINTER_H

#include "base/json.h"

#define JSON_POINTER_MAX 512 /* bytes */

/* Errors: -EINVAL with what is allowed. */
int json_pointer_check(const char *pointer, struct diag *diag);

/* What is there; NULL if nothing is. The pointer is one that json_pointer_check has accepted.
 * Memory: borrowed from the tree. */
const cJSON *json_pointer_get(const cJSON *tree, const char *pointer);

#endif

/*
 * condition: what the value of a named signal must be: one of a list, or a number of a range.
 *
 * Parsed from {"NAME": ["auto", 3, true], "NAME": {"min": 99, "max": 100}}. Numbers are compared
 * as a 32-bit float shows them too, for channels are such; true is 1 and false is 0. Memory:
 * conditions_clear frees what conditions_parse made. Thread: any; constant after it is parsed.
 */
#ifndef ARMWATCH_BASE_CONDITION_H
#define ARMWATCH_BASE_CONDITION_H

#include "base/diag.h"
#include "base/json.h"
#include "base/tag.h"

#include <stdbool.h>
#include <stddef.h>

#define CONDITIONS_MAX 16
#define CONDITION_NAME_MAX 64   /* bytes */
#define CONDITION_VALUES_MAX 32 /* of a list */
#define CONDITION_TEXT_MAX 64   /* bytes of a value */

struct condition {
    char *name;
    bool ranged;
    double min, max; /* ranged: both are allowed */
    size_t count;
    struct tag *allowed; /* [count] else; texts are its own */
};

struct conditions {
    size_t count;
    struct condition *item;
};

/* Errors: -EINVAL with what was found and what is allowed; -ENOMEM. Then *ret_conditions is empty.
 */
int conditions_parse(const cJSON *object, struct conditions *ret_conditions, struct diag *diag);
/* Moves one into a set that has none of its name, else does nothing. Errors: -EINVAL there is no
 * room; -ENOMEM. */
int conditions_add(struct conditions *conditions, struct condition *moved, struct diag *diag);
void conditions_clear(struct conditions *conditions);
bool conditions_same(const struct conditions *a, const struct conditions *b);

/* By name; `count` if there is none. */
size_t conditions_find(const struct conditions *conditions, const char *name);

/* *ret_which: the place of the value in the list, 0 for a range; only if it holds. */
bool condition_holds(const struct condition *condition, const struct tag *tag, size_t *ret_which);

#endif

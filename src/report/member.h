/*
 * member: tolerant reading of what a report is made from.
 *
 * A report shows what is there: a member that is absent, null or of another type is not measured,
 * and never an error. Objects may be NULL, so that lookups can be nested.
 */
#ifndef ARMWATCH_REPORT_MEMBER_H
#define ARMWATCH_REPORT_MEMBER_H

#include "base/json.h"
#include "report/html.h"

/* NULL if it is absent or null. Borrowed from the tree, as every text here. */
const cJSON *member(const cJSON *object, const char *key);
/* The member if it is an array with at least one element, else NULL. */
const cJSON *member_list(const cJSON *object, const char *key);
double member_number(const cJSON *object, const char *key); /* NAN: not there, or not finite */
double member_value(const cJSON *item);                     /* of an element; NAN: no number */
const char *member_text(const cJSON *object, const char *key, const char *otherwise);
bool member_true(const cJSON *object, const char *key);

/* A list of numbers, NAN for what is none; NULL and a count of 0 if there is no list. */
double *member_numbers(struct html *html, const cJSON *object, const char *key, size_t *ret_count);
/* A list of pairs [x, y] one after the other; pairs that are none are left out. */
double *member_pairs(struct html *html, const cJSON *object, const char *key, size_t *ret_count);
/* One member of each object of a list. */
double *member_column(struct html *html, const cJSON *list, const char *key, size_t *ret_count);

#endif

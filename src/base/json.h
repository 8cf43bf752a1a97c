/*
 * json: strict reading on top of cJSON, and the only place that includes cJSON.h for the others.
 *
 * cJSON accepts what JSON forbids or what is unsafe to act on: trailing bytes, 1e999, "\u0000" in a
 * key, two keys of one name, depth 1000, bytes that are not UTF-8, "01". json_parse refuses all of
 * these, so a tree that it returns can be trusted. Numbers are read through valuedouble only
 * (valueint saturates). Arrays are walked, never indexed.
 */
#ifndef ARMWATCH_BASE_JSON_H
#define ARMWATCH_BASE_JSON_H

#include "base/diag.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 8
#define JSON_MAX_INTEGER 9007199254740992.0 /* 2^53: exact in a double */

/* Parses the whole of `text`. Memory: the caller frees the tree with cJSON_Delete. Returns NULL
 * with the reason in diag. */
cJSON *json_parse(const char *text, size_t length, struct diag *diag);
/* The same; *ret_overflow: what is wrong with it is a number that no double can hold. */
cJSON *json_parse_numbers(const char *text, size_t length, bool *ret_overflow, struct diag *diag);

/* What every string of a tree has to be. */
bool json_is_utf8(const char *text);

/* How many bytes of `text`, which is UTF-8, are shown where there is room for `max`: as many as are
 * whole characters, which a plain "%.60s" does not see to. To be the precision of a "%.*s". */
int json_utf8_head(const char *text, size_t max);

/* As cJSON_AddItemToArray and cJSON_AddItemToObject, but that an item that cannot be added, because
 * memory was out for it, its parent or its key, is deleted. */
void json_append(cJSON *array, cJSON *item);
void json_attach(cJSON *object, const char *key, cJSON *item);

/* cJSON_Add... that finds no memory leaves its member out. Once json_watch_memory was called (at
 * the start of a program; it sets cJSON's allocators), json_memory_failed says whether an
 * allocation of this thread has failed since it was asked before. */
void json_watch_memory(void);
bool json_memory_failed(void);

/* Members of an object by exact name. Each fills *ret_value only if the member is there; a member
 * that is absent returns 0 and leaves the value alone where `required` is false. Errors: -EINVAL
 * with key, what was found and what is allowed in diag. */
int json_get_number(const cJSON *object, const char *key, bool required, double min, double max,
                    double *ret_value, struct diag *diag);
int json_get_integer(const cJSON *object, const char *key, bool required, int64_t min, int64_t max,
                     int64_t *ret_value, struct diag *diag);
int json_get_bool(const cJSON *object, const char *key, bool required, bool *ret_value,
                  struct diag *diag);
/* Borrowed from the tree. */
int json_get_string(const cJSON *object, const char *key, bool required, size_t max_length,
                    const char **ret_value, struct diag *diag);
int json_get_object(const cJSON *object, const char *key, bool required, const cJSON **ret_value,
                    struct diag *diag);
int json_get_array(const cJSON *object, const char *key, bool required, const cJSON **ret_value,
                   struct diag *diag);

/* Errors: -EINVAL, with what is known, for a member that `known` (ended by NULL) does not name. */
int json_check_keys(const cJSON *object, const char *const *known, struct diag *diag);

/* "a string", "a number", ... for messages. */
const char *json_type_name(const cJSON *item);

#endif

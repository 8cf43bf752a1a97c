/*
 * name_table: the number of a name in a list, by hashing.
 *
 * Memory: the names are borrowed and have to outlive the table. Thread: any, once it is made.
 */
#ifndef ARMWATCH_BASE_NAME_TABLE_H
#define ARMWATCH_BASE_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define NAME_TABLE_NONE SIZE_MAX

struct name_table;

/* names: [count]; of two that are equal the first counts. NULL when memory is out. */
struct name_table *name_table_new(const char *const *names, size_t count);
void name_table_free(struct name_table *table);

/* NAME_TABLE_NONE if it is not there. */
size_t name_table_find(const struct name_table *table, const char *name);
/* The same for a name that is not terminated, and has no 0 in it. */
size_t name_table_find_part(const struct name_table *table, const char *name, size_t length);

#endif

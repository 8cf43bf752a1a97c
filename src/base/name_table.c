#include "base/name_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct name_table {
    const char *const *names;
    uint32_t *slots;   /* [slot_count] number + 1, 0 = free; open addressing */
    size_t slot_count; /* a power of two, at least twice the names */
};

/* FNV-1a. */
static size_t hash_name(const char *name, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    return (size_t)hash;
}

static bool is_name(const char *known, const char *name, size_t length)
{
    return !strncmp(known, name, length) && !known[length];
}

/* The slot of a name, or the free slot where it would go. */
static uint32_t *find_slot(const struct name_table *table, const char *name, size_t length)
{
    size_t at = hash_name(name, length) & (table->slot_count - 1);
    while (table->slots[at] && !is_name(table->names[table->slots[at] - 1], name, length))
        at = (at + 1) & (table->slot_count - 1);
    return &table->slots[at];
}

struct name_table *name_table_new(const char *const *names, size_t count)
{
    struct name_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->names = names;
    table->slot_count = 16;
    while (table->slot_count < 2 * count)
        table->slot_count *= 2;
    table->slots = calloc(table->slot_count, sizeof *table->slots);
    if (!table->slots) {
        free(table);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t *slot = find_slot(table, names[i], strlen(names[i]));
        if (!*slot)
            *slot = (uint32_t)i + 1;
    }
    return table;
}

void name_table_free(struct name_table *table)
{
    if (!table)
        return;
    free(table->slots);
    free(table);
}

size_t name_table_find(const struct name_table *table, const char *name)
{
    return name_table_find_part(table, name, strlen(name));
}

size_t name_table_find_part(const struct name_table *table, const char *name, size_t length)
{
    uint32_t slot = *find_slot(table, name, length);
    return slot ? slot - 1 : NAME_TABLE_NONE;
}

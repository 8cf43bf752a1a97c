#include "sparkplug/table.h"

#include <stdlib.h>
#include <string.h>

/* Behind it in the same block: by_name[count], then the names. */
struct sparkplug_table {
    size_t size;
    size_t count, aliased, named;
    uint32_t *by_name;              /* [named] of entry, sorted by name */
    struct sparkplug_entry entry[]; /* [count]; the first [aliased] are sorted by alias */
};

static size_t size_with(size_t count, size_t name_bytes)
{
    return sizeof(struct sparkplug_table) +
           count * (sizeof(struct sparkplug_entry) + sizeof(uint32_t)) + name_bytes;
}

size_t sparkplug_table_size_of(const struct sparkplug_payload *birth)
{
    size_t name_bytes = 0;
    for (size_t i = 0; i < birth->count; i++) {
        struct sparkplug_raw raw = sparkplug_payload_metric(birth, i);
        if (sparkplug_span_is_name(raw.name, SPARKPLUG_NAME_MAX))
            name_bytes += raw.name.length + 1;
    }
    return size_with(birth->count, name_bytes);
}

static struct sparkplug_span name_of(const struct sparkplug_entry *entry)
{
    return (struct sparkplug_span){.text = entry->name, .length = entry->name_length};
}

/* Returns where the next name goes. */
static char *fill_entry(const struct sparkplug_raw *raw, char *names,
                        struct sparkplug_entry *ret_entry)
{
    *ret_entry = (struct sparkplug_entry){
        .alias = raw->alias,
        .has_alias = raw->has_alias,
        .datatype = raw->has_datatype ? raw->datatype : 0,
    };
    if (!sparkplug_span_is_name(raw->name, SPARKPLUG_NAME_MAX)) {
        ret_entry->skip = SPARKPLUG_BAD_NAME;
        return names;
    }
    ret_entry->name = names;
    ret_entry->name_length = (uint16_t)raw->name.length;
    memcpy(names, raw->name.text, raw->name.length);
    names[raw->name.length] = '\0';
    return names + raw->name.length + 1;
}

static int order_by_alias(const void *a, const void *b)
{
    const struct sparkplug_entry *x = a, *y = b;
    if (x->has_alias != y->has_alias)
        return x->has_alias ? -1 : 1;
    return (x->alias > y->alias) - (x->alias < y->alias);
}

static int order_by_name(const void *a, const void *b, void *user)
{
    const struct sparkplug_entry *entry = user;
    const struct sparkplug_entry *x = &entry[*(const uint32_t *)a],
                                 *y = &entry[*(const uint32_t *)b];
    return sparkplug_span_compare(name_of(x), name_of(y));
}

static void mark_same_aliases(struct sparkplug_table *table)
{
    for (size_t i = 1; i < table->aliased; i++) {
        if (table->entry[i].alias == table->entry[i - 1].alias) {
            table->entry[i].skip = SPARKPLUG_SAME_ALIAS;
            table->entry[i - 1].skip = SPARKPLUG_SAME_ALIAS;
        }
    }
}

static void index_entries(struct sparkplug_table *table)
{
    qsort(table->entry, table->count, sizeof table->entry[0], order_by_alias);
    for (size_t i = 0; i < table->count; i++) {
        table->aliased += table->entry[i].has_alias;
        if (table->entry[i].name)
            table->by_name[table->named++] = (uint32_t)i;
    }
    qsort_r(table->by_name, table->named, sizeof table->by_name[0], order_by_name, table->entry);
    mark_same_aliases(table);
}

struct sparkplug_table *sparkplug_table_new(const struct sparkplug_payload *birth)
{
    size_t size = sparkplug_table_size_of(birth);
    struct sparkplug_table *table = malloc(size);
    if (!table)
        return NULL;
    *table = (struct sparkplug_table){.size = size, .count = birth->count};
    table->by_name = (uint32_t *)(table->entry + birth->count);
    char *names = (char *)(table->by_name + birth->count);
    for (size_t i = 0; i < birth->count; i++) {
        struct sparkplug_raw raw = sparkplug_payload_metric(birth, i);
        names = fill_entry(&raw, names, &table->entry[i]);
    }
    index_entries(table);
    return table;
}

void sparkplug_table_free(struct sparkplug_table *table)
{
    free(table);
}

size_t sparkplug_table_size(const struct sparkplug_table *table)
{
    return table ? table->size : 0;
}

const struct sparkplug_entry *sparkplug_table_by_alias(const struct sparkplug_table *table,
                                                       uint64_t alias)
{
    size_t low = 0, high = table ? table->aliased : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->entry[middle].alias == alias)
            return &table->entry[middle];
        if (table->entry[middle].alias < alias)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct sparkplug_entry *sparkplug_table_by_name(const struct sparkplug_table *table,
                                                      struct sparkplug_span name)
{
    size_t low = 0, high = table ? table->named : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct sparkplug_entry *entry = &table->entry[table->by_name[middle]];
        int order = sparkplug_span_compare(name_of(entry), name);
        if (order == 0)
            return entry;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

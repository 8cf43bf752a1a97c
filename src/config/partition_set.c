#include "config/partition_set.h"

#include <stdio.h>
#include <string.h>

size_t partition_of_name(const char *name, size_t count)
{
    uint32_t hash = UINT32_C(2166136261);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT32_C(16777619);
    return hash % count;
}

bool partition_set_has(const struct partition_set *set, size_t partition)
{
    return set->bits[partition / 64] >> (partition % 64) & 1;
}

void partition_set_add(struct partition_set *set, size_t partition)
{
    set->bits[partition / 64] |= UINT64_C(1) << (partition % 64);
}

void partition_set_remove(struct partition_set *set, size_t partition)
{
    set->bits[partition / 64] &= ~(UINT64_C(1) << (partition % 64));
}

size_t partition_set_count(const struct partition_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < PARTITIONS_MAX / 64; i++)
        count += (size_t)__builtin_popcountll(set->bits[i]);
    return count;
}

/* Digits only, no sign or blank. Returns false where there are none; a number that is too large
 * stays at one that is. */
static bool read_number(const char **at, size_t *ret_number)
{
    const char *start = *at;
    size_t number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at)
        number = number < PARTITIONS_MAX ? 10 * number + (size_t)(**at - '0') : PARTITIONS_MAX;
    *ret_number = number;
    return *at != start;
}

static int add_range(struct partition_set *set, size_t first, size_t last, size_t count,
                     struct diag *diag)
{
    if (last >= count)
        return diag_set(diag, "there is no partition %zu: 0 to %zu are allowed", last, count - 1);
    if (first > last)
        return diag_set(diag, "%zu-%zu: a range goes from the lower to the higher number", first,
                        last);
    for (size_t p = first; p <= last; p++) {
        if (partition_set_has(set, p))
            return diag_set(diag, "partition %zu is named twice", p);
        partition_set_add(set, p);
    }
    return 0;
}

int partition_set_parse(const char *text, size_t count, struct partition_set *ret_set,
                        struct diag *diag)
{
    *ret_set = (struct partition_set){0};
    for (const char *at = text;; at++) {
        size_t first, last;
        bool good = read_number(&at, &first);
        last = first;
        if (good && *at == '-') {
            at++;
            good = read_number(&at, &last);
        }
        if (!good || (*at && *at != ','))
            return diag_set(diag, "\"%.100s\": must be numbers and ranges, as in \"0-7,12\"", text);
        int r = add_range(ret_set, first, last, count, diag);
        if (r < 0 || !*at)
            return r;
    }
}

void partition_set_format(const struct partition_set *set, char ret_text[PARTITION_SET_TEXT_MAX])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t p = 0; p < PARTITIONS_MAX; p++) {
        if (!partition_set_has(set, p))
            continue;
        size_t last = p;
        while (last + 1 < PARTITIONS_MAX && partition_set_has(set, last + 1))
            last++;
        used += (size_t)snprintf(ret_text + used, PARTITION_SET_TEXT_MAX - used, "%s%zu",
                                 used ? "," : "", p);
        if (last > p)
            used += (size_t)snprintf(ret_text + used, PARTITION_SET_TEXT_MAX - used, "-%zu", last);
        p = last;
    }
}

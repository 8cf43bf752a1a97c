#include "lab/recording_internal.h"

#include "base/json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* "*" at an end matches whatever is left there. */
static bool name_matches(const char *name, const char *pattern)
{
    size_t length = strlen(pattern), name_length = strlen(name);
    bool open_start = length > 0 && pattern[0] == '*';
    bool open_end = length > 1 && pattern[length - 1] == '*';
    const char *middle = pattern + open_start;
    size_t middle_length = length - open_start - open_end;
    if (middle_length > name_length)
        return false;
    if (open_start && open_end)
        return memmem(name, name_length, middle, middle_length) != NULL;
    if (open_start)
        return !memcmp(name + name_length - middle_length, middle, middle_length);
    return !memcmp(name, middle, middle_length) && (open_end || name_length == middle_length);
}

bool recording_is_excluded(const struct recording_options *options, const char *name)
{
    for (const char *const *pattern = options->exclude; pattern && *pattern; pattern++)
        if (name_matches(name, *pattern))
            return true;
    return false;
}

size_t recording_find_name(char *const *names, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

int recording_no_column(const char *path, char *const *names, size_t count, const char *wanted,
                        struct diag *diag)
{
    char list[160];
    int used = 0;
    for (size_t i = 0; i < count && i < 4; i++)
        used += snprintf(list + used, sizeof list - (size_t)used, "%s%.32s", i > 0 ? ", " : "",
                         names[i]);
    return diag_set(diag, "%s: no %s among its %zu columns (%s%s)", path, wanted, count,
                    count > 0 ? list : "", count > 4 ? ", ..." : "");
}

/* Without a word, a misspelt name would leave in what was to be left out. */
static int check_excluded(const char *path, char *const *names, size_t count,
                          const struct recording_options *options, struct diag *diag)
{
    for (const char *const *pattern = options->exclude; pattern && *pattern; pattern++) {
        char wanted[96];
        size_t i = 0;
        while (i < count && !name_matches(names[i], *pattern))
            i++;
        snprintf(wanted, sizeof wanted, "\"%.60s\" to exclude", *pattern);
        if (i == count)
            return recording_no_column(path, names, count, wanted, diag);
    }
    return 0;
}

int recording_assign_roles(const char *path, char *const *names, size_t count,
                           const struct recording_options *options, enum column_role *ret_roles,
                           struct diag *diag)
{
    int r = check_excluded(path, names, count, options, diag);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        bool label =
            !options->label_columns && (!strcmp(names[i], "anomaly") || !strcmp(names[i], "label"));
        ret_roles[i] = recording_is_excluded(options, names[i]) ? COLUMN_UNUSED
                       : label                                  ? COLUMN_LABEL
                                                                : COLUMN_CHANNEL;
    }
    for (const char *const *name = options->label_columns; name && *name; name++) {
        char wanted[96];
        size_t i = recording_find_name(names, count, *name);
        snprintf(wanted, sizeof wanted, "label column \"%.60s\"", *name);
        if (i == count)
            return recording_no_column(path, names, count, wanted, diag);
        ret_roles[i] = COLUMN_LABEL;
    }
    return 0;
}

int recording_clean_names(const char *path, char **names, size_t count, struct diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        if (!json_is_utf8(names[i]))
            return diag_set(diag, "%s: the name of column %zu is not UTF-8: save the file as UTF-8",
                            path, i);
        for (char *at = names[i]; *at; at++)
            if (iscntrl((unsigned char)*at))
                *at = ' ';
    }
    return 0;
}

bool recording_parse_label(double value, int *ret_label)
{
    bool ok = value >= 0 && value <= 1e9 && value == floor(value);
    *ret_label = ok ? (int)value : 0;
    return ok;
}

#include "lab/recording_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BAD_SHARE 0.05

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int refuse_duplicates(const char *path, const struct recording *recording, struct diag *diag)
{
    size_t count = recording->channels;
    char **sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return diag_errno(diag, ENOMEM, "%s", path);
    memcpy(sorted, recording->names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_names);
    int r = 0;
    for (size_t i = 1; r == 0 && i < count; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            r = diag_set(diag, "%s: two columns are named \"%s\": give each a name of its own",
                         path, sorted[i]);
    free(sorted);
    return r;
}

static double share_of(const struct recording *recording, size_t rows)
{
    return (double)rows / (double)recording->rows;
}

static int check_holes(const char *path, const struct recording *recording, bool strict,
                       struct diag *diag)
{
    double share = share_of(recording, recording->holes);
    if (strict && recording->holes > 0)
        return diag_set(diag, "%s: %s; %zu of %zu rows are bad, and none may be with --strict",
                        path, recording->hole_reason, recording->holes, recording->rows);
    if (share > MAX_BAD_SHARE)
        return diag_set(diag,
                        "%s: %s; %zu of %zu rows are bad (%.1f %%), at most %.0f %% may be: repair "
                        "the file, or --exclude a column that is mostly bad",
                        path, recording->hole_reason, recording->holes, recording->rows,
                        100 * share, 100 * MAX_BAD_SHARE);
    return 0;
}

/* A clock that was set back once starts a new stretch of time; times that hardly ever go on are no
 * times of these rows. */
static int check_times(const char *path, struct recording *recording, struct diag *diag)
{
    for (size_t row = 1; recording->time_ns && row < recording->rows; row++) {
        if (recording->time_ns[row] > recording->time_ns[row - 1] || !recording->valid[row] ||
            !recording->valid[row - 1])
            continue;
        if (recording->late++ == 0)
            recording->late_row = row;
    }
    if (share_of(recording, recording->late) > MAX_BAD_SHARE)
        return diag_set(diag,
                        "%s: times do not go on in %zu of %zu rows, first in row %zu: sort the "
                        "rows by time, or record finer times",
                        path, recording->late, recording->rows, recording->late_row);
    return 0;
}

int recording_check(const char *path, struct recording *recording, bool strict, struct diag *diag)
{
    if (recording->rows == 0)
        return diag_set(diag, "%s: no rows of data", path);
    if (recording->channels == 0)
        return diag_set(diag, "%s: no column of numbers is left to use%s%s", path,
                        *recording->left_out ? ": " : "", recording->left_out);
    int r = refuse_duplicates(path, recording, diag);
    if (r == 0)
        r = check_holes(path, recording, strict, diag);
    return r < 0 ? r : check_times(path, recording, diag);
}

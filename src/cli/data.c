#include "cli/data.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct cli_option data_options[] = {
    {.help = "Recordings"},
    {"columns", "FILE", "names of the channels (.npy of strings), for .npy data"},
    {"time-column", "NAME",
     "CSV: name or number of the time's column; else one named time, "
     "timestamp or t"},
    {"label-column", "NAME",
     "labels, 0 for a normal row, 1, 2, ... for an anomaly; else a column named anomaly or label",
     .repeatable = true},
    {"exclude", "NAME", "leave this channel out; \"*\" at an end stands for the rest of a name",
     .repeatable = true},
    {"rows", "FIRST:END", "only these rows, counted from 0, or in percent (0:60%)"},
    {"from", "TIME", "only rows from this time on: RFC 3339, or Unix seconds"},
    {"to", "TIME", "only rows before this time"},
    {"strict", NULL, "a single bad row is an error"},
    {0}};

/* One end of "FIRST:END": a number of rows, or percent of them. */
static bool parse_bound(const char *text, const char *end, size_t rows, size_t *ret_row)
{
    char *rest;
    double value = strtod(text, &rest);
    if (rest == text || !(value >= 0))
        return false;
    if (*rest == '%' && rest + 1 == end && value <= 100) {
        *ret_row = (size_t)(value / 100 * (double)rows);
        return true;
    }
    *ret_row = (size_t)value;
    return rest == end && value == floor(value) && *ret_row <= rows;
}

static int replace_by_cut(struct recording **recording, size_t first, size_t end, struct diag *diag)
{
    struct recording *cut;
    int r = recording_cut(*recording, first, end, &cut);
    if (r < 0)
        return diag_errno(diag, r, "rows");
    recording_free(*recording);
    *recording = cut;
    return 0;
}

/* Puts the rows that --rows names in the place of the whole recording. */
static int cut_rows(const char *range, struct recording **recording, struct diag *diag)
{
    size_t rows = (*recording)->rows, first = 0, end = rows;
    const char *colon = strchr(range, ':');
    if (!colon || (colon > range && !parse_bound(range, colon, rows, &first)) ||
        (colon[1] && !parse_bound(colon + 1, range + strlen(range), rows, &end)) || first >= end)
        return diag_set(diag,
                        "--rows %s: must be FIRST:END with 0 <= FIRST < END <= %zu, or in percent",
                        range, rows);
    return replace_by_cut(recording, first, end, diag);
}

/* RFC 3339, or Unix seconds. */
static int parse_time(const struct cli *cli, const char *option, int64_t *ret_time_ns,
                      struct diag *diag)
{
    const char *text = cli_text(cli, option);
    char *end;
    double seconds = strtod(text, &end);
    if (clock_parse_rfc3339(text, strlen(text), ret_time_ns))
        return 0;
    if (end == text || *end != '\0' || !(fabs(seconds) < 9e9))
        return diag_set(diag, "--%s %s: must be a time, 2026-11-23T17:00:00Z or seconds since 1970",
                        option, text);
    *ret_time_ns = (int64_t)llround(seconds * 1e9);
    return 0;
}

static int nothing_within(const struct recording *recording, struct diag *diag)
{
    char first[CLOCK_RFC3339_MAX], last[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(recording->time_ns[0], first);
    clock_format_rfc3339(recording->time_ns[recording->rows - 1], last);
    return diag_set(diag, "--from, --to: no row lies within; the rows are from %s to %s", first,
                    last);
}

/* Puts the rows from --from up to --to in the place of the whole recording: from the first that
 * lies within to the last, where times step back in between. */
static int cut_times(const struct cli *cli, struct recording **recording, struct diag *diag)
{
    int64_t from_ns = INT64_MIN, to_ns = INT64_MAX;
    int r = cli_given(cli, "from") ? parse_time(cli, "from", &from_ns, diag) : 0;
    if (r == 0 && cli_given(cli, "to"))
        r = parse_time(cli, "to", &to_ns, diag);
    if (r < 0)
        return r;
    const int64_t *time_ns = (*recording)->time_ns;
    if (!time_ns)
        return diag_set(diag, "--from, --to: the recording has no times");
    size_t first = SIZE_MAX, end = 0;
    for (size_t i = 0; i < (*recording)->rows; i++) {
        if (time_ns[i] < from_ns || time_ns[i] >= to_ns)
            continue;
        first = first < i ? first : i;
        end = i + 1;
    }
    if (end == 0)
        return nothing_within(*recording, diag);
    return replace_by_cut(recording, first, end, diag);
}

/* What went without being asked for, of the whole file. */
static void tell(const struct cli *cli, const char *path, const struct recording *recording)
{
    if (*recording->left_out)
        cli_note(cli, "%s: left out: %s", path, recording->left_out);
    if (recording->late > 0)
        cli_note(cli,
                 "%s: times do not go on in %zu of %zu rows, first in row %zu: no window spans "
                 "such a step",
                 path, recording->late, recording->rows, recording->late_row);
}

static int cut(const struct cli *cli, struct recording **recording, struct diag *diag)
{
    int r = 0;
    if (cli_given(cli, "from") || cli_given(cli, "to"))
        r = cut_times(cli, recording, diag);
    if (r == 0 && cli_given(cli, "rows"))
        r = cut_rows(cli_text(cli, "rows"), recording, diag);
    return r;
}

int data_load(const struct cli *cli, const char *path, struct recording **ret_recording,
              struct diag *diag)
{
    const struct recording_options options = {
        .columns_path = cli_text(cli, "columns"),
        .time_column = cli_text(cli, "time-column"),
        .label_columns = cli_given(cli, "label-column") ? cli_list(cli, "label-column") : NULL,
        .exclude = cli_list(cli, "exclude"),
        .strict = cli_given(cli, "strict"),
    };
    int r = recording_load(path, &options, ret_recording, diag);
    if (r == 0)
        tell(cli, path, *ret_recording);
    if (r == 0 && (r = cut(cli, ret_recording, diag)) < 0) {
        diag_prefix(diag, "%s", path);
        recording_free(*ret_recording);
    }
    if (r == 0 && (*ret_recording)->holes > 0)
        cli_note(cli, "%s: %zu of %zu rows are holes; the first: %s", path, (*ret_recording)->holes,
                 (*ret_recording)->rows, (*ret_recording)->hole_reason);
    /* What cannot be read is a missing input, as in sysexits. */
    return r == -EACCES || r == -ENOTDIR || r == -ELOOP ? -ENOENT : r;
}

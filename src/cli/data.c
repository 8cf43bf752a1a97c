#include "cli/data.h"

const struct cli_option data_options[] = {
    {.help = "Recordings"},
    {"columns", "FILE", "names of the channels (.npy of strings), for .npy data"},
    {"time-column", "NAME",
     "CSV: name or number of the time's column; else one named time, "
     "timestamp or t"},
    {"label-column", "NAME", "CSV: labels; else a column named anomaly or label",
     .repeatable = true},
    {"exclude", "NAME", "leave this channel out; \"*\" at an end stands for the rest of a name",
     .repeatable = true},
    {"strict", NULL, "a single bad row is an error"},
    {0}};

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
    if (r == 0 && (*ret_recording)->holes > 0)
        cli_note(cli, "%s: %zu of %zu rows are holes; the first: %s", path, (*ret_recording)->holes,
                 (*ret_recording)->rows, (*ret_recording)->hole_reason);
    return r;
}

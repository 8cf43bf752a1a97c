/* A text table: its rows and cells, then as a recording, which is saved and read again. */
#include "fuzz.h"
#include "lab/csv.h"
#include "recording_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void check_cell(const char *cell)
{
    double value, again;
    int64_t time_ns;
    size_t length = strlen(cell);
    FUZZ_CHECK(length == 0 || !strchr(" \t\r\n", cell[0]));
    FUZZ_CHECK(length == 0 || !strchr(" \t\r\n", cell[length - 1]));
    csv_parse_time(cell, &time_ns);
    if (!csv_parse_number(cell, &value))
        return;
    FUZZ_CHECK(isfinite(value));
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    FUZZ_CHECK(csv_parse_number(text, &again) && !memcmp(&again, &value, sizeof value));
}

static void check_rows(const char *path)
{
    struct csv *csv;
    struct csv_row row;
    struct diag diag = DIAG_INIT;
    size_t line = 0;
    int r;
    FUZZ_CHECK(csv_open(path, &csv, &diag) == 0);
    while ((r = csv_next(csv, &row, &diag)) > 0) {
        FUZZ_CHECK(row.count > 0 && row.line > line);
        line = row.line;
        for (size_t i = 0; i < row.count; i++)
            check_cell(row.cells[i]);
    }
    if (r < 0)
        fuzz_check_refusal(r, &diag);
    csv_close(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    check_rows(path);
    struct recording *recording = recording_check_load(path);
    if (recording)
        recording_check_saved(recording);
    recording_free(recording);
    return 0;
}

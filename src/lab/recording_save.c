#include "base/file.h"
#include "lab/npy.h"
#include "lab/recording_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char label_name[] = "anomaly";

static int save_values(const struct recording *recording, const char *path, bool label_column,
                       struct diag *diag)
{
    struct npy_writer *writer;
    size_t columns = recording->channels + label_column;
    double *items = malloc(columns * sizeof *items);
    if (!items)
        return diag_errno(diag, ENOMEM, "%s", path);
    int r = npy_create(path, NPY_FLOAT64, recording->rows, columns, &writer, diag);
    if (r < 0) {
        free(items);
        return r;
    }
    for (size_t row = 0; row < recording->rows; row++) {
        const float *values = recording->values + row * recording->channels;
        for (size_t i = 0; i < recording->channels; i++)
            items[i] = recording->valid[row] ? (double)values[i] : (double)NAN;
        if (label_column)
            items[columns - 1] = recording->label ? recording->label[row] : 0;
        npy_put(writer, items, columns);
    }
    free(items);
    return npy_commit(writer, diag);
}

static int save_times(const struct recording *recording, const char *path, struct diag *diag)
{
    struct npy_writer *writer;
    int r = npy_create(path, NPY_FLOAT64, recording->rows, 0, &writer, diag);
    if (r < 0)
        return r;
    for (size_t row = 0; row < recording->rows; row++) {
        double seconds = (double)recording->time_ns[row] / 1e9;
        npy_put(writer, &seconds, 1);
    }
    return npy_commit(writer, diag);
}

static int save_labels(const struct recording *recording, const char *path, struct diag *diag)
{
    struct npy_writer *writer;
    int r = npy_create(path, NPY_INT64, recording->rows, 0, &writer, diag);
    if (r < 0)
        return r;
    for (size_t row = 0; row < recording->rows; row++) {
        int64_t label = recording->label ? recording->label[row] : 0;
        npy_put(writer, &label, 1);
    }
    return npy_commit(writer, diag);
}

static int save_names(const struct recording *recording, const char *path, bool label_column,
                      struct diag *diag)
{
    size_t count = recording->channels;
    const char **names = malloc((count + 1) * sizeof *names);
    if (!names)
        return diag_errno(diag, ENOMEM, "%s", path);
    memcpy(names, recording->names, count * sizeof *names);
    names[count] = label_name;
    int r = npy_write_strings(path, names, count + label_column, diag);
    free(names);
    return r;
}

static void put_name(FILE *stream, const char *name)
{
    bool has_mark = !strncmp(name, "\xef\xbb\xbf", 3); /* bare, it would be the file's own */
    if (!has_mark && !strpbrk(name, ",;\t\"\r\n")) {
        fputs(name, stream);
        return;
    }
    fputc('"', stream);
    for (; *name; name++) {
        if (*name == '"')
            fputc('"', stream);
        fputc(*name, stream);
    }
    fputc('"', stream);
}

void recording_put_csv_header(FILE *stream, const struct recording *recording, bool label_column)
{
    if (recording->time_ns)
        fputs("time,", stream);
    for (size_t i = 0; i < recording->channels; i++) {
        if (i > 0)
            fputc(',', stream);
        put_name(stream, recording->names[i]);
    }
    fprintf(stream, "%s%s\n", label_column ? "," : "", label_column ? label_name : "");
}

void recording_put_csv_rows(FILE *stream, const struct recording *recording, size_t first,
                            size_t end, bool label_column)
{
    /* A hole is blank; but of nothing else the line would be empty, and at the end of a file no
     * row. */
    bool alone = recording->channels == 1 && !recording->time_ns && !label_column;
    for (size_t row = first; row < end; row++) {
        const float *values = recording->values + row * recording->channels;
        if (recording->time_ns) { /* in whole microseconds */
            int64_t us = recording->time_ns[row] / 1000;
            fprintf(stream, "%s%" PRId64 ".%06" PRId64 ",", us < 0 ? "-" : "",
                    us < 0 ? -us / 1000000 : us / 1000000, us < 0 ? -us % 1000000 : us % 1000000);
        }
        for (size_t i = 0; i < recording->channels; i++) {
            const char *comma = i > 0 ? "," : "";
            if (recording->valid[row])
                fprintf(stream, "%s%.9g", comma, (double)values[i]);
            else
                fprintf(stream, "%s%s", comma, alone ? "nan" : "");
        }
        if (label_column)
            fprintf(stream, ",%d", recording->label ? recording->label[row] : 0);
        fputc('\n', stream);
    }
}

static void put_csv(FILE *stream, const struct recording *recording, bool label_column)
{
    recording_put_csv_header(stream, recording, label_column);
    recording_put_csv_rows(stream, recording, 0, recording->rows, label_column);
}

static int save_csv(const struct recording *recording, const char *path, bool label_column,
                    struct diag *diag)
{
    if (!strcmp(path, "-")) {
        put_csv(stdout, recording, label_column);
        bool ok = fflush(stdout) == 0 && !ferror(stdout);
        return ok ? 0 : diag_errno(diag, errno ? errno : EIO, "cannot write to stdout");
    }
    struct file_writer writer;
    int r = file_writer_open(&writer, path, diag);
    if (r < 0)
        return r;
    put_csv(writer.stream, recording, label_column);
    return file_writer_commit(&writer, diag);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && !strcmp(text + length - end_length, end);
}

bool recording_is_csv_path(const char *path)
{
    return !strcmp(path, "-") || ends_with(path, ".csv");
}

static int save_npy(const struct recording *recording, const char *path, bool label_column,
                    struct diag *diag)
{
    int r = save_values(recording, path, label_column, diag);
    if (r < 0 || !recording->time_ns)
        return r;
    char *time_path = recording_time_path(path);
    if (!time_path)
        return diag_errno(diag, ENOMEM, "%s", path);
    r = save_times(recording, time_path, diag);
    free(time_path);
    return r;
}

int recording_save(const struct recording *recording, const struct recording_output *output,
                   struct diag *diag)
{
    bool csv = recording_is_csv_path(output->path);
    int r = csv ? save_csv(recording, output->path, output->label_column, diag)
                : save_npy(recording, output->path, output->label_column, diag);
    if (r == 0 && output->columns_path)
        r = save_names(recording, output->columns_path, output->label_column, diag);
    if (r == 0 && output->labels_path)
        r = save_labels(recording, output->labels_path, diag);
    return r;
}

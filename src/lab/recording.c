#include "lab/recording_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct recording *recording_allocate(size_t rows, size_t channels, bool with_time, bool with_label)
{
    size_t items;
    struct recording *recording = calloc(1, sizeof *recording);
    if (!recording)
        return NULL;
    recording->rows = rows;
    recording->channels = channels;
    size_t least = rows > 0 ? rows : 1; /* calloc(0) may be NULL */
    bool ok = !__builtin_mul_overflow(least, channels > 0 ? channels : 1, &items);
    recording->names = calloc(channels > 0 ? channels : 1, sizeof *recording->names);
    recording->values = ok ? calloc(items, sizeof *recording->values) : NULL;
    recording->valid = malloc(least);
    if (with_time)
        recording->time_ns = calloc(least, sizeof *recording->time_ns);
    if (with_label)
        recording->label = calloc(least, sizeof *recording->label);
    if (!recording->names || !recording->values || !recording->valid ||
        (with_time && !recording->time_ns) || (with_label && !recording->label)) {
        recording_free(recording);
        return NULL;
    }
    memset(recording->valid, 1, rows);
    return recording;
}

struct recording *recording_new(size_t rows, size_t channels, const char *const *names,
                                bool with_time, bool with_label)
{
    struct recording *recording = recording_allocate(rows, channels, with_time, with_label);
    if (!recording)
        return NULL;
    recording->named = true;
    for (size_t i = 0; i < channels; i++) {
        recording->names[i] = strdup(names[i]);
        if (!recording->names[i]) {
            recording_free(recording);
            return NULL;
        }
    }
    return recording;
}

void recording_free(struct recording *recording)
{
    if (!recording)
        return;
    for (size_t i = 0; recording->names && i < recording->channels; i++)
        free(recording->names[i]);
    free(recording->names);
    free(recording->values);
    free(recording->valid);
    free(recording->time_ns);
    free(recording->label);
    free(recording);
}

void recording_add_hole(struct recording *recording, size_t row, const char *format, ...)
{
    if (!recording->valid[row])
        return;
    recording->valid[row] = 0;
    float *values = recording->values + row * recording->channels;
    memset(values, 0, recording->channels * sizeof *values);
    if (recording->holes++ > 0)
        return;
    recording->hole_row = row;
    va_list args;
    va_start(args, format);
    vsnprintf(recording->hole_reason, sizeof recording->hole_reason, format, args);
    va_end(args);
}

/* The first bytes of a regular file; nothing of a pipe, which is CSV. */
static int read_start(const char *path, size_t size, char *ret_start, size_t *ret_length,
                      struct diag *diag)
{
    *ret_length = 0;
    struct stat st;
    if (!strcmp(path, "-"))
        return 0;
    if (stat(path, &st) < 0)
        return diag_errno(diag, errno, "%s", path);
    if (S_ISDIR(st.st_mode))
        return diag_set(diag, "%s: a directory, not a recording", path);
    if (!S_ISREG(st.st_mode))
        return 0;
    if (st.st_size == 0)
        return diag_set(diag, "%s: empty (0 bytes): record or export it again", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret_start, size);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return diag_errno(diag, error, "%s", path);
    *ret_length = (size_t)n;
    return 0;
}

/* Files that people hold for tables, and what to do about it. */
static const struct {
    const char *start;
    size_t length;
    const char *text;
} foreign[] = {
    {"\x93N", 2, "the start of a .npy file that was cut short; copy it again"},
    {"PK\x03\x04", 4, "a zip archive (.npz or .xlsx); save the table as .npy or CSV"},
    {"\x80\x02", 2, "a pickle, which is never opened; np.save(path, array.astype(float))"},
    {"\x80\x03", 2, "a pickle, which is never opened; np.save(path, array.astype(float))"},
    {"\x80\x04", 2, "a pickle, which is never opened; np.save(path, array.astype(float))"},
    {"\x80\x05", 2, "a pickle, which is never opened; np.save(path, array.astype(float))"},
    {"\x89HDF", 4, "an HDF5 file; save the table as .npy or CSV"},
    {"PAR1\x15", 5, "a Parquet file; save the table as .npy or CSV"}, /* PAR1 is a name too */
    {"\x1f\x8b", 2, "compressed; unpack it first (zcat FILE | ... -)"},
    {"\xff\xfe", 2, "UTF-16 text; save it as CSV in UTF-8"},
    {"\xfe\xff", 2, "UTF-16 text; save it as CSV in UTF-8"},
};

int recording_load(const char *path, const struct recording_options *options,
                   struct recording **ret_recording, struct diag *diag)
{
    static const struct recording_options defaults;
    if (!options)
        options = &defaults;
    char start[6];
    size_t length;
    int r = read_start(path, sizeof start, start, &length, diag);
    if (r < 0)
        return r;
    if (length == sizeof start && !memcmp(start, "\x93NUMPY", sizeof start))
        return recording_load_npy(path, options, ret_recording, diag);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (length >= foreign[i].length && !memcmp(start, foreign[i].start, foreign[i].length))
            return diag_set(diag, "%s: %s", path, foreign[i].text);
    return recording_load_csv(path, options, ret_recording, diag);
}

int recording_select(const struct recording *recording, const char *const *names, size_t count,
                     struct recording **ret_recording, struct diag *diag)
{
    size_t *from = malloc((count > 0 ? count : 1) * sizeof *from);
    if (!from)
        return diag_errno(diag, ENOMEM, "selecting channels");
    for (size_t i = 0; i < count; i++) {
        from[i] = recording_find_name(recording->names, recording->channels, names[i]);
        if (from[i] == recording->channels) {
            free(from);
            return diag_set(diag, "no channel \"%s\" among the %zu of the recording%s", names[i],
                            recording->channels,
                            recording->named ? "" : ", whose names were generated: give --columns");
        }
    }
    struct recording *selected =
        recording_new(recording->rows, count, names, recording->time_ns, recording->label);
    if (!selected) {
        free(from);
        return diag_errno(diag, ENOMEM, "selecting channels");
    }
    for (size_t row = 0; row < recording->rows; row++)
        for (size_t i = 0; i < count; i++)
            selected->values[row * count + i] =
                recording->values[row * recording->channels + from[i]];
    free(from);
    memcpy(selected->valid, recording->valid, recording->rows);
    if (recording->time_ns)
        memcpy(selected->time_ns, recording->time_ns, recording->rows * sizeof(int64_t));
    if (recording->label)
        memcpy(selected->label, recording->label, recording->rows * sizeof(int));
    selected->named = recording->named;
    selected->holes = recording->holes;
    selected->hole_row = recording->hole_row;
    memcpy(selected->hole_reason, recording->hole_reason, sizeof selected->hole_reason);
    *ret_recording = selected;
    return 0;
}

int recording_cut(const struct recording *recording, size_t first, size_t end,
                  struct recording **ret_recording)
{
    size_t rows = end - first, channels = recording->channels;
    struct recording *cut = recording_new(rows, channels, (const char *const *)recording->names,
                                          recording->time_ns != NULL, recording->label != NULL);
    if (!cut)
        return -ENOMEM;
    cut->named = recording->named;
    memcpy(cut->values, recording->values + first * channels, rows * channels * sizeof(float));
    memcpy(cut->valid, recording->valid + first, rows);
    if (recording->time_ns)
        memcpy(cut->time_ns, recording->time_ns + first, rows * sizeof *cut->time_ns);
    if (recording->label)
        memcpy(cut->label, recording->label + first, rows * sizeof *cut->label);
    for (size_t i = rows; i-- > 0;) {
        if (!cut->valid[i]) {
            cut->holes++;
            cut->hole_row = i;
        }
    }
    if (cut->holes > 0 && first + cut->hole_row == recording->hole_row)
        memcpy(cut->hole_reason, recording->hole_reason, sizeof cut->hole_reason);
    else if (cut->holes > 0)
        snprintf(cut->hole_reason, sizeof cut->hole_reason, "row %zu of the part", cut->hole_row);
    *ret_recording = cut;
    return 0;
}

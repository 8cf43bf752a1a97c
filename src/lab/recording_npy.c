#include "lab/npy.h"
#include "lab/recording_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EARLIEST_OF_FINER_UNITS 1e11 /* a count of seconds stays below it until the year 5138 */

/* The columns of the file, and what each is used for. */
struct layout {
    char **names;
    size_t name_count; /* may be one more than the columns */
    enum column_role *roles;
    size_t channels;
    size_t labels;
};

static void layout_deinit(struct layout *layout)
{
    for (size_t i = 0; layout->names && i < layout->name_count; i++)
        free(layout->names[i]);
    free(layout->names);
    free(layout->roles);
}

static int read_names(const char *columns_path, struct layout *ret_layout, struct diag *diag)
{
    struct npy *npy;
    int r = npy_open(columns_path, &npy, diag);
    if (r < 0)
        return r;
    r = npy_read_strings(npy, &ret_layout->names, &ret_layout->name_count, diag);
    npy_close(npy);
    if (r == 0)
        r = recording_clean_names(columns_path, ret_layout->names, ret_layout->name_count, diag);
    for (size_t i = 0; r == 0 && i < ret_layout->name_count; i++)
        if (ret_layout->names[i][0] == '\0')
            r = diag_set(diag, "%s: name %zu is empty: each column needs one", columns_path, i);
    return r;
}

static int generate_names(size_t columns, struct layout *ret_layout)
{
    ret_layout->names = calloc(columns ? columns : 1, sizeof *ret_layout->names);
    if (!ret_layout->names)
        return -ENOMEM;
    ret_layout->name_count = columns;
    for (size_t i = 0; i < columns; i++)
        if (asprintf(&ret_layout->names[i], "channel_%zu", i) < 0) {
            ret_layout->names[i] = NULL;
            return -ENOMEM;
        }
    return 0;
}

/* One list of names serves both files of a dataset: with the label as last column, and without. */
static bool names_fit(const struct layout *layout, size_t columns)
{
    if (layout->name_count == columns)
        return true;
    const char *last = layout->name_count > 0 ? layout->names[layout->name_count - 1] : "";
    return layout->name_count == columns + 1 &&
           (!strcmp(last, "anomaly") || !strcmp(last, "label"));
}

static int layout_init(struct layout *layout, const struct npy *npy,
                       const struct recording_options *options, struct diag *diag)
{
    int r = options->columns_path ? read_names(options->columns_path, layout, diag)
                                  : generate_names(npy->columns, layout);
    if (r == -ENOMEM)
        return diag_errno(diag, ENOMEM, "%s", npy->path);
    if (r < 0)
        return r;
    if (!names_fit(layout, npy->columns))
        return diag_set(diag,
                        "%s: %zu columns, but %s has %zu names: one for each column is needed, and "
                        "one more only if it is \"anomaly\" or \"label\"",
                        npy->path, npy->columns, options->columns_path, layout->name_count);
    layout->roles = calloc(layout->name_count, sizeof *layout->roles);
    if (!layout->roles)
        return diag_errno(diag, ENOMEM, "%s", npy->path);
    r = recording_assign_roles(npy->path, layout->names, layout->name_count, options, layout->roles,
                               diag);
    for (size_t i = 0; r == 0 && i < npy->columns; i++) {
        layout->channels += layout->roles[i] == COLUMN_CHANNEL;
        layout->labels += layout->roles[i] == COLUMN_LABEL;
    }
    return r;
}

static struct recording *new_recording(const struct npy *npy, const struct layout *layout)
{
    struct recording *recording =
        recording_allocate(npy->rows, layout->channels, false, layout->labels > 0);
    size_t channel = 0;
    for (size_t i = 0; recording && i < npy->columns; i++) {
        if (layout->roles[i] != COLUMN_CHANNEL)
            continue;
        recording->names[channel] = strdup(layout->names[i]);
        if (!recording->names[channel++]) {
            recording_free(recording);
            return NULL;
        }
    }
    return recording;
}

/* For a message: a NaN has a sign that nobody wants to see. */
static double unsigned_nan(double item)
{
    return isnan(item) ? fabs(item) : item;
}

/* Why an item cannot be used, or NULL. */
static const char *problem_of(double item, enum column_role role)
{
    int label;
    if (isnan(item))
        return "not a number";
    if (role == COLUMN_LABEL && !recording_parse_label(item, &label))
        return "no label; 0 is normal, 1, 2, ... are anomalies";
    if (!isfinite(item))
        return "not finite";
    return isfinite((float)item) ? NULL : "out of the range of float32";
}

/* Takes one row of the file into the recording. */
static void take_row(struct recording *recording, const struct layout *layout, size_t columns,
                     size_t row, const double *items)
{
    float *values = recording->values + row * recording->channels;
    size_t channel = 0, bad_column = columns;
    for (size_t i = 0; i < columns; i++) {
        enum column_role role = layout->roles[i];
        int label;
        if (role == COLUMN_UNUSED)
            continue;
        if (bad_column == columns && problem_of(items[i], role))
            bad_column = i;
        if (role == COLUMN_CHANNEL)
            values[channel++] = (float)items[i];
        else if (recording_parse_label(items[i], &label) && recording->label[row] == 0)
            recording->label[row] = label;
    }
    if (bad_column < columns)
        recording_add_hole(recording, row, "row %zu, column %zu (\"%.24s\"): %g is %s", row,
                           bad_column, layout->names[bad_column], unsigned_nan(items[bad_column]),
                           problem_of(items[bad_column], layout->roles[bad_column]));
}

static int read_rows(struct npy *npy, const struct layout *layout, struct recording *recording,
                     struct diag *diag)
{
    double *items = malloc((npy->columns ? npy->columns : 1) * sizeof *items);
    if (!items)
        return diag_errno(diag, ENOMEM, "%s", npy->path);
    int r = 0;
    for (size_t row = 0; r == 0 && row < npy->rows; row++) {
        r = npy_read_numbers(npy, npy->columns, items, diag);
        if (r == 0)
            take_row(recording, layout, npy->columns, row, items);
    }
    free(items);
    return r;
}

char *recording_time_path(const char *path)
{
    size_t length = strlen(path);
    if (length > 4 && !strcmp(path + length - 4, ".npy"))
        length -= 4;
    char *time_path;
    return asprintf(&time_path, "%.*s.time.npy", (int)length, path) < 0 ? NULL : time_path;
}

static int check_times_shape(const struct npy *npy, const struct recording *recording,
                             struct diag *diag)
{
    if (npy->kind == 'U')
        return diag_set(diag, "%s: strings; times are seconds since 1970 in float64", npy->path);
    if (npy->dimensions != 1)
        return diag_set(diag,
                        "%s: a table of %zu x %zu; times are one column: "
                        "np.save(path, times.ravel())",
                        npy->path, npy->rows, npy->columns);
    /* Of two files that grow together the times are ahead. */
    if (npy->growing ? npy->rows < recording->rows : npy->rows != recording->rows)
        return diag_set(diag,
                        "%s: %zu times for %zu rows: it belongs to another recording; move it away "
                        "to go without times",
                        npy->path, npy->rows, recording->rows);
    return 0;
}

static void take_time(struct recording *recording, size_t row, double seconds)
{
    if (fabs(seconds) < 9.2e9) {
        /* A float64 holds today's seconds to a quarter of a microsecond: no digit beyond means
         * anything. */
        double whole = floor(seconds);
        recording->time_ns[row] =
            (int64_t)whole * 1000000000 + llround((seconds - whole) * 1e6) * 1000;
        return;
    }
    bool finer = isfinite(seconds) && fabs(seconds) >= EARLIEST_OF_FINER_UNITS;
    recording->time_ns[row] = row > 0 ? recording->time_ns[row - 1] : 0;
    recording_add_hole(recording, row, "row %zu: %g is not a time in seconds%s", row,
                       unsigned_nan(seconds),
                       finer ? "; divide milliseconds by 1e3, nanoseconds by 1e9" : "");
}

static int read_times(struct npy *npy, struct recording *recording, struct diag *diag)
{
    int r = check_times_shape(npy, recording, diag);
    if (r < 0)
        return r;
    recording->time_ns = calloc(recording->rows, sizeof *recording->time_ns);
    if (!recording->time_ns)
        return diag_errno(diag, ENOMEM, "%s", npy->path);
    for (size_t row = 0; r == 0 && row < recording->rows; row++) {
        double seconds;
        r = npy_read_numbers(npy, 1, &seconds, diag);
        if (r == 0)
            take_time(recording, row, seconds);
    }
    return r;
}

static int read_times_beside(const char *path, struct recording *recording, struct diag *diag)
{
    char *time_path = recording_time_path(path);
    if (!time_path)
        return diag_errno(diag, ENOMEM, "%s", path);
    int r = 0;
    if (access(time_path, F_OK) == 0) {
        struct npy *npy;
        r = npy_open(time_path, &npy, diag);
        if (r == 0) {
            r = read_times(npy, recording, diag);
            npy_close(npy);
        }
    }
    free(time_path);
    return r;
}

int recording_load_npy(const char *path, const struct recording_options *options,
                       struct recording **ret_recording, struct diag *diag)
{
    struct npy *npy;
    int r = npy_open(path, &npy, diag);
    if (r < 0)
        return r;
    struct layout layout = {.names = NULL};
    struct recording *recording = NULL;
    if (npy->kind == 'U')
        r = diag_set(diag, "%s: an array of strings, not of samples; is it meant as --columns?",
                     path);
    else if (npy->dimensions != 2)
        r = diag_set(diag,
                     "%s: 1 dimension, 2 are needed (rows, channels): "
                     "np.save(path, array.reshape(len(array), -1))",
                     path);
    else if (npy->left == 0) /* before anything is allocated for a shape like (0, 10**12) */
        r = diag_set(diag, "%s: no %s of data (%zu x %zu)", path,
                     npy->rows == 0 ? "rows" : "columns", npy->rows, npy->columns);
    else if (options->time_column)
        r = diag_set(diag,
                     "%s: --time-column is for CSV; the times of a .npy stand in FILE.time.npy "
                     "beside it",
                     path);
    else
        r = layout_init(&layout, npy, options, diag);
    if (r == 0 && !(recording = new_recording(npy, &layout)))
        r = diag_errno(diag, ENOMEM, "%s", path);
    if (r == 0) {
        recording->named = options->columns_path != NULL;
        r = read_rows(npy, &layout, recording, diag);
    }
    if (r == 0)
        r = read_times_beside(path, recording, diag);
    if (r == 0)
        r = recording_check(path, recording, options->strict, diag);
    layout_deinit(&layout);
    npy_close(npy);
    if (r < 0) {
        recording_free(recording);
        return r;
    }
    *ret_recording = recording;
    return 0;
}

/*
 * Which columns hold numbers is known only at the end of a stream, so all that could be channels
 * are kept with NaN for what is unreadable; then the useless columns are dropped, and what is still
 * NaN is a hole.
 */
#include "lab/csv.h"
#include "lab/recording_internal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The first bad cell of a column, for the message. */
struct problem {
    bool seen;
    size_t row;
    size_t line;
    char text[96];
};

struct column {
    char *name;
    enum column_role role;
    bool filled;  /* at least one cell is not blank */
    bool numeric; /* at least one number was seen */
    struct problem problem;
};

struct table {
    const char *path;
    struct column *columns;
    char **names; /* borrowed from the columns, then from the recording */
    size_t count;
    struct problem row_problem; /* too many cells */
    size_t rows;
    size_t capacity;
    float *cells; /* [rows][count] */
    int64_t *time_ns;
    int *label;
    unsigned char *valid; /* 0: the row is a hole */
    bool has_time;
    bool has_label;
};

static void table_deinit(struct table *table)
{
    for (size_t i = 0; table->columns && i < table->count; i++)
        free(table->columns[i].name);
    free(table->columns);
    free(table->names);
    free(table->cells);
    free(table->time_ns);
    free(table->label);
    free(table->valid);
}

static int out_of_memory(const struct table *table, struct diag *diag)
{
    return diag_errno(diag, ENOMEM, "%s", table->path);
}

/* In place. */
/* Blanks around it, and quotes in pairs, as a table is read: control characters became blanks since
 * then, and may have stood before quotes. */
static void trim(char *text)
{
    char *start = text, *end = text + strlen(text);
    for (bool again = true; again;) {
        while (isspace((unsigned char)*start))
            start++;
        while (end > start && isspace((unsigned char)end[-1]))
            end--;
        again = end - start >= 2 && *start == '"' && end[-1] == '"';
        start += again;
        end -= again;
    }
    memmove(text, start, (size_t)(end - start));
    text[end - start] = '\0';
}

/* The time column by name, else by position from 1; without an option, the usual names. */
static int find_time(const struct table *table, const struct recording_options *options,
                     size_t *ret_index, struct diag *diag)
{
    const char *wanted = options->time_column;
    static const char *const usual[] = {"time", "timestamp", "t"};
    *ret_index = table->count;
    if (!wanted) {
        for (size_t u = 0; u < 3; u++)
            for (size_t i = 0; i < table->count && *ret_index == table->count; i++)
                if (!strcasecmp(table->names[i], usual[u]) &&
                    !recording_is_excluded(options, table->names[i]))
                    *ret_index = i;
        return 0;
    }
    *ret_index = recording_find_name(table->names, table->count, wanted);
    if (*ret_index < table->count)
        return 0;
    char *end;
    unsigned long position = strtoul(wanted, &end, 10);
    if (!isdigit((unsigned char)*wanted) || *end != '\0' || position < 1 ||
        position > table->count) {
        char text[96];
        snprintf(text, sizeof text, "time column \"%.60s\"", wanted);
        return recording_no_column(table->path, table->names, table->count, text, diag);
    }
    *ret_index = position - 1;
    return 0;
}

static int set_roles(struct table *table, const struct recording_options *options,
                     struct diag *diag)
{
    enum column_role *roles = calloc(table->count, sizeof *roles);
    if (!roles)
        return out_of_memory(table, diag);
    size_t time_index;
    int r = recording_assign_roles(table->path, table->names, table->count, options, roles, diag);
    if (r == 0)
        r = find_time(table, options, &time_index, diag);
    if (r == 0 && time_index < table->count)
        roles[time_index] = COLUMN_TIME;
    for (size_t i = 0; r == 0 && i < table->count; i++) {
        bool unnamed = table->names[i][0] == '\0' && roles[i] == COLUMN_CHANNEL;
        table->columns[i].role = unnamed ? COLUMN_UNUSED : roles[i];
        table->has_time |= roles[i] == COLUMN_TIME;
        table->has_label |= roles[i] == COLUMN_LABEL;
    }
    free(roles);
    return r;
}

static int read_header(struct csv *csv, struct table *table,
                       const struct recording_options *options, struct diag *diag)
{
    struct csv_row row;
    int r = csv_next(csv, &row, diag);
    if (r < 0)
        return r;
    if (r == 0)
        return diag_set(diag, "%s: empty", table->path);
    table->columns = calloc(row.count, sizeof *table->columns);
    table->names = calloc(row.count, sizeof *table->names);
    if (!table->columns || !table->names)
        return out_of_memory(table, diag);
    table->count = row.count;
    size_t words = 0;
    double number;
    for (size_t i = 0; i < row.count; i++) {
        table->columns[i].name = table->names[i] = strdup(row.cells[i]);
        if (!table->names[i])
            return out_of_memory(table, diag);
        words += row.cells[i][0] != '\0' && !csv_parse_number(row.cells[i], &number);
    }
    if (words == 0)
        return diag_set(diag, "%s:1: no names: the first row must be the header of the table",
                        table->path);
    r = recording_clean_names(table->path, table->names, table->count, diag);
    for (size_t i = 0; r == 0 && i < table->count; i++)
        trim(table->names[i]);
    return r < 0 ? r : set_roles(table, options, diag);
}

static bool grow(struct table *table)
{
    size_t capacity = table->capacity ? 2 * table->capacity : 1024, items;
    if (__builtin_mul_overflow(capacity, table->count * sizeof(float), &items))
        return false;
    void *cells = realloc(table->cells, items);
    table->cells = cells ? cells : table->cells;
    void *times = realloc(table->time_ns, capacity * sizeof *table->time_ns);
    table->time_ns = times ? times : table->time_ns;
    void *labels = realloc(table->label, capacity * sizeof *table->label);
    table->label = labels ? labels : table->label;
    void *valid = realloc(table->valid, capacity);
    table->valid = valid ? valid : table->valid;
    if (!cells || !times || !labels || !valid)
        return false;
    table->capacity = capacity;
    return true;
}

/* Why a cell that cannot be parsed cannot be. */
static const char *explain(const char *cell, enum column_role role)
{
    char with_point[32];
    double value;
    size_t length = strlen(cell);
    const char *comma = strchr(cell, ',');
    if (role == COLUMN_TIME)
        return "is not a time";
    if (csv_parse_number(cell, &value))
        return role == COLUMN_LABEL ? "is no label; 0 is normal, 1, 2, ... are anomalies"
                                    : "is out of the range of float32";
    if (!comma || length >= sizeof with_point)
        return "is not a number";
    memcpy(with_point, cell, length + 1);
    with_point[comma - cell] = '.';
    return csv_parse_number(with_point, &value) ? "is not a number; write a decimal point"
                                                : "is not a number";
}

static void note_problem(struct column *column, size_t row, size_t line, const char *cell)
{
    struct problem *problem = &column->problem;
    if (problem->seen)
        return;
    *problem = (struct problem){.seen = true, .row = row, .line = line};
    if (*cell)
        snprintf(problem->text, sizeof problem->text, "\"%.30s\" %s", cell,
                 explain(cell, column->role));
    else
        strcpy(problem->text, "blank");
    for (char *at = problem->text; *at; at++) /* a message stays one line */
        if (iscntrl((unsigned char)*at))
            *at = ' ';
}

/* Takes one cell under its role. A bad time or label spoils the row at once. */
static void take_cell(struct table *table, size_t index, const char *cell, size_t line)
{
    struct column *column = &table->columns[index];
    size_t row = table->rows;
    double value;
    int label;
    bool ok = true;
    column->filled |= *cell != '\0';
    if (column->role == COLUMN_UNUSED)
        return;
    if (column->role == COLUMN_TIME) {
        ok = csv_parse_time(cell, &table->time_ns[row]);
        if (!ok)
            table->time_ns[row] = row > 0 ? table->time_ns[row - 1] : 0;
    } else if (column->role == COLUMN_LABEL) {
        ok = csv_parse_number(cell, &value) && recording_parse_label(value, &label);
        if (ok && table->label[row] == 0)
            table->label[row] = label;
    } else {
        ok = csv_parse_number(cell, &value) && isfinite((float)value);
        table->cells[row * table->count + index] = ok ? (float)value : NAN;
        column->numeric |= ok;
    }
    if (ok)
        return;
    note_problem(column, row, line, cell);
    if (column->role != COLUMN_CHANNEL)
        table->valid[row] = 0;
}

static bool add_row(struct table *table, const struct csv_row *csv_row)
{
    if (table->rows == table->capacity && !grow(table))
        return false;
    size_t row = table->rows;
    table->time_ns[row] = row > 0 ? table->time_ns[row - 1] : 0;
    table->label[row] = 0;
    table->valid[row] = 1;
    for (size_t i = 0; i < table->count; i++)
        take_cell(table, i, i < csv_row->count ? csv_row->cells[i] : "", csv_row->line);
    for (size_t i = table->count; i < csv_row->count; i++) {
        if (csv_row->cells[i][0] == '\0' || !table->valid[row])
            continue;
        table->valid[row] = 0;
        if (!table->row_problem.seen) {
            table->row_problem = (struct problem){.seen = true, .row = row, .line = csv_row->line};
            snprintf(table->row_problem.text, sizeof table->row_problem.text,
                     "%zu cells under a header of %zu", csv_row->count, table->count);
        }
    }
    table->rows++;
    return true;
}

/* Empty lines between rows are rows of the session that were lost; those at the end are nothing. */
static int read_rows(struct csv *csv, struct table *table, struct diag *diag)
{
    struct csv_row row;
    size_t empty = 0;
    int r;
    while ((r = csv_next(csv, &row, diag)) > 0) {
        if (row.count == 1 && row.cells[0][0] == '\0') {
            empty++;
            continue;
        }
        for (; empty > 0; empty--) {
            struct csv_row lost = {.line = row.line - empty};
            if (!add_row(table, &lost))
                return out_of_memory(table, diag);
        }
        if (!add_row(table, &row))
            return out_of_memory(table, diag);
    }
    return r;
}

/* The reason of the first hole, in `row`: whichever problem began there. */
static void add_first_hole(struct recording *recording, const struct table *table, size_t row)
{
    const struct problem *row_problem = &table->row_problem;
    if (row_problem->seen && row_problem->row == row) {
        recording_add_hole(recording, row, "line %zu: %s", row_problem->line, row_problem->text);
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        bool used = column->role != COLUMN_CHANNEL || column->numeric;
        if (used && column->problem.seen && column->problem.row == row) {
            recording_add_hole(recording, row, "line %zu, column \"%.24s\": %s",
                               column->problem.line, table->names[i], column->problem.text);
            return;
        }
    }
    recording_add_hole(recording, row, "row %zu", row);
}

static void find_holes(struct recording *recording, const struct table *table)
{
    for (size_t row = 0; row < recording->rows; row++) {
        const float *values = recording->values + row * recording->channels;
        bool bad = !recording->valid[row];
        for (size_t i = 0; i < recording->channels && !bad; i++)
            bad = isnan(values[i]);
        recording->valid[row] = 1; /* recording_add_hole counts what was valid */
        if (bad && recording->holes == 0)
            add_first_hole(recording, table, row);
        else if (bad)
            recording_add_hole(recording, row, "%s", "");
    }
}

static bool is_used(const struct column *column)
{
    return column->role == COLUMN_CHANNEL && column->numeric;
}

/* Moves the columns that are used together, in place: a second copy would double the memory. */
static void pack_cells(struct table *table, size_t channels)
{
    float *to = table->cells;
    for (size_t row = 0; row < table->rows; row++)
        for (size_t i = 0; i < table->count; i++)
            if (is_used(&table->columns[i]))
                *to++ = table->cells[row * table->count + i];
    size_t size = table->rows * channels * sizeof(float);
    void *packed = size > 0 ? realloc(table->cells, size) : NULL;
    table->cells = packed ? packed : table->cells;
}

/* A column of text, or one without a name, goes without being asked for: that is to be said. */
static void tell_left_out(struct recording *recording, const struct table *table)
{
    size_t used = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        char *end = recording->left_out + used;
        size_t left = sizeof recording->left_out - used;
        const char *comma = used > 0 ? ", " : "";
        int length = 0;
        if (column->role == COLUMN_CHANNEL && !column->numeric)
            length = snprintf(end, left, "%s\"%.24s\" (line %zu: %s)", comma, table->names[i],
                              column->problem.line, column->problem.text);
        else if (table->names[i][0] == '\0' && column->filled)
            length = snprintf(end, left, "%scolumn %zu (no name in the header)", comma, i + 1);
        if (length < 0 || (size_t)length >= left) {
            snprintf(recording->left_out + sizeof recording->left_out - 6, 6, ", ...");
            return;
        }
        used += (size_t)length;
    }
}

/* The recording takes over the table's arrays. */
static struct recording *to_recording(struct table *table)
{
    size_t channels = 0;
    for (size_t i = 0; i < table->count; i++)
        channels += is_used(&table->columns[i]);
    struct recording *recording = calloc(1, sizeof *recording);
    char **names = calloc(channels > 0 ? channels : 1, sizeof *names);
    if (!recording || !names) {
        free(recording);
        free(names);
        return NULL;
    }
    *recording = (struct recording){
        .rows = table->rows, .channels = channels, .names = names, .named = true};
    for (size_t i = 0, channel = 0; i < table->count; i++)
        if (is_used(&table->columns[i])) {
            names[channel++] = table->columns[i].name;
            table->columns[i].name = NULL;
        }
    tell_left_out(recording, table);
    pack_cells(table, channels);
    recording->values = table->cells;
    recording->valid = table->valid;
    table->cells = NULL;
    table->valid = NULL;
    if (table->has_time) {
        recording->time_ns = table->time_ns;
        table->time_ns = NULL;
    }
    if (table->has_label) {
        recording->label = table->label;
        table->label = NULL;
    }
    find_holes(recording, table);
    return recording;
}

int recording_load_csv(const char *path, const struct recording_options *options,
                       struct recording **ret_recording, struct diag *diag)
{
    struct csv *csv;
    int r = csv_open(path, &csv, diag);
    if (r < 0)
        return r;
    struct table table = {.path = strcmp(path, "-") ? path : "stdin"};
    struct recording *recording = NULL;
    if (options->columns_path)
        r = diag_set(diag,
                     "%s: no .npy, so it is read as CSV, which has its names in its header: leave "
                     "--columns away",
                     table.path);
    else
        r = read_header(csv, &table, options, diag);
    if (r == 0)
        r = read_rows(csv, &table, diag);
    csv_close(csv);
    if (r == 0 && table.rows == 0)
        r = diag_set(diag, "%s: no rows under the header; lines must end in LF or CRLF",
                     table.path);
    if (r == 0 && !(recording = to_recording(&table)))
        r = out_of_memory(&table, diag);
    if (r == 0)
        r = recording_check(table.path, recording, options->strict, diag);
    table_deinit(&table);
    if (r < 0) {
        recording_free(recording);
        return r;
    }
    *ret_recording = recording;
    return 0;
}

/*
 * csv: rows of cells from a text table, as a stream.
 *
 * Takes what loggers and spreadsheets write: "," ";" or tab between cells (found from the header
 * row), quoted cells with doubled quotes and line breaks in them, cells that were quoted twice
 * (the quotes that are left around a value are removed), blanks around a value, CRLF, a UTF-8 byte
 * order mark.
 */
#ifndef ARMWATCH_LAB_CSV_H
#define ARMWATCH_LAB_CSV_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csv_row {
    char **cells; /* [count], each ends with NUL; blanks and quotes around the value removed */
    size_t count;
    size_t line; /* in the file, from 1 */
};

struct csv;

/* "-" is stdin. Memory: csv_close(*ret_csv), which accepts NULL. Errors: errnos of open. */
int csv_open(const char *path, struct csv **ret_csv, struct diag *diag);
void csv_close(struct csv *csv);

/* Returns 1 with a row (valid until the next call), 0 at the end. A line with nothing in it is a
 * row with one empty cell. Errors: -EINVAL with file and line in diag: no text, a quote that is
 * not closed, a row over 1 MiB; -EIO; -ENOMEM. */
int csv_next(struct csv *csv, struct csv_row *ret_row, struct diag *diag);

/* A number with a decimal point, or TRUE or FALSE (any case) as 1 or 0. False for anything else,
 * "nan" and "inf" among it. */
bool csv_parse_number(const char *cell, double *ret_value);

/* RFC 3339 (without an offset it is taken as UTC), or a number of seconds, milliseconds,
 * microseconds or nanoseconds since 1970, told apart by its size: a count of seconds stays under
 * 1e11 until the year 5138. */
bool csv_parse_time(const char *cell, int64_t *ret_time_ns);

#endif

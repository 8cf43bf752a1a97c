#include "lab/csv.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_ROW (1024 * 1024)

struct csv {
    FILE *stream;
    char *path;
    char separator; /* '\0' until the header row is read */
    size_t line;    /* of the character that is read next */
    char *text;     /* the present row, as it stands in the file */
    size_t used;
    size_t size;
    char **cells;
    size_t cell_size;
};

int csv_open(const char *path, struct csv **ret_csv, struct diag *diag)
{
    struct csv *csv = calloc(1, sizeof *csv);
    if (!csv || !(csv->path = strdup(strcmp(path, "-") ? path : "stdin"))) {
        free(csv);
        return diag_errno(diag, ENOMEM, "%s", path);
    }
    csv->line = 1;
    csv->stream = strcmp(path, "-") ? fopen(path, "re") : stdin;
    if (!csv->stream) {
        int error = errno;
        csv_close(csv);
        return diag_errno(diag, error, "%s", path);
    }
    *ret_csv = csv;
    return 0;
}

void csv_close(struct csv *csv)
{
    if (!csv)
        return;
    if (csv->stream && csv->stream != stdin)
        fclose(csv->stream);
    free(csv->path);
    free(csv->text);
    free(csv->cells);
    free(csv);
}

static bool append(struct csv *csv, char c)
{
    if (csv->used == csv->size) {
        size_t size = csv->size ? 2 * csv->size : 4096;
        char *text = realloc(csv->text, size);
        if (!text)
            return false;
        csv->text = text;
        csv->size = size;
    }
    csv->text[csv->used++] = c;
    return true;
}

/* Reads up to the line break that ends the row: one outside of quotes. Doubled quotes switch
 * twice, so they need no case of their own. Returns 1, 0 at the end of the file, or an error. */
static int read_row(struct csv *csv, struct diag *diag)
{
    bool quoted = false;
    size_t first_line = csv->line;
    csv->used = 0;
    for (int c; (c = getc_unlocked(csv->stream)) != EOF;) {
        if (c == '\n')
            csv->line++;
        if (c == '\n' && !quoted)
            return append(csv, '\0') ? 1 : diag_errno(diag, ENOMEM, "%s", csv->path);
        if (c == '\0')
            return diag_set(diag, "%s:%zu: a zero byte: not a text table in UTF-8", csv->path,
                            csv->line);
        if (c == '"')
            quoted = !quoted;
        if (csv->used >= MAX_ROW)
            return diag_set(diag, "%s:%zu: a row of over 1 MiB%s", csv->path, first_line,
                            quoted ? ": is a quote not closed?" : "");
        if (!append(csv, (char)c))
            return diag_errno(diag, ENOMEM, "%s", csv->path);
    }
    if (ferror(csv->stream))
        return diag_errno(diag, EIO, "%s:%zu", csv->path, csv->line);
    if (quoted)
        return diag_set(diag, "%s:%zu: a quote is not closed", csv->path, first_line);
    if (csv->used == 0)
        return 0;
    return append(csv, '\0') ? 1 : diag_errno(diag, ENOMEM, "%s", csv->path);
}

/* The separator is the candidate that stands most often outside of quotes in the header. */
static char find_separator(const char *text)
{
    static const char candidates[] = ",;\t";
    size_t counts[3] = {0};
    bool quoted = false;
    for (; *text; text++) {
        if (*text == '"')
            quoted = !quoted;
        const char *found = quoted ? NULL : strchr(candidates, *text);
        if (found)
            counts[found - candidates]++;
    }
    size_t best = counts[1] > counts[0] ? 1 : 0;
    return candidates[counts[2] > counts[best] ? 2 : best];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Removes what stands around the value, until nothing more can be: blanks, and quotes in pairs. */
static char *strip(char *start, char *end)
{
    for (bool again = true; again;) {
        again = false;
        while (start < end && is_blank(*start))
            start++;
        while (start < end && is_blank(end[-1]))
            end--;
        if (end - start >= 2 && *start == '"' && end[-1] == '"') {
            start++;
            end--;
            again = true;
        }
    }
    *end = '\0';
    return start;
}

/* Takes the quotes of one cell off in place: doubled ones stay as one. Returns its new end. */
static char *unquote(char *start, char *end)
{
    char *to = start;
    bool quoted = false;
    for (char *from = start; from < end; from++) {
        if (*from != '"') {
            *to++ = *from;
        } else if (quoted && from + 1 < end && from[1] == '"') {
            *to++ = *from++;
        } else {
            quoted = !quoted;
        }
    }
    return to;
}

static bool add_cell(struct csv *csv, size_t index, char *start, char *end)
{
    if (index == csv->cell_size) {
        size_t size = csv->cell_size ? 2 * csv->cell_size : 64;
        char **cells = realloc(csv->cells, size * sizeof *cells);
        if (!cells)
            return false;
        csv->cells = cells;
        csv->cell_size = size;
    }
    csv->cells[index] =
        strip(start, memchr(start, '"', (size_t)(end - start)) ? unquote(start, end) : end);
    return true;
}

int csv_next(struct csv *csv, struct csv_row *ret_row, struct diag *diag)
{
    ret_row->line = csv->line;
    int r = read_row(csv, diag);
    if (r <= 0)
        return r;
    char *start = csv->text;
    if (csv->separator == '\0') {
        if (!strncmp(start, "\xef\xbb\xbf", 3))
            start += 3;
        csv->separator = find_separator(start);
    }
    size_t count = 0;
    bool quoted = false;
    for (char *at = start;; at++) {
        if (*at == '"')
            quoted = !quoted;
        if (*at != '\0' && (*at != csv->separator || quoted))
            continue;
        bool last = *at == '\0';
        if (!add_cell(csv, count++, start, at))
            return diag_errno(diag, ENOMEM, "%s", csv->path);
        if (last)
            break;
        start = at + 1;
    }
    ret_row->cells = csv->cells;
    ret_row->count = count;
    return 1;
}

bool csv_parse_number(const char *cell, double *ret_value)
{
    if (!strcasecmp(cell, "true") || !strcasecmp(cell, "false")) {
        *ret_value = cell[0] == 't' || cell[0] == 'T';
        return true;
    }
    size_t length = strspn(cell, "0123456789+-.eE"); /* strtod knows hex, nan and inf as well */
    if (length == 0 || cell[length] != '\0')
        return false;
    char *end;
    *ret_value = strtod(cell, &end);
    return *end == '\0' && end != cell && isfinite(*ret_value);
}

static bool parse_text_time(const char *cell, int64_t *ret_time_ns)
{
    char text[CLOCK_RFC3339_MAX + 2];
    size_t length = strlen(cell);
    if (length > CLOCK_RFC3339_MAX)
        return false;
    if (clock_parse_rfc3339(cell, length, ret_time_ns))
        return true;
    memcpy(text, cell, length);
    text[length] = 'Z';
    return clock_parse_rfc3339(text, length + 1, ret_time_ns);
}

bool csv_parse_time(const char *cell, int64_t *ret_time_ns)
{
    double value;
    if (!csv_parse_number(cell, &value))
        return parse_text_time(cell, ret_time_ns);
    double size = fabs(value);
    int64_t unit_ns = size < 1e11 ? CLOCK_NS_PER_S : size < 1e14 ? 1000000 : size < 1e17 ? 1000 : 1;
    if (size * (double)unit_ns >= 9.2e18) /* past the year 2261 */
        return false;
    if (cell[strspn(cell, "+-0123456789")] == '\0') { /* whole: exact beyond 2^53 */
        *ret_time_ns = strtoll(cell, NULL, 10) * unit_ns;
        return true;
    }
    double whole = floor(value);
    *ret_time_ns = (int64_t)whole * unit_ns + llround((value - whole) * (double)unit_ns);
    return true;
}

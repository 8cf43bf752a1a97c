/*
 * terminal: what may be drawn, and where.
 *
 * Thread: any.
 */
#ifndef ARMWATCH_CLI_TERMINAL_H
#define ARMWATCH_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#define TERMINAL_COLUMNS 80 /* where nothing better is known, and of help texts */

enum terminal_style {
    TERMINAL_PLAIN,
    TERMINAL_BOLD,
    TERMINAL_DIM,
    TERMINAL_GOOD,
    TERMINAL_WARNING,
    TERMINAL_CRITICAL,
    TERMINAL_STYLES
};

bool terminal_is(FILE *stream);

/* The escape sequence of a style, "" where colours are not wanted: no terminal, TERM=dumb, or
 * NO_COLOR (https://no-color.org). TERMINAL_PLAIN ends any other. */
const char *terminal_style(FILE *stream, enum terminal_style style);

/* Columns and lines; 80 and 24 where unknown. */
void terminal_size(FILE *stream, int *ret_columns, int *ret_lines);

/* The words of a text from column `indent` on, the cursor being at `column`, and a line feed. A
 * line that begins with a blank is kept as it is, where indent is 0. */
void terminal_put_wrapped(FILE *out, const char *text, int column, int indent, int columns);

/* Replaces control characters in a text from outside: it could otherwise steer the terminal. */
void terminal_clean(char *text);

#endif

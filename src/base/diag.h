/*
 * diag: why an input was refused: where, what was found, what is allowed.
 *
 * Layers under the programs neither log nor print; they fill a diag and return a code, and the
 * program decides who is told. The text is one line of UTF-8 without a trailing newline, made for a
 * person: of what it quotes, control characters become blanks, and what is not UTF-8 becomes "?".
 */
#ifndef ARMWATCH_BASE_DIAG_H
#define ARMWATCH_BASE_DIAG_H

#include <stddef.h>

#define DIAG_TEXT_MAX 512

struct diag {
    char text[DIAG_TEXT_MAX]; /* "" while nothing went wrong */
};

#define DIAG_INIT ((struct diag){.text = ""})

/* Sets the text. A NULL diag is allowed and ignored. Always returns -EINVAL, so that refusing reads
 * `return diag_set(diag, "%s: row %zu: ...", path, row);`. */
int diag_set(struct diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As diag_set, with ": " and the text of the (negative or positive) errno appended; returns -errno.
 */
int diag_errno(struct diag *diag, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " in front of a text that is already there, as an error travels up: file, then key.
 */
void diag_prefix(struct diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

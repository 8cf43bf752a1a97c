/*
 * text: a text that grows, for what is put together of many small pieces.
 *
 * All zeros is an empty one. Memory: text_deinit, unless text_take has taken it; text_clear keeps
 * the memory for the next use. Errors: when memory runs out `failed` is set and everything after it
 * is ignored, so only the end has to look. Thread: one at a time.
 */
#ifndef ARMWATCH_BASE_TEXT_H
#define ARMWATCH_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data; /* ends with a 0 that `size` does not count; NULL before anything was added */
    size_t size, capacity;
    bool failed;
};

void text_deinit(struct text *text);
void text_clear(struct text *text);

void text_bytes(struct text *text, const char *bytes, size_t size);
void text_add(struct text *text, const char *string);
void text_char(struct text *text, char c);
void text_integer(struct text *text, uint64_t value);
/* Of JSON: six significant digits; null if it is not finite. */
void text_number(struct text *text, double value);
void text_put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Hands the text over, which free() releases; it is empty then. NULL when memory ran out. */
char *text_take(struct text *text, size_t *ret_size);

#endif

#include "base/text.h"

#include "base/decimal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void text_deinit(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->size = 0;
    text->failed = false;
    if (text->data)
        text->data[0] = '\0';
}

/* Room for that many bytes and the 0 behind them. */
static bool reserve(struct text *text, size_t more)
{
    if (text->failed)
        return false;
    size_t needed = text->size + more + 1;
    if (needed <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_bytes(struct text *text, const char *bytes, size_t size)
{
    if (!reserve(text, size))
        return;
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_bytes(text, string, strlen(string));
}

void text_char(struct text *text, char c)
{
    text_bytes(text, &c, 1);
}

void text_integer(struct text *text, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    text_bytes(text, digits + at, sizeof digits - at);
}

void text_number(struct text *text, double value)
{
    char digits[DECIMAL_SIX_MAX];
    if (isfinite(value))
        text_bytes(text, digits, decimal_six(value, digits));
    else
        text_add(text, "null");
}

void text_put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = text->capacity > text->size ? text->capacity - text->size : 0;
    int length =
        text->failed ? -1 : vsnprintf(room ? text->data + text->size : NULL, room, format, args);
    va_end(args);
    if (length < 0 || !reserve(text, (size_t)length))
        return;
    if ((size_t)length >= room) {
        va_start(args, format);
        vsnprintf(text->data + text->size, (size_t)length + 1, format, args);
        va_end(args);
    }
    text->size += (size_t)length;
}

char *text_take(struct text *text, size_t *ret_size)
{
    text_bytes(text, "", 0);
    char *data = text->failed ? NULL : text->data;
    if (!data)
        free(text->data);
    if (ret_size)
        *ret_size = text->size;
    *text = (struct text){0};
    return data;
}

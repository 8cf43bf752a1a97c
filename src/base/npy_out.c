#include "base/npy_out.h"

#include <stdint.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_LENGTH 6

void npy_out_header(FILE *stream, const char *descr, size_t rows, size_t columns)
{
    char shape[64], text[192];
    if (columns > 0)
        snprintf(shape, sizeof shape, "(%zu, %zu)", rows, columns);
    else
        snprintf(shape, sizeof shape, "(%zu,)", rows);
    int used = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                        descr, shape);
    size_t length = ((size_t)used + 1 + MAGIC_LENGTH + 4 + 63) / 64 * 64 - MAGIC_LENGTH - 4;
    fwrite(MAGIC "\x01\x00", 1, MAGIC_LENGTH + 2, stream);
    fputc((int)(length & 0xff), stream);
    fputc((int)(length >> 8), stream);
    fprintf(stream, "%-*s\n", (int)length - 1, text);
}

/* Reads one character; what is not UTF-8 becomes U+FFFD and one byte is used. */
static size_t decode_utf8(const char *text, uint32_t *ret_character)
{
    unsigned char first = (unsigned char)text[0];
    size_t length = first < 0x80 ? 1 : (first >> 5) == 6 ? 2 : (first >> 4) == 14 ? 3 : 4;
    uint32_t c = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] >> 6) != 2) {
            *ret_character = 0xfffd;
            return 1;
        }
        c = c << 6 | ((unsigned char)text[i] & 0x3f);
    }
    *ret_character = c > 0x10ffff ? 0xfffd : c;
    return length;
}

size_t npy_out_characters(const char *text)
{
    size_t count = 0;
    for (uint32_t c; *text; count++)
        text += decode_utf8(text, &c);
    return count;
}

void npy_out_strings(FILE *stream, const char *const *strings, size_t count)
{
    char descr[24];
    size_t width = 1;
    for (size_t i = 0; i < count; i++) {
        size_t length = npy_out_characters(strings[i]);
        width = length > width ? length : width;
    }
    snprintf(descr, sizeof descr, "<U%zu", width);
    npy_out_header(stream, descr, count, 0);
    for (size_t i = 0; i < count; i++) {
        const char *text = strings[i];
        for (size_t j = 0; j < width; j++) {
            uint32_t c = 0;
            if (*text)
                text += decode_utf8(text, &c);
            fwrite(&c, sizeof c, 1, stream);
        }
    }
}

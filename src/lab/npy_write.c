#include "lab/npy.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_LENGTH 6

struct npy_writer {
    struct file_writer file;
    size_t left;
};

/* Version 1.0, padded so that the data begins on a multiple of 64 bytes. */
static void write_header(FILE *stream, const char *descr, size_t rows, size_t columns)
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

int npy_create(const char *path, enum npy_type type, size_t rows, size_t columns,
               struct npy_writer **ret_writer, struct diag *diag)
{
    struct npy_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return diag_errno(diag, ENOMEM, "%s", path);
    int r = file_writer_open(&writer->file, path, diag);
    if (r < 0) {
        free(writer);
        return r;
    }
    write_header(writer->file.stream, type == NPY_FLOAT64 ? "<f8" : "<i8", rows, columns);
    writer->left = rows * (columns > 0 ? columns : 1);
    *ret_writer = writer;
    return 0;
}

void npy_put(struct npy_writer *writer, const void *items, size_t count)
{
    static_assert(sizeof(double) == sizeof(int64_t), "both types have one item size");
    assert(count <= writer->left);
    writer->left -= count;
    fwrite(items, sizeof(double), count, writer->file.stream);
}

int npy_commit(struct npy_writer *writer, struct diag *diag)
{
    assert(writer->left == 0);
    int r = file_writer_commit(&writer->file, diag);
    free(writer);
    return r;
}

void npy_discard(struct npy_writer *writer)
{
    if (!writer)
        return;
    file_writer_discard(&writer->file);
    free(writer);
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

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (uint32_t c; *text; count++)
        text += decode_utf8(text, &c);
    return count;
}

int npy_write_strings(const char *path, const char *const *strings, size_t count, struct diag *diag)
{
    size_t width = 1;
    for (size_t i = 0; i < count; i++) {
        size_t length = count_characters(strings[i]);
        if (length > NPY_MAX_STRING)
            return diag_set(diag, "%s: a name of %zu characters, at most %d are allowed", path,
                            length, NPY_MAX_STRING);
        width = length > width ? length : width;
    }
    struct file_writer file;
    int r = file_writer_open(&file, path, diag);
    if (r < 0)
        return r;
    char descr[24];
    snprintf(descr, sizeof descr, "<U%zu", width);
    write_header(file.stream, descr, count, 0);
    for (size_t i = 0; i < count; i++) {
        const char *text = strings[i];
        for (size_t j = 0; j < width; j++) {
            uint32_t c = 0;
            if (*text)
                text += decode_utf8(text, &c);
            fwrite(&c, sizeof c, 1, file.stream);
        }
    }
    return file_writer_commit(&file, diag);
}

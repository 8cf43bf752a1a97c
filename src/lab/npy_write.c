#include "lab/npy.h"

#include "base/npy_out.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct npy_writer {
    struct file_writer file;
    size_t left;
};

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
    npy_out_header(writer->file.stream, type == NPY_FLOAT64 ? "<f8" : "<i8", rows, columns);
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

int npy_write_strings(const char *path, const char *const *strings, size_t count, struct diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = npy_out_characters(strings[i]);
        if (length > NPY_MAX_STRING)
            return diag_set(diag, "%s: a name of %zu characters, at most %d are allowed", path,
                            length, NPY_MAX_STRING);
    }
    struct file_writer file;
    int r = file_writer_open(&file, path, diag);
    if (r < 0)
        return r;
    npy_out_strings(file.stream, strings, count);
    return file_writer_commit(&file, diag);
}

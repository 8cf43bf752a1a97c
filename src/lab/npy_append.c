#include "lab/npy_append.h"

#include "lab/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX 10 /* magic, version, length of the header */

static void format_header(size_t rows, size_t columns, char ret_header[NPY_GROWING_HEADER])
{
    char shape[64];
    if (columns > 0)
        snprintf(shape, sizeof shape, "(%zu, %zu)", rows, columns);
    else
        snprintf(shape, sizeof shape, "(%zu,)", rows);
    memcpy(ret_header, "\x93NUMPY\x01\x00\xf6\x00", PREFIX); /* 246 bytes follow */
    int used = snprintf(ret_header + PREFIX, NPY_GROWING_HEADER - PREFIX,
                        "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }", shape);
    memset(ret_header + PREFIX + used, ' ', NPY_GROWING_HEADER - PREFIX - (size_t)used);
    ret_header[NPY_GROWING_HEADER - 1] = '\n';
}

static int write_all(const struct npy_append *file, const void *data, size_t size, off_t at,
                     struct diag *diag)
{
    const char *bytes = data;
    while (size > 0) {
        ssize_t written = pwrite(file->fd, bytes, size, at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return diag_errno(diag, written < 0 ? errno : EIO, "%s", file->path);
        bytes += written;
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

static size_t row_size(const struct npy_append *file)
{
    return (file->columns ? file->columns : 1) * sizeof(double);
}

static int open_file(const char *path, int flags, size_t columns, struct npy_append **ret_file,
                     struct diag *diag)
{
    struct npy_append *file = malloc(sizeof *file + strlen(path) + 1);
    if (!file)
        return diag_errno(diag, ENOMEM, "%s", path);
    file->columns = columns;
    file->rows = 0;
    strcpy(file->path, path);
    file->fd = open(path, flags | O_CLOEXEC, 0666);
    if (file->fd < 0) {
        int error = errno;
        free(file);
        return diag_errno(diag, error, "%s", path);
    }
    *ret_file = file;
    return 0;
}

int npy_append_create(const char *path, size_t columns, struct npy_append **ret_file,
                      struct diag *diag)
{
    int r = open_file(path, O_WRONLY | O_CREAT | O_EXCL, columns, ret_file, diag);
    if (r == 0 && (r = npy_append_commit(*ret_file, diag)) < 0) {
        unlink(path);
        npy_append_close(*ret_file);
    }
    return r;
}

static int check(const char *path, size_t columns, size_t rows, struct diag *diag)
{
    struct npy *npy;
    int r = npy_open(path, &npy, diag);
    if (r < 0)
        return r;
    bool fits = npy->growing && npy->kind == 'f' && npy->item_size == sizeof(double) &&
                npy->dimensions == (columns > 0 ? 2 : 1) &&
                npy->columns == (columns > 0 ? columns : 1) && npy->rows >= rows;
    npy_close(npy);
    return fits ? 0 : diag_set(diag, "%s: not a file that can grow by such rows", path);
}

int npy_append_open(const char *path, size_t columns, size_t rows, struct npy_append **ret_file,
                    struct diag *diag)
{
    int r = check(path, columns, rows, diag);
    if (r == 0)
        r = open_file(path, O_WRONLY, columns, ret_file, diag);
    if (r < 0)
        return r;
    struct npy_append *file = *ret_file;
    file->rows = rows;
    r = npy_append_commit(file, diag);
    if (r == 0 && ftruncate(file->fd, (off_t)(NPY_GROWING_HEADER + rows * row_size(file))) < 0)
        r = diag_errno(diag, errno, "%s", path);
    if (r < 0)
        npy_append_close(file);
    return r;
}

int npy_append(struct npy_append *file, const double *items, size_t rows, struct diag *diag)
{
    off_t at = (off_t)(NPY_GROWING_HEADER + file->rows * row_size(file));
    int r = write_all(file, items, rows * row_size(file), at, diag);
    if (r == 0)
        file->rows += rows;
    return r;
}

int npy_append_sync(struct npy_append *file, struct diag *diag)
{
    return fdatasync(file->fd) < 0 ? diag_errno(diag, errno, "%s", file->path) : 0;
}

int npy_append_commit(struct npy_append *file, struct diag *diag)
{
    char header[NPY_GROWING_HEADER];
    format_header(file->rows, file->columns, header);
    return write_all(file, header, sizeof header, 0, diag);
}

void npy_append_close(struct npy_append *file)
{
    if (!file)
        return;
    close(file->fd);
    free(file);
}

/*
 * file: whole files in, whole files out.
 */
#ifndef ARMWATCH_BASE_FILE_H
#define ARMWATCH_BASE_FILE_H

#include "base/diag.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Reads a regular file whole into memory of its own (never mmap: a file that is truncated later
 * would be a SIGBUS). One byte more than the size is allocated and set to 0. Memory: the caller
 * frees *ret_data. Errors: -ENOENT and other errnos of open and read; -EFBIG over max_size; -EINVAL
 * not a regular file. */
int file_read(const char *path, size_t max_size, void **ret_data, size_t *ret_size,
              struct diag *diag);

/* The same; what stands at the path itself must not be a symbolic link. Errors: also -ELOOP. */
int file_read_nofollow(const char *path, size_t max_size, void **ret_data, size_t *ret_size,
                       struct diag *diag);

/* Writes a file so that a reader, and a crash, sees the old one or the new one: a temporary file
 * beside it, fsync, rename, fsync of the directory. The mode is 0644 less the umask. */
int file_write(const char *path, const void *data, size_t size, struct diag *diag);

/* Makes a file that is not there yet, with this mode less the umask; what is there, a link too, is
 * never touched: -EEXIST. */
int file_create(const char *path, const void *data, size_t size, mode_t mode, struct diag *diag);

/* The same as file_write for what is written piece by piece: open, write to the stream, then commit
 * or discard; write errors are found by the commit, which ends the writer in any case. What stands
 * at the path and is no regular file (a pipe, /dev/null) is written to, not replaced. */
struct file_writer {
    FILE *stream;
    char *path;
    char *temporary; /* NULL: writes straight to the path */
};
int file_writer_open(struct file_writer *writer, const char *path, struct diag *diag);
int file_writer_commit(struct file_writer *writer, struct diag *diag);
void file_writer_discard(struct file_writer *writer);

#endif

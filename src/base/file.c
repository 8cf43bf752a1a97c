#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, char *data, size_t size, size_t *ret_size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t n = read(fd, data + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    *ret_size = used;
    return 0;
}

/* The descriptor is taken. */
static int read_whole(int fd, const char *path, size_t max_size, void **ret_data, size_t *ret_size,
                      struct diag *diag)
{
    struct stat st;
    int r;
    char *data = NULL;
    if (fstat(fd, &st) < 0) {
        r = diag_errno(diag, errno, "%s", path);
    } else if (!S_ISREG(st.st_mode)) {
        r = diag_set(diag, "%s: not a regular file", path);
    } else if ((size_t)st.st_size > max_size) {
        diag_set(diag, "%s: %lld bytes, at most %zu are allowed", path, (long long)st.st_size,
                 max_size);
        r = -EFBIG;
    } else if (!(data = malloc((size_t)st.st_size + 1))) {
        r = diag_errno(diag, ENOMEM, "%s", path);
    } else {
        r = read_all(fd, data, (size_t)st.st_size, ret_size);
        if (r < 0)
            diag_errno(diag, r, "%s", path);
    }
    close(fd);
    if (r < 0) {
        free(data);
        return r;
    }
    data[*ret_size] = '\0';
    *ret_data = data;
    return 0;
}

int file_read(const char *path, size_t max_size, void **ret_data, size_t *ret_size,
              struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? diag_errno(diag, errno, "%s", path)
                  : read_whole(fd, path, max_size, ret_data, ret_size, diag);
}

int file_read_nofollow(const char *path, size_t max_size, void **ret_data, size_t *ret_size,
                       struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 && errno == ELOOP) {
        diag_set(diag, "%s: a symbolic link, must be a regular file", path);
        return -ELOOP;
    }
    return fd < 0 ? diag_errno(diag, errno, "%s", path)
                  : read_whole(fd, path, max_size, ret_data, ret_size, diag);
}

/* So that the rename itself survives a power cut. */
static void sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!directory)
        return;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static void writer_end(struct file_writer *writer)
{
    free(writer->path);
    free(writer->temporary);
    *writer = (struct file_writer){.stream = NULL};
}

int file_writer_open(struct file_writer *writer, const char *path, struct diag *diag)
{
    *writer = (struct file_writer){.path = strdup(path)};
    struct stat st;
    bool straight = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    if (!writer->path || (!straight && asprintf(&writer->temporary, "%s.XXXXXX", path) < 0)) {
        writer->temporary = NULL;
        writer_end(writer);
        return diag_errno(diag, ENOMEM, "%s", path);
    }
    int fd = straight ? open(path, O_WRONLY | O_CLOEXEC) : mkostemp(writer->temporary, O_CLOEXEC);
    writer->stream = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!writer->stream) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
            if (writer->temporary)
                unlink(writer->temporary);
        }
        writer_end(writer);
        return diag_errno(diag, error, "cannot write %s", path);
    }
    return 0;
}

static int make_durable(struct file_writer *writer)
{
    mode_t mask = umask(0);
    umask(mask);
    int fd = fileno(writer->stream);
    return fchmod(fd, 0644 & ~mask) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_writer_commit(struct file_writer *writer, struct diag *diag)
{
    errno = 0;
    int r = 0;
    if (fflush(writer->stream) != 0 || ferror(writer->stream))
        r = errno ? -errno : -EIO;
    if (r == 0 && writer->temporary)
        r = make_durable(writer);
    if (fclose(writer->stream) != 0 && r == 0)
        r = -errno;
    if (r == 0 && writer->temporary && rename(writer->temporary, writer->path) < 0)
        r = -errno;
    if (r < 0 && writer->temporary)
        unlink(writer->temporary);
    else if (r == 0)
        sync_directory_of(writer->path);
    if (r < 0)
        diag_errno(diag, r, "cannot write %s", writer->path);
    writer_end(writer);
    return r;
}

void file_writer_discard(struct file_writer *writer)
{
    if (writer->stream)
        fclose(writer->stream);
    if (writer->temporary)
        unlink(writer->temporary);
    writer_end(writer);
}

int file_write(const char *path, const void *data, size_t size, struct diag *diag)
{
    struct file_writer writer;
    int r = file_writer_open(&writer, path, diag);
    if (r < 0)
        return r;
    fwrite(data, 1, size, writer.stream);
    return file_writer_commit(&writer, diag);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int file_create(const char *path, const void *data, size_t size, mode_t mode, struct diag *diag)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return diag_errno(diag, errno, "cannot make %s", path);
    int r = write_all(fd, data, size);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r < 0) {
        unlink(path);
        return diag_errno(diag, r, "cannot write %s", path);
    }
    sync_directory_of(path);
    return 0;
}

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
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

int file_read(const char *path, size_t max_size, void **ret_data, size_t *ret_size,
              struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return diag_errno(diag, errno, "%s", path);
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

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        size -= (size_t)n;
    }
    return 0;
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

int file_write(const char *path, const void *data, size_t size, struct diag *diag)
{
    char *temporary;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return diag_errno(diag, ENOMEM, "%s", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    if (fd >= 0) {
        mode_t mask = umask(0);
        umask(mask);
        r = write_all(fd, data, size);
        if (r == 0 && (fchmod(fd, 0644 & ~mask) < 0 || fsync(fd) < 0))
            r = -errno;
        if (close(fd) < 0 && r == 0)
            r = -errno;
        if (r == 0 && rename(temporary, path) < 0)
            r = -errno;
        if (r < 0)
            unlink(temporary);
        else
            sync_directory_of(path);
    }
    free(temporary);
    return r < 0 ? diag_errno(diag, r, "cannot write %s", path) : 0;
}

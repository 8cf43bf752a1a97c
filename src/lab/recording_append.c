#include "lab/recording_append.h"

#include "lab/npy_append.h"
#include "lab/recording_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_ROWS 256

struct recording_append {
    char *path;
    bool csv;
    bool begun; /* some of its rows count */
    int fd;     /* of the CSV */
    struct npy_append *values, *times;
    double *items; /* [CHUNK_ROWS][channels] */
};

void recording_append_close(struct recording_append *file)
{
    if (!file)
        return;
    if (file->fd > STDERR_FILENO)
        close(file->fd);
    npy_append_close(file->values);
    npy_append_close(file->times);
    free(file->items);
    free(file->path);
    free(file);
}

static struct recording_append *new_file(const char *path, const struct recording *like)
{
    struct recording_append *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->path = strdup(path);
    file->csv = recording_is_csv_path(path);
    file->fd = -1;
    file->items = malloc(CHUNK_ROWS * like->channels * sizeof *file->items);
    if (file->path && file->items)
        return file;
    recording_append_close(file);
    return NULL;
}

/* ---- CSV ---- */

/* In as few calls as the kernel allows: a line is there whole or not at all, but for a full disk.
 */
static int write_text(const struct recording_append *file, const char *text, size_t size,
                      struct diag *diag)
{
    while (size > 0) {
        ssize_t written = write(file->fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return diag_errno(diag, errno, "%s", file->path);
        text += written;
        size -= (size_t)written;
    }
    return 0;
}

static int put_text(const struct recording_append *file, const struct recording *rows, size_t first,
                    size_t end, bool header, struct diag *diag)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return diag_errno(diag, ENOMEM, "%s", file->path);
    if (header)
        recording_put_csv_header(stream, rows, false);
    recording_put_csv_rows(stream, rows, first, end, false);
    int r = fclose(stream) == 0 ? write_text(file, text, size, diag)
                                : diag_errno(diag, ENOMEM, "%s", file->path);
    free(text);
    return r;
}

static int create_csv(struct recording_append *file, const struct recording *like,
                      struct diag *diag)
{
    file->fd = !strcmp(file->path, "-")
                   ? STDOUT_FILENO
                   : open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    return file->fd < 0 ? diag_errno(diag, errno, "%s", file->path)
                        : put_text(file, like, 0, 0, true, diag);
}

/* A line that was cut off is removed. */
static int open_csv(struct recording_append *file, struct diag *diag)
{
    char last;
    struct stat st;
    file->fd = open(file->path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &st) < 0)
        return diag_errno(diag, errno, "%s", file->path);
    off_t size = st.st_size;
    while (size > 0 && pread(file->fd, &last, 1, size - 1) == 1 && last != '\n')
        size--;
    return ftruncate(file->fd, size) < 0 ? diag_errno(diag, errno, "%s", file->path) : 0;
}

/* ---- .npy ---- */

static int create_npy(struct recording_append *file, const struct recording *like,
                      struct diag *diag)
{
    char *time_path = recording_time_path(file->path);
    if (!time_path)
        return diag_errno(diag, ENOMEM, "%s", file->path);
    int r = npy_append_create(time_path, 0, &file->times, diag);
    if (r < 0)
        file->times = NULL;
    if (r == 0 && (r = npy_append_create(file->path, like->channels, &file->values, diag)) < 0) {
        file->values = NULL;
        unlink(time_path);
    }
    free(time_path);
    return r;
}

static int open_npy(struct recording_append *file, const struct recording *like, size_t rows,
                    struct diag *diag)
{
    char *time_path = recording_time_path(file->path);
    if (!time_path)
        return diag_errno(diag, ENOMEM, "%s", file->path);
    int r = npy_append_open(time_path, 0, rows, &file->times, diag);
    if (r < 0)
        file->times = NULL;
    if (r == 0 && (r = npy_append_open(file->path, like->channels, rows, &file->values, diag)) < 0)
        file->values = NULL;
    free(time_path);
    return r;
}

static int put_rows(struct recording_append *file, const struct recording *rows, size_t first,
                    size_t end, struct diag *diag)
{
    size_t channels = rows->channels;
    for (size_t row = first; row < end; row++) {
        const float *values = rows->values + row * channels;
        for (size_t i = 0; i < channels; i++)
            file->items[(row - first) * channels + i] =
                rows->valid[row] ? (double)values[i] : (double)NAN;
    }
    int r = npy_append(file->values, file->items, end - first, diag);
    for (size_t row = first; r == 0 && row < end; row++) {
        double seconds = (double)rows->time_ns[row] / 1e9;
        r = npy_append(file->times, &seconds, 1, diag);
    }
    return r;
}

static int sync_npy(struct recording_append *file, struct diag *diag)
{
    int r = npy_append_sync(file->values, diag);
    return r < 0 ? r : npy_append_sync(file->times, diag);
}

/* The times count first: a reader takes as many of them as there are rows. Of a new file there is
 * nothing that a power cut could take, so its first rows count at once. */
static int commit_npy(struct recording_append *file, struct diag *diag)
{
    bool begun = file->begun;
    file->begun = true;
    int r = begun ? sync_npy(file, diag) : 0;
    if (r == 0)
        r = npy_append_commit(file->times, diag);
    if (r == 0)
        r = npy_append_commit(file->values, diag);
    return r < 0 || begun ? r : sync_npy(file, diag);
}

/* ---- both ---- */

int recording_append_create(const char *path, const struct recording *like,
                            struct recording_append **ret_file, struct diag *diag)
{
    struct recording_append *file = new_file(path, like);
    if (!file)
        return diag_errno(diag, ENOMEM, "%s", path);
    int r = file->csv ? create_csv(file, like, diag) : create_npy(file, like, diag);
    if (r < 0)
        recording_append_close(file);
    else
        *ret_file = file;
    return r;
}

int recording_append_open(const char *path, const struct recording *like, size_t rows,
                          struct recording_append **ret_file, struct diag *diag)
{
    struct recording_append *file = new_file(path, like);
    if (!file)
        return diag_errno(diag, ENOMEM, "%s", path);
    file->begun = true;
    int r = file->csv ? open_csv(file, diag) : open_npy(file, like, rows, diag);
    if (r < 0)
        recording_append_close(file);
    else
        *ret_file = file;
    return r;
}

int recording_append(struct recording_append *file, const struct recording *rows, size_t first,
                     size_t end, struct diag *diag)
{
    int r = 0;
    for (size_t at = first; r == 0 && at < end; at += CHUNK_ROWS) {
        size_t stop = end - at < CHUNK_ROWS ? end : at + CHUNK_ROWS;
        r = file->csv ? put_text(file, rows, at, stop, false, diag)
                      : put_rows(file, rows, at, stop, diag);
    }
    if (r == 0 && file->csv && file->fd > STDERR_FILENO && fdatasync(file->fd) < 0)
        r = diag_errno(diag, errno, "%s", file->path);
    return r < 0 || file->csv || first == end ? r : commit_npy(file, diag);
}

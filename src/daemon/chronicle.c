#include "daemon/chronicle.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- in memory ---- */

static void keep(struct chronicle *chronicle, char *line)
{
    free(chronicle->line[chronicle->next]);
    chronicle->line[chronicle->next] = line;
    chronicle->next = (chronicle->next + 1) % chronicle->kept_max;
    if (chronicle->kept < chronicle->kept_max)
        chronicle->kept++;
}

const char *chronicle_line(const struct chronicle *chronicle, size_t back)
{
    return chronicle
        ->line[(chronicle->next + 2 * chronicle->kept_max - 1 - back) % chronicle->kept_max];
}

/* Only what can be read as an object: a torn line is none. */
static int keep_text(struct chronicle *chronicle, const char *text, size_t length)
{
    cJSON *tree = length <= CHRONICLE_LINE_MAX ? json_parse(text, length, NULL) : NULL;
    bool good = cJSON_IsObject(tree);
    cJSON_Delete(tree);
    char *line = good ? strndup(text, length) : NULL;
    if (good && !line)
        return -ENOMEM;
    if (good)
        keep(chronicle, line);
    return 0;
}

static int load(struct chronicle *chronicle, const char *path)
{
    struct diag diag = DIAG_INIT;
    void *data = NULL;
    size_t size = 0;
    int r = file_read(path, 2 * CHRONICLE_FILE_MAX, &data, &size, &diag);
    if (r < 0 && r != -ENOENT)
        log_warning("%s: what earlier runs wrote cannot be read: %s", path, diag.text);
    const char *at = data, *end = at ? at + size : NULL;
    for (r = 0; r == 0 && at && at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            break;
        r = keep_text(chronicle, at, (size_t)(stop - at));
        at = stop + 1;
    }
    free(data);
    return r;
}

int chronicle_open(struct chronicle *chronicle, uv_loop_t *loop, const char *directory,
                   const char *name, size_t kept_max)
{
    *chronicle = (struct chronicle){.loop = loop, .kept_max = kept_max};
    chronicle->line = calloc(kept_max, sizeof *chronicle->line);
    if (asprintf(&chronicle->path, "%s/%s.jsonl", directory, name) < 0)
        chronicle->path = NULL;
    if (asprintf(&chronicle->old_path, "%s/%s.1.jsonl", directory, name) < 0)
        chronicle->old_path = NULL;
    int r = chronicle->line && chronicle->path && chronicle->old_path ? 0 : -ENOMEM;
    r = r ? r : load(chronicle, chronicle->old_path);
    r = r ? r : load(chronicle, chronicle->path);
    if (r < 0)
        chronicle_deinit(chronicle);
    return r;
}

void chronicle_deinit(struct chronicle *chronicle)
{
    for (size_t i = 0; chronicle->line && i < chronicle->kept_max; i++)
        free(chronicle->line[i]);
    free(chronicle->line);
    free(chronicle->path);
    free(chronicle->old_path);
    free(chronicle->writing.data);
    free(chronicle->waiting.data);
    *chronicle = (struct chronicle){0};
}

/* ---- on the disk ---- */

static int fail(struct chronicle *chronicle)
{
    return diag_errno(&chronicle->diag, errno, "%s", chronicle->path);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return -1;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static bool is_torn(int fd, off_t size)
{
    char last = '\n';
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* All or nothing: half of a line would make the next one unreadable, too. */
static int append(struct chronicle *chronicle, int fd, off_t size)
{
    int r = is_torn(fd, size) ? write_all(fd, "\n", 1) : 0;
    if (r == 0)
        r = write_all(fd, chronicle->writing.data, chronicle->writing.size);
    if (r == 0)
        r = fdatasync(fd);
    if (r == 0)
        return 0;
    r = fail(chronicle);
    if (ftruncate(fd, size) < 0)
        diag_prefix(&chronicle->diag, "and it cannot be cut back");
    return r;
}

static int open_file(struct chronicle *chronicle, off_t *ret_size)
{
    struct stat status;
    int fd = open(chronicle->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 || fstat(fd, &status) < 0) {
        fail(chronicle);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *ret_size = status.st_size;
    return fd;
}

static int turn_over(struct chronicle *chronicle)
{
    return rename(chronicle->path, chronicle->old_path) < 0 ? fail(chronicle) : 0;
}

static void write_in_pool(uv_work_t *work)
{
    struct chronicle *chronicle = work->data;
    off_t size = 0;
    int fd = open_file(chronicle, &size);
    if (fd >= 0 && size > 0 && (size_t)size + chronicle->writing.size > CHRONICLE_FILE_MAX) {
        close(fd);
        fd = turn_over(chronicle) < 0 ? -1 : open_file(chronicle, &size);
    }
    chronicle->result = fd < 0 ? -EIO : append(chronicle, fd, size);
    if (fd >= 0)
        close(fd);
}

static void start_job(struct chronicle *chronicle);

/* What could not be written waits in front of what came meanwhile. */
static void put_back(struct chronicle *chronicle)
{
    size_t size = chronicle->writing.size + chronicle->waiting.size;
    char *data = size <= CHRONICLE_WAITING_MAX ? realloc(chronicle->writing.data, size) : NULL;
    if (!data) {
        chronicle->lost++;
        free(chronicle->writing.data);
        chronicle->writing.data = NULL;
        return;
    }
    if (chronicle->waiting.size > 0)
        memcpy(data + chronicle->writing.size, chronicle->waiting.data, chronicle->waiting.size);
    free(chronicle->waiting.data);
    chronicle->waiting.data = data;
    chronicle->waiting.size = size;
    chronicle->writing.data = NULL;
}

static void on_written(uv_work_t *work, int status)
{
    struct chronicle *chronicle = work->data;
    chronicle->busy = false;
    chronicle->failed = status < 0 || chronicle->result < 0;
    if (chronicle->failed) {
        if (log_is_due(++chronicle->failures))
            log_error("not written (%llu times): %s", (unsigned long long)chronicle->failures,
                      chronicle->diag.text);
        put_back(chronicle);
        return; /* and is tried again in a while */
    }
    free(chronicle->writing.data);
    chronicle->writing.data = NULL;
    start_job(chronicle);
}

static void start_job(struct chronicle *chronicle)
{
    if (chronicle->busy || chronicle->waiting.size == 0 || !chronicle->path)
        return;
    chronicle->writing.data = chronicle->waiting.data;
    chronicle->writing.size = chronicle->waiting.size;
    chronicle->waiting.data = NULL;
    chronicle->waiting.size = 0;
    chronicle->work.data = chronicle;
    chronicle->tried_ns = clock_monotonic_ns();
    chronicle->diag = (struct diag)DIAG_INIT;
    chronicle->busy =
        uv_queue_work(chronicle->loop, &chronicle->work, write_in_pool, on_written) == 0;
    if (!chronicle->busy) {
        chronicle->failed = true;
        put_back(chronicle);
    }
}

static bool put(struct chronicle *chronicle, const char *line)
{
    size_t length = strlen(line), size = chronicle->waiting.size + length + 1;
    if (length > CHRONICLE_LINE_MAX || size > CHRONICLE_WAITING_MAX)
        return false;
    char *data = realloc(chronicle->waiting.data, size);
    if (!data)
        return false;
    memcpy(data + chronicle->waiting.size, line, length);
    data[size - 1] = '\n';
    chronicle->waiting.data = data;
    chronicle->waiting.size = size;
    return true;
}

void chronicle_append(struct chronicle *chronicle, char *line)
{
    if (!line || !chronicle->path || !put(chronicle, line)) {
        chronicle->lost++;
        free(line);
        return;
    }
    keep(chronicle, line);
    if (!chronicle->failed)
        start_job(chronicle);
}

bool chronicle_is_settled(const struct chronicle *chronicle)
{
    return chronicle->failed || (!chronicle->busy && chronicle->waiting.size == 0);
}

void chronicle_tick(struct chronicle *chronicle, int64_t now_ns)
{
    if (chronicle->failed && now_ns - chronicle->tried_ns > CHRONICLE_RETRY_S * CLOCK_NS_PER_S)
        start_job(chronicle);
}

#include "fuzz.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
    abort();
}

void fuzz_check_refusal(int result, const struct diag *diag)
{
    FUZZ_CHECK(result < 0);
    FUZZ_CHECK(diag->text[0] != '\0');
    FUZZ_CHECK(json_is_utf8(diag->text));
    for (const char *c = diag->text; *c; c++)
        FUZZ_CHECK((unsigned char)*c >= ' ');
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

const char *fuzz_file(const void *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
    FUZZ_CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
    return path;
}

/* A writer replaces a regular file, and writes straight to a pipe. */
static int sink[2] = {-1, -1};
static char sink_directory[32];
static char sink_path[sizeof sink_directory + 16];

static void open_sink(void)
{
    FUZZ_CHECK(pipe2(sink, O_CLOEXEC | O_NONBLOCK) == 0);
    FUZZ_CHECK(fcntl(sink[1], F_SETPIPE_SZ, (int)FUZZ_WRITTEN_MAX) >= (int)FUZZ_WRITTEN_MAX);
}

const char *fuzz_sink(void)
{
    char target[64];
    if (sink[0] < 0)
        open_sink();
    strcpy(sink_directory, "/tmp/armwatch-fuzz-XXXXXX");
    FUZZ_CHECK(mkdtemp(sink_directory));
    snprintf(sink_path, sizeof sink_path, "%s/out.csv", sink_directory);
    snprintf(target, sizeof target, "/proc/self/fd/%d", sink[1]);
    FUZZ_CHECK(symlink(target, sink_path) == 0);
    return sink_path;
}

void fuzz_written(void **ret_data, size_t *ret_size)
{
    char *data = malloc(FUZZ_WRITTEN_MAX);
    size_t used = 0;
    FUZZ_CHECK(data);
    FUZZ_CHECK(unlink(sink_path) == 0 && rmdir(sink_directory) == 0);
    for (ssize_t n; (n = read(sink[0], data + used, FUZZ_WRITTEN_MAX - used)) > 0;)
        used += (size_t)n;
    *ret_data = data;
    *ret_size = used;
}

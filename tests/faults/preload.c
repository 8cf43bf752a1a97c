/* pwrite and pwrite64 are symbols of their own here. */
#undef _FILE_OFFSET_BITS
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static struct preload_page *page;

__attribute__((constructor)) static void open_page(void)
{
    const char *path = getenv("ARMWATCH_FAULTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        page = map;
}

/* ---- memory */

/* Two libraries are left alone: OpenSSL, where some allocations of its own start end in a
 * segmentation fault, and libmosquitto, where each ends the connection, so that the test would wait
 * for one reconnect after the other. */
static struct {
    uintptr_t begin, end;
} spared[16];
static size_t spared_count;

__attribute__((constructor)) static void find_spared(void)
{
    char line[512];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long begin, end;
        if ((strstr(line, "/libcrypto.so") || strstr(line, "/libssl.so") ||
             strstr(line, "/libmosquitto.so")) &&
            spared_count < sizeof spared / sizeof spared[0] &&
            sscanf(line, "%lx-%lx", &begin, &end) == 2) {
            spared[spared_count].begin = begin;
            spared[spared_count++].end = end;
        }
    }
    if (maps)
        fclose(maps);
}

static bool is_spared(uintptr_t caller)
{
    for (size_t i = 0; i < spared_count; i++) {
        if (caller >= spared[i].begin && caller < spared[i].end)
            return true;
    }
    return false;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool allocation_fails(void *caller)
{
    if (!page || is_spared((uintptr_t)caller))
        return false;
    long count = atomic_fetch_add(&page->allocations, 1) + 1;
    if (count != atomic_load(&page->fail_allocation))
        return false;
    errno = ENOMEM;
    return true;
}

EXPORT void *malloc(size_t size)
{
    return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
    return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

EXPORT int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    *ret_memory =
        allocation_fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
    return *ret_memory ? 0 : ENOMEM;
}

/* ---- the journal's disk */

static bool is_journal(int fd)
{
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0)
        return false;
    path[size] = '\0';
    return strstr(path, "/outbox.db") != NULL;
}

static bool call_fails(int fd)
{
    if (!page || !is_journal(fd))
        return false;
    long count = atomic_fetch_add(&page->calls, 1) + 1;
    long first = atomic_load(&page->fail_call);
    if (first == 0 || count < first || count >= first + atomic_load(&page->fail_calls))
        return false;
    errno = (int)atomic_load(&page->call_errno);
    return true;
}

static bool sync_fails(int fd)
{
    long delay_ms = page ? atomic_load(&page->sync_delay_ms) : 0;
    if (delay_ms > 0 && is_journal(fd))
        nanosleep(
            &(struct timespec){.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000},
            NULL);
    return call_fails(fd);
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
    return call_fails(fd) ? -1 : syscall(SYS_write, fd, data, size);
}

EXPORT ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
    return call_fails(fd) ? -1 : syscall(SYS_pread64, fd, data, size, at);
}

EXPORT ssize_t pread(int fd, void *data, size_t size, off_t at)
{
    return pread64(fd, data, size, at);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return call_fails(fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return pwrite64(fd, data, size, at);
}

EXPORT int ftruncate64(int fd, off64_t size)
{
    return call_fails(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

EXPORT int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

EXPORT int fsync(int fd)
{
    return sync_fails(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd)
{
    return sync_fails(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

/* ---- the wall clock */

EXPORT int clock_gettime(clockid_t id, struct timespec *ret_time)
{
    int r = (int)syscall(SYS_clock_gettime, id, ret_time);
    if (r == 0 && id == CLOCK_REALTIME && page)
        ret_time->tv_sec += atomic_load(&page->clock_offset_s);
    return r;
}

EXPORT time_t time(time_t *ret_time)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}

EXPORT int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

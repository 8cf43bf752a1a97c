#include "base/log.h"

#include "base/clock.h"
#include "base/log_repeat.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static _Atomic int log_threshold = LOG_LEVEL_INFO;
static struct log_repeats repeats;
static atomic_flag repeats_busy = ATOMIC_FLAG_INIT;

static const struct {
    const char *name;
    int syslog_priority;
} log_levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

bool log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof log_levels / sizeof log_levels[0]; i++) {
        if (!strcmp(name, log_levels[i].name)) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_level(enum log_level level)
{
    log_threshold = (int)level;
}

bool log_is_due(uint64_t count)
{
    return (count & (count - 1)) == 0;
}

/* What came over the network must not forge a second line. */
static void write_line(enum log_level level, const char *text)
{
    char line[LINE_MAX_BYTES + 64];
    int used;
    if (getenv("JOURNAL_STREAM")) {
        used = snprintf(line, sizeof line, "<%d>%s", log_levels[level].syslog_priority, text);
    } else {
        char now[CLOCK_RFC3339_MAX];
        clock_format_rfc3339(clock_realtime_ns(), now);
        used = snprintf(line, sizeof line, "%s %s: %s", now, log_levels[level].name, text);
    }
    for (int i = 0; i < used; i++) {
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' ';
    }
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)used);
    (void)ignored; /* nobody is left to be told */
}

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&repeats_busy, memory_order_acquire))
        ;
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&repeats_busy, memory_order_release);
}

/* An audit trail has no holes. */
static bool may_pass(enum log_level level, const char *text)
{
    if (level > LOG_LEVEL_WARNING || !strncmp(text, "audit:", 6))
        return true;
    lock();
    bool pass = log_repeat_pass(&repeats, (int)level, text, clock_monotonic_ns());
    unlock();
    return pass;
}

void log_tick(void)
{
    struct log_repeat line;
    for (bool more = true; more;) {
        lock();
        more = log_repeat_take(&repeats, clock_monotonic_ns(), &line);
        unlock();
        if (!more)
            return;
        char text[LINE_MAX_BYTES];
        snprintf(text, sizeof text, "suppressed %llu times within a minute: %s",
                 (unsigned long long)line.suppressed, line.text);
        write_line((enum log_level)line.level, text);
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    if ((int)level > log_threshold)
        return;
    char text[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_tick();
    if (may_pass(level, text))
        write_line(level, text);
}

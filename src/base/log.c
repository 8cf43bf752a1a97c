#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic int log_threshold = LOG_LEVEL_INFO;

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

void log_line(enum log_level level, const char *format, ...)
{
    if ((int)level > log_threshold)
        return;
    char line[1024];
    int used;
    if (getenv("JOURNAL_STREAM")) {
        used = snprintf(line, sizeof line, "<%d>", log_levels[level].syslog_priority);
    } else {
        char now[CLOCK_RFC3339_MAX];
        clock_format_rfc3339(clock_realtime_ns(), now);
        used = snprintf(line, sizeof line, "%s %s: ", now, log_levels[level].name);
    }
    va_list args;
    va_start(args, format);
    used += vsnprintf(line + used, sizeof line - (size_t)used, format, args);
    va_end(args);
    if (used > (int)sizeof line - 2)
        used = (int)sizeof line - 2;
    /* What came over the network must not forge a second line. */
    for (int i = 0; i < used; i++) {
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' ';
    }
    line[used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)used);
    (void)ignored; /* nobody is left to be told */
}

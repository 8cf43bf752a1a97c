/*
 * log: lines for the journal or a terminal, on stderr. Only the programs call this.
 *
 * Under systemd (JOURNAL_STREAM is set) a line starts with the syslog priority ("<4>") and has no
 * time of its own; elsewhere it starts with a UTC time and the level's name. Of the same warning or
 * error five are written within a minute, and then how many more there were (log_repeat.h). Thread:
 * any; a line is one write(2).
 */
#ifndef ARMWATCH_BASE_LOG_H
#define ARMWATCH_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Parses "error", "warning", "info" or "debug"; false if it is none of them. */
bool log_level_parse(const char *name, enum log_level *ret_level);
void log_set_level(enum log_level level);
/* Whether the count-th of the same lines is to be logged: the 1st, 2nd, 4th, 8th ... What is wrong
 * at a source is wrong ten times a second. */
bool log_is_due(uint64_t count);
/* Now and then: tells of lines that were suppressed. */
void log_tick(void);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t clock_read(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_boottime_ns(void)
{
    return clock_read(CLOCK_BOOTTIME);
}

int64_t clock_realtime_ns(void)
{
    return clock_read(CLOCK_REALTIME);
}

/* value: not negative */
static void put_digits(char *text, int digits, int value)
{
    while (digits-- > 0) {
        text[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* Once for every score, so without strftime and printf. */
void clock_format_rfc3339(int64_t time_ns, char ret_text[CLOCK_RFC3339_MAX])
{
    int64_t ms = time_ns / CLOCK_NS_PER_MS;
    if (time_ns % CLOCK_NS_PER_MS < 0)
        ms--;
    time_t seconds = (time_t)(ms / 1000);
    int rest = (int)(ms % 1000);
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    struct tm tm;
    gmtime_r(&seconds, &tm);
    memcpy(ret_text, "0000-00-00T00:00:00.000Z", sizeof "0000-00-00T00:00:00.000Z");
    put_digits(ret_text, 4, tm.tm_year + 1900);
    put_digits(ret_text + 5, 2, tm.tm_mon + 1);
    put_digits(ret_text + 8, 2, tm.tm_mday);
    put_digits(ret_text + 11, 2, tm.tm_hour);
    put_digits(ret_text + 14, 2, tm.tm_min);
    put_digits(ret_text + 17, 2, tm.tm_sec);
    put_digits(ret_text + 20, 3, rest);
}

/* Reads exactly `digits` decimal digits; -1 if there are fewer. */
static int read_digits(const char **cursor, const char *end, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (*cursor == end || **cursor < '0' || **cursor > '9')
            return -1;
        value = value * 10 + (*(*cursor)++ - '0');
    }
    return value;
}

static bool skip_char(const char **cursor, const char *end, const char *allowed)
{
    if (*cursor == end)
        return false;
    while (*allowed && *allowed != **cursor)
        allowed++;
    bool there = *allowed != '\0';
    *cursor += there;
    return there;
}

/* The fraction behind a dot, in nanoseconds; digits past the ninth are cut. */
static bool read_fraction(const char **cursor, const char *end, int64_t *ret_ns)
{
    int64_t unit = CLOCK_NS_PER_S / 10;
    const char *start = *cursor;
    *ret_ns = 0;
    while (*cursor < end && **cursor >= '0' && **cursor <= '9') {
        *ret_ns += (*(*cursor)++ - '0') * unit;
        unit /= 10;
    }
    return *cursor > start;
}

static bool read_offset(const char **cursor, const char *end, int *ret_seconds)
{
    *ret_seconds = 0;
    if (skip_char(cursor, end, "Zz"))
        return true;
    if (*cursor == end || (**cursor != '+' && **cursor != '-'))
        return false;
    int sign = *(*cursor)++ == '-' ? -1 : 1;
    int hours = read_digits(cursor, end, 2);
    if (hours < 0 || hours > 23 || !skip_char(cursor, end, ":"))
        return false;
    int minutes = read_digits(cursor, end, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Before the first of this year, from the year 1 on. */
static int leap_days(int year)
{
    int last = year - 1;
    return last / 4 - last / 100 + last / 400;
}

/* What timegm says, without its looking after time zones and locks. */
static int64_t seconds_since_1970(const struct tm *tm)
{
    static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int year = tm->tm_year + 1900;
    int64_t days = 365 * (year - 1970) + leap_days(year) - leap_days(1970) +
                   days_before[tm->tm_mon] + (tm->tm_mon > 1 && is_leap(year)) + tm->tm_mday - 1;
    return ((days * 24 + tm->tm_hour) * 60 + tm->tm_min) * 60 + tm->tm_sec;
}

bool clock_parse_rfc3339(const char *text, size_t length, int64_t *ret_time_ns)
{
    const char *cursor = text, *end = text + length;
    int year = read_digits(&cursor, end, 4);
    bool ok = skip_char(&cursor, end, "-");
    int month = read_digits(&cursor, end, 2);
    ok = ok && skip_char(&cursor, end, "-");
    int day = read_digits(&cursor, end, 2);
    ok = ok && skip_char(&cursor, end, "Tt ");
    int hour = read_digits(&cursor, end, 2);
    ok = ok && skip_char(&cursor, end, ":");
    int minute = read_digits(&cursor, end, 2);
    ok = ok && skip_char(&cursor, end, ":");
    int second = read_digits(&cursor, end, 2);
    if (!ok || year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60)
        return false;
    int64_t fraction_ns = 0;
    if (skip_char(&cursor, end, ".") && !read_fraction(&cursor, end, &fraction_ns))
        return false;
    int offset_s;
    if (!read_offset(&cursor, end, &offset_s) || cursor != end)
        return false;
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    *ret_time_ns = (seconds_since_1970(&tm) - offset_s) * CLOCK_NS_PER_S + fraction_ns;
    return true;
}

bool clock_parse_duration(const char *text, int64_t *ret_duration_ns)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1},   {"s", 1},    {"ms", 1e-3}, {"min", 60},
                 {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *rest;
    double value = strtod(text, &rest);
    if (rest == text || !isfinite(value) || value < 0)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double ns = value * units[i].seconds * 1e9;
        if (!strcmp(rest, units[i].name) && ns < 9e18) {
            *ret_duration_ns = (int64_t)ns;
            return true;
        }
    }
    return false;
}

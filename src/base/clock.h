/*
 * clock: the two clocks and the text form of time.
 *
 * Units: int64 nanoseconds; wall time counts from the Unix epoch. Sample time is always an argument
 * in the pipeline, never read from here.
 */
#ifndef ARMWATCH_BASE_CLOCK_H
#define ARMWATCH_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_NS_PER_S INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)
#define CLOCK_RFC3339_MAX 40

int64_t clock_monotonic_ns(void);
int64_t clock_realtime_ns(void);
/* As the monotonic one, but it goes on while the host is suspended. */
int64_t clock_boottime_ns(void);

/* Formats as "2026-11-23T17:00:00.123Z" (milliseconds, rounded down). */
void clock_format_rfc3339(int64_t time_ns, char ret_text[CLOCK_RFC3339_MAX]);

/* Parses RFC 3339 ("T" or a space, any number of fraction digits, "Z" or a numeric offset; a text
 * without an offset is refused). Years 1970 to 2261. Returns false when the text is anything else.
 */
bool clock_parse_rfc3339(const char *text, size_t length, int64_t *ret_time_ns);

/* Parses a duration: a number with s (or nothing), ms, min, h or d: "90", "1.5h". Units: ns. */
bool clock_parse_duration(const char *text, int64_t *ret_duration_ns);

#endif

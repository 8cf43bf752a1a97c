/*
 * log_repeat: which lines of a log are the same again, so that a journal is not filled with one.
 *
 * Of the same line LOG_REPEAT_BURST are written within LOG_REPEAT_NS; those that follow are
 * counted, and told as one when the time is over. LOG_REPEAT_LINES are remembered; a line for which
 * there is no place is written. All zeros is a start. now_ns: monotonic. Thread: one at a time.
 */
#ifndef ARMWATCH_BASE_LOG_REPEAT_H
#define ARMWATCH_BASE_LOG_REPEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_REPEAT_BURST 5
#define LOG_REPEAT_NS INT64_C(60000000000)
#define LOG_REPEAT_LINES 16
#define LOG_REPEAT_TEXT_MAX 256

struct log_repeats {
    struct log_repeat {
        uint64_t hash;
        int64_t since_ns; /* of the first; 0: free */
        unsigned written;
        uint64_t suppressed;
        int level;
        char text[LOG_REPEAT_TEXT_MAX]; /* its beginning */
    } line[LOG_REPEAT_LINES];
};

/* Whether a line is to be written. */
bool log_repeat_pass(struct log_repeats *repeats, int level, const char *text, int64_t now_ns);

/* A line that was suppressed, and whose time is over; it is forgotten. False: there is none. */
bool log_repeat_take(struct log_repeats *repeats, int64_t now_ns, struct log_repeat *ret_line);

#endif

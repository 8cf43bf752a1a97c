/*
 * span: text that is borrowed from something longer. Thread: any.
 */
#ifndef ARMWATCH_SPARKPLUG_SPAN_H
#define ARMWATCH_SPARKPLUG_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct sparkplug_span {
    const char *text; /* not terminated; NULL if there is none */
    size_t length;
};

struct sparkplug_span sparkplug_span_of(const char *text);
bool sparkplug_span_same(struct sparkplug_span a, struct sparkplug_span b);
bool sparkplug_span_begins(struct sparkplug_span span, const char *prefix);
/* As strcmp. */
int sparkplug_span_compare(struct sparkplug_span a, struct sparkplug_span b);

/* Whether it is UTF-8 without NUL. */
bool sparkplug_span_is_text(struct sparkplug_span span);
/* Whether it is text of 1 to max_length bytes without control characters. */
bool sparkplug_span_is_name(struct sparkplug_span span, size_t max_length);

#endif

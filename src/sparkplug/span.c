#include "sparkplug/span.h"

#include "base/utf8.h"

#include <string.h>

struct sparkplug_span sparkplug_span_of(const char *text)
{
    return (struct sparkplug_span){.text = text, .length = strlen(text)};
}

int sparkplug_span_compare(struct sparkplug_span a, struct sparkplug_span b)
{
    size_t both = a.length < b.length ? a.length : b.length;
    int order = both ? memcmp(a.text, b.text, both) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

bool sparkplug_span_same(struct sparkplug_span a, struct sparkplug_span b)
{
    return a.length == b.length && sparkplug_span_compare(a, b) == 0;
}

bool sparkplug_span_begins(struct sparkplug_span span, const char *prefix)
{
    size_t length = strlen(prefix);
    return span.length >= length && memcmp(span.text, prefix, length) == 0;
}

/* least: the lowest byte that may stand in it. */
static bool is_utf8(struct sparkplug_span span, unsigned char least)
{
    for (size_t i = 0; i < span.length;) {
        unsigned char c = (unsigned char)span.text[i];
        size_t length = utf8_sequence(span.text + i, span.length - i);
        if (length == 0 || c < least)
            return false;
        i += length;
    }
    return true;
}

bool sparkplug_span_is_text(struct sparkplug_span span)
{
    return is_utf8(span, 1);
}

bool sparkplug_span_is_name(struct sparkplug_span span, size_t max_length)
{
    return span.length > 0 && span.length <= max_length && is_utf8(span, ' ') &&
           !memchr(span.text, 0x7f, span.length);
}

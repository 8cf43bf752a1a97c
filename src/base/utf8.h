/*
 * utf8: text as others will take it. Thread: any.
 */
#ifndef ARMWATCH_BASE_UTF8_H
#define ARMWATCH_BASE_UTF8_H

#include <stddef.h>

/* Length of the UTF-8 sequence at `text`, or 0 if there is no valid one (RFC 3629: no overlong
 * forms, no surrogates, nothing above U+10FFFF). length: of what there is, 1 or more. */
size_t utf8_sequence(const char *text, size_t length);

#endif

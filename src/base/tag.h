/*
 * tag: one named signal's value as a message brings it, before it is a channel's number.
 *
 * What plants send is not always a number: a mode is a word, an override is 100, a stop is true.
 * Memory: the text is borrowed from the message that it came with.
 */
#ifndef ARMWATCH_BASE_TAG_H
#define ARMWATCH_BASE_TAG_H

#include <stdbool.h>

enum tag_type { TAG_NULL, TAG_NUMBER, TAG_BOOL, TAG_TEXT };

struct tag {
    enum tag_type type;
    double number;    /* TAG_NUMBER: may be NaN or infinite; TAG_BOOL: 0 or 1 */
    const char *text; /* TAG_TEXT: UTF-8, terminated */
};

#endif

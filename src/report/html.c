#include "report/html.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void html_deinit(struct html *html)
{
    free(html->text);
    *html = (struct html){0};
}

/* Room for `more` bytes and the 0 behind them. */
static bool reserve(struct html *html, size_t more)
{
    if (html->failed)
        return false;
    if (more < html->capacity - html->size)
        return true;
    size_t capacity = html->capacity > 0 ? html->capacity : 16384;
    while (capacity - html->size <= more)
        capacity *= 2;
    char *text = realloc(html->text, capacity);
    if (!text) {
        html->failed = true;
        return false;
    }
    html->text = text;
    html->capacity = capacity;
    return true;
}

static void append(struct html *html, const char *bytes, size_t count)
{
    if (!reserve(html, count))
        return;
    memcpy(html->text + html->size, bytes, count);
    html->size += count;
    html->text[html->size] = '\0';
}

void html_raw(struct html *html, const char *markup)
{
    append(html, markup, strlen(markup));
}

void html_put(struct html *html, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        html->failed = true;
        return;
    }
    append(html, text, (size_t)length);
    free(text);
}

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? REPLACEMENT : NULL;
    }
}

void html_text(struct html *html, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = utf8_sequence(text, left);
        const char *instead = length > 0 ? entity((unsigned char)*text) : REPLACEMENT;
        if (instead)
            html_raw(html, instead);
        else
            append(html, text, length);
        length = length > 0 ? length : 1;
        text += length;
        left -= length;
    }
}

void html_vtextf(struct html *html, const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) {
        html->failed = true;
        return;
    }
    html_text(html, text);
    free(text);
}

void html_textf(struct html *html, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    html_vtextf(html, format, args);
    va_end(args);
}

void html_element(struct html *html, const char *name, const char *class, const char *text)
{
    html_put(html, class ? "<%s class=\"%s\">" : "<%s>", name, class);
    html_text(html, text);
    html_put(html, "</%s>", name);
}

int html_take(struct html *html, char **ret_text, size_t *ret_size)
{
    if (html->failed || !reserve(html, 0)) {
        html_deinit(html);
        return -ENOMEM;
    }
    html->text[html->size] = '\0';
    *ret_text = html->text;
    *ret_size = html->size;
    *html = (struct html){0};
    return 0;
}

/*
 * html: a text of markup that grows, and what has to be escaped in it.
 *
 * Names come from files and from the command line: they go through html_text, which also replaces
 * what is not UTF-8 or a control character. Markup is well-formed XML, so that a test can check
 * its nesting.
 *
 * Memory: html_deinit, unless html_take has taken the text.
 * Errors: when memory runs out, `failed` stays set and everything after it is ignored, so only
 * html_take has to be checked.
 */
#ifndef ARMWATCH_REPORT_HTML_H
#define ARMWATCH_REPORT_HTML_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct html {
    char *text; /* ends with a 0 that `size` does not count */
    size_t size, capacity;
    bool failed;
};

void html_deinit(struct html *html);

/* Markup as it stands: of the program's own, never of the data. */
void html_raw(struct html *html, const char *markup);
/* The same with numbers and constants of the program put in. */
void html_put(struct html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Any text, escaped for content and for a quoted attribute. */
void html_text(struct html *html, const char *text);
void html_textf(struct html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));
void html_vtextf(struct html *html, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* <name class="...">text</name>; class NULL: none. */
void html_element(struct html *html, const char *name, const char *class, const char *text);

/* Hands the text over; `html` is empty then. Errors: -ENOMEM. */
int html_take(struct html *html, char **ret_text, size_t *ret_size);

#endif

/*
 * http_page: the files of the page, built into the program: page/embed.py makes the table of what
 * page/meson.build lists.
 */
#ifndef ARMWATCH_DAEMON_HTTP_PAGE_H
#define ARMWATCH_DAEMON_HTTP_PAGE_H

#include <stddef.h>

struct http_page_file {
    const char *path; /* "/page.css" */
    const char *type;
    const char *etag; /* quoted; made of the content */
    const unsigned char *data;
    size_t size;
};

extern const struct http_page_file http_page_files[];
extern const size_t http_page_file_count;

#endif

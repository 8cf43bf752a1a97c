/*
 * http_cache: answers that are as good as new, so that fifty open pages cost one rendering.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_HTTP_CACHE_H
#define ARMWATCH_DAEMON_HTTP_CACHE_H

#include "base/name.h"

#include <stddef.h>
#include <stdint.h>

#define HTTP_CACHE_ENTRIES 32
#define HTTP_CACHE_NS 500000000LL /* so old an answer may be */

struct MHD_Response;

struct http_cache {
    struct http_cache_entry {
        const char *path; /* static; NULL: free */
        char name[NAME_MAX_LENGTH + 1];
        int64_t made_ns;
        struct MHD_Response *response;
    } entry[HTTP_CACHE_ENTRIES];
};

/* NULL: there is none that is new enough. Borrowed. */
struct MHD_Response *http_cache_find(const struct http_cache *cache, const char *path,
                                     const char *name, int64_t now_ns);
/* The response is kept besides its owner. */
void http_cache_put(struct http_cache *cache, const char *path, const char *name,
                    struct MHD_Response *response, int64_t now_ns);
/* Lets go of what is too old; of everything with INT64_MAX. */
void http_cache_expire(struct http_cache *cache, int64_t now_ns);

#endif

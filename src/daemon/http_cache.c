#include "daemon/http_cache.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

struct MHD_Response *http_cache_find(const struct http_cache *cache, const char *path,
                                     const char *name, int64_t now_ns)
{
    for (size_t i = 0; i < HTTP_CACHE_ENTRIES; i++) {
        const struct http_cache_entry *entry = &cache->entry[i];
        if (entry->path && !strcmp(entry->path, path) && !strcmp(entry->name, name))
            return now_ns - entry->made_ns < HTTP_CACHE_NS ? entry->response : NULL;
    }
    return NULL;
}

static void clear(struct http_cache_entry *entry)
{
    if (entry->path)
        MHD_destroy_response(entry->response);
    *entry = (struct http_cache_entry){0};
}

void http_cache_put(struct http_cache *cache, const char *path, const char *name,
                    struct MHD_Response *response, int64_t now_ns)
{
    struct http_cache_entry *place = &cache->entry[0];
    for (size_t i = 0; i < HTTP_CACHE_ENTRIES; i++) {
        struct http_cache_entry *entry = &cache->entry[i];
        if (entry->path && !strcmp(entry->path, path) && !strcmp(entry->name, name)) {
            place = entry;
            break;
        }
        if (!entry->path ? place->path != NULL : place->path && entry->made_ns < place->made_ns)
            place = entry;
    }
    clear(place);
    place->path = path;
    snprintf(place->name, sizeof place->name, "%s", name);
    place->made_ns = now_ns;
    place->response = response;
}

void http_cache_expire(struct http_cache *cache, int64_t now_ns)
{
    for (size_t i = 0; i < HTTP_CACHE_ENTRIES; i++) {
        if (cache->entry[i].path && now_ns - cache->entry[i].made_ns >= HTTP_CACHE_NS)
            clear(&cache->entry[i]);
    }
}

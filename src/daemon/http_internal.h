/*
 * http_internal: what http.c (the connections) and http_answer.c (the answers) share.
 */
#ifndef ARMWATCH_DAEMON_HTTP_INTERNAL_H
#define ARMWATCH_DAEMON_HTTP_INTERNAL_H

#include "config/listen.h"
#include "daemon/http.h"
#include "daemon/http_budget.h"
#include "daemon/http_cache.h"

#include <microhttpd.h>

/* What answers are counted by. */
enum http_count {
    HTTP_COUNT_OK,
    HTTP_COUNT_NOT_MODIFIED,
    HTTP_COUNT_BAD_REQUEST,
    HTTP_COUNT_FORBIDDEN,
    HTTP_COUNT_NOT_FOUND,
    HTTP_COUNT_METHOD,
    HTTP_COUNT_UNAVAILABLE,
    HTTP_COUNTS
};

struct http_peer {
    struct MHD_Connection *connection; /* NULL: free */
    int64_t since_ns;                  /* monotonic: its start, or the end of its last request */
};

struct http {
    uv_loop_t *loop;
    struct service *service; /* borrowed */
    struct listen_address listen;
    struct MHD_Daemon *mhd; /* NULL: it does not listen */
    uv_poll_t poll;
    uv_timer_t timer;
    bool polled; /* the poll handle exists */
    unsigned handles;
    char url[96];
    int64_t next_try_ns;
    uint64_t failures;
    size_t peers, peers_max;
    struct http_peer *peer; /* [peers_max] */
    struct http_cache cache;
    struct http_budget budget;
    int64_t busy_ns;
    uint64_t requests[HTTP_COUNTS];
};

/* MHD_AccessHandlerCallback, with the http as its cls. */
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                const char *method, const char *version, const char *body,
                                size_t *body_size, void **request);

#endif

/*
 * http: metrics, health and the operator's page over HTTP, on the daemon's loop.
 *
 * GET and HEAD only: no request changes anything. Bounded: connections, memory of each, time
 * without a whole request, and the share of the loop's time that all of it may take
 * (http_budget.h). A port that cannot be had is no reason not to watch robots: the service is
 * degraded, and it is tried again. docs/http.md has paths and contents. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_HTTP_H
#define ARMWATCH_DAEMON_HTTP_H

#include "base/diag.h"
#include "base/json.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http;
struct service;

/* Listens where service->config says; *ret_http is NULL where that is "off". Errors: -ENOMEM. */
int http_start(uv_loop_t *loop, struct service *service, struct http **ret_http);

/* Closes everything; the loop has to turn once more. NULL is allowed. */
void http_stop(struct http *http);

/* Now and then: tries again to listen, ends connections that have taken too long. now_ns:
 * monotonic. */
void http_tick(struct http *http, int64_t now_ns);

/* The rest takes NULL for one that is off. */
bool http_failing(const struct http *http);
/* "http": where it is served, or null. */
void http_add_url(const struct http *http, cJSON *object);
size_t http_count_connections(const struct http *http);
double http_busy_s(const struct http *http);
/* Requests by status. */
void http_print_metrics(const struct http *http, struct text *out);

#endif

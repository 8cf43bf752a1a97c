/*
 * A request is refused before a body could come (no request has one); then the connection ends, so
 * that nothing that was sent as a body is read as a request.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/exposition.h"
#include "daemon/http_host.h"
#include "daemon/http_internal.h"
#include "daemon/http_page.h"
#include "daemon/page_api.h"
#include "daemon/service.h"
#include "daemon/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JSON_TYPE "application/json"
#define NO_STORE "no-store"

/* ---- what every answer has ---- */

/* Nothing but what this server sends is loaded, run or spoken to; nobody frames it. */
static const char *const headers[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

/* NULL: out of memory. */
static struct MHD_Response *finish(struct MHD_Response *response, const char *type,
                                   const char *caching)
{
    bool good = response != NULL;
    for (size_t i = 0; good && i < sizeof headers / sizeof headers[0]; i++)
        good = MHD_add_response_header(response, headers[i][0], headers[i][1]) == MHD_YES;
    good = good && MHD_add_response_header(response, "Cache-Control", caching) == MHD_YES &&
           (!type || MHD_add_response_header(response, "Content-Type", type) == MHD_YES);
    if (good || !response)
        return response;
    MHD_destroy_response(response);
    return NULL;
}

/* The text is taken; NULL: out of memory. */
static struct MHD_Response *make(char *text, size_t size, const char *type)
{
    if (!text)
        return NULL;
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(size, text, free);
    if (!response)
        free(text);
    return finish(response, type, NO_STORE);
}

static const struct {
    unsigned status;
    const char *error; /* NULL: no error */
} counts[HTTP_COUNTS] = {
    [HTTP_COUNT_OK] = {MHD_HTTP_OK, NULL},
    [HTTP_COUNT_NOT_MODIFIED] = {MHD_HTTP_NOT_MODIFIED, NULL},
    [HTTP_COUNT_BAD_REQUEST] = {MHD_HTTP_BAD_REQUEST, "bad_request"},
    [HTTP_COUNT_FORBIDDEN] = {MHD_HTTP_FORBIDDEN, "forbidden"},
    [HTTP_COUNT_NOT_FOUND] = {MHD_HTTP_NOT_FOUND, "not_found"},
    [HTTP_COUNT_METHOD] = {MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed"},
    [HTTP_COUNT_UNAVAILABLE] = {MHD_HTTP_SERVICE_UNAVAILABLE, "unavailable"},
};

void http_print_metrics(const struct http *http, struct text *out)
{
    const char *name = "armwatch_http_requests_total";
    exposition_family(out, name, EXPOSITION_COUNTER, "HTTP requests by the status of the answer.");
    for (size_t c = 0; http && c < HTTP_COUNTS; c++) {
        char status[8];
        snprintf(status, sizeof status, "%u", counts[c].status);
        const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {{"code", status}};
        exposition_sample(out, name, "", labels, (double)http->requests[c]);
    }
}

/* Without memory for an answer the connection ends: MHD_NO. */
static enum MHD_Result queue(struct http *http, struct MHD_Connection *connection,
                             enum http_count count, struct MHD_Response *response)
{
    http->requests[count]++;
    return response ? MHD_queue_response(connection, counts[count].status, response) : MHD_NO;
}

/* One that is of no use to anybody else. */
static enum MHD_Result queue_own(struct http *http, struct MHD_Connection *connection,
                                 enum http_count count, struct MHD_Response *response)
{
    enum MHD_Result result = queue(http, connection, count, response);
    if (response)
        MHD_destroy_response(response);
    return result;
}

/* close: nothing more is read from this connection. */
static enum MHD_Result fail(struct http *http, struct MHD_Connection *connection,
                            enum http_count count, const char *message, bool close)
{
    struct text text = {0};
    size_t size;
    text_put(&text, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n", counts[count].error,
             message);
    char *data = text_take(&text, &size);
    struct MHD_Response *response = make(data, size, JSON_TYPE);
    if (response && count == HTTP_COUNT_METHOD)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    if (response && close)
        MHD_add_response_header(response, "Connection", "close");
    return queue_own(http, connection, count, response);
}

/* ---- what is asked for ---- */

static enum MHD_Result answer_metrics(struct http *http, struct MHD_Connection *connection,
                                      const char *path)
{
    int64_t now_ns = clock_monotonic_ns();
    struct MHD_Response *response = http_cache_find(&http->cache, path, "", now_ns);
    if (!response) {
        struct text text = {0};
        size_t size;
        telemetry_print(http->service, now_ns, &text);
        char *data = text_take(&text, &size);
        response = make(data, size, EXPOSITION_TYPE);
        if (response)
            http_cache_put(&http->cache, path, "", response, now_ns);
    }
    return queue(http, connection, HTTP_COUNT_OK, response);
}

static enum MHD_Result answer_health(struct http *http, struct MHD_Connection *connection,
                                     const char *path)
{
    bool works = true;
    char *text = page_health(http->service, clock_monotonic_ns(), &works);
    return queue_own(http, connection, works ? HTTP_COUNT_OK : HTTP_COUNT_UNAVAILABLE,
                     make(text, text ? strlen(text) : 0, JSON_TYPE));
}

static enum MHD_Result answer_overview(struct http *http, struct MHD_Connection *connection,
                                       const char *path)
{
    int64_t now_ns = clock_monotonic_ns();
    struct MHD_Response *response = http_cache_find(&http->cache, path, "", now_ns);
    if (!response) {
        char *text = page_overview(http->service, now_ns);
        response = make(text, text ? strlen(text) : 0, JSON_TYPE);
        if (response)
            http_cache_put(&http->cache, path, "", response, now_ns);
    }
    return queue(http, connection, HTTP_COUNT_OK, response);
}

static enum MHD_Result answer_robot(struct http *http, struct MHD_Connection *connection,
                                    const char *path)
{
    int64_t now_ns = clock_monotonic_ns();
    const char *name = NULL;
    size_t size = 0;
    if (MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, "name", 4, &name, &size) ==
            MHD_NO ||
        !name || strlen(name) != size || !name_valid(name))
        return fail(http, connection, HTTP_COUNT_BAD_REQUEST, "name=ROBOT is wanted: " NAME_RULE,
                    false);
    struct robot *robot = fleet_find(http->service->fleet, name);
    if (robot && robot->absent)
        robot = NULL;
    if (!robot)
        return fail(http, connection, HTTP_COUNT_NOT_FOUND, "no such robot", false);
    struct MHD_Response *response = http_cache_find(&http->cache, path, name, now_ns);
    if (!response) {
        char *text = page_robot(http->service, robot, now_ns);
        response = make(text, text ? strlen(text) : 0, JSON_TYPE);
        if (response)
            http_cache_put(&http->cache, path, name, response, now_ns);
    }
    return queue(http, connection, HTTP_COUNT_OK, response);
}

static const struct {
    const char *path;
    enum MHD_Result (*answer)(struct http *http, struct MHD_Connection *connection,
                              const char *path);
} routes[] = {
    {"/metrics", answer_metrics},
    {"/healthz", answer_health},
    {"/api/overview", answer_overview},
    {"/api/robot", answer_robot},
};

/* A list of tags, or "*". A weak one is as good. */
static bool has_tag(const char *list, const char *tag)
{
    return list && (strstr(list, tag) || !strcmp(list, "*"));
}

/* A browser asks each time whether it is still the same: a new version of the daemon has another
 * page. */
static enum MHD_Result answer_file(struct http *http, struct MHD_Connection *connection,
                                   const struct http_page_file *file)
{
    const char *known =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    bool same = has_tag(known, file->etag);
    struct MHD_Response *response =
        finish(MHD_create_response_from_buffer(same ? 0 : file->size, (void *)file->data,
                                               MHD_RESPMEM_PERSISTENT),
               same ? NULL : file->type, "no-cache");
    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, file->etag);
    return queue_own(http, connection, same ? HTTP_COUNT_NOT_MODIFIED : HTTP_COUNT_OK, response);
}

static enum MHD_Result route(struct http *http, struct MHD_Connection *connection, const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!strcmp(path, routes[i].path))
            return routes[i].answer(http, connection, routes[i].path);
    }
    const char *file = strcmp(path, "/") ? path : "/index.html";
    for (size_t i = 0; i < http_page_file_count; i++) {
        if (!strcmp(file, http_page_files[i].path))
            return answer_file(http, connection, &http_page_files[i]);
    }
    return fail(http, connection, HTTP_COUNT_NOT_FOUND, "no such page", false);
}

/* ---- before it is read ---- */

struct hosts {
    const char *host;
    size_t count;
};

static enum MHD_Result count_host(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct hosts *hosts = cls;
    if (!strcasecmp(key, MHD_HTTP_HEADER_HOST)) {
        hosts->host = value;
        hosts->count++;
    }
    return MHD_YES;
}

static bool has_header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name) != NULL;
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0")) ||
           has_header(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* NULL: nothing is wrong with it. Browsers have sent Host since HTTP/1.0; who leaves it out is
 * none. */
static const char *find_fault(struct http *http, struct MHD_Connection *connection,
                              const char *method, enum http_count *ret_count)
{
    struct hosts hosts = {0};
    *ret_count = HTTP_COUNT_METHOD;
    if (strcmp(method, "GET") && strcmp(method, "HEAD"))
        return "GET and HEAD only: no request changes anything";
    *ret_count = HTTP_COUNT_BAD_REQUEST;
    if (has_body(connection))
        return "a request has no body here";
    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_host, &hosts);
    if (hosts.count > 1)
        return "more than one Host";
    *ret_count = HTTP_COUNT_FORBIDDEN;
    if (hosts.count == 1 && !http_host_allowed(hosts.host ? hosts.host : "", &http->listen,
                                               &http->service->config->http.hosts))
        return "this Host is not served here; http.hosts allows more";
    return NULL;
}

enum MHD_Result http_on_request(void *cls, struct MHD_Connection *connection, const char *path,
                                const char *method, const char *version, const char *body,
                                size_t *body_size, void **request)
{
    struct http *http = cls;
    static char looked_at;
    if (*request)
        return route(http, connection, path);
    *request = &looked_at;
    enum http_count count;
    const char *fault = find_fault(http, connection, method, &count);
    return fault ? fail(http, connection, count, fault, true) : MHD_YES;
}

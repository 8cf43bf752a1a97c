/*
 * page_api: the JSON that the page asks for.
 *
 * Every function returns a text that free() releases, or NULL when memory is out. docs/http.md has
 * the members. now_ns: monotonic. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_PAGE_API_H
#define ARMWATCH_DAEMON_PAGE_API_H

#include "daemon/service.h"

#include <stdbool.h>
#include <stdint.h>

/* *ret_works: robots are being judged, as far as this daemon goes. */
char *page_health(struct service *service, int64_t now_ns, bool *ret_works);
char *page_overview(struct service *service, int64_t now_ns);
char *page_robot(struct service *service, struct robot *robot, int64_t now_ns);

#endif

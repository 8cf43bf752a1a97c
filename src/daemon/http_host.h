/*
 * http_host: whether a request means this server, by its Host.
 *
 * A page of somewhere else can make its own name stand for 127.0.0.1 and read what is served there
 * (DNS rebinding); its browser sends that name. Thread: any.
 */
#ifndef ARMWATCH_DAEMON_HTTP_HOST_H
#define ARMWATCH_DAEMON_HTTP_HOST_H

#include "config/config.h"
#include "config/listen.h"

#include <stdbool.h>

/* host: "NAME", "NAME:PORT", "[ADDRESS]:PORT"; the port does not count, it may have been forwarded.
 * Allowed are localhost, 127.0.0.1, [::1], the address that is listened on, and `more`. On another
 * address than the loopback's every name is, unless `more` has some. */
bool http_host_allowed(const char *host, const struct listen_address *listen,
                       const struct config_list *more);

#endif

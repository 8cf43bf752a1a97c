/*
 * listen: where the HTTP side listens: "127.0.0.1:9464", "[::1]:9464", "localhost:9464", or "off".
 *
 * An address, not a name: a name could come to mean another address, and to look it up would block.
 * Port 0 is a free one. Plain. Thread: any.
 */
#ifndef ARMWATCH_CONFIG_LISTEN_H
#define ARMWATCH_CONFIG_LISTEN_H

#include "base/diag.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#define LISTEN_HOST_MAX INET6_ADDRSTRLEN

struct listen_address {
    bool off;
    bool loopback;              /* nobody but this machine reaches it */
    char host[LISTEN_HOST_MAX]; /* numeric, without brackets */
    unsigned port;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size; /* of the address */
};

/* Errors: -EINVAL with what was found and what is allowed. */
int listen_parse(const char *text, struct listen_address *ret_address, struct diag *diag);

#endif

#include "config/listen.h"

#include <arpa/inet.h>
#include <string.h>

#define FORMS "127.0.0.1:9464, [::1]:9464, localhost:9464 or off"

/* The digits behind the last colon; false if they are no port. */
static bool parse_port(const char *digits, unsigned *ret_port)
{
    size_t length = strspn(digits, "0123456789");
    unsigned port = 0;
    if (length == 0 || length > 5 || digits[length])
        return false;
    for (size_t i = 0; i < length; i++)
        port = port * 10 + (unsigned)(digits[i] - '0');
    *ret_port = port;
    return port <= 65535;
}

static bool set_v4(struct listen_address *listen, const char *host)
{
    struct sockaddr_in *v4 = &listen->address.v4;
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
        return false;
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)listen->port);
    listen->size = sizeof *v4;
    listen->loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    inet_ntop(AF_INET, &v4->sin_addr, listen->host, sizeof listen->host);
    return true;
}

static bool set_v6(struct listen_address *listen, const char *host)
{
    struct sockaddr_in6 *v6 = &listen->address.v6;
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
        return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)listen->port);
    listen->size = sizeof *v6;
    listen->loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    inet_ntop(AF_INET6, &v6->sin6_addr, listen->host, sizeof listen->host);
    return true;
}

int listen_parse(const char *text, struct listen_address *ret_address, struct diag *diag)
{
    struct listen_address listen = {.off = !strcmp(text, "off")};
    if (listen.off) {
        *ret_address = listen;
        return 0;
    }
    char host[LISTEN_HOST_MAX + 2];
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;
    if (length == 0 || length >= sizeof host)
        return diag_set(diag, "\"%.80s\": must be ADDRESS:PORT, such as " FORMS, text);
    memcpy(host, text, length);
    host[length] = '\0';
    if (!parse_port(colon + 1, &listen.port))
        return diag_set(diag, "\"%.80s\": the port must be 0 to 65535; 0 is a free one", text);
    bool bracketed = host[0] == '[' && host[length - 1] == ']';
    if (bracketed)
        host[length - 1] = '\0';
    bool good = bracketed ? set_v6(&listen, host + 1)
                          : set_v4(&listen, strcmp(host, "localhost") ? host : "127.0.0.1");
    if (!good)
        return diag_set(diag, "\"%.80s\": must be a numeric address, such as " FORMS, text);
    *ret_address = listen;
    return 0;
}

/* An address to listen on in the first line, the Host of a request in the second. What is listened
 * on can be written down and read again; on the loopback no Host is allowed that does not spell one
 * of four names out, with or without brackets and a port. */
#include "daemon/http_host.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void check_address(const struct listen_address *listen)
{
    char text[LISTEN_HOST_MAX + 16];
    struct listen_address again;
    bool v6 = listen->address.any.sa_family == AF_INET6;
    FUZZ_CHECK(v6 || listen->address.any.sa_family == AF_INET);
    FUZZ_CHECK(*listen->host && listen->port <= 65535);
    snprintf(text, sizeof text, v6 ? "[%s]:%u" : "%s:%u", listen->host, listen->port);
    FUZZ_CHECK(listen_parse(text, &again, NULL) == 0);
    FUZZ_CHECK(again.size == listen->size && again.loopback == listen->loopback);
    FUZZ_CHECK(!memcmp(&again.address, &listen->address, listen->size));
}

/* What may follow the name: nothing, or a colon and five digits at most. */
static bool is_port(const char *rest)
{
    size_t length = strlen(rest);
    return length == 0 ||
           (rest[0] == ':' && length <= 6 && strspn(rest + 1, "0123456789") == length - 1);
}

static bool spells(const char *host, const char *name)
{
    size_t length = strlen(name);
    bool plain = !strncasecmp(host, name, length) && is_port(host + length);
    bool bracketed = host[0] == '[' && !strncasecmp(host + 1, name, length) &&
                     host[length + 1] == ']' && is_port(host + length + 2);
    return plain || bracketed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    char *host = strchr(text, '\n');
    host = host ? host : text + strlen(text);
    if (*host)
        *host++ = '\0';
    struct listen_address listen;
    struct diag diag = DIAG_INIT;
    const struct config_list none = {0};
    int r = listen_parse(text, &listen, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
    } else if (!listen.off) {
        check_address(&listen);
        bool allowed = http_host_allowed(host, &listen, &none);
        bool spelled = spells(host, "localhost") || spells(host, "127.0.0.1") ||
                       spells(host, "::1") || spells(host, listen.host);
        FUZZ_CHECK(!listen.loopback || !allowed || spelled);
        FUZZ_CHECK(!*host || strcmp(host, "localhost") != 0 || allowed);
    }
    free(text);
    return 0;
}

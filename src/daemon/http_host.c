#include "daemon/http_host.h"

#include <string.h>
#include <strings.h>

/* The name without port and brackets; false if it is none. */
static bool split(const char *host, const char **ret_name, size_t *ret_length)
{
    bool bracketed = *host == '[';
    const char *name = host + bracketed;
    size_t length = strcspn(name, bracketed ? "]" : ":");
    const char *rest = name + length;
    if (bracketed && *rest++ != ']')
        return false;
    if (*rest == ':') {
        size_t digits = strspn(++rest, "0123456789");
        if (digits > 5)
            return false;
        rest += digits;
    }
    *ret_name = name;
    *ret_length = length;
    return length > 0 && *rest == '\0';
}

static bool is_name(const char *name, size_t length, const char *other)
{
    return strlen(other) == length && !strncasecmp(name, other, length);
}

bool http_host_allowed(const char *host, const struct listen_address *listen,
                       const struct config_list *more)
{
    const char *const own[] = {"localhost", "127.0.0.1", "::1", listen->host};
    const char *name;
    size_t length;
    if (!split(host, &name, &length))
        return false;
    if (!listen->loopback && more->count == 0)
        return true;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (is_name(name, length, own[i]))
            return true;
    }
    for (size_t i = 0; i < more->count; i++) {
        if (is_name(name, length, more->item[i]))
            return true;
    }
    return false;
}

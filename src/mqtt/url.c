#include "mqtt/url.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

static const struct {
    const char *scheme;
    int port;
    bool tls;
    bool is_unix;
} url_schemes[] = {
    {"mqtt://", 1883, false, false},
    {"mqtts://", 8883, true, false},
    {"unix://", 0, false, true},
};

#define URL_FORMS "mqtt://host[:port], mqtts://host[:port] or unix:///path"

static int url_parse_unix(const char *text, const char *path, struct mqtt_url *url,
                          struct diag *diag)
{
    const size_t limit = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    size_t length = strlen(path);
    if (path[0] != '/' || length < 2)
        return diag_set(diag, "broker URL \"%.128s\": the socket's path must be absolute: %s", text,
                        URL_FORMS);
    if (length > limit)
        return diag_set(diag, "broker URL: the socket's path has %zu characters, at most %zu work",
                        length, limit);
    memcpy(url->host, path, length + 1);
    return 0;
}

/* ":port", "/" or nothing after the host. */
static int url_parse_port(const char *text, const char *rest, struct mqtt_url *url,
                          struct diag *diag)
{
    if (*rest == ':') {
        long port = 0;
        const char *digit = rest + 1;
        for (; isdigit((unsigned char)*digit) && port <= 65535; digit++)
            port = port * 10 + (*digit - '0');
        if (digit == rest + 1 || port < 1 || port > 65535)
            return diag_set(diag, "broker URL \"%.128s\": the port must be 1 to 65535", text);
        url->port = (int)port;
        rest = digit;
    }
    if (*rest == '/')
        rest++;
    if (*rest)
        return diag_set(diag, "broker URL \"%.128s\": \"%.64s\" after the host, allowed is %s",
                        text, rest, URL_FORMS);
    return 0;
}

static int url_parse_host(const char *text, const char *host, struct mqtt_url *url,
                          struct diag *diag)
{
    /* The text is not repeated here: it holds a secret. */
    if (strchr(host, '@'))
        return diag_set(diag, "broker URL: a user name or password in the URL is refused, "
                              "give the user name and a password file instead");
    bool bracketed = *host == '[';
    if (bracketed)
        host++;
    size_t length = strspn(host, bracketed ? "0123456789abcdefABCDEF:.%"
                                           : "0123456789abcdefghijklmnopqrstuvwxyz"
                                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._");
    if (bracketed) /* a zone's name follows the percent sign */
        length += strspn(host + length, "0123456789abcdefghijklmnopqrstuvwxyz-._");
    const char *rest = host + length;
    if (length == 0 || length >= sizeof url->host || (bracketed && *rest != ']'))
        return diag_set(diag, "broker URL \"%.128s\": no usable host name, allowed is %s", text,
                        URL_FORMS);
    memcpy(url->host, host, length);
    return url_parse_port(text, rest + bracketed, url, diag);
}

bool mqtt_url_same_scheme(const struct mqtt_url *a, const struct mqtt_url *b)
{
    return a->tls == b->tls && a->is_unix == b->is_unix;
}

int mqtt_url_parse(const char *text, struct mqtt_url *ret_url, struct diag *diag)
{
    for (size_t i = 0; i < sizeof url_schemes / sizeof url_schemes[0]; i++) {
        size_t length = strlen(url_schemes[i].scheme);
        if (strncasecmp(text, url_schemes[i].scheme, length))
            continue;
        struct mqtt_url url = {
            .port = url_schemes[i].port,
            .tls = url_schemes[i].tls,
            .is_unix = url_schemes[i].is_unix,
        };
        int r = url.is_unix ? url_parse_unix(text, text + length, &url, diag)
                            : url_parse_host(text, text + length, &url, diag);
        if (r == 0)
            *ret_url = url;
        return r;
    }
    if (strchr(text, '@'))
        return diag_set(diag, "broker URL: allowed is %s", URL_FORMS);
    return diag_set(diag, "broker URL \"%.128s\": allowed is %s", text, URL_FORMS);
}

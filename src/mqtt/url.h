/*
 * url: where a broker is: mqtt://host[:1883], mqtts://host[:8883], unix:///path/of/socket.
 */
#ifndef ARMWATCH_MQTT_URL_H
#define ARMWATCH_MQTT_URL_H

#include "base/diag.h"

#include <stdbool.h>

struct mqtt_url {
    char host[256]; /* name or address, without brackets; the path for unix */
    int port;       /* 0 for unix */
    bool tls;
    bool is_unix;
};

#define MQTT_URLS_MAX 8 /* nodes of one cluster */

/* One handle of the library is made for TLS, or not. */
bool mqtt_url_same_scheme(const struct mqtt_url *a, const struct mqtt_url *b);

/* Errors: -EINVAL with what is allowed. A user name or password in the URL is refused: secrets
 * stand in files. */
int mqtt_url_parse(const char *text, struct mqtt_url *ret_url, struct diag *diag);

#endif

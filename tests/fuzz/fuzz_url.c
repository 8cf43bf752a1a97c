/* A broker's URL. What was accepted can be written down and read again; what may hold a secret is
 * not repeated in a refusal. */
#include "fuzz.h"
#include "mqtt/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void check_accepted(const struct mqtt_url *url)
{
    FUZZ_CHECK(*url->host && memchr(url->host, '\0', sizeof url->host));
    FUZZ_CHECK(!url->is_unix || (url->host[0] == '/' && url->port == 0 && !url->tls));
    FUZZ_CHECK(url->is_unix || (url->port >= 1 && url->port <= 65535 && !strchr(url->host, '/')));
    char text[sizeof url->host + 32];
    bool bracket = strpbrk(url->host, ":%");
    if (url->is_unix)
        snprintf(text, sizeof text, "unix://%s", url->host);
    else
        snprintf(text, sizeof text, "%s://%s%s%s:%d", url->tls ? "mqtts" : "mqtt",
                 bracket ? "[" : "", url->host, bracket ? "]" : "", url->port);
    struct mqtt_url again;
    FUZZ_CHECK(mqtt_url_parse(text, &again, NULL) == 0);
    FUZZ_CHECK(!strcmp(again.host, url->host) && again.port == url->port);
    FUZZ_CHECK(again.tls == url->tls && again.is_unix == url->is_unix);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct mqtt_url url;
    struct diag diag = DIAG_INIT;
    int r = mqtt_url_parse(text, &url, &diag);
    if (r == 0)
        check_accepted(&url);
    else
        fuzz_check_refusal(r, &diag);
    /* Whatever is quoted from the text stands in quotation marks. */
    if (r < 0 && strchr(text, '@') && strncasecmp(text, "unix://", 7) != 0)
        FUZZ_CHECK(!strchr(diag.text, '"'));
    free(text);
    return 0;
}

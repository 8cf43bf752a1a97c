#include "daemon/lease_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lease_value_format(const struct lease_value *value, char *ret_text, size_t size)
{
    /* As a text: a number in JSON does not hold 64 bits. */
    snprintf(ret_text, size,
             "{\"instance\":\"%s\",\"since\":\"%s\",\"epoch\":%" PRIu64 ",\"most\":%" PRIu64
             ",\"nonce\":\"%016" PRIx64 "\"}",
             value->instance, value->since, value->epoch, value->most, value->nonce);
}

/* Behind `"key":`; NULL if it is not there. No text in these values has a quote in it. */
static const char *find(const char *text, const char *key)
{
    char mark[32];
    snprintf(mark, sizeof mark, "\"%s\":", key);
    const char *at = strstr(text, mark);
    if (!at)
        return NULL;
    at += strlen(mark);
    return at + strspn(at, " \t\r\n");
}

static void read_text(const char *text, const char *key, char *ret_text, size_t size)
{
    const char *at = find(text, key);
    size_t length = at && *at == '"' ? strcspn(at + 1, "\"") : 0;
    *ret_text = '\0';
    if (length > 0 && length < size) {
        memcpy(ret_text, at + 1, length);
        ret_text[length] = '\0';
    }
}

static uint64_t read_count(const char *text, const char *key)
{
    const char *at = find(text, key);
    return at ? strtoull(at, NULL, 10) : 0;
}

void lease_value_parse(const char *text, struct lease_value *ret_value)
{
    char nonce[20];
    *ret_value =
        (struct lease_value){.epoch = read_count(text, "epoch"), .most = read_count(text, "most")};
    read_text(text, "instance", ret_value->instance, sizeof ret_value->instance);
    read_text(text, "since", ret_value->since, sizeof ret_value->since);
    read_text(text, "nonce", nonce, sizeof nonce);
    ret_value->nonce = strtoull(nonce, NULL, 16);
    if (!name_valid(ret_value->instance))
        ret_value->instance[0] = '\0';
}

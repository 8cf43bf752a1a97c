#include "web.h"

#include "config/listen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

struct web web_of(const struct cell *cell)
{
    struct web web = {0};
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    const char *url = json_text(status, "http");
    if (sscanf(url, "http://[%63[^]]]:%d/", web.host, &web.port) != 2 &&
        sscanf(url, "http://%63[^:]:%d/", web.host, &web.port) != 2)
        fail_msg("http: %s", url);
    cJSON_Delete(status);
    return web;
}

int web_connect(const struct web *web)
{
    char text[80];
    struct listen_address at;
    snprintf(text, sizeof text, strchr(web->host, ':') ? "[%s]:%d" : "%s:%d", web->host, web->port);
    assert_int_equal(listen_parse(text, &at, NULL), 0);
    int fd = socket(at.address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    const struct timeval limit = {.tv_sec = (time_t)WEB_TIMEOUT_S * TIME_SCALE};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, &at.address.any, at.size) < 0)
        fail_msg("connect to %s: %s", text, strerror(errno));
    return fd;
}

/* Whoever is refused may not be listened to any more: that is no error here. */
void web_send(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

char *web_receive(int fd, size_t *ret_size)
{
    size_t size = 0, capacity = 4096;
    char *text = malloc(capacity);
    for (;;) {
        assert_non_null(text);
        ssize_t got = recv(fd, text + size, capacity - size - 1, 0);
        if (got < 0 && errno == EAGAIN)
            fail_msg("no answer within %d s", WEB_TIMEOUT_S * TIME_SCALE);
        if (got <= 0)
            break;
        size += (size_t)got;
        if (capacity - size < 2048)
            text = realloc(text, capacity *= 2);
    }
    text[size] = '\0';
    if (ret_size)
        *ret_size = size;
    return text;
}

char *web_exchange(const struct web *web, const char *bytes)
{
    int fd = web_connect(web);
    web_send(fd, bytes, strlen(bytes));
    char *text = web_receive(fd, NULL);
    close(fd);
    return text;
}

struct web_answer web_ask(const struct web *web, const char *method, const char *path,
                          const char *more)
{
    char request[2048];
    int length = snprintf(request, sizeof request,
                          "%s %s HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n%s\r\n",
                          method, path, web->port, more);
    assert_true(length < (int)sizeof request);
    int fd = web_connect(web);
    web_send(fd, request, (size_t)length);
    struct web_answer answer = {0};
    size_t size;
    answer.head = web_receive(fd, &size);
    close(fd);
    char *end = strstr(answer.head, "\r\n\r\n");
    if (!end || sscanf(answer.head, "HTTP/1.1 %d ", &answer.status) != 1)
        fail_msg("%s %s: no answer: \"%.200s\"", method, path, answer.head);
    end[2] = '\0';
    answer.body = end + 4;
    answer.size = size - (size_t)(answer.body - answer.head);
    return answer;
}

void web_answer_free(struct web_answer *answer)
{
    free(answer->head);
    *answer = (struct web_answer){0};
}

const char *web_header(const struct web_answer *answer, const char *name)
{
    static char value[1024];
    size_t length = strlen(name);
    for (const char *line = strchr(answer->head, '\n'); line; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, length) || line[length] != ':')
            continue;
        line += length + 1;
        line += strspn(line, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"), line);
        return value;
    }
    return NULL;
}

cJSON *web_json(const struct web *web, const char *path, int status)
{
    struct web_answer answer = web_ask(web, "GET", path, "");
    if (answer.status != status)
        fail_msg("%s: %d, expected %d: %.200s", path, answer.status, status, answer.body);
    assert_string_equal(web_header(&answer, "Content-Type"), "application/json");
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(answer.body, answer.size, &diag);
    if (!tree)
        fail_msg("%s: %s", path, diag.text);
    web_answer_free(&answer);
    return tree;
}

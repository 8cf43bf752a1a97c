/*
 * web: a client of the daemon's HTTP side that sends what it is told, byte by byte.
 *
 * Functions end the test where something cannot be had. Sockets are blocking; an answer that does
 * not come in time ends the test.
 */
#ifndef ARMWATCH_TESTS_WEB_H
#define ARMWATCH_TESTS_WEB_H

#include "cell.h"

#define WEB_TIMEOUT_S 30

struct web {
    char host[64]; /* numeric */
    int port;
};

struct web_answer {
    int status;
    char *head; /* with its status line; ends with a 0 */
    char *body;
    size_t size; /* of the body */
};

/* Where the daemon says that it listens, in its last status. */
struct web web_of(const struct cell *cell);

int web_connect(const struct web *web);
void web_send(int fd, const char *bytes, size_t size);
/* All that comes until the other side closes, ending with a 0; the caller frees. */
char *web_receive(int fd, size_t *ret_size);
/* Sends bytes on a connection of their own, and receives. The request has to be one after which the
 * server closes: wrong, or with "Connection: close". */
char *web_exchange(const struct web *web, const char *bytes);

/* "GET", "/metrics"; more: further lines of the head, each with its \r\n, or "". */
struct web_answer web_ask(const struct web *web, const char *method, const char *path,
                          const char *more);
void web_answer_free(struct web_answer *answer);
/* The value of a header, in static storage; NULL if it is not there. */
const char *web_header(const struct web_answer *answer, const char *name);

/* GET that must be answered with this status; the body as JSON, to be deleted by the caller. */
cJSON *web_json(const struct web *web, const char *path, int status);

#endif

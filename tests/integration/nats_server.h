/*
 * nats_server: a private nats-server with JetStream on free loopback ports, for one test.
 *
 * Everything it keeps is in a temporary directory that goes with it; it dies with the test program.
 * Functions end the test where a server cannot be had.
 */
#ifndef ARMWATCH_TESTS_NATS_SERVER_H
#define ARMWATCH_TESTS_NATS_SERVER_H

#include <stdbool.h>

struct nats_server;

bool nats_server_installed(void);

/* lines: more of its configuration, or NULL. */
struct nats_server *nats_server_new(const char *lines);
void nats_server_free(struct nats_server *server); /* NULL is allowed */

void nats_server_start(struct nats_server *server); /* again on the same ports, with what it kept */
void nats_server_kill(struct nats_server *server);
void nats_server_freeze(struct nats_server *server);
void nats_server_thaw(struct nats_server *server);

int nats_server_port(const struct nats_server *server);
const char *nats_server_url(const struct nats_server *server);
const char *nats_server_mqtt_url(const struct nats_server *server);

#endif

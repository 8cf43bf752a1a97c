/*
 * fake_broker: a TCP server on the test's loop that speaks just enough MQTT 5 to misbehave.
 */
#ifndef ARMWATCH_TESTS_FAKE_BROKER_H
#define ARMWATCH_TESTS_FAKE_BROKER_H

#include <uv.h>

enum fake_broker_mode {
    FAKE_SILENT,           /* accepts and never says a word */
    FAKE_RESET,            /* answers the first word with a reset */
    FAKE_JUNK,             /* answers everything with text */
    FAKE_JUNK_LATER,       /* accepts the client, then sends junk */
    FAKE_NO_ACKS,          /* a broker that acknowledges no message */
    FAKE_TAKEOVER,         /* accepts the client, then says that its session was taken over */
    FAKE_NO_SUBSCRIPTIONS, /* a broker that refuses every subscription with 0x87 */
};

struct fake_broker {
    uv_tcp_t server;
    enum fake_broker_mode mode;
    int port;
    unsigned accepted;
    char url[64], tls_url[64];
    unsigned char connect[256]; /* the first bytes of the last CONNECT */
    struct fake_peer *peers;
};

void fake_broker_start(struct fake_broker *fake, uv_loop_t *loop, enum fake_broker_mode mode);
/* Closes all its handles; they are gone after the next turn of the loop. */
void fake_broker_stop(struct fake_broker *fake);

#endif

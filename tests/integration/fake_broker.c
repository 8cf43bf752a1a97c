#include "fake_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fake_peer {
    uv_tcp_t tcp;
    struct fake_broker *fake;
    struct fake_peer *next;
    unsigned char input[4096];
    size_t used;
};

/* Longer than the packet that its first bytes announce. */
static const char junk[] = "220-mail.example.com Simple Mail Transfer Service Ready\r\n"
                           "220-We do not authorise the use of this system to transport\r\n"
                           "220 unsolicited, or bulk e-mail.\r\n";

static void on_written(uv_write_t *request, int status)
{
    free(request);
}

static void fake_send(struct fake_peer *peer, const void *bytes, size_t size)
{
    uv_write_t *request = malloc(sizeof *request + size);
    assert_non_null(request);
    memcpy(request + 1, bytes, size);
    uv_buf_t buffer = uv_buf_init((char *)(request + 1), (unsigned)size);
    if (uv_write(request, (uv_stream_t *)&peer->tcp, &buffer, 1, on_written) < 0)
        free(request);
}

static void fake_answer(struct fake_peer *peer, const unsigned char *packet, size_t size)
{
    static const unsigned char connack[] = {0x20, 0x03, 0, 0, 0}, pingresp[] = {0xd0, 0};
    switch (packet[0] >> 4) {
    case 1: /* CONNECT */
        memcpy(peer->fake->connect, packet,
               size < sizeof peer->fake->connect ? size : sizeof peer->fake->connect);
        fake_send(peer, connack, sizeof connack);
        if (peer->fake->mode == FAKE_JUNK_LATER)
            fake_send(peer, junk, sizeof junk);
        if (peer->fake->mode == FAKE_TAKEOVER)
            fake_send(peer, (unsigned char[]){0xe0, 2, 0x8e, 0}, 4);
        break;
    case 8: /* SUBSCRIBE; the packets of the tests have a one-byte length */
        if (peer->fake->mode == FAKE_NO_SUBSCRIPTIONS)
            fake_send(peer, (unsigned char[]){0x90, 4, packet[2], packet[3], 0, 0x87}, 6);
        break;
    case 12: /* PINGREQ */
        fake_send(peer, pingresp, sizeof pingresp);
        break;
    default:
        break;
    }
}

static void fake_parse(struct fake_peer *peer)
{
    size_t at = 0;
    for (;;) {
        size_t left = peer->used - at, length = 0, shift = 0, head = 1;
        const unsigned char *packet = peer->input + at;
        bool complete = false;
        for (; head < left && !complete; head++, shift += 7) {
            length |= (size_t)(packet[head] & 127) << shift;
            complete = packet[head] < 128;
        }
        if (!complete || left < head + length)
            break;
        fake_answer(peer, packet, head + length);
        at += head + length;
    }
    memmove(peer->input, peer->input + at, peer->used - at);
    peer->used -= at;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct fake_peer *peer = handle->data;
    *ret_buffer =
        uv_buf_init((char *)peer->input + peer->used, (unsigned)(sizeof peer->input - peer->used));
}

static void on_peer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void fake_forget(struct fake_peer *peer)
{
    struct fake_peer **link = &peer->fake->peers;
    while (*link != peer)
        link = &(*link)->next;
    *link = peer->next;
}

static void fake_drop(struct fake_peer *peer)
{
    fake_forget(peer);
    uv_close((uv_handle_t *)&peer->tcp, on_peer_closed);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct fake_peer *peer = stream->data;
    if (count < 0) {
        fake_drop(peer);
        return;
    }
    if (peer->fake->mode == FAKE_RESET) {
        fake_forget(peer);
        uv_tcp_close_reset(&peer->tcp, on_peer_closed);
        return;
    }
    if (peer->fake->mode == FAKE_SILENT)
        return; /* used stays 0 */
    if (peer->fake->mode == FAKE_JUNK) {
        fake_send(peer, junk, sizeof junk);
        return;
    }
    peer->used += (size_t)count;
    fake_parse(peer);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct fake_broker *fake = server->data;
    struct fake_peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    fake->accepted++;
    peer->fake = fake;
    peer->next = fake->peers;
    fake->peers = peer;
    uv_tcp_init(server->loop, &peer->tcp);
    peer->tcp.data = peer;
    assert_int_equal(uv_accept(server, (uv_stream_t *)&peer->tcp), 0);
    uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read);
}

void fake_broker_start(struct fake_broker *fake, uv_loop_t *loop, enum fake_broker_mode mode)
{
    struct sockaddr_in address;
    int size = sizeof address;
    *fake = (struct fake_broker){.mode = mode};
    uv_tcp_init(loop, &fake->server);
    fake->server.data = fake;
    uv_ip4_addr("127.0.0.1", 0, &address);
    assert_int_equal(uv_tcp_bind(&fake->server, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&fake->server, 16, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&fake->server, (struct sockaddr *)&address, &size), 0);
    fake->port = ntohs(address.sin_port);
    snprintf(fake->url, sizeof fake->url, "mqtt://127.0.0.1:%d", fake->port);
    snprintf(fake->tls_url, sizeof fake->tls_url, "mqtts://127.0.0.1:%d", fake->port);
}

void fake_broker_stop(struct fake_broker *fake)
{
    while (fake->peers)
        fake_drop(fake->peers);
    uv_close((uv_handle_t *)&fake->server, NULL);
}

/* Peers that speak no TLS, or the wrong one. */
#include "fault.h"
#include "kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void write_certificate(struct cell *cell, const char *name, int days)
{
    char text[640];
    snprintf(text, sizeof text, "subjectAltName=%s\n", name);
    broker_write(cell->harness->broker, "server.ext", text);
    snprintf(
        text, sizeof text,
        "test -e ca.crt || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
        "-nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=armwatch-test-ca; "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key "
        "-out server.csr -subj /CN=armwatch-server && openssl x509 -req -in server.csr -CA "
        "ca.crt -CAkey ca.key -CAcreateserial -days %d -extfile server.ext -out server.crt",
        days);
    if (!broker_shell(cell->harness->broker, text))
        fault_skip("the openssl command does not work here");
}

static void configure_tls(struct cell *cell, const char *url)
{
    char text[200];
    snprintf(text, sizeof text, "\"%s\"", url);
    cell_configure(cell, "mqtt.url", text);
    snprintf(text, sizeof text, "\"%s/ca.crt\"", broker_directory(cell->harness->broker));
    cell_configure(cell, "mqtt.ca_file", text);
}

/* ---- 21 */

static double measure_peer(struct cell *cell, int fake, enum fake_broker_mode mode,
                           const char *name)
{
    struct fake_broker *peer = &cell->harness->fakes[fake];
    fake_broker_start(peer, &cell->harness->loop, mode);
    configure_tls(cell, peer->tls_url);
    start_unheard(cell);
    cell_wait(cell, peer->accepted > 0, 5000);
    double start_s = seconds_now(), cpu_s = cpu_seconds(cell->daemon->pid);
    pings_restart();
    turn_for(cell, fault_long() ? 60 : 8);
    double share = (cpu_seconds(cell->daemon->pid) - cpu_s) / (seconds_now() - start_s);
    double lag_ms = loop_lag_ms();
    fault_figure("%s: CPU %.2f %%, %u attempts, loop lag at worst %.0f ms", name, 100 * share,
                 peer->accepted, lag_ms);
    daemon_process_stop(cell->daemon);
    assert_true(lag_ms < 50);
    fake_broker_stop(peer);
    peer->port = 0;
    turn_for(cell, 0.1);
    return share;
}

CHECK(check_tls_peers)
{
    struct cell *cell = *state;
    write_certificate(cell, "IP:127.0.0.1", 2);
    pings_open(cell);
    double junk = measure_peer(cell, 0, FAKE_JUNK, "junk");
    double silent = measure_peer(cell, 0, FAKE_SILENT, "stall");
    double reset = measure_peer(cell, 0, FAKE_RESET, "reset");
    assert_true(junk < 0.02 && silent < 0.02 && reset < 0.02);
    cell->finished = true;
    pings_close();
}

/* ---- 22 */

static void assert_refused(struct cell *cell, const char *name, int days, const char *words)
{
    struct broker *broker = cell->harness->broker;
    broker_stop(broker);
    write_certificate(cell, name, days);
    broker_start(broker, &(struct broker_options){.tls = true});
    configure_tls(cell, broker_tls_url(broker));
    size_t before = daemon_process_logged(cell->daemon, words);
    start_unheard(cell);
    wait_logged(cell, words, before + 1, 10000);
    turn_for(cell, 3);
    assert_int_equal(daemon_process_logged(cell->daemon, "broker: connected"), 0);
    daemon_process_stop(cell->daemon);
}

CHECK(check_certificates)
{
    struct cell *cell = *state;
    assert_refused(cell, "IP:127.0.0.1", -1, "broker: TLS: certificate has expired");
    assert_refused(cell, "DNS:elsewhere.example", 2, "broker: TLS: ");
    fault_figure("never online; the log says \"certificate has expired\" and that the host name is "
                 "another");
    broker_stop(cell->harness->broker);
    write_certificate(cell, "IP:127.0.0.1", 2);
    broker_start(cell->harness->broker, &(struct broker_options){.tls = true});
    cell_start(cell); /* and a good one is trusted */
    cell_stop(cell);
}

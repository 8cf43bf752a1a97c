/*
 * broker: a private mosquitto on a free loopback port, for one test, with all its accidents.
 *
 * Everything it needs is in a temporary directory that goes with it; it dies with the test program.
 * Functions end the test (cmocka's fail_msg) where a broker cannot be had.
 */
#ifndef ARMWATCH_TESTS_BROKER_H
#define ARMWATCH_TESTS_BROKER_H

#include <stdbool.h>

struct broker;

struct broker_options {
    const char *lines;     /* more lines for its configuration, or NULL */
    bool refuse_anonymous; /* with password_file in lines, or nobody gets in */
    bool unix_socket;      /* one more listener: broker_unix_url */
    bool tls; /* one more listener with ca.crt, server.crt, server.key of its directory:
                 broker_tls_url */
    bool client_certificate; /* the TLS listener wants one that ca.crt has signed */
};

/* Whether mosquitto is installed. */
bool broker_installed(void);

/* The directory and the ports exist from here on; broker_start makes it run. */
struct broker *broker_new(void);
void broker_free(struct broker *broker); /* NULL is allowed; stops it, removes the directory */

/* Starts it, again on the same ports; returns when it accepts connections. NULL: the options of the
 * last start. */
void broker_start(struct broker *broker, const struct broker_options *options);
void broker_stop(struct broker *broker); /* SIGTERM, until it has ended */
void broker_kill(struct broker *broker); /* SIGKILL, until it has ended */
void broker_freeze(struct broker *broker);
void broker_thaw(struct broker *broker);
void broker_reload(struct broker *broker); /* SIGHUP: its password and ACL files are read again */

int broker_port(const struct broker *broker);
const char *broker_url(const struct broker *broker);
const char *broker_tls_url(const struct broker *broker);
const char *broker_unix_url(const struct broker *broker);
const char *broker_directory(const struct broker *broker);

/* Writes a file in its directory; the path is valid until the next call. */
const char *broker_write(struct broker *broker, const char *name, const char *content);
/* Runs a shell command in its directory, quietly; false when it fails. */
bool broker_shell(struct broker *broker, const char *command);
/* Makes certificates and their .key in its directory: a CA (ca.crt), one that signed nothing
 * (other.crt), and two that ca.crt has signed for these subjectAltNames (server.crt, client.crt).
 * False where the openssl command does not work. */
bool broker_make_certificates(struct broker *broker, const char *names);

#endif

#include "broker.h"

#include "child.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME "the broker"
#define PORT_TRIES 5

enum { PORT, TLS_PORT, BROKER_PORTS };

struct broker {
    pid_t pid; /* 0 while it does not run */
    int ports[BROKER_PORTS];
    struct broker_options options;
    char *lines;
    char directory[64];
    char url[64], tls_url[64], unix_url[128];
    char path[256];
};

static const char *broker_binary(void)
{
    static const char *const places[] = {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto",
                                         "/usr/bin/mosquitto", "/opt/homebrew/sbin/mosquitto"};
    static char found[4096];
    const char *path = getenv("PATH");
    char *copy = strdup(path ? path : "");
    char *rest = copy;
    found[0] = '\0';
    for (char *part; !found[0] && (part = strsep(&rest, ":"));) {
        snprintf(found, sizeof found, "%s/mosquitto", part);
        if (access(found, X_OK) != 0)
            found[0] = '\0';
    }
    free(copy);
    for (size_t i = 0; !found[0] && i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], X_OK) == 0)
            snprintf(found, sizeof found, "%s", places[i]);
    }
    return found[0] ? found : NULL;
}

bool broker_installed(void)
{
    return broker_binary() != NULL;
}

static void broker_pick_ports(struct broker *broker)
{
    child_pick_ports(broker->ports, BROKER_PORTS);
    snprintf(broker->url, sizeof broker->url, "mqtt://127.0.0.1:%d", broker->ports[PORT]);
    snprintf(broker->tls_url, sizeof broker->tls_url, "mqtts://127.0.0.1:%d",
             broker->ports[TLS_PORT]);
}

struct broker *broker_new(void)
{
    struct broker *broker = calloc(1, sizeof *broker);
    assert_non_null(broker);
    snprintf(broker->directory, sizeof broker->directory, "/tmp/armwatch-broker-XXXXXX");
    child_make_directory(broker->directory);
    snprintf(broker->unix_url, sizeof broker->unix_url, "unix://%s/mqtt.sock", broker->directory);
    broker_pick_ports(broker);
    return broker;
}

const char *broker_write(struct broker *broker, const char *name, const char *content)
{
    snprintf(broker->path, sizeof broker->path, "%s/%s", broker->directory, name);
    FILE *file = fopen(broker->path, "we");
    if (!file || fputs(content, file) < 0 || fclose(file))
        fail_msg("%s: %s", broker->path, strerror(errno));
    return broker->path;
}

static void broker_write_config(struct broker *broker)
{
    const struct broker_options *options = &broker->options;
    const char *directory = broker->directory;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fprintf(out, "persistence false\nset_tcp_nodelay true\nallow_anonymous %s\n",
            options->refuse_anonymous ? "false" : "true");
    if (geteuid() == 0) /* or it would change to a user who cannot read the directory */
        fprintf(out, "user root\n");
    if (options->lines)
        fprintf(out, "%s\n", options->lines);
    fprintf(out, "listener %d 127.0.0.1\n", broker->ports[PORT]);
    if (options->unix_socket)
        fprintf(out, "listener 0 %s/mqtt.sock\n", directory);
    if (options->tls)
        fprintf(out,
                "listener %d 127.0.0.1\ncafile %s/ca.crt\ncertfile %s/server.crt\n"
                "keyfile %s/server.key\nrequire_certificate %s\n",
                broker->ports[TLS_PORT], directory, directory, directory,
                options->client_certificate ? "true" : "false");
    fclose(out);
    broker_write(broker, "broker.conf", text);
    free(text);
}

/* true when it accepts, false when it has ended by itself (someone else took the port). */
static bool broker_launch(struct broker *broker, const char *binary)
{
    const char *const arguments[] = {binary, "-c", "broker.conf", NULL};
    broker_write_config(broker);
    broker->pid = child_start(&(struct child_program){
        .arguments = arguments, .directory = broker->directory, .log = "broker.log"});
    return child_wait_for_ports(&broker->pid, broker->ports, broker->options.tls ? 2 : 1, NAME);
}

void broker_start(struct broker *broker, const struct broker_options *options)
{
    const char *binary = broker_binary();
    if (!binary)
        fail_msg("mosquitto is not installed");
    bool first = broker->lines == NULL;
    if (options) {
        char *lines = strdup(options->lines ? options->lines : "");
        free(broker->lines);
        broker->lines = lines;
        broker->options = *options;
        broker->options.lines = lines;
    } else if (first) {
        broker->lines = strdup("");
    }
    for (int i = 0; i < PORT_TRIES; i++) {
        if (broker_launch(broker, binary))
            return;
        if (first)
            broker_pick_ports(broker);
    }
    char command[256];
    snprintf(command, sizeof command, "cat '%s'/broker.conf '%s'/broker.log >&2", broker->directory,
             broker->directory);
    if (system(command) == 0)
        print_error("(configuration and log of the broker)\n");
    fail_msg("the broker does not start");
}

static void broker_end(struct broker *broker, int signal)
{
    int status;
    child_signal(broker->pid, signal, NAME);
    child_reap(&broker->pid, 0, &status);
}

void broker_stop(struct broker *broker)
{
    broker_end(broker, SIGTERM);
}

void broker_kill(struct broker *broker)
{
    broker_end(broker, SIGKILL);
}

void broker_freeze(struct broker *broker)
{
    child_signal(broker->pid, SIGSTOP, NAME);
}

void broker_thaw(struct broker *broker)
{
    child_signal(broker->pid, SIGCONT, NAME);
}

void broker_reload(struct broker *broker)
{
    child_signal(broker->pid, SIGHUP, NAME);
}

bool broker_shell(struct broker *broker, const char *command)
{
    char *text = NULL;
    if (asprintf(&text, "cd '%s' && { %s; } >/dev/null 2>>shell.log", broker->directory, command) <
        0)
        fail_msg("out of memory");
    bool ok = system(text) == 0; /* NOLINT(cert-env33-c): the commands are the tests' own */
    free(text);
    return ok;
}

bool broker_make_certificates(struct broker *broker, const char *names)
{
    char extension[256];
    snprintf(extension, sizeof extension, "subjectAltName=%s\n", names);
    broker_write(broker, "server.ext", extension);
    return broker_shell(
        broker, "for ca in ca other; do openssl req -x509 -newkey ec -pkeyopt "
                "ec_paramgen_curve:prime256v1 -nodes -keyout $ca.key -out $ca.crt -days 2 -subj "
                "/CN=armwatch-test-$ca || exit 1; done; "
                "for who in server client; do openssl req -newkey ec -pkeyopt "
                "ec_paramgen_curve:prime256v1 -nodes -keyout $who.key -out $who.csr -subj "
                "/CN=armwatch-$who && openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key "
                "-CAcreateserial -days 2 -extfile server.ext -out $who.crt || exit 1; done");
}

void broker_free(struct broker *broker)
{
    if (!broker)
        return;
    if (broker->pid)
        broker_kill(broker);
    child_remove_directory(broker->directory);
    free(broker->lines);
    free(broker);
}

int broker_port(const struct broker *broker)
{
    return broker->ports[PORT];
}

const char *broker_url(const struct broker *broker)
{
    return broker->url;
}

const char *broker_tls_url(const struct broker *broker)
{
    return broker->tls_url;
}

const char *broker_unix_url(const struct broker *broker)
{
    return broker->unix_url;
}

const char *broker_directory(const struct broker *broker)
{
    return broker->directory;
}

#include "nats_server.h"

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

#define NAME "nats-server"

enum { PORT, MQTT_PORT, SERVER_PORTS };

struct nats_server {
    pid_t pid; /* 0 while it does not run */
    int ports[SERVER_PORTS];
    char directory[64], url[64], mqtt_url[64];
};

static const char *binary(void)
{
    static const char *const places[] = {"/usr/sbin/nats-server", "/usr/bin/nats-server",
                                         "/usr/local/bin/nats-server"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

bool nats_server_installed(void)
{
    return binary() != NULL;
}

static void write_config(const struct nats_server *server, const char *lines)
{
    char path[96];
    snprintf(path, sizeof path, "%s/nats.conf", server->directory);
    FILE *file = fopen(path, "we");
    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    fprintf(file,
            "server_name: test\nhost: 127.0.0.1\nport: %d\n"
            "jetstream { store_dir: \"%s/store\", max_mem: 64M, max_file: 256M }\n"
            "mqtt { host: 127.0.0.1, port: %d }\n%s\n",
            server->ports[PORT], server->directory, server->ports[MQTT_PORT], lines ? lines : "");
    fclose(file);
}

struct nats_server *nats_server_new(const char *lines)
{
    struct nats_server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    snprintf(server->directory, sizeof server->directory, "/tmp/armwatch-nats-XXXXXX");
    child_make_directory(server->directory);
    child_pick_ports(server->ports, SERVER_PORTS);
    snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%d", server->ports[PORT]);
    snprintf(server->mqtt_url, sizeof server->mqtt_url, "mqtt://127.0.0.1:%d",
             server->ports[MQTT_PORT]);
    write_config(server, lines);
    return server;
}

void nats_server_start(struct nats_server *server)
{
    const char *const arguments[] = {binary(), "-c", "nats.conf", NULL};
    server->pid = child_start(&(struct child_program){.arguments = arguments,
                                                      .directory = server->directory,
                                                      .log = "nats.log",
                                                      .keeps_log = true});
    if (!child_wait_for_ports(&server->pid, server->ports, SERVER_PORTS, NAME))
        fail_msg(NAME " has ended by itself");
}

void nats_server_kill(struct nats_server *server)
{
    int status;
    child_signal(server->pid, SIGKILL, NAME);
    child_reap(&server->pid, 0, &status);
}

void nats_server_freeze(struct nats_server *server)
{
    child_signal(server->pid, SIGSTOP, NAME);
}

void nats_server_thaw(struct nats_server *server)
{
    child_signal(server->pid, SIGCONT, NAME);
}

void nats_server_free(struct nats_server *server)
{
    if (!server)
        return;
    if (server->pid)
        nats_server_kill(server);
    child_remove_directory(server->directory);
    free(server);
}

int nats_server_port(const struct nats_server *server)
{
    return server->ports[PORT];
}

const char *nats_server_url(const struct nats_server *server)
{
    return server->url;
}

const char *nats_server_mqtt_url(const struct nats_server *server)
{
    return server->mqtt_url;
}

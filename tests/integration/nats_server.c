#include "nats_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define START_TIMEOUT_MS 20000

struct nats_server {
    pid_t pid; /* 0 while it does not run */
    int port, mqtt_port;
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

static int open_socket(int port, struct sockaddr_in *ret_address)
{
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail_msg("socket: %s", strerror(errno));
    return fd;
}

static int bind_free(int *ret_port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int fd = open_socket(0, &address);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        fail_msg("no free port: %s", strerror(errno));
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static bool accepts(int port)
{
    struct sockaddr_in address;
    int fd = open_socket(port, &address);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
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
            server->port, server->directory, server->mqtt_port, lines ? lines : "");
    fclose(file);
}

struct nats_server *nats_server_new(const char *lines)
{
    struct nats_server *server = calloc(1, sizeof *server);
    assert_non_null(server);
    snprintf(server->directory, sizeof server->directory, "/tmp/armwatch-nats-XXXXXX");
    if (!mkdtemp(server->directory))
        fail_msg("%s: %s", server->directory, strerror(errno));
    int one = bind_free(&server->port), other = bind_free(&server->mqtt_port);
    close(one);
    close(other);
    snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%d", server->port);
    snprintf(server->mqtt_url, sizeof server->mqtt_url, "mqtt://127.0.0.1:%d", server->mqtt_port);
    write_config(server, lines);
    return server;
}

static void run_server(const struct nats_server *server, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || chdir(server->directory) < 0)
        _exit(126);
    int log = open("nats.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execl(binary(), "nats-server", "-c", "nats.conf", (char *)NULL);
    _exit(127);
}

void nats_server_start(struct nats_server *server)
{
    pid_t parent = getpid();
    server->pid = fork();
    if (server->pid == 0)
        run_server(server, parent);
    for (int waited = 0; waited < START_TIMEOUT_MS; waited += 20) {
        if (accepts(server->port) && accepts(server->mqtt_port))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    fail_msg("nats-server does not accept connections");
}

static void send_signal(struct nats_server *server, int signal)
{
    if (server->pid == 0 || kill(server->pid, signal) < 0)
        fail_msg("signal %d: nats-server does not run", signal);
}

void nats_server_kill(struct nats_server *server)
{
    int status;
    send_signal(server, SIGKILL);
    waitpid(server->pid, &status, 0);
    server->pid = 0;
}

void nats_server_freeze(struct nats_server *server)
{
    send_signal(server, SIGSTOP);
}

void nats_server_thaw(struct nats_server *server)
{
    send_signal(server, SIGCONT);
}

void nats_server_free(struct nats_server *server)
{
    if (!server)
        return;
    if (server->pid)
        nats_server_kill(server);
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", server->directory);
    if (system(command) != 0)
        print_error("%s is left over\n", server->directory);
    free(server);
}

int nats_server_port(const struct nats_server *server)
{
    return server->port;
}

const char *nats_server_url(const struct nats_server *server)
{
    return server->url;
}

const char *nats_server_mqtt_url(const struct nats_server *server)
{
    return server->mqtt_url;
}

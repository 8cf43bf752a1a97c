#include "broker.h"

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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define START_TIMEOUT_MS 10000
#define PORT_TRIES 5

struct broker {
    pid_t pid; /* 0 while it does not run */
    int port, tls_port;
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

static int loopback_socket(int port, struct sockaddr_in *ret_address)
{
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail_msg("socket: %s", strerror(errno));
    return fd;
}

static int free_port(void)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int fd = loopback_socket(0, &address);
    if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        fail_msg("no free port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static bool accepts(int port)
{
    struct sockaddr_in address;
    int fd = loopback_socket(port, &address);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

static void broker_pick_ports(struct broker *broker)
{
    broker->port = free_port();
    do
        broker->tls_port = free_port();
    while (broker->tls_port == broker->port);
    snprintf(broker->url, sizeof broker->url, "mqtt://127.0.0.1:%d", broker->port);
    snprintf(broker->tls_url, sizeof broker->tls_url, "mqtts://127.0.0.1:%d", broker->tls_port);
}

struct broker *broker_new(void)
{
    struct broker *broker = calloc(1, sizeof *broker);
    assert_non_null(broker);
    snprintf(broker->directory, sizeof broker->directory, "/tmp/armwatch-broker-XXXXXX");
    if (!mkdtemp(broker->directory))
        fail_msg("%s: %s", broker->directory, strerror(errno));
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
    fprintf(out, "listener %d 127.0.0.1\n", broker->port);
    if (options->unix_socket)
        fprintf(out, "listener 0 %s/mqtt.sock\n", directory);
    if (options->tls)
        fprintf(out,
                "listener %d 127.0.0.1\ncafile %s/ca.crt\ncertfile %s/server.crt\n"
                "keyfile %s/server.key\nrequire_certificate %s\n",
                broker->tls_port, directory, directory, directory,
                options->client_certificate ? "true" : "false");
    fclose(out);
    broker_write(broker, "broker.conf", text);
    free(text);
}

static void broker_exec(const struct broker *broker, const char *binary, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || chdir(broker->directory) < 0)
        _exit(126);
    /* A client's socket that lived on here would stay in the test's epoll set after its end. */
    close_range(STDERR_FILENO + 1, ~0U, 0);
    int log = open("broker.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    /* A copy of a peer's socket would stay in the epoll of the test after the peer has closed it.
     */
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execl(binary, "mosquitto", "-c", "broker.conf", (char *)NULL);
    _exit(127);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool broker_reap(struct broker *broker, int flags)
{
    int status;
    if (broker->pid == 0 || waitpid(broker->pid, &status, flags) != broker->pid)
        return false;
    broker->pid = 0;
    return true;
}

/* true when it accepts, false when it has ended by itself (someone else took the port). */
static bool broker_launch(struct broker *broker, const char *binary)
{
    broker_write_config(broker);
    pid_t parent = getpid();
    broker->pid = fork();
    if (broker->pid == 0)
        broker_exec(broker, binary, parent);
    if (broker->pid < 0)
        fail_msg("fork: %s", strerror(errno));
    for (int waited = 0; waited < START_TIMEOUT_MS; waited += 10) {
        if (broker_reap(broker, WNOHANG))
            return false;
        if (accepts(broker->port) && (!broker->options.tls || accepts(broker->tls_port)))
            return true;
        sleep_ms(10);
    }
    fail_msg("the broker does not accept connections");
    return false;
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

static void broker_signal(struct broker *broker, int signal)
{
    if (broker->pid == 0 || kill(broker->pid, signal) < 0)
        fail_msg("signal %d: the broker does not run", signal);
}

void broker_stop(struct broker *broker)
{
    broker_signal(broker, SIGTERM);
    broker_reap(broker, 0);
}

void broker_kill(struct broker *broker)
{
    broker_signal(broker, SIGKILL);
    broker_reap(broker, 0);
}

void broker_freeze(struct broker *broker)
{
    broker_signal(broker, SIGSTOP);
}

void broker_thaw(struct broker *broker)
{
    broker_signal(broker, SIGCONT);
}

void broker_reload(struct broker *broker)
{
    broker_signal(broker, SIGHUP);
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
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", broker->directory);
    if (system(command) != 0)
        print_error("%s is left over\n", broker->directory);
    free(broker->lines);
    free(broker);
}

int broker_port(const struct broker *broker)
{
    return broker->port;
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

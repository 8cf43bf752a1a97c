#include "kit.h"

#include "base/clock.h"
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PING_S 0.25

double seconds_now(void)
{
    return (double)clock_monotonic_ns() / 1e9;
}

void turn_for(struct cell *cell, double seconds)
{
    wait_ms(&cell->harness->loop, seconds * 1000);
}

/* ---- pings: heard by a thread, so that nothing the test does adds to a gap */

static struct {
    pthread_mutex_t mutex;
    pthread_t thread;
    int fd;
    struct pings pings;
} ears = {.mutex = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void hear_ping(void)
{
    double now_s = seconds_now();
    pthread_mutex_lock(&ears.mutex);
    struct pings *pings = &ears.pings;
    if (pings->last_s > 0 && now_s - pings->last_s > pings->longest_gap_s)
        pings->longest_gap_s = now_s - pings->last_s;
    pings->last_s = now_s;
    pings->count++;
    pthread_mutex_unlock(&ears.mutex);
}

static void *hear(void *unused)
{
    char text[1024];
    ssize_t size;
    while ((size = recv(ears.fd, text, sizeof text - 1, 0)) != 0) {
        if (size < 0)
            break;
        text[size] = '\0';
        if (!strcmp(text, "WATCHDOG=1"))
            hear_ping();
    }
    return NULL;
}

static void set_environment(struct cell *cell, const char *name, const char *value)
{
    for (int i = 0; i < DAEMON_ENVIRONMENT_MAX; i++) {
        char *entry = cell->daemon->environment[i];
        if (*entry)
            continue;
        snprintf(entry, sizeof cell->daemon->environment[0], "%s=%s", name, value);
        return;
    }
    fail_msg("no room for %s in the environment", name);
}

void pings_open(struct cell *cell)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", cell->daemon->directory);
    ears.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ears.fd < 0 || bind(ears.fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail_msg("%s: %s", address.sun_path, strerror(errno));
    set_environment(cell, "NOTIFY_SOCKET", address.sun_path);
    set_environment(cell, "WATCHDOG_USEC", "400000"); /* so that each tick pings */
    assert_int_equal(pthread_create(&ears.thread, NULL, hear, NULL), 0);
}

void pings_close(void)
{
    shutdown(ears.fd, SHUT_RDWR);
    pthread_join(ears.thread, NULL);
    close(ears.fd);
    ears.fd = -1;
}

void pings_restart(void)
{
    pthread_mutex_lock(&ears.mutex);
    ears.pings = (struct pings){.last_s = seconds_now()};
    pthread_mutex_unlock(&ears.mutex);
}

struct pings pings_so_far(void)
{
    pthread_mutex_lock(&ears.mutex);
    struct pings pings = ears.pings;
    pthread_mutex_unlock(&ears.mutex);
    return pings;
}

double loop_lag_ms(void)
{
    struct pings pings = pings_so_far();
    double open_s = seconds_now() - pings.last_s;
    double gap_s = open_s > pings.longest_gap_s ? open_s : pings.longest_gap_s;
    return gap_s > PING_S ? (gap_s - PING_S) * 1e3 : 0;
}

/* ---- the daemon's process */

double cpu_seconds(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(text, sizeof text, file))
        fail_msg("%s: %s", path, strerror(errno));
    fclose(file);
    const char *rest = strrchr(text, ')');
    if (!rest ||
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
        fail_msg("%s: %s", path, text);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

pid_t thread_named(pid_t pid, const char *name)
{
    return (pid_t)shell_number("grep -lx %s /proc/%d/task/*/comm | cut -d/ -f5", name, (int)pid);
}

void thread_stop(pid_t thread)
{
    int status;
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0 ||
        ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) < 0 || waitpid(thread, &status, __WALL) < 0)
        fault_skip("ptrace is not allowed here");
}

void thread_release(pid_t thread)
{
    ptrace(PTRACE_DETACH, thread, NULL, NULL);
}

double wait_logged(struct cell *cell, const char *text, size_t times, int limit_ms)
{
    double start_s = seconds_now();
    cell_wait(cell, daemon_process_logged(cell->daemon, text) >= times, limit_ms);
    return seconds_now() - start_s;
}

void start_unheard(struct cell *cell)
{
    cell_write_config(cell);
    daemon_process_start(cell->daemon);
}

bool status_has_reason(const struct cell *cell, const char *reason)
{
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    bool has = status && json_has_text(json_at(status, "reasons"), reason);
    cJSON_Delete(status);
    return has;
}

double status_number(const struct cell *cell, const char *path)
{
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    assert_non_null(status);
    double number = json_number(status, path);
    cJSON_Delete(status);
    return number;
}

size_t alerts_of(const struct cell *cell, const char *robot, const char *type)
{
    size_t count = 0;
    char text[64];
    const char *topic = cell_topic(robot ? robot : "", "alert");
    snprintf(text, sizeof text, "\"armwatch.alert.%s\"", type);
    for (size_t i = 0; i < cell->watcher->message_count; i++) {
        const struct peer_message *message = &cell->watcher->messages[i];
        size_t length = strlen(message->topic);
        bool ours = robot ? !strcmp(message->topic, topic)
                          : length > 6 && !strcmp(message->topic + length - 6, "/alert");
        count += ours && strstr(message->payload, text);
    }
    return count;
}

void shell(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    bool may_fail = *command == '-';
    if (system(command + may_fail) != 0 && !may_fail) /* NOLINT(cert-env33-c): our own commands */
        fail_msg("failed: %s", command);
}

long shell_number(const char *format, ...)
{
    char command[1024], line[128] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    FILE *out = popen(command, "re"); /* NOLINT(cert-env33-c): our own commands */
    if (!out || !fgets(line, sizeof line, out))
        fail_msg("says nothing: %s", command);
    pclose(out);
    return strtol(line, NULL, 10);
}

void assert_grown(long grown_kib, long limit_kib)
{
    if (!SANITIZED && grown_kib > limit_kib)
        fail_msg("resident memory has grown by %ld KiB, allowed are %ld", grown_kib, limit_kib);
}

const char *state_path(const struct cell *cell, const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/state%s%s", cell->daemon->directory, *name ? "/" : "", name);
    return path;
}

/* ---- from within */

struct preload_page *preload_open(struct cell *cell)
{
    char path[128];
    if (SANITIZED)
        fault_skip("a sanitizer has its own allocator");
    snprintf(path, sizeof path, "%s/faults", cell->daemon->directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct preload_page *page = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof *page) == 0)
        page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        fail_msg("%s: %s", path, strerror(errno));
    close(fd);
    set_environment(cell, "ARMWATCH_FAULTS", path);
    set_environment(cell, "LD_PRELOAD", PRELOAD_LIBRARY);
    return page;
}

/* ---- name spaces */

bool network_own(void)
{
    return unshare(CLONE_NEWNET) == 0 && system("ip link set lo up") == 0;
}

bool mounts_own(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int name_space(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s: %s", path, strerror(errno));
    return fd;
}

/* A process that does nothing but be in the other network. */
static pid_t hold_network(void)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool made = unshare(CLONE_NEWNET) == 0 && write(ready[1], &byte, 1) == 1;
        close_range(STDERR_FILENO + 1, ~0U, 0);
        while (made)
            made = pause() < 0; /* until it is killed */
        _exit(1);
    }
    close(ready[1]);
    bool made = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    if (!made)
        fault_skip("no network name spaces here");
    return pid;
}

static void link_open(struct link *link)
{
    link->holder = hold_network();
    link->here = name_space(getpid());
    link->there = name_space(link->holder);
    int pid = (int)link->holder;
    shell("ip link add here type veth peer name there netns %d", pid);
    shell("ip addr add 10.77.0.1/24 dev here && ip link set here up");
    shell("nsenter -t %d -n sh -c 'ip link set lo up && ip addr add 10.77.0.2/24 dev there && "
          "ip link set there up'",
          pid);
}

void link_close(struct link *link)
{
    kill(link->holder, SIGKILL);
    waitpid(link->holder, NULL, 0);
    close(link->here);
    close(link->there);
}

static void renew_subscriptions(struct cell *cell)
{
    static const char *const filters[] = {"armwatch/robot/+/alert", "armwatch/service/#"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        harness_subscribe(cell->harness, cell->watcher, filters[i], 1);
}

void link_start(struct link *link, struct cell *cell)
{
    char line[128];
    link_open(link);
    int port = broker_port(cell->harness->broker) == 20000 ? 20001 : 20000;
    snprintf(line, sizeof line, "max_queued_messages 0\nlistener %d 10.77.0.1", port);
    cell_restart_broker(cell, &(struct broker_options){.lines = line});
    renew_subscriptions(cell);
    snprintf(line, sizeof line, "\"mqtt://10.77.0.1:%d\"", port);
    cell_configure(cell, "mqtt.url", line);
    cell_write_config(cell);
    size_t before = cell_count(cell, CELL_STATUS);
    assert_int_equal(setns(link->there, CLONE_NEWNET), 0);
    daemon_process_start(cell->daemon);
    assert_int_equal(setns(link->here, CLONE_NEWNET), 0);
    cell_wait(cell, cell_count(cell, CELL_STATUS) > before, 10000);
}

void link_set(bool up)
{
    shell("ip link set here %s", up ? "up" : "down");
}

void link_limit(const struct link *link, int kbit)
{
    shell("-nsenter -t %d -n tc qdisc del dev there root 2>/dev/null", (int)link->holder);
    if (kbit > 0)
        shell("nsenter -t %d -n tc qdisc add dev there root tbf rate %dkbit burst 3000 latency "
              "400ms",
              (int)link->holder, kbit);
}

#include "child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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

#define ACCEPT_TIMEOUT_MS 20000
#define PORTS_MAX 4

void child_make_directory(char *directory)
{
    if (!mkdtemp(directory))
        fail_msg("%s: %s", directory, strerror(errno));
}

void child_remove_directory(const char *directory)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0)
        print_error("%s is left over\n", directory);
}

/* ---- the process ---- */

static void run(const struct child_program *program, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || chdir(program->directory) < 0)
        _exit(126);
    int how = program->keeps_log ? O_APPEND : O_TRUNC;
    int log = open(program->log, O_WRONLY | O_CREAT | how | O_CLOEXEC, 0600);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    for (size_t i = 0; program->environment && program->environment[i]; i++)
        putenv((char *)program->environment[i]);
    /* A copy of a peer's socket would stay in the epoll of the test after the peer has closed it.
     */
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execvp(program->arguments[0], (char *const *)program->arguments);
    _exit(127);
}

pid_t child_start(const struct child_program *program)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        fail_msg("fork: %s", strerror(errno));
    if (pid == 0)
        run(program, parent);
    return pid;
}

void child_signal(pid_t pid, int signal, const char *name)
{
    if (pid == 0 || kill(pid, signal) < 0)
        fail_msg("signal %d: %s does not run", signal, name);
}

bool child_reap(pid_t *pid, int flags, int *ret_status)
{
    if (*pid == 0 || waitpid(*pid, ret_status, flags) != *pid)
        return false;
    *pid = 0;
    return true;
}

/* ---- ports ---- */

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

/* All are open at once, so that none comes twice. */
void child_pick_ports(int *ret_ports, size_t count)
{
    int fds[PORTS_MAX];
    assert_true(count <= PORTS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_in address;
        socklen_t size = sizeof address;
        fds[i] = open_socket(0, &address);
        if (bind(fds[i], (struct sockaddr *)&address, size) < 0 ||
            getsockname(fds[i], (struct sockaddr *)&address, &size) < 0)
            fail_msg("no free port: %s", strerror(errno));
        ret_ports[i] = ntohs(address.sin_port);
    }
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static bool accepts(int port)
{
    struct sockaddr_in address;
    int fd = open_socket(port, &address);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

bool child_wait_for_ports(pid_t *pid, const int *ports, size_t count, const char *name)
{
    for (int waited = 0; waited < ACCEPT_TIMEOUT_MS; waited += 10) {
        int status;
        size_t ready = 0;
        if (child_reap(pid, WNOHANG, &status))
            return false;
        while (ready < count && accepts(ports[ready]))
            ready++;
        if (ready == count)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("%s does not accept connections", name);
    return false;
}

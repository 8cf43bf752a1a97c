#include "daemon_process.h"

#include "child.h"

#include "base/clock.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LOG_MAX ((size_t)64 << 20)
#define LOG_SHOWN 6000 /* bytes of its end */

struct daemon_process *daemon_process_new(void)
{
    struct daemon_process *daemon = calloc(1, sizeof *daemon);
    assert_non_null(daemon);
    snprintf(daemon->directory, sizeof daemon->directory, "/tmp/armwatchd-XXXXXX");
    child_make_directory(daemon->directory);
    return daemon;
}

void daemon_process_free(struct daemon_process *daemon)
{
    if (!daemon)
        return;
    if (daemon->pid)
        daemon_process_kill(daemon);
    child_remove_directory(daemon->directory);
    free(daemon);
}

void daemon_process_configure(struct daemon_process *daemon, const char *json)
{
    char path[128];
    snprintf(path, sizeof path, "%s/armwatchd.json", daemon->directory);
    assert_int_equal(file_write(path, json, strlen(json), NULL), 0);
}

static const char *program(void)
{
    const char *path = getenv("ARMWATCHD");
    if (!path)
        fail_msg("ARMWATCHD is not set: the path of the daemon to be tested");
    return path;
}

static pid_t spawn(const struct daemon_process *daemon, const char *const *arguments)
{
    const char *environment[DAEMON_ENVIRONMENT_MAX + 1] = {NULL};
    size_t count = 0;
    for (int i = 0; i < DAEMON_ENVIRONMENT_MAX; i++) {
        if (daemon->environment[i][0])
            environment[count++] = daemon->environment[i];
    }
    return child_start(&(struct child_program){.arguments = arguments,
                                               .directory = daemon->directory,
                                               .log = "daemon.log",
                                               .keeps_log = true,
                                               .environment = environment});
}

void daemon_process_start(struct daemon_process *daemon)
{
    const char *const arguments[] = {program(), "--config", "armwatchd.json", NULL};
    assert_int_equal(daemon->pid, 0);
    daemon->pid = spawn(daemon, arguments);
}

void daemon_process_signal(struct daemon_process *daemon, int signal)
{
    child_signal(daemon->pid, signal, "the daemon");
}

static void assert_no_report(const struct daemon_process *daemon)
{
    static const char *const marks[] = {"runtime error:", "Sanitizer", "Assertion"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (daemon_process_logged(daemon, marks[i]) == 0)
            continue;
        daemon_process_print_log(daemon);
        fail_msg("the daemon's log says \"%s\"", marks[i]);
    }
}

double daemon_process_stop(struct daemon_process *daemon)
{
    int64_t start_ns = clock_monotonic_ns();
    int status = 0;
    daemon_process_signal(daemon, SIGTERM);
    double took_s = 0;
    while (!child_reap(&daemon->pid, WNOHANG, &status)) {
        took_s = (double)(clock_monotonic_ns() - start_ns) / 1e9;
        if (took_s * 1000 > DAEMON_STOP_MS * TIME_SCALE) {
            daemon_process_print_log(daemon);
            fail_msg("the daemon has not stopped within %.1f s", took_s);
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        daemon_process_print_log(daemon);
        fail_msg("the daemon ended with %s %d", WIFEXITED(status) ? "exit code" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    assert_no_report(daemon);
    return took_s;
}

void daemon_process_kill(struct daemon_process *daemon)
{
    int status;
    daemon_process_signal(daemon, SIGKILL);
    child_reap(&daemon->pid, 0, &status);
}

void daemon_process_assert_alive(struct daemon_process *daemon)
{
    int status = 0;
    if (daemon->pid && !child_reap(&daemon->pid, WNOHANG, &status))
        return;
    daemon_process_print_log(daemon);
    fail_msg("the daemon has ended by itself (status %x)", (unsigned)status);
}

int daemon_process_run(struct daemon_process *daemon, const char *const *arguments)
{
    const char *all[16] = {program()};
    for (size_t i = 0; arguments[i]; i++) {
        assert_true(i + 2 < sizeof all / sizeof all[0]);
        all[i + 1] = arguments[i];
    }
    int status = 0;
    pid_t pid = spawn(daemon, all);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        fail_msg("armwatchd %s: status %x", arguments[0], (unsigned)status);
    return WEXITSTATUS(status);
}

/* NULL where there is no log yet. Freed by the caller. */
static char *read_log(const struct daemon_process *daemon)
{
    char path[128];
    void *text;
    size_t size;
    snprintf(path, sizeof path, "%s/daemon.log", daemon->directory);
    return file_read(path, LOG_MAX, &text, &size, NULL) < 0 ? NULL : text;
}

size_t daemon_process_logged(const struct daemon_process *daemon, const char *text)
{
    size_t count = 0;
    char *log = read_log(daemon);
    for (const char *at = log; at && (at = strstr(at, text)); at += strlen(text))
        count++;
    free(log);
    return count;
}

void daemon_process_print_log(const struct daemon_process *daemon)
{
    char *log = read_log(daemon);
    size_t length = log ? strlen(log) : 0;
    fprintf(stderr, "---- the daemon's log%s\n%s----\n", length > LOG_SHOWN ? " (its end)" : "",
            !log                 ? ""
            : length > LOG_SHOWN ? log + length - LOG_SHOWN
                                 : log);
    free(log);
}

long daemon_process_rss_kib(const struct daemon_process *daemon)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)daemon->pid);
    FILE *file = fopen(path, "re");
    while (file && kib < 0 && fgets(line, sizeof line, file)) {
        if (!strncmp(line, "VmRSS:", 6))
            kib = strtol(line + 6, NULL, 10);
    }
    if (file)
        fclose(file);
    if (kib < 0)
        fail_msg("%s: no VmRSS", path);
    return kib;
}

int daemon_process_descriptors(const struct daemon_process *daemon)
{
    char path[64];
    int count = -2; /* . and .. */
    snprintf(path, sizeof path, "/proc/%d/fd", (int)daemon->pid);
    DIR *directory = opendir(path);
    if (!directory)
        fail_msg("%s: %s", path, strerror(errno));
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

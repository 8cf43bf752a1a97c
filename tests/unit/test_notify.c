#include "daemon/notify.h"
#include "fixture.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static int listen_at(const struct sockaddr_un *address, socklen_t size)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)address, size), 0);
    return fd;
}

static void expect(int fd, const char *text)
{
    char found[256];
    ssize_t n = recv(fd, found, sizeof found - 1, 0);
    found[n > 0 ? n : 0] = '\0';
    if (strncmp(found, text, strlen(text)) != 0)
        fail_msg("\"%s\" instead of \"%s\"", found, text);
}

static void test_a_path(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s", fixture_path("notify"));
    int fd = listen_at(&address, sizeof address);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    notify_ready("running");
    notify_status("all well");
    notify_reloading();
    notify_watchdog();
    notify_stopping();
    char ready[64];
    snprintf(ready, sizeof ready, "READY=1\nMAINPID=%ld\nSTATUS=running", (long)getpid());
    expect(fd, ready);
    expect(fd, "STATUS=all well");
    expect(fd, "RELOADING=1\nMONOTONIC_USEC=");
    expect(fd, "WATCHDOG=1");
    expect(fd, "STOPPING=1");
    close(fd);
    notify_watchdog(); /* nobody listens any more */
}

static void test_one_line(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s", fixture_path("line"));
    int fd = listen_at(&address, sizeof address);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    notify_status("no broker: bad\nWATCHDOG=1");
    expect(fd, "STATUS=no broker: bad WATCHDOG=1");
    close(fd);
}

static void test_without_descriptors(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s", fixture_path("full"));
    int fd = listen_at(&address, sizeof address);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    notify_open();
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int refused = dup(fd);
    notify_watchdog();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(refused, -1);
    expect(fd, "WATCHDOG=1");
    close(fd);
}

static void test_an_abstract_name(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int length = snprintf(name, sizeof name, "@armwatch-test-%ld", (long)getpid());
    memcpy(address.sun_path + 1, name + 1, (size_t)length - 1);
    int fd =
        listen_at(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length));
    setenv("NOTIFY_SOCKET", name, 1);
    notify_watchdog();
    expect(fd, "WATCHDOG=1");
    close(fd);
}

static void test_no_manager(void **state)
{
    unsetenv("NOTIFY_SOCKET");
    notify_ready("x");
    setenv("NOTIFY_SOCKET", "relative", 1);
    notify_ready("x");
    char path[300];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    setenv("NOTIFY_SOCKET", path, 1);
    notify_ready("x");
}

static void test_watchdog_interval(void **state)
{
    char pid[32];
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    assert_int_equal(notify_watchdog_interval_ns(), 0);
    setenv("WATCHDOG_USEC", "10000000", 1);
    assert_int_equal(notify_watchdog_interval_ns(), INT64_C(10000000000));
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_interval_ns(), 0); /* meant for another process */
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_interval_ns(), INT64_C(10000000000));
    setenv("WATCHDOG_USEC", "-5", 1);
    assert_int_equal(notify_watchdog_interval_ns(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path),
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_without_descriptors),
        cmocka_unit_test(test_an_abstract_name),
        cmocka_unit_test(test_no_manager),
        cmocka_unit_test(test_watchdog_interval),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}

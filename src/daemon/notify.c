#include "daemon/notify.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_fd = -1; /* of the process */

void notify_open(void)
{
    if (notify_fd < 0 && getenv("NOTIFY_SOCKET"))
        notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void send_text(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof address.sun_path)
        return;
    size_t length = strlen(path);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* abstract name space */
    notify_open();
    if (notify_fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    /* A lost notification is repeated by the next one; a manager that misses them all acts on that.
     */
    ssize_t ignored =
        sendto(notify_fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    (void)ignored;
}

void notify_ready(const char *status)
{
    char text[512];
    snprintf(text, sizeof text, "READY=1\nMAINPID=%ld\nSTATUS=%s", (long)getpid(), status);
    send_text(text);
}

void notify_reloading(void)
{
    char text[96];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(clock_monotonic_ns() / 1000));
    send_text(text);
}

void notify_stopping(void)
{
    send_text("STOPPING=1");
}

void notify_watchdog(void)
{
    send_text("WATCHDOG=1");
}

void notify_status(const char *status)
{
    char text[512];
    snprintf(text, sizeof text, "STATUS=%s", status);
    /* A second line would be an assignment of its own, and a part of this comes from the broker. */
    for (char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20)
            *at = ' ';
    }
    send_text(text);
}

int64_t notify_watchdog_interval_ns(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    long long value = strtoll(usec, NULL, 10);
    return value > 0 ? value * 1000 : 0;
}

/*
 * notify: the service manager's notification protocol (sd_notify(3)), without libsystemd.
 *
 * Thread: the loop. A datagram to $NOTIFY_SOCKET; nothing happens where that is not set.
 */
#ifndef ARMWATCH_DAEMON_NOTIFY_H
#define ARMWATCH_DAEMON_NOTIFY_H

#include <stdint.h>

/* Opens the socket, so that a process that has run out of descriptors can still say that it lives.
 * The others open it if that was not called. */
void notify_open(void);

void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
void notify_watchdog(void);
void notify_status(const char *status);

/* The interval in which notify_watchdog is due, from $WATCHDOG_USEC and $WATCHDOG_PID; 0: no
 * watchdog. */
int64_t notify_watchdog_interval_ns(void);

#endif

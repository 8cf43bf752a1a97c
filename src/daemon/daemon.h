/*
 * daemon: wires the path of a sample together and keeps it running: client, intake, scorer,
 * episodes, outbox, control.
 */
#ifndef ARMWATCH_DAEMON_DAEMON_H
#define ARMWATCH_DAEMON_DAEMON_H

#include "base/diag.h"
#include "config/config.h"

/* Runs until SIGTERM or SIGINT. The configuration is taken. Returns 0 after a clean stop.
 * Errors, before anything was started, with the reason in diag: -EINVAL a model or secret is not
 * usable, -ENOMEM, ... */
int daemon_run(struct config *config, struct diag *diag);

#endif

/*
 * state.json holds which models were chosen, which robots are suspended, and what Home Assistant
 * was told. It is written whole, whenever one of them changes.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is beside the assignments. The text is taken. */
static char *add_rest(struct daemon *daemon, char *text)
{
    text = suspensions_save(&daemon->fleet.suspensions, text, clock_realtime_ns(),
                            clock_monotonic_ns());
    return discovery_save(&daemon->discovery, text);
}

void daemon_save(void *user)
{
    struct daemon *daemon = user;
    char *text = assignments_format_state(&daemon->fleet.assignments);
    saved_state_write(&daemon->saved, add_rest(daemon, text));
}

void daemon_tell_discovery(struct daemon *daemon, bool again)
{
    if (discovery_tick(&daemon->discovery, again))
        daemon_save(daemon);
}

void daemon_save_choice(void *user)
{
    struct daemon *daemon = user;
    daemon->service.troubles &= ~(1U << SERVICE_MODEL); /* an operator has chosen anew */
    daemon_save(daemon);
}

/* What was saved under another configuration must not come back with that configuration; and what
 * this start took into use is accepted from now on. */
static void replace_outdated_state(struct daemon *daemon, const char *saved, bool warned)
{
    char *present =
        add_rest(daemon, assignments_format_start(&daemon->fleet.assignments, saved, warned));
    if (present && (!saved || strcmp(present, saved) != 0))
        saved_state_write(&daemon->saved, present);
    else
        free(present);
}

int daemon_restore(struct daemon *daemon, struct diag *diag)
{
    struct assignments assignments;
    struct diag warning = DIAG_INIT;
    char *state;
    if (saved_state_init(&daemon->saved, &daemon->loop, daemon->config->state_directory, &state) <
        0)
        return diag_errno(diag, ENOMEM, "state");
    int r = assignments_start(&assignments, daemon->config, state, &warning, diag);
    if (*warning.text) {
        log_warning("%s", warning.text);
        daemon->service.troubles |= 1U << SERVICE_MODEL;
    }
    if (r == 0 &&
        (r = fleet_init(&daemon->fleet, &daemon->loop, daemon->config, &assignments)) < 0) {
        assignments_deinit(&assignments);
        diag_errno(diag, r, "fleet");
    }
    if (r == 0 && suspensions_load(&daemon->fleet.suspensions, state, clock_realtime_ns(),
                                   clock_monotonic_ns()) < 0)
        r = diag_errno(diag, ENOMEM, "suspensions");
    if (r == 0 && discovery_load(&daemon->discovery, state) < 0)
        r = diag_errno(diag, ENOMEM, "discovery");
    if (r == 0 && (r = commissioning_open(&daemon->fleet.commissioning, &daemon->loop,
                                          daemon->config->state_directory)) < 0)
        diag_errno(diag, r, "commissioning");
    if (r == 0)
        replace_outdated_state(daemon, state, *warning.text);
    free(state);
    return r;
}

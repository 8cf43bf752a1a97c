/*
 * The scorer ends first, so that the last windows still raise what they must; then what is to be
 * told is sent for at most a second; then everything closes, each step called by the end of the one
 * before, and the loop must end up empty.
 */
#include "base/log.h"
#include "daemon/daemon_internal.h"
#include "daemon/message.h"
#include "daemon/notify.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define FAREWELL_MS 1000 /* for the last messages */
#define STOP_MS 4000     /* then the process ends, whatever hangs */

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_client_stopped(void *user)
{
    struct daemon *daemon = user;
    uv_handle_t *handles[] = {(uv_handle_t *)&daemon->on_term,  (uv_handle_t *)&daemon->on_int,
                              (uv_handle_t *)&daemon->on_hup,   (uv_handle_t *)&daemon->tick,
                              (uv_handle_t *)&daemon->farewell, (uv_handle_t *)&daemon->stop_guard};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        close_handle(handles[i]);
    operations_stop(&daemon->operations);
    model_watch_stop(&daemon->watch);
}

static void on_partitions_stopped(void *user)
{
    struct daemon *daemon = user;
    struct mqtt_client *client = daemon->client;
    daemon->client = NULL;
    mqtt_client_stop(client, on_client_stopped, daemon);
}

/* Nothing is told any more: another instance may go on at once. */
static void on_evidence_stopped(void *user)
{
    struct daemon *daemon = user;
    partitions_stop(&daemon->partitions, on_partitions_stopped, daemon);
}

static void on_journal_stopped(void *user)
{
    struct daemon *daemon = user;
    evidence_stop(&daemon->evidence, on_evidence_stopped, daemon);
}

/* Looks every 10 ms whether everything was told. */
static void on_farewell(uv_timer_t *handle)
{
    struct daemon *daemon = handle->data;
    bool told = outbox_count(daemon->publisher.outbox) == 0 || !mqtt_client_online(daemon->client);
    partitions_alive(&daemon->partitions); /* its leases are of use until then */
    bool late = uv_timer_get_due_in(&daemon->stop_guard) < STOP_MS - FAREWELL_MS;
    if ((!told && !late) || daemon->phase != PHASE_FAREWELL)
        return;
    daemon->phase = PHASE_CLOSING;
    uv_timer_stop(&daemon->farewell);
    daemon->publisher.client = NULL;
    recovery_stop(&daemon->recovery, on_journal_stopped, daemon);
}

/* A job in libuv's pool cannot be stopped: a name look-up can hang for long. Nothing is lost by not
 * waiting for it, nor for a scorer that no longer answers. */
static void on_stop_guard(uv_timer_t *handle)
{
    log_error("stopping took over %d ms: a thread hangs; ending anyway", STOP_MS);
    _exit(0);
}

static void on_scorer_stopped(void *user)
{
    struct daemon *daemon = user;
    daemon->scorer = daemon->fleet.scorer = NULL;
    fleet_abandon_swap(&daemon->fleet);
    commissioning_flush(&daemon->fleet.commissioning);
    for (size_t i = 0; i < daemon->fleet.count; i++)
        evidence_finish(&daemon->evidence, daemon->fleet.robot[i]);
    operations_stop(&daemon->operations);
    char *text = message_print(service_status(&daemon->service, true));
    if (text)
        publisher_status(&daemon->publisher, text);
    cJSON_free(text);
    daemon->phase = PHASE_FAREWELL;
    uv_timer_start(&daemon->farewell, on_farewell, 0, 10);
}

static void stop_http(struct daemon *daemon)
{
    http_stop(daemon->http);
    daemon->http = NULL;
    daemon->service.http = NULL;
}

void daemon_on_stop_signal(uv_signal_t *handle, int signum)
{
    struct daemon *daemon = handle->data;
    if (daemon->phase != PHASE_RUNNING || !daemon->scorer)
        return;
    log_info("stopping (%s)", signum == SIGTERM ? "SIGTERM" : "SIGINT");
    notify_stopping();
    uv_timer_start(&daemon->stop_guard, on_stop_guard, STOP_MS, 0);
    uv_timer_stop(&daemon->tick);
    stop_http(daemon);
    daemon->fleet.swap.stopping = true;
    struct scorer *scorer = daemon->scorer;
    daemon->phase = PHASE_FAREWELL;
    scorer_stop(scorer, on_scorer_stopped, daemon);
}

void daemon_free(struct daemon *daemon)
{
    control_deinit(&daemon->control);
    evidence_deinit(&daemon->evidence);
    operations_deinit(&daemon->operations);
    discovery_deinit(&daemon->discovery);
    partitions_deinit(&daemon->partitions);
    saved_state_deinit(&daemon->saved);
    fleet_deinit(&daemon->fleet);
    assembly_deinit(&daemon->assembly); /* the robots' assemblers were made by its rules */
    publisher_deinit(&daemon->publisher);
    config_free(daemon->config);
    free(daemon);
}

/* A start that failed half-way: nothing has run yet, so the loop only has to get rid of what was
 * opened. */
void daemon_undo_start(struct daemon *daemon)
{
    stop_http(daemon);
    if (daemon->client)
        mqtt_client_stop(daemon->client, NULL, NULL);
    daemon->client = daemon->publisher.client = NULL;
    if (daemon->publisher.journal)
        recovery_stop(&daemon->recovery, NULL, NULL);
    if (daemon->scorer) {
        scorer_stop(daemon->scorer, NULL, NULL);
        if (daemon->tick.loop) /* the handles were made */
            on_client_stopped(daemon);
    }
    daemon->scorer = daemon->fleet.scorer = NULL;
}

/*
 * Start: models are read, the scorer starts, then the client; READY does not wait for a broker.
 * Stop: the scorer ends first, so that the last windows still raise what they must; then what is to
 * be told is sent for at most a second; then everything closes and the loop must end up empty.
 */
#include "daemon/daemon.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/assembly.h"
#include "daemon/broker.h"
#include "daemon/context.h"
#include "daemon/control.h"
#include "daemon/discovery.h"
#include "daemon/evidence.h"
#include "daemon/fleet.h"
#include "daemon/http.h"
#include "daemon/intake.h"
#include "daemon/maintenance.h"
#include "daemon/message.h"
#include "daemon/model_watch.h"
#include "daemon/notify.h"
#include "daemon/operations.h"
#include "daemon/partitions.h"
#include "daemon/publisher.h"
#include "daemon/recovery.h"
#include "daemon/saved_state.h"
#include "daemon/scorer.h"
#include "daemon/service.h"
#include "daemon/silence.h"
#include "nn/blas.h"
#include "nn/dense_stream.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 250
#define FAREWELL_MS 1000 /* for the last messages */
#define STOP_MS 4000     /* then the process ends, whatever hangs */
#define SAME_REASON_NS (60 * CLOCK_NS_PER_S)

enum phase { PHASE_RUNNING, PHASE_FAREWELL, PHASE_CLOSING };

struct daemon {
    uv_loop_t loop;
    struct config *config;
    struct mqtt_client *client;
    struct scorer *scorer;
    struct fleet fleet;
    struct publisher publisher;
    struct intake intake;
    struct assembly assembly;
    struct evidence evidence;
    struct control control;
    struct operations operations;
    struct service service;
    struct silence silence;
    struct recovery recovery;
    struct http *http; /* NULL: off, or closed */
    struct discovery discovery;
    struct partitions partitions;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t tick, farewell, stop_guard;
    enum phase phase;
    int64_t watchdog_ns, watchdog_next_ns;
    struct saved_state saved;
    char offline_reason[600]; /* as it was logged last */
    int64_t offline_again_ns; /* when the same one is worth another line */
    struct model_watch watch;
};

/* What is beside the assignments. The text is taken. */
static char *add_rest(struct daemon *daemon, char *text)
{
    text = suspensions_save(&daemon->fleet.suspensions, text, clock_realtime_ns(),
                            clock_monotonic_ns());
    return discovery_save(&daemon->discovery, text);
}

static void save_present(void *user)
{
    struct daemon *daemon = user;
    char *text = assignments_format_state(&daemon->fleet.assignments);
    saved_state_write(&daemon->saved, add_rest(daemon, text));
}

static void tell_discovery(struct daemon *daemon, bool again)
{
    if (discovery_tick(&daemon->discovery, again))
        save_present(daemon);
}

static void save_state(void *user)
{
    struct daemon *daemon = user;
    daemon->service.troubles &= ~(1U << SERVICE_MODEL); /* an operator has chosen anew */
    save_present(daemon);
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

/* ---- results ---- */

static bool is_parted(const struct daemon *daemon)
{
    return daemon->intake.partitions != NULL;
}

static bool is_ours(const struct daemon *daemon, const struct robot *robot)
{
    return !is_parted(daemon) || partitions_own_robot(&daemon->partitions, robot);
}

/* For metrics and the page. */
static void note_score(struct daemon *daemon, struct robot *robot,
                       const struct scorer_result *result, int64_t now_ns)
{
    latency_push(&daemon->service.latency, result->scored_ns - result->received_ns);
    score_ring_push(&robot->scores, robot->score, now_ns);
    for (size_t d = 0; d < result->score.detectors; d++)
        robot->detector_score[d] =
            result->score.detector[d].evaluated ? result->score.detector[d].score : -1;
}

static void on_result(void *user, const struct scorer_result *result)
{
    struct daemon *daemon = user;
    struct robot *robot = daemon->fleet.robot[result->robot];
    int64_t now_ns = clock_monotonic_ns();
    bool left = result->epoch < robot->first_epoch || !is_ours(daemon, robot);
    robot->pending -= !result->shadow;
    if (left)
        return; /* perhaps to come back */
    if (result->shadow) {
        shadows_result(robot, result, now_ns);
        return;
    }
    bool muted = context_suspended(robot, now_ns) || result->epoch <= robot->muted_epoch;
    double ratio = -1;
    if (result->scored && result->score.detectors == robot->alert.detectors) {
        double thresholds[MODEL_DETECTORS_MAX];
        for (size_t d = 0; d < robot->alert.detectors; d++)
            thresholds[d] = robot->alert.trigger[d].threshold;
        ratio = score_ratio(&result->score, thresholds, NULL);
    }
    robot_count_window(robot, ratio >= 0, now_ns);
    if (result->scored && result->score.nonfinite) {
        robot->counters.nonfinite++;
        robot_note_trouble(robot, ROBOT_NONFINITE, now_ns);
    }
    if (ratio < 0) {
        alert_unjudged(&robot->alert);
        probation_result(&daemon->fleet, robot, false, result->scored && result->score.nonfinite,
                         ALERT_NONE);
        return;
    }
    robot->counters.scored++;
    robot->score = ratio;
    note_score(daemon, robot, result, now_ns);
    robot->scored |= result->epoch == robot->epoch;
    if (result->epoch != robot->alert_epoch) {
        robot->alert_epoch = result->epoch;
        alert_restart(&robot->alert);
    }
    evidence_score(&daemon->evidence, robot, &result->score, ratio);
    enum alert_transition transition = alert_push(&robot->alert, &result->score, muted);
    if (!robot->suspended)
        commissioning_push(&daemon->fleet.commissioning, robot, &result->score);
    stability_push_score(&robot->stability, &result->score);
    publisher_score(&daemon->publisher, robot, &result->score, now_ns);
    publisher_alert(&daemon->publisher, robot, ALERT_ANOMALY, transition, now_ns);
    if (robot->shadow)
        shadow_track_live(robot->shadow, robot, result, ratio, transition);
    probation_result(&daemon->fleet, robot, true, result->score.nonfinite, transition);
}

static void on_set(void *user, uint64_t generation, bool ok, const char *reason)
{
    struct daemon *daemon = user;
    fleet_on_set(&daemon->fleet, generation, ok, reason);
}

static void on_candidate(void *user, uint32_t shadow, const char *reason)
{
    struct daemon *daemon = user;
    shadows_refuse(&daemon->fleet, shadow, reason);
}

static const struct scorer_handlers scorer_handlers = {
    .on_result = on_result, .on_set = on_set, .on_candidate = on_candidate};

/* ---- broker ---- */

static void on_online(void *user)
{
    struct daemon *daemon = user;
    int64_t now_ns = clock_monotonic_ns();
    log_info("broker: connected");
    daemon->service.connects++;
    daemon->offline_again_ns = 0;
    publisher_tick(&daemon->publisher, true, now_ns);
    if (daemon->phase != PHASE_RUNNING)
        return; /* only what is left is to be told */
    silence_listen(&daemon->silence, true, now_ns);
    if (is_parted(daemon))
        partitions_listen(&daemon->partitions, true, now_ns);
    assembly_missed(&daemon->assembly);
    daemon->service.takeovers = mqtt_client_takeovers(daemon->client);
    daemon->service.troubles &= ~(1U << SERVICE_SUBSCRIPTION); /* they were sent again */
    service_publish(&daemon->service, true, now_ns);
    /* The broker may have lost what it retained. */
    for (size_t i = 0; i < daemon->fleet.count; i++)
        publisher_state(&daemon->publisher, daemon->fleet.robot[i], true, now_ns);
    tell_discovery(daemon, true);
}

static void on_offline(void *user, const char *reason)
{
    struct daemon *daemon = user;
    int64_t now_ns = clock_monotonic_ns();
    silence_listen(&daemon->silence, false, now_ns);
    if (is_parted(daemon))
        partitions_listen(&daemon->partitions, false, now_ns);
    if (now_ns < daemon->offline_again_ns && !strcmp(reason, daemon->offline_reason))
        return; /* every three seconds, for hours */
    daemon->offline_again_ns = now_ns + SAME_REASON_NS;
    snprintf(daemon->offline_reason, sizeof daemon->offline_reason, "%s", reason);
    log_warning("broker: %s", reason);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct daemon *daemon = user;
    if (daemon->phase != PHASE_RUNNING)
        return;
    if (!strcmp(message->topic, daemon->publisher.control_topic))
        control_message(&daemon->control, message);
    else if (!intake_message(&daemon->intake, message) &&
             !assembly_message(&daemon->assembly, message) &&
             !(is_parted(daemon) && partitions_message(&daemon->partitions, message)))
        log_debug("a message on %s belongs to nobody", message->topic);
}

static void on_drained(void *user)
{
    struct daemon *daemon = user;
    if (daemon->phase != PHASE_RUNNING)
        return;
    fleet_post_if_dirty(&daemon->fleet);
    scorer_wake(daemon->scorer);
    scorer_collect(daemon->scorer);
}

static void on_ack(void *user, uint64_t token, int reason)
{
    struct daemon *daemon = user;
    uint64_t before = outbox_refused(daemon->publisher.outbox);
    outbox_ack(daemon->publisher.outbox, token, reason, clock_monotonic_ns());
    uint64_t refused = outbox_refused(daemon->publisher.outbox);
    if (refused != before && log_is_due(refused))
        log_error("broker: a publish was refused (reason %d, %llu so far): has %s the right to "
                  "write its topics?",
                  reason, (unsigned long long)refused, daemon->config->mqtt.client_id);
    if (daemon->client)
        outbox_flush(daemon->publisher.outbox, daemon->client);
}

static void on_refused(void *user, const char *filter, int reason)
{
    struct daemon *daemon = user;
    if (strcmp(filter, daemon->publisher.control_topic) != 0)
        silence_listen(&daemon->silence, false, clock_monotonic_ns());
    daemon->service.troubles |= 1U << SERVICE_SUBSCRIPTION;
    log_error(
        "broker: the subscription to %s was refused (reason %d): has %s the right to read it?",
        filter, reason, daemon->config->mqtt.client_id);
}

static const struct mqtt_handlers mqtt_handlers = {.on_online = on_online,
                                                   .on_offline = on_offline,
                                                   .on_message = on_message,
                                                   .on_oversize = on_message,
                                                   .on_drained = on_drained,
                                                   .on_ack = on_ack,
                                                   .on_refused = on_refused};

static int subscribe(struct daemon *daemon)
{
    int r = intake_subscribe(&daemon->intake, daemon->client);
    if (r == 0)
        r = assembly_subscribe(&daemon->assembly, daemon->client);
    if (r == 0)
        r = mqtt_client_subscribe(daemon->client, daemon->publisher.control_topic,
                                  1 | MQTT_RETAIN_AS_PUBLISHED);
    return r;
}

static int make_client(struct daemon *daemon, struct diag *diag)
{
    char *text = message_print(service_status(&daemon->service, true));
    const struct broker_will will = {.topic = daemon->publisher.status_topic, .text = text};
    int r = text ? broker_connect(&daemon->loop, daemon->config, &will, &mqtt_handlers, daemon,
                                  &daemon->client, diag)
                 : diag_errno(diag, ENOMEM, "status");
    cJSON_free(text);
    if (r < 0)
        return r;
    daemon->publisher.client = daemon->client;
    r = subscribe(daemon);
    return r < 0 ? diag_errno(diag, r, "subscriptions") : 0;
}

static int start_client(struct daemon *daemon, struct diag *diag)
{
    int r = make_client(daemon, diag);
    if (r < 0 || !is_parted(daemon))
        return r;
    return partitions_start(&daemon->partitions, &daemon->loop, daemon->client, diag);
}

/* The library sends again, after a reconnect, what was not acknowledged: states of robots, too,
 * that are another instance's since. With another client the outbox is asked what may still be
 * told. */
static void replace_client(struct daemon *daemon)
{
    struct mqtt_client *old = daemon->client;
    struct diag diag = DIAG_INIT;
    daemon->partitions.under_way = false;
    if (make_client(daemon, &diag) < 0 || partitions_use(&daemon->partitions, daemon->client) < 0) {
        log_error("broker: the client cannot be replaced: %s", diag.text);
        if (daemon->client != old)
            mqtt_client_abandon(daemon->client);
        daemon->client = daemon->publisher.client = daemon->partitions.client = old;
        return;
    }
    log_warning("broker: a lease has ended while messages were under way: connecting anew");
    mqtt_client_abandon(old);
    outbox_resend(daemon->publisher.outbox);
    on_offline(daemon, "connecting anew");
}

/* ---- time ---- */

/* Without a broker the message that waits says it all; hours of repetitions would fill the outbox
 * and leave no room for the next alert. Of a robot that is not judged nothing new is known. */
static void assert_again(struct daemon *daemon, struct robot *robot, int64_t now_ns)
{
    if (!mqtt_client_online(daemon->client) || robot->suspended)
        return;
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        double asserted_s = (double)(now_ns - robot->alerts[kind].last_assert_ns) / 1e9;
        bool judged = kind == ALERT_SILENT || !robot->gated;
        if (judged && robot_episode(robot, (enum alert_kind)kind)->open &&
            asserted_s >= daemon->config->alerts.reassert_s)
            publisher_assert(&daemon->publisher, robot, (enum alert_kind)kind, now_ns);
    }
}

static void tick_robot(struct daemon *daemon, struct robot *robot, int64_t now_ns)
{
    if (robot->absent)
        return;
    double limit_s = daemon->config->input.stale_periods * robot->model->period_s;
    double quiet_s = (double)(now_ns - robot->last_arrival_ns) / 1e9;
    robot->stale = quiet_s > (limit_s > 1 ? limit_s : 1);
    if (robot->stale)
        robot_heard_nothing(robot, now_ns);
    if (robot->stale && robot->commissioning)
        robot->commissioning->quiet = true;
    context_suspended(robot, now_ns);
    assert_again(daemon, robot, now_ns);
    if (!robot->suspended)
        publisher_retry(&daemon->publisher, robot, now_ns);
    evidence_tick_robot(&daemon->evidence, robot, now_ns);
    publisher_state(&daemon->publisher, robot, false, now_ns);
}

/* The watchdog is fed only while both threads work; a scorer without work counts as working. One
 * that stalls is not fed from the first second on, so that it is ended little later than a stalled
 * loop: only a whole watchdog interval without progress ends the daemon, a long batch does not. */
static void feed_watchdog(struct daemon *daemon, int64_t now_ns)
{
    if (daemon->watchdog_ns == 0 || now_ns < daemon->watchdog_next_ns ||
        scorer_stalled_s(daemon->scorer) > SCORER_STALLED_S)
        return;
    daemon->watchdog_next_ns = now_ns + daemon->watchdog_ns / 4;
    notify_watchdog();
}

static void on_tick(uv_timer_t *handle)
{
    struct daemon *daemon = handle->data;
    int64_t now_ns = clock_monotonic_ns();
    uint64_t jumps = daemon->intake.clock.jumps;
    intake_tick(&daemon->intake, clock_realtime_ns(), clock_monotonic_ns());
    if (is_parted(daemon))
        partitions_tick(&daemon->partitions, now_ns);
    if (daemon->partitions.under_way)
        replace_client(daemon);
    maintenance_tick(&daemon->fleet, now_ns);
    if (jumps != daemon->intake.clock.jumps && daemon->fleet.suspensions.count > 0)
        save_present(daemon); /* their ends have other names now */
    for (size_t i = 0; i < daemon->fleet.count; i++)
        tick_robot(daemon, daemon->fleet.robot[i], now_ns);
    if (saved_state_is_due(&daemon->saved, now_ns))
        save_present(daemon);
    commissioning_tick(&daemon->fleet.commissioning, now_ns);
    publisher_tick(&daemon->publisher, false, now_ns);
    silence_tick(&daemon->silence, daemon->config->input.silent_s, now_ns);
    recovery_tick(&daemon->recovery, clock_realtime_ns(), now_ns);
    operations_tick(&daemon->operations, now_ns);
    assembly_tick(&daemon->assembly, now_ns);
    http_tick(daemon->http, now_ns);
    log_tick();
    evidence_tick(&daemon->evidence, now_ns);
    tell_discovery(daemon, false);
    service_publish(&daemon->service, false, now_ns);
    feed_watchdog(daemon, now_ns);
}

/* ---- signals ---- */

static void apply_config(struct daemon *daemon, struct config *config)
{
    char changed[256];
    struct config *old = daemon->config;
    config_keep_fixed(config, old, changed, sizeof changed);
    if (*changed)
        log_warning("configuration: these keys take effect at the next start: %s", changed);
    daemon->config = config;
    daemon->publisher.config = daemon->intake.config = daemon->service.config = config;
    daemon->evidence.config = config;
    daemon->partitions.config = config;
    enum log_level level = LOG_LEVEL_INFO;
    log_level_parse(config->log.level, &level);
    log_set_level(level);
    fleet_set_config(&daemon->fleet, config);
    if (!conditions_same(&config->input.gate, &old->input.gate))
        assembly_renew(&daemon->assembly);
    tell_discovery(daemon, true);
    config_free(old);
}

static void on_sighup(uv_signal_t *handle, int signum)
{
    struct daemon *daemon = handle->data;
    struct diag diag = DIAG_INIT;
    struct config *config = NULL;
    struct trust trust;
    if (daemon->phase != PHASE_RUNNING)
        return;
    notify_reloading();
    if (config_load(daemon->config->path, &config, &diag) < 0 ||
        assignments_read_trust(config, &trust, &diag) < 0) {
        log_error("configuration not changed: %s", diag.text);
        config_free(config);
    } else {
        fleet_set_trust(&daemon->fleet, &trust);
        apply_config(daemon, config);
        log_info("configuration read again");
    }
    notify_ready("running");
    *daemon->service.line = '\0';
}

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

static void on_stop_signal(uv_signal_t *handle, int signum)
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

/* ---- start ---- */

static int start_models(struct daemon *daemon, struct diag *diag)
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

static int start_operations(struct daemon *daemon, struct diag *diag)
{
    daemon->operations.fleet = &daemon->fleet;
    daemon->operations.publisher = &daemon->publisher;
    daemon->operations.state = &daemon->saved;
    daemon->control.operations = &daemon->operations;
    int r = operations_init(&daemon->operations, &daemon->loop, daemon->config->state_directory);
    return r < 0 ? diag_errno(diag, r, "operations") : 0;
}

static void wire_partitions(struct daemon *daemon)
{
    struct partitions *partitions = &daemon->partitions;
    partitions_init(partitions, daemon->config);
    partitions->fleet = &daemon->fleet;
    partitions->intake = &daemon->intake;
    partitions->publisher = partitions->takeover.publisher = &daemon->publisher;
    daemon->intake.partitions = partitions;
    daemon->service.partitions = partitions;
    daemon->recovery.takeover = &partitions->takeover;
}

static void wire(struct daemon *daemon)
{
    daemon->fleet.on_state_changed = save_state;
    daemon->fleet.on_suspended = save_present;
    daemon->fleet.user = daemon;
    daemon->intake.config = daemon->service.config = daemon->config;
    daemon->intake.fleet = daemon->service.fleet = daemon->control.fleet = &daemon->fleet;
    daemon->silence.fleet = daemon->recovery.fleet = &daemon->fleet;
    daemon->discovery.fleet = &daemon->fleet;
    daemon->recovery.publisher = daemon->discovery.publisher = &daemon->publisher;
    daemon->silence.publisher = daemon->intake.publisher = &daemon->publisher;
    daemon->service.silence = &daemon->silence;
    daemon->service.intake = &daemon->intake;
    daemon->service.assembly = &daemon->assembly;
    daemon->service.saved = &daemon->saved;
    daemon->service.evidence = &daemon->evidence;
    daemon->service.control = &daemon->control;
    daemon->service.publisher = daemon->control.publisher = &daemon->publisher;
    host_clock_init(&daemon->intake.clock, clock_realtime_ns(), clock_monotonic_ns());
    daemon->service.since_ns = daemon->service.began_ns = clock_realtime_ns();
    daemon->service.started_ns = clock_monotonic_ns();
    if (daemon->config->partitions.count > 0)
        wire_partitions(daemon);
}

static cJSON *control_status(void *user)
{
    struct daemon *daemon = user;
    return service_status(&daemon->service, false);
}

static void start_handles(struct daemon *daemon)
{
    uv_loop_t *loop = &daemon->loop;
    uv_signal_init(loop, &daemon->on_term);
    uv_signal_init(loop, &daemon->on_int);
    uv_signal_init(loop, &daemon->on_hup);
    uv_timer_init(loop, &daemon->tick);
    uv_timer_init(loop, &daemon->farewell);
    uv_timer_init(loop, &daemon->stop_guard);
    daemon->on_term.data = daemon->on_int.data = daemon->on_hup.data = daemon;
    daemon->tick.data = daemon->farewell.data = daemon->stop_guard.data = daemon;
    uv_signal_start(&daemon->on_term, on_stop_signal, SIGTERM);
    uv_signal_start(&daemon->on_int, on_stop_signal, SIGINT);
    uv_signal_start(&daemon->on_hup, on_sighup, SIGHUP);
    uv_timer_start(&daemon->tick, on_tick, TICK_MS, TICK_MS);
    operations_start(&daemon->operations, loop);
}

/* A directory that cannot be watched can still be read when it is asked for. */
static void start_watch(struct daemon *daemon)
{
    struct diag diag = DIAG_INIT;
    if (daemon->config->models.watch &&
        model_watch_start(&daemon->watch, &daemon->fleet, &diag) < 0)
        log_error("models.watch: %s", diag.text);
}

static int start(struct daemon *daemon, struct diag *diag)
{
    int r = start_models(daemon, diag);
    r = r ? r : start_operations(daemon, diag);
    if (r < 0)
        return r;
    wire(daemon);
    daemon->control.status = control_status;
    daemon->control.user = daemon;
    r = assembly_init(&daemon->assembly, &daemon->intake, diag);
    if (r < 0)
        return r;
    r = publisher_init(&daemon->publisher, daemon->config);
    daemon->publisher.evidence = &daemon->evidence;
    if (r == 0)
        r = evidence_init(&daemon->evidence, &daemon->loop, daemon->config);
    if (r == 0)
        r = scorer_start(&daemon->loop, &scorer_handlers, daemon, &daemon->scorer);
    if (r < 0)
        return diag_errno(diag, r, "start");
    daemon->publisher.partitions = daemon->intake.partitions;
    daemon->fleet.scorer = daemon->scorer;
    r = recovery_start(&daemon->recovery, &daemon->loop, daemon->config->state_directory);
    if (r < 0)
        return diag_errno(diag, r, "journal");
    start_handles(daemon);
    start_watch(daemon);
    r = http_start(&daemon->loop, &daemon->service, &daemon->http);
    if (r < 0)
        return diag_errno(diag, r, "http");
    daemon->service.http = daemon->http;
    return start_client(daemon, diag);
}

static void free_daemon(struct daemon *daemon)
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
static void undo_start(struct daemon *daemon)
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

int daemon_run(struct config *config, struct diag *diag)
{
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (!daemon) {
        config_free(config);
        return diag_errno(diag, ENOMEM, "start");
    }
    daemon->config = config;
    notify_open();
    json_watch_memory();
    /* A disk that stalls holds up to four jobs; a name look-up must not wait for it. */
    setenv("UV_THREADPOOL_SIZE", "8", 0);
    int r = uv_loop_init(&daemon->loop);
    if (r < 0) {
        free_daemon(daemon);
        return diag_errno(diag, r, "start");
    }
    signal(SIGPIPE, SIG_IGN);
    r = start(daemon, diag);
    if (r < 0) {
        undo_start(daemon);
    } else {
        daemon->watchdog_ns = notify_watchdog_interval_ns();
        log_info("armwatchd %s: instance %s, %zu models, broker %s", ARMWATCH_VERSION,
                 config->instance, daemon->fleet.assignments.count, config->mqtt.url);
        log_info("inference: OpenBLAS (%s, %d thread), a single window %s", blas_core_name(),
                 blas_threads(), dense_stream_suits() ? "by AVX2" : "as well");
        notify_ready("running");
    }
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    int closed = uv_loop_close(&daemon->loop);
    assert(closed == 0);
    free_daemon(daemon);
    if (r == 0)
        log_info("stopped");
    return r;
}

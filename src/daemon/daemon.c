/*
 * Start: models are read, the scorer starts, then the client; READY does not wait for a broker.
 */
#include "daemon/daemon.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon_internal.h"
#include "daemon/notify.h"
#include "nn/blas.h"
#include "nn/dense_stream.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define TICK_MS 250

/* ---- who knows whom ---- */

static void wire_partitions(struct daemon *daemon)
{
    struct partitions *partitions = &daemon->partitions;
    partitions_init(partitions, daemon->config);
    partitions->fleet = &daemon->fleet;
    partitions->intake = &daemon->intake;
    partitions->publisher = partitions->takeover.publisher = &daemon->publisher;
    daemon->intake.partitions = partitions;
    daemon->service.partitions = partitions;
    daemon->results.partitions = partitions;
    daemon->recovery.takeover = &partitions->takeover;
}

static void wire(struct daemon *daemon)
{
    daemon->fleet.on_state_changed = daemon_save_choice;
    daemon->fleet.on_suspended = daemon_save;
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
    daemon->results.fleet = &daemon->fleet;
    daemon->results.publisher = &daemon->publisher;
    daemon->results.evidence = &daemon->evidence;
    daemon->results.latency = &daemon->service.latency;
    host_clock_init(&daemon->intake.clock, clock_realtime_ns(), clock_monotonic_ns());
    daemon->service.since_ns = daemon->service.began_ns = clock_realtime_ns();
    daemon->service.started_ns = clock_monotonic_ns();
    if (daemon->config->partitions.count > 0)
        wire_partitions(daemon);
}

/* ---- another configuration ---- */

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
    daemon_tell_discovery(daemon, true);
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

/* ---- start ---- */

static int start_operations(struct daemon *daemon, struct diag *diag)
{
    daemon->operations.fleet = &daemon->fleet;
    daemon->operations.publisher = &daemon->publisher;
    daemon->operations.state = &daemon->saved;
    daemon->control.operations = &daemon->operations;
    int r = operations_init(&daemon->operations, &daemon->loop, daemon->config->state_directory);
    return r < 0 ? diag_errno(diag, r, "operations") : 0;
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
    uv_signal_start(&daemon->on_term, daemon_on_stop_signal, SIGTERM);
    uv_signal_start(&daemon->on_int, daemon_on_stop_signal, SIGINT);
    uv_signal_start(&daemon->on_hup, on_sighup, SIGHUP);
    uv_timer_start(&daemon->tick, daemon_on_tick, TICK_MS, TICK_MS);
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
    int r = daemon_restore(daemon, diag);
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
        r = scorer_start(&daemon->loop, &results_handlers, &daemon->results, &daemon->scorer);
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
    return daemon_connect(daemon, diag);
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
        daemon_free(daemon);
        return diag_errno(diag, r, "start");
    }
    signal(SIGPIPE, SIG_IGN);
    r = start(daemon, diag);
    if (r < 0) {
        daemon_undo_start(daemon);
    } else {
        daemon->watchdog_ns = notify_watchdog_interval_ns();
        log_info("armwatchd %s: instance %s, %zu models, broker %s", ARMWATCH_VERSION,
                 config->instance, daemon->fleet.assignments.count, config->mqtt.url.item[0]);
        log_info("inference: OpenBLAS (%s, %d thread), networks %s", blas_core_name(),
                 blas_threads(), dense_stream_suits() ? "by AVX2" : "by it");
        notify_ready("running");
    }
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    int closed = uv_loop_close(&daemon->loop);
    assert(closed == 0);
    daemon_free(daemon);
    if (r == 0)
        log_info("stopped");
    return r;
}

/*
 * Rows go to the disk every RECORD_FLUSH_S: that is what a kill or a power cut costs at most.
 */
#include "base/clock.h"
#include "cli/cli_mqtt.h"
#include "cli/commands.h"
#include "cli/intake.h"
#include "cli/record_report.h"
#include "cli/record_rows.h"
#include "cli/record_sources.h"
#include "cli/terminal.h"
#include "lab/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 200
#define RECORD_FLUSH_S 5
#define LINE_NS (60 * CLOCK_NS_PER_S)     /* between two lines where there is no terminal */
#define PATIENCE_NS (10 * CLOCK_NS_PER_S) /* without a sample, until that is worth a word */

static const struct cli_option options[] = {
    {"topic", "TOPIC", "where the samples come: {robot} or + for any one robot",
     CLI_MQTT_SAMPLE_TOPIC},
    {"robot", "NAME", "the robot's name: {robot} in the topic", .type = CLI_NAME},
    {"assembler", "FILE", "make samples of single tags by this file, as armwatchd does"},
    {"discover", "TIME", "with --assembler and without --columns: look for channels so long", "10s",
     CLI_DURATION, 0.1, 3600},
    {"out", "FILE", "write FILE.npy (and FILE.time.npy), FILE.csv, or CSV to stdout (-)",
     .required = true},
    {"append", NULL, "go on with a recording that is there, in its last file or the next one"},
    {"resume", NULL, "the same"},
    {"force", NULL, "take the place of a recording that is there"},
    {"columns-out", "FILE", "names of the channels (.npy), for .npy data"},
    {"columns", "FILE", "names of the channels to take (.npy), for samples that bear none"},
    {"duration", "TIME", "end after it, such as 90s, 15min, 2h; else with Ctrl-C",
     .type = CLI_DURATION, .min = 0.1, .max = 1e7},
    {"rows", "N", "end after this many rows", .type = CLI_INTEGER, .min = 1, .max = 1e9},
    {"rate-hz", "HZ", "expected rate, to be shown beside the one that comes", .type = CLI_NUMBER,
     .min = 0.001, .max = 10000},
    {"step-channel", "NAME", "that names the program step, to count cycles", "action"},
    {"false-alarms-per-day", "N", "target of the verdict", "1", CLI_NUMBER, 1e-6, 1e6},
    {"time-unit", "s|ms|us|ns", "unit of times that are numbers", "s", CLI_CHOICE},
    {"all-modes", NULL, "samples of every mode, not only of \"auto\" and of none"},
    {"json", NULL, "what was recorded as one JSON object on stdout"},
    {0}};

struct recorder {
    const struct cli *cli;
    struct cli_mqtt mqtt;
    struct intake intake;
    struct record_rows rows;
    struct record_board board;
    struct record_sources sources; /* map NULL: whole samples */
    uv_timer_t tick;
    char filter[CLI_MQTT_TOPIC_MAX];
    char *topic; /* of the first sample */
    uint64_t retained;
    size_t rows_wanted;
    int64_t duration_ns; /* 0: none */
    int64_t start_ns;    /* 0: not online yet */
    int64_t heard_ns, lined_ns;
    bool terminal, warned, failed;
};

/* ---- rows */

static void fail(struct recorder *recorder, int error, const struct diag *diag)
{
    record_board_clear(&recorder->board);
    recorder->failed = true;
    int code =
        cli_error(recorder->cli, CLI_FAILED, "%s", *diag->text ? diag->text : strerror(-error));
    cli_mqtt_stop(&recorder->mqtt, code);
}

static void flush(struct recorder *recorder)
{
    struct diag diag = DIAG_INIT;
    int r = recorder->failed ? 0 : record_rows_flush(&recorder->rows, &diag);
    if (r < 0)
        fail(recorder, r, &diag);
}

static void follow_rows(struct recorder *recorder)
{
    struct diag diag = DIAG_INIT;
    int r = record_rows_follow(&recorder->rows, &diag);
    if (r < 0)
        fail(recorder, r, &diag);
}

/* ---- samples */

static void say_channels(struct recorder *recorder)
{
    const struct intake *intake = &recorder->intake;
    record_board_clear(&recorder->board);
    cli_note(recorder->cli, "%zu channels%s from %s", intake->recording->channels,
             intake->named ? "" : " without names", recorder->topic);
    if (intake->left_out_count > 0)
        cli_note(recorder->cli, "left out, being no numbers: %s", intake->left_out);
}

static bool is_enough(const struct recorder *recorder)
{
    return recorder->rows_wanted > 0 && recorder->intake.rows >= recorder->rows_wanted;
}

/* first: the message came before the channels were known. result: of taking it. */
static void follow_message(struct recorder *recorder, bool first, int result)
{
    if (result < 0) {
        cli_note(recorder->cli, "%s: ending with what is there", strerror(-result));
        cli_mqtt_stop(&recorder->mqtt, CLI_FAILED);
    }
    if (first && recorder->intake.decoder)
        say_channels(recorder);
    follow_rows(recorder);
    if (is_enough(recorder))
        cli_mqtt_stop(&recorder->mqtt, CLI_DONE);
}

static void end_for_two(struct recorder *recorder, const char *what, const char *one,
                        const char *other)
{
    record_board_clear(&recorder->board);
    cli_mqtt_stop(&recorder->mqtt,
                  cli_error(recorder->cli, CLI_BAD_DATA,
                            "%s %s and %s; a recording holds one robot: name it with --robot%s",
                            what, one, other, recorder->sources.map ? "" : " or --topic"));
}

static void take_tags(struct recorder *recorder, const struct mqtt_message *message)
{
    struct record_sources *sources = &recorder->sources;
    bool first = !recorder->intake.decoder;
    int64_t now_ns = clock_monotonic_ns();
    int r;
    if (recorder->failed || is_enough(recorder) ||
        !record_sources_message(sources, message, now_ns, clock_realtime_ns(), &r))
        return;
    recorder->heard_ns = now_ns;
    if (*sources->other && !cli_given(recorder->cli, "robot"))
        end_for_two(recorder, "tags come of", sources->robot, sources->other);
    else
        follow_message(recorder, first, r);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct recorder *recorder = user;
    if (recorder->sources.map) {
        take_tags(recorder, message);
        return;
    }
    if (message->retained) {
        recorder->retained++;
        return;
    }
    if (!recorder->topic && !(recorder->topic = strdup(message->topic))) {
        cli_mqtt_stop(&recorder->mqtt, cli_fail(recorder->cli, -ENOMEM, NULL));
        return;
    }
    if (strcmp(recorder->topic, message->topic) != 0) {
        end_for_two(recorder, "samples come on", recorder->topic, message->topic);
        return;
    }
    if (recorder->failed || is_enough(recorder))
        return; /* it is being ended */
    bool first = !recorder->intake.decoder;
    recorder->heard_ns = clock_monotonic_ns();
    int r = intake_take(&recorder->intake, message->payload, message->size, clock_realtime_ns());
    follow_message(recorder, first, r);
}

/* ---- time */

static void warn_of_silence(struct recorder *recorder, int64_t now_ns)
{
    bool silent = now_ns - recorder->heard_ns > PATIENCE_NS;
    if (silent && !recorder->warned) {
        record_board_clear(&recorder->board);
        cli_note(recorder->cli, "nothing has come on %s for %d s", recorder->filter,
                 (int)(PATIENCE_NS / CLOCK_NS_PER_S));
    }
    recorder->warned = silent;
}

static double seconds_left(const struct recorder *recorder, double elapsed_s)
{
    double left_s = (double)INFINITY;
    if (recorder->duration_ns > 0)
        left_s = (double)recorder->duration_ns / 1e9 - elapsed_s;
    if (recorder->rows_wanted > 0 && recorder->rows.stats.period_s > 0)
        left_s = fmin(left_s, (double)(recorder->rows_wanted - recorder->intake.rows) *
                                  recorder->rows.stats.period_s);
    return isfinite(left_s) ? fmax(left_s, 0) : -1;
}

static struct record_view view_of(const struct recorder *recorder)
{
    double elapsed_s =
        recorder->start_ns > 0 ? (double)(clock_monotonic_ns() - recorder->start_ns) / 1e9 : 0;
    return (struct record_view){.cli = recorder->cli,
                                .intake = &recorder->intake,
                                .stats = &recorder->rows.stats,
                                .series = &recorder->rows.series,
                                .topic = recorder->topic,
                                .retained = recorder->retained,
                                .losses = recorder->mqtt.losses,
                                .elapsed_s = elapsed_s,
                                .left_s = seconds_left(recorder, elapsed_s)};
}

static void show(struct recorder *recorder, int64_t now_ns)
{
    record_stats_update(&recorder->rows.stats);
    struct record_view view = view_of(recorder);
    if (recorder->terminal) {
        record_board_draw(&recorder->board, &view);
    } else if (now_ns - recorder->lined_ns >= LINE_NS) {
        recorder->lined_ns = now_ns;
        record_report_line(&view);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct recorder *recorder = timer->data;
    int64_t now_ns = clock_monotonic_ns(), elapsed_ns = now_ns - recorder->start_ns;
    warn_of_silence(recorder, now_ns);
    record_sources_tick(&recorder->sources, now_ns, clock_realtime_ns());
    if (now_ns - recorder->rows.flushed_ns >= RECORD_FLUSH_S * CLOCK_NS_PER_S)
        flush(recorder);
    show(recorder, now_ns);
    if (recorder->duration_ns > 0 && elapsed_ns >= recorder->duration_ns)
        cli_mqtt_stop(&recorder->mqtt, CLI_DONE);
}

static void on_online(void *user)
{
    struct recorder *recorder = user;
    if (recorder->start_ns > 0) {
        if (recorder->sources.map)
            record_sources_missed(&recorder->sources);
        return;
    }
    recorder->start_ns = recorder->heard_ns = recorder->rows.flushed_ns = recorder->lined_ns =
        clock_monotonic_ns();
    cli_note(recorder->cli, "waiting for samples on %s", recorder->filter);
    uv_timer_start(&recorder->tick, on_tick, TICK_MS, TICK_MS);
}

static void before_note(void *user)
{
    struct recorder *recorder = user;
    record_board_clear(&recorder->board);
}

static void on_interrupt(void *user)
{
    struct recorder *recorder = user;
    cli_mqtt_stop(&recorder->mqtt, CLI_DONE);
}

/* ---- the end */

static void tell_refused_tags(const struct recorder *recorder)
{
    const struct record_sources *sources = &recorder->sources;
    if (sources->refused > 0)
        cli_note(recorder->cli, "%" PRIu64 " tags or messages refused; the first: %s",
                 sources->refused, sources->refused_text);
}

static int finish(struct recorder *recorder, int code)
{
    record_board_clear(&recorder->board);
    flush(recorder);
    record_series_close(&recorder->rows.series);
    record_stats_update(&recorder->rows.stats);
    tell_refused_tags(recorder);
    struct record_view view = view_of(recorder);
    if (recorder->intake.rows == 0) {
        if (code != CLI_DONE && code != CLI_FAILED)
            return code;
        record_report_oddities(&view);
        return cli_error(recorder->cli, CLI_FAILED, "no sample came on %s: nothing is written",
                         recorder->filter);
    }
    if (recorder->failed)
        return CLI_FAILED;
    int reported = record_report_verdict(&view);
    return code != CLI_DONE ? code : reported;
}

/* ---- the start */

static int read_names(const struct cli *cli, char ***ret_names, size_t *ret_count)
{
    struct diag diag = DIAG_INIT;
    struct npy *npy;
    const char *path = cli_text(cli, "columns");
    int r = path ? npy_open(path, &npy, &diag) : 0;
    if (path && r == 0) {
        r = npy_read_strings(npy, ret_names, ret_count, &diag);
        npy_close(npy);
    }
    return r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
}

/* A filter for which memory is out ends the run. */
static void subscribe_sources(struct recorder *recorder)
{
    const struct source_map *map = recorder->sources.map;
    for (size_t s = 0; s < map->count; s++) {
        char *filter = source_topic_filter(map->sources[s].topic), *upper = NULL;
        int r = filter ? source_sparkplug_filter(&map->sources[s], &upper) : -ENOMEM;
        if (r < 0)
            cli_mqtt_stop(&recorder->mqtt, cli_fail(recorder->cli, r, NULL));
        if (filter)
            cli_mqtt_subscribe(&recorder->mqtt, filter, 0);
        if (upper)
            cli_mqtt_subscribe(&recorder->mqtt, upper, 0);
        free(filter);
        free(upper);
    }
}

static int open_sources(struct recorder *recorder)
{
    const struct cli *cli = recorder->cli;
    const char *path = cli_text(cli, "assembler");
    double rate_hz = cli_number(cli, "rate-hz");
    struct diag diag = DIAG_INIT;
    if (!path)
        return CLI_DONE;
    int r = record_sources_init(&recorder->sources, path, cli_text(cli, "robot"), &recorder->intake,
                                &diag);
    if (r == 0)
        r = record_sources_begin(&recorder->sources, rate_hz > 0 ? 1 / rate_hz : 0,
                                 cli_duration_ns(cli, "discover"), &diag);
    snprintf(recorder->filter, sizeof recorder->filter, "the topics of %s", path);
    recorder->topic = strdup(recorder->filter);
    return r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
}

static int record(struct recorder *recorder)
{
    static const struct cli_mqtt_handlers handlers = {.on_online = on_online,
                                                      .on_message = on_message,
                                                      .before_note = before_note,
                                                      .on_interrupt = on_interrupt};
    const struct cli *cli = recorder->cli;
    int code = cli_mqtt_start(&recorder->mqtt, cli, &handlers, recorder);
    if (code != CLI_DONE)
        return code;
    uv_timer_init(&recorder->mqtt.loop, &recorder->tick);
    recorder->tick.data = recorder;
    if (recorder->sources.map)
        subscribe_sources(recorder);
    else
        cli_mqtt_subscribe(&recorder->mqtt, recorder->filter, 0);
    recorder->sources.client = recorder->mqtt.client;
    return finish(recorder, cli_mqtt_run(&recorder->mqtt));
}

static int find_series(struct recorder *recorder, bool append)
{
    struct diag diag = DIAG_INIT;
    enum record_series_mode mode = append                              ? RECORD_SERIES_APPEND
                                   : cli_given(recorder->cli, "force") ? RECORD_SERIES_FORCE
                                                                       : RECORD_SERIES_NEW;
    int r = record_series_find(&recorder->rows.series, cli_text(recorder->cli, "out"), mode, &diag);
    return r < 0 ? cli_error(recorder->cli, CLI_FAILED, "%s", diag.text) : CLI_DONE;
}

static int run(const struct cli *cli)
{
    struct recorder recorder = {.cli = cli,
                                .rows = {.intake = &recorder.intake,
                                         .step_channel = cli_text(cli, "step-channel"),
                                         .columns_out = cli_text(cli, "columns-out")},
                                .terminal = terminal_is(stderr),
                                .rows_wanted = (size_t)cli_integer(cli, "rows"),
                                .duration_ns = cli_duration_ns(cli, "duration")};
    struct intake_options how = {.time_unit = (enum sample_time_unit)cli_choice(cli, "time-unit"),
                                 .all_modes = cli_given(cli, "all-modes")};
    if (cli_given(cli, "json") && !strcmp(cli_text(cli, "out"), "-"))
        return cli_usage(cli, "--json and --out - both want stdout");
    bool append = cli_given(cli, "append") || cli_given(cli, "resume");
    if (append && cli_given(cli, "force"))
        return cli_usage(cli, "--append and --force exclude each other");
    if (!cli_mqtt_fill_topic(cli_text(cli, "topic"), cli_text(cli, "robot"), recorder.filter))
        return cli_usage(cli, "--topic is too long");
    int code = cli_check_place(cli, "out");
    if (code == CLI_DONE)
        code = find_series(&recorder, append);
    if (code == CLI_DONE)
        code = cli_check_place(cli, "columns-out");
    if (code == CLI_DONE)
        code = read_names(cli, &how.names, &how.name_count);
    if (code == CLI_DONE) {
        intake_init(&recorder.intake, &how);
        code = open_sources(&recorder);
    }
    if (code == CLI_DONE)
        code = record(&recorder);
    record_sources_deinit(&recorder.sources);
    record_rows_deinit(&recorder.rows);
    intake_deinit(&recorder.intake);
    for (size_t i = 0; i < how.name_count; i++)
        free(how.names[i]);
    free(how.names);
    free(recorder.topic);
    return code;
}

const struct cli_command command_record = {
    .name = "record",
    .summary = "record a robot's samples from a broker into a file",
    .description = "The first sample fixes the channels. A sample that is missing or refused "
                   "leaves a hole, which is never part of a window. Rows are on the disk within 5 "
                   "s, in files that can be read at any moment; after a loss of the broker it goes "
                   "on by itself. A pause of 15 minutes begins another session, in another file: "
                   "FILE-002.npy, and so on. It ends, with Ctrl-C too, with a verdict: what so "
                   "much data supports, and the next command.\n\n"
                   "  armwatch record --broker mqtt://localhost --robot kuka1 --duration 2h \\\n"
                   "      --out normal.npy --columns-out columns.npy",
    .options = {options, cli_mqtt_options},
    .run = run,
};

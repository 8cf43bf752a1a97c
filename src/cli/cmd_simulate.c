/*
 * A row's anomaly comes from its number, not from a clock: a session to a file and a live one with
 * the same seeds and schedule have the same rows.
 */
#include "base/clock.h"
#include "cli/cli_mqtt.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/injection_report.h"
#include "cli/progress.h"
#include "cli/schedule.h"
#include "cli/stream.h"
#include "cli/terminal.h"
#include "lab/npy.h"
#include "lab/simulator.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_NS (CLOCK_NS_PER_S / SIMULATOR_RATE_HZ)
#define ROWS_MAX 1e8
#define LINGER_NS (800 * CLOCK_NS_PER_MS) /* after the last sample, for its alert */
#define START "2026-01-01T00:00:00Z"

static const struct cli_option options[] = {
    {"minutes", "N", "length of the session", .type = CLI_NUMBER, .min = 0.001, .max = 1e6},
    {"rows", "N", "the same in rows, 10 a second", .type = CLI_INTEGER, .min = 1, .max = ROWS_MAX},
    {"robot-seed", "N", "which robot: its program, and where its sensors sit", "1", CLI_INTEGER, 0,
     JSON_MAX_INTEGER},
    {"session-seed", "N", "which session of it: noise, biases, waits", "1", CLI_INTEGER, 0,
     JSON_MAX_INTEGER},
    {"anomaly", "KIND",
     "slow:SPEED[/some], collision, payload:KG, friction:FACTOR, stuck, dropout, "
     "loose or none",
     "none"},
    {"schedule", "LIST",
     "anomalies one after the other, KIND:SECONDS,..., for example "
     "healthy:20,collision:10,slow:0.5:15"},
    {.help = "To a file"},
    {"out", "FILE", "write FILE.npy (and FILE.time.npy), FILE.csv, or CSV to stdout (-)"},
    {"columns-out", "FILE", "names of the channels (.npy)"},
    {"labels-out", "FILE", "1 for each row that an anomaly touches, else 0 (.npy)"},
    {"label-column", NULL, "labels as the last column, named anomaly"},
    {"start", "TIME", "time of the first row, RFC 3339", START},
    {.help = "To a broker, in time"},
    {"speed", "X", "times as fast as in truth", "1", CLI_NUMBER, 0.001, 10000},
    {"duration", "TIME",
     "end after it, such as 90s, 15min; else with the schedule or --minutes, "
     "or never",
     .type = CLI_DURATION, .min = 0.1, .max = 1e9},
    {"report", NULL,
     "listen to the robot's alerts, and print in the end what was injected and what was found; "
     "fails if nothing was"},
    {"root", "TOPIC", "of the alerts: ROOT/robot/NAME/alert", CLI_MQTT_ROOT},
    {"json", NULL,
     "one line on stdout for each change of the anomaly, and the report as one JSON object"},
    {0}};

struct session {
    const struct cli *cli;
    struct simulator *simulator;
    struct schedule schedule; /* count 0: none */
    size_t step;
    bool changed; /* another step of it begins with this row */
    uint64_t row; /* the next one */
    double speed;
    bool json;
    bool touched; /* an anomaly altered the row at hand */
    struct injection_report report;
    float values[SIMULATOR_CHANNELS];
};

/* ---- the session */

static void announce(const struct session *session, int64_t time_ns)
{
    const struct schedule_step *step = &session->schedule.step[session->step];
    double at_s = (double)session->row / SIMULATOR_RATE_HZ;
    bool healthy = step->anomaly.kind == ANOMALY_NONE;
    fprintf(stderr, "%8.1f s  %s%s%s for %g s\n", at_s,
            terminal_style(stderr, healthy ? TERMINAL_GOOD : TERMINAL_WARNING), step->text,
            terminal_style(stderr, TERMINAL_PLAIN), step->seconds);
    if (!session->json)
        return;
    char time[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(time_ns, time);
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "time", time);
    cJSON_AddNumberToObject(line, "row", (double)session->row);
    cJSON_AddStringToObject(line, "anomaly", healthy ? "none" : step->text);
    cJSON_AddStringToObject(line, "kind", anomaly_name(step->anomaly.kind));
    cJSON_AddNumberToObject(line, "seconds", step->seconds);
    char *text = cJSON_PrintUnformatted(line);
    cJSON_Delete(line);
    if (text)
        puts(text);
    fflush(stdout);
    cJSON_free(text);
}

/* Returns true if another step of the schedule begins with the next row. */
static bool follow_schedule(struct session *session)
{
    if (session->schedule.count == 0)
        return false;
    size_t step = schedule_at(&session->schedule, (double)session->row / SIMULATOR_RATE_HZ);
    if (step == session->step && session->row > 0)
        return false;
    session->step = step;
    simulator_set_anomaly(session->simulator, &session->schedule.step[step].anomaly);
    return true;
}

/* Rows of the session; 0: no end is given. */
static uint64_t session_rows(const struct session *session)
{
    const struct cli *cli = session->cli;
    double rows = 0;
    if (cli_given(cli, "rows"))
        rows = (double)cli_integer(cli, "rows");
    else if (cli_given(cli, "minutes"))
        rows = cli_number(cli, "minutes") * 60 * SIMULATOR_RATE_HZ;
    else if (cli_given(cli, "duration"))
        rows = (double)cli_duration_ns(cli, "duration") / 1e9 * SIMULATOR_RATE_HZ * session->speed;
    else if (session->schedule.count > 0)
        rows = schedule_seconds(&session->schedule) * SIMULATOR_RATE_HZ;
    return rows > 0 ? (uint64_t)fmax(round(fmin(rows, 1e15)), 1) : 0;
}

/* A session that is faster than in truth begins in the past and ends at the present: its times
 * would run ahead of everybody's clock. */
static int64_t lead_ns(const struct session *session)
{
    double lasts_ns = (double)session_rows(session) * (double)PERIOD_NS;
    return session->speed > 1 ? (int64_t)(lasts_ns * (1 - 1 / session->speed)) : 0;
}

static int open_session(struct session *session, int64_t start_ns)
{
    const struct cli *cli = session->cli;
    struct diag diag = DIAG_INIT;
    struct simulator_options how = {.robot_seed = (uint64_t)cli_integer(cli, "robot-seed"),
                                    .session_seed = (uint64_t)cli_integer(cli, "session-seed"),
                                    .start_ns = start_ns};
    int r = anomaly_parse(cli_text(cli, "anomaly"), &how.anomaly, &diag);
    if (r == 0 && cli_given(cli, "schedule"))
        r = schedule_parse(cli_text(cli, "schedule"), &session->schedule, &diag);
    if (r < 0)
        return cli_usage(cli, "%s", diag.text);
    how.start_ns -= lead_ns(session);
    session->simulator = simulator_new(&how);
    return session->simulator ? CLI_DONE : cli_fail(cli, -ENOMEM, NULL);
}

/* ---- to a file */

static void fill(struct session *session, struct recording *recording)
{
    struct progress progress;
    progress_begin(&progress, "simulating");
    for (; session->row < recording->rows; session->row++) {
        follow_schedule(session);
        simulator_next(session->simulator, recording->values + session->row * SIMULATOR_CHANNELS,
                       &recording->label[session->row], &recording->time_ns[session->row]);
        progress_update(&progress, (double)session->row / (double)recording->rows);
    }
    progress_end(&progress);
}

static int simulate_file(struct session *session)
{
    const struct cli *cli = session->cli;
    int64_t start_ns;
    const char *start = cli_text(cli, "start");
    if (!clock_parse_rfc3339(start, strlen(start), &start_ns))
        return cli_usage(cli, "--start \"%s\": must be as %s", start, START);
    int code = open_session(session, start_ns);
    if (code != CLI_DONE)
        return code;
    uint64_t rows = session_rows(session);
    if (rows == 0)
        return cli_usage(cli, "how long? --minutes, --rows or --schedule");
    if (rows > ROWS_MAX)
        return cli_usage(cli, "%.0f rows are too many, at most %.0f", (double)rows, ROWS_MAX);
    struct recording *recording =
        recording_new(rows, SIMULATOR_CHANNELS, simulator_names(), true, true);
    if (!recording)
        return cli_fail(cli, -ENOMEM, NULL);
    fill(session, recording);
    const struct recording_output output = {.path = cli_text(cli, "out"),
                                            .columns_path = cli_text(cli, "columns-out"),
                                            .labels_path = cli_text(cli, "labels-out"),
                                            .label_column = cli_given(cli, "label-column")};
    struct diag diag = DIAG_INIT;
    int r = recording_save(recording, &output, &diag);
    recording_free(recording);
    return r < 0 ? cli_error(cli, CLI_FAILED, "%s", diag.text) : CLI_DONE;
}

/* ---- to a broker */

static void next_row(void *user, struct stream_row *ret_row)
{
    struct session *session = user;
    session->changed = follow_schedule(session);
    int label;
    int64_t time_ns;
    simulator_next(session->simulator, session->values, &label, &time_ns);
    session->touched = label != 0;
    *ret_row = (struct stream_row){
        .sample = {.time_ns = time_ns, .seq = session->row, .has_time = true, .has_seq = true},
        .due_ns = (int64_t)((double)session->row * (double)PERIOD_NS / session->speed),
        .values = session->values};
}

static void on_sent(void *user, const struct stream_row *row)
{
    struct session *session = user;
    if (session->changed)
        announce(session, row->sample.time_ns);
    const char *anomaly = session->schedule.count > 0 ? session->schedule.step[session->step].text
                                                      : cli_text(session->cli, "anomaly");
    bool healthy = !strcmp(anomaly, "healthy") || !strcmp(anomaly, "none");
    injection_report_row(&session->report, healthy ? NULL : anomaly, session->touched);
    session->row++;
}

static void on_alert(void *user, const struct mqtt_message *message)
{
    struct session *session = user;
    cJSON *event = json_parse(message->payload, message->size, NULL);
    if (event)
        fields_clean(event);
    injection_report_alert(&session->report, event);
    cJSON_Delete(event);
}

/* Tells the report also of a stream that was ended early. Returns the exit code. */
static int tell_report(const struct session *session, int code)
{
    const struct injection_report *report = &session->report;
    int printed = CLI_DONE;
    if (session->json)
        printed = cli_print_json(session->cli, injection_report_json(report));
    else
        injection_report_print(report, stdout);
    if (code == CLI_DONE)
        code = printed;
    if (code == CLI_DONE && report->injections > 0 && injection_report_found(report) == 0)
        code = cli_error(session->cli, CLI_FAILED, "nothing of what was injected was found");
    return code;
}

static int stream_session(struct session *session)
{
    const struct cli *cli = session->cli;
    const char *robot = cli_text(cli, "robot");
    bool report = cli_given(cli, "report");
    char alerts[CLI_MQTT_TOPIC_MAX];
    if (report && !robot)
        return cli_usage(cli, "--report needs --robot NAME, whose alerts it listens to");
    snprintf(alerts, sizeof alerts, "%s/robot/%s/alert", cli_text(cli, "root"), robot);
    const struct stream_source source = {.channels = SIMULATOR_CHANNELS,
                                         .names = simulator_names(),
                                         .next = next_row,
                                         .on_sent = on_sent,
                                         .user = session,
                                         .what = session->schedule.count > 0 ? NULL : "simulating",
                                         .rows = session_rows(session),
                                         .listen = report ? alerts : NULL,
                                         .on_message = on_alert,
                                         .linger_ns = report ? LINGER_NS : 0};
    uint64_t sent;
    injection_report_init(&session->report, SIMULATOR_RATE_HZ);
    int code = stream_run(cli, &source, &sent);
    if (code == CLI_DONE)
        cli_note(cli, "%llu samples sent", (unsigned long long)sent);
    if (report && sent > 0)
        code = tell_report(session, code);
    injection_report_deinit(&session->report);
    return code;
}

static int simulate_live(struct session *session)
{
    const struct cli *cli = session->cli;
    struct diag diag = DIAG_INIT;
    int64_t start_ns = clock_realtime_ns() / CLOCK_NS_PER_MS * CLOCK_NS_PER_MS;
    int code = open_session(session, start_ns);
    if (code != CLI_DONE)
        return code;
    const char *columns = cli_text(cli, "columns-out");
    if (columns && npy_write_strings(columns, simulator_names(), SIMULATOR_CHANNELS, &diag) < 0)
        return cli_error(cli, CLI_FAILED, "%s", diag.text);
    return stream_session(session);
}

static int run(const struct cli *cli)
{
    struct session session = {
        .cli = cli, .speed = cli_number(cli, "speed"), .json = cli_given(cli, "json")};
    bool live = cli_given(cli, "broker");
    if (cli_given(cli, "anomaly") && cli_given(cli, "schedule"))
        return cli_usage(cli, "--anomaly and --schedule exclude each other");
    if (!live && cli_given(cli, "report"))
        return cli_usage(cli, "--report needs --broker URL");
    if (live == cli_given(cli, "out"))
        return cli_usage(cli, live ? "--out and --broker exclude each other"
                                   : "where to? --out FILE or --broker URL");
    int code = live ? simulate_live(&session) : simulate_file(&session);
    simulator_free(session.simulator);
    return code;
}

const struct cli_command command_simulate = {
    .name = "simulate",
    .summary = "make up a session of a robot arm, into a file or live to a broker",
    .description =
        "An arm of seven joints at 10 Hz in the 86 channels of the KukaVelocityDataset, to try "
        "everything without a robot. The same seeds give the same rows. It says nothing about "
        "real arms.\n\n"
        "  armwatch simulate --out normal.npy --columns-out columns.npy --minutes 60\n"
        "  armwatch simulate --broker mqtt://localhost --robot kuka1 \\\n"
        "      --schedule healthy:60,slow:0.5:30,healthy:60",
    .options = {options, stream_options, cli_mqtt_options},
    .run = run,
};

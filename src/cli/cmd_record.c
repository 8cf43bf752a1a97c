/*
 * Everything is kept in memory and written at the end, whole: two hours of 86 channels at 10 Hz are
 * 25 MB. That the place can be written to is therefore checked at the start.
 */
#include "base/clock.h"
#include "cli/cli_mqtt.h"
#include "cli/commands.h"
#include "cli/intake.h"
#include "cli/progress.h"
#include "lab/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 200
#define PATIENCE_NS (10 * CLOCK_NS_PER_S) /* without a sample, until that is worth a word */

static const struct cli_option options[] = {
    {"topic", "TOPIC", "where the samples come: {robot} or + for any one robot",
     CLI_MQTT_SAMPLE_TOPIC},
    {"robot", "NAME", "the robot's name: {robot} in the topic", .type = CLI_NAME},
    {"out", "FILE", "write FILE.npy (and FILE.time.npy), FILE.csv, or CSV to stdout (-)",
     .required = true},
    {"columns-out", "FILE", "names of the channels (.npy), for .npy data"},
    {"columns", "FILE", "names of the channels to take (.npy), for samples that bear none"},
    {"duration", "TIME", "end after it, such as 90s, 15min, 2h; else with Ctrl-C",
     .type = CLI_DURATION, .min = 0.1, .max = 1e7},
    {"rows", "N", "end after this many rows", .type = CLI_INTEGER, .min = 1, .max = 1e9},
    {"time-unit", "s|ms|us|ns", "unit of times that are numbers", "s", CLI_CHOICE},
    {"all-modes", NULL, "samples of every mode, not only of \"auto\" and of none"},
    {"json", NULL, "what was recorded as one JSON object on stdout"},
    {0}};

struct recorder {
    const struct cli *cli;
    struct cli_mqtt mqtt;
    struct intake intake;
    uv_timer_t tick;
    char filter[CLI_MQTT_TOPIC_MAX];
    char *topic; /* of the first sample */
    uint64_t retained;
    size_t rows_wanted;
    int64_t duration_ns; /* 0: none */
    int64_t start_ns;    /* 0: not online yet */
    int64_t heard_ns;
    bool warned;
    struct progress progress;
};

/* ---- samples */

static void say_channels(struct recorder *recorder)
{
    const struct intake *intake = &recorder->intake;
    progress_clear(&recorder->progress);
    cli_note(recorder->cli, "%zu channels%s from %s", intake->recording->channels,
             intake->named ? "" : " without names", recorder->topic);
    if (intake->left_out_count > 0)
        cli_note(recorder->cli, "left out, being no numbers: %s", intake->left_out);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct recorder *recorder = user;
    if (message->retained) {
        recorder->retained++;
        return;
    }
    if (!recorder->topic && !(recorder->topic = strdup(message->topic))) {
        cli_mqtt_stop(&recorder->mqtt, cli_fail(recorder->cli, -ENOMEM, NULL));
        return;
    }
    if (strcmp(recorder->topic, message->topic) != 0) {
        cli_mqtt_stop(&recorder->mqtt,
                      cli_error(recorder->cli, CLI_BAD_DATA,
                                "samples come on %s and on %s; a recording holds one robot: "
                                "name it with --robot or --topic",
                                recorder->topic, message->topic));
        return;
    }
    bool first = !recorder->intake.decoder;
    recorder->heard_ns = clock_monotonic_ns();
    int r = intake_take(&recorder->intake, message->payload, message->size, clock_realtime_ns());
    if (r < 0) {
        cli_note(recorder->cli, "%s: writing what is there", strerror(-r));
        cli_mqtt_stop(&recorder->mqtt, CLI_FAILED);
    }
    if (first && recorder->intake.decoder)
        say_channels(recorder);
    if (recorder->intake.recording && recorder->rows_wanted > 0 &&
        recorder->intake.recording->rows >= recorder->rows_wanted)
        cli_mqtt_stop(&recorder->mqtt, CLI_DONE);
}

/* ---- time */

static void warn_of_silence(struct recorder *recorder, int64_t now_ns)
{
    bool silent = now_ns - recorder->heard_ns > PATIENCE_NS;
    if (silent && !recorder->warned) {
        progress_clear(&recorder->progress);
        cli_note(recorder->cli, "nothing has come on %s for %d s", recorder->filter,
                 (int)(PATIENCE_NS / CLOCK_NS_PER_S));
    }
    recorder->warned = silent;
}

static void on_tick(uv_timer_t *timer)
{
    struct recorder *recorder = timer->data;
    int64_t now_ns = clock_monotonic_ns(), elapsed_ns = now_ns - recorder->start_ns;
    warn_of_silence(recorder, now_ns);
    double share = 0;
    if (recorder->duration_ns > 0)
        share = (double)elapsed_ns / (double)recorder->duration_ns;
    if (recorder->rows_wanted > 0 && recorder->intake.recording)
        share =
            fmax(share, (double)recorder->intake.recording->rows / (double)recorder->rows_wanted);
    if (share > 0)
        progress_update(&recorder->progress, share);
    if (recorder->duration_ns > 0 && elapsed_ns >= recorder->duration_ns)
        cli_mqtt_stop(&recorder->mqtt, CLI_DONE);
}

static void on_online(void *user)
{
    struct recorder *recorder = user;
    if (recorder->start_ns > 0)
        return;
    recorder->start_ns = recorder->heard_ns = clock_monotonic_ns();
    cli_note(recorder->cli, "waiting for samples on %s", recorder->filter);
    uv_timer_start(&recorder->tick, on_tick, TICK_MS, TICK_MS);
    progress_begin(&recorder->progress, "recording");
}

static void before_note(void *user)
{
    struct recorder *recorder = user;
    progress_clear(&recorder->progress);
}

static void on_interrupt(void *user)
{
    struct recorder *recorder = user;
    cli_mqtt_stop(&recorder->mqtt, CLI_DONE);
}

/* ---- the end */

static void add_refused(const struct recorder *recorder, cJSON *root)
{
    const struct intake *intake = &recorder->intake;
    cJSON *refused = cJSON_AddObjectToObject(root, "refused");
    for (int i = 0; i < SAMPLE_REFUSALS; i++) {
        if (intake->refused[i] > 0)
            cJSON_AddNumberToObject(refused, sample_refusal_name((enum sample_refusal)i),
                                    (double)intake->refused[i]);
    }
}

static int report_json(const struct recorder *recorder, double seconds)
{
    const struct intake *intake = &recorder->intake;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "file", cli_text(recorder->cli, "out"));
    cJSON_AddStringToObject(root, "topic", recorder->topic);
    cJSON_AddNumberToObject(root, "rows", (double)intake->recording->rows);
    cJSON_AddNumberToObject(root, "channels", (double)intake->recording->channels);
    cJSON_AddNumberToObject(root, "holes", (double)intake->recording->holes);
    cJSON_AddNumberToObject(root, "seconds", seconds);
    cJSON_AddNumberToObject(root, "rate_hz", intake_rate_hz(intake));
    add_refused(recorder, root);
    cJSON_AddNumberToObject(root, "repeated", (double)intake->repeated);
    cJSON_AddNumberToObject(root, "restarts", (double)intake->restarts);
    cJSON_AddNumberToObject(root, "gaps", (double)intake->gaps);
    cJSON_AddNumberToObject(root, "time_steps_back", (double)intake->back_steps);
    cJSON_AddNumberToObject(root, "other_modes", (double)intake->other_modes);
    cJSON_AddNumberToObject(root, "retained", (double)recorder->retained);
    return cli_print_json(recorder->cli, root);
}

static void report_refused(const struct recorder *recorder)
{
    const struct intake *intake = &recorder->intake;
    char text[512] = "";
    size_t used = 0;
    uint64_t sum = 0;
    for (int i = 0; i < SAMPLE_REFUSALS; i++) {
        if (intake->refused[i] == 0 || used >= sizeof text)
            continue;
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64 " %s", used ? ", " : "",
                             intake->refused[i], sample_refusal_name((enum sample_refusal)i));
        sum += intake->refused[i];
    }
    if (sum > 0)
        cli_note(recorder->cli, "%" PRIu64 " samples refused: %s; the first: %s", sum, text,
                 intake->refused_text);
}

/* What a person should know before training on it. */
static void report_oddities(const struct recorder *recorder)
{
    const struct intake *intake = &recorder->intake;
    const struct {
        uint64_t count;
        const char *text;
    } oddities[] = {
        {recorder->retained, "retained messages left out"},
        {intake->other_modes, "samples of another mode than auto left out"},
        {intake->repeated, "samples came twice"},
        {intake->restarts, "times the sequence numbers began anew"},
        {intake->gaps, "gaps were too long to be filled with holes"},
        {intake->back_steps, "times the clock of the robot went back"},
    };
    report_refused(recorder);
    for (size_t i = 0; i < sizeof oddities / sizeof oddities[0]; i++) {
        if (oddities[i].count > 0)
            cli_note(recorder->cli, "%" PRIu64 " %s", oddities[i].count, oddities[i].text);
    }
}

static int report(const struct recorder *recorder)
{
    const struct recording *recording = recorder->intake.recording;
    double seconds =
        (double)(recording->time_ns[recording->rows - 1] - recording->time_ns[0]) / 1e9;
    report_oddities(recorder);
    if (cli_given(recorder->cli, "json"))
        return report_json(recorder, seconds);
    cli_note(recorder->cli, "%s: %zu rows of %zu channels, %.1f s at %.3g Hz, %zu holes (%.2g %%)",
             cli_text(recorder->cli, "out"), recording->rows, recording->channels, seconds,
             intake_rate_hz(&recorder->intake), recording->holes,
             100 * (double)recording->holes / (double)recording->rows);
    return CLI_DONE;
}

static int save(const struct recorder *recorder)
{
    const struct recording_output output = {.path = cli_text(recorder->cli, "out"),
                                            .columns_path = cli_text(recorder->cli, "columns-out")};
    struct diag diag = DIAG_INIT;
    int r = recording_save(recorder->intake.recording, &output, &diag);
    return r < 0 ? cli_error(recorder->cli, CLI_FAILED, "%s", diag.text) : CLI_DONE;
}

static int finish(struct recorder *recorder, int code)
{
    progress_end(&recorder->progress);
    if (!recorder->intake.recording || recorder->intake.recording->rows == 0) {
        if (code != CLI_DONE && code != CLI_FAILED)
            return code;
        report_oddities(recorder);
        return cli_error(recorder->cli, CLI_FAILED, "no sample came on %s: nothing is written",
                         recorder->filter);
    }
    int saved = save(recorder);
    int reported = saved == CLI_DONE ? report(recorder) : saved;
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
    cli_mqtt_subscribe(&recorder->mqtt, recorder->filter, 0);
    return finish(recorder, cli_mqtt_run(&recorder->mqtt));
}

static int run(const struct cli *cli)
{
    struct recorder recorder = {.cli = cli,
                                .rows_wanted = (size_t)cli_integer(cli, "rows"),
                                .duration_ns = cli_duration_ns(cli, "duration")};
    struct intake_options how = {.time_unit = (enum sample_time_unit)cli_choice(cli, "time-unit"),
                                 .all_modes = cli_given(cli, "all-modes")};
    if (cli_given(cli, "json") && !strcmp(cli_text(cli, "out"), "-"))
        return cli_usage(cli, "--json and --out - both want stdout");
    if (!cli_mqtt_fill_topic(cli_text(cli, "topic"), cli_text(cli, "robot"), recorder.filter))
        return cli_usage(cli, "--topic is too long");
    int code = cli_check_place(cli, "out");
    if (code == CLI_DONE)
        code = cli_check_place(cli, "columns-out");
    if (code == CLI_DONE)
        code = read_names(cli, &how.names, &how.name_count);
    if (code == CLI_DONE) {
        intake_init(&recorder.intake, &how);
        code = record(&recorder);
    }
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
                   "leaves a hole, which is never part of a window. Ctrl-C ends the recording "
                   "and writes what is there.\n\n"
                   "  armwatch record --broker mqtt://localhost --robot kuka1 --duration 2h \\\n"
                   "      --out normal.npy --columns-out columns.npy",
    .options = {options, cli_mqtt_options},
    .run = run,
};

/*
 * Listens for a while, then says what came and what to configure. What is collected is pure
 * (survey.c), so that this file has only the broker, the clock and the files.
 */
#include "base/clock.h"
#include "cli/cli_mqtt.h"
#include "cli/commands.h"
#include "cli/doctor_text.h"
#include "cli/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 200
#define LEARN_NS_MAX (3 * CLOCK_NS_PER_S) /* until the channels of a trial are known */

static const struct cli_option options[] = {
    {"topic", "FILTER", "listen to this; else to everything (#)", .repeatable = true},
    {"for", "TIME", "listen so long, such as 90s, 5min; Ctrl-C ends it sooner", "60s", CLI_DURATION,
     0.1, 86400},
    {"model", "FILE", "hold what comes against this model"},
    {"assembler", "FILE", "try this file of sources on what comes"},
    {"robot", "NAME", "the robot that is meant", .type = CLI_NAME},
    {"assembler-out", "FILE", "write the file of sources that is advised"},
    {"json", NULL, "everything as one JSON object on stdout"},
    {0}};

struct doctor {
    const struct cli *cli;
    struct cli_mqtt mqtt;
    uv_timer_t tick;
    int64_t start_ns; /* 0: not online yet */
    struct progress progress;
    struct survey survey;
    struct survey_trial trial; /* map NULL: none */
    struct source_map *map;
    struct model *model;
};

/* ---- listening */

static void take(struct doctor *doctor, const struct mqtt_message *message, const void *payload)
{
    const struct survey_message seen = {.topic = message->topic,
                                        .payload = payload,
                                        .size = message->size,
                                        .retained = message->retained,
                                        .now_ns = clock_monotonic_ns(),
                                        .wall_ns = clock_realtime_ns()};
    survey_take(&doctor->survey, &seen);
    if (doctor->map)
        survey_trial_take(&doctor->trial, &seen);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    take(user, message, message->payload ? message->payload : "");
}

static void on_oversize(void *user, const struct mqtt_message *message)
{
    take(user, message, NULL);
}

static void on_tick(uv_timer_t *timer)
{
    struct doctor *doctor = timer->data;
    int64_t elapsed_ns = clock_monotonic_ns() - doctor->start_ns;
    int64_t wanted_ns = cli_duration_ns(doctor->cli, "for");
    progress_update(&doctor->progress, (double)elapsed_ns / (double)wanted_ns);
    if (elapsed_ns >= wanted_ns)
        cli_mqtt_stop(&doctor->mqtt, CLI_DONE);
}

static void on_online(void *user)
{
    struct doctor *doctor = user;
    if (doctor->start_ns > 0)
        return;
    doctor->start_ns = doctor->survey.start_ns = clock_monotonic_ns();
    doctor->trial.begin_ns = doctor->start_ns;
    cli_note(doctor->cli, "listening for %.4g s",
             (double)cli_duration_ns(doctor->cli, "for") / 1e9);
    uv_timer_start(&doctor->tick, on_tick, TICK_MS, TICK_MS);
    progress_begin(&doctor->progress, "listening");
}

static void before_note(void *user)
{
    struct doctor *doctor = user;
    progress_clear(&doctor->progress);
}

static void on_interrupt(void *user)
{
    struct doctor *doctor = user;
    cli_mqtt_stop(&doctor->mqtt, CLI_DONE);
}

static int listen_for(struct doctor *doctor)
{
    static const struct cli_mqtt_handlers handlers = {.on_online = on_online,
                                                      .on_message = on_message,
                                                      .on_oversize = on_oversize,
                                                      .before_note = before_note,
                                                      .on_interrupt = on_interrupt};
    int code = cli_mqtt_start(&doctor->mqtt, doctor->cli, &handlers, doctor);
    if (code != CLI_DONE)
        return code;
    uv_timer_init(&doctor->mqtt.loop, &doctor->tick);
    doctor->tick.data = doctor;
    const char *const *filters = cli_list(doctor->cli, "topic");
    if (!*filters)
        cli_mqtt_subscribe(&doctor->mqtt, "#", 0);
    for (; *filters; filters++)
        cli_mqtt_subscribe(&doctor->mqtt, *filters, 0);
    code = cli_mqtt_run(&doctor->mqtt);
    progress_end(&doctor->progress);
    survey_end(&doctor->survey, clock_monotonic_ns());
    return code;
}

/* ---- the report */

static int write_file(const struct doctor *doctor, const struct survey_advice *advice)
{
    const char *path = cli_text(doctor->cli, "assembler-out");
    struct diag diag = DIAG_INIT;
    struct cli_output output;
    if (!path)
        return CLI_DONE;
    if (!advice->assembler)
        return cli_error(doctor->cli, CLI_FAILED,
                         "%s is not written: no file of sources is needed "
                         "for what came",
                         path);
    char *text = cJSON_Print(advice->assembler);
    int r = text ? cli_output_open(&output, path, &diag) : -ENOMEM;
    if (r == 0) {
        fprintf(output.stream, "%s\n", text);
        r = cli_output_commit(&output, &diag);
    }
    cJSON_free(text);
    return r < 0 ? cli_fail(doctor->cli, r, &diag) : CLI_DONE;
}

static int report(struct doctor *doctor)
{
    const struct survey_question question = {
        .survey = &doctor->survey, .robot = cli_text(doctor->cli, "robot"), .model = doctor->model};
    struct survey_advice advice;
    int r = survey_advise(&question, &advice), code = CLI_DONE;
    if (r < 0) {
        code = cli_fail(doctor->cli, r, NULL);
    } else {
        if (doctor->map) {
            survey_trial_end(&doctor->trial);
            survey_trial_findings(&doctor->trial, &advice.findings);
            survey_findings_sort(&advice.findings);
        }
        code = write_file(doctor, &advice);
        const struct doctor_report text = {.survey = &doctor->survey,
                                           .advice = &advice,
                                           .trial = doctor->map ? &doctor->trial : NULL,
                                           .written = cli_text(doctor->cli, "assembler-out")};
        if (cli_given(doctor->cli, "json"))
            r = cli_print_json(doctor->cli, doctor_json(&text));
        else
            doctor_text_print(&text, stdout);
        code = r ? r : code;
        if (advice.findings.counts[SURVEY_ERROR] + advice.findings.counts[SURVEY_WARNING] > 0)
            code = code ? code : CLI_FAILED;
    }
    survey_advice_deinit(&advice);
    return code;
}

/* ---- the start */

static int prepare(struct doctor *doctor)
{
    const struct cli *cli = doctor->cli;
    const char *model = cli_text(cli, "model"), *assembler = cli_text(cli, "assembler");
    struct diag diag = DIAG_INIT;
    int r = model ? model_load(model, &doctor->model, &diag) : 0;
    if (r == 0 && assembler && (r = source_map_load(assembler, &doctor->map, &diag)) == -EINVAL)
        return cli_error(cli, CLI_BAD_CONFIG, "%s", diag.text);
    if (r == 0)
        r = survey_init(&doctor->survey, cli_text(cli, "robot"), clock_monotonic_ns());
    int64_t third_ns = cli_duration_ns(cli, "for") / 3;
    if (r == 0 && doctor->map)
        r = survey_trial_init(&doctor->trial, doctor->map, doctor->model,
                              third_ns < LEARN_NS_MAX ? third_ns : LEARN_NS_MAX);
    return r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
}

static int run(const struct cli *cli)
{
    struct doctor *doctor = calloc(1, sizeof *doctor); /* too large for a stack */
    if (!doctor)
        return cli_fail(cli, -ENOMEM, NULL);
    doctor->cli = cli;
    int code = cli_check_place(cli, "assembler-out");
    if (code == CLI_DONE)
        code = prepare(doctor);
    if (code == CLI_DONE)
        code = listen_for(doctor);
    if (code == CLI_DONE)
        code = report(doctor);
    survey_deinit(&doctor->survey);
    survey_trial_deinit(&doctor->trial);
    source_map_free(doctor->map);
    model_unref(doctor->model);
    free(doctor);
    return code;
}

const struct cli_command command_doctor = {
    .name = "doctor",
    .summary = "say what a cell sends, what is wrong with it, and what to configure",
    .description =
        "Listens to a broker, sends nothing, and then lists topics, signals and clocks, findings "
        "(errors, warnings, hints), and the configuration to write: topics.samples where samples "
        "come whole, else a file of sources for input.assembler_file. With --model it looks for "
        "channels that are missing, for other rates and units; with --assembler it tries a file "
        "that is already there. Exits with 1 if there are errors or warnings. An MQTT 5 broker "
        "withholds messages over 64 KiB: --protocol 3.1.1 shows them.\n\n"
        "  armwatch doctor --broker mqtt://localhost --topic 'cell7/#' \\\n"
        "      --model cell7.safetensors --assembler-out assembler.json",
    .options = {options, cli_mqtt_options},
    .run = run,
};

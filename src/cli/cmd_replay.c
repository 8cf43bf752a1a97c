/*
 * Holes are not sent. Sequence numbers leave out what is missing: a step over 1.5 periods, whether
 * from a hole or from a gap in the recorded times, skips numbers, so that the receiver sees the gap
 * by either. Where a recording is repeated, times and numbers go on, one period after the last row.
 */
#include "base/clock.h"
#include "cli/cli_mqtt.h"
#include "cli/commands.h"
#include "cli/data.h"
#include "cli/stream.h"
#include "model/model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LATE_NS (2 * CLOCK_NS_PER_S) /* an older row is no late one: the clock was set back */

static const struct cli_option options[] = {
    {"rate", "HZ", "send this many rows a second, whatever their times are", .type = CLI_NUMBER,
     .min = 0.001, .max = 1e6},
    {"speed", "X", "times as fast as recorded; 0: as fast as the broker takes it", "1", CLI_NUMBER,
     0, 1e6},
    {"repeat", "N", "times to play the file; 0: for ever", "1", CLI_INTEGER, 0, 1e9},
    {"rate-hz", "HZ", "sample rate of a recording without times", "10", CLI_NUMBER, 0.001, 1e6},
    {"now", NULL, "shift the recorded times so that the first is now"},
    {"model", "FILE", "send the channels of this model, in its order"},
    {"json", NULL, "what was sent as one JSON object on stdout"},
    {0}};

struct replay {
    const struct recording *recording;
    int64_t first_ns;  /* time of the first row to be sent */
    int64_t shift_ns;  /* from recorded to sent times */
    int64_t period_ns; /* of a recording without times, and between two repeats */
    int64_t length_ns; /* of one pass */
    double rate;       /* rows a second, or 0: by speed */
    double speed;
    size_t row;
    uint64_t pass;
    uint64_t seq;     /* of the row sent last; 0: none yet */
    int64_t after_ns; /* when it was due, from the first row on */
};

static int64_t row_time_ns(const struct replay *replay, size_t row)
{
    return replay->recording->time_ns ? replay->recording->time_ns[row]
                                      : replay->first_ns + (int64_t)row * replay->period_ns;
}

/* By how much the number grows: 1 unless rows are missing in between. A row whose time does not go
 * on keeps the number of the row before it, and is dropped as it would be by its time; after a
 * larger step back the receiver starts anew. */
static uint64_t periods_between(const struct replay *replay, int64_t after_ns)
{
    double periods = (double)(after_ns - replay->after_ns) / (double)replay->period_ns;
    bool back = after_ns <= replay->after_ns && replay->after_ns - after_ns <= LATE_NS;
    if (replay->seq == 0)
        return 1;
    if (back)
        return 0;
    return periods <= 1.5 ? 1 : (uint64_t)fmax(2, round(periods));
}

static void next_row(void *user, struct stream_row *ret_row)
{
    struct replay *replay = user;
    const struct recording *recording = replay->recording;
    while (!recording->valid[replay->row]) {
        replay->row = (replay->row + 1) % recording->rows;
        replay->pass += replay->row == 0;
    }
    size_t row = replay->row;
    int64_t after_ns =
        (int64_t)replay->pass * replay->length_ns + row_time_ns(replay, row) - replay->first_ns;
    uint64_t step = periods_between(replay, after_ns);
    replay->seq += step;
    if (step > 0)
        replay->after_ns = after_ns;
    double due_s = replay->rate > 0 ? (double)(replay->pass * recording->rows + row) / replay->rate
                   : replay->speed > 0 ? (double)after_ns / 1e9 / replay->speed
                                       : 0;
    *ret_row =
        (struct stream_row){.sample = {.time_ns = replay->first_ns + replay->shift_ns + after_ns,
                                       .seq = replay->seq,
                                       .has_time = true,
                                       .has_seq = true},
                            .due_ns = (int64_t)(due_s * 1e9),
                            .values = recording->values + row * recording->channels};
    replay->row = (row + 1) % recording->rows;
    replay->pass += replay->row == 0;
}

/* The median step, so that a gap does not count. */
static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median_step_ns(const struct recording *recording, int64_t standard_ns)
{
    size_t count = recording->time_ns && recording->rows > 1 ? recording->rows - 1 : 0;
    int64_t *steps = count > 0 ? malloc(count * sizeof *steps) : NULL;
    if (!steps)
        return standard_ns;
    for (size_t i = 0; i < count; i++)
        steps[i] = recording->time_ns[i + 1] - recording->time_ns[i];
    qsort(steps, count, sizeof *steps, compare_times);
    int64_t median_ns = steps[count / 2];
    free(steps);
    return median_ns > 0 ? median_ns : standard_ns;
}

static void replay_init(struct replay *replay, const struct cli *cli,
                        const struct recording *recording)
{
    bool timed = recording->time_ns != NULL;
    int64_t now_ns = clock_realtime_ns() / CLOCK_NS_PER_MS * CLOCK_NS_PER_MS;
    int64_t nominal_ns = (int64_t)(1e9 / cli_number(cli, "rate-hz"));
    *replay = (struct replay){.recording = recording,
                              .first_ns = timed ? recording->time_ns[0] : now_ns,
                              .period_ns = median_step_ns(recording, nominal_ns),
                              .rate = cli_given(cli, "rate") ? cli_number(cli, "rate") : 0,
                              .speed = cli_number(cli, "speed")};
    replay->shift_ns = timed && cli_given(cli, "now") ? now_ns - replay->first_ns : 0;
    replay->length_ns =
        row_time_ns(replay, recording->rows - 1) - replay->first_ns + replay->period_ns;
}

/* A model's channels in its order, or all of the recording. *recording may be replaced. */
static int select_channels(const struct cli *cli, struct recording **recording)
{
    struct diag diag = DIAG_INIT;
    struct model *model;
    struct recording *selected;
    const char *path = cli_text(cli, "model");
    if (!path)
        return CLI_DONE;
    int r = model_load(path, &model, &diag);
    if (r < 0)
        return cli_fail(cli, r, &diag);
    const char **names = calloc(model->channels, sizeof *names);
    for (size_t i = 0; names && i < model->channels; i++)
        names[i] = model->channel[i].name;
    r = names ? recording_select(*recording, names, model->channels, &selected, &diag) : -ENOMEM;
    free(names);
    model_unref(model);
    if (r < 0)
        return cli_fail(cli, r, &diag);
    recording_free(*recording);
    *recording = selected;
    return CLI_DONE;
}

static int report(const struct cli *cli, const struct recording *recording, uint64_t sent,
                  uint64_t passes)
{
    if (!cli_given(cli, "json")) {
        cli_note(cli, "%llu samples of %zu channels sent%s", (unsigned long long)sent,
                 recording->channels, recording->holes > 0 ? "; holes were left out" : "");
        return CLI_DONE;
    }
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "file", cli->args[0]);
    cJSON_AddNumberToObject(root, "sent", (double)sent);
    cJSON_AddNumberToObject(root, "channels", (double)recording->channels);
    cJSON_AddNumberToObject(root, "holes", (double)recording->holes);
    cJSON_AddNumberToObject(root, "passes", (double)passes);
    return cli_print_json(cli, root);
}

static int play(const struct cli *cli, const struct recording *recording)
{
    struct replay replay;
    uint64_t passes = (uint64_t)cli_integer(cli, "repeat"), sent;
    if (recording->holes == recording->rows)
        return cli_error(cli, CLI_BAD_DATA, "%s: every row is a hole", cli->args[0]);
    replay_init(&replay, cli, recording);
    const struct stream_source source = {.channels = recording->channels,
                                         .names = (const char *const *)recording->names,
                                         .next = next_row,
                                         .user = &replay,
                                         .what = "replaying",
                                         .rows = passes * (recording->rows - recording->holes),
                                         .unpaced = replay.rate <= 0 && replay.speed <= 0};
    int code = stream_run(cli, &source, &sent);
    int reported = code == CLI_DONE ? report(cli, recording, sent, passes) : code;
    return reported;
}

static int run(const struct cli *cli)
{
    struct diag diag = DIAG_INIT;
    struct recording *recording;
    if (cli_given(cli, "rate") && cli_given(cli, "speed"))
        return cli_usage(cli, "--rate and --speed exclude each other");
    if (!cli_given(cli, "broker"))
        return cli_usage(cli, "--broker URL is needed");
    int r = data_load(cli, cli->args[0], &recording, &diag);
    if (r < 0)
        return cli_fail(cli, r, &diag);
    int code = select_channels(cli, &recording);
    if (code == CLI_DONE)
        code = play(cli, recording);
    recording_free(recording);
    return code;
}

const struct cli_command command_replay = {
    .name = "replay",
    .summary = "play a recording to a broker as the robot did",
    .arguments = "FILE",
    .description = "The samples keep their recorded times, so the daemon gives the same scores as "
                   "on the day, at any speed. A recording without times starts now.\n\n"
                   "  armwatch replay --broker mqtt://localhost --robot kuka1 slow.npy \\\n"
                   "      --columns columns.npy --speed 10",
    .least = 1,
    .most = 1,
    .options = {options, stream_options, data_options, cli_mqtt_options},
    .run = run,
};

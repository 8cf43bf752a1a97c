#include "cli/record_report.h"

#include "cli/cli_mqtt.h"
#include "cli/fields.h"
#include "cli/terminal.h"
#include "model/calibration.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 256
#define COMMAND_MAX 1024

static double rate_of(const struct record_stats *stats)
{
    return stats->period_s > 0 ? 1 / stats->period_s : 0;
}

static double hole_share(const struct record_stats *stats)
{
    return stats->rows ? (double)stats->holes / (double)stats->rows : 0;
}

/* "3 malformed, 1 no_values"; returns the sum. */
static uint64_t list_refused(const struct intake *intake, char *ret_text, size_t size)
{
    size_t used = 0;
    uint64_t sum = 0;
    *ret_text = '\0';
    for (int i = 0; i < SAMPLE_REFUSALS; i++) {
        if (intake->refused[i] == 0 || used >= size)
            continue;
        used += (size_t)snprintf(ret_text + used, size - used, "%s%" PRIu64 " %s", used ? ", " : "",
                                 intake->refused[i], sample_refusal_name((enum sample_refusal)i));
        sum += intake->refused[i];
    }
    return sum;
}

/* ---- while it runs ---- */

static void format_rate(const struct record_view *view, char ret_text[64])
{
    double expected = cli_number(view->cli, "rate-hz");
    if (isfinite(expected))
        snprintf(ret_text, 64, "%.3g Hz of %.3g expected", rate_of(view->stats), expected);
    else
        snprintf(ret_text, 64, "%.3g Hz", rate_of(view->stats));
}

void record_report_line(const struct record_view *view)
{
    char span[FIELDS_SPAN_MAX], left[FIELDS_SPAN_MAX] = "", rate[64], refused[NAMES_MAX];
    fields_span(view->elapsed_s, span);
    if (view->left_s >= 0)
        fields_span(view->left_s, left);
    format_rate(view, rate);
    uint64_t sum = list_refused(view->intake, refused, sizeof refused);
    cli_note(view->cli,
             "%s: %zu rows at %s, %zu holes, %zu gaps, %" PRIu64 " refused%s%s%s, %u losses of the "
             "broker%s%s%s",
             span, view->stats->rows, rate, view->stats->holes, view->stats->gaps, sum,
             sum ? " (" : "", refused, sum ? ")" : "", view->losses, *left ? "; " : "", left,
             *left ? " left" : "");
}

/* Cut to the terminal: a line that wraps would not be drawn over. */
static void put_line(struct record_board *board, const char *label, const char *text)
{
    int columns, lines;
    terminal_size(stderr, &columns, &lines);
    int room = columns > 24 ? columns - 12 : 12;
    fprintf(stderr, "\r\033[K  %-9s %.*s\n", label, json_utf8_head(text, (size_t)room), text);
    board->lines++;
}

static void put_flat(struct record_board *board, const struct record_view *view)
{
    char names[NAMES_MAX], text[2 * NAMES_MAX];
    size_t rows, dead = record_stats_dead(view->stats, names, sizeof names);
    const char *longest = record_stats_longest(view->stats, &rows);
    snprintf(text, sizeof text, "%zu constant so far%s%s%s%s", dead, dead ? ": " : "", names,
             longest ? "; longest run of another " : "", longest ? longest : "");
    if (longest)
        snprintf(text + strlen(text), sizeof text - strlen(text), ", %zu rows", rows);
    put_line(board, "flat", text);
}

void record_board_draw(struct record_board *board, const struct record_view *view)
{
    char text[2 * NAMES_MAX], span[FIELDS_SPAN_MAX], left[FIELDS_SPAN_MAX] = "";
    char refused[NAMES_MAX], rate[64];
    if (board->lines > 0)
        fprintf(stderr, "\033[%dA", board->lines);
    board->lines = 0;
    fields_span(view->elapsed_s, span);
    if (view->left_s >= 0)
        fields_span(view->left_s, left);
    snprintf(text, sizeof text, "%s%s%s%s", span, *left ? ", " : "", left, *left ? " left" : "");
    put_line(board, "recording", text);
    format_rate(view, rate);
    put_line(board, "rate", rate);
    snprintf(text, sizeof text,
             "%zu in %zu session%s, %zu holes, %zu gaps, %u losses of the broker",
             view->stats->rows, view->stats->sessions, view->stats->sessions == 1 ? "" : "s",
             view->stats->holes, view->stats->gaps, view->losses);
    put_line(board, "rows", text);
    uint64_t sum = list_refused(view->intake, refused, sizeof refused);
    put_line(board, "refused", sum ? refused : "none");
    if (view->stats->channels > 0)
        put_flat(board, view);
    fflush(stderr);
}

void record_board_clear(struct record_board *board)
{
    if (board->lines > 0)
        fprintf(stderr, "\033[%dA\r\033[J", board->lines);
    board->lines = 0;
}

/* ---- the end ---- */

/* What a person should know before training on it. */
void record_report_oddities(const struct record_view *view)
{
    const struct intake *intake = view->intake;
    char text[2 * NAMES_MAX];
    const struct {
        uint64_t count;
        const char *text;
    } oddities[] = {
        {view->retained, "retained messages left out"},
        {intake->other_modes, "samples of another mode than auto left out"},
        {intake->repeated, "samples came twice"},
        {intake->restarts, "times the sequence numbers began anew"},
        {intake->gaps, "gaps were too long to be filled with holes"},
        {intake->back_steps, "times the clock of the robot went back"},
        {view->losses, "times the broker was lost: what came meanwhile is missing"},
    };
    uint64_t sum = list_refused(intake, text, sizeof text);
    if (sum > 0)
        cli_note(view->cli, "%" PRIu64 " samples refused: %s; the first: %s", sum, text,
                 intake->refused_text);
    for (size_t i = 0; i < sizeof oddities / sizeof oddities[0]; i++) {
        if (oddities[i].count > 0)
            cli_note(view->cli, "%" PRIu64 " %s", oddities[i].count, oddities[i].text);
    }
}

/* What it is good for, in one word for a program. */
static const char *judge(const struct record_view *view)
{
    const struct record_stats *stats = view->stats;
    char names[NAMES_MAX];
    bool dead = record_stats_dead(stats, names, sizeof names) == stats->channels;
    double hours = record_stats_hours(stats),
           target = cli_number(view->cli, "false-alarms-per-day");
    if (hole_share(stats) > RECORD_HOLES_MAX || dead || stats->period_s <= 0)
        return "unusable";
    if (hours < RECORD_LEAST_HOURS)
        return "too_little";
    return calibration_rate_of_hours(hours) <= target ? "enough" : "trainable";
}

/* " --OPTION VALUE"; what does not fit is left out. */
static void add_option(char command[COMMAND_MAX], const char *option, const char *value)
{
    size_t used = strlen(command);
    snprintf(command + used, COMMAND_MAX - used, " --%s %s", option, value);
}

/* More of the same into the same series. */
static void format_more(const struct record_view *view, char ret_command[COMMAND_MAX])
{
    static const char *const passed[] = {"broker",        "topic",   "robot",      "username",
                                         "password-file", "ca-file", "columns-out"};
    snprintf(ret_command, COMMAND_MAX, "armwatch record");
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        const char *value = cli_text(view->cli, passed[i]);
        bool standard = value && !strcmp(value, CLI_MQTT_SAMPLE_TOPIC);
        if (value && !standard)
            add_option(ret_command, passed[i], value);
    }
    add_option(ret_command, "out", cli_text(view->cli, "out"));
    add_option(ret_command, "append --duration", "8h");
}

static void format_train(const struct record_view *view, char ret_command[COMMAND_MAX])
{
    const char *columns = cli_text(view->cli, "columns-out");
    snprintf(ret_command, COMMAND_MAX, "armwatch train");
    for (size_t number = 1; number <= view->series->files; number++) {
        char *path = record_series_path(view->series, number);
        add_option(ret_command, "normal", path ? path : "");
        free(path);
    }
    if (columns)
        add_option(ret_command, "columns", columns);
    add_option(ret_command, "out", "MODEL.safetensors");
}

static void format_next(const struct record_view *view, const char *judgement,
                        char ret_command[COMMAND_MAX])
{
    *ret_command = '\0';
    if (!strcmp(cli_text(view->cli, "out"), "-"))
        return;
    if (!strcmp(judgement, "too_little"))
        format_more(view, ret_command);
    else if (strcmp(judgement, "unusable") != 0)
        format_train(view, ret_command);
}

static void add_rate(cJSON *object, const char *key, double hours)
{
    if (hours > 0)
        cJSON_AddNumberToObject(object, key, calibration_rate_of_hours(hours));
    else
        cJSON_AddNullToObject(object, key);
}

static void add_verdict(const struct record_view *view, cJSON *root)
{
    const struct record_stats *stats = view->stats;
    char names[NAMES_MAX], command[COMMAND_MAX];
    const char *judgement = judge(view);
    double hours = record_stats_hours(stats), kept = record_stats_kept_hours(stats);
    double target = cli_number(view->cli, "false-alarms-per-day");
    cJSON *verdict = cJSON_AddObjectToObject(root, "verdict");
    cJSON_AddStringToObject(verdict, "judgement", judgement);
    cJSON_AddNumberToObject(verdict, "hours", hours);
    cJSON_AddNumberToObject(verdict, "sessions", (double)stats->sessions);
    if (stats->step_channel < stats->channels)
        cJSON_AddNumberToObject(verdict, "cycles", (double)stats->cycles);
    else
        cJSON_AddNullToObject(verdict, "cycles");
    cJSON_AddNumberToObject(verdict, "false_alarms_per_day", target);
    cJSON_AddNumberToObject(verdict, "needed_hours", calibration_hours_for_rate(target));
    add_rate(verdict, "supported_per_day", hours);
    cJSON_AddNumberToObject(verdict, "kept_hours", kept);
    add_rate(verdict, "supported_per_day_by_training", kept);
    cJSON_AddNumberToObject(verdict, "constant",
                            (double)record_stats_dead(stats, names, sizeof names));
    cJSON_AddStringToObject(verdict, "constant_channels", names);
    cJSON_AddNumberToObject(verdict, "flat", (double)record_stats_flat(stats, names, sizeof names));
    cJSON_AddStringToObject(verdict, "flat_channels", names);
    format_next(view, judgement, command);
    cJSON_AddStringToObject(verdict, "next", command);
}

static int print_json(const struct record_view *view)
{
    const struct intake *intake = view->intake;
    const struct record_stats *stats = view->stats;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "file", cli_text(view->cli, "out"));
    cJSON *files = cJSON_AddArrayToObject(root, "files");
    for (size_t number = 1; number <= view->series->files; number++) {
        char *path = record_series_path(view->series, number);
        json_append(files, cJSON_CreateString(path ? path : ""));
        free(path);
    }
    cJSON_AddStringToObject(root, "topic", view->topic);
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"rows", (double)stats->rows},
                   {"channels", (double)stats->channels},
                   {"holes", (double)stats->holes},
                   {"seconds", stats->seconds},
                   {"rate_hz", rate_of(stats)},
                   {"repeated", (double)intake->repeated},
                   {"restarts", (double)intake->restarts},
                   {"gaps", (double)stats->gaps},
                   {"time_steps_back", (double)intake->back_steps},
                   {"other_modes", (double)intake->other_modes},
                   {"retained", (double)view->retained},
                   {"broker_losses", (double)view->losses}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        cJSON_AddNumberToObject(root, numbers[i].key, numbers[i].value);
    cJSON *refused = cJSON_AddObjectToObject(root, "refused");
    for (int i = 0; i < SAMPLE_REFUSALS; i++) {
        if (intake->refused[i] > 0)
            cJSON_AddNumberToObject(refused, sample_refusal_name((enum sample_refusal)i),
                                    (double)intake->refused[i]);
    }
    add_verdict(view, root);
    return cli_print_json(view->cli, root);
}

static void print_promise(const struct record_view *view)
{
    const struct record_stats *stats = view->stats;
    double hours = record_stats_hours(stats), kept = record_stats_kept_hours(stats);
    double target = cli_number(view->cli, "false-alarms-per-day");
    char cycles[48] = "";
    if (stats->step_channel < stats->channels)
        snprintf(cycles, sizeof cycles, ", %" PRIu64 " cycles", stats->cycles);
    fprintf(stderr, "  healthy      %.2f h in %zu session%s%s\n", hours, stats->sessions,
            stats->sessions == 1 ? "" : "s", cycles);
    if (hours <= 0)
        return;
    fprintf(stderr, "  supports     %.3g false alarms a day at 95 %%, if all of it calibrates",
            calibration_rate_of_hours(hours));
    if (kept > 0)
        fprintf(stderr, "; %.3g by the %.2f h that train keeps back",
                calibration_rate_of_hours(kept), kept);
    fprintf(stderr, "\n  target       %.4g a day: %.4g h support it\n", target,
            calibration_hours_for_rate(target));
}

static void print_channels(const struct record_stats *stats)
{
    char names[NAMES_MAX];
    size_t count = record_stats_dead(stats, names, sizeof names);
    if (count > 0)
        fprintf(stderr, "  constant     %zu channel%s never changed: %s\n", count,
                count == 1 ? "" : "s", names);
    count = record_stats_flat(stats, names, sizeof names);
    if (count > 0)
        fprintf(stderr, "  flat         %zu stood still for half of the time: %s\n", count, names);
}

static void print_verdict(const struct record_view *view)
{
    static const char *const words[][2] = {
        {"unusable", "it cannot be trained on: over 5 % holes, or nothing moves, or no rate"},
        {"too_little", "too little to train on: half an hour is the least, hours are better"},
        {"trainable", "enough to train on; the target would be an extrapolation"},
        {"enough", "enough for the target, by data that training has not seen"},
    };
    const char *judgement = judge(view);
    char command[COMMAND_MAX];
    print_promise(view);
    print_channels(view->stats);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!strcmp(words[i][0], judgement))
            fprintf(stderr, "  verdict      %s\n", words[i][1]);
    }
    format_next(view, judgement, command);
    if (*command)
        fprintf(stderr, "  next         %s\n", command);
}

int record_report_verdict(const struct record_view *view)
{
    const struct record_stats *stats = view->stats;
    record_report_oddities(view);
    if (cli_given(view->cli, "json"))
        return print_json(view);
    cli_note(view->cli, "%s: %zu rows of %zu channels, %.1f s at %.3g Hz, %zu holes (%.2g %%)",
             cli_text(view->cli, "out"), stats->rows, stats->channels, stats->seconds,
             rate_of(stats), stats->holes, 100 * hole_share(stats));
    if (view->series->files > 1)
        cli_note(view->cli, "%zu files, one for each session", view->series->files);
    print_verdict(view);
    return CLI_DONE;
}

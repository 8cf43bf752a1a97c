#include "base/clock.h"
#include "base/name.h"
#include "cli/board.h"
#include "cli/cli_mqtt.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/notes.h"
#include "cli/terminal.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DRAW_MS 200
#define TICK_MS 1000

static const struct cli_option options[] = {
    {"robot", "NAME", "this robot only", .type = CLI_NAME},
    {"duration", "TIME", "end after it, such as 90s, 15min; else with Ctrl-C", .type = CLI_DURATION,
     .min = 0.1, .max = 1e9},
    {"root", "TOPIC", "root of the topics", CLI_MQTT_ROOT},
    {"no-scores", NULL, "alerts and states only"},
    {"notes", NULL, "show lines from a pipe on stdin among the alerts, and end when it is closed"},
    {"json", NULL, "each message as one JSON object a line on stdout"},
    {0}};

enum view { VIEW_BOARD, VIEW_LINES, VIEW_JSON };

struct watch {
    const struct cli *cli;
    struct cli_mqtt mqtt;
    uv_timer_t draw, tick, limit;
    enum view view;
    struct board board;
    struct notes notes;
};

/* ---- messages */

static void line_score(const char *name, const cJSON *message)
{
    char score[FIELDS_SCORE_MAX];
    fields_score(fields_number(message, "score", (double)NAN), score);
    printf("%s %s score %s\n", fields_text(message, "time", "-"), name, score);
}

static void line_state(const char *name, const cJSON *message)
{
    char reasons[256], suspended[FIELDS_SUSPENSION_MAX];
    fields_join(message, "reasons", reasons, sizeof reasons);
    fields_suspension(message, suspended);
    printf("%s %s state %s%s%s%s%s\n", fields_text(message, "since", "-"), name,
           fields_text(message, "state", "-"), *suspended ? ": " : "", suspended,
           *reasons ? ": " : "", reasons);
}

static void line_alert(const char *name, const cJSON *message)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(message, "data");
    char score[FIELDS_SCORE_MAX];
    fields_score(fields_number(data, "score", (double)NAN), score);
    printf("%s %s alert %s %s %s %s\n", fields_text(message, "time", "-"), name,
           fields_text(data, "state", "-"), fields_text(data, "severity", "-"), score,
           fields_text(data, "text", "-"));
}

static const struct {
    const char *group, *leaf;
    int qos;
    int (*show)(struct board *board, const char *name, const cJSON *message);
    void (*print)(const char *name, const cJSON *message);
} kinds[] = {
    {"robot", "alert", 1, board_alert, line_alert},
    {"robot", "state", 1, board_state, line_state},
    {"robot", "score", 0, board_score, line_score},
    {"service", "status", 1, board_status, line_state},
};
#define KINDS (sizeof kinds / sizeof kinds[0])
#define KIND_SCORE 2

/* "ROOT/robot/NAME/alert": which kind, and the name; KINDS if it is none. */
static size_t match_topic(const struct watch *watch, const char *topic,
                          char ret_name[NAME_MAX_LENGTH + 1])
{
    const char *group = topic + strlen(cli_text(watch->cli, "root")) + 1;
    for (size_t i = 0; i < KINDS; i++) {
        size_t length = strlen(kinds[i].group);
        if (strncmp(group, kinds[i].group, length) != 0 || group[length] != '/')
            continue;
        const char *name = group + length + 1;
        size_t name_length = strcspn(name, "/");
        if (name_length > NAME_MAX_LENGTH || !name[name_length] ||
            strcmp(name + name_length + 1, kinds[i].leaf) != 0)
            continue;
        memcpy(ret_name, name, name_length);
        ret_name[name_length] = '\0';
        return name_valid(ret_name) ? i : KINDS;
    }
    return KINDS;
}

/* The tree is taken. */
static void print_json(const struct mqtt_message *message, size_t kind, const char *name,
                       cJSON *tree)
{
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "topic", message->topic);
    cJSON_AddStringToObject(line, "kind", kinds[kind].leaf);
    cJSON_AddStringToObject(line, kinds[kind].group, name);
    cJSON_AddBoolToObject(line, "retained", message->retained);
    cJSON_AddItemToObject(line, "message", tree);
    char *text = cJSON_PrintUnformatted(line);
    cJSON_Delete(line);
    if (text)
        puts(text);
    cJSON_free(text);
}

static void end_if_unheard(struct watch *watch)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return;
    bool enough = errno == EPIPE; /* for head: then there is nothing to be said */
    cli_mqtt_stop(&watch->mqtt, enough ? CLI_FAILED : CLI_DONE);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct watch *watch = user;
    char name[NAME_MAX_LENGTH + 1];
    size_t kind = match_topic(watch, message->topic, name);
    cJSON *tree = kind < KINDS ? json_parse(message->payload, message->size, NULL) : NULL;
    if (!cJSON_IsObject(tree)) {
        cJSON_Delete(tree);
        return;
    }
    if (watch->view == VIEW_JSON) {
        print_json(message, kind, name, tree);
        end_if_unheard(watch);
        return;
    }
    fields_clean(tree);
    if (watch->view == VIEW_LINES) {
        kinds[kind].print(name, tree);
        end_if_unheard(watch);
    } else if (kinds[kind].show(&watch->board, name, tree) < 0) {
        cli_mqtt_stop(&watch->mqtt, cli_fail(watch->cli, -ENOMEM, NULL));
    }
    cJSON_Delete(tree);
}

/* ---- notes */

static void on_note(void *user, char *line)
{
    struct watch *watch = user;
    terminal_clean(line);
    if (watch->view == VIEW_LINES) {
        printf("note %s\n", line);
        end_if_unheard(watch);
    } else if (watch->view == VIEW_BOARD && watch->board.out) {
        board_note(&watch->board, line);
    }
}

static void on_notes_end(void *user)
{
    struct watch *watch = user;
    cli_mqtt_stop(&watch->mqtt, CLI_DONE);
}

static void start_notes(struct watch *watch)
{
    watch->notes.on_line = on_note;
    watch->notes.on_end = on_notes_end;
    watch->notes.user = watch;
    if (cli_given(watch->cli, "notes") && notes_start(&watch->notes, &watch->mqtt.loop) < 0)
        cli_mqtt_stop(&watch->mqtt, cli_usage(watch->cli, "--notes: stdin is no pipe"));
}

/* ---- time */

static void on_draw(uv_timer_t *timer)
{
    struct watch *watch = timer->data;
    board_draw(&watch->board);
}

static void on_tick(uv_timer_t *timer)
{
    struct watch *watch = timer->data;
    board_tick(&watch->board);
}

static void on_limit(uv_timer_t *timer)
{
    struct watch *watch = timer->data;
    cli_mqtt_stop(&watch->mqtt, CLI_DONE);
}

static void on_online(void *user)
{
    struct watch *watch = user;
    int64_t duration_ns = cli_duration_ns(watch->cli, "duration");
    if (duration_ns > 0 && !uv_is_active((uv_handle_t *)&watch->limit))
        uv_timer_start(&watch->limit, on_limit, (uint64_t)(duration_ns / CLOCK_NS_PER_MS), 0);
    if (watch->view != VIEW_BOARD || uv_is_active((uv_handle_t *)&watch->draw))
        return;
    board_init(&watch->board, stdout);
    watch->board.dirty = true;
    uv_timer_start(&watch->draw, on_draw, DRAW_MS, DRAW_MS);
    uv_timer_start(&watch->tick, on_tick, TICK_MS, TICK_MS);
}

static void before_note(void *user)
{
    struct watch *watch = user;
    if (watch->board.out)
        board_clear(&watch->board);
}

/* ---- the start */

static int subscribe(struct watch *watch)
{
    const char *robot = cli_text(watch->cli, "robot");
    for (size_t i = 0; i < KINDS; i++) {
        bool of_robot = !strcmp(kinds[i].group, "robot");
        char filter[CLI_MQTT_TOPIC_MAX];
        if (i == KIND_SCORE && cli_given(watch->cli, "no-scores"))
            continue;
        snprintf(filter, sizeof filter, "%s/%s/%s/%s", cli_text(watch->cli, "root"), kinds[i].group,
                 of_robot && robot ? robot : "+", kinds[i].leaf);
        int code = cli_mqtt_subscribe(&watch->mqtt, filter, kinds[i].qos);
        if (code != CLI_DONE)
            return code;
    }
    return CLI_DONE;
}

static int run(const struct cli *cli)
{
    static const struct cli_mqtt_handlers handlers = {
        .on_online = on_online, .on_message = on_message, .before_note = before_note};
    struct watch watch = {.cli = cli,
                          .view = cli_given(cli, "json") ? VIEW_JSON
                                  : terminal_is(stdout)  ? VIEW_BOARD
                                                         : VIEW_LINES};
    if (strpbrk(cli_text(cli, "root"), "+#"))
        return cli_usage(cli, "--root \"%.80s\" is no topic", cli_text(cli, "root"));
    setlocale(LC_CTYPE, "");
    int code = cli_mqtt_start(&watch.mqtt, cli, &handlers, &watch);
    if (code != CLI_DONE)
        return code;
    uv_timer_t *timers[] = {&watch.draw, &watch.tick, &watch.limit};
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        uv_timer_init(&watch.mqtt.loop, timers[i]);
        timers[i]->data = &watch;
    }
    subscribe(&watch);
    start_notes(&watch);
    code = cli_mqtt_run(&watch.mqtt);
    if (watch.board.out)
        board_deinit(&watch.board);
    return code;
}

const struct cli_command command_watch = {
    .name = "watch",
    .summary = "show scores, states and alerts of all robots live",
    .description =
        "On a terminal, alerts scroll by above a table of the robots; 1 is the limit of a score. "
        "Into a pipe or a file, one line for each message: time, name, what, and its details.",
    .options = {options, cli_mqtt_options},
    .run = run,
};

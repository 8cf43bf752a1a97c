/*
 * With MQTT 5 the answer comes on a topic of our own; with 3.1.1 on the instance's control/reply,
 * told from those to others by the id. After a reconnect the command is sent again: an instance
 * that has seen its id does not run it twice.
 */
#include "base/name.h"
#include "base/rng.h"
#include "cli/cli_mqtt.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/operations_text.h"
#include "cli/status_text.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_SIZE 17

static const struct cli_option options[] = {
    {"instance", "NAME", "the instance of armwatchd to command", .type = CLI_NAME,
     .required = true},
    {"robot", "NAME", "for this robot only", .type = CLI_NAME},
    {"minutes", "N", "suspend: for so long, 1 to 10080", .type = CLI_INTEGER, .min = 1,
     .max = 10080},
    {"reason", "TEXT", "suspend: why, for those who see the state"},
    {"model", "NAME", "commission: with this model of its directory", .type = CLI_NAME},
    {"false-alarms-per-day", "N", "threshold, arm: for this budget instead of the configured one",
     .type = CLI_NUMBER, .min = 1e-6, .max = 1e6},
    {"verdict", "WORD", "ack: true, false or maintenance"},
    {"note", "TEXT", "ack: one line that is kept with the verdict"},
    {"last", "N", "audit, verdicts: so many entries", .type = CLI_INTEGER, .min = 1, .max = 200},
    {"report", NULL, "shadow: how the candidates do, as shadow-report"},
    {"force", NULL, "arm: although so little data does not support the budget"},
    {"timeout", "TIME", "to wait for the answer", "10s", CLI_DURATION, 0.1, 3600},
    {"root", "TOPIC", "root of the topics", CLI_MQTT_ROOT},
    {"json", NULL, "the answer as one JSON object on stdout"},
    {0}};

struct control {
    const struct cli *cli;
    struct cli_mqtt mqtt;
    uv_timer_t limit;
    char id[ID_SIZE];
    const char *command;
    char *request;
    char command_topic[CLI_MQTT_TOPIC_MAX], reply_topic[CLI_MQTT_TOPIC_MAX],
        status_topic[CLI_MQTT_TOPIC_MAX];
    char state[32]; /* in the instance's retained status; "" if there is none */
};

/* ---- the request */

/* Arguments that stay text even if they look like something else. */
static bool is_text_argument(const char *name, size_t length)
{
    static const char *const names[] = {"model", "robot", "alert_id", "verdict", "note", "reason"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == length && !strncmp(names[i], name, length))
            return true;
    }
    return false;
}

/* NAME=VALUE; the value is JSON where it can be read as that, else a text. */
static int add_argument(const struct cli *cli, cJSON *root, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : 0;
    if (length == 0 || length > NAME_MAX_LENGTH)
        return cli_usage(cli, "\"%s\" must be NAME=VALUE", text);
    char name[NAME_MAX_LENGTH + 1];
    memcpy(name, text, length);
    name[length] = '\0';
    if (cJSON_HasObjectItem(root, name))
        return cli_usage(cli, "%s is given twice", name);
    cJSON *value =
        is_text_argument(name, length) ? NULL : json_parse(equals + 1, strlen(equals + 1), NULL);
    cJSON_AddItemToObject(root, name, value ? value : cJSON_CreateString(equals + 1));
    return CLI_DONE;
}

/* What may stand behind a command without a name. */
static const char *unnamed_argument(const char *command)
{
    static const struct {
        const char *command, *member;
    } table[] = {{"reload", "model"},
                 {"shadow", "model"},
                 {"promote", "model"},
                 {"unshadow", "model"},
                 {"ack", "alert_id"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!strcmp(table[i].command, command))
            return table[i].member;
    }
    return NULL;
}

static void add_options(const struct cli *cli, cJSON *root)
{
    static const struct {
        const char *option, *member;
        enum { TEXT, INTEGER, NUMBER, FLAG } type;
    } table[] = {{"robot", "robot", TEXT},
                 {"minutes", "minutes", INTEGER},
                 {"reason", "reason", TEXT},
                 {"model", "model", TEXT},
                 {"false-alarms-per-day", "false_alarms_per_day", NUMBER},
                 {"verdict", "verdict", TEXT},
                 {"note", "note", TEXT},
                 {"last", "last", INTEGER},
                 {"force", "force", FLAG}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *option = table[i].option, *member = table[i].member;
        if (!cli_given(cli, option))
            continue;
        if (table[i].type == TEXT)
            cJSON_AddStringToObject(root, member, cli_text(cli, option));
        else if (table[i].type == INTEGER)
            cJSON_AddNumberToObject(root, member, (double)cli_integer(cli, option));
        else if (table[i].type == NUMBER)
            cJSON_AddNumberToObject(root, member, cli_number(cli, option));
        else
            cJSON_AddTrueToObject(root, member);
    }
}

static int build_request(struct control *control)
{
    const struct cli *cli = control->cli;
    const char *unnamed = unnamed_argument(control->command);
    size_t next = 1;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "id", control->id);
    cJSON_AddStringToObject(root, "command", control->command);
    if (unnamed && cli->arg_count > 1 && !strchr(cli->args[1], '='))
        cJSON_AddStringToObject(root, unnamed, cli->args[next++]);
    add_options(cli, root);
    int code = CLI_DONE;
    for (; code == CLI_DONE && next < cli->arg_count; next++)
        code = add_argument(cli, root, cli->args[next]);
    control->request = code == CLI_DONE ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    return code == CLI_DONE && !control->request ? cli_fail(cli, -ENOMEM, NULL) : code;
}

/* ---- the answer */

static int print_answer(const struct control *control, const cJSON *reply)
{
    const char *command = control->command, *instance = cli_text(control->cli, "instance");
    if (operations_text_answer(command, reply, stdout))
        return CLI_DONE;
    if (!strcmp(command, "status")) {
        status_text(reply, instance, cli_text(control->cli, "broker"), stdout);
    } else if (cJSON_GetObjectItemCaseSensitive(reply, "commissioning")) {
        printf("%s: %s: done\n", instance, command);
        status_text_thresholds(reply, stdout);
        status_text_commissioning(reply, instance, stdout);
    } else if (fields_text(reply, "model", NULL)) {
        printf("%s: %s: %s version %.0f is in use\n", instance, command,
               fields_text(reply, "model", "-"), fields_number(reply, "model_version", 0));
    } else if (fields_text(reply, "until", NULL)) {
        char until[FIELDS_TIME_MAX];
        fields_local_time(fields_text(reply, "until", ""), until);
        printf("%s: %s: no alerts of %s until %s\n", instance, command,
               fields_text(reply, "robot", "any robot"), until);
    } else {
        printf("%s: %s: done\n", instance, command);
    }
    return CLI_DONE;
}

static int take_answer(const struct control *control, cJSON *reply)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(reply, "error");
    bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "ok"));
    if (cli_given(control->cli, "json")) {
        int code = cli_print_json(control->cli, cJSON_Duplicate(reply, true));
        return ok ? code : CLI_FAILED;
    }
    fields_clean(reply);
    if (!ok)
        return cli_error(control->cli, CLI_FAILED, "%s refused %s: %s (%s)",
                         cli_text(control->cli, "instance"), control->command,
                         fields_text(error, "message", "no reason given"),
                         fields_text(error, "code", "no code"));
    return print_answer(control, reply);
}

/* ---- handlers */

static void on_status(struct control *control, const cJSON *status)
{
    snprintf(control->state, sizeof control->state, "%s", fields_text(status, "state", ""));
    terminal_clean(control->state);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct control *control = user;
    cJSON *tree = json_parse(message->payload, message->size, NULL);
    if (!strcmp(message->topic, control->status_topic))
        on_status(control, tree);
    else if (!message->retained && !strcmp(fields_text(tree, "id", ""), control->id))
        cli_mqtt_stop(&control->mqtt, take_answer(control, tree));
    cJSON_Delete(tree);
}

static void on_online(void *user)
{
    struct control *control = user;
    const struct mqtt_message message = {.topic = control->command_topic,
                                         .payload = control->request,
                                         .size = strlen(control->request),
                                         .qos = 1,
                                         .response_topic = control->reply_topic,
                                         .correlation = control->id,
                                         .correlation_size = strlen(control->id),
                                         .content_type = "application/json"};
    int r = mqtt_client_publish(control->mqtt.client, &message, NULL);
    if (r < 0 && r != -EAGAIN) /* then the one before the reconnect is still on its way */
        cli_mqtt_stop(&control->mqtt, cli_fail(control->cli, -abs(r) == -EINVAL ? -EIO : r, NULL));
}

static void on_ack(void *user, uint64_t token, int reason)
{
    struct control *control = user;
    if (reason != 0)
        cli_mqtt_stop(&control->mqtt,
                      cli_error(control->cli, CLI_FAILED, "the broker refused %s (reason %d)",
                                control->command_topic, reason));
}

static void on_limit(uv_timer_t *timer)
{
    struct control *control = timer->data;
    const char *instance = cli_text(control->cli, "instance");
    double limit_s = (double)cli_duration_ns(control->cli, "timeout") / 1e9;
    int code;
    if (*control->state)
        code = cli_error(control->cli, CLI_FAILED, "no answer from %s in %g s; its state is \"%s\"",
                         instance, limit_s, control->state);
    else
        code = cli_error(control->cli, CLI_FAILED,
                         "no answer from %s in %g s; no instance of that name is known at %s",
                         instance, limit_s, cli_text(control->cli, "broker"));
    cli_mqtt_stop(&control->mqtt, code);
}

static void on_interrupt(void *user)
{
    struct control *control = user;
    cli_mqtt_stop(&control->mqtt,
                  cli_error(control->cli, CLI_FAILED, "interrupted before the answer"));
}

/* ---- the start */

static bool name_topics(struct control *control)
{
    const struct cli *cli = control->cli;
    const char *root = cli_text(cli, "root"), *instance = cli_text(cli, "instance");
    bool own = cli_choice(cli, "protocol") == 0;
    const struct {
        char *topic;
        const char *leaf, *id;
    } topics[] = {
        {control->command_topic, "control", ""},
        {control->status_topic, "status", ""},
        {control->reply_topic, own ? "control/reply/" : "control/reply", own ? control->id : ""},
    };
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (snprintf(topics[i].topic, CLI_MQTT_TOPIC_MAX, "%s/service/%s/%s%s", root, instance,
                     topics[i].leaf, topics[i].id) >= CLI_MQTT_TOPIC_MAX)
            return false;
    }
    return true;
}

static int talk(struct control *control)
{
    static const struct cli_mqtt_handlers handlers = {.on_online = on_online,
                                                      .on_message = on_message,
                                                      .on_ack = on_ack,
                                                      .on_interrupt = on_interrupt};
    int code = cli_mqtt_start(&control->mqtt, control->cli, &handlers, control);
    if (code != CLI_DONE)
        return code;
    uv_timer_init(&control->mqtt.loop, &control->limit);
    control->limit.data = control;
    uv_timer_start(&control->limit, on_limit,
                   (uint64_t)cli_duration_ns(control->cli, "timeout") / 1000000, 0);
    cli_mqtt_subscribe(&control->mqtt, control->reply_topic, 1);
    cli_mqtt_subscribe(&control->mqtt, control->status_topic, 1);
    return cli_mqtt_run(&control->mqtt);
}

static int run(const struct cli *cli)
{
    struct control control = {.cli = cli, .command = cli->args[0]};
    struct rng rng;
    rng_init(&rng, uv_hrtime() ^ (uint64_t)getpid() << 32);
    snprintf(control.id, sizeof control.id, "%016llx", (unsigned long long)rng_next(&rng));
    if (!name_topics(&control) || strpbrk(cli_text(cli, "root"), "+#"))
        return cli_usage(cli, "--root \"%.80s\" is no topic", cli_text(cli, "root"));
    if (!strcmp(control.command, "shadow") && cli_given(cli, "report"))
        control.command = "shadow-report";
    int code = build_request(&control);
    if (code == CLI_DONE)
        code = talk(&control);
    cJSON_free(control.request);
    return code;
}

const struct cli_command command_ctl = {
    .name = "ctl",
    .summary = "command a running armwatchd: its state, its models, its alerts",
    .arguments = "COMMAND [MODEL|ALERT] [NAME=VALUE]...",
    .description =
        "  status                              how it is, and each of its robots\n"
        "  reload [MODEL]                      use this model of its directory, or the\n"
        "                                      present one again\n"
        "  rollback                            back to the model before\n"
        "  commission --robot R [--model M]    learn its thresholds where it works: no\n"
        "                                      alerts from scores until it is armed\n"
        "  arm --robot R                       use the thresholds that were learnt\n"
        "  disarm --robot R                    the model's own thresholds again\n"
        "  threshold --false-alarms-per-day N  another budget of false alarms; without N\n"
        "                                      the configured one again\n"
        "  suspend --minutes N [--reason TEXT] no alerts during maintenance\n"
        "  resume                              alerts again\n"
        "  ack ALERT --verdict WORD            true, false or maintenance; --note TEXT\n"
        "  verdicts                            what was said of alerts, counted\n"
        "  shadow MODEL                        try a model beside the live one\n"
        "  shadow-report                       how it does\n"
        "  promote                             use it\n"
        "  unshadow                            end the trial\n"
        "  audit                               who has changed what\n"
        "\n"
        "Most take --robot, for that robot alone.\n\n"
        "  armwatch ctl --broker mqtt://localhost --instance cell7 reload cell7-v2\n"
        "  armwatch ctl --broker mqtt://localhost --instance cell7 suspend --robot r1 "
        "--minutes 90",
    .least = 1,
    .most = 16,
    .options = {options, cli_mqtt_options},
    .run = run,
};

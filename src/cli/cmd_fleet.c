#include "base/clock.h"
#include "cli/cli_mqtt.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/fleet_view.h"

#include <errno.h>
#include <string.h>

static const struct cli_option options[] = {
    {"wait", "TIME", "listen for so long; over 30s also shows the present rate", "2s", CLI_DURATION,
     .min = 0.1, .max = 3600},
    {"root", "TOPIC", "root of the topics", CLI_MQTT_ROOT},
    {"json", NULL, "one JSON object on stdout"},
    {0}};

struct look {
    const struct cli *cli;
    struct cli_mqtt mqtt;
    uv_timer_t limit;
    struct fleet_view view;
};

/* "ROOT/service/NAME/status" */
static bool instance_of(const struct look *look, const char *topic,
                        char ret_name[NAME_MAX_LENGTH + 1])
{
    const char *name = topic + strlen(cli_text(look->cli, "root")) + strlen("/service/");
    size_t length = strcspn(name, "/");
    if (length > NAME_MAX_LENGTH)
        return false;
    memcpy(ret_name, name, length);
    ret_name[length] = '\0';
    return name_valid(ret_name);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct look *look = user;
    char name[NAME_MAX_LENGTH + 1];
    if (!instance_of(look, message->topic, name))
        return;
    cJSON *status = json_parse(message->payload, message->size, NULL);
    if (status) {
        fields_clean(status);
        if (fleet_view_take(&look->view, name, status) == -ENOMEM)
            cli_mqtt_stop(&look->mqtt, cli_fail(look->cli, -ENOMEM, NULL));
    }
    cJSON_Delete(status);
}

static void on_limit(uv_timer_t *timer)
{
    struct look *look = timer->data;
    cli_mqtt_stop(&look->mqtt, CLI_DONE);
}

static void on_online(void *user)
{
    struct look *look = user;
    uint64_t wait_ms = (uint64_t)(cli_duration_ns(look->cli, "wait") / CLOCK_NS_PER_MS);
    if (!uv_is_active((uv_handle_t *)&look->limit))
        uv_timer_start(&look->limit, on_limit, wait_ms, 0);
}

static int print(const struct look *look)
{
    if (!cli_given(look->cli, "json")) {
        fleet_view_text(&look->view, stdout);
    } else {
        cJSON *tree = fleet_view_json(&look->view);
        char *text = tree ? cJSON_Print(tree) : NULL;
        cJSON_Delete(tree);
        if (!text)
            return cli_fail(look->cli, -ENOMEM, NULL);
        puts(text);
        cJSON_free(text);
    }
    return fleet_view_is_whole(&look->view) ? CLI_DONE : CLI_FAILED;
}

static int run(const struct cli *cli)
{
    static const struct cli_mqtt_handlers handlers = {.on_online = on_online,
                                                      .on_message = on_message};
    struct look look = {.cli = cli};
    char filter[CLI_MQTT_TOPIC_MAX];
    if (strpbrk(cli_text(cli, "root"), "+#"))
        return cli_usage(cli, "--root \"%.80s\" is no topic", cli_text(cli, "root"));
    int code = cli_mqtt_start(&look.mqtt, cli, &handlers, &look);
    if (code != CLI_DONE)
        return code;
    uv_timer_init(&look.mqtt.loop, &look.limit);
    look.limit.data = &look;
    snprintf(filter, sizeof filter, "%s/service/+/status", cli_text(cli, "root"));
    cli_mqtt_subscribe(&look.mqtt, filter, 1);
    code = cli_mqtt_run(&look.mqtt);
    if (code == CLI_DONE)
        code = print(&look);
    fleet_view_deinit(&look.view);
    return code;
}

const struct cli_command command_fleet = {
    .name = "fleet",
    .summary = "show which instance owns which partition of a fleet",
    .description =
        "From what the instances tell of themselves: partitions, robots, messages a second (since "
        "the start, or over the time that was listened), how old samples are when they are judged, "
        "alerts. The exit code is 1 if a partition has no owner or more than one.",
    .options = {options, cli_mqtt_options},
    .run = run,
};

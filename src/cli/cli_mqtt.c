#include "cli/cli_mqtt.h"

#include "base/rng.h"
#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_LIMIT_MS 10000

const struct cli_option cli_mqtt_options[] = {
    {.help = "Broker"},
    {"broker", "URL", "mqtt://HOST[:1883], mqtts://HOST[:8883] or unix:///PATH"},
    {"username", "NAME", "user name at the broker"},
    {"password-file", "FILE",
     "its password: one line, not readable for others; a relative name is looked for in "
     "$CREDENTIALS_DIRECTORY first"},
    {"ca-file", "FILE", "certificates that sign the broker's; else the system's"},
    {"cert-file", "FILE", "certificate to show to the broker"},
    {"key-file", "FILE", "its key"},
    {"protocol", "5|3.1.1", "version of MQTT", "5", CLI_CHOICE},
    {0}};

/* ---- handlers */

static void note(struct cli_mqtt *mqtt, const char *text, const char *reason)
{
    if (mqtt->handlers.before_note)
        mqtt->handlers.before_note(mqtt->user);
    cli_note(mqtt->cli, "%s%s", text, reason);
}

static void on_online(void *user)
{
    struct cli_mqtt *mqtt = user;
    uv_timer_stop(&mqtt->connect_limit);
    if (mqtt->was_online)
        note(mqtt, "connected again", "");
    mqtt->was_online = true;
    if (mqtt->handlers.on_online)
        mqtt->handlers.on_online(mqtt->user);
}

static void unreachable(struct cli_mqtt *mqtt, const char *reason)
{
    if (mqtt->stopping)
        return;
    cli_mqtt_stop(mqtt, cli_error(mqtt->cli, CLI_UNREACHABLE, "%s: %s",
                                  cli_text(mqtt->cli, "broker"), reason));
}

static void on_offline(void *user, const char *reason)
{
    struct cli_mqtt *mqtt = user;
    if (!mqtt->was_online) {
        unreachable(mqtt, reason);
        return;
    }
    mqtt->losses++;
    note(mqtt, "connection lost, trying again: ", reason);
}

static void on_message(void *user, const struct mqtt_message *message)
{
    struct cli_mqtt *mqtt = user;
    if (mqtt->handlers.on_message)
        mqtt->handlers.on_message(mqtt->user, message);
}

static void on_oversize(void *user, const struct mqtt_message *message)
{
    struct cli_mqtt *mqtt = user;
    if (mqtt->handlers.on_oversize)
        mqtt->handlers.on_oversize(mqtt->user, message);
}

static void on_ack(void *user, uint64_t token, int reason)
{
    struct cli_mqtt *mqtt = user;
    if (mqtt->handlers.on_ack)
        mqtt->handlers.on_ack(mqtt->user, token, reason);
}

static void on_refused(void *user, const char *filter, int reason)
{
    struct cli_mqtt *mqtt = user;
    cli_mqtt_stop(mqtt, cli_error(mqtt->cli, CLI_FAILED,
                                  "the broker refused the subscription to %s (reason %d)", filter,
                                  reason));
}

static void on_connect_limit(uv_timer_t *timer)
{
    char text[64];
    snprintf(text, sizeof text, "no answer within %d s", CONNECT_LIMIT_MS / 1000);
    unreachable(timer->data, text);
}

static void on_signal(uv_signal_t *handle, int signal)
{
    struct cli_mqtt *mqtt = handle->data;
    if (mqtt->handlers.on_interrupt && mqtt->was_online && !mqtt->stopping)
        mqtt->handlers.on_interrupt(mqtt->user);
    else
        cli_mqtt_stop(mqtt, mqtt->was_online ? CLI_DONE : CLI_FAILED);
}

/* ---- start */

/* Secrets are found as the daemon finds them, but beside the working directory. */
static int read_password(const struct cli *cli, char **ret_password)
{
    char here[] = "";
    const struct config place = {.path = here};
    struct diag diag = DIAG_INIT;
    *ret_password = NULL;
    const char *path = cli_text(cli, "password-file");
    int r = path ? config_read_secret(&place, path, ret_password, &diag) : 0;
    return r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
}

static int start_client(struct cli_mqtt *mqtt, const char *password)
{
    static const struct mqtt_handlers handlers = {.on_online = on_online,
                                                  .on_offline = on_offline,
                                                  .on_message = on_message,
                                                  .on_oversize = on_oversize,
                                                  .on_ack = on_ack,
                                                  .on_refused = on_refused};
    const struct cli *cli = mqtt->cli;
    struct rng rng;
    rng_init(&rng, uv_hrtime() ^ (uint64_t)getpid() << 32);
    char client_id[64];
    snprintf(client_id, sizeof client_id, "armwatch-%s-%08x", cli->command->name,
             (unsigned)rng_next(&rng));
    struct mqtt_options options = {.protocol = cli_choice(cli, "protocol") == 0 ? 5 : 4,
                                   .client_id = client_id,
                                   .username = cli_text(cli, "username"),
                                   .password = password,
                                   .ca_file = cli_text(cli, "ca-file"),
                                   .cert_file = cli_text(cli, "cert-file"),
                                   .key_file = cli_text(cli, "key-file")};
    struct diag diag = DIAG_INIT;
    int r = mqtt_url_parse(cli_text(cli, "broker"), &options.url, &diag);
    if (r == 0)
        r = mqtt_client_start(&mqtt->loop, &options, &handlers, mqtt, &mqtt->client, &diag);
    if (r == -EINVAL)
        return cli_usage(cli, "%s", diag.text);
    return r < 0 ? cli_fail(cli, r, &diag) : CLI_DONE;
}

static void close_handle(uv_handle_t *handle, void *user)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_loop(struct cli_mqtt *mqtt)
{
    uv_walk(&mqtt->loop, close_handle, NULL);
    uv_run(&mqtt->loop, UV_RUN_DEFAULT);
    int r = uv_loop_close(&mqtt->loop);
    assert(r == 0);
    (void)r;
}

int cli_mqtt_start(struct cli_mqtt *mqtt, const struct cli *cli,
                   const struct cli_mqtt_handlers *handlers, void *user)
{
    *mqtt = (struct cli_mqtt){.cli = cli, .handlers = *handlers, .user = user};
    if (!cli_given(cli, "broker"))
        return cli_usage(cli, "--broker URL is needed");
    char *password;
    int code = read_password(cli, &password);
    if (code != CLI_DONE)
        return code;
    int r = uv_loop_init(&mqtt->loop);
    if (r < 0) {
        free(password);
        return cli_fail(cli, r, NULL);
    }
    uv_timer_init(&mqtt->loop, &mqtt->connect_limit);
    uv_signal_init(&mqtt->loop, &mqtt->interrupt);
    uv_signal_init(&mqtt->loop, &mqtt->terminate);
    mqtt->connect_limit.data = mqtt->interrupt.data = mqtt->terminate.data = mqtt;
    code = start_client(mqtt, password);
    free(password);
    if (code != CLI_DONE) {
        close_loop(mqtt);
        return code;
    }
    uv_timer_start(&mqtt->connect_limit, on_connect_limit, CONNECT_LIMIT_MS, 0);
    uv_signal_start(&mqtt->interrupt, on_signal, SIGINT);
    uv_signal_start(&mqtt->terminate, on_signal, SIGTERM);
    return CLI_DONE;
}

int cli_mqtt_subscribe(struct cli_mqtt *mqtt, const char *filter, int qos)
{
    int r = mqtt_client_subscribe(mqtt->client, filter, qos);
    if (r == 0)
        return CLI_DONE;
    int code = r == -EINVAL ? cli_usage(mqtt->cli, "\"%s\" is no topic filter", filter)
                            : cli_fail(mqtt->cli, r, NULL);
    cli_mqtt_stop(mqtt, code);
    return code;
}

/* ---- run */

static void on_stopped(void *user)
{
    struct cli_mqtt *mqtt = user;
    mqtt->client = NULL;
    uv_stop(&mqtt->loop);
}

void cli_mqtt_stop(struct cli_mqtt *mqtt, int code)
{
    if (mqtt->stopping)
        return;
    mqtt->stopping = true;
    mqtt->code = code;
    mqtt_client_stop(mqtt->client, on_stopped, mqtt);
}

int cli_mqtt_run(struct cli_mqtt *mqtt)
{
    while (mqtt->client)
        uv_run(&mqtt->loop, UV_RUN_DEFAULT);
    close_loop(mqtt);
    return mqtt->code;
}

bool cli_mqtt_fill_topic(const char *template, const char *robot,
                         char ret_topic[CLI_MQTT_TOPIC_MAX])
{
    static const char mark[] = "{robot}";
    const char *at = strstr(template, mark);
    size_t before = at ? (size_t)(at - template) : strlen(template);
    int used = snprintf(ret_topic, CLI_MQTT_TOPIC_MAX, "%.*s%s%s", (int)before, template,
                        !at     ? ""
                        : robot ? robot
                                : "+",
                        at ? at + strlen(mark) : "");
    return used < CLI_MQTT_TOPIC_MAX;
}

/*
 * cli_mqtt: one subcommand's connection to the broker, and the loop it runs on.
 *
 *     struct cli_mqtt mqtt;
 *     int code = cli_mqtt_start(&mqtt, cli, &handlers, user);
 *     if (code == CLI_DONE) {
 *         ... timers on &mqtt.loop, subscriptions ...
 *         code = cli_mqtt_run(&mqtt);
 *     }
 *
 * The first connection must succeed, or the command ends with CLI_UNREACHABLE and the reason. Later
 * ones are repaired by the client; both the loss and the repair are noted on stderr. SIGINT and
 * SIGTERM end the run. Handles that the command opened on the loop are closed for it.
 * Thread: one. Memory: nothing is left when cli_mqtt_run has returned.
 */
#ifndef ARMWATCH_CLI_CLI_MQTT_H
#define ARMWATCH_CLI_CLI_MQTT_H

#include "cli/cli.h"
#include "mqtt/client.h"

#include <uv.h>

#define CLI_MQTT_ROOT "armwatch"
#define CLI_MQTT_SAMPLE_TOPIC CLI_MQTT_ROOT "/robot/{robot}/sample"
#define CLI_MQTT_TOPIC_MAX 1024

/* --broker, --username, --password-file, --ca-file, --cert-file, --key-file, --protocol */
extern const struct cli_option cli_mqtt_options[];

/* Each may be NULL. */
struct cli_mqtt_handlers {
    void (*on_online)(void *user); /* each time; subscriptions are sent */
    void (*on_message)(void *user, const struct mqtt_message *message);
    /* One over MQTT_PACKET_MAX: its payload is NULL. */
    void (*on_oversize)(void *user, const struct mqtt_message *message);
    void (*on_ack)(void *user, uint64_t token, int reason);
    void (*before_note)(void *user);  /* a note on the connection is about to be printed */
    void (*on_interrupt)(void *user); /* to call cli_mqtt_stop; NULL: stops with CLI_DONE */
};

struct cli_mqtt {
    const struct cli *cli;
    struct cli_mqtt_handlers handlers;
    void *user;
    uv_loop_t loop;
    struct mqtt_client *client; /* NULL when it has stopped */
    uv_timer_t connect_limit;
    uv_signal_t interrupt, terminate;
    bool was_online;
    unsigned losses; /* connections lost */
    bool stopping;
    int code;
};

/* Returns CLI_DONE, or the exit code after saying why. */
int cli_mqtt_start(struct cli_mqtt *mqtt, const struct cli *cli,
                   const struct cli_mqtt_handlers *handlers, void *user);

/* Subscribes; a filter that is none is a usage error, and one that the broker refuses ends the run.
 */
int cli_mqtt_subscribe(struct cli_mqtt *mqtt, const char *filter, int qos);

/* Runs until cli_mqtt_stop; returns its code. */
int cli_mqtt_run(struct cli_mqtt *mqtt);

/* Ends the run; the first call decides the code. What was published is still written out. */
void cli_mqtt_stop(struct cli_mqtt *mqtt, int code);

/* Writes a template with `robot` in the place of "{robot}" (NULL: "+"). Returns false if it does
 * not fit. A template without "{robot}" is taken as it is. */
bool cli_mqtt_fill_topic(const char *template, const char *robot,
                         char ret_topic[CLI_MQTT_TOPIC_MAX]);

#endif

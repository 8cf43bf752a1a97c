#include "daemon/broker.h"

#include <stdlib.h>
#include <string.h>

/* Secrets and certificate files of the configuration, found and read. */
struct secrets {
    char *password, *ca_file, *cert_file, *key_file;
};

static void free_secrets(struct secrets *secrets)
{
    if (secrets->password)
        explicit_bzero(secrets->password, strlen(secrets->password));
    free(secrets->password);
    free(secrets->ca_file);
    free(secrets->cert_file);
    free(secrets->key_file);
}

static int find_secrets(const struct config *config, struct secrets *secrets, struct diag *diag)
{
    const struct {
        const char *name;
        char **path;
    } files[] = {{config->mqtt.ca_file, &secrets->ca_file},
                 {config->mqtt.cert_file, &secrets->cert_file},
                 {config->mqtt.key_file, &secrets->key_file}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof files / sizeof files[0]; i++) {
        if (files[i].name)
            r = config_find_secret(config, files[i].name, files[i].path, diag);
    }
    if (r == 0 && config->mqtt.password_file)
        r = config_read_secret(config, config->mqtt.password_file, &secrets->password, diag);
    return r;
}

static int parse_urls(const struct config *config, struct mqtt_url ret_urls[MQTT_URLS_MAX],
                      struct diag *diag)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < config->mqtt.url.count; i++)
        r = mqtt_url_parse(config->mqtt.url.item[i], &ret_urls[i], diag);
    return r;
}

int broker_connect(uv_loop_t *loop, const struct config *config, const struct broker_will *will,
                   const struct mqtt_handlers *handlers, void *user,
                   struct mqtt_client **ret_client, struct diag *diag)
{
    struct secrets secrets = {0};
    struct mqtt_url urls[MQTT_URLS_MAX];
    struct mqtt_options options = {
        .protocol = !strcmp(config->mqtt.protocol, "5") ? 5 : 4,
        .client_id = config->mqtt.client_id,
        .username = config->mqtt.username,
        .tls_insecure = config->mqtt.tls_insecure,
        .will = {.topic = will->topic,
                 .payload = will->text,
                 .size = strlen(will->text),
                 .qos = 1,
                 .retained = true},
    };
    int r = find_secrets(config, &secrets, diag);
    if (r == 0)
        r = parse_urls(config, urls, diag);
    if (r == 0) {
        options.url = urls[0];
        options.others = urls + 1;
        options.other_count = config->mqtt.url.count - 1;
    }
    options.password = secrets.password;
    options.ca_file = secrets.ca_file;
    options.cert_file = secrets.cert_file;
    options.key_file = secrets.key_file;
    if (r == 0)
        r = mqtt_client_start(loop, &options, handlers, user, ret_client, diag);
    free_secrets(&secrets);
    return r;
}

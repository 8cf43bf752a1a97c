#include "config/config.h"

#include "base/file.h"
#include "base/json.h"
#include "config/keys.h"
#include "config/listen.h"
#include "config/partitions_check.h"
#include "config/topic_template.h"
#include "config/value.h"
#include "mqtt/topic.h"
#include "mqtt/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_FILE_MAX ((size_t)1 << 20)

static int set_key(struct config *config, const struct config_key *key, const cJSON *value,
                   struct diag *diag)
{
    return config_value_set(key, (char *)config + key->offset, value, diag);
}

static int set_defaults(struct config *config)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (!config_keys[i].standard || !strcmp(config_keys[i].standard, "null"))
            continue;
        cJSON *value = cJSON_Parse(config_keys[i].standard);
        int r = value ? set_key(config, &config_keys[i], value, NULL) : -ENOMEM;
        cJSON_Delete(value);
        if (r < 0)
            return r;
    }
    return 0;
}

static const struct config_key *find_key(const char *path)
{
    for (size_t i = 0; i < config_key_count; i++) {
        if (!strcmp(config_keys[i].path, path))
            return &config_keys[i];
    }
    return NULL;
}

/* The names that are known one level under a prefix, for the message about one that is not. */
static void list_known(const char *prefix, char *ret_text, size_t size)
{
    size_t length = strlen(prefix), used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < config_key_count; i++) {
        if (strncmp(config_keys[i].path, prefix, length) != 0)
            continue;
        const char *rest = config_keys[i].path + length;
        int name = (int)strcspn(rest, ".");
        bool repeated =
            i > 0 &&
            !strncmp(config_keys[i - 1].path, config_keys[i].path, length + (size_t)name) &&
            rest[name] == '.';
        if (!repeated && used < size)
            used += (size_t)snprintf(ret_text + used, size - used, "%s%.*s", used ? ", " : "", name,
                                     rest);
    }
}

static bool is_section(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < config_key_count; i++) {
        if (!strncmp(config_keys[i].path, path, length) && config_keys[i].path[length] == '.')
            return true;
    }
    return false;
}

/* Nesting is bounded by json_parse, so this recursion is too. */
static int read_object(struct config *config, const char *prefix, const cJSON *object,
                       bool given[CONFIG_KEYS_MAX], struct diag *diag)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        char path[256];
        snprintf(path, sizeof path, "%s%s%.100s", prefix, *prefix ? "." : "", item->string);
        /* A dot parts the levels in `path`: within a key it would mean another one. */
        bool dotted_key = strchr(item->string, '.');
        const struct config_key *key = dotted_key ? NULL : find_key(path);
        int r;
        if (key) {
            given[key - config_keys] = true;
            r = set_key(config, key, item, diag);
            if (r < 0)
                diag_prefix(diag, "%s", path);
        } else if (!dotted_key && is_section(path) && cJSON_IsObject(item)) {
            r = read_object(config, path, item, given, diag);
        } else if (!dotted_key && is_section(path)) {
            r = diag_set(diag, "%s: %s, must be an object", path, json_type_name(item));
        } else {
            char known[300], dotted[260];
            snprintf(dotted, sizeof dotted, "%s%s", prefix, *prefix ? "." : "");
            list_known(dotted, known, sizeof known);
            r = diag_set(diag, "%s: unknown key; known here: %s", path, known);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* First levels of topics that are published. */
static int check_levels(const char *key, const char *topic, struct diag *diag)
{
    size_t size = strlen(topic);
    if (mqtt_topic_valid(topic) && topic[0] != '$' && topic[size - 1] != '/')
        return 0;
    return diag_set(diag,
                    "%s: \"%.100s\": must be a topic (" MQTT_TOPIC_RULE
                    ") that does not begin with $ or end with /",
                    key, topic);
}

static int check_urls(const struct config_list *urls, struct mqtt_url *ret_first, struct diag *diag)
{
    if (urls->count == 0 || urls->count > MQTT_URLS_MAX)
        return diag_set(diag, "mqtt.url: %zu brokers, allowed are 1 to %d", urls->count,
                        MQTT_URLS_MAX);
    for (size_t i = 0; i < urls->count; i++) {
        struct mqtt_url url;
        int r = mqtt_url_parse(urls->item[i], &url, diag);
        if (r < 0) {
            diag_prefix(diag, "mqtt.url");
            return r;
        }
        if (i > 0 && !mqtt_url_same_scheme(&url, ret_first))
            return diag_set(diag, "mqtt.url: \"%.100s\" and \"%.100s\": all must be of one scheme",
                            urls->item[0], urls->item[i]);
        *ret_first = i == 0 ? url : *ret_first;
    }
    return 0;
}

static int check_whole(struct config *config, struct diag *diag)
{
    struct mqtt_url url;
    int r = check_urls(&config->mqtt.url, &url, diag);
    if (r < 0)
        return r;
    if (!config->mqtt.cert_file != !config->mqtt.key_file)
        return diag_set(diag, "mqtt.cert_file and mqtt.key_file go together");
    if (!url.tls && (config->mqtt.ca_file || config->mqtt.cert_file))
        return diag_set(diag, "mqtt.ca_file and mqtt.cert_file need an mqtts:// url");
    if (config->mqtt.password_file && !config->mqtt.username)
        return diag_set(diag, "mqtt.password_file needs mqtt.username");
    if (!config->models.default_name && config->models.robots.count == 0)
        return diag_set(diag, "models.default: missing; name a model here or in models.robots");
    if (!strcmp(config->models.signature, "require") && !config->models.public_key_file)
        return diag_set(diag, "models.signature: require needs models.public_key_file");
    r = check_levels("topics.root", config->topics.root, diag);
    if (r == 0)
        r = check_levels("homeassistant.prefix", config->homeassistant.prefix, diag);
    if (r == 0 && strlen(config->homeassistant.prefix) > CONFIG_PREFIX_MAX)
        r = diag_set(diag, "homeassistant.prefix: over %d bytes", CONFIG_PREFIX_MAX);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < config->topics.samples.count; i++)
        r = topic_template_check(config->topics.samples.item[i], diag);
    if (r < 0) {
        diag_prefix(diag, "topics.samples");
        return r;
    }
    struct listen_address listen;
    r = listen_parse(config->http.listen, &listen, diag);
    if (r < 0)
        diag_prefix(diag, "http.listen");
    return r < 0 ? r : config_check_partitions(config, diag);
}

/* Defaults that depend on other keys, and paths that are relative to the file. */
static int complete(struct config *config)
{
    if (!config->mqtt.client_id &&
        asprintf(&config->mqtt.client_id, "armwatch-%s", config->instance) < 0)
        return -ENOMEM;
    struct config_list *samples = &config->topics.samples;
    if (samples->count == 0) {
        free(samples->item);
        samples->item = calloc(1, sizeof *samples->item);
        if (!samples->item ||
            asprintf(&samples->item[0], "%s/robot/{robot}/sample", config->topics.root) < 0)
            return -ENOMEM;
        samples->count = 1;
    }
    char **paths[] = {&config->models.directory, &config->state_directory,
                      &config->input.assembler_file};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *slash = strrchr(config->path, '/');
        if (!*paths[i] || **paths[i] == '/' || !slash)
            continue;
        char *joined;
        if (asprintf(&joined, "%.*s%s", (int)(slash - config->path + 1), config->path, *paths[i]) <
            0)
            return -ENOMEM;
        free(*paths[i]);
        *paths[i] = joined;
    }
    return 0;
}

static int read_tree(struct config *config, const cJSON *tree, struct diag *diag)
{
    bool given[CONFIG_KEYS_MAX] = {false};
    if (!cJSON_IsObject(tree))
        return diag_set(diag, "%s, must be an object", json_type_name(tree));
    int r = read_object(config, "", tree, given, diag);
    for (size_t i = 0; r == 0 && i < config_key_count; i++) {
        if (!config_keys[i].standard && !given[i])
            r = diag_set(diag, "%s: missing, it has no default", config_keys[i].path);
    }
    if (r == 0)
        r = complete(config);
    return r < 0 ? r : check_whole(config, diag);
}

int config_parse(const char *path, const char *text, size_t size, struct config **ret_config,
                 struct diag *diag)
{
    int r;
    struct config *config = calloc(1, sizeof *config);
    cJSON *tree = json_parse(text, size, diag);
    if (!tree)
        r = -EINVAL;
    else if (!config || !(config->path = strdup(path)) || set_defaults(config) < 0)
        r = diag_errno(diag, ENOMEM, "configuration");
    else if (hash_sha256(&(struct hash_part){text, size}, 1, config->sha256) < 0)
        r = diag_errno(diag, ENOMEM, "configuration");
    else
        r = read_tree(config, tree, diag);
    cJSON_Delete(tree);
    if (r < 0) {
        diag_prefix(diag, "%s", path);
        config_free(config);
        return r;
    }
    *ret_config = config;
    return 0;
}

int config_load(const char *path, struct config **ret_config, struct diag *diag)
{
    void *text;
    size_t size;
    int r = file_read(path, CONFIG_FILE_MAX, &text, &size, diag);
    if (r < 0)
        return r;
    r = config_parse(path, text, size, ret_config, diag);
    free(text);
    return r;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config_key_count; i++)
        config_value_clear(&config_keys[i], (char *)config + config_keys[i].offset);
    free(config->path);
    free(config);
}

void config_keep_fixed(struct config *config, struct config *running, char *ret_changed,
                       size_t size)
{
    size_t used = 0;
    ret_changed[0] = '\0';
    for (size_t i = 0; i < config_key_count; i++) {
        void *ours = (char *)config + config_keys[i].offset,
             *theirs = (char *)running + config_keys[i].offset;
        if (config_keys[i].live)
            continue;
        if (!config_value_same(&config_keys[i], ours, theirs) && used < size)
            used += (size_t)snprintf(ret_changed + used, size - used, "%s%s", used ? ", " : "",
                                     config_keys[i].path);
        unsigned char swap[sizeof(struct config_map) + sizeof(struct config_list)];
        size_t bytes = config_value_size(config_keys[i].type);
        memcpy(swap, ours, bytes);
        memcpy(ours, theirs, bytes);
        memcpy(theirs, swap, bytes);
    }
}

const char *config_model_of(const struct config *config, const char *robot)
{
    for (size_t i = 0; i < config->models.robots.count; i++) {
        if (!strcmp(config->models.robots.entry[i].key, robot))
            return config->models.robots.entry[i].value;
    }
    return config->models.default_name;
}

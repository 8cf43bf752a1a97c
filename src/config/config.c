/*
 * A row of the table is all there is to a key: adding one is adding a member to struct config and a
 * row here. Lists and the map of robots are the only types that are not a single value.
 */
#include "config/config.h"

#include "base/file.h"
#include "base/json.h"
#include "base/name.h"
#include "mqtt/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_FILE_MAX ((size_t)1 << 20)
#define CONFIG_TEXT_MAX 1024

enum config_type {
    CONFIG_TEXT,   /* any string */
    CONFIG_NAME,   /* [A-Za-z0-9_-]{1,64} */
    CONFIG_CHOICE, /* one of `allowed`, separated by | */
    CONFIG_NUMBER,
    CONFIG_INTEGER,
    CONFIG_BOOL,
    CONFIG_LIST, /* of strings */
    CONFIG_NAMES /* object: name -> name */
};

struct config_key {
    const char *path;
    enum config_type type;
    size_t offset;
    const char *standard; /* default as JSON text; NULL: must be given; "null": may be absent */
    double min, max;
    const char *allowed;
    const char *meaning;
    bool live; /* a change takes effect at SIGHUP; else at the next start */
};

#define AT(member) offsetof(struct config, member)

static const struct config_key keys[] = {
    {"instance", CONFIG_NAME, AT(instance), "\"armwatch\"", 0, 0, NULL,
     "name of this daemon in its topics and alerts", false},
    {"mqtt.url", CONFIG_TEXT, AT(mqtt.url), NULL, 0, 0, NULL,
     "broker: `mqtt://host[:1883]`, `mqtts://host[:8883]` or `unix:///path`", false},
    {"mqtt.protocol", CONFIG_CHOICE, AT(mqtt.protocol), "\"5\"", 0, 0, "5|3.1.1", "version of MQTT",
     false},
    {"mqtt.client_id", CONFIG_TEXT, AT(mqtt.client_id), "null", 0, 0, NULL,
     "client identifier; must be unique at the broker; default `armwatch-INSTANCE`", false},
    {"mqtt.username", CONFIG_TEXT, AT(mqtt.username), "null", 0, 0, NULL, "user name", false},
    {"mqtt.password_file", CONFIG_TEXT, AT(mqtt.password_file), "null", 0, 0, NULL,
     "secret file with the password in its first line", false},
    {"mqtt.ca_file", CONFIG_TEXT, AT(mqtt.ca_file), "null", 0, 0, NULL,
     "secret file: certificate authority of the broker (PEM); default: the system's", false},
    {"mqtt.cert_file", CONFIG_TEXT, AT(mqtt.cert_file), "null", 0, 0, NULL,
     "secret file: our certificate (PEM), with `mqtt.key_file`", false},
    {"mqtt.key_file", CONFIG_TEXT, AT(mqtt.key_file), "null", 0, 0, NULL,
     "secret file: our private key (PEM)", false},
    {"mqtt.tls_insecure", CONFIG_BOOL, AT(mqtt.tls_insecure), "false", 0, 0, NULL,
     "for tests only: do not verify the broker's certificate", false},
    {"topics.root", CONFIG_TEXT, AT(topics.root), "\"armwatch\"", 0, 0, NULL,
     "first levels of every topic that is published", false},
    {"topics.samples", CONFIG_LIST, AT(topics.samples), "[]", 0, 0, NULL,
     "topics of samples; `{robot}` is one level and names the robot; default "
     "`ROOT/robot/{robot}/sample`",
     false},
    {"robots.max", CONFIG_INTEGER, AT(robots.max), "1000", 1, 1000, NULL,
     "robots at most; samples of further ones are refused and counted", false},
    {"models.directory", CONFIG_TEXT, AT(models.directory), "\"/var/lib/armwatch/models\"", 0, 0,
     NULL, "where `NAME.safetensors` are; relative to the configuration's directory", false},
    {"models.default", CONFIG_NAME, AT(models.default_name), "null", 0, 0, NULL,
     "model of every robot that `models.robots` does not name", true},
    {"models.robots", CONFIG_NAMES, AT(models.robots), "{}", 0, 0, NULL, "robot: model", true},
    {"models.signature", CONFIG_CHOICE, AT(models.signature), "\"warn\"", 0, 0, "off|warn",
     "what to do about a model without a valid signature (`require` comes with signatures "
     "themselves)",
     true},
    {"models.public_key_file", CONFIG_TEXT, AT(models.public_key_file), "null", 0, 0, NULL,
     "reserved for signatures", false},
    {"alerts.false_alarms_per_day", CONFIG_NUMBER, AT(alerts.false_alarms_per_day), "1", 0.001,
     10000, NULL, "budget of each robot, from which its thresholds follow", true},
    {"alerts.reassert_s", CONFIG_NUMBER, AT(alerts.reassert_s), "60", 1, 86400, NULL,
     "an open alert is published again this often", true},
    {"input.max_gap_s", CONFIG_NUMBER, AT(input.max_gap_s), "0", 0, 3600, NULL,
     "a longer step between samples starts the history anew; 0: three sample periods of the model",
     false},
    {"input.stale_periods", CONFIG_NUMBER, AT(input.stale_periods), "10", 2, 100000, NULL,
     "state `stale` after so many sample periods without a sample, at least one second", true},
    {"input.silent_s", CONFIG_NUMBER, AT(input.silent_s), "30", 1, 86400, NULL,
     "reserved for the alert kind `silent`", true},
    {"input.time_unit", CONFIG_CHOICE, AT(input.time_unit), "\"s\"", 0, 0, "s|ms|ns",
     "unit of numeric times in samples", false},
    {"input.gate.mode", CONFIG_LIST, AT(input.gate_mode), "[\"auto\"]", 0, 0, NULL,
     "modes in which a robot is judged; a sample without a mode is judged", true},
    {"scores.rate_hz", CONFIG_NUMBER, AT(scores.rate_hz), "2", -1, 1000, NULL,
     "score messages a second and robot at most; 0: none; -1: every window", true},
    {"http.listen", CONFIG_TEXT, AT(http.listen), "\"127.0.0.1:9464\"", 0, 0, NULL,
     "reserved for metrics and the page", false},
    {"state_directory", CONFIG_TEXT, AT(state_directory), "\"/var/lib/armwatch\"", 0, 0, NULL,
     "what must survive a restart; relative to the configuration's directory", false},
    {"log.level", CONFIG_CHOICE, AT(log.level), "\"info\"", 0, 0, "error|warning|info|debug",
     "least severe lines that are logged", true},
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

static bool choice_allowed(const char *allowed, const char *text)
{
    size_t length = strcspn(text, "|");
    if (text[length])
        return false;
    for (const char *at = allowed; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!strncmp(at, text, length) && (at[length] == '|' || at[length] == '\0'))
            return length > 0;
    }
    return false;
}

static int set_text(char **slot, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*slot);
    *slot = copy;
    return 0;
}

static void list_clear(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
    *list = (struct config_list){0};
}

static int set_list(struct config_list *list, const cJSON *array, struct diag *diag)
{
    list_clear(list);
    list->item = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof *list->item);
    if (!list->item)
        return -ENOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item) || !*item->valuestring)
            return diag_set(diag, "entry %zu is %s, must be a string that is not empty",
                            list->count + 1, json_type_name(item));
        list->item[list->count] = strdup(item->valuestring);
        if (!list->item[list->count++])
            return -ENOMEM;
    }
    return 0;
}

static void names_clear(struct config_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->entry[i].key);
        free(map->entry[i].value);
    }
    free(map->entry);
    *map = (struct config_map){0};
}

static int set_names(struct config_map *map, const cJSON *object, struct diag *diag)
{
    names_clear(map);
    map->entry = calloc((size_t)cJSON_GetArraySize(object) + 1, sizeof *map->entry);
    if (!map->entry)
        return -ENOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (!name_valid(item->string) || !cJSON_IsString(item) || !name_valid(item->valuestring))
            return diag_set(diag, "\"%.64s\": both must be names: %s", item->string, NAME_RULE);
        struct config_entry *entry = &map->entry[map->count++];
        entry->key = strdup(item->string);
        entry->value = strdup(item->valuestring);
        if (!entry->key || !entry->value)
            return -ENOMEM;
    }
    return 0;
}

static int set_string_key(const struct config_key *key, void *slot, const cJSON *value,
                          struct diag *diag)
{
    if (!cJSON_IsString(value))
        return diag_set(diag, "%s, must be a string", json_type_name(value));
    const char *text = value->valuestring;
    if (strlen(text) > CONFIG_TEXT_MAX)
        return diag_set(diag, "%zu characters, at most %d are allowed", strlen(text),
                        CONFIG_TEXT_MAX);
    if (key->type == CONFIG_NAME && !name_valid(text))
        return diag_set(diag, "\"%.80s\", must be a name: %s", text, NAME_RULE);
    if (key->type == CONFIG_CHOICE && !choice_allowed(key->allowed, text))
        return diag_set(diag, "\"%.80s\", must be one of %s", text, key->allowed);
    if (key->type == CONFIG_TEXT && !*text)
        return diag_set(diag, "an empty string is not allowed");
    return set_text(slot, text);
}

static int set_number_key(const struct config_key *key, void *slot, const cJSON *value,
                          struct diag *diag)
{
    if (!cJSON_IsNumber(value))
        return diag_set(diag, "%s, must be a number from %g to %g", json_type_name(value), key->min,
                        key->max);
    double number = value->valuedouble;
    if (!(number >= key->min && number <= key->max))
        return diag_set(diag, "%g, must be from %g to %g", number, key->min, key->max);
    if (key->type == CONFIG_NUMBER) {
        *(double *)slot = number;
        return 0;
    }
    if (number != (double)(int64_t)number)
        return diag_set(diag, "%g, must be an integer", number);
    *(int64_t *)slot = (int64_t)number;
    return 0;
}

static int set_key(struct config *config, const struct config_key *key, const cJSON *value,
                   struct diag *diag)
{
    void *slot = (char *)config + key->offset;
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_NAME:
    case CONFIG_CHOICE:
        return set_string_key(key, slot, value, diag);
    case CONFIG_NUMBER:
    case CONFIG_INTEGER:
        return set_number_key(key, slot, value, diag);
    case CONFIG_BOOL:
        if (!cJSON_IsBool(value))
            return diag_set(diag, "%s, must be true or false", json_type_name(value));
        *(bool *)slot = cJSON_IsTrue(value);
        return 0;
    case CONFIG_LIST:
        if (!cJSON_IsArray(value))
            return diag_set(diag, "%s, must be an array of strings", json_type_name(value));
        return set_list(slot, value, diag);
    case CONFIG_NAMES:
        if (!cJSON_IsObject(value))
            return diag_set(diag, "%s, must be an object", json_type_name(value));
        return set_names(slot, value, diag);
    }
    return -EINVAL;
}

static int set_defaults(struct config *config)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!keys[i].standard || !strcmp(keys[i].standard, "null"))
            continue;
        cJSON *value = cJSON_Parse(keys[i].standard);
        int r = value ? set_key(config, &keys[i], value, NULL) : -ENOMEM;
        cJSON_Delete(value);
        if (r < 0)
            return r;
    }
    return 0;
}

static const struct config_key *find_key(const char *path)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!strcmp(keys[i].path, path))
            return &keys[i];
    }
    return NULL;
}

/* The names that are known one level under a prefix, for the message about one that is not. */
static void list_known(const char *prefix, char *ret_text, size_t size)
{
    size_t length = strlen(prefix), used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strncmp(keys[i].path, prefix, length) != 0)
            continue;
        const char *rest = keys[i].path + length;
        int name = (int)strcspn(rest, ".");
        bool repeated = i > 0 && !strncmp(keys[i - 1].path, keys[i].path, length + (size_t)name) &&
                        rest[name] == '.';
        if (!repeated && used < size)
            used += (size_t)snprintf(ret_text + used, size - used, "%s%.*s", used ? ", " : "", name,
                                     rest);
    }
}

static bool is_section(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!strncmp(keys[i].path, path, length) && keys[i].path[length] == '.')
            return true;
    }
    return false;
}

/* Nesting is bounded by json_parse, so this recursion is too. */
static int read_object(struct config *config, const char *prefix, const cJSON *object,
                       bool given[KEY_COUNT], struct diag *diag)
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
            given[key - keys] = true;
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

static int check_template(const char *topic, struct diag *diag)
{
    static const char mark[] = "{robot}";
    const char *at = strstr(topic, mark);
    const char *behind = at ? at + strlen(mark) : NULL;
    if (!at || (at > topic && at[-1] != '/') || (*behind && *behind != '/') || strstr(behind, mark))
        return diag_set(diag,
                        "topics.samples: \"%.100s\": {robot} must stand for one whole level, once",
                        topic);
    if (strpbrk(topic, "+#"))
        return diag_set(diag, "topics.samples: \"%.100s\": + and # are not allowed", topic);
    return 0;
}

static int check_whole(struct config *config, struct diag *diag)
{
    struct mqtt_url url;
    int r = mqtt_url_parse(config->mqtt.url, &url, diag);
    if (r < 0) {
        diag_prefix(diag, "mqtt.url");
        return r;
    }
    if (!config->mqtt.cert_file != !config->mqtt.key_file)
        return diag_set(diag, "mqtt.cert_file and mqtt.key_file go together");
    if (!url.tls && (config->mqtt.ca_file || config->mqtt.cert_file))
        return diag_set(diag, "mqtt.ca_file and mqtt.cert_file need an mqtts:// url");
    if (config->mqtt.password_file && !config->mqtt.username)
        return diag_set(diag, "mqtt.password_file needs mqtt.username");
    if (!config->models.default_name && config->models.robots.count == 0)
        return diag_set(diag, "models.default: missing; name a model here or in models.robots");
    size_t root = strlen(config->topics.root);
    if (strpbrk(config->topics.root, "+#") || config->topics.root[0] == '$' ||
        config->topics.root[root - 1] == '/')
        return diag_set(diag,
                        "topics.root: \"%.100s\": +, #, a leading $ and a / at the end are not "
                        "allowed",
                        config->topics.root);
    for (size_t i = 0; r == 0 && i < config->topics.samples.count; i++)
        r = check_template(config->topics.samples.item[i], diag);
    return r;
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
    char **directories[] = {&config->models.directory, &config->state_directory};
    for (size_t i = 0; i < 2; i++) {
        const char *slash = strrchr(config->path, '/');
        if (**directories[i] == '/' || !slash)
            continue;
        char *joined;
        if (asprintf(&joined, "%.*s%s", (int)(slash - config->path + 1), config->path,
                     *directories[i]) < 0)
            return -ENOMEM;
        free(*directories[i]);
        *directories[i] = joined;
    }
    return 0;
}

static int read_tree(struct config *config, const cJSON *tree, struct diag *diag)
{
    bool given[KEY_COUNT] = {false};
    if (!cJSON_IsObject(tree))
        return diag_set(diag, "%s, must be an object", json_type_name(tree));
    int r = read_object(config, "", tree, given, diag);
    for (size_t i = 0; r == 0 && i < KEY_COUNT; i++) {
        if (!keys[i].standard && !given[i])
            r = diag_set(diag, "%s: missing, it has no default", keys[i].path);
    }
    if (r == 0)
        r = complete(config);
    return r < 0 ? r : check_whole(config, diag);
}

int config_load(const char *path, struct config **ret_config, struct diag *diag)
{
    void *text;
    size_t size;
    int r = file_read(path, CONFIG_FILE_MAX, &text, &size, diag);
    if (r < 0)
        return r;
    struct config *config = calloc(1, sizeof *config);
    cJSON *tree = json_parse(text, size, diag);
    free(text);
    if (!tree)
        r = -EINVAL;
    else if (!config || !(config->path = strdup(path)) || set_defaults(config) < 0)
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

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        void *slot = (char *)config + keys[i].offset;
        if (keys[i].type == CONFIG_TEXT || keys[i].type == CONFIG_NAME ||
            keys[i].type == CONFIG_CHOICE)
            free(*(char **)slot);
        else if (keys[i].type == CONFIG_LIST)
            list_clear(slot);
        else if (keys[i].type == CONFIG_NAMES)
            names_clear(slot);
    }
    free(config->path);
    free(config);
}

static size_t slot_size(enum config_type type)
{
    static const size_t sizes[] = {[CONFIG_TEXT] = sizeof(char *),
                                   [CONFIG_NAME] = sizeof(char *),
                                   [CONFIG_CHOICE] = sizeof(char *),
                                   [CONFIG_NUMBER] = sizeof(double),
                                   [CONFIG_INTEGER] = sizeof(int64_t),
                                   [CONFIG_BOOL] = sizeof(bool),
                                   [CONFIG_LIST] = sizeof(struct config_list),
                                   [CONFIG_NAMES] = sizeof(struct config_map)};
    return sizes[type];
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool same_value(const struct config_key *key, const void *a, const void *b)
{
    if (key->type == CONFIG_TEXT || key->type == CONFIG_NAME || key->type == CONFIG_CHOICE)
        return same_text(*(char *const *)a, *(char *const *)b);
    if (key->type != CONFIG_LIST)
        return !memcmp(a, b, slot_size(key->type));
    const struct config_list *x = a, *y = b;
    bool same = x->count == y->count;
    for (size_t i = 0; same && i < x->count; i++)
        same = same_text(x->item[i], y->item[i]);
    return same;
}

void config_keep_fixed(struct config *config, struct config *running, char *ret_changed,
                       size_t size)
{
    size_t used = 0;
    ret_changed[0] = '\0';
    for (size_t i = 0; i < KEY_COUNT; i++) {
        void *ours = (char *)config + keys[i].offset, *theirs = (char *)running + keys[i].offset;
        if (keys[i].live)
            continue;
        if (!same_value(&keys[i], ours, theirs) && used < size)
            used += (size_t)snprintf(ret_changed + used, size - used, "%s%s", used ? ", " : "",
                                     keys[i].path);
        unsigned char swap[sizeof(struct config_map) + sizeof(struct config_list)];
        size_t bytes = slot_size(keys[i].type);
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

void config_print_reference(FILE *out)
{
    static const char *const type_names[] = {"string",  "name",    "choice", "number",
                                             "integer", "boolean", "list",   "object"};
    fprintf(
        out,
        "| key | type | allowed | default | at SIGHUP | meaning |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct config_key *key = &keys[i];
        char allowed[64] = "";
        if (key->type == CONFIG_NUMBER || key->type == CONFIG_INTEGER)
            snprintf(allowed, sizeof allowed, "%g to %g", key->min, key->max);
        fprintf(out, "| `%s` | %s | ", key->path, type_names[key->type]);
        for (const char *c = key->allowed ? key->allowed : allowed; *c; c++)
            fputs(*c == '|' ? ", " : (char[]){*c, '\0'}, out);
        fprintf(out, " | %s%s%s | %s | %s |\n", key->standard ? "`" : "",
                key->standard ? key->standard : "required", key->standard ? "`" : "",
                key->live ? "yes" : "restart", key->meaning);
    }
}

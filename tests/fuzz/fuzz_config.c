/* The daemon's configuration. What was accepted keeps to the table of keys; printed in another
 * layout, it means the same. */
#include "base/json.h"
#include "base/name.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/topic_template.h"
#include "config/value.h"
#include "fuzz.h"
#include "mqtt/topic.h"
#include "mqtt/url.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATH "/etc/armwatch/armwatchd.json"

static const void *slot_of(const struct config *config, const struct config_key *key)
{
    return (const char *)config + key->offset;
}

static void check_key(const struct config *config, const struct config_key *key)
{
    const void *slot = slot_of(config, key);
    const char *text = key->type <= CONFIG_CHOICE ? *(char *const *)slot : NULL;
    switch (key->type) {
    case CONFIG_NUMBER:
        FUZZ_CHECK(*(const double *)slot >= key->min && *(const double *)slot <= key->max);
        break;
    case CONFIG_INTEGER:
        FUZZ_CHECK((double)*(const int64_t *)slot >= key->min &&
                   (double)*(const int64_t *)slot <= key->max);
        break;
    case CONFIG_TEXT:
        FUZZ_CHECK(!text || (*text && json_is_utf8(text)));
        break;
    case CONFIG_NAME:
        FUZZ_CHECK(!text || name_valid(text));
        break;
    case CONFIG_CHOICE:
        FUZZ_CHECK(text && strstr(key->allowed, text) && !strchr(text, '|'));
        break;
    default:
        break;
    }
}

static void check_accepted(const struct config *config)
{
    struct mqtt_url url;
    FUZZ_CHECK(mqtt_url_parse(config->mqtt.url.item[0], &url, NULL) == 0);
    for (size_t i = 0; i < config_key_count; i++)
        check_key(config, &config_keys[i]);
    FUZZ_CHECK(*config->mqtt.client_id);
    FUZZ_CHECK(mqtt_topic_valid(config->topics.root));
    FUZZ_CHECK(config->topics.samples.count > 0);
    for (size_t i = 0; i < config->topics.samples.count; i++)
        FUZZ_CHECK(topic_template_check(config->topics.samples.item[i], NULL) == 0);
    FUZZ_CHECK(config->models.directory[0] == '/' && config->state_directory[0] == '/');
    FUZZ_CHECK(config->models.default_name || config->models.robots.count > 0);
    for (size_t i = 0; i < config->models.robots.count; i++)
        FUZZ_CHECK(name_valid(config_model_of(config, config->models.robots.entry[i].key)));
}

/* Names and kinds: numbers are printed but for the last bit. */
static void check_same_gate(const struct conditions *a, const struct conditions *b)
{
    FUZZ_CHECK(a->count == b->count && a->count <= CONDITIONS_MAX);
    for (size_t i = 0; i < a->count; i++) {
        const struct condition *x = &a->item[i], *y = &b->item[i];
        FUZZ_CHECK(!strcmp(x->name, y->name) && x->count == y->count && x->ranged == y->ranged);
        FUZZ_CHECK(x->ranged ? x->min <= x->max : x->count > 0);
        size_t which;
        for (size_t v = 0; v < x->count; v++)
            FUZZ_CHECK(condition_holds(x, &x->allowed[v], &which) && which <= v);
    }
}

static void check_same(const struct config *a, const struct config *b)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const void *x = slot_of(a, &config_keys[i]), *y = slot_of(b, &config_keys[i]);
        if (config_keys[i].type == CONFIG_NUMBER) /* cJSON prints all but the last bit */
            FUZZ_CHECK(fabs(*(const double *)x - *(const double *)y) <=
                       1e-15 * fabs(*(const double *)x));
        else if (config_keys[i].type == CONFIG_GATE)
            check_same_gate(x, y);
        else if (config_keys[i].type != CONFIG_NAMES)
            FUZZ_CHECK(config_value_same(&config_keys[i], x, y));
    }
    FUZZ_CHECK(a->models.robots.count == b->models.robots.count);
    for (size_t i = 0; i < a->models.robots.count; i++)
        FUZZ_CHECK(!strcmp(config_model_of(b, a->models.robots.entry[i].key),
                           a->models.robots.entry[i].value));
}

static void check_reprinted(struct config *config, const char *text, size_t size)
{
    cJSON *tree = json_parse(text, size, NULL);
    char *printed = cJSON_Print(tree);
    FUZZ_CHECK(printed);
    struct config *again;
    FUZZ_CHECK(config_parse(PATH, printed, strlen(printed), &again, NULL) == 0);
    check_same(config, again);
    char changed[512];
    config_keep_fixed(config, again, changed, sizeof changed);
    check_same(config, again);
    config_free(again);
    cJSON_free(printed);
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config;
    struct diag diag = DIAG_INIT;
    int r = config_parse(PATH, (const char *)data, size, &config, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
        return 0;
    }
    check_accepted(config);
    check_reprinted(config, (const char *)data, size);
    config_free(config);
    return 0;
}

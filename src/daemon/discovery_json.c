/*
 * An entity's unique_id never changes, whatever model the robot has: it is what Home Assistant
 * keeps names, areas and histories by. A dot is in no name, so that no two robots of two instances
 * have the same one.
 */
#include "daemon/discovery_json.h"

#include "daemon/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCORE_KEPT_S 60 /* an older score is none */
#define ID_MAX (2 * NAME_MAX_LENGTH + 64)

struct entity {
    const char *key, *platform, *name, *device_class, *unit, *template;
    bool measured, diagnostic;
};

static const struct entity entities[] = {
    {.key = "problem",
     .platform = "binary_sensor",
     .name = "Problem",
     .device_class = "problem",
     .template = "{{ 'ON' if value_json.alerts | length > 0 else 'OFF' }}"},
    {.key = "state",
     .platform = "sensor",
     .name = "State",
     .device_class = "enum",
     .template = "{{ value_json.state }}"},
    {.key = "score",
     .platform = "sensor",
     .name = "Score",
     .template = "{{ value_json.score }}",
     .measured = true},
    {.key = "coverage",
     .platform = "sensor",
     .name = "Coverage",
     .unit = "%",
     .template = "{{ None if value_json.coverage_1h is none else "
                 "(value_json.coverage_1h * 100) | round(1) }}",
     .measured = true,
     .diagnostic = true},
};

char *discovery_topic(const char *prefix, const char *instance, const char *robot)
{
    char *topic;
    if (asprintf(&topic, "%s/device/armwatch-%s/%s/config", prefix, instance, robot) < 0)
        return NULL;
    return topic;
}

/* ROOT/robot/NAME/LEAF, or of a service. */
static void add_topic(cJSON *object, const char *key, const struct config *config,
                      const char *const levels[3])
{
    char *topic = NULL;
    if (asprintf(&topic, "%s/%s/%s/%s", config->topics.root, levels[0], levels[1], levels[2]) >= 0)
        cJSON_AddStringToObject(object, key, topic);
    free(topic);
}

#define ROBOT_TOPIC(robot, leaf) ((const char *const[3]){"robot", (robot)->name, leaf})

static void add_device(cJSON *root, const struct config *config, const struct robot *robot)
{
    char id[ID_MAX], model[NAME_MAX_LENGTH + 48];
    cJSON *device = cJSON_AddObjectToObject(root, "device");
    cJSON *identifiers = cJSON_AddArrayToObject(device, "identifiers");
    snprintf(id, sizeof id, "armwatch.%s.%s", config->instance, robot->name);
    json_append(identifiers, cJSON_CreateString(id));
    snprintf(model, sizeof model, "%s version %lld", robot->model->name,
             (long long)robot->model->version);
    cJSON_AddStringToObject(device, "name", robot->name);
    cJSON_AddStringToObject(device, "manufacturer", "armwatch");
    cJSON_AddStringToObject(device, "model", model);
    cJSON_AddStringToObject(device, "sw_version", ARMWATCH_VERSION);
}

static void add_availability(cJSON *root, const struct config *config)
{
    cJSON *entry = cJSON_CreateObject();
    add_topic(entry, "topic", config,
              (const char *const[3]){"service", config->instance, "status"});
    cJSON_AddStringToObject(entry, "value_template",
                            "{{ 'offline' if value_json.state == 'offline' else 'online' }}");
    json_append(cJSON_AddArrayToObject(root, "availability"), entry);
}

static void add_states(cJSON *object)
{
    cJSON *options = cJSON_AddArrayToObject(object, "options");
    for (int s = 0; s < ROBOT_STATES; s++)
        json_append(options, cJSON_CreateString(robot_state_name((enum robot_state)s)));
}

/* Live scores are on a topic of their own; where none are published, the state has the one at its
 * last change. */
static void add_topics(cJSON *object, const struct entity *entity, const struct config *config,
                       const struct robot *robot)
{
    bool live = !strcmp(entity->key, "score") && config->scores.rate_hz != 0;
    add_topic(object, "state_topic", config, ROBOT_TOPIC(robot, live ? "score" : "state"));
    if (live)
        cJSON_AddNumberToObject(object, "expire_after", SCORE_KEPT_S);
    if (strcmp(entity->key, "problem") != 0)
        return;
    /* What the newest alert says, beside whether there is one. */
    add_topic(object, "json_attributes_topic", config, ROBOT_TOPIC(robot, "alert"));
    cJSON_AddStringToObject(object, "json_attributes_template", "{{ value_json.data | tojson }}");
}

static void add_entity(cJSON *components, const struct entity *entity, const struct config *config,
                       const struct robot *robot)
{
    cJSON *object = cJSON_AddObjectToObject(components, entity->key);
    cJSON_AddStringToObject(object, "platform", entity->platform);
    char id[ID_MAX];
    snprintf(id, sizeof id, "armwatch.%s.%s.%s", config->instance, robot->name, entity->key);
    cJSON_AddStringToObject(object, "unique_id", id);
    cJSON_AddStringToObject(object, "name", entity->name);
    add_topics(object, entity, config, robot);
    cJSON_AddStringToObject(object, "value_template", entity->template);
    if (entity->device_class)
        cJSON_AddStringToObject(object, "device_class", entity->device_class);
    if (entity->unit)
        cJSON_AddStringToObject(object, "unit_of_measurement", entity->unit);
    if (entity->measured)
        cJSON_AddStringToObject(object, "state_class", "measurement");
    if (entity->diagnostic)
        cJSON_AddStringToObject(object, "entity_category", "diagnostic");
    if (!strcmp(entity->key, "state"))
        add_states(object);
}

char *discovery_json(const struct config *config, const struct robot *robot)
{
    json_memory_failed(); /* of what was before */
    cJSON *root = cJSON_CreateObject();
    add_device(root, config, robot);
    cJSON *origin = cJSON_AddObjectToObject(root, "origin");
    cJSON_AddStringToObject(origin, "name", "armwatch");
    cJSON_AddStringToObject(origin, "sw_version", ARMWATCH_VERSION);
    add_availability(root, config);
    cJSON *components = cJSON_AddObjectToObject(root, "components");
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++)
        add_entity(components, &entities[i], config, robot);
    return message_print(root);
}

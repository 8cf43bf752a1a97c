#include "daemon/discovery.h"

#include "base/log.h"
#include "daemon/discovery_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER "discovery"

void discovery_deinit(struct discovery *discovery)
{
    free(discovery->prefix);
    free(discovery->robot);
    free(discovery->told);
    *discovery = (struct discovery){0};
}

/* ---- what was told */

static bool has_told(const struct discovery *discovery, const char *robot)
{
    for (size_t i = 0; i < discovery->count; i++) {
        if (!strcmp(discovery->robot[i], robot))
            return true;
    }
    return false;
}

static int note(struct discovery *discovery, const char *robot)
{
    if (discovery->count == discovery->capacity) {
        size_t capacity = discovery->capacity ? 2 * discovery->capacity : 16;
        void *grown = reallocarray(discovery->robot, capacity, sizeof *discovery->robot);
        if (!grown)
            return -ENOMEM;
        discovery->robot = grown;
        discovery->capacity = capacity;
    }
    strcpy(discovery->robot[discovery->count++], robot);
    return 0;
}

/* By a robot's number, as many as there may ever be. */
static bool make_room(struct discovery *discovery)
{
    if (discovery->told_capacity == discovery->fleet->capacity)
        return true;
    free(discovery->told);
    discovery->told = calloc(discovery->fleet->capacity, sizeof *discovery->told);
    discovery->told_capacity = discovery->told ? discovery->fleet->capacity : 0;
    return discovery->told != NULL;
}

int discovery_load(struct discovery *discovery, const char *state)
{
    const cJSON *object = NULL, *list = NULL, *entry;
    const char *prefix = "";
    int r = 0;
    cJSON *tree = state ? json_parse(state, strlen(state), NULL) : NULL;
    if (cJSON_IsObject(tree))
        json_get_object(tree, MEMBER, false, &object, NULL);
    if (object && json_get_string(object, "prefix", true, CONFIG_PREFIX_MAX, &prefix, NULL) == 0 &&
        json_get_array(object, "robots", true, &list, NULL) == 0) {
        discovery->prefix = strdup(prefix);
        r = discovery->prefix ? 0 : -ENOMEM;
    }
    cJSON_ArrayForEach(entry, list)
    {
        if (r == 0 && cJSON_IsString(entry) && name_valid(entry->valuestring))
            r = note(discovery, entry->valuestring);
    }
    cJSON_Delete(tree);
    return r;
}

char *discovery_save(const struct discovery *discovery, char *state)
{
    cJSON *root = state ? json_parse(state, strlen(state), NULL) : NULL;
    free(state);
    if (!root)
        return NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(root, MEMBER);
    if (discovery->count > 0) {
        cJSON *object = cJSON_AddObjectToObject(root, MEMBER);
        cJSON_AddStringToObject(object, "prefix", discovery->prefix);
        cJSON *list = cJSON_AddArrayToObject(object, "robots");
        for (size_t i = 0; i < discovery->count; i++)
            json_append(list, cJSON_CreateString(discovery->robot[i]));
    }
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}

/* ---- telling */

static void publish(struct discovery *discovery, const char *prefix, const char *robot,
                    const char *text)
{
    char *topic = discovery_topic(prefix, discovery->publisher->config->instance, robot);
    if (topic)
        publisher_retained(discovery->publisher, topic, text);
    free(topic);
}

static void take_back(struct discovery *discovery, size_t index)
{
    log_info("home assistant: %s is told of no more", discovery->robot[index]);
    publish(discovery, discovery->prefix, discovery->robot[index], "");
    memmove(&discovery->robot[index], &discovery->robot[index + 1],
            (discovery->count - index - 1) * sizeof *discovery->robot);
    discovery->count--;
}

static bool take_all_back(struct discovery *discovery)
{
    bool any = discovery->count > 0;
    while (discovery->count > 0)
        take_back(discovery, discovery->count - 1);
    if (discovery->told)
        memset(discovery->told, 0, discovery->told_capacity * sizeof *discovery->told);
    free(discovery->prefix);
    discovery->prefix = NULL;
    return any;
}

/* Those that this start does not expect. A journal that could not be read knows of nobody. */
static bool take_forgotten_back(struct discovery *discovery)
{
    const struct journal *journal = discovery->publisher->journal;
    bool any = false;
    if (discovery->looked || !journal || journal_failing(journal) ||
        discovery->publisher->partitions)
        return false; /* in a fleet others have them */
    discovery->looked = true;
    for (size_t i = discovery->count; i-- > 0;) {
        if (fleet_find(discovery->fleet, discovery->robot[i]))
            continue;
        take_back(discovery, i);
        any = true;
    }
    return any;
}

/* Returns true if the robot is a new one. */
static bool tell(struct discovery *discovery, const struct robot *robot)
{
    char *text = discovery_json(discovery->publisher->config, robot);
    bool known = has_told(discovery, robot->name);
    if (!text || (!known && note(discovery, robot->name) < 0)) {
        cJSON_free(text);
        return false; /* memory is out: again at the next tick */
    }
    publish(discovery, discovery->prefix, robot->name, text);
    cJSON_free(text);
    memcpy(discovery->told[robot->number], robot->model->sha256, DISCOVERY_MODEL_SIZE - 1);
    return !known;
}

static bool tell_robots(struct discovery *discovery, bool again)
{
    bool any = false;
    for (size_t i = 0; i < discovery->fleet->count; i++) {
        const struct robot *robot = discovery->fleet->robot[i];
        const char *told = discovery->told[robot->number];
        if (robot->absent)
            continue;
        if (again || strncmp(told, robot->model->sha256, DISCOVERY_MODEL_SIZE - 1) != 0)
            any |= tell(discovery, robot);
    }
    return any;
}

bool discovery_tick(struct discovery *discovery, bool again)
{
    const struct config *config = discovery->publisher->config;
    const struct mqtt_client *client = discovery->publisher->client;
    bool wanted = config->homeassistant.discovery, changed = false;
    if (!client || !mqtt_client_online(client) || (!wanted && !discovery->prefix))
        return false;
    if (discovery->prefix && (!wanted || strcmp(discovery->prefix, config->homeassistant.prefix)))
        changed = take_all_back(discovery);
    if (!wanted || !make_room(discovery))
        return changed;
    if (!discovery->prefix && !(discovery->prefix = strdup(config->homeassistant.prefix)))
        return changed;
    changed |= take_forgotten_back(discovery);
    again |= discovery->comings != discovery->fleet->comings;
    discovery->comings = discovery->fleet->comings;
    return tell_robots(discovery, again) || changed;
}

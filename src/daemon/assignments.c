#include "daemon/assignments.h"

#include "base/json.h"
#include "nn/blas.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *assignments_path(const struct assignments *assignments, const char *model_name)
{
    char *path;
    return asprintf(&path, "%s/%s.safetensors", assignments->directory, model_name) < 0 ? NULL
                                                                                        : path;
}

static struct assignment *add(struct assignments *assignments, const char *key)
{
    if (assignments->count == assignments->capacity) {
        size_t capacity = assignments->capacity ? 2 * assignments->capacity : 8;
        struct assignment **item = realloc(assignments->item, capacity * sizeof *item);
        if (!item)
            return NULL;
        assignments->item = item;
        assignments->capacity = capacity;
    }
    struct assignment *assignment = calloc(1, sizeof *assignment);
    if (!assignment)
        return NULL;
    strcpy(assignment->key, key);
    assignments->item[assignments->count++] = assignment;
    return assignment;
}

static void free_assignment(struct assignment *assignment)
{
    model_unref(assignment->model);
    model_unref(assignment->previous);
    sample_decoder_free(assignment->decoder);
    free(assignment);
}

static void drop_last(struct assignments *assignments)
{
    free_assignment(assignments->item[--assignments->count]);
}

static struct assignment *find_exact(const struct assignments *assignments, const char *key)
{
    for (size_t i = 0; i < assignments->count; i++) {
        if (!strcmp(assignments->item[i]->key, key))
            return assignments->item[i];
    }
    return NULL;
}

static int make_decoder(const struct assignments *assignments, struct assignment *assignment)
{
    const struct model *model = assignment->model;
    const char **names = malloc(model->channels * sizeof *names);
    if (!names)
        return -ENOMEM;
    for (size_t c = 0; c < model->channels; c++)
        names[c] = model->channel[c].name;
    assignment->decoder = sample_decoder_new(names, model->channels, assignments->time_unit);
    free(names);
    return assignment->decoder ? 0 : -ENOMEM;
}

/* The model of that name that another assignment has already, or NULL: a hundred robots with one
 * model share its weights, and its batches. */
static struct model *find_loaded(const struct assignments *assignments, const char *name)
{
    for (size_t i = 0; i < assignments->count; i++) {
        struct assignment *item = assignments->item[i];
        if (item->model && !strcmp(item->active, name))
            return item->model;
    }
    return NULL;
}

static int load_tested(const struct assignments *assignments, const char *name,
                       struct model **ret_model, struct diag *diag)
{
    char *path = assignments_path(assignments, name);
    if (!path)
        return diag_errno(diag, ENOMEM, "%s", name);
    int r = model_load(path, ret_model, diag);
    if (r == 0 && (r = model_selftest(*ret_model, diag)) < 0) {
        diag_prefix(diag, "%s", path);
        model_unref(*ret_model);
    }
    free(path);
    return r;
}

static int load_model(const struct assignments *assignments, struct assignment *assignment,
                      const char *name, struct diag *diag)
{
    struct model *model = find_loaded(assignments, name);
    if (model)
        model_ref(model);
    int r = model ? 0 : load_tested(assignments, name, &model, diag);
    if (r < 0)
        return r;
    assignment->model = model;
    strcpy(assignment->active, name);
    return 0;
}

/* The saved entry of a key, if the configuration is still the one that it was made under. */
static const cJSON *find_saved(const cJSON *state, const char *key, const char *configured)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(state, "assignments");
    cJSON_ArrayForEach(entry, list)
    {
        const char *saved_key = "", *saved_configured = "", *active = "";
        if (json_get_string(entry, "key", true, NAME_MAX_LENGTH, &saved_key, NULL) == 0 &&
            json_get_string(entry, "configured", true, NAME_MAX_LENGTH, &saved_configured, NULL) ==
                0 &&
            json_get_string(entry, "active", true, NAME_MAX_LENGTH, &active, NULL) == 0 &&
            !strcmp(saved_key, key) && !strcmp(saved_configured, configured) && name_valid(active))
            return entry;
    }
    return NULL;
}

static int start_one(struct assignments *assignments, const char *key, const char *configured,
                     const cJSON *state, struct diag *ret_warning, struct diag *diag)
{
    struct assignment *assignment = add(assignments, key);
    if (!assignment)
        return diag_errno(diag, ENOMEM, "models");
    strcpy(assignment->configured, configured);
    const cJSON *saved = find_saved(state, key, configured);
    const char *active = configured, *previous = "";
    if (saved) {
        json_get_string(saved, "active", true, NAME_MAX_LENGTH, &active, NULL);
        json_get_string(saved, "previous", false, NAME_MAX_LENGTH, &previous, NULL);
    }
    int r = load_model(assignments, assignment, active, diag);
    if (r < 0 && strcmp(active, configured) != 0 && *configured) {
        diag_set(ret_warning, "model %s is no longer usable, %s is used: %s", active, configured,
                 diag->text);
        r = load_model(assignments, assignment, configured, diag);
    } else if (r == 0 && name_valid(previous)) {
        strcpy(assignment->previous_name, previous);
    }
    if (r == 0 && make_decoder(assignments, assignment) < 0)
        r = diag_errno(diag, ENOMEM, "models");
    return r;
}

/* Robots that the configuration does not name but an operator gave a model of their own. */
static int start_saved_robots(struct assignments *assignments, const cJSON *state,
                              struct diag *ret_warning, struct diag *diag)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(state, "assignments");
    cJSON_ArrayForEach(entry, list)
    {
        const char *key = "";
        if (json_get_string(entry, "key", true, NAME_MAX_LENGTH, &key, NULL) < 0 ||
            !name_valid(key) || find_exact(assignments, key) || !find_saved(state, key, ""))
            continue;
        struct diag lost = DIAG_INIT;
        size_t before = assignments->count;
        if (start_one(assignments, key, "", state, ret_warning, &lost) < 0) {
            diag_set(ret_warning, "robot %s falls back to the default model: %s", key, lost.text);
            if (assignments->count > before)
                drop_last(assignments);
        }
    }
    return 0;
}

int assignments_start(struct assignments *assignments, const struct config *config,
                      const char *state, struct diag *ret_warning, struct diag *diag)
{
    *assignments = (struct assignments){.time_unit = SAMPLE_TIME_S};
    if (!strcmp(config->input.time_unit, "ms"))
        assignments->time_unit = SAMPLE_TIME_MS;
    else if (!strcmp(config->input.time_unit, "ns"))
        assignments->time_unit = SAMPLE_TIME_NS;
    assignments->directory = strdup(config->models.directory);
    if (!assignments->directory)
        return diag_errno(diag, ENOMEM, "models");
    blas_init();
    cJSON *saved = state ? json_parse(state, strlen(state), ret_warning) : NULL;
    if (state && !saved)
        diag_prefix(ret_warning, "the saved state is ignored");
    int r = 0;
    if (config->models.default_name)
        r = start_one(assignments, ASSIGNMENT_DEFAULT, config->models.default_name, saved,
                      ret_warning, diag);
    for (size_t i = 0; r == 0 && i < config->models.robots.count; i++)
        r = start_one(assignments, config->models.robots.entry[i].key,
                      config->models.robots.entry[i].value, saved, ret_warning, diag);
    if (r == 0)
        r = start_saved_robots(assignments, saved, ret_warning, diag);
    cJSON_Delete(saved);
    if (r < 0)
        assignments_deinit(assignments);
    return r;
}

void assignments_deinit(struct assignments *assignments)
{
    while (assignments->count > 0)
        drop_last(assignments);
    free(assignments->item);
    free(assignments->directory);
    *assignments = (struct assignments){0};
}

struct assignment *assignments_find(const struct assignments *assignments, const char *robot)
{
    struct assignment *own = find_exact(assignments, robot);
    return own ? own : find_exact(assignments, ASSIGNMENT_DEFAULT);
}

struct assignment *assignments_own(struct assignments *assignments, const char *robot)
{
    struct assignment *own = find_exact(assignments, robot);
    const struct assignment *standard = find_exact(assignments, ASSIGNMENT_DEFAULT);
    if (own || !standard)
        return own;
    own = add(assignments, robot);
    if (!own)
        return NULL;
    strcpy(own->active, standard->active);
    own->model = model_ref(standard->model);
    if (make_decoder(assignments, own) < 0) {
        drop_last(assignments);
        return NULL;
    }
    return own;
}

void assignments_drop(struct assignments *assignments, struct assignment *assignment)
{
    size_t at = 0;
    while (assignments->item[at] != assignment)
        at++;
    assignments->count--;
    memmove(&assignments->item[at], &assignments->item[at + 1],
            (assignments->count - at) * sizeof assignments->item[0]);
    free_assignment(assignment);
}

void assignment_activate(struct assignment *assignment, const char *name, struct model *model)
{
    model_unref(assignment->previous);
    assignment->previous = assignment->model;
    strcpy(assignment->previous_name, assignment->active);
    assignment->model = model;
    strcpy(assignment->active, name);
}

char *assignments_format_state(const struct assignments *assignments)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(root, "assignments");
    for (size_t i = 0; i < assignments->count; i++) {
        const struct assignment *assignment = assignments->item[i];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "key", assignment->key);
        cJSON_AddStringToObject(entry, "configured", assignment->configured);
        cJSON_AddStringToObject(entry, "active", assignment->active);
        cJSON_AddStringToObject(entry, "previous", assignment->previous_name);
        cJSON_AddItemToArray(list, entry);
    }
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}

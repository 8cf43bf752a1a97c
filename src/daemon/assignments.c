#include "daemon/assignments.h"

#include "base/json.h"
#include "daemon/assignments_internal.h"

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

struct assignment *assignments_add(struct assignments *assignments, const char *key)
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
    assembler_layout_unref(assignment->layout);
    free(assignment);
}

void assignments_drop_last(struct assignments *assignments)
{
    free_assignment(assignments->item[--assignments->count]);
}

struct assignment *assignments_find_exact(const struct assignments *assignments, const char *key)
{
    for (size_t i = 0; i < assignments->count; i++) {
        if (!strcmp(assignments->item[i]->key, key))
            return assignments->item[i];
    }
    return NULL;
}

int assignments_make_decoder(const struct assignments *assignments, struct assignment *assignment)
{
    const struct model *model = assignment->model;
    const char **names = malloc(model->channels * sizeof *names);
    if (!names)
        return -ENOMEM;
    for (size_t c = 0; c < model->channels; c++)
        names[c] = model->channel[c].name;
    assignment->decoder = sample_decoder_new(names, model->channels, assignments->time_unit);
    free(names);
    if (assignment->decoder)
        sample_decoder_set_gate(assignment->decoder, assignments->gate);
    return assignment->decoder ? 0 : -ENOMEM;
}

void assignments_set_gate(struct assignments *assignments, const struct conditions *gate)
{
    assignments->gate = gate;
    for (size_t i = 0; i < assignments->count; i++)
        sample_decoder_set_gate(assignments->item[i]->decoder, gate);
}

void assignments_deinit(struct assignments *assignments)
{
    while (assignments->count > 0)
        assignments_drop_last(assignments);
    free(assignments->item);
    free(assignments->directory);
    accepted_deinit(&assignments->accepted);
    *assignments = (struct assignments){0};
}

struct assignment *assignments_find(const struct assignments *assignments, const char *robot)
{
    struct assignment *own = assignments_find_exact(assignments, robot);
    return own ? own : assignments_find_exact(assignments, ASSIGNMENT_DEFAULT);
}

struct assignment *assignments_own(struct assignments *assignments, const char *robot)
{
    struct assignment *own = assignments_find_exact(assignments, robot);
    const struct assignment *standard = assignments_find_exact(assignments, ASSIGNMENT_DEFAULT);
    if (own || !standard)
        return own;
    own = assignments_add(assignments, robot);
    if (!own)
        return NULL;
    strcpy(own->active, standard->active);
    own->model = model_ref(standard->model);
    own->unasked = standard->unasked;
    own->touched = standard->touched;
    own->reread = standard->reread;
    if (assignments_make_decoder(assignments, own) < 0) {
        assignments_drop_last(assignments);
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

/* ---- versions ---- */

int assignments_check_older(const struct assignments *assignments, const struct model *candidate,
                            const char *remedy, struct diag *diag)
{
    int64_t accepted = accepted_version(&assignments->accepted, candidate->name);
    if (candidate->version >= accepted)
        return 0;
    return diag_set(diag, "model %s version %lld is older than version %lld, which was in use%s",
                    candidate->name, (long long)candidate->version, (long long)accepted, remedy);
}

int assignments_check_version(const struct assignments *assignments,
                              const struct assignment *assignment, const struct model *candidate,
                              struct diag *diag)
{
    if (!assignment->unasked && !strcmp(assignment->model->sha256, candidate->sha256))
        return 0;
    return assignments_check_older(assignments, candidate,
                                   "; rollback goes back to the model before", diag);
}

int assignments_check_previous(const struct assignments *assignments,
                               const struct assignment *assignment, const struct model *candidate,
                               struct diag *diag)
{
    if (!*assignment->previous_sha256 || !strcmp(assignment->previous_sha256, candidate->sha256))
        return 0;
    return assignments_check_older(assignments, candidate,
                                   ", and it is not the model that was in use before", diag);
}

void assignment_activate(struct assignment *assignment, const char *name, struct model *model)
{
    if (strcmp(assignment->model->sha256, model->sha256) != 0) {
        model_unref(assignment->previous);
        assignment->previous = assignment->model;
        strcpy(assignment->previous_name, assignment->active);
        strcpy(assignment->previous_sha256, assignment->model->sha256);
    } else {
        model_unref(assignment->model);
    }
    assignment->model = model;
    strcpy(assignment->active, name);
    assignment->unasked = assignment->refused = false;
}

/* ---- state ---- */

static cJSON *make_state(const struct assignments *assignments)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(root, "assignments");
    for (size_t i = 0; i < assignments->count; i++) {
        const struct assignment *assignment = assignments->item[i];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "key", assignment->key);
        cJSON_AddStringToObject(entry, "configured", assignment->configured);
        cJSON_AddStringToObject(entry, "active", assignment->active);
        cJSON_AddStringToObject(entry, "sha256",
                                assignment->unasked ? "" : assignment->model->sha256);
        cJSON_AddStringToObject(entry, "previous", assignment->previous_name);
        cJSON_AddStringToObject(entry, "previous_sha256", assignment->previous_sha256);
        cJSON_AddItemToArray(list, entry);
    }
    accepted_put(&assignments->accepted, root);
    return root;
}

char *assignments_format_state(const struct assignments *assignments)
{
    cJSON *root = make_state(assignments);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}

char *assignments_format_start(const struct assignments *assignments, const char *saved,
                               bool warned)
{
    cJSON *root = warned && saved ? json_parse(saved, strlen(saved), NULL) : NULL;
    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        return assignments_format_state(assignments);
    }
    accepted_put(&assignments->accepted, root);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}

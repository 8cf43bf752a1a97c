#include "daemon/fleet.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fleet_init(struct fleet *fleet, uv_loop_t *loop, const struct config *config,
               struct assignments *assignments)
{
    *fleet =
        (struct fleet){.loop = loop, .config = config, .assignments = *assignments, .dirty = true};
    *assignments = (struct assignments){0};
    fleet->capacity = (size_t)config->robots.max;
    fleet->slot_count = 16;
    while (fleet->slot_count < 2 * fleet->capacity)
        fleet->slot_count *= 2;
    fleet->robot = calloc(fleet->capacity, sizeof *fleet->robot);
    fleet->slots = calloc(fleet->slot_count, sizeof *fleet->slots);
    if (!fleet->robot || !fleet->slots) {
        fleet_deinit(fleet);
        return -ENOMEM;
    }
    return 0;
}

void fleet_deinit(struct fleet *fleet)
{
    for (size_t i = 0; fleet->robot && i < fleet->count; i++)
        robot_free(fleet->robot[i]);
    free(fleet->robot);
    free(fleet->slots);
    assignments_deinit(&fleet->assignments);
    *fleet = (struct fleet){0};
}

/* ---- robots ---- */

/* FNV-1a. */
static uint32_t *find_slot(const struct fleet *fleet, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    size_t at = (size_t)hash & (fleet->slot_count - 1);
    while (fleet->slots[at] && strcmp(fleet->robot[fleet->slots[at] - 1]->name, name) != 0)
        at = (at + 1) & (fleet->slot_count - 1);
    return &fleet->slots[at];
}

struct robot *fleet_find(const struct fleet *fleet, const char *name)
{
    uint32_t slot = *find_slot(fleet, name);
    return slot ? fleet->robot[slot - 1] : NULL;
}

struct robot *fleet_add(struct fleet *fleet, const char *name, struct diag *diag)
{
    if (fleet->count >= fleet->capacity) {
        diag_set(diag, "robot %s is one more than robots.max (%zu)", name, fleet->capacity);
        return NULL;
    }
    struct assignment *assignment = assignments_find(&fleet->assignments, name);
    if (!assignment) {
        diag_set(diag, "robot %s has no model: name one in models.default or models.robots", name);
        return NULL;
    }
    struct robot *robot =
        robot_new(name, fleet->count, assignment->model, fleet->config->input.max_gap_s);
    if (!robot) {
        diag_errno(diag, ENOMEM, "robot %s", name);
        return NULL;
    }
    robot->assignment = assignment;
    double thresholds[MODEL_DETECTORS_MAX];
    fleet_thresholds(fleet, robot->model, thresholds);
    alert_set_model(&robot->alert, robot->model, thresholds);
    *find_slot(fleet, name) = (uint32_t)fleet->count + 1;
    fleet->robot[fleet->count++] = robot;
    fleet->dirty = true;
    return robot;
}

/* ---- scoring sets
 * -------------------------------------------------------------------------------------------- */

void fleet_thresholds(const struct fleet *fleet, const struct model *model, double *ret_thresholds)
{
    for (size_t d = 0; d < model->detectors; d++)
        ret_thresholds[d] = model_threshold(model, d, fleet->config->alerts.false_alarms_per_day);
}

/* A set always holds what is intended, a swap under way included: sets replace each other in the
 * mailbox. */
static int post_set(struct fleet *fleet)
{
    struct scoring_set *set = scoring_set_new(fleet->generation + 1, fleet->count);
    if (!set)
        return -ENOMEM;
    fleet->generation++;
    for (size_t i = 0; i < fleet->count; i++) {
        struct assignment *assignment = fleet->robot[i]->assignment;
        bool swapped = fleet->swap.candidate && fleet->swap.assignment == assignment;
        scoring_set_assign(set, i, swapped ? fleet->swap.candidate : assignment->model,
                           fleet->config->alerts.false_alarms_per_day);
    }
    scorer_post(fleet->scorer, set);
    fleet->dirty = false;
    return 0;
}

void fleet_post_if_dirty(struct fleet *fleet)
{
    if (fleet->dirty && post_set(fleet) < 0)
        log_error("out of memory: new robots are not scored yet");
}

/* ---- swap ---- */

static void reconcile(struct fleet *fleet);

/* An assignment that was made for a command that failed must not part its robot from the default,
 * nor one that the configuration no longer names. Its model is the default's, which only a swap
 * could have changed. */
static void drop_own(struct fleet *fleet, struct assignment *own)
{
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->robot[i]->assignment == own)
            fleet->robot[i]->assignment = assignments_find(&fleet->assignments, ASSIGNMENT_DEFAULT);
    }
    assignments_drop(&fleet->assignments, own);
}

static void end_swap(struct fleet *fleet, const struct swap_outcome *outcome)
{
    struct swap *swap = &fleet->swap;
    swap_done *done = swap->done;
    void *user = swap->user;
    if (swap->made_own && *outcome->code)
        drop_own(fleet, swap->assignment);
    struct model *candidate = swap->candidate;
    free(swap->path);
    bool stopping = swap->stopping;
    *swap = (struct swap){.stopping = stopping};
    if (done)
        done(user, outcome);
    model_unref(candidate);
    if (!stopping)
        reconcile(fleet);
}

static void fail_swap(struct fleet *fleet, const char *code, const char *message)
{
    char text[DIAG_TEXT_MAX];
    memccpy(text, message, '\0', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const struct swap_outcome outcome = {.code = code, .message = text};
    log_warning("model not swapped: %s", text);
    end_swap(fleet, &outcome);
}

/* The scorer uses the candidate from now on: the results that follow are its. */
static void finish_swap(struct fleet *fleet)
{
    struct swap *swap = &fleet->swap;
    struct assignment *assignment = swap->assignment;
    double thresholds[MODEL_DETECTORS_MAX];
    fleet_thresholds(fleet, swap->candidate, thresholds);
    for (size_t i = 0; i < fleet->count; i++) {
        struct robot *robot = fleet->robot[i];
        if (robot->assignment != assignment)
            continue;
        bool longer = swap->candidate->span > robot->model->span;
        if (robot_set_model(robot, swap->candidate, thresholds) < 0) {
            log_error("%s: out of memory: its windows stay as long as before", robot->name);
            swap->rejoin = false; /* it still needs the model of its assignment */
        }
        robot->scored &= !longer;
    }
    log_info("model %s version %lld is in use%s%s", swap->candidate->name,
             (long long)swap->candidate->version, *assignment->key ? " by robot " : "",
             assignment->key);
    if (swap->rejoin)
        drop_own(fleet, assignment);
    else
        assignment_activate(assignment, swap->name, model_ref(swap->candidate));
    if (fleet->on_state_changed)
        fleet->on_state_changed(fleet->user);
    const struct swap_outcome outcome = {.code = "", .message = "", .model = swap->candidate};
    end_swap(fleet, &outcome);
}

void fleet_on_set(struct fleet *fleet, uint64_t generation, bool ok, const char *reason)
{
    struct swap *swap = &fleet->swap;
    if (!ok)
        log_error("scoring set %llu refused: %s", (unsigned long long)generation, reason);
    if (swap->generation == 0 || generation < swap->generation)
        return;
    if (ok) {
        finish_swap(fleet);
        return;
    }
    /* Robots that were added meanwhile were in the refused set too: post one without the candidate.
     */
    model_unref(swap->candidate);
    swap->candidate = NULL;
    if (post_set(fleet) < 0)
        fleet->dirty = true;
    fail_swap(fleet, "model_invalid", reason);
}

static void post_candidate(struct fleet *fleet)
{
    struct swap *swap = &fleet->swap;
    struct diag diag = DIAG_INIT;
    if (model_same_channels(swap->assignment->model, swap->candidate, &diag) < 0) {
        diag_prefix(&diag, "model %s has other channels", swap->name);
        fail_swap(fleet, "model_invalid", diag.text);
        return;
    }
    if (post_set(fleet) < 0)
        fail_swap(fleet, "model_invalid", "out of memory");
    else
        swap->generation = fleet->generation;
}

static void load_in_pool(uv_work_t *work)
{
    struct swap *swap = work->data;
    swap->loaded.result = model_load(swap->path, &swap->loaded.model, &swap->loaded.diag);
}

static void on_loaded(uv_work_t *work, int status)
{
    struct swap *swap = work->data;
    struct fleet *fleet = swap->fleet;
    swap->candidate = swap->loaded.model;
    if (swap->stopping)
        fail_swap(fleet, "stopping", "the daemon is stopping");
    else if (status < 0 || swap->loaded.result < 0)
        fail_swap(fleet, swap->loaded.result == -ENOENT ? "model_not_found" : "model_invalid",
                  swap->loaded.diag.text);
    else
        post_candidate(fleet);
}

void fleet_abandon_swap(struct fleet *fleet)
{
    fleet->swap.stopping = true;
    if (fleet->swap.generation != 0)
        fail_swap(fleet, "stopping", "the daemon is stopping");
}

static int start_swap(struct fleet *fleet, struct assignment *assignment, const char *name,
                      swap_done *done, void *user)
{
    struct swap *swap = &fleet->swap;
    char target[NAME_MAX_LENGTH + 1];
    strcpy(target, name);
    *swap = (struct swap){
        .busy = true, .fleet = fleet, .assignment = assignment, .done = done, .user = user};
    strcpy(swap->name, target);
    swap->path = assignments_path(&fleet->assignments, target);
    swap->work.data = swap;
    if (!swap->path || uv_queue_work(fleet->loop, &swap->work, load_in_pool, on_loaded) < 0) {
        free(swap->path);
        *swap = (struct swap){0};
        return -ENOMEM;
    }
    return 0;
}

static const char *configured_name(const struct config *config, const char *key)
{
    const char *name = NULL;
    if (!*key)
        name = config->models.default_name;
    for (size_t i = 0; *key && i < config->models.robots.count; i++) {
        if (!strcmp(config->models.robots.entry[i].key, key))
            name = config->models.robots.entry[i].value;
    }
    return name ? name : "";
}

/* The assignment that a command is about; a robot that has none of its own gets one (made_own). */
static int find_target(struct fleet *fleet, const char *robot, struct assignment **ret_assignment,
                       bool *ret_made_own)
{
    *ret_made_own = false;
    if (!*robot) {
        *ret_assignment = assignments_find(&fleet->assignments, ASSIGNMENT_DEFAULT);
        return *ret_assignment ? 0 : -ENOENT;
    }
    struct robot *known = fleet_find(fleet, robot);
    struct assignment *own = assignments_find(&fleet->assignments, robot);
    bool configured = *configured_name(fleet->config, robot) != '\0';
    bool has_own = own && *own->key;
    if (!known && !configured && !has_own)
        return -ENOENT;
    own = assignments_own(&fleet->assignments, robot);
    if (!own)
        return -ENOMEM;
    if (known)
        known->assignment = own;
    *ret_assignment = own;
    *ret_made_own = !has_own;
    return 0;
}

int fleet_reload(struct fleet *fleet, const char *model, const char *robot, swap_done *done,
                 void *user)
{
    struct assignment *assignment = NULL;
    bool made_own;
    if (fleet->swap.busy)
        return -EBUSY;
    int r = find_target(fleet, robot, &assignment, &made_own);
    if (r < 0)
        return r;
    r = start_swap(fleet, assignment, *model ? model : assignment->active, done, user);
    if (r == 0)
        fleet->swap.made_own = made_own;
    else if (made_own)
        drop_own(fleet, assignment);
    return r;
}

int fleet_rollback(struct fleet *fleet, const char *robot, swap_done *done, void *user)
{
    struct assignment *assignment = NULL;
    if (fleet->swap.busy)
        return -EBUSY;
    bool made_own;
    int r = find_target(fleet, robot, &assignment, &made_own);
    if (r < 0)
        return r;
    if (made_own)
        drop_own(fleet, assignment); /* so there is no model before */
    if (made_own || !*assignment->previous_name)
        return -ENODATA;
    if (!assignment->previous)
        return start_swap(fleet, assignment, assignment->previous_name, done, user);
    fleet->swap = (struct swap){.busy = true,
                                .fleet = fleet,
                                .assignment = assignment,
                                .candidate = model_ref(assignment->previous),
                                .done = done,
                                .user = user};
    strcpy(fleet->swap.name, assignment->previous_name);
    post_candidate(fleet);
    return 0;
}

/* ---- configuration
 * ------------------------------------------------------------------------------------------- */

/* A robot that the configuration no longer names follows the default again, or stays as it is where
 * there is none with its channels. */
static void start_rejoin(struct fleet *fleet, struct assignment *own)
{
    struct assignment *standard = assignments_find(&fleet->assignments, ASSIGNMENT_DEFAULT);
    if (!standard || standard == own)
        return;
    fleet->swap = (struct swap){.busy = true,
                                .fleet = fleet,
                                .assignment = own,
                                .candidate = model_ref(standard->model),
                                .rejoin = true};
    post_candidate(fleet);
}

/* Starts the next swap that the configuration asks for; called again when it has ended. A model
 * that cannot be loaded is not tried again before the configuration changes again. */
static void reconcile(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->config->models.robots.count; i++) {
        struct assignment *own;
        bool made_own; /* it stays: the configuration wants it */
        const char *robot = fleet->config->models.robots.entry[i].key;
        if (find_target(fleet, robot, &own, &made_own) < 0)
            log_error("robot %s cannot have a model of its own: no default model, or no memory",
                      robot);
    }
    for (size_t i = 0; i < fleet->assignments.count && !fleet->swap.busy; i++) {
        struct assignment *assignment = fleet->assignments.item[i];
        const char *wanted = configured_name(fleet->config, assignment->key);
        if (!strcmp(wanted, assignment->configured))
            continue;
        strcpy(assignment->configured, wanted);
        if (!*wanted)
            start_rejoin(fleet, assignment);
        else if (start_swap(fleet, assignment, wanted, NULL, NULL) < 0)
            log_error("out of memory: model %s is not loaded", wanted);
    }
}

void fleet_set_config(struct fleet *fleet, const struct config *config)
{
    fleet->config = config;
    for (size_t i = 0; i < fleet->count; i++) {
        double thresholds[MODEL_DETECTORS_MAX];
        fleet_thresholds(fleet, fleet->robot[i]->model, thresholds);
        alert_set_thresholds(&fleet->robot[i]->alert, thresholds);
    }
    fleet->dirty = true; /* the scorer attributes by the thresholds in its set */
    fleet_post_if_dirty(fleet);
    if (!fleet->swap.busy)
        reconcile(fleet);
}

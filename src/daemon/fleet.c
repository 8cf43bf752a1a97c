#include "daemon/fleet.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/context.h"
#include "daemon/fleet_internal.h"

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
    suspensions_deinit(&fleet->suspensions);
    commissioning_deinit(&fleet->commissioning);
    budgets_deinit(&fleet->budgets);
    shadows_deinit(&fleet->shadows);
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

static struct robot *make_robot(struct fleet *fleet, const char *name, size_t number,
                                struct diag *diag)
{
    struct assignment *assignment = assignments_find(&fleet->assignments, name);
    if (!assignment) {
        diag_set(diag, "robot %s has no model: name one in models.default or models.robots", name);
        return NULL;
    }
    struct robot *robot =
        robot_new(name, number, assignment->model, fleet->config->input.max_gap_s);
    if (!robot) {
        diag_errno(diag, ENOMEM, "robot %s", name);
        return NULL;
    }
    robot->assignment = assignment;
    context_set_gate(robot, &fleet->config->input.gate);
    int64_t now_ns = clock_monotonic_ns();
    context_suspend(robot, suspensions_find(&fleet->suspensions, name, now_ns), now_ns);
    double thresholds[MODEL_DETECTORS_MAX];
    fleet_thresholds(fleet, name, robot->model, thresholds);
    if (alert_set_model(&robot->alert, robot->model, thresholds) < 0) {
        robot_free(robot);
        diag_errno(diag, ENOMEM, "robot %s", name);
        return NULL;
    }
    commissioning_attach(&fleet->commissioning, robot);
    fleet_apply_thresholds(fleet, robot);
    return robot;
}

/* The place of an absent robot that nothing is under way for; count if there is none. */
static size_t find_place(const struct fleet *fleet)
{
    size_t i = 0;
    while (i < fleet->count && !(fleet->robot[i]->absent && fleet->robot[i]->pending == 0))
        i++;
    return i;
}

static void put_robot(struct fleet *fleet, struct robot *robot)
{
    struct robot *before = robot->number < fleet->count ? fleet->robot[robot->number] : NULL;
    fleet->robot[robot->number] = robot;
    if (before) {
        fleet->comings++;
        fleet->departed += before->counters.received;
        robot_free(before);
        memset(fleet->slots, 0, fleet->slot_count * sizeof *fleet->slots);
        for (size_t i = 0; i < fleet->count; i++)
            *find_slot(fleet, fleet->robot[i]->name) = (uint32_t)i + 1;
    } else {
        fleet->count++;
        *find_slot(fleet, robot->name) = (uint32_t)fleet->count;
    }
    shadows_attach(fleet, robot);
    fleet->dirty = true;
}

/* What the scorer still has of the one before comes back with an epoch before the first one. */
static void begin_behind(struct robot *robot, const struct robot *before)
{
    robot->epoch = robot->first_epoch = robot->alert_epoch = before->epoch + 1;
}

struct robot *fleet_add(struct fleet *fleet, const char *name, struct diag *diag)
{
    size_t place = fleet->count < fleet->capacity ? fleet->count : find_place(fleet);
    if (place >= fleet->capacity) {
        diag_set(diag, "robot %s is one more than robots.max (%zu)", name, fleet->capacity);
        return NULL;
    }
    struct robot *robot = make_robot(fleet, name, place, diag);
    if (robot && place < fleet->count)
        begin_behind(robot, fleet->robot[place]);
    if (robot)
        put_robot(fleet, robot);
    return robot;
}

struct robot *fleet_return(struct fleet *fleet, struct robot *robot, struct diag *diag)
{
    struct robot *anew = make_robot(fleet, robot->name, robot->number, diag);
    if (!anew)
        return NULL;
    anew->counters = robot->counters;
    anew->pending = robot->pending;
    begin_behind(anew, robot);
    robot->counters.received = 0; /* none of its samples has departed */
    put_robot(fleet, anew);
    return anew;
}

size_t fleet_present(const struct fleet *fleet)
{
    size_t count = 0;
    for (size_t i = 0; i < fleet->count; i++)
        count += !fleet->robot[i]->absent;
    return count;
}

/* ---- scoring sets
 * -------------------------------------------------------------------------------------------- */

double fleet_target_per_day(const struct fleet *fleet, const char *robot, const struct model *model,
                            const char **ret_source)
{
    const struct {
        double per_day;
        const char *source;
    } budgets[] = {
        {*robot ? budgets_find(&fleet->budgets, robot) : 0, "threshold"},
        {budgets_find(&fleet->budgets, BUDGETS_ALL), "threshold_all"},
        {fleet->config->alerts.false_alarms_per_day, "configuration"},
        {model->false_alarms_per_day, "model"},
    };
    size_t i = 0;
    while (i + 1 < sizeof budgets / sizeof budgets[0] && !(budgets[i].per_day > 0))
        i++;
    if (ret_source)
        *ret_source = budgets[i].source;
    return budgets[i].per_day;
}

static bool is_armed(const struct commissioning_record *record)
{
    return record && record->mode == COMMISSIONING_ARMED;
}

void fleet_thresholds(const struct fleet *fleet, const char *robot, const struct model *model,
                      double *ret_thresholds)
{
    const struct commissioning_record *record =
        commissioning_find(&fleet->commissioning, robot, model->sha256);
    if (record && record->mode != COMMISSIONING_IDLE && record->detectors == model->detectors) {
        commissioning_thresholds(record, ret_thresholds);
        return;
    }
    double per_day = fleet_target_per_day(fleet, robot, model, NULL);
    for (size_t d = 0; d < model->detectors; d++)
        ret_thresholds[d] = model_threshold(model, d, per_day);
}

void fleet_apply_thresholds(struct fleet *fleet, struct robot *robot)
{
    struct commissioning_record *record = robot->commissioning;
    double thresholds[MODEL_DETECTORS_MAX];
    fleet_thresholds(fleet, robot->name, robot->model, thresholds);
    alert_set_thresholds(&robot->alert, thresholds);
    for (size_t d = 0; d < robot->model->detectors; d++) {
        const struct detector *detector = &robot->model->detector[d];
        const struct calibration *own = detector->calibrated ? &detector->calibration : NULL;
        alert_set_calibration(&robot->alert, d, is_armed(record) ? &record->calibration[d] : own);
    }
    if (record)
        record->target = fleet_target_per_day(fleet, robot->name, robot->model, NULL);
    robot->budget.per_day =
        fleet_target_per_day(fleet, robot->name, robot->model, &robot->budget.source);
    if (is_armed(record)) {
        robot->budget.per_day = record->per_day;
        robot->budget.source = "armed";
    }
    shadows_apply_budget(fleet, robot);
    fleet->dirty = true; /* the scorer attributes by the thresholds in its set */
}

/* A set always holds what is intended, a swap under way included: sets replace each other in the
 * mailbox. */
int fleet_post_set(struct fleet *fleet)
{
    struct scoring_set *set = scoring_set_new(fleet->generation + 1, fleet->count);
    if (!set)
        return -ENOMEM;
    fleet->generation++;
    for (size_t i = 0; i < fleet->count; i++) {
        struct assignment *assignment = fleet->robot[i]->assignment;
        bool swapped = fleet->swap.candidate && fleet->swap.assignment == assignment;
        struct model *model = swapped ? fleet->swap.candidate : assignment->model;
        scoring_set_assign(set, i, model, fleet->config->alerts.false_alarms_per_day);
        fleet_thresholds(fleet, fleet->robot[i]->name, model, set->robot[i].thresholds);
        const struct shadow *shadow = shadows_of(&fleet->shadows, fleet->robot[i]);
        if (shadow && shadow->model)
            scoring_set_shadow(set, i, shadow->number, shadow->model);
    }
    scorer_post(fleet->scorer, set);
    fleet->dirty = false;
    return 0;
}

void fleet_post_if_dirty(struct fleet *fleet)
{
    if (fleet->dirty && fleet_post_set(fleet) < 0)
        log_error("out of memory: new robots are not scored yet");
}

/* ---- swaps ---- */

/* An assignment that was made for a command that failed must not part its robot from the default,
 * nor one that the configuration no longer names. Its model is the default's, which only a swap
 * could have changed. */
void fleet_drop_own(struct fleet *fleet, struct assignment *own)
{
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->robot[i]->assignment == own)
            fleet->robot[i]->assignment = assignments_find(&fleet->assignments, ASSIGNMENT_DEFAULT);
    }
    assignments_drop(&fleet->assignments, own);
}

void fleet_on_set(struct fleet *fleet, uint64_t generation, bool ok, const char *reason)
{
    if (!ok)
        log_error("scoring set %llu refused: %s", (unsigned long long)generation, reason);
    if (fleet->swap.generation != 0 && generation >= fleet->swap.generation)
        swap_on_set(fleet, ok, reason);
    shadows_on_set(fleet, generation, ok);
}

void fleet_abandon_swap(struct fleet *fleet)
{
    swap_abandon(fleet);
    shadows_abandon(fleet);
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

int fleet_reload(struct fleet *fleet, const struct swap_request *request)
{
    struct assignment *assignment = NULL;
    bool made_own;
    if (fleet->swap.busy)
        return -EBUSY;
    int r = find_target(fleet, request->robot, &assignment, &made_own);
    if (r < 0)
        return r;
    struct swap_request named = *request;
    if (!*named.model)
        named.model = assignment->active;
    r = swap_start(fleet, assignment, SWAP_RELOAD, &named, made_own);
    if (r < 0 && made_own)
        fleet_drop_own(fleet, assignment);
    return r;
}

int fleet_rollback(struct fleet *fleet, const struct swap_request *request)
{
    struct assignment *assignment = NULL;
    if (fleet->swap.busy)
        return -EBUSY;
    bool made_own;
    int r = find_target(fleet, request->robot, &assignment, &made_own);
    if (r < 0)
        return r;
    if (made_own)
        fleet_drop_own(fleet, assignment); /* so there is no model before */
    if (made_own || !*assignment->previous_name)
        return -ENODATA;
    struct swap_request named = *request;
    named.model = assignment->previous_name;
    if (!assignment->previous)
        return swap_start(fleet, assignment, SWAP_ROLLBACK, &named, false);
    swap_start_with(fleet, assignment, SWAP_ROLLBACK, &named, model_ref(assignment->previous));
    return 0;
}

/* ---- what the configuration and the directory ask for ---- */

#define BY_CONFIGURATION "configuration"

/* A robot that the configuration no longer names follows the default again, or stays as it is where
 * there is none with its channels. */
static void start_rejoin(struct fleet *fleet, struct assignment *own)
{
    struct assignment *standard = assignments_find(&fleet->assignments, ASSIGNMENT_DEFAULT);
    if (!standard || standard == own)
        return;
    const struct swap_request request = {.model = standard->active, .who = BY_CONFIGURATION};
    swap_start_with(fleet, own, SWAP_REJOIN, &request, model_ref(standard->model));
}

/* Starts the next swap that the configuration asks for. A model that cannot be loaded is not tried
 * again before the configuration changes again. */
static void follow_configuration(struct fleet *fleet)
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
        const struct swap_request request = {.model = wanted, .who = BY_CONFIGURATION};
        if (!*wanted)
            start_rejoin(fleet, assignment);
        else if (swap_start(fleet, assignment, SWAP_CONFIGURED, &request, false) < 0)
            log_error("out of memory: model %s is not loaded", wanted);
    }
}

/* One that has read the same file again already: its model is shared. */
static struct assignment *find_reread(const struct assignments *assignments,
                                      const struct assignment *assignment)
{
    for (size_t i = 0; i < assignments->count; i++) {
        struct assignment *item = assignments->item[i];
        if (!item->reread && item->model != assignment->model &&
            !strcmp(item->active, assignment->active))
            return item;
    }
    return NULL;
}

static void follow_directory(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->assignments.count && !fleet->swap.busy; i++) {
        struct assignment *assignment = fleet->assignments.item[i];
        if (!assignment->reread)
            continue;
        const struct swap_request request = {.model = assignment->active,
                                             .who = assignment->reread};
        const struct assignment *other = find_reread(&fleet->assignments, assignment);
        assignment->reread = NULL;
        if (other)
            swap_start_with(fleet, assignment, SWAP_REREAD, &request, model_ref(other->model));
        else if (swap_start(fleet, assignment, SWAP_REREAD, &request, false) < 0)
            log_error("out of memory: model %s is not read again", assignment->active);
    }
}

void fleet_reconcile(struct fleet *fleet)
{
    if (fleet->swap.busy || fleet->swap.stopping || fleet->reconciling)
        return;
    fleet->reconciling = true; /* a swap that fails at once must not bring us here again */
    follow_configuration(fleet);
    follow_directory(fleet);
    fleet->reconciling = false;
}

bool fleet_touch(struct fleet *fleet, const char *name)
{
    bool used = false;
    for (size_t i = 0; i < fleet->assignments.count; i++) {
        struct assignment *assignment = fleet->assignments.item[i];
        bool meant = !name || !strcmp(assignment->active, name);
        assignment->touched |= meant;
        used |= meant;
    }
    return used;
}

void fleet_reread_touched(struct fleet *fleet, const char *who)
{
    for (size_t i = 0; i < fleet->assignments.count; i++) {
        struct assignment *assignment = fleet->assignments.item[i];
        if (assignment->touched)
            assignment->reread = who;
        assignment->touched = false;
    }
    fleet_reconcile(fleet);
}

bool fleet_model_in_doubt(const struct fleet *fleet)
{
    bool doubt = false;
    for (size_t i = 0; i < fleet->assignments.count; i++)
        doubt |= fleet->assignments.item[i]->unasked || fleet->assignments.item[i]->refused;
    return doubt;
}

/* By other rules, or another key, what is in use has to be looked at again, and what was in use
 * before when it is wanted. */
void fleet_set_trust(struct fleet *fleet, const struct trust *trust)
{
    if (trust_same(&fleet->assignments.trust, trust))
        return;
    fleet->assignments.trust = *trust;
    for (size_t i = 0; i < fleet->assignments.count; i++) {
        struct assignment *assignment = fleet->assignments.item[i];
        model_unref(assignment->previous);
        assignment->previous = NULL;
        assignment->reread = BY_CONFIGURATION;
    }
}

/* A number that the administrator has changed is newer than what an operator said of all. */
void fleet_follow_budget(struct fleet *fleet)
{
    double configured = fleet->config->alerts.false_alarms_per_day;
    if (budgets_follow(&fleet->budgets, configured))
        log_warning(
            "audit: configuration: alerts.false_alarms_per_day is %g now: the threshold that "
            "was set for all robots has ended",
            configured);
}

void fleet_set_config(struct fleet *fleet, const struct config *config)
{
    fleet->config = config;
    fleet_follow_budget(fleet);
    assignments_set_gate(&fleet->assignments, &config->input.gate);
    for (size_t i = 0; i < fleet->count; i++) {
        context_set_gate(fleet->robot[i], &config->input.gate);
        fleet_apply_thresholds(fleet, fleet->robot[i]);
    }
    fleet->dirty = true; /* the scorer attributes by the thresholds in its set */
    fleet_post_if_dirty(fleet);
    fleet_reconcile(fleet);
}

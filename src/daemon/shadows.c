#include "daemon/shadows.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/context.h"
#include "daemon/fleet_internal.h"
#include "daemon/shadows_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_shadow(struct shadow *shadow)
{
    model_unref(shadow->model);
    cJSON_Delete(shadow->unsettled);
    free(shadow);
}

void shadows_deinit(struct shadows *shadows)
{
    for (size_t i = 0; i < shadows->count; i++)
        free_shadow(shadows->item[i]);
    cJSON_Delete(shadows->last);
    *shadows = (struct shadows){0};
}

struct shadow *shadows_find(const struct shadows *shadows, const char *robot)
{
    for (size_t i = 0; i < shadows->count; i++) {
        if (!strcmp(shadows->item[i]->robot, robot))
            return shadows->item[i];
    }
    return NULL;
}

struct shadow *shadows_of(const struct shadows *shadows, const struct robot *robot)
{
    struct shadow *own = shadows_find(shadows, robot->name);
    return own || *robot->assignment->key ? own : shadows_find(shadows, ASSIGNMENT_DEFAULT);
}

static struct shadow *find_number(const struct shadows *shadows, uint32_t number)
{
    for (size_t i = 0; i < shadows->count; i++) {
        if (shadows->item[i]->number == number)
            return shadows->item[i];
    }
    return NULL;
}

static struct assignment *target_of(const struct fleet *fleet, const char *robot)
{
    return assignments_find(&fleet->assignments, robot);
}

/* ---- robots ---- */

static void thresholds_of(const struct fleet *fleet, const struct robot *robot,
                          const struct model *model, double *ret_thresholds)
{
    double per_day = fleet_target_per_day(fleet, robot->name, model, NULL);
    for (size_t d = 0; d < model->detectors; d++)
        ret_thresholds[d] = model_threshold(model, d, per_day);
}

void shadows_apply_budget(struct fleet *fleet, struct robot *robot)
{
    double thresholds[MODEL_DETECTORS_MAX];
    if (!robot->shadow)
        return;
    thresholds_of(fleet, robot, robot->shadow->model, thresholds);
    alert_set_thresholds(&robot->shadow->alert, thresholds);
}

static void make_track(struct fleet *fleet, struct robot *robot, struct shadow *shadow)
{
    double thresholds[MODEL_DETECTORS_MAX];
    thresholds_of(fleet, robot, shadow->model, thresholds);
    const struct shadow_track_options options = {.shadow = shadow->number,
                                                 .model = shadow->model,
                                                 .thresholds = thresholds,
                                                 .report = &shadow->report,
                                                 .changed = &fleet->shadows.changed,
                                                 .max_gap_s = fleet->config->input.max_gap_s};
    robot->shadow = shadow_track_new(robot, &options);
    if (!robot->shadow)
        log_error("%s: out of memory: it is not compared", robot->name);
    else
        shadows_restore_unsettled(shadow, robot);
}

void shadows_attach(struct fleet *fleet, struct robot *robot)
{
    struct shadow *shadow = shadows_of(&fleet->shadows, robot);
    if (shadow && shadow->state != SHADOW_ON)
        shadow = NULL;
    uint32_t wanted = shadow ? shadow->number : 0;
    if ((robot->shadow ? robot->shadow->shadow : 0) == wanted)
        return;
    shadow_track_free(robot->shadow);
    robot->shadow = NULL;
    fleet->dirty = true; /* who is scored by what stands in the set */
    if (shadow)
        make_track(fleet, robot, shadow);
}

static void attach_all(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        shadows_attach(fleet, fleet->robot[i]);
}

void shadows_result(struct robot *robot, const struct scorer_result *result, int64_t now_ns)
{
    bool muted = context_suspended(robot, now_ns) || result->epoch <= robot->muted_epoch;
    if (robot->shadow && robot->shadow->shadow == result->shadow)
        shadow_track_result(robot->shadow, result, muted);
}

/* ---- ends ---- */

static void post(struct fleet *fleet)
{
    if (fleet->scorer && !fleet->swap.stopping)
        fleet_post_if_dirty(fleet);
}

static void remove_shadow(struct fleet *fleet, struct shadow *shadow)
{
    struct shadows *shadows = &fleet->shadows;
    size_t at = 0;
    while (shadows->item[at] != shadow)
        at++;
    shadows->item[at] = shadows->item[--shadows->count];
    shadows->changed = true;
    attach_all(fleet);
    fleet->dirty |= shadow->model != NULL;
    free_shadow(shadow);
}

void shadows_end(struct fleet *fleet, struct shadow *shadow, const char *who, const char *why)
{
    cJSON_Delete(fleet->shadows.last);
    fleet->shadows.last = shadows_json(shadow, true);
    log_info("audit: %s: shadow of %s%s%s ends: %s", who, shadow->name,
             *shadow->robot ? ", robot " : "", shadow->robot, why);
    remove_shadow(fleet, shadow);
    post(fleet);
}

/* It never came to anything. */
static void fail(struct fleet *fleet, struct shadow *shadow, const char *code, const char *message)
{
    char text[DIAG_TEXT_MAX];
    swap_done *done = shadow->done;
    void *user = shadow->user;
    snprintf(text, sizeof text, "%s", message);
    log_warning("audit: %s: shadow %s%s%s: refused (%s): %s", shadow->who, shadow->name,
                *shadow->robot ? ", robot " : "", shadow->robot, code, text);
    if (!done) { /* it has been compared before a restart */
        cJSON_Delete(fleet->shadows.last);
        fleet->shadows.last = shadows_json(shadow, true);
    }
    remove_shadow(fleet, shadow);
    const struct swap_outcome outcome = {.code = code, .message = text};
    if (done)
        done(user, &outcome);
    post(fleet);
}

void shadows_refuse(struct fleet *fleet, uint32_t number, const char *reason)
{
    struct shadow *shadow = find_number(&fleet->shadows, number);
    if (shadow)
        fail(fleet, shadow, "model_invalid", reason);
}

void shadows_abandon(struct fleet *fleet)
{
    struct shadows *shadows = &fleet->shadows;
    for (size_t i = shadows->count; i-- > 0;) {
        if (shadows->item[i]->done)
            fail(fleet, shadows->item[i], "stopping", "the daemon is stopping");
    }
}

void shadows_on_live(struct fleet *fleet, const struct assignment *assignment)
{
    struct shadows *shadows = &fleet->shadows;
    for (size_t i = shadows->count; i-- > 0;) {
        struct shadow *shadow = shadows->item[i];
        if (target_of(fleet, shadow->robot) != assignment || !shadow->model)
            continue;
        if (!strcmp(shadow->model->sha256, assignment->model->sha256)) {
            shadows_end(fleet, shadow, "swap", "it is in use now");
            continue;
        }
        log_info("shadow of %s: another model is in use beside it: the comparison begins anew",
                 shadow->name);
        shadow_report_begin(&shadow->report, clock_realtime_ns());
        for (size_t r = 0; r < fleet->count; r++) {
            struct robot *robot = fleet->robot[r];
            if (robot->shadow && robot->shadow->shadow == shadow->number)
                shadow_track_begin(robot->shadow, robot);
        }
    }
}

/* ---- begins ---- */

static void take_loaded(struct fleet *fleet, struct shadow *shadow, struct model *model)
{
    struct diag diag = DIAG_INIT;
    struct assignment *target = target_of(fleet, shadow->robot);
    if (!target) {
        fail(fleet, shadow, "unknown_robot", "it has no model any more");
        return;
    }
    if (model_same_channels(target->model, model, &diag) < 0) {
        diag_prefix(&diag, "model %s has other channels", shadow->name);
        fail(fleet, shadow, "model_invalid", diag.text);
        return;
    }
    if (*shadow->sha256 && strcmp(shadow->sha256, model->sha256) != 0) {
        log_warning("shadow of %s: its file has changed: the comparison begins anew", shadow->name);
        shadow_report_begin(&shadow->report, clock_realtime_ns());
        cJSON_Delete(shadow->unsettled);
        shadow->unsettled = NULL;
    }
    strcpy(shadow->sha256, model->sha256);
    shadow->model = model_ref(model);
    shadow->state = SHADOW_POSTED;
    if (fleet_post_set(fleet) < 0)
        fail(fleet, shadow, "failed", "out of memory");
    else
        shadow->generation = fleet->generation;
}

static const char *code_of(int error)
{
    return error == -ENOENT         ? "model_not_found"
           : error == -EKEYREJECTED ? "signature"
                                    : "model_invalid";
}

static void load_in_pool(uv_work_t *work)
{
    struct shadows *shadows = work->data;
    shadows->loader.result =
        trust_load_model(&shadows->loader.trust, shadows->loader.path, &shadows->loader.model,
                         &shadows->loader.origin, &shadows->loader.diag);
}

static void on_loaded(uv_work_t *work, int status)
{
    struct shadows *shadows = work->data;
    struct fleet *fleet = shadows->loader.fleet;
    struct model *model = shadows->loader.model;
    struct shadow *shadow = find_number(shadows, shadows->loader.number);
    free(shadows->loader.path);
    shadows->loader.path = NULL;
    shadows->loader.busy = false;
    if (shadow && *shadows->loader.origin.warning.text)
        log_warning("%s", shadows->loader.origin.warning.text);
    if (shadow && (fleet->swap.stopping || !fleet->scorer))
        shadow->state = SHADOW_WAITING; /* the next run goes on with it */
    else if (shadow && (status < 0 || shadows->loader.result < 0))
        fail(fleet, shadow, code_of(shadows->loader.result), shadows->loader.diag.text);
    else if (shadow)
        take_loaded(fleet, shadow, model);
    if (shadows->loader.result == 0)
        model_unref(model);
}

static int load(struct fleet *fleet, struct shadow *shadow)
{
    struct shadows *shadows = &fleet->shadows;
    memset(&shadows->loader, 0, sizeof shadows->loader);
    shadows->loader.fleet = fleet;
    shadows->loader.number = shadow->number;
    shadows->loader.trust = fleet->assignments.trust;
    shadows->loader.path = assignments_path(&fleet->assignments, shadow->name);
    shadows->loader.result = -EINVAL;
    shadows->loader.work.data = shadows;
    if (!shadows->loader.path ||
        uv_queue_work(fleet->loop, &shadows->loader.work, load_in_pool, on_loaded) < 0) {
        free(shadows->loader.path);
        shadows->loader.path = NULL;
        return -ENOMEM;
    }
    shadows->loader.busy = true;
    shadow->state = SHADOW_LOADING;
    return 0;
}

struct shadow *shadows_add(struct shadows *shadows, const char *robot, const char *name)
{
    struct shadow *shadow = calloc(1, sizeof *shadow);
    if (!shadow)
        return NULL;
    shadow->number = ++shadows->numbers;
    strcpy(shadow->robot, robot);
    strcpy(shadow->name, name);
    shadow_report_begin(&shadow->report, clock_realtime_ns());
    shadows->item[shadows->count++] = shadow;
    return shadow;
}

int shadows_start(struct fleet *fleet, const struct swap_request *request)
{
    struct shadows *shadows = &fleet->shadows;
    if (shadows->loader.busy)
        return -EBUSY;
    if (shadows_find(shadows, request->robot))
        return -EEXIST;
    if (!target_of(fleet, request->robot) ||
        (*request->robot && !fleet_find(fleet, request->robot) &&
         !*target_of(fleet, request->robot)->key))
        return -ENOENT;
    if (shadows->count == SHADOWS_MAX)
        return -ENOSPC;
    struct shadow *shadow = shadows_add(shadows, request->robot, request->model);
    if (!shadow)
        return -ENOMEM;
    snprintf(shadow->who, sizeof shadow->who, "%s", request->who);
    if (load(fleet, shadow) < 0) {
        remove_shadow(fleet, shadow);
        return -ENOMEM;
    }
    shadow->done = request->done;
    shadow->user = request->user;
    return 0;
}

static void begin(struct fleet *fleet, struct shadow *shadow)
{
    swap_done *done = shadow->done;
    shadow->state = SHADOW_ON;
    shadow->done = NULL;
    log_info("audit: %s: shadow %s%s%s: %s version %lld, sha256 %s, is compared",
             *shadow->who ? shadow->who : "start", shadow->name, *shadow->robot ? ", robot " : "",
             shadow->robot, shadow->model->name, (long long)shadow->model->version,
             shadow->model->sha256);
    fleet->shadows.changed = true;
    attach_all(fleet);
    const struct swap_outcome outcome = {.code = "", .message = "", .model = shadow->model};
    if (done)
        done(shadow->user, &outcome);
}

void shadows_on_set(struct fleet *fleet, uint64_t generation, bool ok)
{
    struct shadows *shadows = &fleet->shadows;
    for (size_t i = shadows->count; ok && i-- > 0;) {
        struct shadow *shadow = shadows->item[i];
        if (shadow->state == SHADOW_POSTED && shadow->generation <= generation)
            begin(fleet, shadow);
    }
    post(fleet);
}

bool shadows_tick(struct fleet *fleet, int64_t now_ns)
{
    struct shadows *shadows = &fleet->shadows;
    for (size_t i = 0; i < shadows->count && !shadows->loader.busy; i++) {
        if (shadows->item[i]->state == SHADOW_WAITING && load(fleet, shadows->item[i]) < 0)
            log_error("out of memory: the candidate %s is not read", shadows->item[i]->name);
    }
    attach_all(fleet);
    bool due = shadows->changed ||
               (shadows->count > 0 && now_ns - shadows->saved_ns > SHADOWS_SAVE_S * CLOCK_NS_PER_S);
    if (due)
        shadows->saved_ns = now_ns;
    return due;
}

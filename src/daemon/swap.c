#include "daemon/swap.h"

#include "base/log.h"
#include "daemon/fleet_internal.h"
#include "daemon/shipped.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const swap_result_names[SWAP_RESULTS] = {
    "ok",       "model_not_found", "signature",  "downgrade", "model_invalid",
    "stopping", "model_changed",   "rolled_back"};

static void count_result(struct fleet *fleet, const char *code)
{
    for (size_t i = 0; i < SWAP_RESULTS; i++)
        fleet->swap_results[i] += !strcmp(*code ? code : "ok", swap_result_names[i]);
}

/* ---- end ---- */

/* "WHO: reload NAME, robot R", for the log. */
static void describe(const struct swap *swap, char *ret_text, size_t size)
{
    static const char *const verbs[] = {[SWAP_RELOAD] = "reload",
                                        [SWAP_ROLLBACK] = "rollback to",
                                        [SWAP_CONFIGURED] = "reload",
                                        [SWAP_REREAD] = "reload",
                                        [SWAP_REJOIN] = "the default's"};
    const char *robot = swap->assignment->key;
    snprintf(ret_text, size, "audit: %s: %s %s%s%s", swap->who, verbs[swap->kind], swap->name,
             *robot ? ", robot " : "", robot);
}

static void audit(struct fleet *fleet, const struct swap_outcome *outcome)
{
    char what[256], older[64] = "";
    const struct swap *swap = &fleet->swap;
    count_result(fleet, outcome->code);
    const char *file_sha256 = swap->loaded.origin.file_sha256;
    describe(swap, what, sizeof what);
    if (*outcome->code) {
        log_warning("%s: refused (%s): %s%s%s", what, outcome->code, outcome->message,
                    *file_sha256 ? "; sha256 of the file " : "", file_sha256);
        return;
    }
    const struct model *model = outcome->model;
    int64_t accepted = accepted_version(&fleet->assignments.accepted, model->name);
    if (model->version < accepted)
        snprintf(older, sizeof older, ", older than version %lld", (long long)accepted);
    log_info("%s: %s version %lld is in use%s, sha256 %s, signature %s", what, model->name,
             (long long)model->version, older, model->sha256,
             signature_verdict_name(model->signature));
    if (*swap->loaded.origin.warning.text)
        log_warning("%s", swap->loaded.origin.warning.text);
}

/* What several assignments wait for is the same file: one refusal is enough. */
static void note_refusal(struct fleet *fleet, const struct swap *swap)
{
    struct assignments *assignments = &fleet->assignments;
    swap->assignment->refused |= !swap->done && !swap->stopping;
    for (size_t i = 0; swap->kind == SWAP_REREAD && i < assignments->count; i++) {
        if (!strcmp(assignments->item[i]->active, swap->name))
            assignments->item[i]->reread = NULL;
    }
}

static void end_swap(struct fleet *fleet, const struct swap_outcome *outcome)
{
    struct swap *swap = &fleet->swap;
    swap_done *done = swap->done;
    void *user = swap->user;
    struct model *candidate = swap->candidate;
    bool stopping = swap->stopping;
    free(swap->path);
    free(swap->shipped_path);
    *swap = (struct swap){.stopping = stopping};
    if (done)
        done(user, outcome);
    model_unref(candidate);
    fleet_reconcile(fleet);
}

static void fail_swap(struct fleet *fleet, const char *code, const char *message)
{
    struct swap *swap = &fleet->swap;
    char text[DIAG_TEXT_MAX];
    snprintf(text, sizeof text, "%s", message);
    const struct swap_outcome outcome = {.code = code, .message = text};
    audit(fleet, &outcome);
    note_refusal(fleet, swap);
    if (swap->made_own)
        fleet_drop_own(fleet, swap->assignment);
    end_swap(fleet, &outcome);
}

static void switch_robots(struct fleet *fleet)
{
    struct swap *swap = &fleet->swap;
    for (size_t i = 0; i < fleet->count; i++) {
        struct robot *robot = fleet->robot[i];
        if (robot->assignment != swap->assignment)
            continue;
        bool longer = swap->candidate->span > robot->model->span;
        double thresholds[MODEL_DETECTORS_MAX];
        fleet_thresholds(fleet, robot->name, swap->candidate, thresholds);
        if (robot_set_model(robot, swap->candidate, thresholds) < 0) {
            log_error("%s: out of memory: its windows stay as long as before", robot->name);
            /* It still needs the model of its assignment. */
            swap->kind = swap->kind == SWAP_REJOIN ? SWAP_CONFIGURED : swap->kind;
        }
        robot->scored &= !longer;
        commissioning_attach(&fleet->commissioning, robot);
        fleet_apply_thresholds(fleet, robot);
    }
}

/* The scorer uses the candidate from now on: the results that follow are its. */
static void finish_swap(struct fleet *fleet)
{
    struct swap *swap = &fleet->swap;
    const struct swap_outcome outcome = {.code = "", .message = "", .model = swap->candidate};
    bool new_content = strcmp(swap->assignment->model->sha256, swap->candidate->sha256) != 0;
    switch_robots(fleet);
    audit(fleet, &outcome);
    if (accepted_note(&fleet->assignments.accepted, swap->candidate->name,
                      swap->candidate->version) < 0)
        log_error("out of memory: an older version of %s will not be noticed",
                  swap->candidate->name);
    if (swap->kind == SWAP_REJOIN)
        fleet_drop_own(fleet, swap->assignment);
    else
        assignment_activate(swap->assignment, swap->name, model_ref(swap->candidate));
    if (swap->kind != SWAP_REJOIN) {
        if (new_content)
            shadows_on_live(fleet, swap->assignment);
        probation_on_swap(fleet, swap->assignment, swap->kind, new_content);
    }
    if (fleet->on_state_changed)
        fleet->on_state_changed(fleet->user);
    end_swap(fleet, &outcome);
}

void swap_on_set(struct fleet *fleet, bool ok, const char *reason)
{
    struct swap *swap = &fleet->swap;
    if (ok) {
        finish_swap(fleet);
        return;
    }
    /* Robots that were added meanwhile were in the refused set too: post one without the candidate.
     */
    model_unref(swap->candidate);
    swap->candidate = NULL;
    fleet->dirty = fleet_post_set(fleet) < 0;
    fail_swap(fleet, "model_invalid", reason);
}

void swap_abandon(struct fleet *fleet)
{
    fleet->swap.stopping = true;
    if (fleet->swap.generation != 0)
        fail_swap(fleet, "stopping", "the daemon is stopping");
}

/* ---- start ---- */

/* Who may go back to what. */
static int check_version(const struct fleet *fleet, const struct swap *swap, struct diag *diag)
{
    switch (swap->kind) {
    case SWAP_RELOAD:
    case SWAP_REREAD:
        return assignments_check_version(&fleet->assignments, swap->assignment, swap->candidate,
                                         diag);
    case SWAP_ROLLBACK:
        return assignments_check_previous(&fleet->assignments, swap->assignment, swap->candidate,
                                          diag);
    case SWAP_CONFIGURED:
    case SWAP_REJOIN:
        break;
    }
    return 0;
}

static void post_candidate(struct fleet *fleet)
{
    struct swap *swap = &fleet->swap;
    struct diag diag = DIAG_INIT;
    if (*swap->sha256 && strcmp(swap->sha256, swap->candidate->sha256) != 0) {
        fail_swap(fleet, "model_changed", "the file has another content than what was compared");
    } else if (swap->kind == SWAP_REREAD &&
               probation_was_undone(&fleet->probations, swap->assignment->key,
                                    swap->candidate->sha256)) {
        fail_swap(fleet, "rolled_back", "it was rolled back: a person has to ask for it");
    } else if (check_version(fleet, swap, &diag) < 0) {
        fail_swap(fleet, "downgrade", diag.text);
    } else if (model_same_channels(swap->assignment->model, swap->candidate, &diag) < 0) {
        diag_prefix(&diag, "model %s has other channels", swap->name);
        fail_swap(fleet, "model_invalid", diag.text);
    } else if (fleet_post_set(fleet) < 0) {
        fail_swap(fleet, "model_invalid", "out of memory");
    } else {
        swap->generation = fleet->generation;
    }
}

static void load_in_pool(uv_work_t *work)
{
    struct swap *swap = work->data;
    const struct shipped_paths paths = {swap->path, swap->shipped_path};
    swap->loaded.result = shipped_load_model(&swap->loaded.trust, &paths, &swap->loaded.model,
                                             &swap->loaded.origin, &swap->loaded.diag);
}

static const char *code_of(int error)
{
    return error == -ENOENT         ? "model_not_found"
           : error == -EKEYREJECTED ? "signature"
                                    : "model_invalid";
}

static void on_loaded(uv_work_t *work, int status)
{
    struct swap *swap = work->data;
    struct fleet *fleet = swap->fleet;
    swap->candidate = swap->loaded.model;
    if (swap->stopping)
        fail_swap(fleet, "stopping", "the daemon is stopping");
    else if (status < 0 || swap->loaded.result < 0)
        fail_swap(fleet, code_of(swap->loaded.result), swap->loaded.diag.text);
    else
        post_candidate(fleet);
}

static void begin(struct fleet *fleet, struct assignment *assignment, enum swap_kind kind,
                  const struct swap_request *request)
{
    fleet->swap = (struct swap){.busy = true,
                                .stopping = fleet->swap.stopping,
                                .kind = kind,
                                .fleet = fleet,
                                .assignment = assignment,
                                .done = request->done,
                                .user = request->user};
    snprintf(fleet->swap.name, sizeof fleet->swap.name, "%s", request->model);
    snprintf(fleet->swap.who, sizeof fleet->swap.who, "%s", request->who);
    snprintf(fleet->swap.sha256, sizeof fleet->swap.sha256, "%s",
             request->sha256 ? request->sha256 : "");
}

int swap_start(struct fleet *fleet, struct assignment *assignment, enum swap_kind kind,
               const struct swap_request *request, bool made_own)
{
    struct swap *swap = &fleet->swap;
    begin(fleet, assignment, kind, request);
    swap->made_own = made_own;
    swap->path = assignments_path(&fleet->assignments, swap->name);
    swap->shipped_path = swap->path ? shipped_path(shipped_directory, swap->path) : NULL;
    swap->loaded.trust = fleet->assignments.trust;
    swap->work.data = swap;
    if (!swap->shipped_path ||
        uv_queue_work(fleet->loop, &swap->work, load_in_pool, on_loaded) < 0) {
        free(swap->path);
        free(swap->shipped_path);
        *swap = (struct swap){.stopping = swap->stopping};
        return -ENOMEM;
    }
    return 0;
}

void swap_start_with(struct fleet *fleet, struct assignment *assignment, enum swap_kind kind,
                     const struct swap_request *request, struct model *model)
{
    begin(fleet, assignment, kind, request);
    fleet->swap.candidate = model;
    post_candidate(fleet);
}

/*
 * What a start finds: the configuration, the saved state, and files that may have changed since.
 *
 * Versions are judged against what was accepted before this start; what it takes into use is
 * accepted at its end, so that the order of the keys does not matter.
 */
#include "base/json.h"
#include "base/log.h"
#include "daemon/assignments_internal.h"
#include "daemon/shipped.h"
#include "model/signature_key.h"
#include "nn/blas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct start {
    struct assignments *assignments;
    const cJSON *state;   /* NULL: none */
    struct diag *warning; /* the last one counts */
};

int assignments_read_trust(const struct config *config, struct trust *ret_trust, struct diag *diag)
{
    const char *policy = config->models.signature;
    *ret_trust = (struct trust){.policy = !strcmp(policy, "off")    ? TRUST_OFF
                                          : !strcmp(policy, "warn") ? TRUST_WARN
                                                                    : TRUST_REQUIRE};
    if (ret_trust->policy == TRUST_OFF || !config->models.public_key_file)
        return 0;
    char *path;
    int r = config_find_secret(config, config->models.public_key_file, &path, diag);
    if (r == 0) {
        r = signature_key_read_public(path, &ret_trust->key, diag);
        free(path);
    }
    ret_trust->has_key = r == 0;
    if (r < 0)
        diag_prefix(diag, "models.public_key_file");
    return r;
}

/* ---- files ---- */

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
    char *shipped = path ? shipped_path(shipped_directory, path) : NULL;
    if (!shipped) {
        free(path);
        return diag_errno(diag, ENOMEM, "%s", name);
    }
    struct model *model = NULL;
    struct trust_origin origin;
    int r = shipped_load_model(&assignments->trust, &(struct shipped_paths){path, shipped}, &model,
                               &origin, diag);
    if (r == 0 && (r = model_selftest(model, diag)) < 0) {
        diag_prefix(diag, "%s", path);
        model_unref(model);
    }
    free(path);
    free(shipped);
    if (r < 0) {
        log_warning("audit: start: %s: refused: %s", name, diag->text);
        return r;
    }
    log_info("audit: start: %s: %s version %lld, sha256 %s, signature %s", name, model->name,
             (long long)model->version, model->sha256, signature_verdict_name(origin.signature));
    if (*origin.warning.text)
        log_warning("%s", origin.warning.text);
    *ret_model = model;
    return 0;
}

static int load(const struct assignments *assignments, const char *name, struct model **ret_model,
                struct diag *diag)
{
    struct model *shared = find_loaded(assignments, name);
    if (!shared)
        return load_tested(assignments, name, ret_model, diag);
    *ret_model = model_ref(shared);
    return 0;
}

static int use(const struct start *start, struct assignment *assignment, const char *name,
               struct diag *diag)
{
    int r = load(start->assignments, name, &assignment->model, diag);
    if (r == 0)
        strcpy(assignment->active, name);
    return r;
}

/* ---- state ---- */

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

/* A member of an entry that may be missing: then "". */
static const char *saved_text(const cJSON *entry, const char *key, size_t max_length)
{
    const char *text = "";
    if (entry)
        json_get_string(entry, key, false, max_length, &text, NULL);
    return text;
}

static const char *saved_hash(const cJSON *entry, const char *key)
{
    return saved_text(entry, key, HASH_HEX_SIZE - 1);
}

/* ---- start ---- */

/* The file in use is older than what was accepted, and neither an operator nor the administrator
 * has asked for it: the configured one, if that is not; else the robot is watched by what there is.
 */
static void leave_older(const struct start *start, struct assignment *assignment,
                        const struct diag *older)
{
    struct model *other = NULL;
    struct diag ignored = DIAG_INIT; /* it is logged */
    const char *configured = assignment->configured;
    if (*configured && strcmp(assignment->active, configured) != 0 &&
        load(start->assignments, configured, &other, &ignored) == 0 &&
        assignments_check_older(start->assignments, other, "", &ignored) == 0) {
        diag_set(start->warning, "%s is used instead of %s: %s", configured, assignment->active,
                 older->text);
        model_unref(assignment->model);
        assignment->model = other;
        strcpy(assignment->active, configured);
        return;
    }
    model_unref(other);
    assignment->unasked = true;
    diag_set(start->warning, "%s is used, for there is nothing else: %s", assignment->active,
             older->text);
}

static void judge_version(const struct start *start, struct assignment *assignment,
                          const cJSON *saved)
{
    struct diag older = DIAG_INIT;
    const char *saved_sha256 = saved_hash(saved, "sha256");
    if (!strcmp(saved_sha256, assignment->model->sha256))
        return;
    if (*saved_sha256)
        log_warning("audit: start: %s is not the file that was in use before, whose sha256 is %s",
                    assignment->active, saved_sha256);
    if (assignments_check_older(start->assignments, assignment->model, "", &older) == 0)
        return;
    if (saved)
        leave_older(start, assignment, &older);
    else
        log_warning("%s is used, for the configuration asks for it anew: %s", assignment->active,
                    older.text);
}

static int start_one(const struct start *start, const char *key, const char *configured,
                     struct diag *diag)
{
    struct assignment *assignment = assignments_add(start->assignments, key);
    if (!assignment)
        return diag_errno(diag, ENOMEM, "models");
    strcpy(assignment->configured, configured);
    const cJSON *saved = find_saved(start->state, key, configured);
    const char *active = saved ? saved_text(saved, "active", NAME_MAX_LENGTH) : configured;
    const char *previous = saved_text(saved, "previous", NAME_MAX_LENGTH);
    int r = use(start, assignment, active, diag);
    if (r < 0 && strcmp(active, configured) != 0 && *configured) {
        diag_set(start->warning, "model %s is no longer usable, %s is used: %s", active, configured,
                 diag->text);
        r = use(start, assignment, configured, diag);
    } else if (r == 0 && name_valid(previous)) {
        strcpy(assignment->previous_name, previous);
        strcpy(assignment->previous_sha256, saved_hash(saved, "previous_sha256"));
    }
    if (r == 0)
        judge_version(start, assignment, saved);
    if (r == 0 && assignments_make_decoder(start->assignments, assignment) < 0)
        r = diag_errno(diag, ENOMEM, "models");
    return r;
}

/* Robots that the configuration does not name but an operator gave a model of their own. */
static void start_saved_robots(const struct start *start)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(start->state, "assignments");
    cJSON_ArrayForEach(entry, list)
    {
        const char *key = "";
        if (json_get_string(entry, "key", true, NAME_MAX_LENGTH, &key, NULL) < 0 ||
            !name_valid(key) || assignments_find_exact(start->assignments, key) ||
            !find_saved(start->state, key, ""))
            continue;
        struct diag lost = DIAG_INIT;
        size_t before = start->assignments->count;
        if (start_one(start, key, "", &lost) < 0) {
            diag_set(start->warning, "robot %s falls back to the default model: %s", key,
                     lost.text);
            if (start->assignments->count > before)
                assignments_drop_last(start->assignments);
        }
    }
}

static int start_all(const struct start *start, const struct config *config, struct diag *diag)
{
    struct assignments *assignments = start->assignments;
    int r = accepted_load(&assignments->accepted, start->state);
    if (r < 0)
        return diag_errno(diag, r, "models");
    if (config->models.default_name)
        r = start_one(start, ASSIGNMENT_DEFAULT, config->models.default_name, diag);
    for (size_t i = 0; r == 0 && i < config->models.robots.count; i++)
        r = start_one(start, config->models.robots.entry[i].key,
                      config->models.robots.entry[i].value, diag);
    if (r < 0)
        return r;
    start_saved_robots(start);
    for (size_t i = 0; r == 0 && i < assignments->count; i++)
        r = accepted_note(&assignments->accepted, assignments->item[i]->model->name,
                          assignments->item[i]->model->version);
    return r < 0 ? diag_errno(diag, r, "models") : 0;
}

int assignments_start(struct assignments *assignments, const struct config *config,
                      const char *state, struct diag *ret_warning, struct diag *diag)
{
    *assignments = (struct assignments){.time_unit = sample_time_unit(config->input.time_unit),
                                        .gate = &config->input.gate};
    int r = assignments_read_trust(config, &assignments->trust, diag);
    if (r < 0)
        return r;
    assignments->directory = strdup(config->models.directory);
    if (!assignments->directory)
        return diag_errno(diag, ENOMEM, "models");
    blas_init();
    cJSON *saved = state ? json_parse(state, strlen(state), ret_warning) : NULL;
    if (state && !saved)
        diag_prefix(ret_warning, "the saved state is ignored");
    const struct start start = {assignments, saved, ret_warning};
    r = start_all(&start, config, diag);
    cJSON_Delete(saved);
    if (r < 0)
        assignments_deinit(assignments);
    return r;
}

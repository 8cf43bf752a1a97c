#include "daemon/operations.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/shadow_command.h"
#include "daemon/threshold_command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- state ---- */

static int load(struct operations *operations, const char *text)
{
    struct diag diag = DIAG_INIT;
    cJSON *root = text ? json_parse(text, strlen(text), &diag) : NULL;
    if (text && !root)
        log_warning("%s: ignored: %s", operations->saved.path, diag.text);
    int r = budgets_load(&operations->fleet->budgets, root);
    r = r ? r : shadows_load(&operations->fleet->shadows, root);
    probation_load(operations->fleet, root);
    cJSON_Delete(root);
    fleet_follow_budget(operations->fleet);
    return r;
}

void operations_save(struct operations *operations)
{
    cJSON *root = cJSON_CreateObject();
    budgets_save(&operations->fleet->budgets, root);
    shadows_save(operations->fleet, root);
    probation_save(&operations->fleet->probations, root);
    operations->fleet->probations.changed = false;
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    saved_state_write(&operations->saved, text);
}

bool operations_failed(const struct operations *operations)
{
    return operations->saved.failed || operations->audit.chronicle.failed ||
           operations->verdicts.chronicle.failed;
}

static bool is_settled(const void *user)
{
    const struct operations *operations = user;
    const struct journal *journal = operations->publisher->journal;
    return !operations->saved.busy && (!operations->state || !operations->state->busy) &&
           !operations->fleet->commissioning.saver.busy &&
           chronicle_is_settled(&operations->audit.chronicle) &&
           chronicle_is_settled(&operations->verdicts.chronicle) &&
           (!journal || journal_is_settled(journal));
}

static void on_rollback(void *user, const struct probation_rollback *rollback)
{
    struct operations *operations = user;
    cJSON *arguments = cJSON_CreateObject();
    if (*rollback->robot)
        cJSON_AddStringToObject(arguments, "robot", rollback->robot);
    cJSON_AddStringToObject(arguments, "model", rollback->from.name);
    const struct audit_entry entry = {.by = "probation",
                                      .id = "",
                                      .command = "rollback",
                                      .arguments = arguments,
                                      .result = *rollback->code ? rollback->code : "ok",
                                      .message = rollback->text};
    audit_note(&operations->audit, &entry);
    cJSON_Delete(arguments);
    operations_save(operations);
}

/* ---- life ---- */

int operations_init(struct operations *operations, uv_loop_t *loop, const char *state_directory)
{
    char *text = NULL;
    operations->verdicts.fleet = operations->fleet;
    operations->verdicts.publisher = operations->held.publisher = operations->publisher;
    operations->held.is_settled = is_settled;
    operations->held.user = operations;
    operations->fleet->probations.on_rollback = on_rollback;
    operations->fleet->probations.user = operations;
    int r =
        saved_state_init_file(&operations->saved, loop, state_directory, "operations.json", &text);
    r = r ? r
          : chronicle_open(&operations->audit.chronicle, loop, state_directory, "audit",
                           AUDIT_KEPT);
    r = r ? r
          : chronicle_open(&operations->verdicts.chronicle, loop, state_directory, "verdicts",
                           VERDICTS_KEPT);
    r = r ? r : load(operations, text);
    free(text);
    return r;
}

void operations_deinit(struct operations *operations)
{
    saved_state_deinit(&operations->saved);
    chronicle_deinit(&operations->audit.chronicle);
    chronicle_deinit(&operations->verdicts.chronicle);
}

void operations_start(struct operations *operations, uv_loop_t *loop)
{
    held_init(&operations->held, loop);
}

void operations_stop(struct operations *operations)
{
    if (operations->fleet->shadows.count > 0)
        operations_save(operations);
    held_stop(&operations->held);
}

void operations_tick(struct operations *operations, int64_t now_ns)
{
    chronicle_tick(&operations->audit.chronicle, now_ns);
    chronicle_tick(&operations->verdicts.chronicle, now_ns);
    probation_tick(operations->fleet);
    bool due = shadows_tick(operations->fleet, now_ns) || operations->fleet->probations.changed ||
               operations->fleet->budgets.changed;
    if (due || saved_state_is_due(&operations->saved, now_ns))
        operations_save(operations);
}

/* ---- commands ---- */

static const char *run_threshold(struct operations *operations,
                                 const struct operations_order *order, cJSON *answer,
                                 struct diag *diag)
{
    const char *code =
        threshold_command(operations->fleet, order->arguments, order->who, answer, diag);
    if (!code)
        operations_save(operations);
    return code;
}

static const char *run_ack(struct operations *operations, const struct operations_order *order,
                           cJSON *answer, struct diag *diag)
{
    return verdicts_ack(&operations->verdicts, order->arguments, order->who, answer, diag);
}

static const char *run_audit(struct operations *operations, const struct operations_order *order,
                             cJSON *answer, struct diag *diag)
{
    return audit_command(&operations->audit, order->arguments, answer, diag);
}

static const char *run_verdicts(struct operations *operations, const struct operations_order *order,
                                cJSON *answer, struct diag *diag)
{
    return verdicts_command(&operations->verdicts, order->arguments, answer, diag);
}

static const char *run_unshadow(struct operations *operations, const struct operations_order *order,
                                cJSON *answer, struct diag *diag)
{
    const char *code =
        shadow_command_end(operations->fleet, order->arguments, order->who, answer, diag);
    if (!code)
        operations_save(operations);
    return code;
}

static const char *run_shadow_report(struct operations *operations,
                                     const struct operations_order *order, cJSON *answer,
                                     struct diag *diag)
{
    return shadow_command_report(operations->fleet, order->arguments, answer, diag);
}

static const struct {
    const char *name;
    const char *(*run)(struct operations *operations, const struct operations_order *order,
                       cJSON *answer, struct diag *diag);
} commands[] = {
    {"threshold", run_threshold}, {"ack", run_ack},           {"audit", run_audit},
    {"verdicts", run_verdicts},   {"unshadow", run_unshadow}, {"shadow-report", run_shadow_report},
};

const char *operations_command(struct operations *operations, const struct operations_order *order,
                               cJSON *ret_answer, struct diag *diag)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!strcmp(commands[i].name, order->command))
            return commands[i].run(operations, order, ret_answer, diag);
    }
    diag_set(diag, "no such command");
    return "unknown_command";
}

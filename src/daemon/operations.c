#include "daemon/operations.h"

#include "base/clock.h"
#include "base/log.h"
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
    cJSON_Delete(root);
    fleet_follow_budget(operations->fleet);
    return r;
}

void operations_save(struct operations *operations)
{
    cJSON *root = cJSON_CreateObject();
    budgets_save(&operations->fleet->budgets, root);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    saved_state_write(&operations->saved, text);
}

static bool is_settled(const void *user)
{
    const struct operations *operations = user;
    const struct journal *journal = operations->publisher->journal;
    return !operations->saved.busy && (!operations->state || !operations->state->busy) &&
           chronicle_is_settled(&operations->audit.chronicle) &&
           chronicle_is_settled(&operations->verdicts.chronicle) &&
           (!journal || journal_is_settled(journal));
}

/* ---- life ---- */

int operations_init(struct operations *operations, uv_loop_t *loop, const char *state_directory)
{
    char *text = NULL;
    operations->verdicts.fleet = operations->fleet;
    operations->verdicts.publisher = operations->held.publisher = operations->publisher;
    operations->held.is_settled = is_settled;
    operations->held.user = operations;
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
    held_stop(&operations->held);
}

void operations_tick(struct operations *operations, int64_t now_ns)
{
    chronicle_tick(&operations->audit.chronicle, now_ns);
    chronicle_tick(&operations->verdicts.chronicle, now_ns);
    if (saved_state_is_due(&operations->saved, now_ns))
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

static const struct {
    const char *name;
    const char *(*run)(struct operations *operations, const struct operations_order *order,
                       cJSON *answer, struct diag *diag);
} commands[] = {
    {"threshold", run_threshold},
    {"ack", run_ack},
    {"audit", run_audit},
    {"verdicts", run_verdicts},
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

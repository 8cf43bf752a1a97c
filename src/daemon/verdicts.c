#include "daemon/verdicts.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit.h"
#include "daemon/episode_log.h"
#include "daemon/evidence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- ack ---- */

/* An alert that is known: of a robot now, or of those that are remembered for the page. */
struct target {
    struct robot *robot;
    enum alert_kind kind; /* ALERT_KINDS: only remembered */
    struct episode_log_entry *entry;
    const char *id;
};

static bool is_alert_of(struct robot *robot, const char *id, struct target *ret_target)
{
    *ret_target = (struct target){.robot = robot, .kind = ALERT_KINDS, .id = id};
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        if (!strcmp(robot->alerts[kind].id, id))
            ret_target->kind = (enum alert_kind)kind;
    }
    ret_target->entry = episode_log_find(robot->episodes, id);
    return ret_target->kind != ALERT_KINDS || ret_target->entry;
}

static bool find_alert(const struct fleet *fleet, const char *id, struct target *ret_target)
{
    for (size_t i = 0; i < fleet->count; i++) {
        if (*id && is_alert_of(fleet->robot[i], id, ret_target))
            return true;
    }
    return false;
}

static bool is_open(const struct target *target)
{
    return target->kind != ALERT_KINDS && robot_episode(target->robot, target->kind)->open;
}

static int read_verdict(const cJSON *arguments, struct robot_ack *ret_ack, struct diag *diag)
{
    const char *verdict = "", *note = "";
    const cJSON *plain = cJSON_GetObjectItemCaseSensitive(arguments, "verdict");
    if (cJSON_IsBool(plain))
        verdict = cJSON_IsTrue(plain) ? "true" : "false";
    else if (json_get_string(arguments, "verdict", true, 32, &verdict, diag) < 0)
        return -EINVAL;
    ret_ack->verdict = ROBOT_TRUE_ALARM;
    while (ret_ack->verdict < ROBOT_VERDICTS &&
           strcmp(verdict, robot_verdict_name(ret_ack->verdict)) != 0)
        ret_ack->verdict++;
    if (ret_ack->verdict == ROBOT_VERDICTS)
        return diag_set(diag, "verdict: \"%.32s\", must be true, false or maintenance", verdict);
    if (json_get_string(arguments, "note", false, ROBOT_NOTE_MAX, &note, diag) < 0)
        return -EINVAL;
    for (const char *c = note; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return diag_set(diag, "note: must be one line of text");
    }
    strcpy(ret_ack->note, note);
    return 0;
}

static void copy_text(const cJSON *from, const char *key, cJSON *to)
{
    const char *text = "";
    json_get_string(from, key, false, SIZE_MAX, &text, NULL);
    cJSON_AddStringToObject(to, key, text);
}

/* Of an alert that is only remembered: as it was told last. */
static void describe_remembered(const struct target *target, cJSON *root)
{
    cJSON *told = json_parse(target->entry->json, strlen(target->entry->json), NULL);
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(told, "model");
    copy_text(told, "kind", root);
    copy_text(told, "severity", root);
    copy_text(told, "started", root);
    const char *name = "";
    double version = 0;
    json_get_string(model, "name", false, NAME_MAX_LENGTH, &name, NULL);
    json_get_number(model, "version", false, 0, JSON_MAX_INTEGER, &version, NULL);
    cJSON_AddStringToObject(root, "model", name);
    cJSON_AddNumberToObject(root, "model_version", version);
    cJSON_Delete(told);
}

static void describe_present(const struct target *target, cJSON *root)
{
    const struct alert_episode *episode = robot_episode(target->robot, target->kind);
    char time[CLOCK_RFC3339_MAX];
    cJSON_AddStringToObject(root, "kind", alert_kind_name(target->kind));
    cJSON_AddStringToObject(root, "severity", alert_severity_name(episode->severity));
    clock_format_rfc3339(episode->started_ns, time);
    cJSON_AddStringToObject(root, "started", time);
    cJSON_AddStringToObject(root, "model", target->robot->model->name);
    cJSON_AddNumberToObject(root, "model_version", (double)target->robot->model->version);
}

static void describe(const struct target *target, const struct robot_ack *ack, cJSON *root)
{
    cJSON_AddStringToObject(root, "alert_id", target->id);
    cJSON_AddStringToObject(root, "robot", target->robot->name);
    if (target->kind != ALERT_KINDS)
        describe_present(target, root);
    else
        describe_remembered(target, root);
    cJSON_AddBoolToObject(root, "open", is_open(target));
    cJSON_AddStringToObject(root, "verdict", robot_verdict_name(ack->verdict));
    cJSON_AddStringToObject(root, "note", ack->note);
}

/* In the record, beside the alert's evidence, and for the page. */
static void record(struct verdicts *verdicts, const struct target *target,
                   const struct robot_ack *ack)
{
    char time[CLOCK_RFC3339_MAX];
    cJSON *root = cJSON_CreateObject();
    clock_format_rfc3339(ack->time_ns, time);
    cJSON_AddStringToObject(root, "time", time);
    describe(target, ack, root);
    char *line = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (line)
        evidence_verdict(verdicts->publisher->evidence, target->robot, target->id, line);
    chronicle_append(&verdicts->chronicle, line);
    if (target->entry) {
        target->entry->acked = true;
        snprintf(target->entry->verdict, sizeof target->entry->verdict, "%s",
                 robot_verdict_name(ack->verdict));
    }
}

/* With the open alert: it lives as long as that, also through a crash. */
static void keep_open(const struct verdicts *verdicts, const struct target *target)
{
    publisher_journal_episode(verdicts->publisher, target->robot, target->kind);
    if (verdicts->publisher->journal)
        journal_write(verdicts->publisher->journal);
    publisher_state(verdicts->publisher, target->robot, true, clock_monotonic_ns());
}

const char *verdicts_ack(struct verdicts *verdicts, const cJSON *arguments, const char *who,
                         cJSON *ret_answer, struct diag *diag)
{
    const char *id = "";
    struct target target;
    struct robot_ack ack = {.time_ns = clock_realtime_ns()};
    if (json_get_string(arguments, "alert_id", true, HASH_HEX_SIZE - 1, &id, diag) < 0 ||
        read_verdict(arguments, &ack, diag) < 0)
        return "invalid_argument";
    if (!find_alert(verdicts->fleet, id, &target)) {
        diag_set(diag, "alert_id: \"%.*s\" is neither open nor among the last alerts of any robot",
                 json_utf8_head(id, 64), id);
        return "unknown_alert";
    }
    bool again = target.entry && target.entry->acked;
    if (target.kind != ALERT_KINDS) {
        again = target.robot->alerts[target.kind].ack.verdict != ROBOT_UNACKED;
        target.robot->alerts[target.kind].ack = ack;
    }
    record(verdicts, &target, &ack);
    describe(&target, &ack, ret_answer);
    cJSON_AddBoolToObject(ret_answer, "replaced", again);
    log_info("audit: %s: ack alert %s of %s: %s%s%s", who, id, target.robot->name,
             robot_verdict_name(ack.verdict), *ack.note ? ": " : "", ack.note);
    if (is_open(&target))
        keep_open(verdicts, &target);
    return NULL;
}

/* ---- counting ---- */

struct entry {
    char id[HASH_HEX_SIZE];
    char robot[NAME_MAX_LENGTH + 1];
    char time[CLOCK_RFC3339_MAX];
    enum robot_verdict verdict;
};

static bool read_entry(const char *line, struct entry *ret_entry)
{
    const char *id = "", *robot = "", *verdict = "", *time = "";
    cJSON *tree = json_parse(line, strlen(line), NULL);
    bool good = json_get_string(tree, "alert_id", true, HASH_HEX_SIZE - 1, &id, NULL) == 0 &&
                json_get_string(tree, "robot", true, NAME_MAX_LENGTH, &robot, NULL) == 0 &&
                json_get_string(tree, "time", true, CLOCK_RFC3339_MAX - 1, &time, NULL) == 0 &&
                json_get_string(tree, "verdict", true, 32, &verdict, NULL) == 0;
    strcpy(ret_entry->id, id);
    strcpy(ret_entry->robot, robot);
    strcpy(ret_entry->time, time);
    ret_entry->verdict = ROBOT_TRUE_ALARM;
    while (ret_entry->verdict < ROBOT_VERDICTS &&
           strcmp(verdict, robot_verdict_name(ret_entry->verdict)) != 0)
        ret_entry->verdict++;
    cJSON_Delete(tree);
    return good && ret_entry->verdict < ROBOT_VERDICTS;
}

static bool is_counted(const struct entry *entries, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(entries[i].id, id))
            return true;
    }
    return false;
}

static void add_counts(const struct verdicts *verdicts, const char *robot, struct entry *entries,
                       cJSON *answer)
{
    size_t count = 0, of[ROBOT_VERDICTS] = {0};
    for (size_t back = 0; back < verdicts->chronicle.kept; back++) {
        struct entry *entry = &entries[count];
        if (!read_entry(chronicle_line(&verdicts->chronicle, back), entry) ||
            (*robot && strcmp(entry->robot, robot) != 0) || is_counted(entries, count, entry->id))
            continue;
        of[entry->verdict]++;
        count++;
    }
    cJSON *object = cJSON_AddObjectToObject(answer, "counts");
    for (int v = ROBOT_TRUE_ALARM; v < ROBOT_VERDICTS; v++)
        cJSON_AddNumberToObject(object, robot_verdict_name((enum robot_verdict)v), (double)of[v]);
    if (count > 0)
        cJSON_AddStringToObject(answer, "since", entries[count - 1].time);
    else
        cJSON_AddNullToObject(answer, "since");
}

const char *verdicts_command(const struct verdicts *verdicts, const cJSON *arguments,
                             cJSON *ret_answer, struct diag *diag)
{
    int64_t last = VERDICTS_LAST;
    const char *robot = "";
    if (json_get_integer(arguments, "last", false, 1, VERDICTS_LAST_MAX, &last, diag) < 0 ||
        json_get_string(arguments, "robot", false, NAME_MAX_LENGTH, &robot, diag) < 0)
        return "invalid_argument";
    struct entry *entries = calloc(VERDICTS_KEPT, sizeof *entries);
    if (!entries) {
        diag_set(diag, "out of memory");
        return "failed";
    }
    if (*robot)
        cJSON_AddStringToObject(ret_answer, "robot", robot);
    add_counts(verdicts, robot, entries, ret_answer);
    free(entries);
    audit_add_lines(&verdicts->chronicle, "verdicts", (size_t)last, ret_answer);
    return NULL;
}

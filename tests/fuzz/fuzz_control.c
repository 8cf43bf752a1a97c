/*
 * Commands to the daemon, one a line; the fleet's swaps and the publisher are replaced at the link,
 * so that neither a loop nor a broker is needed.
 *
 *   [FLAGS TAB [RESPONSE_TOPIC TAB [CORRELATION TAB]]] PAYLOAD     r in FLAGS: retained
 *   ! [MESSAGE]                        the swap that was begun ends: well, or with this message
 *
 * Every command is answered once, at once or when its swap ends; the answer is strict JSON; the
 * same command again gets the same answer and is not run again.
 */
#include "base/json.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/message.h"
#include "fuzz.h"
#include "tiny_model.h"

#include <errno.h>
#include <mosquitto.h>
#include <stdlib.h>
#include <string.h>

static struct {
    struct config *config;
    struct fleet fleet;
    struct control control;
    struct operations operations; /* its disk refuses: everything stays in memory */
    struct publisher publisher;
    const char *input; /* all commands of a run, the payloads of messages lie in it */
    /* the swap that was begun */
    swap_done *done;
    void *user;
    size_t begun;
    char *begun_payload;
    /* the answers */
    size_t replies;
    char *text;
    char *topic; /* NULL: the reply topic */
} fuzz;

/* ---- what stands at the link for fleet and publisher ---- */

int __wrap_fleet_reload(struct fleet *fleet, const struct swap_request *request);
int __wrap_fleet_rollback(struct fleet *fleet, const struct swap_request *request);
void __wrap_publisher_reply(struct publisher *publisher, const struct publisher_reply *reply);
void __wrap_scorer_post(struct scorer *scorer, struct scoring_set *set);

/* There is none. */
void __wrap_scorer_post(struct scorer *scorer, struct scoring_set *set)
{
    scoring_set_free(set);
}

static void end_swap(const char *message)
{
    if (!fuzz.done)
        return;
    const struct model *model = fuzz.fleet.assignments.item[0]->model;
    const struct swap_outcome outcome = {.code = *message ? "model_invalid" : "",
                                         .message = message,
                                         .model = *message ? NULL : model};
    swap_done *done = fuzz.done;
    fuzz.done = NULL;
    fuzz.fleet.swap.busy = false;
    done(fuzz.user, &outcome);
}

/* The name of the model chooses how it goes. */
int __wrap_fleet_reload(struct fleet *fleet, const struct swap_request *request)
{
    const char *model = request->model, *robot = request->robot;
    FUZZ_CHECK(!fleet->swap.busy && request->done && *request->who);
    FUZZ_CHECK((!*model || name_valid(model)) && (!*robot || name_valid(robot)));
    if (*robot && !fleet_find(fleet, robot))
        return -ENOENT;
    if (!strcmp(model, "nodata"))
        return -ENODATA;
    if (!strcmp(model, "nomem"))
        return -ENOMEM;
    fuzz.done = request->done;
    fuzz.user = request->user;
    fuzz.begun++;
    fleet->swap.busy = true;
    if (!strcmp(model, "atonce"))
        end_swap("model atonce: no such file");
    return 0;
}

int __wrap_fleet_rollback(struct fleet *fleet, const struct swap_request *request)
{
    struct swap_request back = *request;
    back.model = "";
    return __wrap_fleet_reload(fleet, &back);
}

/* A candidate is loaded in the same way; there is one name at least. */
int __wrap_shadows_start(struct fleet *fleet, const struct swap_request *request);
int __wrap_shadows_start(struct fleet *fleet, const struct swap_request *request)
{
    FUZZ_CHECK(*request->model);
    return strcmp(request->model, "there") != 0 ? __wrap_fleet_reload(fleet, request) : -EEXIST;
}

void __wrap_saved_state_write(struct saved_state *state, char *text);
void __wrap_saved_state_write(struct saved_state *state, char *text)
{
    cJSON *tree = text ? json_parse(text, strlen(text), NULL) : NULL;
    FUZZ_CHECK(cJSON_IsObject(tree));
    cJSON_Delete(tree);
    free(text);
}

static const char *string_of(const cJSON *tree, const char *key)
{
    const char *value = "";
    json_get_string(tree, key, false, SIZE_MAX, &value, NULL);
    return value;
}

/* Granted, or refused with a code and a reason. */
static void check_answer(const char *text)
{
    bool ok = false;
    cJSON *answer = json_parse(text, strlen(text), NULL);
    FUZZ_CHECK(answer && json_get_bool(answer, "ok", true, &ok, NULL) == 0);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");
    FUZZ_CHECK(ok == !error);
    FUZZ_CHECK(ok || (*string_of(error, "code") && *string_of(error, "message")));
    cJSON_Delete(answer);
}

void __wrap_publisher_reply(struct publisher *publisher, const struct publisher_reply *reply)
{
    free(fuzz.text);
    free(fuzz.topic);
    fuzz.text = strdup(reply->text);
    fuzz.topic = reply->topic ? strdup(reply->topic) : NULL;
    fuzz.replies++;
    check_answer(reply->text);
    FUZZ_CHECK(strlen(reply->text) < MQTT_PACKET_MAX);
    FUZZ_CHECK(!reply->topic || mosquitto_pub_topic_check(reply->topic) == MOSQ_ERR_SUCCESS);
    FUZZ_CHECK(!reply->topic || mosquitto_validate_utf8(reply->topic, (int)strlen(reply->topic)) ==
                                    MOSQ_ERR_SUCCESS);
    FUZZ_CHECK((reply->correlation != NULL) == (reply->correlation_size > 0));
}

/* Suspended or not, its state can be told, and is JSON. */
void __wrap_publisher_state(struct publisher *publisher, struct robot *robot, bool always,
                            int64_t now_ns);
void __wrap_publisher_state(struct publisher *publisher, struct robot *robot, bool always,
                            int64_t now_ns)
{
    char *text = message_state(robot, now_ns);
    cJSON *state = text ? json_parse(text, strlen(text), NULL) : NULL;
    FUZZ_CHECK(state && (robot->suspended == !strcmp(string_of(state, "state"), "suspended")));
    FUZZ_CHECK(robot->suspended == !cJSON_IsNull(cJSON_GetObjectItem(state, "suspended")));
    cJSON_Delete(state);
    cJSON_free(text);
}

/* What is suspended is saved, and read again as the same. */
static void check_suspensions(void)
{
    struct suspensions again = {0};
    const struct suspensions *now = &fuzz.fleet.suspensions;
    char *text = suspensions_save(now, strdup("{}"), INT64_C(1000000000), 0);
    FUZZ_CHECK(text && suspensions_load(&again, text, INT64_C(1000000000), 0) == 0);
    FUZZ_CHECK(again.count <= now->count);
    char *twice = suspensions_save(&again, strdup("{}"), INT64_C(1000000000), 0);
    struct suspensions third = {0};
    FUZZ_CHECK(twice && suspensions_load(&third, twice, INT64_C(1000000000), 0) == 0);
    FUZZ_CHECK(third.count == again.count);
    for (size_t i = 0; i < again.count; i++)
        FUZZ_CHECK(!strcmp(again.item[i].reason, third.item[i].reason) &&
                   !strcmp(again.item[i].robot, third.item[i].robot) &&
                   (strlen(again.item[i].reason) <= SUSPENSION_REASON_MAX));
    suspensions_deinit(&again);
    suspensions_deinit(&third);
    free(text);
    free(twice);
}

/* ---- a fleet of two robots with one model, made once ---- */

static cJSON *status(void *user)
{
    cJSON *tree = cJSON_CreateObject();
    cJSON_AddStringToObject(tree, "instance", "fuzz");
    return tree;
}

static void make_fleet(void)
{
    static const char text[] =
        "{\"mqtt\":{\"url\":\"mqtt://h\"},\"models\":{\"default\":\"tiny\"}}";
    FUZZ_CHECK(config_parse("/armwatchd.json", text, strlen(text), &fuzz.config, NULL) == 0);
    struct assignment *assignment = calloc(1, sizeof *assignment);
    struct assignments assignments = {.count = 1, .capacity = 1, .item = calloc(1, sizeof(void *))};
    FUZZ_CHECK(assignment && assignments.item);
    strcpy(assignment->active, "tiny");
    assignment->model = tiny_model_new(&(struct tiny_model){.name = "tiny"});
    assignments.item[0] = assignment;
    FUZZ_CHECK(fleet_init(&fuzz.fleet, NULL, fuzz.config, &assignments) == 0);
    FUZZ_CHECK(fleet_add(&fuzz.fleet, "kuka1", NULL) && fleet_add(&fuzz.fleet, "kuka2", NULL));
    struct robot *robot = fuzz.fleet.robot[0];
    robot->alert.episode.open = true; /* for ack */
    strcpy(robot->alerts[ALERT_ANOMALY].id, "abc");
    log_set_level(LOG_LEVEL_ERROR);
}

static void open_chronicle(struct chronicle *chronicle, size_t kept)
{
    *chronicle = (struct chronicle){.kept_max = kept, .failed = true, .path = strdup("/nowhere")};
    chronicle->line = calloc(kept, sizeof *chronicle->line);
    FUZZ_CHECK(chronicle->line && chronicle->path);
}

static void make_operations(void)
{
    fuzz.operations = (struct operations){.fleet = &fuzz.fleet, .publisher = &fuzz.publisher};
    fuzz.operations.verdicts.fleet = &fuzz.fleet;
    fuzz.operations.verdicts.publisher = &fuzz.publisher;
    open_chronicle(&fuzz.operations.audit.chronicle, 8);
    open_chronicle(&fuzz.operations.verdicts.chronicle, VERDICTS_KEPT);
}

/* ---- messages ---- */

/* The newest answer. Returns whether it was granted. */
static bool check_reply(const struct mqtt_message *message)
{
    cJSON *reply = json_parse(fuzz.text, strlen(fuzz.text), NULL);
    bool ok = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(reply, "ok"));
    cJSON *request = json_parse(message->payload, message->size, NULL);
    const char *id = string_of(reply, "id");
    FUZZ_CHECK(!*id || !strcmp(id, string_of(request, "id")));
    FUZZ_CHECK(!ok || (request && !message->retained));
    FUZZ_CHECK(!ok || !strcmp(string_of(reply, "command"), string_of(request, "command")));
    const char *wanted =
        message->response_topic ? message->response_topic : string_of(request, "reply_to");
    FUZZ_CHECK(!fuzz.topic || !strcmp(fuzz.topic, wanted));
    cJSON_Delete(request);
    cJSON_Delete(reply);
    return ok;
}

/* The same command once more: with an id it is answered from memory, whatever has changed since. */
static void repeat(const struct mqtt_message *message)
{
    cJSON *request = json_parse(message->payload, message->size, NULL);
    bool has_id = *string_of(request, "id");
    cJSON_Delete(request);
    if (!has_id)
        return;
    char *before = strdup(fuzz.text);
    size_t begun = fuzz.begun, replies = fuzz.replies;
    control_message(&fuzz.control, message);
    FUZZ_CHECK(fuzz.replies == replies + 1 && fuzz.begun == begun);
    FUZZ_CHECK(before && !strcmp(before, fuzz.text));
    free(before);
}

static uint64_t refusals(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < CONTROL_CODES_MAX; i++)
        count += fuzz.control.refused[i].count;
    return count;
}

static void give(const struct mqtt_message *message)
{
    size_t begun = fuzz.begun, replies = fuzz.replies;
    uint64_t refused = refusals();
    control_message(&fuzz.control, message);
    bool is_begun = fuzz.begun > begun;
    if (fuzz.replies == replies) { /* only what waits for its swap, itself or said again */
        FUZZ_CHECK(fuzz.done && fuzz.control.running);
        FUZZ_CHECK(is_begun || (strlen(fuzz.begun_payload) == message->size &&
                                !memcmp(fuzz.begun_payload, message->payload, message->size)));
        if (is_begun) {
            free(fuzz.begun_payload);
            fuzz.begun_payload = fuzz_text(message->payload, message->size);
        }
        return;
    }
    FUZZ_CHECK(fuzz.replies == replies + 1);
    bool ok = check_reply(message);
    /* What was refused before is, with its id, answered from memory. */
    const char *payload = message->payload;
    bool again = memmem(fuzz.input, (size_t)(payload - fuzz.input), payload, message->size);
    FUZZ_CHECK(refusals() == refused + !ok || (again && refusals() == refused));
    if (ok)
        repeat(message);
}

static void take_command(char *line)
{
    char *field[4] = {line};
    size_t fields = 1;
    for (char *tab; fields < 4 && (tab = strchr(field[fields - 1], '\t')); fields++) {
        *tab = '\0';
        field[fields] = tab + 1;
    }
    const char *payload = field[fields - 1];
    const struct mqtt_message message = {
        .topic = "armwatch/service/armwatch/control",
        .payload = payload,
        .size = strlen(payload),
        .qos = 1,
        .retained = fields > 1 && strchr(field[0], 'r'),
        .response_topic = fields > 2 ? field[1] : NULL,
        .correlation = fields > 3 ? field[2] : NULL,
        .correlation_size = fields > 3 ? strlen(field[2]) : 0,
    };
    give(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz.config)
        make_fleet();
    make_operations();
    fuzz.control =
        (struct control){.fleet = &fuzz.fleet, .status = status, .operations = &fuzz.operations};
    char *text = fuzz_text(data, size), *rest = text;
    fuzz.input = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (*line == '!' && json_is_utf8(line))
            end_swap(line + 1);
        else if (*line)
            take_command(line);
    }
    size_t replies = fuzz.replies;
    bool waits = fuzz.done;
    end_swap("");
    FUZZ_CHECK(fuzz.replies == replies + waits && !fuzz.control.running);
    check_suspensions();
    control_deinit(&fuzz.control);
    operations_deinit(&fuzz.operations);
    free(fuzz.begun_payload);
    fuzz.begun_payload = NULL;
    free(text);
    return 0;
}

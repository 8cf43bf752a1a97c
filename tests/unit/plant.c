#include "plant.h"

#include "base/clock.h"
#include "base/file.h"
#include "fake_client.h"
#include "model/signature_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[128];

static void add_text(char *text, size_t size, const char *more)
{
    size_t used = strlen(text);
    assert_true(used + strlen(more) < size);
    strcpy(text + used, more);
}

void plant_set_directory(const char *path)
{
    char models[160];
    snprintf(directory, sizeof directory, "%s", path);
    snprintf(models, sizeof models, "%s/models", directory);
    assert_int_equal(mkdir(models, 0700), 0);
}

static const char *model_path(const char *file_name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/models/%s.safetensors", directory, file_name);
    return path;
}

void plant_add_model_as(const char *file_name, const struct tiny_model *tiny)
{
    tiny_model_write(tiny, model_path(file_name));
}

void plant_add_model(const struct tiny_model *tiny)
{
    plant_add_model_as(tiny->name, tiny);
}

static struct signature_private signing_key;

void plant_make_key(void)
{
    char public_path[160], private_path[160];
    struct diag diag = DIAG_INIT;
    snprintf(public_path, sizeof public_path, "%s/model-pub.key", directory);
    snprintf(private_path, sizeof private_path, "%s/model.key", directory);
    unlink(public_path);
    unlink(private_path);
    if (signature_generate(&signing_key) < 0 ||
        signature_key_write(&signing_key, private_path, public_path, &diag) < 0)
        fail_msg("%s", diag.text);
}

void plant_sign(const char *file_name)
{
    void *data;
    size_t size;
    char path[300];
    unsigned char signature[SIGNATURE_SIZE];
    assert_int_equal(file_read(model_path(file_name), MODEL_FILE_MAX, &data, &size, NULL), 0);
    assert_int_equal(signature_sign(&signing_key, data, size, signature), 0);
    free(data);
    snprintf(path, sizeof path, "%s.sig", model_path(file_name));
    assert_int_equal(file_write(path, signature, sizeof signature, NULL), 0);
}

void plant_remove(const char *file)
{
    char path[256];
    snprintf(path, sizeof path, "%s/models/%s", directory, file);
    assert_int_equal(unlink(path), 0);
}

struct config *plant_load_config(const char *models, const char *more)
{
    char text[4096] = "{\"instance\":\"cell7\",\"mqtt\":{\"url\":\"mqtt://h\"},"
                      "\"state_directory\":\"state\",\"models\":{\"directory\":\"models\",";
    add_text(text, sizeof text, models);
    add_text(text, sizeof text, "}");
    add_text(text, sizeof text, more);
    add_text(text, sizeof text, "}");
    char path[160];
    snprintf(path, sizeof path, "%s/armwatchd.json", directory);
    struct config *config = NULL;
    struct diag diag = DIAG_INIT;
    if (file_write(path, text, strlen(text), &diag) < 0 || config_load(path, &config, &diag) < 0)
        fail_msg("%s", diag.text);
    return config;
}

static void on_result(void *user, const struct scorer_result *result)
{
    struct plant *plant = user;
    struct robot *robot = plant->fleet.robot[result->robot];
    if (result->shadow) {
        plant->shadows++;
        shadows_result(robot, result, clock_monotonic_ns());
        return;
    }
    assert_true(robot->pending > 0);
    robot->pending--;
    plant->results++;
    plant->scored += result->scored;
    plant->last = *result;
}

static void on_set(void *user, uint64_t generation, bool ok, const char *reason)
{
    struct plant *plant = user;
    plant->sets++;
    plant->refused_sets += !ok;
    fleet_on_set(&plant->fleet, generation, ok, reason);
}

static void on_candidate(void *user, uint32_t shadow, const char *reason)
{
    struct plant *plant = user;
    shadows_refuse(&plant->fleet, shadow, reason);
}

static const struct scorer_handlers handlers = {
    .on_result = on_result, .on_set = on_set, .on_candidate = on_candidate};

static void on_state_changed(void *user)
{
    ((struct plant *)user)->state_changes++;
}

static cJSON *status(void *user)
{
    cJSON *tree = cJSON_CreateObject();
    cJSON_AddStringToObject(tree, "instance", ((struct plant *)user)->config->instance);
    return tree;
}

void plant_start(struct plant *plant, const char *models, const char *more, const char *state)
{
    *plant = (struct plant){.config = plant_load_config(models, more)};
    fake_client_reset();
    uv_loop_init(&plant->loop);
    struct assignments assignments;
    struct diag diag = DIAG_INIT, warning = DIAG_INIT;
    if (assignments_start(&assignments, plant->config, state, &warning, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(fleet_init(&plant->fleet, &plant->loop, plant->config, &assignments), 0);
    assert_int_equal(scorer_start(&plant->loop, &handlers, plant, &plant->scorer), 0);
    assert_int_equal(publisher_init(&plant->publisher, plant->config), 0);
    plant->publisher.client = fake_client_handle();
    plant->fleet.scorer = plant->scorer;
    plant->fleet.on_state_changed = on_state_changed;
    plant->fleet.user = plant;
    host_clock_init(&plant->intake.clock, clock_realtime_ns(), clock_monotonic_ns());
    plant->intake.config = plant->config;
    plant->intake.publisher = &plant->publisher;
    plant->intake.fleet = plant->control.fleet = &plant->fleet;
    plant->control.publisher = &plant->publisher;
    plant->control.status = status;
    plant->control.user = plant;
}

static void on_stopped(void *user)
{
    struct plant *plant = user;
    plant->stopped = true;
    plant->fleet.scorer = plant->scorer = NULL;
    fleet_abandon_swap(&plant->fleet);
}

void plant_stop(struct plant *plant)
{
    plant->fleet.swap.stopping = true;
    scorer_stop(plant->scorer, on_stopped, plant);
    uv_run(&plant->loop, UV_RUN_DEFAULT);
    assert_true(plant->stopped);
    assert_int_equal(uv_loop_close(&plant->loop), 0);
    control_deinit(&plant->control);
    fleet_deinit(&plant->fleet);
    publisher_deinit(&plant->publisher);
    config_free(plant->config);
    fake_client_reset();
}

void plant_done(void *user, const struct swap_outcome *outcome)
{
    struct plant *plant = user;
    plant->swaps++;
    snprintf(plant->code, sizeof plant->code, "%s", outcome->code);
    snprintf(plant->message, sizeof plant->message, "%s", outcome->message);
    snprintf(plant->model, sizeof plant->model, "%s", outcome->model ? outcome->model->name : "");
}

static bool turn(struct plant *plant, int64_t deadline_ns)
{
    uv_run(&plant->loop, UV_RUN_ONCE);
    return clock_monotonic_ns() < deadline_ns;
}

#define WAIT_NS (60 * CLOCK_NS_PER_S)

void plant_wait_swaps(struct plant *plant, unsigned swaps)
{
    int64_t deadline_ns = clock_monotonic_ns() + WAIT_NS;
    while (plant->swaps < swaps && turn(plant, deadline_ns))
        ;
    assert_int_equal(plant->swaps, swaps);
}

void plant_wait_results(struct plant *plant, size_t results)
{
    int64_t deadline_ns = clock_monotonic_ns() + WAIT_NS;
    while (plant->results < results && turn(plant, deadline_ns))
        ;
    assert_int_equal(plant->results, results);
}

void plant_publish(struct plant *plant, const char *robot, const char *payload)
{
    char topic[128];
    snprintf(topic, sizeof topic, "armwatch/robot/%s/sample", robot);
    const struct mqtt_message message = {
        .topic = topic, .payload = payload, .size = strlen(payload)};
    assert_true(intake_message(&plant->intake, &message));
    fleet_post_if_dirty(&plant->fleet);
    scorer_wake(plant->scorer);
}

void plant_sample(struct plant *plant, const char *robot, unsigned seq, double value)
{
    char text[160];
    snprintf(text, sizeof text, "{\"time\":%.1f,\"seq\":%u,\"values\":[%g,%g,%g]}",
             1763917200 + 0.1 * seq, seq, value, value, value);
    plant_publish(plant, robot, text);
}

#include "plant_arm.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROW_TEXT_MAX 8192
#define CHUNK 80     /* rows: what the scorer holds of one robot is 256 */
#define T1_SPEED 0.3 /* of the programmed one */

void plant_arm_init(struct plant_arm *arm, struct cell *cell, const char *name, uint64_t seed)
{
    const struct simulator_options options = {
        .robot_seed = 1, .session_seed = seed, .start_ns = TOY_ARM_START_NS};
    *arm = (struct plant_arm){
        .cell = cell, .name = name, .mode = "auto", .program = "#P_ACTIVE", .override = 100};
    arm->simulator = simulator_new(&options);
    assert_non_null(arm->simulator);
}

void plant_arm_deinit(struct plant_arm *arm)
{
    simulator_free(arm->simulator);
}

void plant_arm_set(struct plant_arm *arm, const char *mode, double override, bool stopped)
{
    arm->mode = mode;
    arm->override = override;
    arm->stopped = stopped;
    double speed = override / 100;
    if (!strcmp(mode, "t1") && speed > T1_SPEED)
        speed = T1_SPEED;
    simulator_set_override(arm->simulator, stopped ? 0 : speed);
}

static size_t format_row(struct plant_arm *arm, const float *values, char text[ROW_TEXT_MAX])
{
    char time[CLOCK_RFC3339_MAX];
    const char *const *names = simulator_names();
    clock_format_rfc3339(arm->time_ns, time);
    int size = snprintf(text, ROW_TEXT_MAX,
                        "{\"time\":\"%s\",\"seq\":%llu,\"mode\":\"%s\",\"channels\":{"
                        "\"$OV_PRO\":%g,\"$STOPMESS\":%s,\"$PRO_STATE\":\"%s\",\"part_present\":%s",
                        time, (unsigned long long)arm->seq, arm->mode, arm->override,
                        arm->stopped ? "true" : "false", arm->program,
                        simulator_waits(arm->simulator) && !arm->stopped ? "false" : "true");
    for (size_t c = 0; c < SIMULATOR_CHANNELS; c++)
        size += snprintf(text + size, ROW_TEXT_MAX - (size_t)size, ",\"%s\":%.9g", names[c],
                         (double)values[c]);
    size += snprintf(text + size, ROW_TEXT_MAX - (size_t)size, "}}");
    assert_true(size < ROW_TEXT_MAX);
    return (size_t)size;
}

static void send_row(struct plant_arm *arm)
{
    char text[ROW_TEXT_MAX];
    float values[SIMULATOR_CHANNELS];
    int label;
    simulator_next(arm->simulator, values, &label, &arm->time_ns);
    arm->time_ns += arm->pause_ns;
    arm->seq++;
    arm->touched = label != 0;
    if (arm->touched && arm->touch_ns == 0)
        arm->touch_ns = arm->time_ns;
    cell_publish(arm->cell, cell_topic(arm->name, "sample"), text, format_row(arm, values, text));
}

/* The daemon has taken all rows, and nothing more of them comes back from its scorer. */
static bool is_digested(struct plant_arm *arm)
{
    char body[120];
    snprintf(body, sizeof body, "\"command\":\"status\",\"robot\":\"%s\"", arm->name);
    cJSON *reply = cell_command(arm->cell, body);
    const cJSON *list = json_at(reply, "robot_states"), *robot = list ? list->child : NULL;
    double scored = robot ? json_number(robot, "counters.scored") : -1, before = arm->scored;
    bool taken = robot && json_number(robot, "counters.received") == (double)arm->seq;
    cJSON_Delete(reply);
    arm->scored = scored;
    return taken && scored == before;
}

void plant_arm_run(struct plant_arm *arm, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        send_row(arm);
        if ((i + 1) % CHUNK == 0 || i + 1 == rows)
            cell_wait(arm->cell, is_digested(arm), 10000);
    }
}

bool plant_arm_is(const struct plant_arm *arm, const char *state, const char *reason)
{
    cJSON *last = cell_last_json(arm->cell, cell_topic(arm->name, "state"));
    bool is = last && (!state || !strcmp(json_text(last, "state"), state)) &&
              (!reason || json_has_text(json_at(last, "reasons"), reason));
    cJSON_Delete(last);
    return is;
}

#include "swaps.h"

#include "lab/runner.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODELS_MAX 4

struct expected {
    double *ratio;
    double threshold;
};

static int note_ratio(const struct runner_row *row, void *user)
{
    struct expected *expected = user;
    expected->ratio[row->row] = row->result.evaluated ? row->result.ratio : -1;
    return 0;
}

static struct expected run_offline(const char *file_name, uint64_t seed, size_t rows)
{
    struct recording *recording = toy_arm_record(TOY_ARM_CHANNELS, seed, rows);
    struct model *model = toy_arm_load(cell_models(), file_name);
    struct expected expected = {.ratio = calloc(rows, sizeof(double)),
                                .threshold = model_threshold(model, 0, CELL_FALSE_ALARMS)};
    assert_non_null(expected.ratio);
    assert_int_equal(runner_run(recording, model, CELL_FALSE_ALARMS, note_ratio, &expected), 0);
    model_unref(model);
    recording_free(recording);
    return expected;
}

/* Which of the models a score is from; `count` if none. */
static size_t model_of(const cJSON *score, const struct swaps_model *models, size_t count)
{
    size_t at = 0;
    while (at < count && (strcmp(json_text(score, "model"), models[at].name) != 0 ||
                          json_number(score, "model_version") != models[at].version))
        at++;
    return at;
}

static void check_score(const struct peer_message *message, const cJSON *score,
                        const struct expected *expected, size_t row)
{
    double threshold = json_number(json_at(score, "detectors")->child, "threshold");
    if (json_number(score, "seq") != (double)row ||
        fabs(json_number(score, "score") / expected->ratio[row] - 1) > 1e-5 ||
        fabs(threshold / expected->threshold - 1) > 1e-5)
        fail_msg("%s, row %zu: %s, expected %.9g, threshold %.9g", message->topic, row,
                 message->payload, expected->ratio[row], expected->threshold);
}

unsigned swaps_check(const struct cell *cell, const struct cell_robot *robot, uint64_t seed,
                     const struct swaps_model *models, size_t count)
{
    struct expected by[MODELS_MAX];
    size_t row = SWAPS_SPAN - 1, present = 0, rows = robot->arm.row;
    unsigned changes = 0;
    assert_true(count <= MODELS_MAX);
    for (size_t m = 0; m < count; m++)
        by[m] = run_offline(models[m].file_name, seed, rows);
    const char *topic = cell_topic(robot->name, "score");
    for (size_t i = 0; i < cell->watcher->message_count; i++) {
        const struct peer_message *message = &cell->watcher->messages[i];
        if (strcmp(message->topic, topic) != 0)
            continue;
        cJSON *score = json_parse(message->payload, message->size, NULL);
        size_t model = model_of(score, models, count);
        if (model == count || row >= rows)
            fail_msg("row %zu of %zu: %s", row, rows, message->payload);
        changes += model != present;
        present = model;
        check_score(message, score, &by[model], row++);
        cJSON_Delete(score);
    }
    assert_int_equal(row, rows);
    for (size_t m = 0; m < count; m++)
        free(by[m].ratio);
    return changes;
}

void swaps_wait(struct cell *cell, const struct cell_robot *robot)
{
    double windows = (double)robot->arm.row - SWAPS_SPAN + 1;
    cell_wait(cell, cell_counter(cell, robot->name, "scored") == windows, 5000);
    cell_wait(cell, cell_count(cell, cell_topic(robot->name, "score")) == (size_t)windows, 5000);
}

double swaps_last_version(const struct cell *cell, const char *robot)
{
    cJSON *score = cell_last_json(cell, cell_topic(robot, "score"));
    double version = score ? json_number(score, "model_version") : -1;
    cJSON_Delete(score);
    return version;
}

/* An open episode as the journal has it: its kind in the first line, then its text. What was
 * restored is written, and restored again as the same. */
#include "base/json.h"
#include "daemon/episode_text.h"
#include "fuzz.h"
#include "tiny_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct robot *new_robot(void)
{
    static struct model *model;
    static const double thresholds[] = {1, 1};
    if (!model)
        model = tiny_model_new(&(struct tiny_model){.detectors = 2});
    struct robot *robot = robot_new("kuka1", 0, model, 0);
    FUZZ_CHECK(robot);
    FUZZ_CHECK(alert_set_model(&robot->alert, model, thresholds) == 0);
    return robot;
}

static void check_robot(const struct robot *robot, enum alert_kind kind)
{
    const struct alert_episode *episode = robot_episode(robot, kind);
    FUZZ_CHECK(episode->open && robot_has_open_episode(robot));
    FUZZ_CHECK(isfinite(episode->score) && isfinite(episode->peak_score));
    FUZZ_CHECK(episode->p_value >= 0 && episode->p_value <= 1);
    FUZZ_CHECK(*robot->alerts[kind].id && robot->alerts[kind].messages <= INT64_MAX);
    FUZZ_CHECK(robot->fault.channels <= SENSOR_FAULT_LISTED_MAX);
    for (size_t i = 0; i < robot->fault.channels; i++) {
        FUZZ_CHECK(robot->fault.listed[i].channel < robot->model->channels);
        FUZZ_CHECK(isfinite(robot->fault.listed[i].observed));
    }
}

static char *text_of(struct robot *robot, enum alert_kind kind)
{
    check_robot(robot, kind);
    robot->alerts[kind].messages = 0; /* they grow with every restart */
    char *text = episode_text(robot, kind);
    FUZZ_CHECK(text);
    return text;
}

static void check_again(struct robot *robot, enum alert_kind kind)
{
    struct robot *again = new_robot();
    char *text = text_of(robot, kind);
    FUZZ_CHECK(episode_restore(again, alert_kind_name(kind), text, NULL) == 0);
    char *second = text_of(again, kind);
    FUZZ_CHECK(!strcmp(text, second));
    cJSON_free(text);
    cJSON_free(second);
    robot_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *kind_name = fuzz_text(data, size), *text = kind_name;
    strsep(&text, "\n");
    struct robot *robot = new_robot();
    struct diag diag = DIAG_INIT;
    int r = text ? episode_restore(robot, kind_name, text, &diag) : 0;
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
        FUZZ_CHECK(!robot_has_open_episode(robot));
    }
    for (int kind = 0; text && r == 0 && kind < ALERT_KINDS; kind++) {
        if (!strcmp(alert_kind_name((enum alert_kind)kind), kind_name))
            check_again(robot, (enum alert_kind)kind);
    }
    robot_free(robot);
    free(kind_name);
    return 0;
}

#include "daemon/commissioning.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/robot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *commissioning_mode_name(enum commissioning_mode mode)
{
    static const char *const names[COMMISSIONING_MODES] = {"idle", "learning", "armed"};
    return names[mode];
}

/* ---- records ---- */

static void forget_calibrations(struct commissioning_record *record)
{
    for (size_t d = 0; d < record->detectors; d++)
        calibration_deinit(&record->calibration[d]);
}

void commissioning_record_free(struct commissioning_record *record)
{
    if (!record)
        return;
    forget_calibrations(record);
    for (size_t d = 0; d < record->detectors; d++)
        calibration_blocks_deinit(&record->blocks[d]);
    free(record);
}

void commissioning_deinit(struct commissioning *commissioning)
{
    for (size_t i = 0; i < commissioning->count; i++)
        commissioning_record_free(commissioning->record[i]);
    free(commissioning->saver.directory);
    *commissioning = (struct commissioning){0};
}

struct commissioning_record *commissioning_find(const struct commissioning *commissioning,
                                                const char *robot, const char *sha256)
{
    for (size_t i = 0; i < commissioning->count; i++) {
        struct commissioning_record *record = commissioning->record[i];
        if (!strcmp(record->robot, robot) && !strcmp(record->sha256, sha256))
            return record;
    }
    return NULL;
}

/* Learning from the first window on. */
static void begin(struct commissioning_record *record, const struct model *model)
{
    forget_calibrations(record);
    for (size_t d = 0; d < record->detectors; d++)
        calibration_blocks_deinit(&record->blocks[d]);
    record->detectors = model->detectors;
    for (size_t d = 0; d < record->detectors; d++)
        calibration_blocks_init(&record->blocks[d], CALIBRATION_BLOCK_S, model->period_s);
    record->mode = COMMISSIONING_LEARNING;
    record->began_ns = record->last_ns = 0;
    record->full = false;
    record->dirty = record->urgent = true;
}

static void drop(struct commissioning *commissioning, size_t index)
{
    struct commissioning_record *record = commissioning->record[index];
    commissioning_forget(commissioning, record);
    commissioning->record[index] = commissioning->record[--commissioning->count];
    commissioning_record_free(record);
}

/* The robot's own that was used longest ago makes room for one of a third model. */
static void make_room(struct commissioning *commissioning, const struct robot *robot)
{
    size_t own = 0, oldest = 0;
    for (size_t i = 0; i < commissioning->count; i++) {
        const struct commissioning_record *record = commissioning->record[i];
        if (strcmp(record->robot, robot->name) != 0)
            continue;
        if (own++ == 0 || record->used < commissioning->record[oldest]->used)
            oldest = i;
    }
    if (own >= COMMISSIONING_PER_ROBOT)
        drop(commissioning, oldest);
}

static int add(struct commissioning *commissioning, const struct robot *robot,
               struct commissioning_record **ret_record)
{
    make_room(commissioning, robot);
    if (commissioning->count == COMMISSIONING_RECORDS_MAX)
        return -ENOSPC;
    struct commissioning_record *record = calloc(1, sizeof *record);
    if (!record)
        return -ENOMEM;
    strcpy(record->robot, robot->name);
    strcpy(record->sha256, robot->model->sha256);
    record->target = robot->model->false_alarms_per_day;
    begin(record, robot->model);
    commissioning->record[commissioning->count++] = record;
    *ret_record = record;
    return 0;
}

/* A file says of which model it is, but not that it tells the truth. */
static bool fits(const struct commissioning_record *record, const struct model *model)
{
    bool same = record->detectors == model->detectors;
    for (size_t d = 0; same && d < record->detectors; d++)
        same = record->blocks[d].period_s == model->period_s &&
               record->blocks[d].block_s == CALIBRATION_BLOCK_S;
    return same;
}

void commissioning_attach(struct commissioning *commissioning, struct robot *robot)
{
    const struct commissioning_record *before = robot->commissioning;
    bool asked = before && before->asked && before->mode == COMMISSIONING_LEARNING;
    bool learns = asked || !model_calibrated(robot->model);
    struct commissioning_record *record =
        commissioning_find(commissioning, robot->name, robot->model->sha256);
    if (record && !fits(record, robot->model))
        begin(record, robot->model);
    int r = record || !learns ? 0 : add(commissioning, robot, &record);
    if (r < 0)
        log_warning("%s: nothing is learnt for its thresholds: %s", robot->name,
                    r == -ENOSPC ? "too many robots are commissioned" : "out of memory");
    if (before && before != record && before->mode == COMMISSIONING_ARMED)
        log_warning("%s: the thresholds that were learnt belong to the model before and are not "
                    "used with %s",
                    robot->name, robot->model->name);
    robot->commissioning = record;
    if (!record)
        return;
    if (learns && record->mode == COMMISSIONING_IDLE)
        record->mode = COMMISSIONING_LEARNING;
    record->asked |= asked;
    record->used = ++commissioning->uses;
}

int commissioning_begin(struct commissioning *commissioning, struct robot *robot)
{
    struct commissioning_record *record = robot->commissioning;
    if (!record) {
        int r = add(commissioning, robot, &record);
        if (r < 0)
            return r;
    } else if (record->mode != COMMISSIONING_LEARNING) {
        begin(record, robot->model);
    }
    robot->commissioning = record;
    record->asked = record->dirty = record->urgent = true;
    record->used = ++commissioning->uses;
    return 0;
}

/* ---- learning ---- */

bool commissioning_learns(const struct robot *robot)
{
    return robot->commissioning && robot->commissioning->mode == COMMISSIONING_LEARNING;
}

static bool is_full(const struct commissioning *commissioning,
                    const struct commissioning_record *record)
{
    bool full = commissioning->total >= COMMISSIONING_TOTAL_MAX;
    for (size_t d = 0; d < record->detectors; d++)
        full |= record->blocks[d].count >= COMMISSIONING_BLOCKS_MAX;
    return full;
}

static void end_session(struct commissioning_record *record)
{
    for (size_t d = 0; d < record->detectors; d++)
        calibration_blocks_end_session(&record->blocks[d]); /* without memory a block is lost */
}

void commissioning_push(const struct commissioning *commissioning, struct robot *robot,
                        const struct score *score)
{
    struct commissioning_record *record = robot->commissioning;
    if (!commissioning_learns(robot) || robot_has_open_episode(robot) ||
        score->detectors != record->detectors)
        return;
    record->full = is_full(commissioning, record);
    if (record->full)
        return;
    if (record->began_ns == 0)
        record->began_ns = clock_realtime_ns();
    else if (fabs((double)score->time_ns - (double)record->last_ns) / 1e9 >
             CALIBRATION_SESSION_GAP_S)
        end_session(record);
    record->last_ns = score->time_ns;
    for (size_t d = 0; d < record->detectors; d++) {
        double statistic = alert_trigger_statistic(&robot->alert, d);
        if (score->detector[d].evaluated && statistic >= 0)
            calibration_blocks_push(&record->blocks[d], score->time_ns, statistic);
    }
    record->dirty = true;
    record->quiet = false;
}

/* The detector that judged least: what the promise rests on. */
static const struct calibration_blocks *least(const struct commissioning_record *record)
{
    const struct calibration_blocks *blocks = &record->blocks[0];
    for (size_t d = 1; d < record->detectors; d++) {
        if (record->blocks[d].windows < blocks->windows)
            blocks = &record->blocks[d];
    }
    return blocks;
}

struct commissioning_progress commissioning_progress(const struct commissioning_record *record,
                                                     int64_t wall_ns)
{
    const struct calibration_blocks *blocks = least(record);
    double target = record->mode == COMMISSIONING_ARMED ? record->per_day : record->target;
    double passed_h = (double)(wall_ns - record->began_ns) / 3.6e12;
    struct commissioning_progress progress = {
        .hours = calibration_blocks_hours(blocks),
        .sessions = blocks->sessions,
        .windows = blocks->windows,
        .needed_hours = calibration_hours_for_rate(target),
    };
    progress.supported_per_day = calibration_rate_of_hours(progress.hours);
    progress.ready = progress.supported_per_day <= target;
    if (record->began_ns != 0 && passed_h > 0)
        progress.rate = progress.hours / passed_h;
    return progress;
}

/* ---- thresholds ---- */

int commissioning_refit(struct commissioning_record *record, struct diag *diag)
{
    struct calibration fitted[MODEL_DETECTORS_MAX];
    size_t count = 0;
    int r = 0;
    for (; r == 0 && count < record->detectors; count++)
        r = calibration_fit(&fitted[count], &record->blocks[count], diag);
    for (size_t d = 0; r < 0 && d + 1 < count; d++)
        calibration_deinit(&fitted[d]);
    if (r < 0)
        return r == -EINVAL ? -ENODATA : r;
    forget_calibrations(record);
    memcpy(record->calibration, fitted, record->detectors * sizeof fitted[0]);
    return 0;
}

int commissioning_arm(struct commissioning_record *record, const struct model *model,
                      double false_alarms_per_day, struct diag *diag)
{
    int r = 0;
    for (size_t d = 0; r == 0 && d < record->detectors; d++) {
        const struct calibration_blocks *blocks = &record->blocks[d];
        if (blocks->count == 0 && 2 * blocks->in_block < blocks->full) {
            diag_set(diag, "detector %s has judged less than half a block (%g s) so far",
                     model->detector[d].name, blocks->block_s);
            return -ENODATA;
        }
        r = calibration_blocks_end_block(&record->blocks[d]);
    }
    r = r < 0 ? diag_errno(diag, -r, "thresholds") : commissioning_refit(record, diag);
    if (r < 0)
        return r;
    record->mode = COMMISSIONING_ARMED;
    record->per_day = false_alarms_per_day;
    record->dirty = record->urgent = true;
    return 0;
}

void commissioning_disarm(struct commissioning_record *record, const struct model *model)
{
    record->mode = model_calibrated(model) ? COMMISSIONING_IDLE : COMMISSIONING_LEARNING;
    record->asked = false;
    record->dirty = record->urgent = true;
}

void commissioning_thresholds(const struct commissioning_record *record, double *ret_thresholds)
{
    for (size_t d = 0; d < record->detectors; d++)
        ret_thresholds[d] = record->mode == COMMISSIONING_ARMED
                                ? calibration_threshold(&record->calibration[d],
                                                        record->per_day / (double)record->detectors)
                                : (double)INFINITY;
}

#include "lab/trial.h"

#include "lab/curves.h"
#include "lab/fit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRAINING_SHARE 0.85 /* of a trial's time, for the progress bar */

/* ---- scoring ---- */

struct scored_set {
    struct scored *item;
    size_t count;
};

static void free_scored(struct scored_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        scored_deinit(&set->item[i]);
    free(set->item);
    *set = (struct scored_set){0};
}

static int score_all(struct recording *const *recordings, const char *const *names, size_t count,
                     struct model *model, double false_alarms_per_day, struct scored_set *ret_set,
                     struct diag *diag)
{
    *ret_set = (struct scored_set){.item = calloc(count + 1, sizeof *ret_set->item)};
    int r = ret_set->item ? 0 : diag_errno(diag, ENOMEM, "scores");
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = scored_from_model(recordings[i], model, false_alarms_per_day, &ret_set->item[i], diag);
        if (r == 0) {
            ret_set->item[i].name = names ? names[i] : NULL;
            ret_set->count++;
        }
    }
    if (r < 0)
        free_scored(ret_set);
    return r;
}

/* Healthy windows of the test against those that calibrated. */
static int separate(const struct scored *test, size_t tests, const struct scored_set *calibration,
                    double *ret_roc_auc, struct diag *diag)
{
    struct scored_windows high = {0}, low = {0};
    int r = scored_collect(test, tests, SCORED_ROBOT, &high);
    if (r == 0)
        r = scored_collect(calibration->item, calibration->count, SCORED_ROBOT, &low);
    if (r < 0)
        diag_errno(diag, r, "scores");
    *ret_roc_auc = r == 0 && high.count > 0 && low.count > 0
                       ? adversary_auc(high.count, high.score, low.count, low.score)
                       : (double)NAN;
    scored_windows_deinit(&high);
    scored_windows_deinit(&low);
    return r;
}

static int validate(struct model *model, const struct trial_data *data, double *ret_precision,
                    struct diag *diag)
{
    struct scored_set set;
    struct evaluation *evaluation = calloc(1, sizeof *evaluation);
    struct evaluation_options options = *data->evaluation;
    options.no_volume = true;
    int r = evaluation ? score_all(data->validation, NULL, data->validation_count, model,
                                   data->false_alarms_per_day, &set, diag)
                       : diag_errno(diag, ENOMEM, "validation");
    if (r == 0) {
        r = evaluation_measure(set.item, set.count, &options, evaluation, diag);
        free_scored(&set);
    }
    if (r == 0)
        *ret_precision =
            evaluation->robot.ranked ? evaluation->robot.ranking.average_precision : (double)NAN;
    free(evaluation);
    return r;
}

int trial_measure(const struct scored *scored, const struct trial_data *data,
                  struct trial_outcome *ret_outcome, struct diag *diag)
{
    *ret_outcome = (struct trial_outcome){.present = true,
                                          .healthy_roc_auc = (double)NAN,
                                          .validation_average_precision = (double)NAN,
                                          .supported_per_day = (double)NAN};
    int r = evaluation_measure(scored, data->test_count, data->evaluation, &ret_outcome->evaluation,
                               diag);
    return r < 0
               ? r
               : bootstrap_run(data->plan, scored, data->test_count, &ret_outcome->bootstrap, diag);
}

/* The least of its detectors'. */
static double supported_of(const struct model *model)
{
    double supported = 0;
    for (size_t d = 0; d < model->detectors; d++)
        supported = fmax(supported, calibration_supported_per_day(&model->detector[d].calibration));
    return supported;
}

/* Tries a finished model. */
static int try_model(struct model *model, bool with_curves, const struct trial_data *data,
                     struct trial_outcome *ret_outcome, struct diag *diag)
{
    struct scored_set test, calibration;
    int r = score_all(data->test, data->test_names, data->test_count, model,
                      data->false_alarms_per_day, &test, diag);
    if (r < 0)
        return r;
    r = trial_measure(test.item, data, ret_outcome, diag);
    ret_outcome->supported_per_day = supported_of(model);
    if (r == 0 && data->healthy_count > 0) {
        r = score_all(data->calibration, NULL, data->calibration_count, model,
                      data->false_alarms_per_day, &calibration, diag);
        if (r == 0) {
            r = separate(test.item, data->healthy_count, &calibration,
                         &ret_outcome->healthy_roc_auc, diag);
            free_scored(&calibration);
        }
    }
    if (r == 0 && data->validation_count > 0)
        r = validate(model, data, &ret_outcome->validation_average_precision, diag);
    if (r == 0 && with_curves) {
        const struct curves_input input = {test.item, test.count, model, data->test};
        r = curves_json(&input, &ret_outcome->curves, diag);
    }
    free_scored(&test);
    return r;
}

/* ---- the trial ---- */

struct training_progress {
    const struct worker_child *child;
    size_t epochs;
};

static int on_progress(size_t epoch, size_t batch, size_t batches, void *user)
{
    const struct training_progress *progress = user;
    double share = ((double)epoch + (double)batch / (double)batches) / (double)progress->epochs;
    progress->child->tell_share(TRAINING_SHARE * share, progress->child->worker);
    return 0;
}

static double processor_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Of the detector that was trained; NULL where none was. */
static cJSON *training_of(struct draft *draft)
{
    const cJSON *entry, *training = NULL;
    for (size_t d = 0; !training && (entry = draft_detector(draft, d)); d++)
        training = cJSON_GetObjectItemCaseSensitive(entry, "training");
    return cJSON_Duplicate(training, true);
}

int trial_run(const struct study_row *row, uint64_t seed, bool with_curves,
              const struct trial_data *data, const struct worker_child *child,
              struct trial_result *ret_result, struct diag *diag)
{
    *ret_result = (struct trial_result){0};
    struct fit_options options = row->fit;
    struct fit_report report;
    struct draft *draft;
    struct training_progress progress = {child, options.train.epochs};
    double start_s = processor_seconds();
    options.train.seed = seed;
    options.train.progress = on_progress;
    options.train.user = &progress;
    options.period_s = data->period_s;
    options.false_alarms_per_day = data->false_alarms_per_day;
    options.with_twin = row->twin != STUDY_NO_ROW;
    int r = fit(data->fit, data->fit_count, &options, &draft, &report, diag);
    if (r < 0)
        return r;
    ret_result->training = training_of(draft);
    r = try_model(report.model, with_curves, data, &ret_result->own, diag);
    if (r == 0 && report.twin_model)
        r = try_model(report.twin_model, with_curves, data, &ret_result->twin, diag);
    ret_result->seconds = processor_seconds() - start_s;
    draft_free(draft);
    fit_report_deinit(&report);
    if (r < 0)
        trial_result_deinit(ret_result);
    return r;
}

static void deinit_outcome(struct trial_outcome *outcome)
{
    bootstrap_deinit(&outcome->bootstrap);
    cJSON_Delete(outcome->curves);
    *outcome = (struct trial_outcome){0};
}

void trial_result_deinit(struct trial_result *result)
{
    deinit_outcome(&result->own);
    deinit_outcome(&result->twin);
    cJSON_Delete(result->training);
    *result = (struct trial_result){0};
}

/* ---- as bytes ---- */

static int write_json(const cJSON *tree, struct worker_answer *answer)
{
    char *text = tree ? cJSON_PrintUnformatted(tree) : NULL;
    size_t size = text ? strlen(text) + 1 : 0;
    if (tree && !text)
        return -ENOMEM;
    int r = worker_answer_add(answer, &size, sizeof size);
    if (r == 0)
        r = worker_answer_add(answer, text, size);
    cJSON_free(text);
    return r;
}

static int read_json(struct worker_reader *reader, cJSON **ret_tree)
{
    size_t size;
    *ret_tree = NULL;
    if (worker_reader_take(reader, &size, sizeof size) < 0 || size > reader->left)
        return -EINVAL;
    if (size == 0)
        return 0;
    char *text = malloc(size);
    if (!text)
        return -ENOMEM;
    worker_reader_take(reader, text, size);
    text[size - 1] = '\0';
    *ret_tree = cJSON_Parse(text);
    free(text);
    return *ret_tree ? 0 : -EINVAL;
}

/* The struct as it is; what it points to, behind it. */
static int write_outcome(const struct trial_outcome *outcome, struct worker_answer *answer)
{
    int r = worker_answer_add(answer, outcome, sizeof *outcome);
    if (r == 0 && outcome->present)
        r = worker_answer_add(answer, outcome->bootstrap.replicate,
                              outcome->bootstrap.replicates * sizeof *outcome->bootstrap.replicate);
    if (r == 0 && outcome->present)
        r = write_json(outcome->curves, answer);
    return r;
}

static int read_outcome(struct worker_reader *reader, struct trial_outcome *ret_outcome)
{
    int r = worker_reader_take(reader, ret_outcome, sizeof *ret_outcome);
    if (r < 0) {
        *ret_outcome = (struct trial_outcome){0};
        return r;
    }
    ret_outcome->bootstrap.replicate = NULL;
    ret_outcome->curves = NULL;
    if (!ret_outcome->present)
        return 0;
    size_t size = ret_outcome->bootstrap.replicates * sizeof *ret_outcome->bootstrap.replicate;
    ret_outcome->bootstrap.replicate = malloc(size);
    if (!ret_outcome->bootstrap.replicate)
        return -ENOMEM;
    r = worker_reader_take(reader, ret_outcome->bootstrap.replicate, size);
    return r < 0 ? r : read_json(reader, &ret_outcome->curves);
}

int trial_result_write(const struct trial_result *result, struct worker_answer *answer)
{
    int r = worker_answer_add(answer, &result->seconds, sizeof result->seconds);
    if (r == 0)
        r = write_outcome(&result->own, answer);
    if (r == 0)
        r = write_outcome(&result->twin, answer);
    return r < 0 ? r : write_json(result->training, answer);
}

int trial_result_read(struct worker_reader *reader, struct trial_result *ret_result)
{
    *ret_result = (struct trial_result){0};
    int r = worker_reader_take(reader, &ret_result->seconds, sizeof ret_result->seconds);
    if (r == 0)
        r = read_outcome(reader, &ret_result->own);
    if (r == 0)
        r = read_outcome(reader, &ret_result->twin);
    if (r == 0)
        r = read_json(reader, &ret_result->training);
    if (r < 0)
        trial_result_deinit(ret_result);
    return r;
}

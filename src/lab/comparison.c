/*
 * The random score comes first: it costs nothing, it shows how events are to be counted, and the
 * bootstrap's plan needs a scored table and not a good one. Then the trials, longest first, each in
 * a child process.
 */
#include "lab/comparison.h"

#include "base/clock.h"
#include "base/rng.h"
#include "lab/comparison_internal.h"
#include "lab/fit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ---- recordings ---- */

const char *comparison_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Healthy rows for the test come first. */
static int gather_tests(struct comparison *comparison, struct diag *diag)
{
    const struct holdout *holdout = &comparison->holdout;
    const struct comparison_recordings *anomalous = &comparison->input->anomalous;
    size_t count = holdout->test_count + anomalous->count;
    comparison->test = calloc(count + 1, sizeof(struct recording *));
    comparison->test_names = calloc(count + 1, sizeof(const char *));
    if (!comparison->test || !comparison->test_names)
        return diag_errno(diag, ENOMEM, "test recordings");
    for (size_t i = 0; i < holdout->test_count; i++) {
        comparison->test[i] = holdout->test[i];
        comparison->test_names[i] =
            comparison_file_name(comparison->input->normal.name[holdout->test_source[i]]);
    }
    for (size_t i = 0; i < anomalous->count; i++) {
        comparison->test[holdout->test_count + i] = anomalous->item[i];
        comparison->test_names[holdout->test_count + i] = comparison_file_name(anomalous->name[i]);
    }
    comparison->test_count = count;
    return 0;
}

/* Several files of one kind of anomaly each, all labelled 1: every file becomes a kind of its own,
 * so that the figures tell them apart. */
static void number_kinds(struct comparison *comparison)
{
    const struct comparison_recordings *anomalous = &comparison->input->anomalous;
    for (size_t i = 0; i < anomalous->count; i++) {
        for (size_t row = 0; row < anomalous->item[i]->rows; row++) {
            if (anomalous->item[i]->label[row] > 1)
                return;
        }
    }
    comparison->kinds_are_files = anomalous->count > 1;
    for (size_t i = 1; i < anomalous->count; i++) {
        for (size_t row = 0; row < anomalous->item[i]->rows; row++) {
            if (anomalous->item[i]->label[row] != 0)
                anomalous->item[i]->label[row] = (int)i + 1;
        }
    }
}

static int cut_calibration(struct comparison *comparison, struct diag *diag)
{
    const struct holdout *holdout = &comparison->holdout;
    const struct split *split = &comparison->split;
    comparison->calibration = calloc(split->count + 1, sizeof(struct recording *));
    if (!comparison->calibration)
        return diag_errno(diag, ENOMEM, "calibration");
    for (size_t b = 0; b < split->count; b++) {
        const struct split_block *block = &split->block[b];
        if (block->part != SPLIT_CALIBRATION)
            continue;
        int r = recording_cut(holdout->fit[block->session], block->first, block->end,
                              &comparison->calibration[comparison->calibration_count]);
        if (r < 0)
            return diag_errno(diag, r, "calibration");
        comparison->calibration_count++;
    }
    return 0;
}

static int prepare(struct comparison *comparison, struct diag *diag)
{
    const struct comparison_input *input = comparison->input;
    const struct comparison_options *options = comparison->options;
    size_t gap = fit_gap_rows(&options->study.stable, options->period_s);
    int r = holdout_make(input->normal.item, input->normal.count, options->test_share, gap,
                         &comparison->holdout, diag);
    if (r == 0)
        r = split_make(comparison->holdout.fit, comparison->holdout.fit_count, gap,
                       &comparison->split, diag);
    number_kinds(comparison);
    if (r == 0)
        r = gather_tests(comparison, diag);
    if (r == 0)
        r = cut_calibration(comparison, diag);
    comparison->evaluation = (struct evaluation_options){
        .false_alarms_per_day = options->false_alarms_per_day, .events = options->events};
    comparison->data = (struct trial_data){
        .fit = comparison->holdout.fit,
        .fit_count = comparison->holdout.fit_count,
        .calibration = comparison->calibration,
        .calibration_count = comparison->calibration_count,
        .test = comparison->test,
        .test_names = comparison->test_names,
        .test_count = comparison->test_count,
        .healthy_count = comparison->holdout.test_count,
        .validation = input->labelled.item,
        .validation_count = input->labelled.count,
        .period_s = options->period_s,
        .false_alarms_per_day = options->false_alarms_per_day,
        .evaluation = &comparison->evaluation,
        .plan = &comparison->plan,
    };
    return r;
}

/* ---- scores without a model ---- */

static int score_tests(struct comparison *comparison, const struct comparison_scores *scores,
                       const struct scored_peer *peer, struct scored **ret_scored,
                       struct diag *diag)
{
    struct scored *scored = calloc(comparison->test_count + 1, sizeof *scored);
    if (!scored)
        return diag_errno(diag, ENOMEM, "scores");
    int r = 0;
    size_t count = 0;
    for (; r == 0 && count < comparison->test_count; count += r == 0)
        r = scored_from_peer(comparison->test[count], scores->test[count], peer, &scored[count],
                             diag);
    if (r < 0) {
        while (count > 0)
            scored_deinit(&scored[--count]);
        free(scored);
        return r;
    }
    *ret_scored = scored;
    return 0;
}

/* The first table that there is decides what an event is, and how the bootstrap draws. */
static int make_plan(struct comparison *comparison, const struct scored *scored, struct diag *diag)
{
    struct evaluation *evaluation = calloc(1, sizeof *evaluation);
    struct evaluation_options options = comparison->evaluation;
    options.no_volume = true;
    int r = evaluation
                ? evaluation_measure(scored, comparison->test_count, &options, evaluation, diag)
                : diag_errno(diag, ENOMEM, "plan");
    bool by_steps = r == 0 && evaluation->by_steps;
    if (r == 0 && !evaluation->robot.ranked)
        r = diag_set(diag, "the recordings to test on have windows %s: both kinds are needed",
                     evaluation->robot.confusion.true_positives +
                                 evaluation->robot.confusion.false_negatives >
                             0
                         ? "of anomalies only"
                         : "without a label only");
    free(evaluation);
    if (r < 0)
        return r;
    comparison->evaluation.events = by_steps ? EVALUATION_STEPS : EVALUATION_RUNS;
    const struct bootstrap_options plan = {.by_steps = by_steps, .seed = 1};
    return bootstrap_plan_init(&comparison->plan, scored, comparison->test_count, &plan, diag);
}

int comparison_try_scores(struct comparison *comparison, const struct comparison_scores *scores,
                          struct trial_outcome *ret_outcome, struct diag *diag)
{
    struct scored_peer peer = {.name = "score",
                               .period_s = comparison->options->period_s,
                               .span = scores->span,
                               .filter = comparison->options->study.stable.filter,
                               .threshold = 1};
    struct calibration calibration;
    struct scored *scored = NULL;
    int r =
        scored_calibrate_peer(comparison->calibration, (const double *const *)scores->calibration,
                              comparison->calibration_count, &peer, &calibration, diag);
    if (r < 0)
        return r;
    peer.threshold = calibration_threshold(&calibration, comparison->options->false_alarms_per_day);
    double supported = calibration_supported_per_day(&calibration);
    calibration_deinit(&calibration);
    r = score_tests(comparison, scores, &peer, &scored, diag);
    if (r < 0)
        return r;
    if (!comparison->plan.segment)
        r = make_plan(comparison, scored, diag);
    if (r == 0)
        r = trial_measure(scored, &comparison->data, ret_outcome, diag);
    ret_outcome->supported_per_day = supported;
    for (size_t i = 0; i < comparison->test_count; i++)
        scored_deinit(&scored[i]);
    free(scored);
    return r;
}

static int draw(struct recording *const *recordings, size_t count, struct rng *rng,
                double ***ret_scores)
{
    double **scores = calloc(count + 1, sizeof *scores);
    *ret_scores = scores;
    for (size_t i = 0; scores && i < count; i++) {
        scores[i] = malloc((recordings[i]->rows + 1) * sizeof **scores);
        if (!scores[i])
            return -ENOMEM;
        for (size_t row = 0; row < recordings[i]->rows; row++)
            scores[i][row] = rng_uniform(rng);
    }
    return scores ? 0 : -ENOMEM;
}

static void free_scores(double **scores, size_t count)
{
    for (size_t i = 0; scores && i < count; i++)
        free(scores[i]);
    free(scores);
}

static int try_random(struct comparison *comparison, uint64_t seed,
                      struct trial_outcome *ret_outcome, struct diag *diag)
{
    const struct fit_options *fit = &comparison->options->study.stable;
    struct comparison_scores scores = {.span = (fit->window - 1) * fit->spacing + 1};
    struct rng rng;
    rng_init(&rng, seed);
    int r = draw(comparison->calibration, comparison->calibration_count, &rng, &scores.calibration);
    if (r == 0)
        r = draw(comparison->test, comparison->test_count, &rng, &scores.test);
    r = r < 0 ? diag_errno(diag, r, "random scores")
              : comparison_try_scores(comparison, &scores, ret_outcome, diag);
    free_scores(scores.calibration, comparison->calibration_count);
    free_scores(scores.test, comparison->test_count);
    return r;
}

/* Always there, whichever groups are wanted. */
static int try_all_random(struct comparison *comparison, struct diag *diag)
{
    int r = 0;
    size_t index = study_find(&comparison->study, "random");
    for (size_t s = 0; r == 0 && s < comparison->study.row[index].seeds; s++)
        r = try_random(comparison, s + 1, &comparison->row[index].outcome[s], diag);
    return r;
}

/* ---- trials ---- */

struct job {
    size_t row, seed; /* seed counts from 0 */
};

struct jobs {
    struct comparison *comparison;
    struct job *item;
    size_t count;
};

static int run_job(size_t index, const struct worker_child *child, struct worker_answer *answer,
                   void *user, struct diag *diag)
{
    const struct jobs *jobs = user;
    const struct job *job = &jobs->item[index];
    const struct study_row *row = &jobs->comparison->study.row[job->row];
    bool main_row =
        row->group == STUDY_PAPER || row->group == STUDY_BASELINE || row->group == STUDY_DETECTORS;
    struct trial_data data = jobs->comparison->data;
    struct evaluation_options evaluation = *data.evaluation;
    evaluation.no_volume = !main_row;
    data.evaluation = &evaluation;
    struct trial_result result;
    char skipped[DIAG_TEXT_MAX] = "";
    int r = trial_run(row, job->seed + 1, main_row && job->seed == 0, &data, child, &result, diag);
    /* Whether the data suit a kind of detector shows when it learns. */
    if (r == -EINVAL && row->group == STUDY_DETECTORS)
        snprintf(skipped, sizeof skipped, "%s", diag->text);
    if (r < 0 && !skipped[0]) {
        diag_prefix(diag, "%s, seed %zu", row->key, job->seed + 1);
        return r;
    }
    r = worker_answer_add(answer, skipped, sizeof skipped);
    if (r == 0 && !skipped[0])
        r = trial_result_write(&result, answer);
    trial_result_deinit(&result);
    return r < 0 ? diag_errno(diag, r, "%s", row->key) : 0;
}

static void keep(struct comparison_row *row, size_t seed, struct trial_outcome *outcome,
                 double seconds)
{
    row->outcome[seed] = *outcome;
    row->seconds[seed] = seconds;
    *outcome = (struct trial_outcome){0};
}

static int take_result(size_t index, struct worker_reader *answer, void *user, struct diag *diag)
{
    struct jobs *jobs = user;
    const struct job *job = &jobs->item[index];
    struct comparison *comparison = jobs->comparison;
    struct comparison_row *row = &comparison->row[job->row];
    struct trial_result result = {0};
    int r = worker_reader_take(answer, row->skipped, sizeof row->skipped);
    if (r == 0 && !row->skipped[0])
        r = trial_result_read(answer, &result);
    if (r < 0)
        return diag_errno(diag, r, "%s, seed %zu", comparison->study.row[job->row].key,
                          job->seed + 1);
    keep(row, job->seed, &result.own, result.seconds);
    row->training[job->seed] = result.training;
    result.training = NULL;
    size_t twin = comparison->study.row[job->row].twin;
    if (twin != STUDY_NO_ROW)
        keep(&comparison->row[twin], job->seed, &result.twin, 0);
    trial_result_deinit(&result);
    return 0;
}

/* Trainings with an adversary last longest: they come first, so that no processor idles at the end.
 */
static void list_jobs(struct jobs *jobs)
{
    const struct study *study = &jobs->comparison->study;
    for (int adversary = 1; adversary >= 0; adversary--) {
        for (size_t i = 0; i < study->count; i++) {
            const struct study_row *row = &study->row[i];
            bool has = row->fit.train.adversary.kind != ADVERSARY_NONE;
            if (row->source != STUDY_TRAINED || has != adversary)
                continue;
            for (size_t seed = 0; seed < row->seeds; seed++)
                jobs->item[jobs->count++] = (struct job){i, seed};
        }
    }
}

static void tell_progress(double share, void *user)
{
    const struct comparison_options *options = ((struct jobs *)user)->comparison->options;
    if (options->progress)
        options->progress(share, options->user);
}

static int run_trials(struct comparison *comparison, struct diag *diag)
{
    const struct comparison_options *options = comparison->options;
    struct jobs jobs = {.comparison = comparison,
                        .item = calloc(STUDY_ROWS_MAX * options->study.seeds, sizeof(struct job))};
    if (!jobs.item)
        return diag_errno(diag, ENOMEM, "trials");
    list_jobs(&jobs);
    const struct worker_pool pool = {.jobs = jobs.count,
                                     .at_once = options->jobs,
                                     .run = run_job,
                                     .take = take_result,
                                     .progress = tell_progress,
                                     .user = &jobs};
    int r = worker_pool_run(&pool, diag);
    free(jobs.item);
    return r;
}

/* ---- the whole ---- */

int comparison_allocate_row(struct comparison *comparison, size_t index, struct diag *diag)
{
    struct comparison_row *row = &comparison->row[index];
    size_t seeds = comparison->study.row[index].seeds;
    row->outcome = calloc(seeds, sizeof *row->outcome);
    row->training = calloc(seeds, sizeof(cJSON *));
    row->seconds = calloc(seeds, sizeof *row->seconds);
    return row->outcome && row->training && row->seconds ? 0 : diag_errno(diag, ENOMEM, "rows");
}

static void free_rows(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->study.count; i++) {
        struct comparison_row *row = &comparison->row[i];
        for (size_t s = 0; s < comparison->study.row[i].seeds; s++) {
            struct trial_result result = {0};
            if (row->outcome)
                result.own = row->outcome[s];
            if (row->training)
                result.training = row->training[s];
            trial_result_deinit(&result);
        }
        free(row->outcome);
        free(row->training);
        free(row->seconds);
    }
}

static void comparison_free(struct comparison *comparison)
{
    if (!comparison)
        return;
    free_rows(comparison);
    study_deinit(&comparison->study);
    for (size_t i = 0; i < comparison->calibration_count; i++)
        recording_free(comparison->calibration[i]);
    free(comparison->calibration);
    free(comparison->test);
    free(comparison->test_names);
    holdout_deinit(&comparison->holdout);
    split_deinit(&comparison->split);
    bootstrap_plan_deinit(&comparison->plan);
    free(comparison);
}

static int make_study(struct comparison *comparison, struct diag *diag)
{
    struct study_options options = comparison->options->study;
    const struct recording *first = comparison->input->normal.item[0];
    options.names = (const char *const *)first->names;
    options.channels = first->channels;
    options.labelled = comparison->input->labelled.item;
    options.labelled_count = comparison->input->labelled.count;
    int r = study_make(&options, &comparison->study);
    if (r < 0)
        return diag_errno(diag, r, "study");
    for (size_t i = 0; r == 0 && i < comparison->study.count; i++)
        r = comparison_allocate_row(comparison, i, diag);
    return r;
}

/* The larger of this process's and of its largest child's. */
static long peak_memory_kb(void)
{
    struct rusage own, children;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    return own.ru_maxrss > children.ru_maxrss ? own.ru_maxrss : children.ru_maxrss;
}

int comparison_run(const struct comparison_input *input, const struct comparison_options *options,
                   cJSON **ret_report, struct diag *diag)
{
    struct comparison *comparison = calloc(1, sizeof *comparison);
    if (!comparison)
        return diag_errno(diag, ENOMEM, "comparison");
    comparison->input = input;
    comparison->options = options;
    int64_t start_ns = clock_monotonic_ns();
    int r = make_study(comparison, diag);
    if (r == 0)
        r = prepare(comparison, diag);
    if (r == 0)
        r = try_all_random(comparison, diag);
    if (r == 0)
        r = run_trials(comparison, diag);
    if (r == 0 && options->peers_script && options->study.groups & 1u << STUDY_PEER)
        r = comparison_try_peers(comparison, diag);
    comparison->seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    comparison->peak_memory_kb = peak_memory_kb();
    if (r == 0 && (r = comparison_json(comparison, ret_report)) < 0)
        diag_errno(diag, r, "report");
    comparison_free(comparison);
    return r;
}

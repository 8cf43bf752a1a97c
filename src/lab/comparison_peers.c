/*
 * The same split for other programs: scaled rows and window ends go into a directory, the script
 * scores every window of calibration and test, and its scores come back as rows of their own, with
 * a threshold from the same budget.
 *
 *     split.json, training.npy, training-ends.npy, calibration-<i>.npy, ..., test-<i>-ends.npy
 *     peers.json, scores-<key>-<seed>-calibration-<i>.npy, scores-<key>-<seed>-test-<i>.npy
 */
#include "base/file.h"
#include "lab/comparison_internal.h"
#include "lab/fit_internal.h"
#include "lab/npy.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE 512
#define PEERS_FILE_MAX ((size_t)1 << 20)

extern char **environ;

struct exchange {
    struct comparison *comparison;
    struct fitting fitting; /* of the row that peers stand beside: AE2 without an adversary */
    struct fit_report report;
    struct fit_options options;
    char directory[PATH_SIZE];
};

static void path_of(const struct exchange *exchange, const char *name, char ret_path[PATH_SIZE])
{
    snprintf(ret_path, PATH_SIZE, "%.400s/%.100s", exchange->directory, name);
}

/* ---- out ---- */

static int put_rows(const struct exchange *exchange, const char *name, const float *rows,
                    size_t count, size_t width, struct diag *diag)
{
    char path[PATH_SIZE];
    struct npy_writer *writer;
    path_of(exchange, name, path);
    int r = npy_create(path, NPY_FLOAT64, count, width, &writer, diag);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count * width; i++) {
        double value = (double)rows[i];
        npy_put(writer, &value, 1);
    }
    return npy_commit(writer, diag);
}

static int put_ends(const struct exchange *exchange, const char *name, const size_t *ends,
                    size_t count, struct diag *diag)
{
    char path[PATH_SIZE];
    struct npy_writer *writer;
    path_of(exchange, name, path);
    int r = npy_create(path, NPY_FLOAT64, count, 0, &writer, diag);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        double end = (double)ends[i];
        npy_put(writer, &end, 1);
    }
    return npy_commit(writer, diag);
}

/* The ends of all windows in a recording that is looked at whole. */
static int ends_of(const struct exchange *exchange, struct recording *recording, size_t **ret_ends,
                   size_t *ret_count)
{
    struct split_block block = {.session = 0, .end = recording->rows, .part = SPLIT_TRAINING};
    const struct split whole = {1, &block};
    struct recording *const sessions[] = {recording};
    const struct split_windows windows = {.sessions = sessions,
                                          .period_s = exchange->options.period_s,
                                          .span = exchange->fitting.span};
    return split_collect(&whole, SPLIT_TRAINING, &windows, ret_ends, ret_count);
}

/* One recording as "<part>-<index>.npy" and "<part>-<index>-ends.npy". */
static int put_recording(struct exchange *exchange, struct recording *recording, const char *part,
                         size_t index, cJSON *list, struct diag *diag)
{
    struct features *features = &exchange->fitting.features;
    size_t width = features_width(features), count = 0, *ends = NULL;
    char rows_name[64], ends_name[64];
    snprintf(rows_name, sizeof rows_name, "%s-%zu.npy", part, index);
    snprintf(ends_name, sizeof ends_name, "%s-%zu-ends.npy", part, index);
    float *rows = malloc((recording->rows * width + 1) * sizeof *rows);
    int r = rows ? ends_of(exchange, recording, &ends, &count) : -ENOMEM;
    if (r < 0)
        diag_errno(diag, r, "%s", rows_name);
    if (r == 0) {
        features_apply(features, recording->rows, recording->values, recording->channels, rows);
        r = put_rows(exchange, rows_name, rows, recording->rows, width, diag);
    }
    if (r == 0)
        r = put_ends(exchange, ends_name, ends, count, diag);
    free(rows);
    free(ends);
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "rows", rows_name);
    cJSON_AddStringToObject(entry, "ends", ends_name);
    cJSON_AddItemToArray(list, entry);
    return r;
}

static int put_training(struct exchange *exchange, cJSON *split, struct diag *diag)
{
    const struct fitting *fitting = &exchange->fitting;
    cJSON *entry = cJSON_AddObjectToObject(split, "training");
    cJSON_AddStringToObject(entry, "rows", "training.npy");
    cJSON_AddStringToObject(entry, "ends", "training-ends.npy");
    int r = put_rows(exchange, "training.npy", fitting->rows, fitting->row_count,
                     features_width(&fitting->features), diag);
    if (r == 0)
        r = put_ends(exchange, "training-ends.npy", fitting->training,
                     exchange->report.training_windows, diag);
    return r;
}

static int put_split_file(const struct exchange *exchange, const cJSON *split, struct diag *diag)
{
    char path[PATH_SIZE], *text = cJSON_Print(split);
    path_of(exchange, "split.json", path);
    int r = text ? file_write(path, text, strlen(text), diag) : diag_errno(diag, ENOMEM, "split");
    cJSON_free(text);
    return r;
}

static int put_split(struct exchange *exchange, struct diag *diag)
{
    struct comparison *comparison = exchange->comparison;
    cJSON *split = cJSON_CreateObject();
    cJSON_AddNumberToObject(split, "window", (double)exchange->options.window);
    cJSON_AddNumberToObject(split, "spacing", (double)exchange->options.spacing);
    cJSON_AddNumberToObject(split, "width", (double)features_width(&exchange->fitting.features));
    cJSON *seeds = cJSON_AddArrayToObject(split, "seeds");
    for (size_t s = 0; s < comparison->options->study.seeds; s++)
        cJSON_AddItemToArray(seeds, cJSON_CreateNumber((double)s + 1));
    int r = put_training(exchange, split, diag);
    cJSON *list = cJSON_AddArrayToObject(split, "calibration");
    for (size_t i = 0; r == 0 && i < comparison->calibration_count; i++)
        r = put_recording(exchange, comparison->calibration[i], "calibration", i, list, diag);
    list = cJSON_AddArrayToObject(split, "test");
    for (size_t i = 0; r == 0 && i < comparison->test_count; i++)
        r = put_recording(exchange, comparison->test[i], "test", i, list, diag);
    if (r == 0)
        r = put_split_file(exchange, split, diag);
    cJSON_Delete(split);
    return r;
}

/* ---- the script ---- */

static int run_script(const struct exchange *exchange, struct diag *diag)
{
    const char *script = exchange->comparison->options->peers_script;
    const char *const argv[] = {"python3", script, exchange->directory, NULL};
    pid_t pid;
    int status = 0;
    int error = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
    if (error)
        return diag_errno(diag, error, "python3");
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return diag_set(diag, "%s ended with status %d", script,
                        WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return 0;
}

/* ---- in ---- */

/* Scores of a recording's windows, spread over its rows. */
static int take_scores(struct exchange *exchange, const char *name, struct recording *recording,
                       double **ret_scores, struct diag *diag)
{
    char path[PATH_SIZE];
    struct npy *npy = NULL;
    size_t *ends = NULL, count = 0;
    double *values = NULL;
    double *scores = malloc((recording->rows + 1) * sizeof *scores);
    *ret_scores = scores;
    path_of(exchange, name, path);
    int r = scores ? ends_of(exchange, recording, &ends, &count) : -ENOMEM;
    if (r == 0 && !(values = malloc((count + 1) * sizeof *values)))
        r = -ENOMEM;
    if (r < 0)
        diag_errno(diag, r, "%s", name);
    if (r == 0)
        r = npy_open(path, &npy, diag);
    if (r == 0 && (npy->dimensions != 1 || npy->rows != count))
        r = diag_set(diag, "%s: %zu rows, must be %zu in one dimension", path, npy->rows, count);
    if (r == 0)
        r = npy_read_numbers(npy, count, values, diag);
    for (size_t i = 0; r == 0 && i < recording->rows; i++)
        scores[i] = (double)NAN;
    for (size_t i = 0; r == 0 && i < count; i++)
        scores[ends[i]] = values[i];
    npy_close(npy);
    free(ends);
    free(values);
    return r;
}

/* Moves scores so that the least of them is not negative, which changes neither their order nor
 * what a threshold separates. */
static void shift(struct recording *const *recordings, double **scores, size_t count, double by)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t row = 0; row < recordings[i]->rows; row++)
            scores[i][row] -= by;
    }
}

static double least(struct recording *const *recordings, double **scores, size_t count)
{
    double low = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t row = 0; row < recordings[i]->rows; row++)
            low = scores[i][row] < low ? scores[i][row] : low;
    }
    return low;
}

static void make_positive(const struct comparison *comparison, struct comparison_scores *scores)
{
    double low =
        fmin(least(comparison->calibration, scores->calibration, comparison->calibration_count),
             least(comparison->test, scores->test, comparison->test_count));
    shift(comparison->calibration, scores->calibration, comparison->calibration_count, low);
    shift(comparison->test, scores->test, comparison->test_count, low);
}

static int take_seed(struct exchange *exchange, const char *key, long seed,
                     struct trial_outcome *ret_outcome, struct diag *diag)
{
    struct comparison *comparison = exchange->comparison;
    struct comparison_scores scores = {
        .calibration = calloc(comparison->calibration_count + 1, sizeof(double *)),
        .test = calloc(comparison->test_count + 1, sizeof(double *)),
        .span = exchange->fitting.span};
    int r = scores.calibration && scores.test ? 0 : diag_errno(diag, ENOMEM, "scores");
    char name[128];
    for (size_t i = 0; r == 0 && i < comparison->calibration_count; i++) {
        snprintf(name, sizeof name, "scores-%.32s-%ld-calibration-%zu.npy", key, seed, i);
        r = take_scores(exchange, name, comparison->calibration[i], &scores.calibration[i], diag);
    }
    for (size_t i = 0; r == 0 && i < comparison->test_count; i++) {
        snprintf(name, sizeof name, "scores-%.32s-%ld-test-%zu.npy", key, seed, i);
        r = take_scores(exchange, name, comparison->test[i], &scores.test[i], diag);
    }
    if (r == 0) {
        make_positive(comparison, &scores);
        r = comparison_try_scores(comparison, &scores, ret_outcome, diag);
    }
    for (size_t i = 0; scores.calibration && i < comparison->calibration_count; i++)
        free(scores.calibration[i]);
    for (size_t i = 0; scores.test && i < comparison->test_count; i++)
        free(scores.test[i]);
    free(scores.calibration);
    free(scores.test);
    return r;
}

static int take_peer(struct exchange *exchange, const cJSON *peer, struct diag *diag)
{
    struct comparison *comparison = exchange->comparison;
    const char *key, *name, *note = NULL;
    const cJSON *seeds;
    int r = json_get_string(peer, "key", true, STUDY_KEY_MAX - 1, &key, diag);
    if (r == 0)
        r = json_get_string(peer, "name", true, STUDY_NAME_MAX - 1, &name, diag);
    if (r == 0)
        r = json_get_string(peer, "note", false, 255, &note, diag);
    if (r == 0)
        r = json_get_array(peer, "seeds", true, &seeds, diag);
    if (r < 0)
        return r;
    size_t index = comparison->study.count;
    size_t count = (size_t)cJSON_GetArraySize(seeds);
    if (index == STUDY_ROWS_MAX || count == 0 || count > comparison->options->study.seeds)
        return diag_set(diag, "%s: too many rows, or %zu seeds", key, count);
    struct study_row *row = &comparison->study.row[index];
    *row = (struct study_row){.group = STUDY_PEER,
                              .source = STUDY_OUTSIDE,
                              .seeds = count,
                              .twin = STUDY_NO_ROW,
                              .reference = study_find(&comparison->study, "ae2")};
    snprintf(row->key, sizeof row->key, "%s", key);
    snprintf(row->name, sizeof row->name, "%s", name);
    r = comparison_allocate_row(comparison, index, diag);
    if (r < 0)
        return r;
    comparison->study.count++;
    snprintf(comparison->row[index].note, sizeof comparison->row[index].note, "%s",
             note ? note : "");
    for (size_t s = 0; r == 0 && s < count; s++)
        r = take_seed(exchange, key, (long)cJSON_GetArrayItem(seeds, (int)s)->valuedouble,
                      &comparison->row[index].outcome[s], diag);
    return r;
}

static int take_peers(struct exchange *exchange, struct diag *diag)
{
    char path[PATH_SIZE];
    void *text;
    size_t size;
    cJSON *root;
    const cJSON *list, *peer;
    path_of(exchange, "peers.json", path);
    int r = file_read(path, PEERS_FILE_MAX, &text, &size, diag);
    if (r < 0)
        return r;
    root = json_parse(text, size, diag);
    free(text);
    if (!root) {
        diag_prefix(diag, "%s", path);
        return -EINVAL;
    }
    r = json_get_array(root, "peers", true, &list, diag);
    if (r == 0) {
        cJSON_ArrayForEach(peer, list)
        {
            r = take_peer(exchange, peer, diag);
            if (r < 0)
                break;
        }
    }
    cJSON_Delete(root);
    return r;
}

/* ---- the whole ---- */

static int make_directory(struct exchange *exchange, struct diag *diag)
{
    const char *temporary = getenv("TMPDIR");
    snprintf(exchange->directory, sizeof exchange->directory, "%.300s/armwatch-peers-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    return mkdtemp(exchange->directory) ? 0 : diag_errno(diag, errno, "%s", exchange->directory);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    return remove(path);
}

static int exchange_scores(struct exchange *exchange, struct diag *diag)
{
    struct comparison *comparison = exchange->comparison;
    struct fitting *fitting = &exchange->fitting;
    exchange->options = comparison->options->study.stable;
    exchange->options.period_s = comparison->options->period_s;
    fitting->sessions = comparison->holdout.fit;
    fitting->count = comparison->holdout.fit_count;
    fitting->sample_channels = comparison->holdout.fit[0]->channels;
    fitting->options = &exchange->options;
    int r = make_directory(exchange, diag);
    if (r < 0)
        return r;
    r = split_make(fitting->sessions, fitting->count,
                   fit_gap_rows(&exchange->options, exchange->options.period_s),
                   &exchange->report.split, diag);
    if (r == 0)
        r = fitting_init(fitting, "autoencoder", &exchange->report, diag);
    if (r == 0)
        r = put_split(exchange, diag);
    if (r == 0)
        r = run_script(exchange, diag);
    if (r == 0)
        r = take_peers(exchange, diag);
    fitting_deinit(fitting);
    fit_report_deinit(&exchange->report);
    nftw(exchange->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return r;
}

/* The rest of the study does not fall with its peers. */
static int add_skipped(struct comparison *comparison, const struct diag *why, struct diag *diag)
{
    size_t index = comparison->study.count;
    if (index == STUDY_ROWS_MAX)
        return diag_set(diag, "too many rows");
    struct study_row *row = &comparison->study.row[index];
    *row = (struct study_row){.group = STUDY_PEER,
                              .source = STUDY_OUTSIDE,
                              .key = "peers",
                              .name = "peers",
                              .seeds = 1,
                              .twin = STUDY_NO_ROW,
                              .reference = STUDY_NO_ROW};
    int r = comparison_allocate_row(comparison, index, diag);
    if (r < 0)
        return r;
    comparison->study.count++;
    snprintf(comparison->row[index].skipped, sizeof comparison->row[index].skipped, "%s",
             why->text);
    return 0;
}

int comparison_try_peers(struct comparison *comparison, struct diag *diag)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    struct diag why = DIAG_INIT;
    if (!exchange)
        return diag_errno(diag, ENOMEM, "peers");
    exchange->comparison = comparison;
    int r = exchange_scores(exchange, &why);
    free(exchange);
    return r < 0 ? add_skipped(comparison, &why, diag) : 0;
}

#include "lab/explanation.h"

#include "pipeline/evidence_pack.h"
#include "pipeline/score.h"
#include "pipeline/track.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A pack's rows as the model wants them. */
struct windows {
    const struct pack *pack;
    struct model *model;
    float *rows;    /* [rows][width] */
    size_t *length; /* [rows] of the newest window that ends there; 0: none */
};

void explanation_free(struct explanation *explanation)
{
    if (!explanation)
        return;
    for (size_t i = 0; i < explanation->channels; i++) {
        free(explanation->channel[i].observed);
        free(explanation->channel[i].expected);
        free(explanation->channel[i].usual);
    }
    free(explanation->score);
    free(explanation);
}

static int check_channels(const struct pack *pack, const struct model *model, struct diag *diag)
{
    if (pack->channels != model->channels)
        return diag_set(diag, "model %s has %zu channels, the pack has %zu", model->name,
                        model->channels, pack->channels);
    for (size_t c = 0; c < pack->channels; c++) {
        if (strcmp(pack->columns[c], model->channel[c].name) != 0)
            return diag_set(diag, "channel %zu is \"%s\" in model %s, \"%s\" in the pack", c + 1,
                            model->channel[c].name, model->name, pack->columns[c]);
    }
    return 0;
}

/* ---- rows ---- */

static int recall_rows(struct windows *windows)
{
    const struct pack *pack = windows->pack;
    const struct model *model = windows->model;
    for (size_t i = 0; i < pack->rows; i++) {
        float *row = windows->rows + i * model->width;
        memcpy(row, pack->samples + i * pack->channels, pack->channels * sizeof *row);
        if (pack->derived > 0)
            memcpy(row + pack->channels, pack->derived_values + i * pack->derived,
                   pack->derived * sizeof *row);
        derivation_turn(&model->derivation, row);
        size_t length = pack->window[i] > 0 ? (size_t)pack->window[i] : 0;
        windows->length[i] = length < i + 1 ? length : i + 1;
    }
    return 0;
}

/* As far as the pack tells it, the run of rows is broken where the daemon's was. */
static bool is_broken(const struct pack *pack, size_t row)
{
    return pack->window[row] == 1 && row > 0 && pack->window[row - 1] > 0;
}

static int derive_rows(struct windows *windows)
{
    const struct pack *pack = windows->pack;
    const struct model *model = windows->model;
    struct track track;
    int r = track_init(&track, model, 0);
    for (size_t i = 0; r == 0 && i < pack->rows; i++) {
        const struct sample sample = {.has_time = true,
                                      .time_ns = (int64_t)llround(pack->time_s[i] * 1e9)};
        float *next = track_next_row(&track);
        windows->length[i] = 0;
        memcpy(next, pack->samples + i * pack->channels, pack->channels * sizeof *next);
        if (pack->window[i] == EVIDENCE_NOT_EVALUATED || is_broken(pack, i))
            track_break(&track);
        if (pack->window[i] == EVIDENCE_NOT_EVALUATED)
            continue;
        enum history_outcome outcome = track_push(&track, &sample);
        if (outcome == HISTORY_DUPLICATE || outcome == HISTORY_LATE)
            continue;
        memcpy(windows->rows + i * model->width, history_row(&track.history, 0),
               model->width * sizeof *windows->rows);
        if (track.verdict == FLAT_NONE)
            windows->length[i] = history_valid_rows(&track.history);
    }
    if (r == 0)
        track_deinit(&track);
    return r;
}

static const float *window_at(const struct windows *windows, size_t row, size_t length)
{
    return windows->rows + (row + 1 - length) * windows->model->width;
}

/* ---- scores ---- */

static int score_rows(const struct windows *windows, struct explanation *explanation)
{
    size_t detectors = explanation->detectors;
    struct score *score = calloc(1, sizeof *score);
    explanation->score = malloc(windows->pack->rows * detectors * sizeof(double));
    if (!score || !explanation->score) {
        free(score);
        return -ENOMEM;
    }
    for (size_t i = 0; i < windows->pack->rows; i++) {
        size_t length = windows->length[i];
        const struct score_request request = {.window = window_at(windows, i, length),
                                              .rows = length,
                                              .thresholds = explanation->threshold};
        if (length > 0)
            score_windows(windows->model, &request, 1, score);
        for (size_t d = 0; d < detectors; d++)
            explanation->score[i * detectors + d] =
                length > 0 && score->detector[d].evaluated ? score->detector[d].score : (double)NAN;
    }
    free(score);
    return 0;
}

static void compare_score(struct explanation *explanation, size_t detector, double was, double is)
{
    double scale = fmax(fabs(was), isfinite(explanation->threshold[detector])
                                       ? explanation->threshold[detector]
                                       : fabs(was));
    double difference = isnan(is) ? (double)INFINITY : was == is ? 0 : fabs(was - is) / scale;
    explanation->equal += difference <= EXPLANATION_TOLERANCE;
    if (difference > explanation->largest_difference)
        explanation->largest_difference = difference;
}

static void compare(const struct windows *windows, struct explanation *explanation)
{
    const struct pack *pack = windows->pack;
    for (size_t i = 0; i < pack->rows; i++) {
        for (size_t d = 0; d < explanation->detectors; d++) {
            double was = pack->scores[i * pack->detectors + d];
            if (isnan(was))
                continue;
            explanation->scores++;
            if (detector_span(&windows->model->detector[d]) > windows->length[i])
                explanation->unchecked++;
            else
                compare_score(explanation, d, was, explanation->score[i * pack->detectors + d]);
        }
    }
}

/* ---- channels ---- */

/* The one that the alert names first, and where it does not, the one that is highest. */
static size_t find_detector(const struct pack *pack, const struct model *model,
                            const struct explanation *explanation)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(pack->alert, "data");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(data, "detectors");
    const cJSON *first = cJSON_IsArray(list) ? list->child : NULL;
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(first, "name"));
    size_t best = explanation->detectors;
    double highest = -1;
    for (size_t d = 0; name && d < model->detectors; d++) {
        if (!strcmp(model->detector[d].name, name))
            return d;
    }
    for (size_t i = 0; i < pack->rows * explanation->detectors; i++) {
        size_t d = i % explanation->detectors;
        double ratio = explanation->score[i] / explanation->threshold[d];
        if (ratio > highest) {
            highest = ratio;
            best = d;
        }
    }
    return best;
}

static double ratio_at(const struct explanation *explanation, size_t row)
{
    size_t d = explanation->detector;
    return explanation->score[row * explanation->detectors + d] / explanation->threshold[d];
}

/* Returns false if it has judged none. */
static bool find_highest(const struct pack *pack, struct explanation *explanation)
{
    double highest = -1;
    for (size_t i = 0; explanation->detector < explanation->detectors && i < pack->rows; i++) {
        double ratio = ratio_at(explanation, i);
        if (ratio > highest) {
            highest = ratio;
            explanation->row = i;
        }
    }
    return highest >= 0;
}

/* deviations: [width]. False: the detector says nothing of this window. */
static bool explain_row(const struct windows *windows, const struct explanation *explanation,
                        size_t row, struct deviation *deviations)
{
    struct detector *detector = &windows->model->detector[explanation->detector];
    size_t span = detector_span(detector);
    if (isnan(ratio_at(explanation, row)) || span > windows->length[row])
        return false;
    detector_explain(detector, window_at(windows, row, span), deviations);
    finding_join_rotations(windows->model, deviations);
    return true;
}

/* Over the limit; where none is, the highest. */
static bool is_conspicuous(const struct explanation *explanation, size_t row)
{
    return ratio_at(explanation, explanation->row) >= 1 ? ratio_at(explanation, row) >= 1
                                                        : row == explanation->row;
}

/* Mean shares over the windows over the limit, or in the highest where there are none. */
static void sum_shares(const struct windows *windows, const struct explanation *explanation,
                       struct deviation *deviations, double *shares)
{
    size_t width = windows->model->width, count = 0;
    for (size_t i = 0; i < windows->pack->rows; i++) {
        if (!is_conspicuous(explanation, i) || !explain_row(windows, explanation, i, deviations))
            continue;
        count++;
        for (size_t c = 0; c < width; c++)
            shares[c] += deviations[c].share;
    }
    for (size_t c = 0; count > 0 && c < width; c++)
        shares[c] /= (double)count;
}

static int add_channel(struct explanation *explanation, const struct windows *windows,
                       size_t channel, double share)
{
    size_t rows = windows->pack->rows;
    struct explanation_channel *entry = &explanation->channel[explanation->channels++];
    *entry = (struct explanation_channel){.channel = channel,
                                          .share = share,
                                          .rotation = finding_is_rotation(windows->model, channel),
                                          .observed = malloc(rows * sizeof(double)),
                                          .expected = malloc(rows * sizeof(double)),
                                          .usual = malloc(rows * sizeof(double))};
    return entry->observed && entry->expected && entry->usual ? 0 : -ENOMEM;
}

static int choose_channels(struct explanation *explanation, const struct windows *windows,
                           double *shares)
{
    while (explanation->channels < EXPLANATION_CHANNELS_MAX) {
        size_t largest = 0;
        for (size_t c = 1; c < windows->model->width; c++)
            largest = shares[c] > shares[largest] ? c : largest;
        if (!(shares[largest] > 0))
            break;
        int r = add_channel(explanation, windows, largest, shares[largest]);
        if (r < 0)
            return r;
        shares[largest] = 0;
    }
    return 0;
}

/* Between windows a channel still reads something, where that is what the detector speaks of. */
static double reading(const struct windows *windows, const struct explanation *explanation,
                      const struct explanation_channel *entry, size_t row)
{
    const struct model *model = windows->model;
    bool summed = model->detector[explanation->detector].kind->name &&
                  !strcmp(model->detector[explanation->detector].kind->name, "cycle-power");
    return entry->rotation || summed || entry->channel >= model->channels
               ? (double)NAN
               : (double)windows->pack->samples[row * model->channels + entry->channel];
}

static void follow_channels(const struct windows *windows, struct explanation *explanation,
                            struct deviation *deviations)
{
    for (size_t i = 0; i < windows->pack->rows; i++) {
        bool known = explain_row(windows, explanation, i, deviations);
        for (size_t j = 0; j < explanation->channels; j++) {
            struct explanation_channel *entry = &explanation->channel[j];
            const struct deviation *deviation = &deviations[entry->channel];
            double residual = deviation->observed - deviation->expected;
            entry->observed[i] =
                known ? deviation->observed : reading(windows, explanation, entry, i);
            entry->expected[i] = known ? deviation->expected : (double)NAN;
            entry->usual[i] = known && deviation->z != 0 ? residual / deviation->z : (double)NAN;
        }
    }
}

static void find_furthest(const struct windows *windows, const struct explanation *explanation,
                          struct explanation_channel *channel)
{
    double furthest = -1;
    channel->row = explanation->row;
    for (size_t i = 0; i < windows->pack->rows; i++) {
        double z = fabs((channel->observed[i] - channel->expected[i]) / channel->usual[i]);
        if (is_conspicuous(explanation, i) && z > furthest) {
            furthest = z;
            channel->row = i;
        }
    }
}

static int explain_channels(const struct windows *windows, struct explanation *explanation)
{
    explanation->detector = find_detector(windows->pack, windows->model, explanation);
    if (!find_highest(windows->pack, explanation)) {
        explanation->detector = explanation->detectors;
        return 0;
    }
    struct deviation *deviations = calloc(windows->model->width, sizeof *deviations);
    double *shares = calloc(windows->model->width, sizeof *shares);
    int r = deviations && shares ? 0 : -ENOMEM;
    if (r == 0) {
        sum_shares(windows, explanation, deviations, shares);
        r = choose_channels(explanation, windows, shares);
    }
    if (r == 0)
        follow_channels(windows, explanation, deviations);
    for (size_t i = 0; r == 0 && i < explanation->channels; i++)
        find_furthest(windows, explanation, &explanation->channel[i]);
    free(deviations);
    free(shares);
    return r;
}

static bool is_same(const struct pack *pack, const struct model *model)
{
    return !strcmp(pack->sha256, model->sha256) && pack->detectors == model->detectors &&
           pack->derived == model->width - model->channels;
}

static int fill(struct windows *windows, struct explanation *explanation)
{
    const struct pack *pack = windows->pack;
    struct model *model = windows->model;
    explanation->same = is_same(pack, model);
    explanation->detectors = model->detectors;
    for (size_t d = 0; d < model->detectors; d++)
        explanation->threshold[d] =
            explanation->same ? pack->detector[d].threshold : model_threshold(model, d, 0);
    int r = explanation->same ? recall_rows(windows) : derive_rows(windows);
    if (r == 0)
        r = score_rows(windows, explanation);
    if (r == 0 && explanation->same)
        compare(windows, explanation);
    return r < 0 ? r : explain_channels(windows, explanation);
}

int explanation_make(const struct pack *pack, struct model *model,
                     struct explanation **ret_explanation, struct diag *diag)
{
    int r = check_channels(pack, model, diag);
    if (r < 0)
        return r;
    struct explanation *explanation = calloc(1, sizeof *explanation);
    struct windows windows = {.pack = pack,
                              .model = model,
                              .rows = calloc(pack->rows * model->width, sizeof(float)),
                              .length = calloc(pack->rows, sizeof(size_t))};
    r = explanation && windows.rows && windows.length ? fill(&windows, explanation) : -ENOMEM;
    free(windows.rows);
    free(windows.length);
    if (r < 0) {
        explanation_free(explanation);
        return diag_errno(diag, r, "explaining");
    }
    *ret_explanation = explanation;
    return 0;
}

/*
 * From recordings to rows of features. Whatever is measured here is measured on training rows
 * only: a scaler, a component or a choice of channels that had seen the others would make every
 * figure about them too good. The one exception is the choice by mutual information, which needs
 * labels and so a recording of its own.
 */
#include "lab/channel_info.h"
#include "lab/derive.h"
#include "lab/drift.h"
#include "lab/fit_internal.h"
#include "lab/fit_motion.h"
#include "lab/mutual_information.h"
#include "lab/pca_fit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- choice of channels ---- */

/* reason is NULL for a channel that stays. Derived ones are other detectors' matter. */
static void leave_out_ignored(const struct fitting *fitting, const char **reason)
{
    const struct recording *first = fitting->sessions[0];
    for (size_t c = 0; c < first->channels; c++) {
        if (c >= fitting->sample_channels)
            reason[c] = "derived";
        else if (fit_ignored(fitting->options, fitting->kind, first->names[c]))
            reason[c] = "ignored as asked";
    }
}

/* A meter that another consumer is on too, such as a PC, says nothing in half a second that could
 * be told from that one: where a detector sums it over program steps, it is that detector's matter.
 * On simulated arms the bursts of a PC raised the autoencoder's threshold to the fortyfold. */
static void leave_out_load(const struct fitting *fitting, const char **reason)
{
    const struct recording *first = fitting->sessions[0];
    char followed[128], group[128];
    if (!fitting->load)
        return;
    channel_group(fitting->load, followed, sizeof followed);
    for (size_t c = 0; c < fitting->sample_channels; c++) {
        channel_group(first->names[c], group, sizeof group);
        if (!reason[c] && !strcmp(group, followed))
            reason[c] = "cycle-power's matter";
    }
}

static bool is_acceleration(const char *name)
{
    const char *unit = channel_unit(name);
    return !strcmp(unit, "g") || !strcmp(unit, "m/s^2");
}

/* An accelerometer's bias is new in each session. analog says nothing of less than what sessions
 * differ by; a squared error over all channels cannot. Simulated, in healthy sessions: three false
 * alarms of the autoencoder in 72 h of two robots with accelerations, two in 144 h of four without.
 * It then finds a little less alone: 40 instead of 44 of 61 collisions. */
static void leave_out_accelerations(const struct fitting *fitting, const char **reason)
{
    const struct recording *first = fitting->sessions[0];
    for (size_t c = 0; fitting->beside_analog && c < fitting->sample_channels; c++) {
        if (!reason[c] && is_acceleration(first->names[c]))
            reason[c] = "analog's matter";
    }
}

static int leave_out_drift(const struct fitting *fitting, struct fit_report *report,
                           const char **reason, struct diag *diag)
{
    const struct recording *first = fitting->sessions[0];
    const char *given = fitting->options->step_channel, *step = given ? given : DERIVE_STEP_CHANNEL;
    const struct split *split = &report->split;
    struct drift_session *sessions = calloc(split->count, sizeof *sessions);
    if (!sessions)
        return diag_errno(diag, ENOMEM, "sessions");
    size_t count = 0;
    for (size_t b = 0; b < split->count; b++) {
        const struct split_block *block = &split->block[b];
        if (block->part == SPLIT_TRAINING)
            sessions[count++] =
                (struct drift_session){fitting->sessions[block->session], block->first, block->end};
    }
    struct drift_report drift;
    int r = drift_measure(sessions, count, fitting->options->period_s, &drift, diag);
    for (size_t c = 0; r == 0 && c < first->channels; c++) {
        if (reason[c])
            continue;
        /* A program without some step, such as a slowed one, would be told by that and not by its
         * motion. */
        if (first->named && !strcmp(first->names[c], step))
            reason[c] = "program step";
        else if (drift.channel[c].finding != DRIFT_NONE)
            reason[c] = drift_finding_text(drift.channel[c].finding);
    }
    report->drift_sessions = drift.sessions;
    drift_report_deinit(&drift);
    free(sessions);
    return r;
}

/* ---- mutual information ---- */

/* The labelled recordings one after the other, in the channels that are still there. */
struct labelled {
    struct labelled_rows rows;
    float *values;
    int *label;
    unsigned char *valid;
    double *information;
    size_t *channel, *best; /* places in a sample; places among those */
};

static void labelled_deinit(struct labelled *labelled)
{
    free(labelled->values);
    free(labelled->label);
    free(labelled->valid);
    free(labelled->information);
    free(labelled->channel);
    free(labelled->best);
}

static int labelled_init(struct labelled *labelled, const struct fitting *fitting,
                         const char *const *reason)
{
    const struct recording *first = fitting->sessions[0];
    struct labelled_rows *rows = &labelled->rows;
    for (size_t i = 0; i < fitting->options->labelled_count; i++)
        rows->rows += fitting->options->labelled[i]->rows;
    labelled->channel = calloc(first->channels, sizeof *labelled->channel);
    labelled->best = calloc(first->channels, sizeof *labelled->best);
    for (size_t c = 0; labelled->channel && c < first->channels; c++) {
        if (!reason[c])
            labelled->channel[rows->channels++] = c;
    }
    labelled->values = calloc(rows->rows * rows->channels + 1, sizeof *labelled->values);
    labelled->label = calloc(rows->rows + 1, sizeof *labelled->label);
    labelled->valid = calloc(rows->rows + 1, 1);
    labelled->information = calloc(rows->channels + 1, sizeof *labelled->information);
    rows->values = labelled->values;
    rows->label = labelled->label;
    rows->valid = labelled->valid;
    bool complete = labelled->channel && labelled->best && labelled->values && labelled->label &&
                    labelled->valid && labelled->information;
    return complete ? 0 : -ENOMEM;
}

static int labelled_fill(struct labelled *labelled, const struct fitting *fitting,
                         struct diag *diag)
{
    const struct recording *first = fitting->sessions[0];
    size_t channels = labelled->rows.channels, at = 0;
    for (size_t i = 0; i < fitting->options->labelled_count; i++) {
        struct recording *found;
        const struct recording *given = fitting->options->labelled[i];
        if (!given->label)
            return diag_set(diag, "a recording to select channels by has no labels");
        int r = recording_select(given, (const char *const *)first->names, first->channels, &found,
                                 diag);
        if (r < 0)
            return r;
        for (size_t row = 0; row < found->rows; row++, at++) {
            labelled->label[at] = given->label[row];
            labelled->valid[at] = given->valid[row];
            for (size_t c = 0; c < channels; c++)
                labelled->values[at * channels + c] =
                    found->values[row * found->channels + labelled->channel[c]];
        }
        recording_free(found);
    }
    return 0;
}

static int leave_out_uninformative(const struct fitting *fitting, const char **reason,
                                   struct diag *diag)
{
    struct labelled labelled = {0};
    int r = labelled_init(&labelled, fitting, reason);
    if (r < 0)
        diag_errno(diag, r, "labelled rows");
    else
        r = labelled_fill(&labelled, fitting, diag);
    size_t channels = labelled.rows.channels, keep = fitting->options->keep_channels;
    keep = keep > 0 ? keep : (channels + 1) / 2;
    if (r == 0 && keep < channels) {
        r = mutual_information(&labelled.rows, labelled.information, diag);
        if (r < 0)
            diag_prefix(diag, "the recordings with labels, to select channels by");
    }
    if (r == 0 && keep < channels) {
        r = mutual_information_best(labelled.information, channels, keep, labelled.best);
        for (size_t c = 0, kept = 0; r == 0 && c < channels; c++) {
            if (kept < keep && labelled.best[kept] == c)
                kept++;
            else
                reason[labelled.channel[c]] = "says little about the label";
        }
    }
    labelled_deinit(&labelled);
    return r;
}

/* ---- the result of the choice ---- */

static int keep_choice(struct fitting *fitting, struct fit_report *report,
                       const char *const *reason, struct diag *diag)
{
    size_t channels = fitting->sessions[0]->channels, used = 0;
    size_t *places = calloc(channels, sizeof *places);
    report->left_out = calloc(channels, sizeof *report->left_out);
    if (!places || !report->left_out) {
        free(places);
        return diag_errno(diag, ENOMEM, "channels");
    }
    for (size_t c = 0; c < channels; c++) {
        if (reason[c] && c < fitting->sample_channels)
            report->left_out[report->left_out_count++] = (struct fit_left_out){c, reason[c]};
        else if (!reason[c])
            places[used++] = c;
    }
    int r = used > 0 ? features_init(&fitting->features, places, used)
                     : diag_set(diag, "no channel is left: each is ignored, constant, drifts or is "
                                      "the program step");
    free(places);
    return r == -ENOMEM ? diag_errno(diag, r, "channels") : r;
}

static int choose_channels(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    const struct fit_options *options = fitting->options;
    const char **reason = calloc(fitting->sessions[0]->channels, sizeof *reason);
    if (!reason)
        return diag_errno(diag, ENOMEM, "channels");
    leave_out_ignored(fitting, reason);
    leave_out_load(fitting, reason);
    leave_out_accelerations(fitting, reason);
    int r = options->keep_drift ? 0 : leave_out_drift(fitting, report, reason, diag);
    if (r == 0 && options->reduction == FIT_REDUCTION_MUTUAL_INFORMATION)
        r = leave_out_uninformative(fitting, reason, diag);
    if (r == 0)
        r = keep_choice(fitting, report, reason, diag);
    free(reason);
    return r;
}

/* ---- rows ---- */

/* Marks the rows that the scaler may see: valid ones of the training part. */
static void mark_training(const struct fitting *fitting, const struct split *split,
                          unsigned char *mark)
{
    size_t offset = 0, session = 0;
    for (size_t b = 0; b < split->count; b++) {
        const struct split_block *block = &split->block[b];
        for (; session < block->session; session++)
            offset += fitting->sessions[session]->rows;
        if (block->part == SPLIT_TRAINING)
            memcpy(mark + offset + block->first, fitting->sessions[session]->valid + block->first,
                   block->end - block->first);
    }
}

static void measure_spread(struct fitting *fitting, const unsigned char *mark)
{
    size_t channels = fitting->features.channels;
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        size_t count = 0;
        for (size_t i = 0; i < fitting->row_count; i++) {
            sum += mark[i] ? (double)fitting->rows[i * channels + c] : 0;
            count += mark[i];
        }
        double mean = sum / (double)count;
        for (size_t i = 0; i < fitting->row_count; i++) {
            double d = (double)fitting->rows[i * channels + c] - mean;
            squares += mark[i] ? d * d : 0;
        }
        fitting->spread[c] = sqrt(squares / (double)count);
    }
}

static int join_rows(struct fitting *fitting, struct diag *diag)
{
    const struct features *features = &fitting->features;
    size_t used = 0;
    fitting->rows = malloc(fitting->row_count * features->channels * sizeof *fitting->rows);
    fitting->spread = calloc(features->channels, sizeof *fitting->spread);
    fitting->floor = calloc(features->channels, sizeof *fitting->floor);
    if (!fitting->rows || !fitting->spread || !fitting->floor)
        return diag_errno(diag, ENOMEM, "training rows");
    for (size_t s = 0; s < fitting->count; s++) {
        const struct recording *session = fitting->sessions[s];
        for (size_t i = 0; i < session->rows; i++) {
            const float *row = session->values + i * session->channels;
            for (size_t c = 0; c < features->channels; c++)
                fitting->rows[used++] = row[features->channel[c]];
        }
    }
    return 0;
}

/* ---- scaling and reduction ---- */

/* Components are as many as needed, each has a variance of its own: they are scaled once more, to
 * what the network's output can take. */
static int reduce_to_components(struct fitting *fitting, const unsigned char *mark,
                                struct diag *diag)
{
    struct features *features = &fitting->features;
    const struct fit_options *options = fitting->options;
    const struct pca_rows rows = {fitting->row_count, features->channels, fitting->rows, mark};
    struct pca_fit pca;
    int r = pca_fit(&rows, options->pca_variance, &pca, diag);
    if (r == 0 && (r = features_add_pca(features, pca.components)) < 0)
        diag_errno(diag, r, "principal components");
    for (size_t c = 0; r == 0 && c < features->channels; c++)
        features->pca.mean[c] = (float)pca.mean[c];
    for (size_t i = 0; r == 0 && i < pca.components * features->channels; i++)
        features->pca.basis[i] = (float)pca.component[i];
    features->pca.variance = pca.explained;
    pca_fit_deinit(&pca);
    if (r < 0)
        return r;
    features_project(features, fitting->row_count, fitting->rows, fitting->rows);
    const struct scaler_options second = fit_scaler_options(
        options, options->architecture.sigmoid ? SCALER_MINMAX : SCALER_STANDARD);
    const struct scaler_rows components = {fitting->row_count, features_width(features),
                                           fitting->rows, mark};
    r = scaler_fit(&features->second, &second, &components, diag);
    if (r == 0)
        scaler_apply(&features->second, fitting->row_count, fitting->rows, fitting->rows);
    return r;
}

/* Floors of fit_motion.h that count as one standard deviation. A squared error asks for more room
 * than a distance does: at one floor, a gyroscope of three times the usual bias fired all session.
 */
#define INERTIAL_ROOM 4

/* A channel that hardly moves must not be magnified until the bias of another session is a finding.
 * Kinds that spread values over a range by their order or extremes have no scale to hold. */
static void hold_inertial(struct fitting *fitting)
{
    struct features *features = &fitting->features;
    const struct recording *first = fitting->sessions[0];
    enum scaler_kind kind = features->scaler.kind;
    if (!first->named ||
        (kind != SCALER_STANDARD && kind != SCALER_ROBUST && kind != SCALER_SIGNED_SQRT))
        return;
    for (size_t c = 0; c < features->channels; c++) {
        double floor = fit_motion_floor(first->names[features->channel[c]]);
        if (floor > 0)
            features->scaler.scale[c] =
                fmin(features->scaler.scale[c], 1 / (INERTIAL_ROOM * floor));
    }
}

/* From the rows of the chosen channels, which become features. mark: those to learn from. */
static int fit_features(struct fitting *fitting, const unsigned char *mark, struct diag *diag)
{
    struct features *features = &fitting->features;
    const struct scaler_rows rows = {.rows = fitting->row_count,
                                     .channels = features->channels,
                                     .values = fitting->rows,
                                     .valid = mark};
    const struct fit_adopted *adopted = fitting->options->adopted;
    int r = 0;
    if (adopted && adopted->scaler) {
        features->scaler = *adopted->scaler;
        *adopted->scaler = (struct scaler){0};
    } else {
        r = scaler_fit(&features->scaler, &fitting->options->scaler, &rows, diag);
    }
    if (r == 0 && features->scaler.channels != features->channels)
        r = diag_set(diag, "the scaler is for %zu channels, there are %zu",
                     features->scaler.channels, features->channels);
    if (r < 0)
        return r;
    if (!adopted)
        hold_inertial(fitting);
    measure_spread(fitting, mark);
    scaler_apply(&features->scaler, fitting->row_count, fitting->rows, fitting->rows);
    if (fitting->options->reduction == FIT_REDUCTION_PCA)
        r = reduce_to_components(fitting, mark, diag);
    return r < 0 ? r : features_check(features, diag);
}

int fit_make_features(struct fitting *fitting, struct fit_report *report, struct diag *diag)
{
    unsigned char *mark = calloc(fitting->row_count, 1);
    int r =
        mark ? choose_channels(fitting, report, diag) : diag_errno(diag, ENOMEM, "training rows");
    if (r == 0)
        r = join_rows(fitting, diag);
    if (r == 0) {
        mark_training(fitting, &report->split, mark);
        r = fit_features(fitting, mark, diag);
    }
    free(mark);
    return r;
}

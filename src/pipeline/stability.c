/*
 * Hours in a ring rather than a sum that values enter and leave: what is dropped is dropped whole,
 * and nothing is subtracted. So the window is between 23 and 24 hours long once it is full, that of
 * the channels between 18 and 24.
 */
#include "pipeline/stability.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(STABILITY_HOUR_BLOCKS <= UINT8_MAX, "an hour's counts are bytes");
_Static_assert(STABILITY_PART_BLOCKS <= UINT16_MAX, "a part's counts are of 16 bits");

#define Z_MAX 99.0
#define ROUNDING 1e-6 /* of single precision, relative: less is no move of a constant channel */

int stability_init(struct stability *stability, const struct model *model)
{
    size_t channels = model->channels;
    *stability = (struct stability){.model = model};
    int r = block_means_init(&stability->scores, MODEL_DETECTORS_MAX, CALIBRATION_BLOCK_S,
                             model->period_s);
    if (r == 0)
        r = block_means_init(&stability->channels, channels, CALIBRATION_BLOCK_S, model->period_s);
    stability->sum = calloc(channels, sizeof *stability->sum);
    stability->means = calloc(STABILITY_PARTS * channels, sizeof *stability->means);
    stability->knowns = calloc(STABILITY_PARTS * channels, sizeof *stability->knowns);
    if (r < 0 || !stability->sum || !stability->means || !stability->knowns) {
        stability_deinit(stability);
        return -ENOMEM;
    }
    for (size_t p = 0; p < STABILITY_PARTS; p++) {
        stability->part[p].mean = stability->means + p * channels;
        stability->part[p].known = stability->knowns + p * channels;
    }
    return 0;
}

void stability_deinit(struct stability *stability)
{
    block_means_deinit(&stability->scores);
    block_means_deinit(&stability->channels);
    free(stability->sum);
    free(stability->means);
    free(stability->knowns);
    *stability = (struct stability){0};
}

static void clear_part(struct stability *stability, size_t which)
{
    struct stability_part *part = &stability->part[which];
    size_t channels = stability->model->channels;
    memset(part->mean, 0, channels * sizeof *part->mean);
    memset(part->known, 0, channels * sizeof *part->known);
    memset(stability->sum, 0, channels * sizeof *stability->sum);
    part->blocks = 0;
}

void stability_set_model(struct stability *stability, const struct model *model)
{
    bool same = !strcmp(model->sha256, stability->model->sha256);
    assert(model->channels == stability->model->channels);
    stability->model = model;
    if (same)
        return;
    block_means_restart(&stability->scores, model->period_s);
    block_means_restart(&stability->channels, model->period_s);
    memset(stability->hour, 0, sizeof stability->hour);
    for (size_t p = 0; p < STABILITY_PARTS; p++)
        clear_part(stability, p);
    for (size_t d = 0; d < MODEL_DETECTORS_MAX; d++)
        stability->level[d] = PSI_STABLE;
    stability->finding = (struct stability_finding){.known = false};
}

/* The ones that a new block is counted in. */
static struct stability_hour *present_hour(struct stability *stability)
{
    struct stability_hour *hour = &stability->hour[stability->present_hour];
    if (hour->blocks < STABILITY_HOUR_BLOCKS)
        return hour;
    stability->present_hour = (stability->present_hour + 1) % STABILITY_HOURS;
    hour = &stability->hour[stability->present_hour];
    *hour = (struct stability_hour){.blocks = 0};
    return hour;
}

static struct stability_part *present_part(struct stability *stability)
{
    if (stability->part[stability->present_part].blocks == STABILITY_PART_BLOCKS) {
        stability->present_part = (stability->present_part + 1) % STABILITY_PARTS;
        clear_part(stability, stability->present_part);
    }
    return &stability->part[stability->present_part];
}

void stability_push_row(struct stability *stability, int64_t time_ns, const float *values)
{
    if (!block_means_push_floats(&stability->channels, time_ns, values))
        return;
    struct stability_part *part = present_part(stability);
    part->blocks++;
    for (size_t c = 0; c < stability->model->channels; c++) {
        double mean = stability->channels.mean[c];
        if (!isfinite(mean))
            continue;
        stability->sum[c] += mean;
        part->known[c]++;
        part->mean[c] = (float)(stability->sum[c] / part->known[c]);
    }
}

/* ---- scores ---- */

static const struct psi_reference *reference_of(const struct model *model, size_t detector)
{
    const struct detector *it = &model->detector[detector];
    return it->calibrated && it->calibration.reference.bins ? &it->calibration.reference : NULL;
}

/* Returns the blocks of a detector in all hours, by bins. */
static size_t collect(const struct stability *stability, size_t detector,
                      uint32_t ret_count[PSI_BINS])
{
    size_t blocks = 0;
    for (size_t b = 0; b < PSI_BINS; b++) {
        ret_count[b] = 0;
        for (size_t h = 0; h < STABILITY_HOURS; h++)
            ret_count[b] += stability->hour[h].bin[detector][b];
        blocks += ret_count[b];
    }
    return blocks;
}

static bool stands_out(const struct psi *psi, const struct stability_finding *finding)
{
    return !finding->known || psi->level > finding->psi.level ||
           (psi->level == finding->psi.level && psi->index > finding->psi.index);
}

static struct stability_finding compare(struct stability *stability)
{
    const struct model *model = stability->model;
    struct stability_finding finding = {.known = false};
    for (size_t d = 0; d < model->detectors; d++) {
        const struct psi_reference *reference = reference_of(model, d);
        uint32_t count[PSI_BINS];
        size_t blocks = collect(stability, d, count);
        if (!reference || blocks < STABILITY_LEAST_BLOCKS)
            continue;
        struct psi psi = psi_compare(reference, count, stability->level[d]);
        stability->level[d] = psi.level;
        if (stands_out(&psi, &finding))
            finding = (struct stability_finding){
                .known = true,
                .psi = psi,
                .detector = d,
                .hours = (double)blocks * stability->scores.block_s / 3600,
            };
    }
    return finding;
}

void stability_push_score(struct stability *stability, const struct score *score)
{
    double values[MODEL_DETECTORS_MAX];
    size_t detectors = stability->model->detectors;
    for (size_t d = 0; d < MODEL_DETECTORS_MAX; d++)
        values[d] =
            d < detectors && score->detector[d].evaluated ? score->detector[d].score : (double)NAN;
    if (!block_means_push(&stability->scores, score->time_ns, values))
        return;
    struct stability_hour *hour = present_hour(stability);
    hour->blocks++;
    for (size_t d = 0; d < detectors; d++) {
        const struct psi_reference *reference = reference_of(stability->model, d);
        double mean = stability->scores.mean[d];
        if (reference && !isnan(mean))
            hour->bin[d][psi_bin(reference, mean)]++;
    }
    struct stability_finding before = stability->finding;
    stability->finding = compare(stability);
    bool same_level = before.known && before.psi.level == stability->finding.psi.level;
    stability->finding.since_ns = same_level ? before.since_ns : score->time_ns;
}

/* ---- channels ---- */

/* fmin and fmax would hide a NAN. */
static double deviation(double mean, const struct model_channel *channel)
{
    double off = mean - channel->usual;
    if (isnan(off))
        return off;
    if (fabs(off) <= ROUNDING * fmax(fabs(channel->usual), fabs(mean)))
        return 0;
    return fmin(fmax(off / channel->usual_spread, -Z_MAX), Z_MAX);
}

struct stability_channel stability_channel(const struct stability *stability, size_t channel)
{
    const struct model_channel *it = &stability->model->channel[channel];
    double sum = 0, known = 0;
    for (size_t p = 0; p < STABILITY_PARTS; p++) {
        const struct stability_part *part = &stability->part[p];
        sum += (double)part->mean[channel] * part->known[channel];
        known += part->known[channel];
    }
    double mean = known > 0 ? sum / known : (double)NAN;
    return (struct stability_channel){
        .channel = channel, .mean = mean, .usual = it->usual, .z = deviation(mean, it)};
}

size_t stability_moved(const struct stability *stability, size_t most,
                       struct stability_channel *ret_moved)
{
    size_t count = 0;
    for (size_t c = 0; c < stability->model->channels; c++) {
        struct stability_channel channel = stability_channel(stability, c);
        if (!(fabs(channel.z) >= STABILITY_MOVED_Z))
            continue;
        size_t at = count < most ? count : most;
        while (at > 0 && fabs(channel.z) > fabs(ret_moved[at - 1].z)) {
            if (at < most)
                ret_moved[at] = ret_moved[at - 1];
            at--;
        }
        if (at < most)
            ret_moved[at] = channel;
        count += count < most;
    }
    return count;
}

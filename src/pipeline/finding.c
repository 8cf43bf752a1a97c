/*
 * Rates are compared as vectors: what a link turns along the turn that was expected of it, because
 * one axis alone can be slower while another is faster. Where the deviation is spread over many
 * links, it is the arm's.
 */
#include "pipeline/finding.h"

#include "base/json.h"
#include "model/cycle_power.h"
#include "model/step_time.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ARM_SHARE 0.4    /* a group with less is one of many */
#define RATE_LEAST 3.0   /* deg/s that a link must be expected to turn to be slower than that */
#define SPEED_LEAST 0.03 /* of the expected speed: less is no other speed */
#define ALONG_LEAST 0.5  /* of the residual along the expected turn, to be told as a speed */
#define DEGREES (180 / M_PI)
#define NAME_SHOWN 60 /* bytes, of a channel or a group */
#define UNIT_SHOWN 10
#define SPEED_TEXT_MAX 160

/* ---- rotations ---- */

static ptrdiff_t rotation_of(const struct model *model, size_t channel)
{
    for (size_t i = 0; i < model->derivation.rotations; i++) {
        if (model->derivation.rotation[i][0] == channel)
            return (ptrdiff_t)i;
    }
    return -1;
}

bool finding_is_rotation(const struct model *model, size_t channel)
{
    return rotation_of(model, channel) >= 0;
}

/* The angle between two rotations, of which the expected one need not be of length 1. */
static double angle_between(const struct deviation *deviations, const size_t four[4])
{
    double dot = 0, observed = 0, expected = 0;
    for (size_t j = 0; j < 4; j++) {
        const struct deviation *d = &deviations[four[j]];
        dot += d->observed * d->expected;
        observed += d->observed * d->observed;
        expected += d->expected * d->expected;
    }
    double length = sqrt(observed * expected);
    return length > 0 ? 2 * acos(fmin(fabs(dot) / length, 1)) * DEGREES : 0;
}

void finding_join_rotations(const struct model *model, struct deviation *deviations)
{
    for (size_t i = 0; i < model->derivation.rotations; i++) {
        const size_t *four = model->derivation.rotation[i];
        double angle = angle_between(deviations, four), share = 0, z = 0;
        for (size_t j = 0; j < 4; j++) {
            share += deviations[four[j]].share;
            z = fmax(z, fabs(deviations[four[j]].z));
            deviations[four[j]].share = 0;
        }
        struct deviation *first = &deviations[four[0]];
        *first = (struct deviation){
            .channel = four[0], .share = share, .observed = angle, .expected = 0, .z = z};
    }
}

/* ---- what it comes to ---- */

struct rates {
    double observed, expected; /* lengths of the vectors */
    double along;              /* of the observed along the expected */
    double residual;           /* length of the difference */
    double share;              /* of the score */
};

static struct rates sum_rates(const struct model *model, const struct deviation *deviations,
                              size_t group)
{
    double dot = 0, observed = 0, expected = 0, residual = 0, share = 0;
    for (size_t c = 0; c < model->channels; c++) {
        const struct deviation *d = &deviations[c];
        bool wanted = group == model->groups || model->channel[c].group == group;
        if (!wanted || strcmp(model->channel[c].unit, "deg/s") != 0)
            continue;
        dot += d->observed * d->expected;
        observed += d->observed * d->observed;
        expected += d->expected * d->expected;
        residual += (d->observed - d->expected) * (d->observed - d->expected);
        share += d->share;
    }
    double length = sqrt(expected);
    return (struct rates){.observed = sqrt(observed),
                          .expected = length,
                          .along = length > 0 ? dot / length : 0,
                          .residual = sqrt(residual),
                          .share = share};
}

static bool is_speed(const struct rates *rates)
{
    double difference = fabs(rates->along - rates->expected);
    return rates->expected >= RATE_LEAST && difference >= SPEED_LEAST * rates->expected &&
           difference >= ALONG_LEAST * rates->residual;
}

static size_t largest_channel(const struct model *model, const struct deviation *deviations,
                              size_t group)
{
    size_t best = SIZE_MAX;
    for (size_t c = 0; c < model->width; c++) {
        if (model->channel[c].group == group &&
            (best == SIZE_MAX || deviations[c].share > deviations[best].share))
            best = c;
    }
    return best;
}

/* Of what the group's channels read. */
static void find_in_group(const struct model *model, const struct deviation *deviations,
                          double group_share, struct finding *finding)
{
    size_t channel = largest_channel(model, deviations, finding->group);
    struct rates arm = sum_rates(model, deviations, model->groups);
    struct rates link = sum_rates(model, deviations, finding->group);
    finding->channel = channel;
    finding->observed = deviations[channel].observed;
    finding->expected = deviations[channel].expected;
    finding->kind = FINDING_VALUE;
    if (group_share < ARM_SHARE && is_speed(&arm)) {
        finding->kind = FINDING_ARM_SPEED;
        finding->observed = arm.along;
        finding->expected = arm.expected;
    } else if (link.share >= group_share / 3 && is_speed(&link)) {
        finding->kind = FINDING_LINK_SPEED;
        finding->observed = link.along;
        finding->expected = link.expected;
    } else if (link.share >= group_share / 3 && link.residual >= RATE_LEAST) {
        finding->kind = FINDING_LINK_MOVES;
        finding->observed = link.observed;
        finding->expected = link.expected;
    } else if (finding_is_rotation(model, channel)) {
        finding->kind = FINDING_ORIENTATION;
    }
}

/* Other detectors may look at the same channels, but at what they read now: they know nothing of a
 * whole step, or of the mean over many. */
struct finding finding_make(const struct model *model, const struct detector_kind *kind,
                            const struct deviation *deviations, size_t group, const float *row)
{
    struct finding finding = {.step = derivation_step(&model->derivation, row), .group = group};
    double share = 0;
    for (size_t c = 0; c < model->width; c++)
        share += model->channel[c].group == group ? deviations[c].share : 0;
    if (!(share > 0))
        return finding;
    if (kind == &step_time_kind) {
        finding.kind = FINDING_STEP_TIME;
        finding.channel = derivation_find(&model->derivation, DERIVED_MOVING_TIME);
    } else if (kind == &cycle_power_kind) {
        finding.kind = FINDING_LOAD;
        finding.channel = model->derivation.load;
    } else {
        find_in_group(model, deviations, share, &finding);
        return finding;
    }
    finding.observed = deviations[finding.channel].observed;
    finding.expected = deviations[finding.channel].expected;
    return finding;
}

/* ---- words ---- */

/* "turns 16 % slower than expected" */
static void speed_text(const struct finding *finding, const char *subject, const char *verb,
                       char ret_text[SPEED_TEXT_MAX])
{
    double ratio = finding->observed / finding->expected;
    int shown = json_utf8_head(subject, NAME_SHOWN);
    if (ratio < 0.05)
        snprintf(ret_text, SPEED_TEXT_MAX, "%.*s hardly %s", shown, subject, verb);
    else
        snprintf(ret_text, SPEED_TEXT_MAX, "%.*s %s %.0f %% %s than expected", shown, subject, verb,
                 100 * fabs(1 - ratio), ratio < 1 ? "slower" : "faster");
}

void finding_text(const struct finding *finding, const struct model *model,
                  char ret_text[FINDING_TEXT_MAX])
{
    char where[32] = "", text[SPEED_TEXT_MAX];
    const char *label = model->group_labels[finding->group];
    const struct model_channel *channel = &model->channel[finding->channel];
    const char *space = *channel->unit ? " " : "";
    int label_shown = json_utf8_head(label, NAME_SHOWN);
    int name_shown = json_utf8_head(channel->name, NAME_SHOWN);
    int unit_shown = json_utf8_head(channel->unit, UNIT_SHOWN);
    if (finding->step >= 0)
        snprintf(where, sizeof where, " in step %d", finding->step);
    ret_text[0] = '\0';
    switch (finding->kind) {
    case FINDING_NONE:
        break;
    case FINDING_STEP_TIME:
        snprintf(ret_text, FINDING_TEXT_MAX,
                 "step %d has lasted %.1f s of movement, usually %.1f s", finding->step,
                 finding->observed, finding->expected);
        break;
    case FINDING_LOAD:
        snprintf(ret_text, FINDING_TEXT_MAX,
                 "the program's steps take %.4g%s%.*s on average, usually %.4g (%.*s)",
                 finding->observed, space, unit_shown, channel->unit, finding->expected, name_shown,
                 channel->name);
        break;
    case FINDING_ARM_SPEED:
        /* Its length over all links is no speed of anything: only the share of it is told. */
        speed_text(finding, "the arm", "moves", text);
        snprintf(ret_text, FINDING_TEXT_MAX, "%s%s", text, where);
        break;
    case FINDING_LINK_SPEED:
        speed_text(finding, label, "turns", text);
        snprintf(ret_text, FINDING_TEXT_MAX, "%s%s (%.3g deg/s, expected %.3g)", text, where,
                 fmax(finding->observed, 0), finding->expected);
        break;
    case FINDING_LINK_MOVES:
        snprintf(ret_text, FINDING_TEXT_MAX,
                 "%.*s turns otherwise than expected%s (%.3g deg/s, expected %.3g)", label_shown,
                 label, where, finding->observed, finding->expected);
        break;
    case FINDING_ORIENTATION:
        snprintf(ret_text, FINDING_TEXT_MAX,
                 "%.*s is turned by %.3g deg from where it is expected%s", label_shown, label,
                 finding->observed, where);
        break;
    case FINDING_VALUE:
        snprintf(ret_text, FINDING_TEXT_MAX, "%.*s reads %.4g%s%.*s%s, expected %.4g", name_shown,
                 channel->name, finding->observed, space, unit_shown, channel->unit, where,
                 finding->expected);
        break;
    }
}

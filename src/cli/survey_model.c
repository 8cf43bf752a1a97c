/*
 * What comes against what a model was made of.
 *
 * Of a channel in health the model knows the rows of its self-test and its usual mean: enough for a
 * magnitude, so that only a factor of several is told, and only where it is one that units have.
 */
#include "cli/survey_advice.h"
#include "cli/survey_words.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_VALUES 20 /* that say something of a magnitude */
#define UNIT_WIDTH 1.35 /* of a factor, either way */
#define RATE_SHARE 0.05 /* as the daemon's state `degraded(rate)` */
#define NAME_LEAST 2    /* characters that two names need to have in common */

/* ---- names */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return tail >= NAME_LEAST && length > tail && !strcmp(text + length - tail, end);
}

enum likeness { UNLIKE, TAIL, FOLDED, EXACT };

static enum likeness compare_names(const char *channel, const char *tag)
{
    char a[SURVEY_NAME_MAX + 1], b[SURVEY_NAME_MAX + 1];
    if (!strcmp(channel, tag))
        return EXACT;
    survey_word_fold(channel, a, sizeof a);
    survey_word_fold(tag, b, sizeof b);
    if (*a && !strcmp(a, b))
        return FOLDED;
    return ends_with(a, b) || ends_with(b, a) ? TAIL : UNLIKE;
}

/* The tag that is most like a channel; of names with another prefix only one may be there. */
static size_t find_tag(const struct survey_sources *sources, const char *channel)
{
    enum likeness best = UNLIKE;
    size_t found = SIZE_MAX;
    bool doubtful = false;
    for (size_t t = 0; t < sources->tag_count && best < EXACT; t++) {
        enum likeness likeness = compare_names(channel, sources->tags[t].name);
        if (likeness > best) {
            best = likeness;
            found = t;
            doubtful = false;
        } else if (likeness == TAIL && best == TAIL &&
                   strcmp(sources->tags[found].name, sources->tags[t].name) != 0) {
            doubtful = true;
        }
    }
    return doubtful ? SIZE_MAX : found;
}

static bool unnamed(const struct survey_tag *tag)
{
    return !strncmp(tag->signal->name, "values[", strlen("values["));
}

/* How many values without names a topic's samples have. */
static size_t count_values(const struct survey_sources *sources, size_t topic)
{
    size_t count = 0;
    for (size_t t = 0; t < sources->tag_count; t++)
        count += sources->tags[t].signal->topic == topic && unnamed(&sources->tags[t]);
    return count;
}

static void match_unnamed(const struct survey_question *question, struct survey_advice *advice,
                          size_t topic)
{
    for (size_t t = 0; t < advice->sources.tag_count; t++) {
        const struct survey_tag *tag = &advice->sources.tags[t];
        size_t channel = strtoul(tag->signal->name + strlen("values["), NULL, 10);
        if (tag->signal->topic == topic && unnamed(tag) && channel < question->model->channels)
            advice->tag_of[channel] = t;
    }
}

int survey_match_model(const struct survey_question *question, struct survey_advice *advice)
{
    const struct model *model = question->model;
    advice->tag_of = calloc(model->channels + 1, sizeof *advice->tag_of);
    if (!advice->tag_of)
        return -ENOMEM;
    for (size_t c = 0; c < model->channels; c++)
        advice->tag_of[c] = find_tag(&advice->sources, model->channel[c].name);
    for (size_t t = 0; t < question->survey->topic_count; t++) {
        if (count_values(&advice->sources, t) == model->channels)
            match_unnamed(question, advice, t);
    }
    return 0;
}

static void find_counts(const struct survey_question *question, struct survey_advice *advice)
{
    for (size_t t = 0; t < question->survey->topic_count; t++) {
        size_t count = count_values(&advice->sources, t);
        if (count > 0 && count != question->model->channels)
            survey_finding_add(&advice->findings, SURVEY_ERROR,
                               "%s: %zu values without names, the model has %zu channels: every "
                               "sample would be refused (wrong_count)",
                               question->survey->topics[t].name, count, question->model->channels);
    }
}

static void find_names(const struct survey_question *question, struct survey_advice *advice)
{
    const struct model *model = question->model;
    struct survey_list missing = {.count = 0}, renamed = {.count = 0}, mapped = {.count = 0};
    for (size_t c = 0; c < model->channels; c++) {
        const char *name = model->channel[c].name;
        size_t tag = advice->tag_of[c];
        char pair[100];
        if (tag == SIZE_MAX) {
            survey_list_add(&missing, name);
            continue;
        }
        const struct survey_tag *found = &advice->sources.tags[tag];
        if (unnamed(found) || !strcmp(found->name, name))
            continue;
        snprintf(pair, sizeof pair, "%.40s as %.40s", name, found->name);
        bool sample = survey_source_is_sample(&advice->sources.items[found->source]);
        survey_list_add(sample ? &renamed : &mapped, pair);
    }
    if (missing.count > 0)
        survey_finding_add(&advice->findings, SURVEY_ERROR,
                           "%zu of the model's %zu channels do not come: %s: send them, or train a "
                           "model without them",
                           missing.count, model->channels, survey_list_end(&missing));
    if (renamed.count > 0)
        survey_finding_add(&advice->findings, SURVEY_ERROR,
                           "%zu of the model's channels come under another name: %s: rename them "
                           "in what sends",
                           renamed.count, survey_list_end(&renamed));
    if (mapped.count > 0)
        survey_finding_add(&advice->findings, SURVEY_HINT,
                           "%zu of the model's channels probably come under another name: %s: the "
                           "file says so; check it",
                           mapped.count, survey_list_end(&mapped));
}

static void find_extra(const struct survey_question *question, struct survey_advice *advice)
{
    struct survey_list extra = {.count = 0};
    size_t known = 0;
    for (size_t c = 0; c < question->model->channels; c++)
        known += advice->tag_of[c] != SIZE_MAX;
    for (size_t t = 0; t < advice->sources.tag_count; t++) {
        const struct survey_tag *tag = &advice->sources.tags[t];
        bool used = unnamed(tag);
        for (size_t c = 0; c < question->model->channels && !used; c++)
            used = advice->tag_of[c] != SIZE_MAX &&
                   !strcmp(advice->sources.tags[advice->tag_of[c]].name, tag->name);
        if (!used)
            survey_list_add(&extra, tag->name);
    }
    if (extra.count > 0 && known > 0)
        survey_finding_add(&advice->findings, SURVEY_HINT,
                           "%zu signals are no channels of the model, and ignored: %s", extra.count,
                           survey_list_end(&extra));
}

/* ---- rates */

static void find_rates(const struct survey_question *question, struct survey_advice *advice)
{
    double period_s = question->model->period_s;
    for (size_t s = 0; s < advice->sources.count; s++) {
        const struct survey_source *source = &advice->sources.items[s];
        for (size_t t = 0; survey_source_is_sample(source) && t < source->count; t++) {
            const struct survey_topic *topic = &question->survey->topics[source->topics[t]];
            double rate_hz = survey_topic_rate_hz(topic);
            if (topic->count < LEAST_VALUES || fabs(rate_hz * period_s - 1) <= RATE_SHARE)
                continue;
            survey_finding_add(&advice->findings, SURVEY_WARNING,
                               "%s: %.3g samples a second, the model was made for %.3g: send at "
                               "that rate, or train for this one",
                               topic->name, rate_hz, 1 / period_s);
        }
    }
}

/* ---- magnitudes */

struct magnitude {
    double spread, most;
};

static struct magnitude magnitude_in_health(const struct model *model, size_t channel)
{
    struct magnitude health = {0, 0};
    double mean = 0, m2 = 0;
    size_t count = 0;
    for (size_t row = 0; row < model->selftest_rows; row++) {
        double value = (double)model->selftest_input[row * model->width + channel];
        if (isnan(value))
            continue;
        double step = value - mean;
        mean += step / (double)++count;
        m2 += step * (value - mean);
        health.most = fmax(health.most, fabs(value));
    }
    if (!isnan(model->channel[channel].usual))
        health.most = fmax(health.most, fabs(model->channel[channel].usual));
    health.spread = count > 1 ? sqrt(m2 / (double)(count - 1)) : 0;
    return health;
}

/* How many times what the model knows; NAN if that cannot be said. The number of a program's step
 * has no unit, and a minute shows few of them. */
static double factor_of(const struct model *model, size_t channel,
                        const struct survey_signal *signal)
{
    struct magnitude health = magnitude_in_health(model, channel);
    double most = fmax(fabs(signal->min), fabs(signal->max));
    if (channel == model->derivation.step_channel && model->derivation.steps > 0)
        return (double)NAN;
    if (signal->numbers < LEAST_VALUES || survey_signal_flat(signal) || most <= 0 ||
        health.most <= 0)
        return (double)NAN;
    double factor = most / health.most;
    if (health.spread > 0)
        factor = sqrt(factor * survey_signal_spread(signal) / health.spread);
    return factor;
}

static const struct unit {
    double factor;
    const char *meaning; /* of that many times as much, and of as many times as little */
    const char *inverse;
} units[] = {
    {57.29578, "degrees instead of radians, or per minute instead of per second",
     "radians instead of degrees, or per second instead of per minute"},
    {1000, "milli- instead of the unit itself (mm for m)",
     "the unit itself instead of milli- (m for mm)"},
    {9.80665, "m/s2 instead of g, N instead of kg, or tenths",
     "g instead of m/s2, or kg instead of N"},
    {100, "per cent or centi- instead of the unit itself", "a share instead of per cent"},
    {1e6, "micro- instead of the unit itself", "the unit itself instead of micro-"},
};
#define UNITS (sizeof units / sizeof *units)

static size_t unit_of(double factor)
{
    for (size_t u = 0; u < UNITS; u++) {
        double off = factor / units[u].factor;
        if (off < UNIT_WIDTH && off > 1 / UNIT_WIDTH)
            return u;
    }
    return UNITS;
}

static void tell_unit(struct survey_findings *findings, size_t unit, bool more,
                      struct survey_list *list)
{
    bool one = list->count == 1;
    if (more)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%s %s about %.0f times what the model knows: %s? set \"scale\" in the "
                           "file of sources, or convert where it is sent",
                           survey_list_end(list), one ? "is" : "are", units[unit].factor,
                           units[unit].meaning);
    else
        survey_finding_add(findings, SURVEY_WARNING,
                           "%s %s about 1/%.0f of what the model knows: %s? set \"scale\" in the "
                           "file of sources, or convert where it is sent",
                           survey_list_end(list), one ? "is" : "are", units[unit].factor,
                           units[unit].inverse);
}

static void find_units(const struct survey_question *question, struct survey_advice *advice)
{
    struct survey_list more[UNITS] = {{.count = 0}}, less[UNITS] = {{.count = 0}};
    for (size_t c = 0; c < question->model->channels; c++) {
        if (advice->tag_of[c] == SIZE_MAX)
            continue;
        double factor =
            factor_of(question->model, c, advice->sources.tags[advice->tag_of[c]].signal);
        const char *name = question->model->channel[c].name;
        if (isnan(factor) || factor <= 0)
            continue;
        size_t unit = unit_of(factor), inverse = unit_of(1 / factor);
        if (unit < UNITS)
            survey_list_add(&more[unit], name);
        else if (inverse < UNITS)
            survey_list_add(&less[inverse], name);
    }
    for (size_t u = 0; u < UNITS; u++) {
        if (more[u].count > 0)
            tell_unit(&advice->findings, u, true, &more[u]);
        if (less[u].count > 0)
            tell_unit(&advice->findings, u, false, &less[u]);
    }
}

static void find_flat(const struct survey_question *question, struct survey_advice *advice)
{
    struct survey_list flat = {.count = 0};
    size_t moving = 0;
    for (size_t c = 0; c < question->model->channels; c++) {
        if (advice->tag_of[c] == SIZE_MAX || question->model->channel[c].constant)
            continue;
        const struct survey_signal *signal = advice->sources.tags[advice->tag_of[c]].signal;
        struct magnitude health = magnitude_in_health(question->model, c);
        if (signal->numbers < LEAST_VALUES || health.spread <= 0)
            continue;
        moving += !survey_signal_flat(signal);
        if (survey_signal_flat(signal))
            survey_list_add(&flat, question->model->channel[c].name);
    }
    if (flat.count > 0 && moving > 0)
        survey_finding_add(&advice->findings, SURVEY_WARNING,
                           "never changed here, but in the model's data: %s: a sensor that stands "
                           "still, or a bridge that sends an old value?",
                           survey_list_end(&flat));
}

void survey_advise_model(const struct survey_question *question, struct survey_advice *advice)
{
    find_counts(question, advice);
    find_names(question, advice);
    find_extra(question, advice);
    find_rates(question, advice);
    find_units(question, advice);
    find_flat(question, advice);
}

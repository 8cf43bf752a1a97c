/* What follows from what a survey has collected. */
#include "cli/survey.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double survey_seconds(const struct survey *survey)
{
    return (double)(survey->end_ns - survey->start_ns) / 1e9;
}

static double rate(uint64_t count, int64_t first_ns, int64_t last_ns)
{
    return count < 2 || last_ns <= first_ns
               ? 0
               : (double)(count - 1) / ((double)(last_ns - first_ns) / 1e9);
}

double survey_topic_rate_hz(const struct survey_topic *topic)
{
    return rate(topic->count, topic->first_ns, topic->last_ns);
}

double survey_topic_step_s(const struct survey_topic *topic)
{
    double steps[SURVEY_STEPS_MAX];
    size_t count = topic->step_count < SURVEY_STEPS_MAX ? topic->step_count : SURVEY_STEPS_MAX;
    for (size_t i = 0; i < count; i++)
        steps[i] = (double)topic->steps_s[i];
    qsort(steps, count, sizeof *steps, compare_doubles);
    return count > 0 ? steps[count / 2] : (double)NAN;
}

static double gap_s(int64_t longest_ns, int64_t last_ns, int64_t end_ns)
{
    int64_t since_ns = end_ns - last_ns;
    return (double)(since_ns > longest_ns ? since_ns : longest_ns) / 1e9;
}

double survey_topic_gap_s(const struct survey *survey, const struct survey_topic *topic)
{
    if (topic->count == 0)
        return survey_seconds(survey);
    return gap_s(topic->longest_ns, topic->last_ns, survey->end_ns);
}

bool survey_topic_skew(const struct survey_topic *topic, double *ret_median_s, double *ret_spread_s)
{
    double skews[SURVEY_SKEWS_MAX];
    size_t count = topic->skew_count < SURVEY_SKEWS_MAX ? topic->skew_count : SURVEY_SKEWS_MAX;
    if (count == 0)
        return false;
    memcpy(skews, topic->skews_s, count * sizeof *skews);
    qsort(skews, count, sizeof *skews, compare_doubles);
    *ret_median_s = skews[count / 2];
    *ret_spread_s = (skews[count * 9 / 10] - skews[count / 10]) / 2;
    return true;
}

bool survey_topic_coarse(const struct survey_topic *topic)
{
    return topic->skew_count > 2 && topic->whole_seconds == topic->skew_count &&
           survey_topic_step_s(topic) < 0.8;
}

double survey_signal_rate_hz(const struct survey_signal *signal)
{
    return rate(signal->live, signal->first_ns, signal->last_ns);
}

double survey_signal_gap_s(const struct survey *survey, const struct survey_signal *signal)
{
    if (signal->live == 0)
        return survey_seconds(survey);
    return gap_s(signal->longest_ns, signal->last_ns, survey->end_ns);
}

double survey_signal_spread(const struct survey_signal *signal)
{
    uint64_t known = signal->numbers + signal->bools;
    return known < 2 ? 0 : sqrt(fmax(signal->m2, 0) / (double)(known - 1));
}

bool survey_signal_flat(const struct survey_signal *signal)
{
    return signal->count - signal->nulls > 1 && signal->changes == 0;
}

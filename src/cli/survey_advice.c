#include "cli/survey_advice.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_STEPS 4 /* values of a tag that say at what rate it comes */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* To two digits: 0.1002 s is a tenth. */
static double round_two(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.2g", value);
    return strtod(text, NULL);
}

/* What the faster of the tags with numbers have: the lower quartile, for one of them may be odd. */
static double find_period(const struct survey_question *question,
                          const struct survey_advice *advice)
{
    const struct survey_sources *sources = &advice->sources;
    double *steps = calloc(sources->tag_count + 1, sizeof *steps), period = (double)NAN;
    size_t count = 0;
    if (question->model) {
        free(steps);
        return question->model->period_s;
    }
    for (size_t t = 0; steps && t < sources->tag_count; t++) {
        const struct survey_signal *signal = sources->tags[t].signal;
        double step = survey_topic_step_s(&question->survey->topics[signal->topic]);
        if (signal->numbers > LEAST_STEPS && signal->live > LEAST_STEPS && step > 0)
            steps[count++] = step;
    }
    if (count > 0) {
        qsort(steps, count, sizeof *steps, compare_doubles);
        period = round_two(fmin(fmax(steps[count / 4], 0.001), 60));
    }
    free(steps);
    return period;
}

int survey_advise(const struct survey_question *question, struct survey_advice *ret_advice)
{
    *ret_advice = (struct survey_advice){.period_s = (double)NAN};
    int r = survey_groups_find(question->survey, &ret_advice->groups);
    if (r == 0)
        r = survey_sources_find(question->survey, &ret_advice->groups, question->robot,
                                question->model, &ret_advice->sources);
    if (r == 0 && question->model)
        r = survey_match_model(question, ret_advice);
    if (r < 0)
        return r;
    ret_advice->period_s = find_period(question, ret_advice);
    survey_advise_stream(question, ret_advice);
    if (question->model)
        survey_advise_model(question, ret_advice);
    survey_advise_files(question, ret_advice);
    survey_findings_sort(&ret_advice->findings);
    return 0;
}

void survey_advice_deinit(struct survey_advice *advice)
{
    survey_groups_deinit(&advice->groups);
    survey_sources_deinit(&advice->sources);
    free(advice->tag_of);
    cJSON_Delete(advice->configuration);
    cJSON_Delete(advice->assembler);
    *advice = (struct survey_advice){0};
}

const char *survey_channel_of(const struct survey_question *question,
                              const struct survey_advice *advice, size_t tag)
{
    const struct survey_tag *known = &advice->sources.tags[tag];
    if (!question->model)
        return known->name;
    for (size_t c = 0; c < question->model->channels; c++) {
        size_t other = advice->tag_of[c];
        if (other != SIZE_MAX && !strcmp(advice->sources.tags[other].name, known->name))
            return question->model->channel[c].name;
    }
    return NULL;
}

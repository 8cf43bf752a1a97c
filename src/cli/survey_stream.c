/* Findings on what comes, whatever it is to become. */
#include "cli/survey_advice.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define AHEAD_S 5.0          /* as the daemon's state `degraded(clock)` */
#define BEHIND_S 60.0        /* a replay, or a clock that nobody sets */
#define GAP_FACTOR 10.0      /* longest gap against the median */
#define LEAST_MESSAGES 10    /* that say something of a rhythm */
#define DUPLICATE_SHARE 0.01 /* as the daemon's */

static void find_nothing(const struct survey_question *question, struct survey_findings *findings)
{
    const struct survey *survey = question->survey;
    uint64_t live = 0, retained = 0;
    for (size_t t = 0; t < survey->topic_count; t++) {
        live += survey->topics[t].count;
        retained += survey->topics[t].retained;
    }
    if (live == 0 && retained == 0)
        survey_finding_add(findings, SURVEY_ERROR,
                           "nothing came in %.0f s: do robots send to this broker, and may this "
                           "user read the topics? (a broker may refuse that without a word)",
                           survey_seconds(survey));
    else if (live == 0)
        survey_finding_add(findings, SURVEY_ERROR,
                           "only retained messages came (%" PRIu64 "), nothing new in %.0f s: "
                           "start what sends, or listen for longer (--for)",
                           retained, survey_seconds(survey));
}

/* ---- topics */

static void find_bad_payloads(const char *pattern, const struct survey_topic *topic,
                              struct survey_findings *findings)
{
    if (topic->large > 0)
        survey_finding_add(findings, SURVEY_ERROR,
                           "%s: %" PRIu64 " messages over 64 KiB, which armwatch refuses: send "
                           "less in one message",
                           pattern, topic->large);
    if (topic->forms[SURVEY_BROKEN] > 0)
        survey_finding_add(findings, SURVEY_ERROR,
                           "%s: %" PRIu64 " messages begin like JSON and are none (%s): they will "
                           "be refused; repair what sends them",
                           pattern, topic->forms[SURVEY_BROKEN], topic->broken);
    if (topic->forms[SURVEY_SPARKPLUG] > 0) {
        survey_finding_add(findings, SURVEY_HINT,
                           "%s: Sparkplug B, known by its topic only: its tags are not listed here",
                           pattern);
        return;
    }
    if (topic->recipe.way == SURVEY_UNREADABLE && topic->forms[SURVEY_OBJECT] > 0)
        survey_finding_add(findings, SURVEY_HINT,
                           "%s: JSON without a number in it: left out of the configuration",
                           pattern);
    if (topic->unread > 0 && topic->recipe.way != SURVEY_UNREADABLE)
        survey_finding_add(findings, SURVEY_HINT,
                           "%s: %" PRIu64 " of %" PRIu64 " messages are of another form than the "
                           "first, and were not looked at",
                           pattern, topic->unread, topic->count + topic->retained);
}

static void find_duplicates(const char *pattern, const struct survey_topic *topic,
                            struct survey_findings *findings)
{
    bool dated = topic->recipe.time.there || topic->recipe.way == SURVEY_WHOLE;
    if (dated && topic->count > LEAST_MESSAGES &&
        (double)topic->duplicates > DUPLICATE_SHARE * (double)topic->count)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%s: %" PRIu64 " of %" PRIu64 " messages repeat the one before: is "
                           "something sending twice (two bridges), or a source that stands still?",
                           pattern, topic->duplicates, topic->count);
}

static void find_gaps(const struct survey_question *question, const char *pattern,
                      const struct survey_topic *topic, struct survey_findings *findings)
{
    double gap_s = survey_topic_gap_s(question->survey, topic);
    double step_s = survey_topic_step_s(topic);
    bool samples = topic->recipe.way == SURVEY_WHOLE;
    if (topic->count > LEAST_MESSAGES && gap_s > GAP_FACTOR * step_s && gap_s > 1)
        survey_finding_add(findings, samples ? SURVEY_WARNING : SURVEY_HINT,
                           "%s: a gap of %.1f s in messages that come every %.3g s%s", pattern,
                           gap_s, step_s,
                           samples ? ": no window spans it; look at the network and the sender"
                                   : ": it may send changes only");
}

static void find_clock(const char *pattern, const struct survey_topic *topic,
                       struct survey_findings *findings)
{
    double skew_s, spread_s;
    if (topic->recipe.unit == SURVEY_US)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%s: times at %s are in microseconds, which armwatch does not know: "
                           "they are left out, and the time of arrival counts; send ms or ns",
                           pattern, topic->recipe.time.at);
    if (survey_topic_coarse(topic))
        survey_finding_add(findings, SURVEY_WARNING,
                           "%s: times at %s are whole seconds, messages come every %.2g s: they "
                           "are left out, and the time of arrival counts; send ms (Telegraf: "
                           "json_timestamp_units = \"1ms\")",
                           pattern, topic->recipe.time.at, survey_topic_step_s(topic));
    if (!survey_topic_skew(topic, &skew_s, &spread_s))
        return;
    if (skew_s > AHEAD_S)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%s: its clock (%s) is %.1f s ahead of this host: set one of them "
                           "(NTP); the robot would be degraded(clock)",
                           pattern, topic->recipe.time.at, skew_s);
    else if (skew_s < -BEHIND_S)
        survey_finding_add(
            findings, SURVEY_HINT,
            "%s: its times (%s) are %.0f s old: a replay, a clock that is behind, or "
            "a tag whose time is that of its last change",
            pattern, topic->recipe.time.at, -skew_s);
}

/* One of each group speaks for all: the first that has something to say. */
static void find_in_group(const struct survey_question *question, const struct survey_group *group,
                          struct survey_findings *findings)
{
    char pattern[SURVEY_TOPIC_BYTES + 2];
    size_t before[5];
    survey_group_pattern(question->survey, group, pattern, sizeof pattern);
    bool done[4] = {false};
    for (size_t t = 0; t < group->count; t++) {
        const struct survey_topic *topic = &question->survey->topics[group->topics[t]];
        before[0] = findings->count;
        if (!done[0])
            find_bad_payloads(pattern, topic, findings);
        before[1] = findings->count;
        if (!done[1])
            find_duplicates(pattern, topic, findings);
        before[2] = findings->count;
        if (!done[2])
            find_gaps(question, pattern, topic, findings);
        before[3] = findings->count;
        if (!done[3])
            find_clock(pattern, topic, findings);
        before[4] = findings->count;
        for (size_t i = 0; i < 4; i++)
            done[i] = done[i] || before[i + 1] > before[i];
    }
}

/* ---- signals */

static const char *full_name(const struct survey *survey, const struct survey_signal *signal)
{
    return *signal->name ? signal->name : survey->topics[signal->topic].name;
}

static void find_in_signals(const struct survey_question *question,
                            struct survey_findings *findings)
{
    const struct survey *survey = question->survey;
    struct survey_list flat = {.count = 0}, wordy = {.count = 0}, nulls = {.count = 0};
    size_t moving = 0;
    for (size_t s = 0; s < survey->signal_count; s++) {
        const struct survey_signal *signal = &survey->signals[s];
        if (signal->numbers > LEAST_MESSAGES && survey_signal_flat(signal))
            survey_list_add(&flat, full_name(survey, signal));
        moving += signal->numbers > LEAST_MESSAGES && !survey_signal_flat(signal);
        if (signal->more_words)
            survey_list_add(&wordy, full_name(survey, signal));
        if (signal->nulls > 0)
            survey_list_add(&nulls, full_name(survey, signal));
    }
    if (flat.count > 0 && moving == 0)
        survey_finding_add(findings, SURVEY_WARNING,
                           "nothing moves: none of %zu signals has changed; listen while the robot "
                           "works",
                           flat.count);
    else if (flat.count > 0 && !question->model)
        survey_finding_add(findings, SURVEY_HINT, "%zu signals never changed: %s", flat.count,
                           survey_list_end(&flat));
    if (wordy.count > 0)
        survey_finding_add(findings, SURVEY_HINT,
                           "more than %d different words, so no table can name them all: %s",
                           SURVEY_WORDS_MAX, survey_list_end(&wordy));
    if (nulls.count > 0)
        survey_finding_add(findings, SURVEY_HINT,
                           "null or not finite at times, which breaks windows: %s",
                           survey_list_end(&nulls));
}

static void find_bounds(const struct survey_question *question, struct survey_findings *findings)
{
    const struct survey *survey = question->survey;
    if (survey->lost_topics > 0)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%" PRIu64 " messages of topics beyond %d, or with names over %d bytes, "
                           "were not looked at: narrow --topic",
                           survey->lost_topics, SURVEY_TOPICS_MAX, SURVEY_TOPIC_BYTES);
    if (survey->lost_signals > 0)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%" PRIu64 " values of signals beyond %d, or with names over %d bytes, "
                           "were not looked at: narrow --topic",
                           survey->lost_signals, SURVEY_SIGNALS_MAX, SURVEY_NAME_MAX);
    if (survey->lost_leaves > 0)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%" PRIu64 " messages have over %d values: only the first were looked "
                           "at",
                           survey->lost_leaves, SURVEY_LEAVES_MAX);
    if (survey->lost_memory > 0)
        survey_finding_add(findings, SURVEY_WARNING, "memory was out: not everything was kept");
}

static void find_robots(struct survey_advice *advice)
{
    struct survey_list guessed = {.count = 0};
    for (size_t s = 0; s < advice->sources.count; s++) {
        if (advice->sources.items[s].guessed)
            survey_list_add(&guessed, advice->sources.items[s].pattern);
    }
    if (guessed.count > 0)
        survey_finding_add(&advice->findings, SURVEY_HINT,
                           "nothing names the robot on %s: it is called %s here; name it with "
                           "--robot",
                           survey_list_end(&guessed), SURVEY_ROBOT);
}

void survey_advise_stream(const struct survey_question *question, struct survey_advice *advice)
{
    struct survey_findings *findings = &advice->findings;
    find_nothing(question, findings);
    for (size_t g = 0; g < advice->groups.count; g++)
        find_in_group(question, &advice->groups.items[g], findings);
    find_in_signals(question, findings);
    find_bounds(question, findings);
    find_robots(advice);
}

/*
 * survey: what a broker sends, collected message by message: topics with their rates and forms,
 * signals with their values, clocks.
 *
 * Every message is an argument, and so is the time: nothing here knows of MQTT or of a clock.
 * Memory: bounded by the limits below, some 10 MiB; what is over is counted. Thread: one at a time.
 */
#ifndef ARMWATCH_CLI_SURVEY_H
#define ARMWATCH_CLI_SURVEY_H

#include "base/diag.h"
#include "cli/survey_form.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SURVEY_TOPICS_MAX 2048
#define SURVEY_TOPIC_BYTES 512 /* of its name; a longer one is not looked at */
#define SURVEY_SIGNALS_MAX 4096
#define SURVEY_WORDS_MAX 16      /* distinct words of a signal */
#define SURVEY_WORD_BYTES 63     /* of one; longer ones are cut */
#define SURVEY_NUMBERS_MAX 8     /* distinct numbers of a signal */
#define SURVEY_STEPS_MAX 128     /* newest times between messages of a topic */
#define SURVEY_SKEWS_MAX 128     /* newest differences of its clock */
#define SURVEY_LARGE_BYTES 65536 /* a sample's limit */

struct survey_topic {
    char *name;
    uint64_t count;    /* messages that were not retained */
    uint64_t retained; /* messages that were */
    uint64_t bytes;
    uint64_t large;      /* over SURVEY_LARGE_BYTES */
    uint64_t duplicates; /* the same bytes as in the message before */
    uint64_t unread;     /* no value was where one had been */
    uint64_t forms[SURVEY_FORMS];
    enum survey_form form; /* of the first that was not empty */
    struct survey_recipe recipe;
    char broken[160]; /* why the first broken JSON is none */
    int64_t first_ns, last_ns, longest_ns;
    float steps_s[SURVEY_STEPS_MAX];
    size_t step_count; /* in all; kept are the newest */
    double skews_s[SURVEY_SKEWS_MAX];
    size_t skew_count;      /* likewise */
    uint64_t wrong_time;    /* a time that could not be read */
    uint64_t whole_seconds; /* a time without a fraction */
    uint64_t last_hash;
};

struct survey_signal {
    size_t topic;
    char *name; /* "" where the topic is its name */
    uint64_t count, numbers, words, bools, nulls;
    uint64_t live; /* not retained */
    uint64_t changes;
    int64_t first_ns, last_ns, longest_ns; /* live ones */
    double min, max, mean, m2;             /* of the finite numbers and bools */
    double last;
    double distinct[SURVEY_NUMBERS_MAX];
    size_t distinct_count; /* SURVEY_NUMBERS_MAX + 1: more */
    char *word[SURVEY_WORDS_MAX];
    size_t word_count, last_word;
    bool more_words;
};

struct survey_index {
    uint32_t *slots; /* position + 1; 0: free */
    size_t size;
};

struct survey {
    const char *robot; /* a name to look for, or NULL; borrowed */
    struct survey_topic *topics;
    size_t topic_count;
    struct survey_signal *signals;
    size_t signal_count;
    struct survey_index topic_index, signal_index;
    int64_t start_ns, end_ns;
    uint64_t messages;
    uint64_t own;          /* that armwatchd itself sends */
    uint64_t lost_topics;  /* messages of topics over the limit */
    uint64_t lost_signals; /* values of signals over the limit */
    uint64_t lost_leaves;  /* messages with more values than are looked at */
    uint64_t lost_memory;
};

struct survey_message {
    const char *topic;
    const void *payload; /* NULL: its size alone is known */
    size_t size;
    bool retained;
    int64_t now_ns;  /* monotonic */
    int64_t wall_ns; /* of this host */
};

/* Errors: -ENOMEM. */
int survey_init(struct survey *survey, const char *robot, int64_t now_ns);
void survey_deinit(struct survey *survey); /* also of zeros */
void survey_take(struct survey *survey, const struct survey_message *message);
void survey_end(struct survey *survey, int64_t now_ns);

/* ---- what follows from it; after the end */

double survey_seconds(const struct survey *survey);
/* Messages a second; 0 for less than two. */
double survey_topic_rate_hz(const struct survey_topic *topic);
double survey_topic_step_s(const struct survey_topic *topic); /* median; NAN if not known */
/* The longest time without a message, up to the end. */
double survey_topic_gap_s(const struct survey *survey, const struct survey_topic *topic);
/* Median, and half of what lies between the 10th and the 90th percentile. False if not known. */
bool survey_topic_skew(const struct survey_topic *topic, double *ret_median_s,
                       double *ret_spread_s);
/* Its times are whole seconds, though it sends faster: they tell its messages apart no more. */
bool survey_topic_coarse(const struct survey_topic *topic);
double survey_signal_rate_hz(const struct survey_signal *signal);
double survey_signal_gap_s(const struct survey *survey, const struct survey_signal *signal);
double survey_signal_spread(const struct survey_signal *signal); /* standard deviation */
/* Came more than once, and never changed. */
bool survey_signal_flat(const struct survey_signal *signal);

#endif

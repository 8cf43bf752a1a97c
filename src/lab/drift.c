/*
 * Within sessions. A channel that follows the program comes back to the same mean in every block of
 * several cycles; one that wanders does not. Measured with blocks of 5 minutes: the joint
 * temperatures of a real UR3 .995, its currents and speeds at most .003; over 56 hours of eight
 * simulated arms a sensor that warms up or sticks and jumps .994, a mains voltage up to .48,
 * accelerations .19, angular rates .02. Shorter blocks narrow the gap: 2 minutes bring the voltage
 * to .82.
 *
 * Between sessions. A new session may put the mean elsewhere by more than the channel moves in one:
 * the yaw of an inertial sensor without a compass, the bias of an accelerometer at the foot, which
 * hardly moves. One channel alone has to show it clearly: there .7 to 9, on the other links .55.
 * But channels of a kind (sensor_id3_q1, sensor_id5_q4) share their physics, and where half of them
 * show it, all are suspected: an orientation of which some components happen to hide the yaw is
 * still not to be trusted. Medians of a kind, over the eight arms and 3 to 7 sessions: orientations
 * .46 to 1.3, mains voltage up to .44, everything else at most .17. A mean that wanders anyway
 * scatters from session to session too, so that the excess over the scatter of its blocks has to be
 * clear as well: orientations from 27, voltage up to 2.4.
 *
 * The movement is that of a typical block: one glitch of some g in an hour makes the standard
 * deviation of an accelerometer at rest ten times what it is.
 */
#include "lab/drift.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_S 300.0
#define BLOCK_MIN_S 120.0
#define BLOCKS_MIN 6
#define SESSIONS_MIN 3
#define VARYING_SHARE 0.002 /* of the rows, in a channel that is not constant */
#define ROUNDING 1e-6       /* of a value: a few units in the last place of a float */
#define BLOCK_SHARE_MAX 0.9
#define KIND_RATIO_MAX 0.3
#define CHANNEL_RATIO_MAX 1.0
#define EXCESS_MIN 5.0

/* Sums over the sessions that are long enough; all [channels]. */
struct sums {
    size_t channels, sessions;
    double *typical; /* median variance of the rows of a block */
    double *between; /* variance of the block means of a session */
    double *scatter; /* variance of a session's mean as its block means explain it */
    double *mean;    /* [sessions][channels] */
};

/* One session's. */
struct blocks {
    size_t count, rows;      /* rows of each */
    double *mean, *variance; /* [count][channels] */
    double *column;          /* [count] */
};

static bool is_valid(const struct drift_session *session, size_t i)
{
    return session->recording->valid[i] != 0;
}

static const float *row_of(const struct drift_session *session, size_t i)
{
    return session->recording->values + i * session->recording->channels;
}

static size_t valid_rows(const struct drift_session *session)
{
    size_t count = 0;
    for (size_t i = session->first; i < session->end; i++)
        count += is_valid(session, i);
    return count;
}

/* ---- constant channels ---- */

static bool differs(float value, float from)
{
    return fabs((double)value - (double)from) > ROUNDING * fabs((double)from);
}

/* The value that most rows have, if one has a majority: each other value takes one vote away. */
static float majority_value(const struct drift_session *sessions, size_t count, size_t channel)
{
    float value = 0;
    size_t votes = 0;
    for (size_t s = 0; s < count; s++) {
        for (size_t i = sessions[s].first; i < sessions[s].end; i++) {
            if (!is_valid(&sessions[s], i))
                continue;
            float found = row_of(&sessions[s], i)[channel];
            if (votes == 0)
                value = found;
            votes = votes == 0 || !differs(found, value) ? votes + 1 : votes - 1;
        }
    }
    return value;
}

static bool is_constant(const struct drift_session *sessions, size_t count, size_t channel)
{
    float value = majority_value(sessions, count, channel);
    size_t rows = 0, different = 0;
    for (size_t s = 0; s < count; s++) {
        for (size_t i = sessions[s].first; i < sessions[s].end; i++) {
            rows += is_valid(&sessions[s], i);
            different +=
                is_valid(&sessions[s], i) && differs(row_of(&sessions[s], i)[channel], value);
        }
    }
    return (double)different <= VARYING_SHARE * (double)rows;
}

/* ---- blocks and sessions ---- */

/* Valid rows of a block; 0 where the session is too short for enough of them. */
static size_t block_rows(size_t rows, double period_s)
{
    double usual = BLOCK_S / period_s, scaled = (double)rows / BLOCKS_MIN;
    double block = floor(fmin(usual, scaled));
    return block * period_s >= BLOCK_MIN_S && block >= 2 ? (size_t)block : 0;
}

/* Mean and variance of the valid rows from *at on, so many of them; *at moves behind the last. */
static void measure_block(const struct drift_session *session, size_t rows, size_t *at,
                          double *ret_mean, double *ret_variance)
{
    size_t channels = session->recording->channels, first = *at, taken = 0;
    for (; taken < rows; ++*at) {
        if (!is_valid(session, *at))
            continue;
        for (size_t c = 0; c < channels; c++)
            ret_mean[c] += (double)row_of(session, *at)[c] / (double)rows;
        taken++;
    }
    for (size_t i = first; i < *at; i++) {
        for (size_t c = 0; is_valid(session, i) && c < channels; c++) {
            double d = (double)row_of(session, i)[c] - ret_mean[c];
            ret_variance[c] += d * d / (double)rows;
        }
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lower of two in the middle. Sorts the values. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count > 0 ? values[(count - 1) / 2] : 0;
}

static void add_channel(const struct blocks *blocks, size_t channel, struct sums *sums)
{
    double count = (double)blocks->count, mean = 0, between = 0;
    const double *means = blocks->mean + channel, *variances = blocks->variance + channel;
    for (size_t b = 0; b < blocks->count; b++)
        mean += means[b * sums->channels] / count;
    for (size_t b = 0; b < blocks->count; b++) {
        double d = means[b * sums->channels] - mean;
        between += d * d / count;
        blocks->column[b] = variances[b * sums->channels];
    }
    sums->mean[sums->sessions * sums->channels + channel] = mean;
    sums->between[channel] += between;
    sums->typical[channel] += median(blocks->column, blocks->count);
    sums->scatter[channel] += between / (count - 1);
}

/* Rows behind the last whole block are left out. */
static int add_session(const struct drift_session *session, struct blocks *blocks,
                       struct sums *sums)
{
    size_t cells = blocks->count * sums->channels, at = session->first;
    blocks->mean = calloc(cells, sizeof *blocks->mean);
    blocks->variance = calloc(cells, sizeof *blocks->variance);
    blocks->column = calloc(blocks->count, sizeof *blocks->column);
    int r = blocks->mean && blocks->variance && blocks->column ? 0 : -ENOMEM;
    for (size_t b = 0; r == 0 && b < blocks->count; b++)
        measure_block(session, blocks->rows, &at, blocks->mean + b * sums->channels,
                      blocks->variance + b * sums->channels);
    for (size_t c = 0; r == 0 && c < sums->channels; c++)
        add_channel(blocks, c, sums);
    sums->sessions += r == 0;
    free(blocks->mean);
    free(blocks->variance);
    free(blocks->column);
    return r;
}

static double deviation_of_means(const struct sums *sums, size_t channel)
{
    double mean = 0, squares = 0, count = (double)sums->sessions;
    for (size_t s = 0; s < sums->sessions; s++)
        mean += sums->mean[s * sums->channels + channel] / count;
    for (size_t s = 0; s < sums->sessions; s++) {
        double d = sums->mean[s * sums->channels + channel] - mean;
        squares += d * d / (count - 1);
    }
    return sqrt(squares);
}

/* A spread that is nothing but rounding counts as none. */
static double ratio(double a, double b, double magnitude)
{
    double least = ROUNDING * magnitude;
    return a <= least ? 0 : b <= least ? (double)INFINITY : a / b;
}

static void judge_means(const struct sums *sums, struct drift_channel *channels)
{
    double count = (double)sums->sessions;
    for (size_t c = 0; sums->sessions > 0 && c < sums->channels; c++) {
        double magnitude = fabs(sums->mean[c]), typical = sqrt(sums->typical[c] / count);
        double share = ratio(sqrt(sums->between[c] / count), typical, magnitude);
        channels[c].block_share = isinf(share) ? 1 : share * share / (1 + share * share);
        if (sums->sessions < SESSIONS_MIN)
            continue;
        double deviation = deviation_of_means(sums, c);
        channels[c].session_ratio = ratio(deviation, typical, magnitude);
        channels[c].session_excess = ratio(deviation, sqrt(sums->scatter[c] / count), 0);
    }
}

/* ---- kinds ---- */

/* Are two names the same but for their numbers? */
static bool same_kind(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a += strspn(a, "0123456789");
            b += strspn(b, "0123456789");
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}

static void judge_kinds(const struct recording *recording, double *ratios, double *excesses,
                        struct drift_channel *channels)
{
    for (size_t c = 0; c < recording->channels; c++) {
        size_t count = 0;
        for (size_t other = 0; other < recording->channels; other++) {
            bool same = recording->named ? same_kind(recording->names[c], recording->names[other])
                                         : other == c;
            if (!same || channels[other].finding == DRIFT_CONSTANT)
                continue;
            ratios[count] = channels[other].session_ratio;
            excesses[count++] = channels[other].session_excess;
        }
        channels[c].kind_ratio = median(ratios, count);
        channels[c].kind_excess = median(excesses, count);
    }
}

static enum drift_finding judge(const struct drift_channel *channel)
{
    if (channel->finding == DRIFT_CONSTANT)
        return DRIFT_CONSTANT;
    if (channel->block_share > BLOCK_SHARE_MAX)
        return DRIFT_WITHIN;
    bool alone = channel->session_ratio > CHANNEL_RATIO_MAX && channel->session_excess > EXCESS_MIN;
    bool kind = channel->kind_ratio > KIND_RATIO_MAX && channel->kind_excess > EXCESS_MIN;
    return alone || kind ? DRIFT_BETWEEN : DRIFT_NONE;
}

static int measure(const struct drift_session *sessions, size_t count, double period_s,
                   struct drift_report *report, struct diag *diag)
{
    size_t channels = sessions[0].recording->channels;
    struct sums sums = {.channels = channels};
    double *memory = calloc((count + 5) * channels, sizeof *memory);
    report->channel = calloc(channels, sizeof *report->channel);
    int r = memory && report->channel ? 0 : -ENOMEM;
    if (r == 0) {
        sums.typical = memory;
        sums.between = memory + channels;
        sums.scatter = memory + 2 * channels;
        sums.mean = memory + 5 * channels;
    }
    for (size_t s = 0; r == 0 && s < count; s++) {
        size_t rows = valid_rows(&sessions[s]), block = block_rows(rows, period_s);
        if (block > 0)
            r = add_session(&sessions[s], &(struct blocks){.count = rows / block, .rows = block},
                            &sums);
    }
    if (r < 0) {
        free(memory);
        return diag_errno(diag, r, "drift");
    }
    report->sessions = sums.sessions;
    for (size_t c = 0; c < channels; c++)
        report->channel[c].finding = is_constant(sessions, count, c) ? DRIFT_CONSTANT : DRIFT_NONE;
    judge_means(&sums, report->channel);
    judge_kinds(sessions[0].recording, memory + 3 * channels, memory + 4 * channels,
                report->channel);
    for (size_t c = 0; c < channels; c++)
        report->channel[c].finding = judge(&report->channel[c]);
    free(memory);
    return 0;
}

int drift_measure(const struct drift_session *sessions, size_t count, double period_s,
                  struct drift_report *ret_report, struct diag *diag)
{
    *ret_report = (struct drift_report){0};
    size_t rows = 0;
    for (size_t s = 0; s < count; s++)
        rows += valid_rows(&sessions[s]);
    if (rows == 0)
        return diag_set(diag, "no valid row to learn from");
    return measure(sessions, count, period_s, ret_report, diag);
}

void drift_report_deinit(struct drift_report *report)
{
    free(report->channel);
    *report = (struct drift_report){0};
}

const char *drift_finding_text(enum drift_finding finding)
{
    static const char *const texts[DRIFT_FINDINGS] = {
        [DRIFT_NONE] = "",
        [DRIFT_CONSTANT] = "constant",
        [DRIFT_WITHIN] = "drifts within a session",
        [DRIFT_BETWEEN] = "differs between sessions",
    };
    return texts[finding];
}

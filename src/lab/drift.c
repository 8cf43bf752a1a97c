/*
 * Within sessions. A channel that follows the program comes back to the same mean in every block of
 * several cycles; one that wanders does not. Measured with blocks of 5 minutes: the joint
 * temperatures of a real UR3 .98, its currents and speeds at most .02; of 56 hours of eight
 * simulated arms a warming sensor .99, one that sticks and jumps once .86, a mains voltage .33,
 * accelerations and angular rates .02.
 *
 * Between sessions. A new session may put the mean elsewhere by more than the channel moves in one:
 * the yaw of an inertial sensor without a compass. One channel alone has to show it clearly. But
 * channels of a kind (sensor_id3_q1, sensor_id5_q4) share their physics, and where half of them
 * show it, all are suspected: an orientation of which some components happen to hide the yaw is
 * still not to be trusted. Median of a kind, over eight simulated arms and 3 to 7 sessions:
 * orientations .48 to 1.4, mains voltage up to .36, everything else under .17. A mean that wanders
 * anyway scatters from session to session too, so that the excess over its blocks' scatter has to
 * be clear as well: orientations over 13, voltage up to 2.4.
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
#define BLOCK_SHARE_MAX 0.8
#define KIND_RATIO_MAX 0.4
#define CHANNEL_RATIO_MAX 1.0
#define EXCESS_MIN 3.0

/* Sums over the sessions that are long enough; all [channels]. */
struct sums {
    size_t channels, sessions;
    double *within, *between; /* variances within a session, and of its block means */
    double *scatter;          /* variance of a session's mean as its block means explain it */
    double *mean, *block;     /* [sessions][channels] the means; one block's */
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

/* Mean of the valid rows from *at on, so many of them; *at moves behind the last. */
static void average(const struct drift_session *session, size_t rows, size_t *at, double *ret_mean)
{
    size_t channels = session->recording->channels, taken = 0;
    memset(ret_mean, 0, channels * sizeof *ret_mean);
    for (; taken < rows; ++*at) {
        if (!is_valid(session, *at))
            continue;
        for (size_t c = 0; c < channels; c++)
            ret_mean[c] += (double)row_of(session, *at)[c];
        taken++;
    }
    for (size_t c = 0; c < channels; c++)
        ret_mean[c] /= (double)rows;
}

/* Rows behind the last whole block are left out of everything. */
static void add_session(const struct drift_session *session, size_t block, size_t blocks,
                        struct sums *sums)
{
    double *mean = sums->mean + sums->sessions * sums->channels;
    double rows = (double)(block * blocks);
    size_t at = session->first;
    average(session, block * blocks, &at, mean);
    size_t end = at;
    for (size_t i = session->first; i < end; i++) {
        for (size_t c = 0; is_valid(session, i) && c < sums->channels; c++) {
            double d = (double)row_of(session, i)[c] - mean[c];
            sums->within[c] += d * d / rows;
        }
    }
    at = session->first;
    for (size_t b = 0; b < blocks; b++) {
        average(session, block, &at, sums->block);
        for (size_t c = 0; c < sums->channels; c++) {
            double d = sums->block[c] - mean[c], square = d * d / (double)blocks;
            sums->between[c] += square;
            sums->scatter[c] += square / (double)(blocks - 1);
        }
    }
    sums->sessions++;
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
        double within = sqrt(sums->within[c] / count), magnitude = fabs(sums->mean[c]);
        double share = ratio(sqrt(sums->between[c] / count), within, magnitude);
        channels[c].block_share = share * share;
        if (sums->sessions < SESSIONS_MIN)
            continue;
        double deviation = deviation_of_means(sums, c);
        channels[c].session_ratio = ratio(deviation, within, magnitude);
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

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count > 0 ? values[(count - 1) / 2] : 0;
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
    double *memory = calloc((count + 6) * channels, sizeof *memory);
    report->channel = calloc(channels, sizeof *report->channel);
    if (!memory || !report->channel) {
        free(memory);
        return diag_errno(diag, ENOMEM, "drift");
    }
    sums.within = memory;
    sums.between = memory + channels;
    sums.scatter = memory + 2 * channels;
    sums.block = memory + 3 * channels;
    double *ratios = memory + 4 * channels, *excesses = memory + 5 * channels;
    sums.mean = memory + 6 * channels;
    for (size_t s = 0; s < count; s++) {
        size_t rows = valid_rows(&sessions[s]), block = block_rows(rows, period_s);
        if (block > 0)
            add_session(&sessions[s], block, rows / block, &sums);
    }
    report->sessions = sums.sessions;
    for (size_t c = 0; c < channels; c++)
        report->channel[c].finding = is_constant(sessions, count, c) ? DRIFT_CONSTANT : DRIFT_NONE;
    judge_means(&sums, report->channel);
    judge_kinds(sessions[0].recording, ratios, excesses, report->channel);
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

/*
 * Why block maxima: scores of overlapping windows are so correlated that a quantile of them says
 * nothing about alarms a day. One maximum a block counts an episode once, and blocks of half a
 * minute are nearly exchangeable.
 *
 * Why a floor under the fitted quantile: a fit is an average over all peaks, and one that runs
 * below what has been seen promises something the data already contradict.
 */
#include "model/calibration.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400.0
#define PARETO_MIN_BLOCKS 100
#define EXPONENTIAL_MIN_BLOCKS 20

static const char *const tail_names[] = {
    [CALIBRATION_PARETO] = "pareto",
    [CALIBRATION_EXPONENTIAL] = "exponential",
    [CALIBRATION_MAXIMUM] = "maximum",
};
#define TAIL_COUNT (sizeof tail_names / sizeof tail_names[0])

int calibration_tail_parse(const char *name, enum calibration_tail *ret_tail, struct diag *diag)
{
    for (size_t i = 0; i < TAIL_COUNT; i++) {
        if (!strcmp(name, tail_names[i])) {
            *ret_tail = (enum calibration_tail)i;
            return 0;
        }
    }
    return diag_set(diag, "\"%.32s\", must be pareto, exponential or maximum", name);
}

const char *calibration_tail_name(enum calibration_tail tail)
{
    return tail_names[tail];
}

/* ---- blocks ---- */

void calibration_blocks_init(struct calibration_blocks *blocks, double block_s, double period_s)
{
    assert(block_s > 0 && period_s > 0);
    double full = round(block_s / period_s);
    *blocks = (struct calibration_blocks){
        .block_s = block_s,
        .period_s = period_s,
        .full = full > 1 ? (size_t)full : 1,
    };
}

void calibration_blocks_deinit(struct calibration_blocks *blocks)
{
    free(blocks->maxima);
    free(blocks->source);
    blocks->maxima = NULL;
    blocks->source = NULL;
}

/* The session has its first block. */
static int begin_session(struct calibration_blocks *blocks)
{
    struct calibration_source *source =
        realloc(blocks->source, (blocks->sessions + 1) * sizeof *source);
    if (!source)
        return -ENOMEM;
    source[blocks->sessions++] =
        (struct calibration_source){.number = blocks->ended + 1, .first = blocks->count};
    blocks->source = source;
    blocks->in_session = true;
    return 0;
}

int calibration_blocks_end_block(struct calibration_blocks *blocks)
{
    size_t windows = blocks->in_block;
    blocks->in_block = 0;
    if (windows == 0 || 2 * windows < blocks->full)
        return 0;
    if (blocks->count == blocks->capacity) {
        size_t capacity = blocks->capacity ? 2 * blocks->capacity : 256;
        double *maxima = realloc(blocks->maxima, capacity * sizeof *maxima);
        if (!maxima)
            return -ENOMEM;
        blocks->maxima = maxima;
        blocks->capacity = capacity;
    }
    if (!blocks->in_session && begin_session(blocks) < 0)
        return -ENOMEM;
    blocks->maxima[blocks->count++] = blocks->maximum;
    blocks->windows += windows;
    blocks->source[blocks->sessions - 1].windows += windows;
    return 0;
}

int calibration_blocks_push(struct calibration_blocks *blocks, int64_t time_ns, double statistic)
{
    if (!isfinite(statistic))
        return -EINVAL;
    double step_s = ((double)time_ns - (double)blocks->time_ns) / 1e9;
    int r = 0;
    if (blocks->in_block > 0 && (step_s < 0 || step_s > blocks->block_s))
        r = calibration_blocks_end_block(blocks);
    if (blocks->in_block == 0 || statistic > blocks->maximum)
        blocks->maximum = statistic;
    blocks->time_ns = time_ns;
    blocks->in_block++;
    if (r == 0 && blocks->in_block == blocks->full)
        r = calibration_blocks_end_block(blocks);
    return r;
}

int calibration_blocks_end_session(struct calibration_blocks *blocks)
{
    int r = calibration_blocks_end_block(blocks);
    blocks->in_session = false;
    blocks->ended++;
    return r;
}

double calibration_blocks_hours(const struct calibration_blocks *blocks)
{
    return (double)blocks->windows * blocks->period_s / 3600;
}

/* ---- fit ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static size_t wanted_peaks(size_t blocks)
{
    if (blocks >= PARETO_MIN_BLOCKS) {
        size_t tenth = blocks / 10, fifth = blocks / 5;
        return tenth > 30 ? tenth : fifth < 30 ? fifth : 30;
    }
    return blocks / 5 > 10 ? blocks / 5 : 10;
}

/* The margin never vanishes, or the least rise above constant scores would be impossible. */
static double scale_floor(double maximum)
{
    return fmax(1e-3 * fabs(maximum), 1e-9);
}

static void fit_maximum(struct calibration *calibration, const double *sorted)
{
    size_t n = calibration->blocks;
    double median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
    calibration->tail = CALIBRATION_MAXIMUM;
    calibration->level = sorted[n - 1];
    calibration->peaks = 1;
    calibration->excess.gamma = 0;
    calibration->excess.sigma = fmax(sorted[n - 1] - median, 0.1 * fabs(sorted[n - 1]));
}

/* An end that no score can pass is never believed, however well it explains the peaks: they are of
 * the sessions that were seen, and one that was not may lie beyond. With it, one of eight simulated
 * robots had six false alarms of analog in 36 h, at 1.01 to 1.17 of a threshold that 24 sessions
 * had never reached; without it none. The exponential tail in its place is its predictive
 * distribution, gamma = 1 / peaks, which allows for the scale being an estimate. A tail without a
 * mean (gamma of 1 and more) is not believed either: scores that come in steps, such as times
 * counted in samples, give peaks that all but repeat the level, and a fit that takes their ties for
 * a shape. */
static void fit_tail(struct calibration *calibration, const double *excess, double mean)
{
    double peaks = (double)calibration->peaks;
    calibration->tail = CALIBRATION_EXPONENTIAL;
    calibration->excess = (struct pareto){.gamma = 1 / peaks, .sigma = mean};
    struct pareto fitted;
    if (calibration->blocks < PARETO_MIN_BLOCKS ||
        pareto_fit(excess, calibration->peaks, &fitted) < 0)
        return;
    if (fitted.gamma >= 1 || fitted.gamma < calibration->excess.gamma)
        return;
    calibration->tail = CALIBRATION_PARETO;
    calibration->excess = fitted;
}

static int fit_peaks(struct calibration *calibration, const double *sorted)
{
    size_t n = calibration->blocks, peaks = wanted_peaks(n);
    double level = sorted[n - peaks - 1];
    double *excess = malloc(peaks * sizeof *excess);
    if (!excess)
        return -ENOMEM;
    double sum = 0;
    for (size_t i = 0; i < peaks; i++) {
        excess[i] = sorted[n - peaks + i] - level;
        sum += excess[i];
    }
    calibration->level = level;
    calibration->peaks = peaks;
    fit_tail(calibration, excess, sum / (double)peaks);
    free(excess);
    return 0;
}

/* Rank, from 0, of a stored maximum among all. */
static size_t stored_rank(const struct calibration *calibration, size_t index)
{
    if (calibration->stored == calibration->blocks)
        return index;
    return index * (calibration->blocks - 1) / (calibration->stored - 1);
}

/* Keeps evenly spaced ranks, in place. */
static void thin(struct calibration *calibration)
{
    if (calibration->blocks > CALIBRATION_STORED_MAX)
        calibration->stored = CALIBRATION_STORED_MAX;
    for (size_t i = 0; i < calibration->stored; i++)
        calibration->maxima[i] = calibration->maxima[stored_rank(calibration, i)];
}

int calibration_fit(struct calibration *calibration, const struct calibration_blocks *blocks,
                    struct diag *diag)
{
    if (blocks->count == 0)
        return diag_set(diag, "calibration: less than half a block (%g s) of evaluated time",
                        blocks->block_s);
    *calibration = (struct calibration){
        .block_s = blocks->block_s,
        .hours = calibration_blocks_hours(blocks),
        .sessions = blocks->sessions,
        .blocks = blocks->count,
        .stored = blocks->count,
        .maxima = malloc(blocks->count * sizeof *calibration->maxima),
    };
    if (!calibration->maxima)
        return diag_errno(diag, ENOMEM, "calibration");
    double *sorted = calibration->maxima;
    memcpy(sorted, blocks->maxima, blocks->count * sizeof *sorted);
    qsort(sorted, blocks->count, sizeof *sorted, compare_doubles);
    int r = 0;
    if (blocks->count < EXPONENTIAL_MIN_BLOCKS)
        fit_maximum(calibration, sorted);
    else
        r = fit_peaks(calibration, sorted);
    if (r < 0) {
        calibration_deinit(calibration);
        return diag_errno(diag, -r, "calibration");
    }
    calibration->excess.sigma =
        fmax(calibration->excess.sigma, scale_floor(sorted[blocks->count - 1]));
    thin(calibration);
    return 0;
}

void calibration_deinit(struct calibration *calibration)
{
    free(calibration->maxima);
    free(calibration->left_out.session);
    calibration->maxima = NULL;
    calibration->left_out = (struct calibration_left_out){0};
}

int calibration_check(const struct calibration *calibration, struct diag *diag)
{
    if (!(calibration->block_s > 0) || !isfinite(calibration->block_s))
        return diag_set(diag, "calibration: block_s %g, must be over 0", calibration->block_s);
    if (!(calibration->hours > 0) || !isfinite(calibration->hours))
        return diag_set(diag, "calibration: hours %g, must be over 0", calibration->hours);
    if (calibration->sessions == 0 || calibration->sessions > calibration->blocks)
        return diag_set(diag, "calibration: %zu sessions in %zu blocks", calibration->sessions,
                        calibration->blocks);
    if (calibration->stored == 0 || calibration->stored > CALIBRATION_STORED_MAX ||
        calibration->stored > calibration->blocks ||
        (calibration->stored < calibration->blocks &&
         calibration->stored != CALIBRATION_STORED_MAX))
        return diag_set(diag, "calibration: %zu maxima of %zu blocks", calibration->stored,
                        calibration->blocks);
    /* No score is negative: a limit that is would turn every ratio to it round. */
    for (size_t i = 0; i < calibration->stored; i++) {
        double least = i > 0 ? calibration->maxima[i - 1] : 0;
        if (!isfinite(calibration->maxima[i]) || calibration->maxima[i] < least)
            return diag_set(diag, "calibration: maximum %zu is %g, must be finite and at least %g",
                            i, calibration->maxima[i], least);
    }
    if (calibration->peaks == 0 || calibration->peaks > calibration->blocks)
        return diag_set(diag, "calibration: %zu peaks of %zu blocks", calibration->peaks,
                        calibration->blocks);
    if (!isfinite(calibration->level) || calibration->level < 0 ||
        !(fabs(calibration->excess.gamma) <= 100) || !(calibration->excess.sigma > 0) ||
        !isfinite(calibration->excess.sigma))
        return diag_set(diag, "calibration: level %g, gamma %g, sigma %g", calibration->level,
                        calibration->excess.gamma, calibration->excess.sigma);
    return calibration_check_left_out(calibration, diag);
}

/* ---- use ---- */

/* Value of the stored maximum at, or next above, a rank from 0. */
static double observed(const struct calibration *calibration, size_t rank)
{
    size_t low = 0, high = calibration->stored - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stored_rank(calibration, middle) >= rank)
            high = middle;
        else
            low = middle + 1;
    }
    return calibration->maxima[low];
}

double calibration_threshold(const struct calibration *calibration, double false_alarms_per_day)
{
    assert(false_alarms_per_day > 0);
    double n = (double)calibration->blocks;
    /* Share of blocks with an alarm, if alarms come as a Poisson process of that rate. */
    double share = -expm1(-false_alarms_per_day * calibration->block_s / DAY_S);
    double allowed = fmin(floor(n * share), n - 1);
    double threshold = observed(calibration, calibration->blocks - 1 - (size_t)allowed);
    double tail_share = (double)calibration->peaks / n;
    if (share < tail_share) {
        double excess = pareto_quantile(&calibration->excess, share / tail_share);
        threshold = fmax(threshold, calibration->level + excess);
    }
    return fmax(threshold, CALIBRATION_THRESHOLD_MIN);
}

/* Conformal p-value at the stored maximum `index`: repeated values all count. */
static double conformal(const struct calibration *calibration, size_t index)
{
    size_t low = 0, high = index;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (calibration->maxima[middle] < calibration->maxima[index])
            low = middle + 1;
        else
            high = middle;
    }
    size_t at_least = calibration->blocks - stored_rank(calibration, low);
    return (double)(1 + at_least) / (double)(calibration->blocks + 1);
}

double calibration_p_value(const struct calibration *calibration, double statistic)
{
    const double *maxima = calibration->maxima;
    size_t last = calibration->stored - 1;
    if (statistic <= maxima[0])
        return 1;
    if (statistic >= maxima[last]) {
        double at_last = pareto_survival(&calibration->excess, maxima[last] - calibration->level);
        double at_value = pareto_survival(&calibration->excess, statistic - calibration->level);
        double ratio = at_last > 0 ? at_value / at_last : 0;
        return fmax(conformal(calibration, last) * ratio, DBL_MIN);
    }
    /* Between two maxima: a straight line, which stays on the safe side of the steps. */
    size_t low = 0, high = last;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (maxima[middle] <= statistic)
            low = middle;
        else
            high = middle;
    }
    double along = (statistic - maxima[low]) / (maxima[high] - maxima[low]);
    double p_low = conformal(calibration, low), p_high = conformal(calibration, high);
    return p_low + along * (p_high - p_low);
}

double calibration_supported_per_day(const struct calibration *calibration)
{
    return calibration_rate_of_hours(calibration->hours);
}

double calibration_rate_of_hours(double hours)
{
    return 3 / hours * 24;
}

double calibration_hours_for_rate(double per_day)
{
    return 3 / per_day * 24;
}

double calibration_new_session_risk(const struct calibration *calibration)
{
    return 1 - pow(0.05, 1 / (double)calibration->sessions);
}

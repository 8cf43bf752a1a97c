/*
 * Why sessions are compared: each has its own offsets, so that a single one fills but a few of the
 * deciles of several. What lies no further from the calibration than its own sessions do from each
 * other is a new session, and not yet drift. That of S + 1 sessions alike the newest is the one
 * apart has a chance of 1 / (S + 1): more sessions, and more of them in the live hours, make a
 * level surer.
 *
 * Why the design effect is measured on the numbers of the bins: it is the bins that are counted,
 * and ranks do not mind a heavy tail.
 *
 * Why half a block is added to each bin: an empty bin would make the index infinite.
 */
#include "model/psi.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define STAY_RATIO 0.8  /* of a limit, for a level that is there */
#define LEAST_FREEDOM 5 /* of a variance */
#define PSEUDO_COUNT 0.5
#define COUNT_MAX (INT64_C(1) << 31)

/* 99 % points of chi-square with 1, 2, ... degrees of freedom. */
static const double chi_square_99[PSI_BINS - 1] = {6.635,  9.210,  11.345, 13.277, 15.086,
                                                   16.812, 18.475, 20.090, 21.666};

const char *psi_level_name(enum psi_level level)
{
    static const char *const names[] = {"stable", "moderate", "large"};
    return names[level];
}

/* ---- the index ---- */

static double total(const uint32_t *count, size_t bins)
{
    double sum = 0;
    for (size_t b = 0; b < bins; b++)
        sum += count[b];
    return sum;
}

struct comparison {
    double index;     /* without what chance is expected to give; 0 or over */
    bool significant; /* chance gives it at most once in a hundred */
};

static struct comparison compare(const uint32_t *live, const uint32_t *usual, size_t bins,
                                 double design_effect)
{
    double n = total(live, bins), m = total(usual, bins);
    double padding = PSEUDO_COUNT * (double)bins, raw = 0;
    for (size_t b = 0; b < bins; b++) {
        double p = (live[b] + PSEUDO_COUNT) / (n + padding);
        double q = (usual[b] + PSEUDO_COUNT) / (m + padding);
        raw += (p - q) * log(p / q);
    }
    double chance = design_effect * (1 / n + 1 / m);
    return (struct comparison){
        .index = fmax(raw - (double)(bins - 1) * chance, 0),
        .significant = raw > chi_square_99[bins - 2] * chance,
    };
}

/* ---- the reference ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Edges at the deciles. Values that repeat share a bin; where all are the same, that value is the
 * one edge, and any above it falls in a bin that was empty. */
static void place_edges(struct psi_reference *reference, const double *sorted, size_t count)
{
    size_t edges = 0;
    for (size_t i = 1; i < PSI_BINS; i++) {
        double edge = sorted[(i * count + PSI_BINS - 1) / PSI_BINS - 1];
        bool fresh = edges == 0 || edge > reference->edge[edges - 1];
        if (fresh && edge < sorted[count - 1])
            reference->edge[edges++] = edge;
    }
    if (edges == 0)
        reference->edge[edges++] = sorted[count - 1];
    reference->bins = edges + 1;
}

/* A sum of squared deviations from the means of the sessions. */
struct spread {
    double sum, squares, count; /* in the present session */
    double within, freedom;     /* over all sessions that have ended */
};

static void spread_push(struct spread *spread, double value)
{
    spread->sum += value;
    spread->squares += value * value;
    spread->count++;
}

static void spread_end_session(struct spread *spread)
{
    if (spread->count > 1) {
        spread->within += spread->squares - spread->sum * spread->sum / spread->count;
        spread->freedom += spread->count - 1;
    }
    spread->sum = spread->squares = spread->count = 0;
}

/* How many times larger the variance of a stretch's mean is than that of as many blocks drawn at
 * random from its session. */
static double measure_design_effect(const struct psi_reference *reference, const double *means,
                                    const size_t *session_end, size_t sessions)
{
    struct spread blocks = {0}, stretches = {0};
    for (size_t s = 0, i = 0; s < sessions; s++) {
        double in_stretch = 0;
        for (size_t n = 1; i < session_end[s]; i++, n++) {
            double bin = (double)psi_bin(reference, means[i]);
            spread_push(&blocks, bin);
            in_stretch += bin;
            if (n % PSI_STRETCH == 0) {
                spread_push(&stretches, in_stretch);
                in_stretch = 0;
            }
        }
        spread_end_session(&blocks);
        spread_end_session(&stretches);
    }
    if (stretches.freedom < LEAST_FREEDOM)
        return PSI_STRETCH; /* not known: the most that could have been found */
    double alone = PSI_STRETCH * blocks.within / blocks.freedom;
    double together = stretches.within / stretches.freedom;
    return alone > 0 ? fmin(fmax(together / alone, 1), PSI_STRETCH) : 1;
}

/* The largest index of a session against all the others. */
static double measure_between(const struct psi_reference *reference, const double *means,
                              const size_t *session_end, size_t sessions)
{
    double largest = 0;
    for (size_t s = 0, i = 0; s < sessions; s++) {
        uint32_t one[PSI_BINS] = {0}, others[PSI_BINS] = {0};
        for (; i < session_end[s]; i++)
            one[psi_bin(reference, means[i])]++;
        for (size_t b = 0; b < reference->bins; b++)
            others[b] = reference->count[b] - one[b];
        if (!(total(one, reference->bins) > 0) || !(total(others, reference->bins) > 0))
            continue;
        struct comparison comparison =
            compare(one, others, reference->bins, reference->design_effect);
        largest = fmax(largest, comparison.index);
    }
    return largest;
}

int psi_reference_fit(const double *means, const size_t *session_end, size_t sessions,
                      struct psi_reference *ret_reference)
{
    *ret_reference = (struct psi_reference){0};
    size_t count = sessions ? session_end[sessions - 1] : 0;
    if (count < PSI_BINS)
        return 0;
    double *sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    memcpy(sorted, means, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    place_edges(ret_reference, sorted, count);
    for (size_t i = 0; i < count; i++)
        ret_reference->count[psi_bin(ret_reference, sorted[i])]++;
    free(sorted);
    ret_reference->design_effect =
        measure_design_effect(ret_reference, means, session_end, sessions);
    ret_reference->between = measure_between(ret_reference, means, session_end, sessions);
    return 0;
}

size_t psi_bin(const struct psi_reference *reference, double mean)
{
    size_t bin = 0;
    while (bin + 1 < reference->bins && mean > reference->edge[bin])
        bin++;
    return bin;
}

/* ---- the level ---- */

struct psi psi_compare(const struct psi_reference *reference, const uint32_t *count,
                       enum psi_level before)
{
    static const double limits[] = {
        [PSI_MODERATE] = PSI_MODERATE_LIMIT,
        [PSI_LARGE] = PSI_LARGE_LIMIT,
    };
    assert(total(count, reference->bins) > 0);
    struct comparison comparison =
        compare(count, reference->count, reference->bins, reference->design_effect);
    struct psi psi = {.index = comparison.index, .level = PSI_LARGE};
    while (psi.level > PSI_STABLE) {
        double limit = fmax(limits[psi.level], reference->between);
        if (comparison.significant &&
            comparison.index > (before >= psi.level ? STAY_RATIO * limit : limit))
            break;
        psi.level--;
    }
    return psi;
}

/* ---- in a file ---- */

cJSON *psi_reference_format(const struct psi_reference *reference)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *edges = cJSON_AddArrayToObject(object, "edges");
    cJSON *counts = cJSON_AddArrayToObject(object, "counts");
    cJSON_AddNumberToObject(object, "design_effect", reference->design_effect);
    cJSON_AddNumberToObject(object, "between_sessions", reference->between);
    for (size_t b = 0; b < reference->bins; b++) {
        if (b + 1 < reference->bins)
            cJSON_AddItemToArray(edges, cJSON_CreateNumber(reference->edge[b]));
        cJSON_AddItemToArray(counts, cJSON_CreateNumber(reference->count[b]));
    }
    return object;
}

static int load_edges(const cJSON *list, struct psi_reference *reference, struct diag *diag)
{
    size_t count = (size_t)cJSON_GetArraySize(list), at = 0;
    const cJSON *entry;
    if (count < 1 || count > PSI_BINS - 1)
        return diag_set(diag, "edges: %zu, must be 1 to %d", count, PSI_BINS - 1);
    reference->bins = count + 1;
    cJSON_ArrayForEach(entry, list)
    {
        double edge = cJSON_IsNumber(entry) ? entry->valuedouble : (double)NAN;
        if (!isfinite(edge) || (at > 0 && edge <= reference->edge[at - 1]))
            return diag_set(diag, "edges: entry %zu, must be a finite number, and rising", at);
        reference->edge[at++] = edge;
    }
    return 0;
}

static int load_counts(const cJSON *list, struct psi_reference *reference, struct diag *diag)
{
    size_t at = 0;
    const cJSON *entry;
    if ((size_t)cJSON_GetArraySize(list) != reference->bins)
        return diag_set(diag, "counts: %d, must be one more than edges", cJSON_GetArraySize(list));
    cJSON_ArrayForEach(entry, list)
    {
        double value = cJSON_IsNumber(entry) ? entry->valuedouble : -1;
        if (!(value >= 0) || value >= (double)COUNT_MAX || value != floor(value))
            return diag_set(diag, "counts: entry %zu, must be a whole number of 0 and more", at);
        reference->count[at++] = (uint32_t)value;
    }
    return total(reference->count, reference->bins) > 0
               ? 0
               : diag_set(diag, "counts: must not all be 0");
}

int psi_reference_load(const cJSON *object, struct psi_reference *ret_reference, struct diag *diag)
{
    const cJSON *edges, *counts;
    *ret_reference = (struct psi_reference){0};
    int r = json_get_array(object, "edges", true, &edges, diag);
    if (r == 0)
        r = load_edges(edges, ret_reference, diag);
    if (r == 0)
        r = json_get_array(object, "counts", true, &counts, diag);
    if (r == 0)
        r = load_counts(counts, ret_reference, diag);
    if (r == 0)
        r = json_get_number(object, "design_effect", true, 1, PSI_STRETCH,
                            &ret_reference->design_effect, diag);
    if (r == 0)
        r = json_get_number(object, "between_sessions", true, 0, 1e6, &ret_reference->between,
                            diag);
    return r;
}

/*
 * Why the design effect is measured on the numbers of the bins: it is the bins that are counted,
 * and ranks do not mind a heavy tail. Its stretches stay within a session, their variance is taken
 * over all of them: so blocks of few sessions count for little where sessions differ, as they
 * should.
 *
 * Why half a block is added to each bin: an empty bin would make the index infinite.
 */
#include "model/psi.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STAY_RATIO 0.8    /* of a limit, for a level that is there */
#define LEAST_STRETCHES 6 /* that a variance is taken from */
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

static double variance(double sum, double sum_of_squares, double count)
{
    return fmax((sum_of_squares - sum * sum / count) / (count - 1), 0);
}

/* How many times larger the variance of a stretch's mean is than that of as many blocks drawn at
 * random. */
static double measure_design_effect(const struct psi_reference *reference, const double *means,
                                    const size_t *session_end, size_t sessions)
{
    double sum = 0, squares = 0, stretch_sum = 0, stretch_squares = 0;
    size_t stretches = 0, begin = 0;
    for (size_t s = 0; s < sessions; begin = session_end[s++]) {
        double in_stretch = 0;
        for (size_t i = begin; i < session_end[s]; i++) {
            double bin = (double)psi_bin(reference, means[i]);
            sum += bin;
            squares += bin * bin;
            in_stretch += bin;
            if ((i - begin + 1) % PSI_STRETCH != 0)
                continue;
            stretches++;
            stretch_sum += in_stretch;
            stretch_squares += in_stretch * in_stretch;
            in_stretch = 0;
        }
    }
    if (stretches < LEAST_STRETCHES)
        return PSI_STRETCH; /* not known: the most that could have been found */
    double alone = PSI_STRETCH * variance(sum, squares, (double)begin);
    double together = variance(stretch_sum, stretch_squares, (double)stretches);
    return alone > 0 ? fmin(fmax(together / alone, 1), PSI_STRETCH) : 1;
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
    return 0;
}

size_t psi_bin(const struct psi_reference *reference, double mean)
{
    size_t bin = 0;
    while (bin + 1 < reference->bins && mean > reference->edge[bin])
        bin++;
    return bin;
}

/* ---- the index ---- */

static double total(const uint32_t *count, size_t bins)
{
    double sum = 0;
    for (size_t b = 0; b < bins; b++)
        sum += count[b];
    return sum;
}

static double divergence(const struct psi_reference *reference, const uint32_t *count, double live,
                         double usual)
{
    double padding = PSEUDO_COUNT * (double)reference->bins, sum = 0;
    for (size_t b = 0; b < reference->bins; b++) {
        double p = (count[b] + PSEUDO_COUNT) / (live + padding);
        double q = (reference->count[b] + PSEUDO_COUNT) / (usual + padding);
        sum += (p - q) * log(p / q);
    }
    return sum;
}

static bool over(double index, double limit, bool there)
{
    return index > (there ? STAY_RATIO * limit : limit);
}

struct psi psi_compare(const struct psi_reference *reference, const uint32_t *count,
                       enum psi_level before)
{
    size_t freedom = reference->bins - 1;
    double live = total(count, reference->bins), usual = total(reference->count, reference->bins);
    assert(live > 0 && usual > 0);
    double chance = reference->design_effect * (1 / live + 1 / usual);
    double raw = divergence(reference, count, live, usual);
    struct psi psi = {.index = fmax(raw - (double)freedom * chance, 0)};
    if (raw <= chi_square_99[freedom - 1] * chance)
        return psi;
    if (over(psi.index, PSI_LARGE_LIMIT, before == PSI_LARGE))
        psi.level = PSI_LARGE;
    else if (over(psi.index, PSI_MODERATE_LIMIT, before >= PSI_MODERATE))
        psi.level = PSI_MODERATE;
    return psi;
}

/* ---- in a file ---- */

cJSON *psi_reference_format(const struct psi_reference *reference)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *edges = cJSON_AddArrayToObject(object, "edges");
    cJSON *counts = cJSON_AddArrayToObject(object, "counts");
    cJSON_AddNumberToObject(object, "design_effect", reference->design_effect);
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
    return r;
}

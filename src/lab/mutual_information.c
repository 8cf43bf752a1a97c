/*
 * In one dimension the neighbours of a value are beside it in sorted order: one sort a channel,
 * then a few steps for the third neighbour of the same class and two binary searches for the rows
 * of both classes that are nearer. Counts are integers, so digamma is a table of harmonic numbers.
 */
#include "lab/mutual_information.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define NEIGHBOURS 3
#define ROWS_MIN (NEIGHBOURS + 2) /* of each class */
#define EULER 0.57721566490153286

struct sample {
    float value;
    bool anomalous;
};

struct column {
    size_t count[2];        /* of each class */
    struct sample *sample;  /* [count[0] + count[1]] */
    float *all, *class_[2]; /* sorted values; class_ [count[class]] */
    double *digamma;        /* [count[0] + count[1] + 1] */
};

static int compare_samples(const void *a, const void *b)
{
    float x = ((const struct sample *)a)->value, y = ((const struct sample *)b)->value;
    return (x > y) - (x < y);
}

/* Distance from the value at a place to its third neighbour in sorted values. */
static double neighbour_distance(const float *values, size_t count, size_t place)
{
    double x = (double)values[place], distance = 0;
    size_t low = place, high = place;
    for (size_t k = 0; k < NEIGHBOURS; k++) {
        double below = low > 0 ? x - (double)values[low - 1] : (double)INFINITY;
        double above = high + 1 < count ? (double)values[high + 1] - x : (double)INFINITY;
        distance = fmin(below, above);
        low -= below <= above;
        high += below > above;
    }
    return distance;
}

/* How many of sorted values are nearer to x than distance; where that is 0, how many equal x. */
static size_t count_nearer(const float *values, size_t count, double x, double distance)
{
    size_t low = 0, end = count;
    while (low < end) {
        size_t middle = low + (end - low) / 2;
        double below = x - (double)values[middle];
        if (distance > 0 ? below >= distance : below > 0)
            low = middle + 1;
        else
            end = middle;
    }
    size_t first = low;
    end = count;
    while (low < end) {
        size_t middle = low + (end - low) / 2;
        double above = (double)values[middle] - x;
        if (distance > 0 ? above < distance : above <= 0)
            low = middle + 1;
        else
            end = middle;
    }
    return low - first;
}

static void load_column(struct column *column, const struct labelled_rows *rows, size_t channel)
{
    size_t used = 0, of_class[2] = {0, 0};
    for (size_t i = 0; i < rows->rows; i++) {
        if (!rows->valid || rows->valid[i])
            column->sample[used++] =
                (struct sample){rows->values[i * rows->channels + channel], rows->label[i] != 0};
    }
    qsort(column->sample, used, sizeof *column->sample, compare_samples);
    for (size_t i = 0; i < used; i++) {
        bool anomalous = column->sample[i].anomalous;
        column->all[i] = column->sample[i].value;
        column->class_[anomalous][of_class[anomalous]++] = column->sample[i].value;
    }
}

static double column_information(const struct column *column)
{
    size_t total = column->count[0] + column->count[1];
    double sum = 0;
    for (size_t class_ = 0; class_ < 2; class_++) {
        size_t count = column->count[class_];
        const float *values = column->class_[class_];
        for (size_t i = 0; i < count; i++) {
            double x = (double)values[i], distance = neighbour_distance(values, count, i);
            size_t same = count_nearer(values, count, x, distance);
            size_t both = count_nearer(column->all, total, x, distance);
            sum += column->digamma[same] - column->digamma[both] - column->digamma[count];
        }
    }
    return fmax(0, column->digamma[total] + sum / (double)total);
}

static int column_init(struct column *column, const struct labelled_rows *rows, struct diag *diag)
{
    *column = (struct column){0};
    for (size_t i = 0; i < rows->rows; i++)
        column->count[rows->label[i] != 0] += !rows->valid || rows->valid[i];
    if (column->count[0] < ROWS_MIN || column->count[1] < ROWS_MIN)
        return diag_set(diag,
                        "%zu normal and %zu anomalous rows: mutual information with the label "
                        "needs at least %d of each",
                        column->count[0], column->count[1], ROWS_MIN);
    size_t total = column->count[0] + column->count[1];
    column->sample = malloc(total * sizeof *column->sample);
    column->all = malloc(total * sizeof *column->all);
    column->class_[0] = malloc(column->count[0] * sizeof(float));
    column->class_[1] = malloc(column->count[1] * sizeof(float));
    column->digamma = malloc((total + 1) * sizeof *column->digamma);
    if (!column->sample || !column->all || !column->class_[0] || !column->class_[1] ||
        !column->digamma)
        return diag_errno(diag, ENOMEM, "mutual information");
    column->digamma[0] = -(double)INFINITY;
    column->digamma[1] = -EULER;
    for (size_t i = 1; i < total; i++)
        column->digamma[i + 1] = column->digamma[i] + 1 / (double)i;
    return 0;
}

int mutual_information(const struct labelled_rows *rows, double *ret_information, struct diag *diag)
{
    struct column column;
    int r = column_init(&column, rows, diag);
    for (size_t c = 0; r == 0 && c < rows->channels; c++) {
        load_column(&column, rows, c);
        ret_information[c] = column_information(&column);
    }
    free(column.sample);
    free(column.all);
    free(column.class_[0]);
    free(column.class_[1]);
    free(column.digamma);
    return r;
}

int mutual_information_best(const double *information, size_t count, size_t keep,
                            size_t *ret_places)
{
    bool *chosen = calloc(count + 1, sizeof *chosen);
    if (!chosen)
        return -ENOMEM;
    for (size_t k = 0; k < keep; k++) {
        size_t best = count;
        for (size_t c = 0; c < count; c++) {
            if (!chosen[c] && (best == count || information[c] > information[best]))
                best = c;
        }
        chosen[best] = true;
    }
    for (size_t c = 0, used = 0; c < count; c++) {
        if (chosen[c])
            ret_places[used++] = c;
    }
    free(chosen);
    return 0;
}

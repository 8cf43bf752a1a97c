/*
 * The distance of projections is never more than that of what is projected. So: get the distances
 * of all projections by |a|^2 / 2 - ab + |b|^2 / 2, which is one product of a vector and a matrix;
 * measure the rows that look nearest, and then those that could still be nearer than the worst of
 * what was found. A product of matrices for several queries takes longer: it copies the rows'
 * matrix first, and that matrix is thin.
 *
 * Products only decide what is measured: their last digits hang on the kernel that BLAS chose,
 * while the distances that are returned are summed in one order everywhere.
 */
#include "model/nearest.h"

#include "nn/blas.h"
#include "nn/vector.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define PROPOSED 8 /* rows are measured first, or twice as many as are wanted */
#define SLACK 1e-5 /* of the largest square */
#define RIGHT_ANGLE 1e-5
#define BLOCK 64 /* rows that are looked at together */

static int check_directions(const struct nearest_rows *among, struct diag *diag)
{
    for (size_t i = 0; i < among->directions; i++) {
        for (size_t j = 0; j <= i; j++) {
            const float *a = among->direction + i * among->width;
            double product = vector_dot(among->width, a, among->direction + j * among->width);
            if (!(fabs(product - (i == j ? 1 : 0)) <= RIGHT_ANGLE))
                return diag_set(diag, "directions %zu and %zu: product %g, must be %d", j, i,
                                product, i == j);
        }
    }
    return 0;
}

static void project(struct nearest *nearest)
{
    const struct nearest_rows *among = &nearest->among;
    float *half_square = nearest->projected + among->directions * among->rows;
    for (size_t i = 0; i < among->rows; i++) {
        double squares = 0;
        for (size_t d = 0; d < among->directions; d++) {
            double value = vector_dot(among->width, among->row + i * among->width,
                                      among->direction + d * among->width);
            nearest->projected[d * among->rows + i] = (float)value;
            squares += value * value;
        }
        half_square[i] = (float)(squares / 2);
        nearest->slack = fmaxf(nearest->slack, (float)(SLACK * squares));
    }
}

int nearest_init(struct nearest *nearest, const struct nearest_rows *among, size_t neighbours,
                 struct diag *diag)
{
    assert(neighbours > 0 && neighbours <= NEAREST_NEIGHBOURS_MAX && neighbours <= among->rows);
    assert(among->directions > 0 && among->directions <= among->width &&
           among->directions <= NEAREST_DIRECTIONS_MAX);
    *nearest = (struct nearest){.among = *among, .neighbours = neighbours};
    int r = check_directions(among, diag);
    if (r < 0)
        return r;
    nearest->projected = vector_new((among->directions + 1) * among->rows);
    nearest->query = vector_new(among->directions + 1);
    nearest->product = vector_new(among->rows);
    if (!nearest->projected || !nearest->query || !nearest->product)
        return diag_errno(diag, ENOMEM, "rows");
    project(nearest);
    return 0;
}

void nearest_deinit(struct nearest *nearest)
{
    free(nearest->projected);
    free(nearest->query);
    free(nearest->product);
    *nearest = (struct nearest){0};
}

/* The nearest so far, sorted by rising distance. */
struct list {
    size_t count, most;
    struct neighbour item[2 * NEAREST_NEIGHBOURS_MAX];
};

static double worst_of(const struct list *list)
{
    return list->count < list->most ? (double)INFINITY : list->item[list->most - 1].distance;
}

/* Nearer than the worst of a full list. */
static void keep(struct list *list, double distance, size_t row)
{
    size_t at = list->count < list->most ? list->count++ : list->count - 1;
    for (; at > 0 && list->item[at - 1].distance > distance; at--)
        list->item[at] = list->item[at - 1];
    list->item[at] = (struct neighbour){distance, row};
}

static void measure(const struct nearest *nearest, const float *query, size_t row,
                    struct list *found)
{
    size_t width = nearest->among.width;
    const float *values = nearest->among.row + row * width;
    double sum = 0;
    for (size_t c = 0; c < width; c++) {
        double difference = (double)query[c] - (double)values[c];
        sum += difference * difference;
    }
    if (sum < worst_of(found))
        keep(found, sum, row);
}

/* Hardly any block has one, and this is quick to say. */
static bool any_below(const float *values, size_t count, float limit)
{
    unsigned below = 0;
    if (count == BLOCK) {
        for (size_t i = 0; i < BLOCK; i++)
            below |= values[i] < limit;
        return below;
    }
    for (size_t i = 0; i < count; i++)
        below |= values[i] < limit;
    return below;
}

/* The next row from `row` on whose product is below the limit; `rows`: there is none. */
static size_t next_below(const struct nearest *nearest, size_t row, float limit)
{
    const float *product = nearest->product;
    size_t rows = nearest->among.rows;
    while (row < rows) {
        size_t end = (row / BLOCK + 1) * BLOCK;
        end = end < rows ? end : rows;
        if (any_below(product + row, end - row, limit)) {
            while (!(product[row] < limit))
                row++;
            return row;
        }
        row = end;
    }
    return rows;
}

/* The rows whose projections are nearest. */
static void propose(const struct nearest *nearest, struct list *ret_proposed)
{
    size_t rows = nearest->among.rows, most = 2 * nearest->neighbours;
    most = most > PROPOSED ? most : PROPOSED;
    *ret_proposed = (struct list){.most = most < rows ? most : rows};
    for (size_t i = 0; (i = next_below(nearest, i, (float)worst_of(ret_proposed))) < rows; i++)
        keep(ret_proposed, (double)nearest->product[i], i);
}

static bool is_in(const struct list *list, size_t row)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->item[i].row == row)
            return true;
    }
    return false;
}

/* nearest->product: half the squared distances of the projections, less half_square. */
static void find(const struct nearest *nearest, const float *query, double half_square,
                 struct neighbour *ret_neighbours)
{
    struct list proposed, found = {.most = nearest->neighbours};
    size_t rows = nearest->among.rows;
    double slack = (double)nearest->slack + SLACK * half_square;
    propose(nearest, &proposed);
    for (size_t i = 0; i < proposed.count; i++)
        measure(nearest, query, proposed.item[i].row, &found);
    for (size_t i = 0;; i++) {
        double limit = worst_of(&found) / 2 - half_square + slack;
        i = next_below(nearest, i, (float)limit);
        if (i == rows)
            break;
        if (!is_in(&proposed, i))
            measure(nearest, query, i, &found);
    }
    for (size_t n = 0; n < nearest->neighbours; n++)
        ret_neighbours[n] =
            n < found.count ? found.item[n] : (struct neighbour){(double)INFINITY, 0};
}

void nearest_find(struct nearest *nearest, const float *queries, size_t count,
                  struct neighbour *ret_neighbours)
{
    const struct nearest_rows *among = &nearest->among;
    size_t directions = among->directions;
    for (size_t i = 0; i < count; i++) {
        const float *query = queries + i * among->width;
        double half_square = 0;
        for (size_t d = 0; d < directions; d++) {
            double value = vector_dot(among->width, query, among->direction + d * among->width);
            nearest->query[d] = (float)-value;
            half_square += value * value / 2;
        }
        nearest->query[directions] = 1;
        blas_vector_matrix(directions + 1, among->rows, nearest->query, nearest->projected,
                           nearest->product);
        find(nearest, query, half_square, ret_neighbours + i * nearest->neighbours);
    }
}

void nearest_mean(const struct nearest *nearest, const struct neighbour *neighbours,
                  float *ret_mean)
{
    size_t width = nearest->among.width;
    for (size_t c = 0; c < width; c++) {
        double sum = 0;
        for (size_t n = 0; n < nearest->neighbours; n++)
            sum += (double)nearest->among.row[neighbours[n].row * width + c];
        ret_mean[c] = (float)(sum / (double)nearest->neighbours);
    }
}

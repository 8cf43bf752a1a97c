/*
 * |a - b|^2 = |a|^2 - 2 ab + |b|^2: |a|^2 is the same for all rows and |b|^2 is known, so the order
 * of the rows follows from one product. It is made in blocks of rows, so that a block's results are
 * still in the cache when they are looked at.
 *
 * The product's last digits hang on the kernel that BLAS chose and on how many queries it was given
 * at once, so it only proposes: a few more rows than are wanted are measured again, summed in one
 * order everywhere.
 */
#include "model/nearest.h"

#include "nn/blas.h"
#include "nn/vector.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define BLOCK 1024 /* rows */
#define MORE 8     /* are proposed than are wanted */
#define PROPOSED_MAX (NEAREST_NEIGHBOURS_MAX + MORE)

/* The nearest so far, sorted by rising distance. */
struct nearest_list {
    size_t count, most;
    struct neighbour item[PROPOSED_MAX];
};

int nearest_init(struct nearest *nearest, const float *row, size_t rows, size_t width,
                 size_t neighbours)
{
    assert(width > 0 && neighbours > 0 && neighbours <= NEAREST_NEIGHBOURS_MAX &&
           neighbours <= rows);
    *nearest = (struct nearest){.rows = rows, .width = width, .neighbours = neighbours, .row = row};
    nearest->half_square = vector_new(rows);
    nearest->product = vector_new((size_t)NEAREST_BATCH_MAX * BLOCK);
    nearest->list = calloc(NEAREST_BATCH_MAX, sizeof *nearest->list);
    if (!nearest->half_square || !nearest->product || !nearest->list)
        return -ENOMEM;
    for (size_t i = 0; i < rows; i++)
        nearest->half_square[i] = (float)(vector_sum_squares(width, row + i * width) / 2);
    return 0;
}

void nearest_deinit(struct nearest *nearest)
{
    free(nearest->half_square);
    free(nearest->product);
    free(nearest->list);
    *nearest = (struct nearest){0};
}

static double worst_of(const struct nearest_list *list)
{
    return list->count < list->most ? (double)INFINITY : list->item[list->most - 1].distance;
}

/* Nearer than the worst of a full list. */
static void keep(struct nearest_list *list, double distance, size_t row)
{
    size_t at = list->count < list->most ? list->count++ : list->count - 1;
    for (; at > 0 && list->item[at - 1].distance > distance; at--)
        list->item[at] = list->item[at - 1];
    list->item[at] = (struct neighbour){distance, row};
}

/* Looks through a block of rows, whose products with the query are given: after the first few
 * hardly any is kept. What is not a number is never nearer. */
static void propose(const struct nearest *nearest, const float *product, size_t first, size_t count,
                    struct nearest_list *list)
{
    const float *half_square = nearest->half_square + first;
    float worst = (float)worst_of(list);
    for (size_t i = 0; i < count; i++) {
        float distance = half_square[i] - product[i];
        if (!(distance < worst))
            continue;
        keep(list, (double)distance, first + i);
        worst = (float)worst_of(list);
    }
}

static void measure(const struct nearest *nearest, const float *query,
                    const struct nearest_list *proposed, struct neighbour *ret_neighbours)
{
    struct nearest_list found = {.most = nearest->neighbours};
    for (size_t i = 0; i < proposed->count; i++) {
        const float *row = nearest->row + proposed->item[i].row * nearest->width;
        double sum = 0;
        for (size_t c = 0; c < nearest->width; c++) {
            double difference = (double)query[c] - (double)row[c];
            sum += difference * difference;
        }
        if (sum < worst_of(&found))
            keep(&found, sum, proposed->item[i].row);
    }
    for (size_t n = 0; n < nearest->neighbours; n++)
        ret_neighbours[n] =
            n < found.count ? found.item[n] : (struct neighbour){(double)INFINITY, 0};
}

void nearest_find(struct nearest *nearest, const float *queries, size_t count,
                  struct neighbour *ret_neighbours)
{
    size_t most = nearest->neighbours + MORE;
    assert(count <= NEAREST_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        nearest->list[i].count = 0;
        nearest->list[i].most = most < nearest->rows ? most : nearest->rows;
    }
    for (size_t first = 0; first < nearest->rows; first += BLOCK) {
        size_t left = nearest->rows - first, rows = left < BLOCK ? left : BLOCK;
        blas_multiply_transposed_b((struct blas_size){count, rows, nearest->width}, queries,
                                   nearest->row + first * nearest->width, false, nearest->product);
        for (size_t i = 0; i < count; i++)
            propose(nearest, nearest->product + i * rows, first, rows, &nearest->list[i]);
    }
    for (size_t i = 0; i < count; i++)
        measure(nearest, queries + i * nearest->width, &nearest->list[i],
                ret_neighbours + i * nearest->neighbours);
}

void nearest_mean(const struct nearest *nearest, const struct neighbour *neighbours,
                  float *ret_mean)
{
    for (size_t c = 0; c < nearest->width; c++) {
        double sum = 0;
        for (size_t n = 0; n < nearest->neighbours; n++)
            sum += (double)nearest->row[neighbours[n].row * nearest->width + c];
        ret_mean[c] = (float)(sum / (double)nearest->neighbours);
    }
}

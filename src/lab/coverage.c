/*
 * Each choice is one product of all rows with the chosen one. Distances that follow from products
 * are not exact: two equal rows may seem a little apart, so what is next to nothing beside the
 * squares counts as nothing.
 */
#include "lab/coverage.h"

#include "nn/blas.h"
#include "nn/vector.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define EQUAL 1e-5F /* of the squares */

struct covering {
    const float *rows;
    size_t count, width;
    float *square;   /* [count] */
    float *distance; /* [count] squared, to the nearest chosen row */
    float *product;  /* [count] */
};

static void add_centre(struct covering *covering, size_t centre)
{
    float own = covering->square[centre];
    blas_multiply_transposed_b((struct blas_size){1, covering->count, covering->width},
                               covering->rows + centre * covering->width, covering->rows, false,
                               covering->product);
    for (size_t i = 0; i < covering->count; i++) {
        float squares = covering->square[i] + own;
        float distance = squares - 2 * covering->product[i];
        distance = distance > EQUAL * squares ? distance : 0;
        covering->distance[i] = distance < covering->distance[i] ? distance : covering->distance[i];
    }
}

static size_t farthest(const struct covering *covering)
{
    size_t place = 0;
    for (size_t i = 1; i < covering->count; i++) {
        if (covering->distance[i] > covering->distance[place])
            place = i;
    }
    return place;
}

static int compare_places(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static size_t choose(struct covering *covering, size_t most, size_t *ret_places)
{
    size_t chosen = 0;
    for (size_t i = 0; i < covering->count; i++) {
        covering->square[i] =
            (float)vector_sum_squares(covering->width, covering->rows + i * covering->width);
        covering->distance[i] = INFINITY;
    }
    while (chosen < most) {
        size_t next = farthest(covering);
        if (!(covering->distance[next] > 0))
            break;
        ret_places[chosen++] = next;
        add_centre(covering, next);
        covering->distance[next] = 0;
    }
    qsort(ret_places, chosen, sizeof *ret_places, compare_places);
    return chosen;
}

int coverage_choose(const float *rows, size_t count, size_t width, size_t most, size_t *ret_places,
                    size_t *ret_chosen)
{
    struct covering covering = {.rows = rows, .count = count, .width = width};
    covering.square = vector_new(count);
    covering.distance = vector_new(count);
    covering.product = vector_new(count);
    bool complete = covering.square && covering.distance && covering.product;
    if (complete)
        *ret_chosen = choose(&covering, most, ret_places);
    free(covering.square);
    free(covering.distance);
    free(covering.product);
    return complete ? 0 : -ENOMEM;
}

#include "model/row_shape.h"

#include "base/hash.h"

#include <stdlib.h>

int row_shape_make(const struct derivation *d, double period_s, uint64_t *ret_shape,
                   struct diag *diag)
{
    bool load = derivation_find(d, DERIVED_LOAD_SUM) != DERIVED_NONE ||
                derivation_find(d, DERIVED_LOAD_EXCESS) != DERIVED_NONE;
    bool by_step = load || d->rotations > 0;
    size_t steps = by_step ? d->steps : 0, motions = d->count > 0 ? d->motions : 0;
    const uint64_t places[] = {d->channels, d->count, d->count > 0 || by_step ? d->step_channel : 0,
                               steps,       motions,  load ? d->load : 0,
                               d->rotations};
    bool points = load && d->point_first;
    size_t point_count = points ? d->point_first[steps] : 0;
    const double numbers[] = {d->count > 0 ? period_s : 0, load ? d->load_spread : 0,
                              points ? d->point_least : 0, points ? d->contrast_spread : 0};
    uint64_t kinds[DERIVED_MAX] = {0};
    for (size_t i = 0; i < d->count; i++)
        kinds[i] = (uint64_t)d->channel[i].kind;
    const struct hash_part parts[] = {
        {places, sizeof places},
        {numbers, sizeof numbers},
        {kinds, sizeof kinds},
        {d->step, steps * sizeof *d->step},
        {d->motion, motions * sizeof *d->motion},
        {d->rest, motions * sizeof *d->rest},
        {d->rest_level, motions * sizeof *d->rest_level},
        {d->load_usual, load ? steps * sizeof *d->load_usual : 0},
        {d->point_first, points ? (steps + 1) * sizeof *d->point_first : 0},
        {d->point_load, point_count * sizeof *d->point_load},
        {d->contrast_usual, points ? steps * sizeof *d->contrast_usual : 0},
        {d->rotation, d->rotations * sizeof *d->rotation},
        {d->reference, (steps + 1) * d->rotations * 4 * sizeof *d->reference},
    };
    char hex[HASH_HEX_SIZE];
    int r = hash_sha256(parts, sizeof parts / sizeof parts[0], hex);
    if (r < 0)
        return diag_errno(diag, r, "derived");
    hex[16] = '\0'; /* 64 bits of it */
    *ret_shape = strtoull(hex, NULL, 16);
    return 0;
}

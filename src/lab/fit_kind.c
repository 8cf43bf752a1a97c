#include "lab/fit_kind.h"

#include "lab/derive.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A new kind is a file with a struct fit_kind and a line here. */
extern const struct fit_kind fit_kind_analog, fit_kind_autoencoder, fit_kind_cycle_power,
    fit_kind_knn, fit_kind_pca, fit_kind_step_time, fit_kind_template;

static const struct fit_kind *const kinds[] = {
    &fit_kind_analog, &fit_kind_knn,      &fit_kind_step_time,   &fit_kind_cycle_power,
    &fit_kind_pca,    &fit_kind_template, &fit_kind_autoencoder, NULL,
};

const struct fit_kind *const *fit_kinds(void)
{
    return kinds;
}

const struct fit_kind *fit_kind_find(const char *name)
{
    for (size_t i = 0; kinds[i]; i++) {
        if (!strcmp(kinds[i]->name, name))
            return kinds[i];
    }
    return NULL;
}

bool fit_ignored(const struct fit_options *options, const char *kind, const char *channel)
{
    size_t length = strlen(kind);
    for (size_t i = 0; options->ignore && options->ignore[i]; i++) {
        const char *pattern = options->ignore[i];
        bool own = !strncmp(pattern, kind, length) && pattern[length] == ':';
        if (derive_name_matches(own ? pattern + length + 1 : pattern, channel))
            return true;
    }
    return false;
}

int fit_put(struct draft *draft, size_t index, const char *name, enum safetensors_dtype dtype,
            struct safetensors_shape shape, const void *values)
{
    char full[96];
    snprintf(full, sizeof full, "%zu.%s", index, name);
    return draft_set(draft, full, dtype, shape, values);
}

struct moments {
    double sum, squares;
    size_t count;
};

/* Deviations from the first value of each channel, so that nothing large is squared. */
static void add_block(const struct fit_source *source, const struct split_block *block,
                      double *origin, struct moments *moments)
{
    const struct recording *session = source->sessions[block->session];
    for (size_t i = block->first; i < block->end; i++) {
        const float *row = session->values + i * session->channels;
        for (size_t c = 0; session->valid[i] && c < session->channels; c++) {
            if (isnan(row[c]))
                continue;
            if (moments[c].count++ == 0)
                origin[c] = (double)row[c];
            double d = (double)row[c] - origin[c];
            moments[c].sum += d;
            moments[c].squares += d * d;
        }
    }
}

int fit_spread(const struct fit_source *source, double *ret_mean, double *ret_spread,
               struct diag *diag)
{
    size_t width = source->sessions[0]->channels;
    struct moments *moments = calloc(width, sizeof *moments);
    if (!moments)
        return diag_errno(diag, ENOMEM, "channels");
    for (size_t c = 0; c < width; c++)
        ret_mean[c] = 0;
    for (size_t b = 0; b < source->split->count; b++) {
        if (source->split->block[b].part == SPLIT_TRAINING)
            add_block(source, &source->split->block[b], ret_mean, moments);
    }
    for (size_t c = 0; c < width; c++) {
        double count = (double)(moments[c].count ? moments[c].count : 1);
        double mean = moments[c].sum / count;
        ret_spread[c] = sqrt(fmax(moments[c].squares / count - mean * mean, 0));
        ret_mean[c] += mean;
    }
    free(moments);
    return 0;
}

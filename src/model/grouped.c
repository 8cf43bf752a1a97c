#include "model/grouped.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Whole numbers of a list, each under `limit`. Memory: the caller's. */
static int read_places(const cJSON *config, const char *key, size_t limit, size_t **ret_places,
                       size_t *ret_count, struct diag *diag)
{
    const cJSON *list, *item;
    size_t used = 0;
    int r = json_get_array(config, key, true, &list, diag);
    if (r < 0)
        return r;
    *ret_places = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof **ret_places);
    if (!*ret_places)
        return diag_errno(diag, ENOMEM, "%s", key);
    cJSON_ArrayForEach(item, list)
    {
        double place = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(place >= 0) || place != floor(place) || place >= (double)limit)
            return diag_set(diag, "%s: entry %zu must be an integer from 0 to %zu", key, used,
                            limit - 1);
        (*ret_places)[used++] = (size_t)place;
    }
    *ret_count = used;
    return used > 0 ? 0 : diag_set(diag, "%s: must not be empty", key);
}

static int count_groups(struct grouped *grouped, struct diag *diag)
{
    for (size_t c = 0; c < grouped->channels; c++) {
        if (grouped->group[c] >= grouped->groups)
            grouped->groups = grouped->group[c] + 1;
    }
    grouped->size = calloc(grouped->groups, sizeof *grouped->size);
    grouped->sum = calloc(grouped->groups, sizeof *grouped->sum);
    grouped->z = calloc(grouped->channels, sizeof *grouped->z);
    grouped->expected = calloc(grouped->channels, sizeof *grouped->expected);
    if (!grouped->size || !grouped->sum || !grouped->z || !grouped->expected)
        return diag_errno(diag, ENOMEM, "groups");
    for (size_t c = 0; c < grouped->channels; c++)
        grouped->size[grouped->group[c]]++;
    for (size_t g = 0; g < grouped->groups; g++) {
        if (grouped->size[g] < 1)
            return diag_set(diag, "groups: %zu has no channel", g);
    }
    return 0;
}

int grouped_load(struct grouped *grouped, const cJSON *config, size_t row_channels,
                 struct diag *diag)
{
    size_t count = 0;
    *grouped = (struct grouped){0};
    int r =
        read_places(config, "channels", row_channels, &grouped->channel, &grouped->channels, diag);
    if (r == 0)
        r = read_places(config, "groups", grouped->channels, &grouped->group, &count, diag);
    if (r == 0 && count != grouped->channels)
        r = diag_set(diag, "groups: %zu entries for %zu channels", count, grouped->channels);
    return r < 0 ? r : count_groups(grouped, diag);
}

void grouped_deinit(struct grouped *grouped)
{
    free(grouped->channel);
    free(grouped->group);
    free(grouped->size);
    free(grouped->z);
    free(grouped->expected);
    free(grouped->sum);
    *grouped = (struct grouped){0};
}

static double clipped(const struct grouped *grouped, size_t channel)
{
    return fmin(fabs(grouped->z[channel]), GROUPED_CLIP);
}

double grouped_score(struct grouped *grouped)
{
    double largest = 0;
    for (size_t g = 0; g < grouped->groups; g++)
        grouped->sum[g] = 0;
    for (size_t c = 0; c < grouped->channels; c++) {
        if (isnan(grouped->z[c])) /* the clip would make it the highest score */
            return (double)NAN;
        grouped->sum[grouped->group[c]] += clipped(grouped, c);
    }
    for (size_t g = 0; g < grouped->groups; g++)
        largest = fmax(largest, grouped->sum[g] / grouped->size[g]);
    return largest;
}

void grouped_explain_nothing(const float *row, size_t row_channels,
                             struct deviation *ret_deviations)
{
    for (size_t c = 0; c < row_channels; c++)
        ret_deviations[c] = (struct deviation){
            .channel = c, .observed = (double)row[c], .expected = (double)row[c]};
}

void grouped_explain(const struct grouped *grouped, const float *row, size_t row_channels,
                     struct deviation *ret_deviations)
{
    double total = 0;
    grouped_explain_nothing(row, row_channels, ret_deviations);
    for (size_t c = 0; c < grouped->channels; c++)
        total += clipped(grouped, c);
    for (size_t c = 0; c < grouped->channels; c++) {
        struct deviation *deviation = &ret_deviations[grouped->channel[c]];
        deviation->share = total > 0 ? clipped(grouped, c) / total : 0;
        deviation->expected = grouped->expected[c];
        deviation->z = grouped->z[c];
    }
}

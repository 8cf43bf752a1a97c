#include "lab/channel_means.h"

#include "lab/runner.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

int channel_means_init(struct channel_means *means, size_t channels, double period_s)
{
    *means = (struct channel_means){
        .channels = channels,
        .period_s = period_s,
        .row = calloc(channels, sizeof *means->row),
        .mean = calloc(channels, sizeof *means->mean),
        .squares = calloc(channels, sizeof *means->squares),
    };
    int r = block_means_init(&means->stretch, channels, CHANNEL_MEANS_STRETCH_S, period_s);
    if (!means->row || !means->mean || !means->squares)
        r = -ENOMEM;
    if (r < 0)
        channel_means_deinit(means);
    return r;
}

void channel_means_deinit(struct channel_means *means)
{
    block_means_deinit(&means->stretch);
    free(means->row);
    free(means->mean);
    free(means->squares);
    *means = (struct channel_means){0};
}

/* Welford's update. */
static void take_stretch(struct channel_means *means)
{
    double n = (double)++means->stretches;
    for (size_t c = 0; c < means->channels; c++) {
        double off = means->stretch.mean[c] - means->mean[c];
        means->mean[c] += off / n;
        means->squares[c] += off * (means->stretch.mean[c] - means->mean[c]);
    }
}

void channel_means_add(struct channel_means *means, const struct recording *session)
{
    for (size_t i = 0; i < session->rows; i++) {
        if (!session->valid[i])
            continue;
        const float *values = session->values + i * session->channels;
        for (size_t c = 0; c < means->channels; c++)
            means->row[c] = (double)values[c];
        int64_t time_ns = runner_row_time(session, i, means->period_s);
        if (block_means_push(&means->stretch, time_ns, means->row))
            take_stretch(means);
    }
    if (block_means_end(&means->stretch))
        take_stretch(means);
}

void channel_means_put(const struct channel_means *means, cJSON *config)
{
    cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(config, "channels");
    size_t c = 0;
    assert((size_t)cJSON_GetArraySize(list) == means->channels);
    cJSON_ArrayForEach(entry, list)
    {
        cJSON_DeleteItemFromObjectCaseSensitive(entry, "mean");
        cJSON_DeleteItemFromObjectCaseSensitive(entry, "spread");
        if (means->stretches >= CHANNEL_MEANS_LEAST) {
            double variance = means->squares[c] / (double)(means->stretches - 1);
            cJSON_AddNumberToObject(entry, "mean", means->mean[c]);
            cJSON_AddNumberToObject(entry, "spread", sqrt(variance));
        }
        c++;
    }
}

#include "lab/score_means.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int score_means_init(struct score_means *means, const struct model *model)
{
    *means = (struct score_means){0};
    return block_means_init(&means->block, model->detectors, CALIBRATION_BLOCK_S, model->period_s);
}

void score_means_deinit(struct score_means *means)
{
    block_means_deinit(&means->block);
    for (size_t d = 0; d < MODEL_DETECTORS_MAX; d++) {
        free(means->detector[d].mean);
        free(means->detector[d].session_end);
    }
    *means = (struct score_means){0};
}

static int append(struct score_means_detector *detector, double mean)
{
    if (detector->count == detector->capacity) {
        size_t capacity = detector->capacity ? 2 * detector->capacity : 256;
        double *larger = realloc(detector->mean, capacity * sizeof *larger);
        if (!larger)
            return -ENOMEM;
        detector->mean = larger;
        detector->capacity = capacity;
    }
    detector->mean[detector->count++] = mean;
    return 0;
}

static int take_block(struct score_means *means)
{
    int r = 0;
    for (size_t d = 0; r == 0 && d < means->block.width; d++) {
        if (isfinite(means->block.mean[d]))
            r = append(&means->detector[d], means->block.mean[d]);
    }
    return r;
}

int score_means_push(struct score_means *means, const struct score *score)
{
    double values[MODEL_DETECTORS_MAX] = {0};
    for (size_t d = 0; d < means->block.width; d++)
        values[d] = score->detector[d].evaluated ? score->detector[d].score : (double)NAN;
    return block_means_push(&means->block, score->time_ns, values) ? take_block(means) : 0;
}

int score_means_end_session(struct score_means *means)
{
    int r = block_means_end(&means->block) ? take_block(means) : 0;
    for (size_t d = 0; r == 0 && d < means->block.width; d++) {
        struct score_means_detector *detector = &means->detector[d];
        size_t *larger = realloc(detector->session_end, (detector->sessions + 1) * sizeof *larger);
        if (!larger)
            return -ENOMEM;
        detector->session_end = larger;
        detector->session_end[detector->sessions++] = detector->count;
    }
    return r;
}

int score_means_fit(const struct score_means *means, size_t detector,
                    struct psi_reference *ret_reference)
{
    const struct score_means_detector *it = &means->detector[detector];
    return psi_reference_fit(it->mean, it->session_end, it->sessions, ret_reference);
}

/*
 * stability: whether a robot's scores still lie where they lay when its model was calibrated.
 *
 * Over the last STABILITY_HOURS hours of evaluated time, the present one included, the means of
 * each detector's scores over blocks are counted in the bins of the calibration and compared
 * (model/psi.h); beside them the means of the channels, which say what has moved: over the same
 * time, but in larger parts, for there are many. Nothing is told before STABILITY_LEAST_BLOCKS
 * blocks, nor by a model whose calibration keeps no reference. It runs on sample time and starts
 * anew with another model. Memory: 24 bytes per channel in the parts, 28 beside them. Thread: one
 * at a time.
 */
#ifndef ARMWATCH_PIPELINE_STABILITY_H
#define ARMWATCH_PIPELINE_STABILITY_H

#include "model/model.h"
#include "model/psi.h"
#include "pipeline/block_means.h"
#include "pipeline/score.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STABILITY_HOURS 24
#define STABILITY_HOUR_BLOCKS 120  /* of CALIBRATION_BLOCK_S */
#define STABILITY_LEAST_BLOCKS 120 /* an hour */
#define STABILITY_PARTS 4          /* of the channels' means, as long as all hours together */
#define STABILITY_PART_BLOCKS (STABILITY_HOURS * STABILITY_HOUR_BLOCKS / STABILITY_PARTS)
#define STABILITY_MOVED_Z 3.0

/* Counts of one hour of evaluated time: of at most STABILITY_HOUR_BLOCKS. */
struct stability_hour {
    uint8_t blocks;
    uint8_t bin[MODEL_DETECTORS_MAX][PSI_BINS];
};

/* Channels in a stretch of evaluated time: of at most STABILITY_PART_BLOCKS. */
struct stability_part {
    uint16_t blocks;
    uint16_t *known; /* [channels] blocks with a mean */
    float *mean;     /* [channels] of these */
};

struct stability_finding {
    bool known; /* the rest holds */
    struct psi psi;
    size_t detector;  /* whose index is the largest of the highest level */
    double hours;     /* of evaluated time that it was counted over */
    int64_t since_ns; /* sample time from which on it has had this level */
};

struct stability {
    const struct model *model; /* borrowed */
    struct block_means scores, channels;
    double *sum;                                 /* [channels] of the present part's means */
    float *means;                                /* [STABILITY_PARTS][channels] of all parts */
    uint16_t *knowns;                            /* the same */
    struct stability_hour hour[STABILITY_HOURS]; /* a ring */
    struct stability_part part[STABILITY_PARTS]; /* the same */
    size_t present_hour, present_part;
    enum psi_level level[MODEL_DETECTORS_MAX];
    struct stability_finding finding;
};

/* Errors: -ENOMEM. */
int stability_init(struct stability *stability, const struct model *model);
void stability_deinit(struct stability *stability); /* also of zeros */
/* Another model with the same channels: all is forgotten, unless it is the same file. */
void stability_set_model(struct stability *stability, const struct model *model);

/* A row that was judged: values [model->channels], in the channels' units. */
void stability_push_row(struct stability *stability, int64_t time_ns, const float *values);
/* An evaluated window: after a full block of them the finding is new. */
void stability_push_score(struct stability *stability, const struct score *score);

/* A channel lately and in health. */
struct stability_channel {
    size_t channel; /* of the model */
    double mean, usual;
    double z; /* (mean - usual) / the usual spread of ten minutes, at most 99 either way */
};
/* NAN where it is not known. */
struct stability_channel stability_channel(const struct stability *stability, size_t channel);
/* The channels that have moved most, by |z| of STABILITY_MOVED_Z and more, the largest first: at
 * most `most` in ret_moved. Returns their number. */
size_t stability_moved(const struct stability *stability, size_t most,
                       struct stability_channel *ret_moved);

#endif

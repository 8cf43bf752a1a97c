/*
 * derived: channels that follow from the samples before, and values that are made comparable.
 *
 * One piece of code for training, offline scoring and live: a row of a model is a sample's channels
 * and, behind them, the derived ones. Derived values are NAN while they cannot be known, as after a
 * start or a gap until the program's next step: a detector that needs one gives no score then. The
 * sum of the load itself outlasts a gap: a link that loses samples must not blind it.
 *
 *   moving_time   s since the program step changed during which the arm moved: time in a step
 *                 without the waiting for a late part
 *   load_sum      how long the load (electrical power) has been other than usual: a CUSUM (Page
 *                 1954) over whole program steps of their contrast less the usual one, in units of
 *                 its spread, clipped, so that a burst counts no more than a loaded step does; the
 *                 larger of its two sides
 *   load_excess   mean over about the last LOAD_STEPS steps of the load in motion less the step's
 *                 usual one, in the load's unit
 *   rotations     q and -q are the same rotation: the four channels of a quaternion get the sign
 *                 that lies nearest to a reference of the program step, in their place
 *
 * Contrast of a step: by how much the load exceeds its usual course where that is high rather than
 * where it is low. Excess and usual load, each less most of its own level in the seconds before,
 * are multiplied, summed over the points of the step and divided by the root of the sum of the
 * latter's squares. Friction and payloads take more where the arm works more; another consumer on
 * the meter, or one that reads a watt more in this session, does not. A point is a row from the
 * step's first motion on; a rest has points for LOAD_REST_S, so that waiting has none. Models from
 * before there were points have the mean load in motion in the place of the contrast.
 *
 * What is derived is constant and belongs to the model (struct derivation); what was seen of one
 * robot is a struct deriver. Thread: a derivation any; a deriver one at a time.
 */
#ifndef ARMWATCH_MODEL_DERIVED_H
#define ARMWATCH_MODEL_DERIVED_H

#include "base/diag.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DERIVED_NAME_MAX 64
#define DERIVED_MAX 8
#define DERIVED_GROUP "program" /* what all derived channels are a part of */
#define DERIVED_STEPS_MAX 1024  /* a program step is 0 to this - 1 */
#define DERIVED_NONE SIZE_MAX
#define DERIVED_LOAD_UNKNOWN (-FLT_MAX)
#define LOAD_ROWS_LEAST 5 /* of motion in a step whose mean counts */
#define LOAD_STEPS 32
#define LOAD_REST_S 2.0      /* of a rest that has points: a meter lags behind the motion */
#define LOAD_POINTS_MAX 8192 /* of a step */

enum derived_kind { DERIVED_MOVING_TIME, DERIVED_LOAD_SUM, DERIVED_LOAD_EXCESS, DERIVED_KINDS };

struct derived_channel {
    enum derived_kind kind;
    char name[DERIVED_NAME_MAX];
};

/* All zeros: nothing is derived. Channels are places in a sample. */
struct derivation {
    size_t channels; /* of a sample: derived channel i is at channels + i */
    size_t count;
    struct derived_channel channel[DERIVED_MAX];

    size_t step_channel; /* DERIVED_NONE: the samples do not name the program step */
    size_t steps;        /* that training has seen */
    int *step;           /* [steps] rising */

    size_t motions;           /* channels that tell motion from rest */
    size_t *motion;           /* [motions] */
    float *rest, *rest_level; /* [motions] value at rest, and how far from it rest still reaches */

    size_t load;        /* channel; DERIVED_NONE: none is followed */
    float *load_usual;  /* [steps] mean in motion; DERIVED_LOAD_UNKNOWN */
    double load_spread; /* of a step's mean, over 0 */

    size_t *point_first;    /* [steps + 1] of each step's points; NULL: there are none */
    float *point_load;      /* [points] the usual load */
    double point_least;     /* that the load usually is at a point */
    float *contrast_usual;  /* [steps]; DERIVED_LOAD_UNKNOWN */
    double contrast_spread; /* over 0 */

    size_t rotations;
    size_t (*rotation)[4];
    float *reference; /* [steps + 1][rotations][4] of length 1; the last: any other step */
};

/* "moving-time", ... Errors: -EINVAL with the list in diag. */
int derived_kind_parse(const char *name, enum derived_kind *ret_kind, struct diag *diag);
const char *derived_kind_name(enum derived_kind kind);
const char *derived_kind_unit(enum derived_kind kind); /* NULL: that of the load */

void derivation_deinit(struct derivation *derivation); /* also of zeros */
/* Values of a row: the sample's channels and the derived ones. */
size_t derivation_width(const struct derivation *derivation);
/* The place in a row of the derived channel of a kind; DERIVED_NONE: there is none. */
size_t derivation_find(const struct derivation *derivation, enum derived_kind kind);
/* The program step that a row names; -1: none, or not a whole number of 0 to 1023. */
int derivation_step(const struct derivation *derivation, const float *row);
/* The place of a step among those that training has seen; DERIVED_NONE: it is not. */
size_t derivation_step_index(const struct derivation *derivation, int step);
/* Some motion channel is beyond its rest. */
bool derivation_moving(const struct derivation *derivation, const float *row);
/* Gives the rotations of a row their signs: what deriver_push does to a sample's own channels. */
void derivation_turn(const struct derivation *derivation, float *row);

/* What a deriver knows of the load. */
struct load {
    double sum; /* in motion, of the present step */
    uint64_t rows;
    bool finished; /* the row just pushed ended a whole step: */
    int step;
    double mean;      /* of the load in it */
    double contrast;  /* of it; NAN: there are no points */
    uint64_t steps;   /* that have counted */
    double high, low; /* the two sides of the CUSUM */
    double excess;

    size_t point;  /* of the row just pushed, in the present step; DERIVED_NONE: it is at none */
    size_t points; /* that the present step has been at */
    double rest_s; /* since the arm moved */
    bool compared; /* there are levels: */
    double excess_level, usual_level; /* in the seconds before */
    double product, square;           /* sums over the present step */
};

struct deriver {
    const struct derivation *derivation; /* borrowed */
    double period_s;
    int step;        /* of the row before; -1: none */
    bool step_begun; /* it was seen to change into `step` */
    uint64_t moving; /* rows of the step in motion */
    struct load load;
};

void deriver_init(struct deriver *deriver, const struct derivation *derivation, double period_s);
/* A row is missing before the next. */
void deriver_break(struct deriver *deriver);
/* row [width]: the sample's values stand in it, the rest is filled in. */
void deriver_push(struct deriver *deriver, float *row);

#endif

/*
 * sensor_fault: from rows with readings that stand still to an episode of that kind: raised at the
 * first of them, cleared once all rows have been without for a while and the readings that stood
 * still have varied: a gap in the samples makes no sensor live.
 *
 * It runs on sample time, like every episode. Thread: one at a time.
 */
#ifndef ARMWATCH_PIPELINE_SENSOR_FAULT_H
#define ARMWATCH_PIPELINE_SENSOR_FAULT_H

#include "pipeline/alert.h"
#include "pipeline/flat.h"

#include <stddef.h>
#include <stdint.h>

#define SENSOR_FAULT_CLEAR_S 2.0
#define SENSOR_FAULT_LISTED_MAX 32

struct sensor_fault {
    struct alert_episode episode; /* windows: rows at fault; it has no scores */
    /* of the newest row at fault */
    size_t channels; /* that stand still; the first of them are listed */
    struct {
        size_t channel; /* of the model */
        float observed;
        bool alone;  /* by its own limit; else because all of its group did */
        bool varied; /* since that row */
    } listed[SENSOR_FAULT_LISTED_MAX];
    double flat_s; /* for which all of them have stood still at least */
    bool varying;
    int64_t varying_since_ns;
};

/* All zeros at first. One row: its verdict by flat_judge, time, and sequence or arrival number.
 * With `muted` nothing is raised, but an open episode can clear. */
struct sensor_fault_row {
    enum flat_verdict verdict;
    int64_t time_ns;
    uint64_t seq;
    bool muted;
};
enum alert_transition sensor_fault_push(struct sensor_fault *fault, const struct flat *flat,
                                        const struct model *model,
                                        const struct sensor_fault_row *row);

#endif

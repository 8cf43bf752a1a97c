/*
 * curves: what plots of an evaluation are drawn from, as JSON small enough to stand in a page.
 *
 *     {"roc": [[false positive rate, true positive rate], ...],
 *      "pr": [[recall, precision], ...],
 *      "histogram": {"edges": [log10 of the robot's score, ...],
 *                    "normal": [share, ...], "anomalous": [share, ...]},
 *      "timeline": [{"recording": "slow.npy", "healthy": false, "start_s": 0, "step_s": 2.5,
 *                    "min": [score or null, ...], "max": [...],
 *                    "labels": [[start_s, end_s, label], ...],
 *                    "alerts": [[start_s, in an event], ...]}, ...],
 *      "attribution": {"channels": [name, ...], "groups": [of each channel, ...],
 *                      "normal": [share of each channel, ...], "anomalous": [...]}}
 *
 * The score is the robot's, 1 is its limit. Both curves have at most CURVES_POINTS points and are
 * empty unless there are windows of both classes. A histogram has one edge more than shares; 0 (the
 * limit) is an edge, what lies outside is in the first and the last bin, a class without windows
 * has no shares. A timeline has at most CURVES_COLUMNS columns of step_s, null where nothing was
 * evaluated; its seconds count from the recording's first row. Attribution is the mean share of
 * each channel in the anomalous windows over the limit, evenly spaced, and in the highest of the
 * normal windows, CURVES_EXPLAINED at most of each; empty where there are none, null without a
 * model.
 */
#ifndef ARMWATCH_LAB_CURVES_H
#define ARMWATCH_LAB_CURVES_H

#include "base/diag.h"
#include "base/json.h"
#include "lab/recording.h"
#include "lab/scored.h"
#include "model/model.h"

#include <stddef.h>

#define CURVES_POINTS 200
#define CURVES_COLUMNS 1500
#define CURVES_EXPLAINED 500

struct curves_input {
    const struct scored *scored; /* [count]; .name is the recording's */
    size_t count;
    struct model *model;                 /* what scored them, or NULL: a peer did */
    struct recording *const *recordings; /* [count] with the model's channels; only with a model */
};

/* Memory: the caller frees *ret_json with cJSON_Delete. Thread: with a model, the one that owns
 * BLAS. Errors: -EINVAL nothing was evaluated; -ENOMEM. */
int curves_json(const struct curves_input *input, cJSON **ret_json, struct diag *diag);

#endif

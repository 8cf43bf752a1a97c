#include "daemon/results.h"

#include "base/clock.h"
#include "daemon/context.h"

static bool is_ours(const struct results *results, const struct robot *robot)
{
    return !results->partitions || partitions_own_robot(results->partitions, robot);
}

/* For metrics and the page. */
static void note_score(struct results *results, struct robot *robot,
                       const struct scorer_result *result, int64_t now_ns)
{
    latency_push(results->latency, result->scored_ns - result->received_ns);
    score_ring_push(&robot->scores, robot->score, now_ns);
    for (size_t d = 0; d < result->score.detectors; d++)
        robot->detector_score[d] =
            result->score.detector[d].evaluated ? result->score.detector[d].score : -1;
}

/* Of the score to its thresholds; negative where the window could not be judged. */
static double ratio_of(const struct robot *robot, const struct scorer_result *result)
{
    double thresholds[MODEL_DETECTORS_MAX];
    if (!result->scored || result->score.detectors != robot->alert.detectors)
        return -1;
    for (size_t d = 0; d < robot->alert.detectors; d++)
        thresholds[d] = robot->alert.trigger[d].threshold;
    return score_ratio(&result->score, thresholds, NULL);
}

/* The score is the robot's already. muted: nothing is raised by it. */
static void follow_score(struct results *results, struct robot *robot,
                         const struct scorer_result *result, bool muted, int64_t now_ns)
{
    double ratio = robot->score;
    note_score(results, robot, result, now_ns);
    robot->scored |= result->epoch == robot->epoch;
    if (result->epoch != robot->alert_epoch) {
        robot->alert_epoch = result->epoch;
        alert_restart(&robot->alert);
    }
    evidence_score(results->evidence, robot, &result->score, ratio);
    enum alert_transition transition = alert_push(&robot->alert, &result->score, muted);
    if (!robot->suspended)
        commissioning_push(&results->fleet->commissioning, robot, &result->score);
    stability_push_score(&robot->stability, &result->score);
    publisher_score(results->publisher, robot, &result->score, now_ns);
    publisher_alert(results->publisher, robot, ALERT_ANOMALY, transition, now_ns);
    if (robot->shadow)
        shadow_track_live(robot->shadow, robot, result, ratio, transition);
    probation_result(results->fleet, robot, true, result->score.nonfinite, transition);
}

static void on_result(void *user, const struct scorer_result *result)
{
    struct results *results = user;
    struct robot *robot = results->fleet->robot[result->robot];
    int64_t now_ns = clock_monotonic_ns();
    bool left = result->epoch < robot->first_epoch || !is_ours(results, robot);
    robot->pending -= !result->shadow;
    if (left)
        return; /* perhaps to come back */
    if (result->shadow) {
        shadows_result(robot, result, now_ns);
        return;
    }
    bool muted = context_suspended(robot, now_ns) || result->epoch <= robot->muted_epoch;
    double ratio = ratio_of(robot, result);
    robot_count_window(robot, ratio >= 0, now_ns);
    if (result->scored && result->score.nonfinite) {
        robot->counters.nonfinite++;
        robot_note_trouble(robot, ROBOT_NONFINITE, now_ns);
    }
    if (ratio < 0) {
        alert_unjudged(&robot->alert);
        probation_result(results->fleet, robot, false, result->scored && result->score.nonfinite,
                         ALERT_NONE);
        return;
    }
    robot->counters.scored++;
    robot->score = ratio;
    follow_score(results, robot, result, muted, now_ns);
}

static void on_set(void *user, uint64_t generation, bool ok, const char *reason)
{
    struct results *results = user;
    fleet_on_set(results->fleet, generation, ok, reason);
}

static void on_candidate(void *user, uint32_t shadow, const char *reason)
{
    struct results *results = user;
    shadows_refuse(results->fleet, shadow, reason);
}

/* Scores of one burst leave together. */
static void on_burst(void *user, bool begins)
{
    struct results *results = user;
    if (results->publisher->client)
        mqtt_client_gather(results->publisher->client, begins);
}

const struct scorer_handlers results_handlers = {
    .on_result = on_result, .on_set = on_set, .on_candidate = on_candidate, .on_burst = on_burst};

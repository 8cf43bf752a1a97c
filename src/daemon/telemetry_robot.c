/*
 * A family is printed for all robots before the next one begins, as the format wants it.
 */
#include "daemon/exposition.h"
#include "daemon/telemetry_internal.h"

#include <math.h>
#include <stdio.h>

#define NOT_KNOWN ((double)NAN)

/* ---- single numbers ---- */

static double score(struct robot *robot, int64_t now_ns)
{
    return robot->score >= 0 ? robot->score : NOT_KNOWN;
}

static double coverage(struct robot *robot, int64_t now_ns)
{
    return robot_coverage_1h(robot, now_ns);
}

static double sample_age(struct robot *robot, int64_t now_ns)
{
    return robot->last_arrival_ns ? (double)(now_ns - robot->last_arrival_ns) / 1e9 : NOT_KNOWN;
}

static double sample_period(struct robot *robot, int64_t now_ns)
{
    return robot->rate.period_s > 0 ? robot->rate.period_s : NOT_KNOWN;
}

static double clock_skew(struct robot *robot, int64_t now_ns)
{
    return robot->dated ? robot->clock_skew_s : NOT_KNOWN;
}

static double pending(struct robot *robot, int64_t now_ns)
{
    return robot->pending;
}

static double not_evaluated(struct robot *robot, int64_t now_ns)
{
    return (double)(robot->counters.due - robot->counters.evaluated);
}

static double drift(struct robot *robot, int64_t now_ns)
{
    const struct stability_finding *finding = &robot->stability.finding;
    return finding->known ? finding->psi.index : NOT_KNOWN;
}

#define COUNTER(name, member, help)                                                                \
    {                                                                                              \
        "armwatch_" name "_total", EXPOSITION_COUNTER, help, NULL,                                 \
            offsetof(struct robot, counters.member)                                                \
    }
#define GAUGE(name, function, help)                                                                \
    {                                                                                              \
        "armwatch_" name, EXPOSITION_GAUGE, help, function, 0                                      \
    }

static const struct {
    const char *name;
    enum exposition_kind kind;
    const char *help;
    double (*value)(struct robot *robot, int64_t now_ns); /* NULL: the counter at the offset */
    size_t offset;
} families[] = {
    COUNTER("samples_received", received, "Messages on the robot's sample topics, or assembled."),
    COUNTER("samples_retained", retained, "Samples of another time that the broker had kept."),
    COUNTER("samples_gated", gated, "Samples while the gate was not open, or settled."),
    COUNTER("samples_duplicate", duplicates, "Samples that repeat the one before."),
    COUNTER("samples_late", late, "Samples that came behind a newer one."),
    COUNTER("samples_missing", missing, "Samples that did not come, by their numbers or times."),
    COUNTER("sample_gaps", gaps, "Steps between samples that were longer than allowed."),
    COUNTER("source_restarts", restarts, "Times that the source's clock or numbers were set back."),
    COUNTER("rows_faulty", faulty, "Rows not judged because a sensor stands still."),
    COUNTER("rows_stopped", stopped, "Rows not judged because the whole sample stands still."),
    COUNTER("windows_due", due, "Windows that were to be evaluated."),
    {"armwatch_windows_not_evaluated_total", EXPOSITION_COUNTER,
     "Windows that were due and not evaluated, for whatever reason.", not_evaluated, 0},
    COUNTER("windows_queued", windows, "Windows that were given to the scorer."),
    COUNTER("windows_scored", scored, "Windows with a score."),
    COUNTER("windows_dropped", overload, "Windows that found no room in the scorer's queue."),
    COUNTER("windows_nonfinite", nonfinite, "Windows whose score overflowed."),
    GAUGE("score", score, "Newest score; 1 is the limit for every model."),
    GAUGE("coverage_1h_ratio", coverage, "Share of the last hour's windows that was evaluated."),
    GAUGE("sample_age_seconds", sample_age, "Time since the newest sample came."),
    GAUGE("sample_period_seconds", sample_period, "Measured time from one sample to the next."),
    GAUGE("clock_skew_seconds", clock_skew, "Time in the newest sample less this host's clock."),
    GAUGE("windows_pending", pending, "Windows that wait for the scorer."),
    GAUGE("drift_psi", drift, "Population stability index of the scores; large from 0.25 on."),
};

static void print_single(const struct fleet *fleet, int64_t now_ns, struct text *out)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        exposition_family(out, families[f].name, families[f].kind, families[f].help);
        for (size_t i = 0; i < fleet->count; i++) {
            struct robot *robot = fleet->robot[i];
            const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {{"robot", robot->name}};
            const char *at = (const char *)robot + families[f].offset;
            double value = families[f].value ? families[f].value(robot, now_ns)
                                             : (double)*(const uint64_t *)(const void *)at;
            if (!isnan(value) && !robot->absent)
                exposition_sample(out, families[f].name, "", labels, value);
        }
    }
}

/* ---- with labels of their own ---- */

static void rejected(struct robot *robot, const char *name, int64_t now_ns, struct text *out)
{
    for (int r = SAMPLE_ACCEPTED + 1; r < SAMPLE_REFUSALS; r++) {
        const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {
            {"robot", robot->name}, {"reason", sample_refusal_name((enum sample_refusal)r)}};
        exposition_sample(out, name, "", labels, (double)robot->counters.rejected[r]);
    }
}

/* Of a kind, those that can be; a rule can count on each from the robot's first moment on. */
static const struct {
    enum alert_kind kind;
    enum alert_severity severity;
} alerts_told[] = {{ALERT_ANOMALY, ALERT_WARNING},
                   {ALERT_ANOMALY, ALERT_CRITICAL},
                   {ALERT_SENSOR_FAULT, ALERT_WARNING},
                   {ALERT_SILENT, ALERT_INFO}};

#define FOR_EACH_ALERT(i) for (size_t i = 0; i < sizeof alerts_told / sizeof alerts_told[0]; i++)
#define ALERT_LABELS(robot, i)                                                                     \
    {                                                                                              \
        {"robot", (robot)->name}, {"kind", alert_kind_name(alerts_told[i].kind)},                  \
        {                                                                                          \
            "severity", alert_severity_name(alerts_told[i].severity)                               \
        }                                                                                          \
    }

static void alerts(struct robot *robot, const char *name, int64_t now_ns, struct text *out)
{
    FOR_EACH_ALERT(i)
    {
        const struct exposition_label labels[EXPOSITION_LABELS_MAX] = ALERT_LABELS(robot, i);
        exposition_sample(
            out, name, "", labels,
            (double)robot->counters.raised[alerts_told[i].kind][alerts_told[i].severity]);
    }
}

static void open_alerts(struct robot *robot, const char *name, int64_t now_ns, struct text *out)
{
    FOR_EACH_ALERT(i)
    {
        const struct exposition_label labels[EXPOSITION_LABELS_MAX] = ALERT_LABELS(robot, i);
        const struct alert_episode *episode = robot_episode(robot, alerts_told[i].kind);
        exposition_sample(out, name, "", labels,
                          episode->open && episode->severity == alerts_told[i].severity);
    }
}

static void states(struct robot *robot, const char *name, int64_t now_ns, struct text *out)
{
    int first = __builtin_ctz(robot_states(robot, now_ns));
    for (int s = 0; s < ROBOT_STATES; s++) {
        const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {
            {"robot", robot->name}, {"state", robot_state_name((enum robot_state)s)}};
        exposition_sample(out, name, "", labels, s == first);
    }
}

static void detector(struct robot *robot, const char *name, size_t d, double value,
                     struct text *out)
{
    const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {
        {"robot", robot->name}, {"detector", robot->model->detector[d].name}};
    exposition_sample(out, name, "", labels, value);
}

static void detector_scores(struct robot *robot, const char *name, int64_t now_ns, struct text *out)
{
    for (size_t d = 0; d < robot->model->detectors; d++) {
        if (robot->counters.scored > 0 && robot->detector_score[d] >= 0)
            detector(robot, name, d, robot->detector_score[d], out);
    }
}

static void thresholds(struct robot *robot, const char *name, int64_t now_ns, struct text *out)
{
    for (size_t d = 0; d < robot->alert.detectors && d < robot->model->detectors; d++) {
        if (isfinite(robot->alert.trigger[d].threshold))
            detector(robot, name, d, robot->alert.trigger[d].threshold, out);
    }
}

static void model(struct robot *robot, const char *name, int64_t now_ns, struct text *out)
{
    char version[24];
    snprintf(version, sizeof version, "%lld", (long long)robot->model->version);
    const struct exposition_label labels[EXPOSITION_LABELS_MAX] = {
        {"robot", robot->name}, {"model", robot->model->name}, {"version", version}};
    exposition_sample(out, name, "", labels, 1);
}

static const struct {
    const char *name;
    enum exposition_kind kind;
    const char *help;
    void (*print)(struct robot *robot, const char *name, int64_t now_ns, struct text *out);
} labelled[] = {
    {"armwatch_samples_rejected_total", EXPOSITION_COUNTER, "Samples that were refused, by reason.",
     rejected},
    {"armwatch_alerts_total", EXPOSITION_COUNTER,
     "Alerts raised, by kind and by the severity that they began with.", alerts},
    {"armwatch_alerts_open", EXPOSITION_GAUGE,
     "Whether such an alert is open, by its severity now.", open_alerts},
    {"armwatch_robot_state", EXPOSITION_GAUGE, "1 for the state that the robot is in.", states},
    {"armwatch_robot_model_info", EXPOSITION_GAUGE, "The model that scores the robot.", model},
    {"armwatch_detector_score", EXPOSITION_GAUGE, "Newest score of each detector that judged.",
     detector_scores},
    {"armwatch_detector_threshold", EXPOSITION_GAUGE, "Score over which a detector may alert.",
     thresholds},
};

void telemetry_robots(const struct fleet *fleet, int64_t now_ns, struct text *out)
{
    print_single(fleet, now_ns, out);
    for (size_t f = 0; f < sizeof labelled / sizeof labelled[0]; f++) {
        exposition_family(out, labelled[f].name, labelled[f].kind, labelled[f].help);
        for (size_t i = 0; i < fleet->count; i++) {
            if (!fleet->robot[i]->absent)
                labelled[f].print(fleet->robot[i], labelled[f].name, now_ns, out);
        }
    }
}

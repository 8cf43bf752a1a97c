/*
 * Windows are sorted once; a replicate is then one pass over them with the weights of their
 * segments. What hangs on the threshold needs no pass at all: it is counted once per segment, and a
 * replicate is a weighted sum of these counts.
 */
#include "lab/bootstrap.h"

#include "base/rng.h"
#include "lab/metrics.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PAUSE_PERIODS 3 /* as the history starts anew */
#define SEED_STREAM UINT64_C(0x5eed5eed5eed5eed)

const char *bootstrap_metric_name(enum bootstrap_metric metric)
{
    static const char *const names[] = {
        [BOOTSTRAP_ROC_AUC] = "roc_auc",
        [BOOTSTRAP_AVERAGE_PRECISION] = "average_precision",
        [BOOTSTRAP_PRECISION] = "precision",
        [BOOTSTRAP_RECALL] = "recall",
        [BOOTSTRAP_F1] = "f1",
        [BOOTSTRAP_ACCURACY] = "accuracy",
        [BOOTSTRAP_FALSE_POSITIVE_RATE] = "false_positive_rate",
        [BOOTSTRAP_EVENT_RECALL] = "event_recall",
    };
    return names[metric];
}

/* ---- the plan ---- */

static bool begins_segment(const struct scored *scored, size_t row, size_t before, bool by_steps)
{
    double pause_s = (double)(scored->time_ns[row] - scored->time_ns[before]) / 1e9;
    return scored->label[row] != scored->label[before] || pause_s < 0 ||
           pause_s > PAUSE_PERIODS * scored->period_s ||
           (by_steps && scored->step && scored->label[row] != 0 &&
            scored->step[row] != scored->step[before]);
}

/* Numbers the segments of a recording from plan->segments on. A hole goes with the row before it:
 * it holds no window. */
static void cut(struct bootstrap_plan *plan, const struct scored *scored, uint32_t *segment)
{
    size_t before = SIZE_MAX;
    int64_t start_ns = 0;
    for (size_t i = 0; i < scored->rows; i++) {
        if (!scored->hole[i]) {
            int64_t time_ns = scored->time_ns[i];
            if (before == SIZE_MAX || begins_segment(scored, i, before, plan->by_steps) ||
                (double)(time_ns - start_ns) / 1e9 >= BOOTSTRAP_SEGMENT_S) {
                plan->segments++;
                start_ns = time_ns;
            }
            before = i;
        }
        segment[i] = plan->segments > 0 ? (uint32_t)plan->segments - 1 : 0;
    }
}

/* Segments of each stratum, one stratum after the other; returns the size of the first. */
static size_t stratify(const struct bootstrap_plan *plan, const struct scored *scored, size_t count,
                       uint32_t *ret_members)
{
    size_t unlabelled = 0, at = 0;
    for (int labelled = 0; labelled < 2; labelled++) {
        const uint32_t *segment = plan->segment;
        size_t next = 0; /* segment that has not begun yet */
        for (size_t s = 0; s < count; segment += scored[s++].rows) {
            for (size_t i = 0; i < scored[s].rows; i++) {
                if (scored[s].hole[i] || segment[i] < next)
                    continue;
                next = segment[i] + (size_t)1;
                if ((scored[s].label[i] != 0) == labelled)
                    ret_members[at++] = segment[i];
            }
        }
        unlabelled = labelled ? unlabelled : at;
    }
    assert(at == plan->segments);
    return unlabelled;
}

static void draw(struct rng *rng, const uint32_t *members, size_t count, uint32_t *weight)
{
    for (size_t i = 0; i < count; i++)
        weight[members[rng_below(rng, count)]]++;
}

static int draw_all(struct bootstrap_plan *plan, const struct scored *scored, size_t count)
{
    struct rng rng;
    uint32_t *members = calloc(plan->segments, sizeof *members);
    plan->weight = calloc(plan->replicates * plan->segments, sizeof *plan->weight);
    if (!members || !plan->weight) {
        free(members);
        return -ENOMEM;
    }
    size_t unlabelled = stratify(plan, scored, count, members);
    rng_init(&rng, plan->seed);
    for (size_t b = 0; b < plan->replicates; b++) {
        uint32_t *weight = plan->weight + b * plan->segments;
        draw(&rng, members, unlabelled, weight);
        draw(&rng, members + unlabelled, plan->segments - unlabelled, weight);
    }
    free(members);
    return 0;
}

int bootstrap_plan_init(struct bootstrap_plan *plan, const struct scored *scored, size_t count,
                        const struct bootstrap_options *options, struct diag *diag)
{
    *plan = (struct bootstrap_plan){.seed = options->seed,
                                    .by_steps = options->by_steps,
                                    .replicates = options->replicates ? options->replicates
                                                                      : BOOTSTRAP_REPLICATES};
    for (size_t s = 0; s < count; s++)
        plan->rows += scored[s].rows;
    plan->segment = calloc(plan->rows, sizeof *plan->segment);
    int r = plan->segment ? 0 : -ENOMEM;
    uint32_t *segment = plan->segment;
    for (size_t s = 0; r == 0 && s < count; segment += scored[s++].rows)
        cut(plan, &scored[s], segment);
    if (r == 0 && plan->segments == 0)
        r = diag_set(diag, "intervals: no row was measured");
    else if (r == 0 && (r = draw_all(plan, scored, count)) < 0)
        diag_errno(diag, r, "intervals");
    if (r < 0)
        bootstrap_plan_deinit(plan);
    return r;
}

void bootstrap_plan_deinit(struct bootstrap_plan *plan)
{
    free(plan->segment);
    free(plan->weight);
    *plan = (struct bootstrap_plan){0};
}

/* ---- one row, one seed ---- */

/* What a segment holds at the threshold. */
struct tally {
    uint32_t windows[2][2]; /* [anomalous][called so] */
    uint32_t events, found;
};

struct material {
    struct metrics_order order; /* groups are segments */
    struct tally *tally;        /* [segments] */
};

static int tally_events(const struct bootstrap_plan *plan, const struct scored *scored,
                        size_t count, struct tally *tally)
{
    const uint32_t *segment = plan->segment;
    int r = 0;
    for (size_t s = 0; r == 0 && s < count; segment += scored[s++].rows) {
        struct event_list events = {0};
        r = event_collect(&scored[s], plan->by_steps, EVENT_ANY_CONDITION, &events);
        for (size_t e = 0; r == 0 && e < events.count; e++) {
            struct tally *its = &tally[segment[events.item[e].first]];
            its->events++;
            its->found += events.item[e].found;
        }
        free(events.item);
    }
    return r;
}

static int gather(const struct bootstrap_plan *plan, const struct scored *scored, size_t count,
                  struct material *ret_material, struct diag *diag)
{
    struct scored_windows windows;
    *ret_material = (struct material){.tally = calloc(plan->segments, sizeof(struct tally))};
    int r = ret_material->tally ? scored_collect(scored, count, SCORED_ROBOT, &windows) : -ENOMEM;
    if (r < 0)
        return diag_errno(diag, r, "intervals");
    for (size_t i = 0; i < windows.count; i++) {
        uint32_t segment = plan->segment[windows.row[i]];
        ret_material->tally[segment].windows[windows.label[i] != 0][windows.score[i] > 1]++;
        windows.row[i] = segment;
    }
    const struct metrics_series series = {windows.score, windows.label, windows.count};
    r = metrics_order(&series, windows.row, &ret_material->order, diag);
    scored_windows_deinit(&windows);
    if (r == 0 && (r = tally_events(plan, scored, count, ret_material->tally)) < 0)
        diag_errno(diag, r, "intervals");
    return r;
}

static double share(double part, double whole, double otherwise)
{
    return whole > 0 ? part / whole : otherwise;
}

static void measure(const struct material *material, const uint32_t *weight, size_t segments,
                    double ret_value[BOOTSTRAP_METRICS])
{
    struct metrics_ranking ranking;
    double windows[2][2] = {{0}}, events = 0, found = 0;
    metrics_rank_weighted(&material->order, weight, &ranking);
    for (size_t s = 0; s < segments; s++) {
        const struct tally *tally = &material->tally[s];
        double times = weight[s];
        for (int a = 0; a < 4; a++)
            windows[a / 2][a % 2] += times * tally->windows[a / 2][a % 2];
        events += times * tally->events;
        found += times * tally->found;
    }
    double tn = windows[0][0], fp = windows[0][1], fn = windows[1][0], tp = windows[1][1];
    bool both = tp + fn > 0 && tn + fp > 0;
    ret_value[BOOTSTRAP_ROC_AUC] = ranking.roc_auc;
    ret_value[BOOTSTRAP_AVERAGE_PRECISION] = ranking.average_precision;
    ret_value[BOOTSTRAP_PRECISION] = both ? share(tp, tp + fp, 0) : (double)NAN;
    ret_value[BOOTSTRAP_RECALL] = share(tp, tp + fn, (double)NAN);
    ret_value[BOOTSTRAP_F1] = both ? share(2 * tp, 2 * tp + fp + fn, 0) : (double)NAN;
    ret_value[BOOTSTRAP_ACCURACY] = share(tp + tn, tp + tn + fp + fn, (double)NAN);
    ret_value[BOOTSTRAP_FALSE_POSITIVE_RATE] = share(fp, tn + fp, (double)NAN);
    ret_value[BOOTSTRAP_EVENT_RECALL] = share(found, events, (double)NAN);
}

static int measure_all(const struct bootstrap_plan *plan, const struct material *material,
                       struct bootstrap *bootstrap)
{
    uint32_t *once = malloc(plan->segments * sizeof *once);
    bootstrap->replicate = calloc(plan->replicates, sizeof *bootstrap->replicate);
    if (!once || !bootstrap->replicate) {
        free(once);
        return -ENOMEM;
    }
    for (size_t s = 0; s < plan->segments; s++)
        once[s] = 1;
    measure(material, once, plan->segments, bootstrap->point);
    for (size_t b = 0; b < plan->replicates; b++)
        measure(material, plan->weight + b * plan->segments, plan->segments,
                bootstrap->replicate[b]);
    free(once);
    return 0;
}

int bootstrap_run(const struct bootstrap_plan *plan, const struct scored *scored, size_t count,
                  struct bootstrap *ret_bootstrap, struct diag *diag)
{
    struct material material;
    size_t rows = 0;
    *ret_bootstrap = (struct bootstrap){.seed = plan->seed, .replicates = plan->replicates};
    for (size_t s = 0; s < count; s++)
        rows += scored[s].rows;
    if (rows != plan->rows)
        return diag_set(diag, "intervals: %zu rows, planned for %zu", rows, plan->rows);
    int r = gather(plan, scored, count, &material, diag);
    if (r == 0 && (r = measure_all(plan, &material, ret_bootstrap)) < 0)
        diag_errno(diag, r, "intervals");
    metrics_order_deinit(&material.order);
    free(material.tally);
    return r;
}

void bootstrap_deinit(struct bootstrap *bootstrap)
{
    free(bootstrap->replicate);
    *bootstrap = (struct bootstrap){0};
}

/* ---- over seeds ---- */

/* The figure of a, or its lead over b. */
static double figure(const double a[BOOTSTRAP_METRICS], const double *b,
                     enum bootstrap_metric metric)
{
    return a[metric] - (b ? b[metric] : 0);
}

static double draw_mean(struct rng *rng, const struct bootstrap *const *a,
                        const struct bootstrap *const *b, size_t count, size_t replicate,
                        enum bootstrap_metric metric)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t s = (size_t)rng_below(rng, count);
        sum += figure(a[s]->replicate[replicate], b ? b[s]->replicate[replicate] : NULL, metric);
    }
    return sum / (double)count;
}

static int find_interval(const struct bootstrap *const *a, const struct bootstrap *const *b,
                         size_t count, enum bootstrap_metric metric,
                         struct bootstrap_interval *ret_interval)
{
    struct rng rng;
    assert(count > 0);
    size_t replicates = a[0]->replicates, known = 0;
    double *values = malloc(replicates * sizeof *values), sum = 0;
    if (!values)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        assert(a[i]->replicates == replicates && a[i]->seed == a[0]->seed);
        assert(!b || (b[i]->replicates == replicates && b[i]->seed == a[0]->seed));
        sum += figure(a[i]->point, b ? b[i]->point : NULL, metric);
    }
    rng_init(&rng, a[0]->seed ^ SEED_STREAM);
    for (size_t r = 0; r < replicates; r++) {
        double value = draw_mean(&rng, a, b, count, r, metric);
        if (isfinite(value))
            values[known++] = value;
    }
    *ret_interval = (struct bootstrap_interval){sum / (double)count, (double)NAN, (double)NAN};
    if (2 * known >= replicates) {
        metrics_sort(values, known);
        ret_interval->low = metrics_percentile(values, known, 2.5);
        ret_interval->high = metrics_percentile(values, known, 97.5);
    }
    free(values);
    return 0;
}

int bootstrap_interval(const struct bootstrap *const *seeds, size_t count,
                       enum bootstrap_metric metric, struct bootstrap_interval *ret_interval)
{
    return find_interval(seeds, NULL, count, metric, ret_interval);
}

int bootstrap_difference(const struct bootstrap *const *a, const struct bootstrap *const *b,
                         size_t count, enum bootstrap_metric metric,
                         struct bootstrap_interval *ret_interval)
{
    return find_interval(a, b, count, metric, ret_interval);
}

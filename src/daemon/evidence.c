#include "daemon/evidence.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/evidence_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_ROW UINT64_MAX
#define DAY_NS (INT64_C(24 * 3600) * CLOCK_NS_PER_S)
#define AFTER_MARGIN_S 1.0 /* for samples that are late */

/* ---- packs ---- */

static bool has_come(const struct evidence_recorder *recorder,
                     const struct evidence_capture *capture, size_t more)
{
    return recorder->ring && capture->row != NO_ROW &&
           recorder->ring->end > capture->row + recorder->ring->after + more;
}

static int fill_pack(const struct evidence *evidence, const struct robot *robot,
                     enum alert_kind kind, struct evidence_item *item)
{
    const struct evidence_recorder *recorder = &robot->evidence;
    const struct evidence_capture *capture = recorder->capture[kind];
    struct evidence_pack *pack = &item->pack;
    pack->kind = kind;
    pack->model = model_ref(recorder->model);
    pack->written_ns = clock_realtime_ns();
    pack->raised = capture->raised;
    pack->peak = capture->peak;
    strcpy(pack->alert_id, capture->alert_id);
    strcpy(pack->robot, robot->name);
    snprintf(pack->instance, sizeof pack->instance, "%s", evidence->config->instance);
    strcpy(pack->config_sha256, evidence->config->sha256);
    memcpy(pack->thresholds, capture->thresholds, sizeof pack->thresholds);
    return recorder->ring && capture->row != NO_ROW
               ? evidence_pack_cut(pack, recorder->ring, capture->row)
               : 0;
}

static size_t expected_memory(const struct evidence_recorder *recorder)
{
    const struct evidence_ring *ring = recorder->ring;
    return ring ? (ring->before + ring->after + 1) *
                      (sizeof *ring->row +
                       (ring->channels + ring->derived + ring->detectors) * sizeof *ring->values)
                : 0;
}

static void drop(struct evidence *evidence, const struct robot *robot)
{
    if (log_is_due(++evidence->dropped))
        log_warning("%s: no room for the evidence of an alert (%llu so far)", robot->name,
                    (unsigned long long)evidence->dropped);
}

/* Hands the pack over, or counts that there is no room for it; the capture is gone then. */
static void end_capture(struct evidence *evidence, struct robot *robot, enum alert_kind kind,
                        const char *cut)
{
    struct evidence_recorder *recorder = &robot->evidence;
    struct evidence_capture *capture = recorder->capture[kind];
    struct evidence_item *item =
        evidence_has_room(evidence, expected_memory(recorder)) ? calloc(1, sizeof *item) : NULL;
    if (item && fill_pack(evidence, robot, kind, item) == 0) {
        item->is_pack = true;
        item->pack.cut = has_come(recorder, capture, 0) ? NULL : cut;
        item->pack.alert = item->text = capture->alert;
        item->bytes = sizeof *item + strlen(item->text) + evidence_pack_memory(&item->pack);
        capture->alert = NULL;
        evidence_put(evidence, item);
        if (capture->cleared)
            evidence_put_note(evidence, capture->alert_id, EVIDENCE_CLEARED_FILE, capture->cleared);
        if (capture->verdict)
            evidence_put_note(evidence, capture->alert_id, EVIDENCE_VERDICT_FILE, capture->verdict);
        capture->cleared = capture->verdict = NULL;
    } else {
        if (item)
            model_unref(item->pack.model);
        free(item);
        drop(evidence, robot);
    }
    evidence_capture_free(capture);
    recorder->capture[kind] = NULL;
}

/* While the disk is behind it waits in the ring, for as long as it is there. */
static void end_if_possible(struct evidence *evidence, struct robot *robot, enum alert_kind kind)
{
    const struct evidence_recorder *recorder = &robot->evidence;
    const struct evidence_capture *capture = recorder->capture[kind];
    bool gone = recorder->ring && evidence_ring_oldest(recorder->ring) > capture->row;
    if (gone || evidence_has_room(evidence, expected_memory(recorder)))
        end_capture(evidence, robot, kind, NULL);
}

static void end_all(struct evidence *evidence, struct robot *robot, const char *cut)
{
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        if (robot->evidence.capture[kind])
            end_capture(evidence, robot, (enum alert_kind)kind, cut);
    }
}

/* ---- samples ---- */

/* Rings get three quarters of the memory, so that packs of theirs have room as well. */
static void start_ring(struct evidence *evidence, const struct robot *robot,
                       struct evidence_recorder *recorder)
{
    double before_s = evidence->config->evidence.before_s;
    double after_s = evidence->config->evidence.after_s;
    size_t size = evidence_ring_size(recorder->model, before_s, after_s);
    if (evidence->ring_bytes + size <= evidence_budget(evidence) / 4 * 3)
        recorder->ring = evidence_ring_new(recorder->model, before_s, after_s);
    if (recorder->ring)
        evidence->ring_bytes += size;
    else if (log_is_due(++evidence->unbuffered))
        log_warning("%s: its samples are not kept for evidence (%llu robots so far): %.3g MiB more "
                    "than evidence.memory_mib (%.6g) allows",
                    robot->name, (unsigned long long)evidence->unbuffered, (double)size / 1048576.0,
                    evidence->config->evidence.memory_mib);
}

/* What began with the model's rows ends with them. */
static void forget_model(struct evidence *evidence, struct robot *robot, const char *why)
{
    struct evidence_recorder *recorder = &robot->evidence;
    end_all(evidence, robot, why);
    if (recorder->ring)
        evidence->ring_bytes -=
            evidence_ring_size(recorder->model, evidence->config->evidence.before_s,
                               evidence->config->evidence.after_s);
    else if (recorder->model)
        evidence->unbuffered--;
    evidence_ring_free(recorder->ring);
    model_unref(recorder->model);
    recorder->ring = NULL;
    recorder->model = NULL;
    recorder->scored = false;
}

/* Rows of another model are no rows of this one. */
static void change_model(struct evidence *evidence, struct robot *robot)
{
    struct evidence_recorder *recorder = &robot->evidence;
    forget_model(evidence, robot, "the model changed");
    recorder->model = model_ref(robot->model);
    start_ring(evidence, robot, recorder);
}

void evidence_take(struct evidence *evidence, struct robot *robot)
{
    struct evidence_recorder *recorder = &robot->evidence;
    if (!evidence || !evidence->config->evidence.enabled)
        return;
    if (recorder->model != robot->model)
        change_model(evidence, robot);
    if (recorder->ring)
        evidence_ring_take(recorder->ring, track_next_row(&robot->track));
}

static void push(struct evidence *evidence, struct robot *robot, const struct evidence_row *row,
                 const float *completed)
{
    struct evidence_recorder *recorder = &robot->evidence;
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        if (recorder->capture[kind] &&
            has_come(recorder, recorder->capture[kind], EVIDENCE_RING_SLACK / 2))
            end_if_possible(evidence, robot, (enum alert_kind)kind);
    }
    evidence_ring_push(recorder->ring, row, completed);
}

void evidence_row(struct evidence *evidence, struct robot *robot, const struct sample *sample)
{
    static const int32_t standing[] = {
        [FLAT_SENSOR_FAULT] = EVIDENCE_SENSOR_FAULT, [FLAT_STOPPED] = EVIDENCE_STOPPED};
    struct track *track = &robot->track;
    struct evidence_row row = {.time_ns = sample->time_ns,
                               .seq = sample->has_seq ? sample->seq : robot->arrivals};
    if (!robot->evidence.ring || robot->evidence.model != robot->model)
        return;
    row.window = track->verdict == FLAT_NONE ? (int32_t)history_valid_rows(&track->history)
                                             : standing[track->verdict];
    push(evidence, robot, &row, history_row(&track->history, 0));
}

/* Its time was held against nothing: what repeats the row before, or is older, is left out. */
void evidence_gated(struct evidence *evidence, struct robot *robot, int64_t time_ns)
{
    const struct evidence_ring *ring = robot->evidence.ring;
    const struct evidence_row row = {.time_ns = time_ns, .window = EVIDENCE_NOT_EVALUATED};
    if (!ring || robot->evidence.model != robot->model ||
        (ring->end > 0 && evidence_ring_row(ring, ring->end - 1)->time_ns >= time_ns))
        return;
    push(evidence, robot, &row, NULL);
}

void evidence_score(struct evidence *evidence, struct robot *robot, const struct score *score,
                    double ratio)
{
    struct evidence_recorder *recorder = &robot->evidence;
    struct evidence_capture *capture = recorder->capture[ALERT_ANOMALY];
    recorder->scored = recorder->ring && recorder->model == robot->model &&
                       score->detectors == recorder->ring->detectors &&
                       evidence_ring_score(recorder->ring, score, &recorder->newest_scored);
    if (capture && recorder->scored && score->attributed && ratio > capture->peak.ratio)
        capture->peak = (struct evidence_moment){.known = true,
                                                 .row = recorder->newest_scored,
                                                 .ratio = ratio,
                                                 .attribution = score->attribution};
}

/* ---- alerts ---- */

static bool is_limited(struct evidence *evidence, struct robot *robot, int64_t now_ns)
{
    struct evidence_recorder *recorder = &robot->evidence;
    if (recorder->packs == 0 || now_ns - recorder->day_ns >= DAY_NS) {
        recorder->day_ns = now_ns;
        recorder->packs = 0;
    }
    if (recorder->packs < (unsigned)evidence->config->evidence.max_per_day) {
        recorder->packs++;
        return false;
    }
    if (log_is_due(++evidence->limited))
        log_info("%s: over evidence.max_per_day (%lld): the evidence of an alert is not kept (%llu "
                 "so far)",
                 robot->name, (long long)evidence->config->evidence.max_per_day,
                 (unsigned long long)evidence->limited);
    return true;
}

/* The row of the newest sample, or, of an alert by scores, of the newest score. */
static uint64_t raised_row(const struct evidence_recorder *recorder, enum alert_kind kind)
{
    if (!recorder->ring || recorder->ring->end == 0)
        return NO_ROW;
    if (kind == ALERT_ANOMALY && recorder->scored)
        return recorder->newest_scored;
    return recorder->ring->end - 1;
}

/* What the alert says itself. */
static void note_moment(const struct robot *robot, struct evidence_capture *capture)
{
    const struct score *last = &robot->alert.episode.last;
    const struct evidence_recorder *recorder = &robot->evidence;
    if (!last->attributed || !recorder->scored ||
        evidence_ring_row(recorder->ring, capture->row)->time_ns != last->time_ns)
        return;
    capture->raised = (struct evidence_moment){.known = true,
                                               .row = capture->row,
                                               .ratio = robot->alert.episode.score,
                                               .attribution = last->attribution};
    capture->peak = capture->raised;
}

static void begin_capture(struct robot *robot, enum alert_kind kind, const char *text,
                          int64_t now_ns)
{
    struct evidence_recorder *recorder = &robot->evidence;
    struct evidence_capture *capture = calloc(1, sizeof *capture);
    if (!capture || !(capture->alert = strdup(text))) {
        free(capture);
        return; /* the log has told by then that memory is out */
    }
    strcpy(capture->alert_id, robot->alerts[kind].id);
    capture->raised_ns = now_ns;
    capture->row = raised_row(recorder, kind);
    for (size_t d = 0; d < robot->alert.detectors; d++)
        capture->thresholds[d] = robot->alert.trigger[d].threshold;
    if (kind == ALERT_ANOMALY)
        note_moment(robot, capture);
    recorder->capture[kind] = capture;
}

static struct evidence_capture *find_capture(const struct robot *robot, const char *alert_id)
{
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        struct evidence_capture *capture = robot->evidence.capture[kind];
        if (capture && !strcmp(capture->alert_id, alert_id))
            return capture;
    }
    return NULL;
}

/* Beside the pack that is there; or it waits in kept for the one that is still to come. */
static void note(struct evidence *evidence, const char *alert_id, const char *name,
                 const char *text, char **kept)
{
    char *copy = strdup(text);
    if (kept) {
        free(*kept);
        *kept = copy;
    } else if (copy) {
        evidence_put_note(evidence, alert_id, name, copy);
    }
}

void evidence_alert(struct evidence *evidence, struct robot *robot, enum alert_kind kind,
                    enum alert_transition transition, const char *text)
{
    int64_t now_ns = clock_monotonic_ns();
    if (!evidence || !evidence->config->evidence.enabled)
        return;
    if (transition == ALERT_CLEARED) {
        struct evidence_capture *capture = find_capture(robot, robot->alerts[kind].id);
        note(evidence, robot->alerts[kind].id, EVIDENCE_CLEARED_FILE, text,
             capture ? &capture->cleared : NULL);
    }
    if (transition != ALERT_RAISED || is_limited(evidence, robot, now_ns))
        return;
    if (robot->evidence.model != robot->model)
        change_model(evidence, robot);
    if (robot->evidence.capture[kind])
        end_capture(evidence, robot, kind, "the next alert was raised");
    begin_capture(robot, kind, text, now_ns);
}

void evidence_verdict(struct evidence *evidence, const struct robot *robot, const char *alert_id,
                      const char *text)
{
    if (!evidence || !evidence_id_valid(alert_id))
        return;
    struct evidence_capture *capture = find_capture(robot, alert_id);
    note(evidence, alert_id, EVIDENCE_VERDICT_FILE, text, capture ? &capture->verdict : NULL);
    evidence_go_on(evidence);
}

/* ---- time ---- */

void evidence_tick_robot(struct evidence *evidence, struct robot *robot, int64_t now_ns)
{
    double after_s = evidence->config->evidence.after_s + AFTER_MARGIN_S;
    for (int kind = 0; kind < ALERT_KINDS; kind++) {
        const struct evidence_capture *capture = robot->evidence.capture[kind];
        if (capture && (has_come(&robot->evidence, capture, 0) ||
                        (double)(now_ns - capture->raised_ns) / 1e9 >= after_s))
            end_if_possible(evidence, robot, (enum alert_kind)kind);
    }
}

void evidence_leave(struct evidence *evidence, struct robot *robot)
{
    if (!evidence)
        return;
    forget_model(evidence, robot, "the robot is another instance's");
    evidence_go_on(evidence);
}

void evidence_finish(struct evidence *evidence, struct robot *robot)
{
    if (evidence->stop_ns == 0)
        evidence->stop_ns = clock_monotonic_ns();
    end_all(evidence, robot, "the daemon stopped");
    evidence_go_on(evidence);
}

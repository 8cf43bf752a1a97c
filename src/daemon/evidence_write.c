/*
 * The way to the disk: a queue, and one job at a time. What fails stays at the head of the queue
 * and is tried again; whoever comes when there is no room is counted and gone.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/evidence_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIB 1048576.0
#define DAY_NS (86400 * (double)CLOCK_NS_PER_S)
#define PRUNE_NS (3600 * CLOCK_NS_PER_S)
#define STALLED_NS (5 * CLOCK_NS_PER_S)

void evidence_item_free(struct evidence_item *item)
{
    if (!item)
        return;
    evidence_pack_release(&item->pack);
    model_unref(item->pack.model);
    free(item->text);
    free(item);
}

int evidence_init(struct evidence *evidence, uv_loop_t *loop, const struct config *config)
{
    *evidence = (struct evidence){.loop = loop, .config = config};
    evidence->end = &evidence->first;
    return evidence_store_init(&evidence->store, config->state_directory);
}

static struct evidence_item *take_first(struct evidence *evidence)
{
    struct evidence_item *item = evidence->first;
    if (!item)
        return NULL;
    evidence->first = item->next;
    if (!evidence->first)
        evidence->end = &evidence->first;
    evidence->waiting--;
    evidence->waiting_bytes -= item->bytes;
    return item;
}

void evidence_deinit(struct evidence *evidence)
{
    struct evidence_item *item;
    if (!evidence->end)
        return; /* it was never begun */
    while ((item = take_first(evidence)))
        evidence_item_free(item);
    evidence_store_deinit(&evidence->store);
}

/* ---- the queue ---- */

size_t evidence_budget(const struct evidence *evidence)
{
    return (size_t)(evidence->config->evidence.memory_mib * MIB);
}

/* One pack always has room, however small the memory is. */
bool evidence_has_room(const struct evidence *evidence, size_t bytes)
{
    return evidence->waiting == 0 ||
           (evidence->waiting < EVIDENCE_WAITING_MAX &&
            evidence->ring_bytes + evidence->waiting_bytes + bytes <= evidence_budget(evidence));
}

void evidence_put(struct evidence *evidence, struct evidence_item *item)
{
    item->next = NULL;
    *evidence->end = item;
    evidence->end = &item->next;
    evidence->waiting++;
    evidence->waiting_bytes += item->bytes;
    evidence_go_on(evidence);
}

void evidence_put_note(struct evidence *evidence, const char *id, const char *name, char *text)
{
    struct evidence_item *item =
        evidence->waiting < EVIDENCE_WAITING_MAX ? calloc(1, sizeof *item) : NULL;
    if (!item) {
        free(text);
        return;
    }
    snprintf(item->id, sizeof item->id, "%s", id);
    item->name = name;
    item->text = text;
    item->bytes = sizeof *item + strlen(text);
    evidence_put(evidence, item);
}

/* ---- the job ---- */

static void write_in_pool(uv_work_t *work)
{
    struct evidence *evidence = work->data;
    struct evidence_store *store = &evidence->store;
    struct evidence_item *item = evidence->item;
    if (!store->known)
        evidence->result = evidence_store_open(store, &evidence->diag);
    if (evidence->result < 0)
        return;
    if (!item)
        evidence_store_prune(store, &evidence->limits);
    else if (item->is_pack)
        evidence->result =
            evidence_store_add(store, &evidence->limits, &item->pack, &evidence->diag);
    else
        evidence->result = evidence_store_note(
            store, &evidence->limits, item->id,
            &(struct evidence_note){.name = item->name, .text = item->text}, &evidence->diag);
}

static void note_failure(struct evidence *evidence, int64_t now_ns)
{
    bool first = !evidence->failing;
    evidence->failing = true;
    evidence->retry_ns = evidence->prune_ns = now_ns + EVIDENCE_RETRY_S * CLOCK_NS_PER_S;
    if (log_is_due(++evidence->failed) || first)
        log_error("evidence: %s (%llu times): alerts are not affected", evidence->diag.text,
                  (unsigned long long)evidence->failed);
}

/* A note of an alert without a pack, and a pack that can never be written, are not tried again. */
static void note_result(struct evidence *evidence, int64_t now_ns)
{
    const struct evidence_item *item = evidence->item;
    int r = evidence->result;
    if (r == 0) {
        if (evidence->failing)
            log_info("evidence: written again");
        evidence->failing = false;
        evidence->written += item && item->is_pack;
        evidence->packs = evidence->store.count;
        evidence->bytes = evidence->store.bytes;
        return;
    }
    if (item && !item->is_pack && r == -ENOENT) {
        evidence->result = 0;
        return;
    }
    note_failure(evidence, now_ns);
    if (r == -EFBIG || r == -EINVAL)
        evidence->result = 0;
}

static void put_back(struct evidence *evidence, struct evidence_item *item)
{
    item->next = evidence->first;
    if (!evidence->first)
        evidence->end = &item->next;
    evidence->first = item;
    evidence->waiting++;
    evidence->waiting_bytes += item->bytes;
}

static void on_written(uv_work_t *work, int status)
{
    struct evidence *evidence = work->data;
    struct evidence_item *item = evidence->item;
    if (status < 0)
        evidence->result = diag_errno(&evidence->diag, status, "job");
    note_result(evidence, clock_monotonic_ns());
    evidence->busy = false;
    evidence->item = NULL;
    evidence->waiting -= item != NULL;
    evidence->waiting_bytes -= item ? item->bytes : 0;
    if (evidence->result < 0 && item)
        put_back(evidence, item);
    else
        evidence_item_free(item);
    evidence_go_on(evidence);
}

/* What is being written counts as waiting: it is in memory. */
static void start_job(struct evidence *evidence, int64_t now_ns)
{
    const struct config *config = evidence->config;
    double age_ns = config->evidence.max_age_days * DAY_NS;
    evidence->limits = (struct evidence_limits){
        .bytes = (uint64_t)(config->evidence.max_mib * MIB),
        .keep_free = (uint64_t)(config->evidence.keep_free_mib * MIB),
        .oldest_ns = clock_realtime_ns() - (int64_t)age_ns,
    };
    evidence->item = take_first(evidence);
    evidence->prune_ns = now_ns + PRUNE_NS;
    evidence->result = 0;
    evidence->diag = DIAG_INIT;
    evidence->busy_since_ns = now_ns;
    evidence->work.data = evidence;
    evidence->busy = uv_queue_work(evidence->loop, &evidence->work, write_in_pool, on_written) == 0;
    if (evidence->item && evidence->busy) {
        evidence->waiting++;
        evidence->waiting_bytes += evidence->item->bytes;
    } else if (evidence->item) {
        put_back(evidence, evidence->item);
        evidence->item = NULL;
    }
}

static void end_stop(struct evidence *evidence)
{
    void (*on_stopped)(void *user) = evidence->on_stopped;
    if (evidence->waiting > 0)
        log_warning("evidence: %zu files are not written before the stop", evidence->waiting);
    evidence->on_stopped = NULL;
    if (on_stopped)
        on_stopped(evidence->stopped_user);
}

void evidence_go_on(struct evidence *evidence)
{
    int64_t now_ns = clock_monotonic_ns();
    bool stopping = evidence->stop_ns != 0;
    if (evidence->busy)
        return;
    bool late = stopping && now_ns - evidence->stop_ns > EVIDENCE_STOP_NS;
    bool wanted = evidence->first || (!stopping && now_ns >= evidence->prune_ns);
    if (wanted && !late && (!evidence->failing || (!stopping && now_ns >= evidence->retry_ns)))
        start_job(evidence, now_ns);
    if (!evidence->busy && evidence->stopping)
        end_stop(evidence);
}

void evidence_tick(struct evidence *evidence, int64_t now_ns)
{
    if (evidence->first || now_ns >= evidence->prune_ns)
        evidence_go_on(evidence);
}

void evidence_stop(struct evidence *evidence, void (*on_stopped)(void *user), void *user)
{
    if (evidence->stop_ns == 0)
        evidence->stop_ns = clock_monotonic_ns();
    evidence->stopping = true;
    evidence->on_stopped = on_stopped;
    evidence->stopped_user = user;
    evidence_go_on(evidence);
}

/* ---- how it is ---- */

bool evidence_failing(const struct evidence *evidence)
{
    return evidence->failing ||
           (evidence->busy && clock_monotonic_ns() - evidence->busy_since_ns > STALLED_NS);
}

void evidence_add_counters(const struct evidence *evidence, cJSON *root)
{
    const struct {
        const char *name;
        double value;
    } members[] = {{"packs", (double)evidence->packs},
                   {"bytes", (double)evidence->bytes},
                   {"waiting", (double)evidence->waiting},
                   {"written", (double)evidence->written},
                   {"failed", (double)evidence->failed},
                   {"dropped", (double)evidence->dropped},
                   {"limited", (double)evidence->limited},
                   {"unbuffered", (double)evidence->unbuffered},
                   {"memory", (double)(evidence->ring_bytes + evidence->waiting_bytes)}};
    cJSON *object = cJSON_AddObjectToObject(root, "evidence");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        cJSON_AddNumberToObject(object, members[i].name, members[i].value);
}

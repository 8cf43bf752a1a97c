#include "daemon/partitions.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/topic_template.h"
#include "daemon/evidence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATIC_GRANT 1
#define UNDER_WAY_MAX 2 /* an alert and its state; a stalled cluster is held up by no more */

/* ---- who owns what */

bool partitions_own(const struct partitions *partitions, int partition)
{
    if (partition < 0 || (size_t)partition >= partitions->count)
        return false;
    uint64_t grant = partitions->part[partition].grant;
    return grant != 0 &&
           lease_board_grant(&partitions->board, (size_t)partition, clock_boottime_ns()) == grant;
}

bool partitions_own_robot(const struct partitions *partitions, const struct robot *robot)
{
    return !robot->absent && partitions_own(partitions, robot->partition);
}

/* Whom a topic ROOT/robot/ROBOT/... tells of. False: it is none; ret_robot NULL: nobody who is
 * known here. */
static bool read_topic(const struct partitions *partitions, const char *topic,
                       const struct robot **ret_robot)
{
    char name[NAME_MAX_LENGTH + 1];
    const char *root = partitions->config->topics.root;
    size_t length = strlen(root);
    if (strncmp(topic, root, length) != 0 || strncmp(topic + length, "/robot/", 7) != 0)
        return false;
    const char *robot = topic + length + 7;
    size_t size = strcspn(robot, "/");
    if (size > NAME_MAX_LENGTH)
        return false;
    memcpy(name, robot, size);
    name[size] = '\0';
    *ret_robot = fleet_find(partitions->fleet, name);
    return true;
}

/* Of the robots that are here; whatever else is told is our own. Where the store does not answer a
 * cluster may be without a leader: it would neither take a message nor read the next one for
 * seconds. */
static enum outbox_leave may_tell(void *user, const char *topic)
{
    const struct partitions *partitions = user;
    const struct robot *known;
    if (!read_topic(partitions, topic, &known))
        return OUTBOX_SEND;
    if (!known || !partitions_own_robot(partitions, known))
        return OUTBOX_NOT_OURS;
    return partitions->leased && partitions->unreachable_ns != 0 ? OUTBOX_WAIT : OUTBOX_SEND;
}

/* ---- start and stop */

void partitions_init(struct partitions *partitions, const struct config *config)
{
    struct partition_set own = {0};
    partitions->config = config;
    partitions->count = (size_t)config->partitions.count;
    partitions->leased = config_leases(config);
    strcpy(partitions->instance, config->instance);
    strcpy(partitions->takeover.instance, config->instance);
    if (config->partitions.own)
        partition_set_parse(config->partitions.own, partitions->count, &own, NULL);
    for (size_t p = 0; p < partitions->count; p++) {
        if (!partition_set_has(&own, p))
            continue;
        atomic_store(&partitions->board.slot[p].grant, STATIC_GRANT);
        atomic_store(&partitions->board.slot[p].deadline_ns, INT64_MAX);
    }
}

void partitions_deinit(struct partitions *partitions)
{
    takeover_deinit(&partitions->takeover);
}

static void on_turn(void *user, const char *error)
{
    struct partitions *partitions = user;
    int64_t now_ns = clock_monotonic_ns();
    if (*error && partitions->unreachable_ns == 0)
        partitions->unreachable_ns = now_ns;
    if (!*error)
        partitions->unreachable_ns = 0;
    if (*error && strcmp(error, partitions->error) != 0)
        log_warning("leases: %s", error);
    else if (!*error && *partitions->error)
        log_info("leases: the store answers");
    snprintf(partitions->error, sizeof partitions->error, "%s", error);
    partitions_tick(partitions, now_ns);
}

/* States first: what a broker has retained of them comes before the first sample then. */
static int subscribe_states(struct partitions *partitions)
{
    char *filter;
    if (!partitions->client)
        return 0;
    if (asprintf(&filter, "%s/robot/+/state", partitions->config->topics.root) < 0)
        return -ENOMEM;
    int r = mqtt_client_subscribe(partitions->client, filter, 0);
    free(filter);
    return r;
}

int partitions_start(struct partitions *partitions, uv_loop_t *loop, struct mqtt_client *client,
                     struct diag *diag)
{
    partitions->client = client;
    partitions->takeover.publisher = partitions->publisher;
    partitions->offline_ns = clock_monotonic_ns();
    outbox_set_gate(partitions->publisher->outbox, may_tell, partitions);
    outbox_set_window(partitions->publisher->outbox, UNDER_WAY_MAX);
    int r = subscribe_states(partitions);
    if (r < 0)
        return diag_errno(diag, -r, "subscriptions");
    const struct lease_thread_handlers handlers = {.on_turn = on_turn, .user = partitions};
    partitions_tick(partitions, clock_monotonic_ns());
    if (!partitions->leased)
        return 0;
    atomic_store(&partitions->board.able, false); /* until the broker can be heard */
    return lease_thread_start(loop, partitions->config, &partitions->board, &handlers,
                              &partitions->thread, diag);
}

void partitions_stop(struct partitions *partitions, void (*on_stopped)(void *user), void *user)
{
    struct lease_thread *thread = partitions->thread;
    partitions->client = NULL;
    partitions->thread = NULL;
    if (thread)
        lease_thread_stop(thread, on_stopped, user);
    else
        on_stopped(user);
}

/* ---- one partition */

static int for_each_filter(struct partitions *partitions, size_t partition, bool subscribe)
{
    const struct config_list *samples = &partitions->config->topics.samples;
    int r = 0;
    for (size_t i = 0; r == 0 && partitions->client && i < samples->count; i++) {
        char *filter = topic_template_filter_partition(samples->item[i], partition);
        if (!filter)
            r = -ENOMEM;
        else if (subscribe)
            r = mqtt_client_subscribe(partitions->client, filter, 0);
        else
            mqtt_client_unsubscribe(partitions->client, filter); /* one at most is not there */
        free(filter);
    }
    return r;
}

int partitions_use(struct partitions *partitions, struct mqtt_client *client)
{
    partitions->client = client;
    int r = subscribe_states(partitions);
    for (size_t p = 0; r == 0 && p < partitions->count; p++) {
        if (partitions->part[p].grant != 0)
            r = for_each_filter(partitions, p, true);
    }
    return r;
}

static void acquire(struct partitions *partitions, size_t partition, uint64_t grant, int64_t now_ns)
{
    partitions->part[partition] = (struct partition){
        .grant = grant, .since_ns = clock_realtime_ns(), .subscribed_ns = now_ns};
    partitions->obtained++;
    if (partitions->owner_ns == 0)
        partitions->owner_ns = now_ns;
    if (for_each_filter(partitions, partition, true) < 0)
        log_error("out of memory: partition %zu is not heard", partition);
    log_info("partition %zu is ours", partition);
}

static bool owns_any(const struct partitions *partitions)
{
    for (size_t p = 0; p < partitions->count; p++) {
        if (partitions->part[p].grant != 0)
            return true;
    }
    return false;
}

/* What is open of the robots goes on where they are next; nothing of it is told here any more. */
static void release(struct partitions *partitions, size_t partition, const char *why)
{
    size_t robots = 0;
    partitions->part[partition].grant = 0;
    if (!owns_any(partitions))
        partitions->owner_ns = 0;
    for_each_filter(partitions, partition, false);
    for (size_t i = 0; i < partitions->fleet->count; i++) {
        struct robot *robot = partitions->fleet->robot[i];
        if (robot->absent || robot->partition != (int)partition)
            continue;
        takeover_leave(&partitions->takeover, robot);
        evidence_leave(partitions->publisher->evidence, robot);
        robot_leave(robot);
        robots++;
    }
    log_info("partition %zu is not ours any more (%s): %zu robots leave", partition, why, robots);
}

struct untold {
    const struct partitions *partitions;
    struct partition_set set;
};

static void add_untold(void *user, const char *topic)
{
    struct untold *untold = user;
    const struct robot *robot;
    if (read_topic(untold->partitions, topic, &robot) && robot && robot->partition >= 0)
        partition_set_add(&untold->set, (size_t)robot->partition);
}

/* Partitions of whose robots something is still to be told: the next owner could not know of an
 * alert whose state never left. */
static struct partition_set find_untold(const struct partitions *partitions)
{
    struct untold untold = {.partitions = partitions};
    for (size_t p = 0; p < partitions->count; p++) {
        uint64_t used = partitions->part[p].grant;
        if (used == 0 || used != atomic_load(&partitions->board.slot[p].give))
            continue;
        outbox_each_topic(partitions->publisher->outbox, add_untold, &untold);
        break;
    }
    return untold.set;
}

/* Returns true if something was given up that the keeper waits for. One that is still to tell of a
 * partition keeps it until it has, or its lease has ended. */
static bool follow(struct partitions *partitions, size_t partition, bool untold, int64_t now_ns)
{
    struct lease_slot *slot = &partitions->board.slot[partition];
    uint64_t used = partitions->part[partition].grant;
    uint64_t held = lease_board_grant(&partitions->board, partition, clock_boottime_ns());
    uint64_t give = atomic_load(&slot->give);
    bool asked = give != 0 && give != atomic_load(&slot->given);
    if (used != 0 && used == give && used == held && untold)
        return false;
    if (used != 0 && used == give) {
        partitions->given++;
        release(partitions, partition, "another instance is to have it");
    } else if (used != 0 && used != held) {
        partitions->lost++;
        partitions->under_way |= partitions->client && mqtt_client_inflight(partitions->client) > 0;
        release(partitions, partition, "its lease has ended");
    }
    if (held != 0 && held != give && partitions->part[partition].grant == 0)
        acquire(partitions, partition, held, now_ns);
    if (asked)
        atomic_store(&slot->given, give);
    return asked;
}

void partitions_alive(struct partitions *partitions)
{
    atomic_store(&partitions->board.alive_ns, clock_boottime_ns());
}

void partitions_tick(struct partitions *partitions, int64_t now_ns)
{
    bool given = false;
    double offline_s = (double)(now_ns - partitions->offline_ns) / (double)CLOCK_NS_PER_S;
    partitions_alive(partitions);
    if (partitions->offline_ns != 0 && offline_s > PARTITIONS_DEAF_S)
        atomic_store(&partitions->board.able, false);
    struct partition_set untold = find_untold(partitions);
    for (size_t p = 0; p < partitions->count; p++)
        given |= follow(partitions, p, partition_set_has(&untold, p), now_ns);
    if (given && partitions->thread)
        lease_thread_poke(partitions->thread);
}

void partitions_listen(struct partitions *partitions, bool listening, int64_t now_ns)
{
    atomic_store(&partitions->board.hearing, listening);
    if (!listening) {
        partitions->offline_ns = partitions->offline_ns ? partitions->offline_ns : now_ns;
        return;
    }
    partitions->offline_ns = 0;
    atomic_store(&partitions->board.able, true);
    for (size_t p = 0; p < partitions->count; p++)
        partitions->part[p].subscribed_ns = now_ns;
    if (partitions->thread)
        lease_thread_poke(partitions->thread);
}

/* ---- robots */

static struct robot *adopt(struct partitions *partitions, struct robot *robot, int partition,
                           int64_t now_ns)
{
    struct diag diag = DIAG_INIT;
    if (robot->absent)
        robot = fleet_return(partitions->fleet, robot, &diag);
    if (!robot) {
        if (log_is_due(++partitions->intake->unknown))
            log_warning("sample refused (%llu so far): %s",
                        (unsigned long long)partitions->intake->unknown, diag.text);
        return NULL;
    }
    robot->partition = partition;
    robot->owner = partitions->instance;
    robot->owner_epoch = partitions->part[partition].grant;
    robot->adopted_ns = now_ns;
    takeover_resume(&partitions->takeover, robot);
    outbox_recall(partitions->publisher->outbox);
    return robot;
}

/* Whoever may publish into partitions by himself could have one robot judged by two instances. */
static bool is_misplaced(const struct partitions *partitions, const char *name, int partition)
{
    const char *hash = partitions->config->partitions.hash;
    return !strcmp(hash, "fnv1a") &&
           partition_of_name(name, partitions->count) != (size_t)partition;
}

struct robot *partitions_robot(struct partitions *partitions, const char *name, int partition,
                               bool retained)
{
    if (partition < 0 || (size_t)partition >= partitions->count) {
        if (log_is_due(++partitions->invalid))
            log_warning("sample refused (%llu so far): of robot %s: there are partitions 0 to %zu",
                        (unsigned long long)partitions->invalid, name, partitions->count - 1);
        return NULL;
    }
    if (is_misplaced(partitions, name, partition)) {
        if (log_is_due(++partitions->misplaced))
            log_warning("sample refused (%llu so far): of robot %s in partition %d: by its name it "
                        "belongs into %zu",
                        (unsigned long long)partitions->misplaced, name, partition,
                        partition_of_name(name, partitions->count));
        return NULL;
    }
    if (!partitions_own(partitions, partition)) {
        partitions->foreign++; /* it was on its way when the partition was lost */
        return NULL;
    }
    struct robot *robot = intake_robot(partitions->intake, name, retained);
    if (!robot || retained ||
        (!robot->absent && robot->partition == partition &&
         robot->owner_epoch == partitions->part[partition].grant))
        return robot;
    return adopt(partitions, robot, partition, clock_monotonic_ns());
}

bool partitions_is_backlog(const struct partitions *partitions, const struct robot *robot,
                           const struct sample *sample, int64_t now_ns)
{
    if (!sample->has_time || robot->partition < 0)
        return false;
    int64_t since_ns = now_ns - partitions->part[robot->partition].subscribed_ns;
    int64_t age_ns = host_clock_ns(&partitions->intake->clock, now_ns) - sample->time_ns;
    return (double)since_ns <= PARTITIONS_BACKLOG_S * (double)CLOCK_NS_PER_S &&
           (double)age_ns > partitions->config->partitions.stale_s * (double)CLOCK_NS_PER_S;
}

/* Another instance has had the robot since: what we still had to tell of it is void. */
static void disown(struct partitions *partitions, const char *name)
{
    char *topic;
    if (asprintf(&topic, "%s/robot/%s/alert", partitions->config->topics.root, name) < 0)
        return;
    size_t count = outbox_disown(partitions->publisher->outbox, topic);
    partitions->disowned += count;
    if (count > 0)
        log_warning("%s: %zu alert messages are void: another instance has it", name, count);
    free(topic);
}

int64_t partitions_expect_ns(const struct partitions *partitions)
{
    bool here = partition_set_count(&partitions->peopled) == 0;
    for (size_t p = 0; !here && p < partitions->count; p++)
        here = partitions->part[p].grant != 0 && partition_set_has(&partitions->peopled, p);
    return here ? partitions->owner_ns : 0;
}

static void take_word(struct partitions *partitions, const struct takeover_word *word)
{
    struct robot *robot = fleet_find(partitions->fleet, word->robot);
    if (robot && word->epoch < robot->owner_epoch)
        return; /* of an owner before us: what a broker has retained while ours never got there */
    takeover_take(&partitions->takeover, word);
    if (!word->other)
        robot = NULL;
    if (word->other && (!robot || !partitions_own_robot(partitions, robot))) {
        disown(partitions, word->robot);
    } else if (robot) {
        /* It came after the robot's first sample. */
        double here_s = (double)(clock_monotonic_ns() - robot->adopted_ns) / 1e9;
        if (here_s < PARTITIONS_BACKLOG_S)
            takeover_resume(&partitions->takeover, robot);
    }
}

bool partitions_message(struct partitions *partitions, const struct mqtt_message *message)
{
    struct takeover_word word;
    if (!takeover_read(&partitions->takeover, message, &word))
        return false;
    if (word.partition >= 0 && (size_t)word.partition < partitions->count)
        partition_set_add(&partitions->peopled, (size_t)word.partition);
    take_word(partitions, &word);
    takeover_word_deinit(&word);
    return true;
}

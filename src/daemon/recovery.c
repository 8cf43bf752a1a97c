#include "daemon/recovery.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/episode_text.h"

#include <stdlib.h>
#include <string.h>

#define HEARD_EVERY_NS (3600 * CLOCK_NS_PER_S) /* so exact is what the journal knows */
#define EXPECTED_NS (INT64_C(7 * 24 * 3600) * CLOCK_NS_PER_S) /* then it is there no more */

/* ---- while it runs */

static void on_ready(void *user, int64_t number)
{
    struct recovery *recovery = user;
    publisher_ready(recovery->publisher, number);
}

static void give_message(void *user, const struct mqtt_message *message,
                         const struct outbox_kept *kept)
{
    struct recovery *recovery = user;
    journal_add(recovery->publisher->journal, kept->number, message, kept->created_ns);
}

static void keep_robot(struct recovery *recovery, struct robot *robot, int64_t wall_ns,
                       int64_t now_ns)
{
    robot->kept_ns = robot->last_arrival_ns;
    journal_robot(recovery->publisher->journal, robot->name,
                  wall_ns - (now_ns - robot->last_arrival_ns));
}

static void give_episode(void *user, const char *robot, const char *kind, const char *text)
{
    struct recovery *recovery = user;
    journal_episode(recovery->publisher->journal, robot, kind, text);
}

static void on_refill(void *user)
{
    struct recovery *recovery = user;
    int64_t wall_ns = clock_realtime_ns(), now_ns = clock_monotonic_ns();
    for (size_t i = 0; i < recovery->fleet->count; i++) {
        for (int kind = 0; kind < ALERT_KINDS; kind++)
            publisher_journal_episode(recovery->publisher, recovery->fleet->robot[i],
                                      (enum alert_kind)kind);
        if (recovery->fleet->robot[i]->kept_ns)
            keep_robot(recovery, recovery->fleet->robot[i], wall_ns, now_ns);
    }
    outbox_each_kept(recovery->publisher->outbox, give_message, recovery);
    if (recovery->takeover)
        takeover_each_own(recovery->takeover, give_episode, recovery);
}

static const struct journal_handlers journal_handlers = {.on_ready = on_ready,
                                                         .on_refill = on_refill};

/* What has never given a row is no robot for longer than this run. It asks for no write of its own.
 */
void recovery_tick(struct recovery *recovery, int64_t wall_ns, int64_t now_ns)
{
    for (size_t i = 0; i < recovery->fleet->count; i++) {
        struct robot *robot = recovery->fleet->robot[i];
        if (robot->arrivals > 0 &&
            (robot->kept_ns == 0 || robot->last_arrival_ns - robot->kept_ns > HEARD_EVERY_NS))
            keep_robot(recovery, robot, wall_ns, now_ns);
    }
}

/* ---- after a restart */

static void take_message(struct recovery *recovery, const struct journal_op *op)
{
    const struct mqtt_message message = {.topic = op->topic,
                                         .payload = op->payload,
                                         .size = op->size,
                                         .qos = 1,
                                         .content_type = op->content_type};
    /* A clock that was set back makes nothing young again, nor old. */
    double age_s = (double)(clock_realtime_ns() - op->created_ns) / (double)CLOCK_NS_PER_S;
    const struct outbox_kept kept = {.number = op->number,
                                     .created_ns = op->created_ns,
                                     .age_s = age_s > 0 ? age_s : 0,
                                     .now_ns = clock_monotonic_ns()};
    if (outbox_put_kept(recovery->publisher->outbox, &message, &kept) < 0)
        log_error("journal: out of memory: a message on %s waits for the next start", op->topic);
}

static struct robot *find_robot(struct recovery *recovery, const char *name, struct diag *diag)
{
    if (!name_valid(name)) {
        diag_set(diag, "\"%.64s\" is no name of a robot", name);
        return NULL;
    }
    struct robot *robot = fleet_find(recovery->fleet, name);
    return robot ? robot : fleet_add(recovery->fleet, name, diag);
}

static bool has_open(const struct robot *robot, const char *kind)
{
    for (int k = 0; k < ALERT_KINDS; k++) {
        if (!strcmp(alert_kind_name((enum alert_kind)k), kind))
            return robot_episode(robot, (enum alert_kind)k)->open;
    }
    return false;
}

/* It has been heard before the restart, so its silence counts from now on. A journal that could be
 * read only after a while may tell of an alert that was raised anew meanwhile. */
static void take_episode(struct recovery *recovery, const struct journal_op *op)
{
    struct diag diag = DIAG_INIT;
    struct robot *robot = find_robot(recovery, op->robot, &diag);
    if (robot && has_open(robot, op->alert_kind)) {
        log_warning(
            "journal: the open %.20s alert of %.64s ends here, untold: there is a newer one",
            op->alert_kind, op->robot);
        return;
    }
    if (!robot || episode_restore(robot, op->alert_kind, op->text, &diag) < 0) {
        log_warning("journal: the open %.20s alert of %.64s ends here, untold: %s", op->alert_kind,
                    op->robot, diag.text);
        journal_episode(recovery->publisher->journal, op->robot, op->alert_kind, NULL);
        return;
    }
    robot->last_arrival_ns = clock_monotonic_ns();
    publisher_log_open(recovery->publisher, robot);
    log_info("%s: the open %s alert goes on", robot->name, op->alert_kind);
}

/* What is known of it is when it was heard, not what it should send: that is its model's matter. */
static void take_robot(struct recovery *recovery, const struct journal_op *op)
{
    struct diag diag = DIAG_INIT;
    if (clock_realtime_ns() - op->created_ns > EXPECTED_NS)
        return;
    struct robot *robot = find_robot(recovery, op->robot, &diag);
    if (!robot) {
        log_warning("journal: %.64s is expected no more: %s", op->robot, diag.text);
        return;
    }
    if (robot->last_arrival_ns == 0)
        robot->last_arrival_ns = clock_monotonic_ns();
    if (robot->kept_ns == 0)
        robot->kept_ns = -HEARD_EVERY_NS - 1; /* the journal wants to know of its next row */
}

/* Whether a robot is ours is not known before its partition is and it sends. Which robots there are
 * is the matter of who owns them. */
static void take_later(struct recovery *recovery, const struct journal_op *op)
{
    if (op->kind == JOURNAL_EPISODE)
        takeover_keep(recovery->takeover, op->robot, op->alert_kind, op->text);
    else if (op->kind != JOURNAL_ROBOT)
        take_message(recovery, op);
}

static void on_found(void *user, const struct journal_op *op)
{
    const struct recovery *recovery = user;
    if (recovery->takeover)
        take_later(user, op);
    else if (op->kind == JOURNAL_ROBOT)
        take_robot(user, op);
    else if (op->kind == JOURNAL_EPISODE)
        take_episode(user, op);
    else
        take_message(user, op);
}

int recovery_start(struct recovery *recovery, uv_loop_t *loop, const char *state_directory)
{
    struct publisher *publisher = recovery->publisher;
    int r = journal_start(loop, state_directory, &journal_handlers, recovery, &publisher->journal);
    if (r < 0)
        return r;
    journal_read(publisher->journal, on_found, recovery);
    size_t waiting = outbox_count(publisher->outbox);
    if (waiting > 0)
        log_info("journal: %zu alert messages of the run before are still to be delivered",
                 waiting);
    return 0;
}

void recovery_stop(struct recovery *recovery, void (*on_stopped)(void *user), void *user)
{
    struct journal *journal = recovery->publisher->journal;
    journal_stop(journal, on_stopped, user); /* it may ask for what belongs in it */
    recovery->publisher->journal = NULL;
}

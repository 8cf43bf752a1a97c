/*
 * partitions: which part of a fleet this instance has: it subscribes to the samples of what it owns
 * and speaks for those robots alone.
 *
 * Ownership is by configuration, or by leases, whose deadline is looked at before each sample that
 * is taken and each message that is sent. A partition that is lost takes its robots with it: they
 * are neither silent nor ok here, they are absent; their open episodes go on where they are next.
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_PARTITIONS_H
#define ARMWATCH_DAEMON_PARTITIONS_H

#include "base/json.h"
#include "daemon/intake.h"
#include "daemon/lease_thread.h"
#include "daemon/takeover.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARTITIONS_BACKLOG_S                                                                       \
    10.0                      /* after a subscription: for so long old samples are its backlog */
#define PARTITIONS_DEAF_S 6.0 /* offline for longer: leases are left to others */

struct partition {
    uint64_t grant;        /* that is in use; 0: not ours */
    int64_t since_ns;      /* wall clock */
    int64_t subscribed_ns; /* monotonic */
};

struct partitions {
    const struct config *config; /* borrowed, like the rest; replaced by SIGHUP */
    struct fleet *fleet;
    struct intake *intake;
    struct publisher *publisher;
    struct mqtt_client *client; /* NULL before it is started, and while it stops */
    char instance[NAME_MAX_LENGTH + 1];
    size_t count;
    bool leased;
    struct partition part[PARTITIONS_MAX];
    struct lease_board board;
    struct lease_thread *thread;
    struct takeover takeover;
    int64_t offline_ns;     /* monotonic: since when nothing can be heard; 0: it can */
    int64_t unreachable_ns; /* monotonic: since when the store does not answer; 0: it does */
    char error[256];        /* of the store, as it was logged last */
    bool under_way;         /* a lease has ended while messages were: they must not be sent again */
    uint64_t obtained, lost, given; /* lost: not by our wish */
    uint64_t disowned;              /* alert messages that another instance has made void */
    uint64_t invalid, foreign;      /* samples: of no partition, and of one that is not ours */
    uint64_t misplaced;             /* and in one that is not the robot's */
    int64_t owner_ns;               /* monotonic: since when anything is ours; 0: nothing is */
    struct partition_set peopled;   /* where robots are, by their states */
};

/* What the configuration says; the other members are zero. */
void partitions_init(struct partitions *partitions, const struct config *config);
void partitions_deinit(struct partitions *partitions);

/* Subscribes to states and, without leases, to our samples; with leases the thread starts. Errors:
 * those of lease_thread_start and mqtt_client_subscribe. */
int partitions_start(struct partitions *partitions, uv_loop_t *loop, struct mqtt_client *client,
                     struct diag *diag);
/* Another client in the place of the one before: everything that is ours is subscribed there.
 * Errors: those of mqtt_client_subscribe. */
int partitions_use(struct partitions *partitions, struct mqtt_client *client);
/* The client is gone: gives the leases back, then calls on_stopped (perhaps at once). */
void partitions_stop(struct partitions *partitions, void (*on_stopped)(void *user), void *user);

/* Takes what was obtained into use, and lets go of what was lost. */
void partitions_tick(struct partitions *partitions, int64_t now_ns);
/* The loop still turns, though nothing is taken any more. */
void partitions_alive(struct partitions *partitions);
/* The broker can be heard, or not any more. */
void partitions_listen(struct partitions *partitions, bool listening, int64_t now_ns);

bool partitions_own(const struct partitions *partitions, int partition);
bool partitions_own_robot(const struct partitions *partitions, const struct robot *robot);

/* The robot that a sample is of; a new one takes over what was open of it. NULL: it is not to be
 * taken, and is counted. */
struct robot *partitions_robot(struct partitions *partitions, const char *name, int partition,
                               bool retained);
/* The sample is of before the partition was ours. */
bool partitions_is_backlog(const struct partitions *partitions, const struct robot *robot,
                           const struct sample *sample, int64_t now_ns);

/* Takes a message if it is a robot's state. */
bool partitions_message(struct partitions *partitions, const struct mqtt_message *message);

/* How often what is ours has changed. */
uint64_t partitions_changes(const struct partitions *partitions);
/* For the status. */
void partitions_add_status(const struct partitions *partitions, cJSON *root);
/* Samples that no robot here has received. */
void partitions_add_unassigned(const struct partitions *partitions, cJSON *object);
/* Since when samples could have come: something is ours where robots are, or nobody knows of any
 * robot. Monotonic; 0: none has to come. */
int64_t partitions_expect_ns(const struct partitions *partitions);
/* The store has not answered for longer than a lease lasts, or another instance has our name. */
bool partitions_in_trouble(const struct partitions *partitions, int64_t now_ns);

#endif

/*
 * lease: who owns which partition: keys in a store that expire, each made by one instance and
 * renewed by it alone.
 *
 * The keeper decides and asks the store; the board is what it and the loop tell each other. A lease
 * ends for its holder at a deadline on the boot-time clock that was fixed before the request was
 * sent that made or renewed it, and before the key can expire: whoever checks it just before he
 * acts never acts beside another owner, however long anything has stalled.
 * Thread: the keeper belongs to one thread; the board is shared, without locks.
 */
#ifndef ARMWATCH_DAEMON_LEASE_H
#define ARMWATCH_DAEMON_LEASE_H

#include "base/name.h"
#include "daemon/partition_balance.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEASE_VALUE_MAX 512

/* ---- the board */

struct lease_slot {
    /* keeper -> loop */
    _Atomic int64_t deadline_ns; /* boot time; 0: not ours */
    _Atomic uint64_t grant;      /* which time it was obtained; grows with every owner */
    _Atomic uint64_t give;       /* the grant that the loop is asked to stop using */
    /* loop -> keeper */
    _Atomic uint64_t given; /* the grant that the loop has stopped using */
};

struct lease_board {
    struct lease_slot slot[PARTITIONS_MAX];
    /* loop -> keeper */
    _Atomic int64_t alive_ns; /* boot time at which the loop last turned */
    _Atomic bool able;        /* it can hear samples, or soon again: its leases are of use */
    _Atomic bool hearing;     /* it hears them now: further ones are */
    /* keeper -> loop */
    _Atomic bool reachable;                 /* the store answers */
    _Atomic bool twin;                      /* another instance has our name */
    _Atomic unsigned instances;             /* alive, this one included */
    _Atomic unsigned long expired, refused; /* leases that ended without our wish */
};

/* The grant of a lease that holds now; 0: it is not ours. Read it again before each act. */
uint64_t lease_board_grant(const struct lease_board *board, size_t partition, int64_t now_ns);

/* ---- the store */

/* As nats/kv.h has it: 0, -EEXIST, -ESTALE, -ENOENT, -EINVAL, or another errno for no answer. */
struct lease_store {
    int (*create)(void *user, const char *key, const char *value, uint64_t *ret_revision);
    int (*update)(void *user, const char *key, const char *value, uint64_t revision,
                  uint64_t *ret_revision);
    int (*remove)(void *user, const char *key, uint64_t revision);
    int (*get)(void *user, const char *key, char ret_value[LEASE_VALUE_MAX],
               uint64_t *ret_revision);
    int (*list)(void *user, void (*on_key)(void *arg, const char *key), void *arg,
                int64_t *ret_created_ns);
    int64_t (*boottime_ns)(void *user);
    int64_t (*realtime_ns)(void *user);
    void *user;
};

/* ---- the keeper */

struct lease_options {
    char instance[NAME_MAX_LENGTH + 1];
    uint64_t nonce; /* of this process */
    size_t partitions, most;
    int64_t ttl_ns;
};

struct lease {
    bool held;
    bool giving; /* held, and no longer renewed: the loop is to stop first */
    uint64_t revision, grant;
    int64_t deadline_ns;
};

struct lease_keeper {
    struct lease_options options;
    struct lease_store store;
    struct lease_board *board;
    char since[40];
    struct lease lease[PARTITIONS_MAX];
    uint64_t announced; /* revision of our own key; 0: there is none of ours */
    int64_t twin_ns;    /* since when the key of our name is another one's; 0: it is not */
    int64_t renew_ns;   /* boot time: when the next round is due */
    int64_t bucket_ns;  /* when the bucket was made; 0: not known */
    int64_t obtain_ns;  /* not before: a new bucket knows nothing of leases that still run */
    /* the newest look */
    struct balance_view view;
    char owner[PARTITIONS_MAX][NAME_MAX_LENGTH + 1]; /* "": nobody; "?": not known */
};

void lease_keeper_init(struct lease_keeper *keeper, const struct lease_options *options,
                       const struct lease_store *store, struct lease_board *board);

/* Renews what is due, looks who is there, obtains and gives up: as often as lease_keeper_poll_ns
 * says. Returns 0, or the errno of what the store did not answer. */
int lease_keeper_step(struct lease_keeper *keeper);
int64_t lease_keeper_poll_ns(const struct lease_keeper *keeper);

/* Gives everything back, whatever the loop says: it must have stopped. */
void lease_keeper_stop(struct lease_keeper *keeper);

/* Of a time to live: how long before the key's end a lease ends for its holder. */
int64_t lease_margin_ns(int64_t ttl_ns);

#endif

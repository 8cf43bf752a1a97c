/*
 * held: answers to commands that have changed something, until the change is on the disk: whoever
 * has read one finds the change after a crash, too.
 *
 * A disk that does not answer delays none by more than HELD_MS; more than HELD_MAX at once go
 * unheld. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_HELD_H
#define ARMWATCH_DAEMON_HELD_H

#include "daemon/publisher.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define HELD_MAX 64
#define HELD_MS 500
#define HELD_LOOK_MS 2

struct held_answer {
    struct publisher_reply reply; /* everything in it is of its own */
    int64_t until_ns;             /* monotonic */
};

struct held {
    uv_timer_t timer;
    struct publisher *publisher;          /* borrowed */
    bool (*is_settled)(const void *user); /* everything is on the disk, or cannot be */
    const void *user;
    size_t count;
    struct held_answer item[HELD_MAX];
};

void held_init(struct held *held, uv_loop_t *loop);

/* Sends the answer when everything that was changed so far is on the disk. */
void held_send(struct held *held, const struct publisher_reply *reply);

/* Sends all of them now; nothing is held any more. The timer is closed by the loop. */
void held_stop(struct held *held);

#endif

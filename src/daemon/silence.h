/*
 * silence: robots that send no samples any more: alerts of their own kind, or one trouble of the
 * service where many fall silent together.
 *
 * A robot is watched from its first sample on, and only while the broker connection and the
 * subscriptions stand: what cannot be heard is not silent. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SILENCE_H
#define ARMWATCH_DAEMON_SILENCE_H

#include "daemon/fleet.h"
#include "daemon/publisher.h"

#include <stdbool.h>
#include <stdint.h>

#define SILENCE_TOGETHER_MIN 3 /* robots */

struct silence {
    struct fleet *fleet;         /* borrowed */
    struct publisher *publisher; /* borrowed */
    int64_t listening_since_ns;  /* monotonic; 0: not listening */
    bool together; /* more than half of the robots fell silent together, and are so still */
    int64_t together_until_ns; /* monotonic; when they last came back; 0: never */
};

/* Samples can be heard from now on, or not any more. now_ns: monotonic. */
void silence_listen(struct silence *silence, bool listening, int64_t now_ns);

/* Looks for robots that have been quiet for silent_s, and raises what is to be raised. An episode
 * starts when the robot was heard last, or when it could be heard again, if that is later. */
void silence_tick(struct silence *silence, double silent_s, int64_t now_ns);

/* A robot has sent something: its episode ends. */
void silence_end(struct publisher *publisher, struct robot *robot, int64_t now_ns);

#endif

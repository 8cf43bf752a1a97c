/*
 * takeover: the open episodes of robots that are not here: those that the instances of a fleet tell
 * in the robots' retained states, and our own from before a robot left, or from the journal.
 *
 * A robot that comes here goes on in them, under their ids. What another instance says of a robot
 * replaces what we knew: it has had the robot since, unless its epoch is older than ours. Bounded.
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_TAKEOVER_H
#define ARMWATCH_DAEMON_TAKEOVER_H

#include "base/json.h"
#include "daemon/publisher.h"
#include "daemon/robot.h"
#include "mqtt/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAKEOVER_EPISODES_MAX 4096

struct takeover {
    struct publisher *publisher; /* borrowed */
    char instance[NAME_MAX_LENGTH + 1];
    struct takeover_episode {
        char robot[NAME_MAX_LENGTH + 1];
        enum alert_kind kind;
        bool own; /* from the journal, or from before it left: more is known than in a state */
        uint64_t epoch; /* of ours: in which we had the robot; 0: not known */
        char *text;     /* as in episode_text.h */
    } * episode;
    size_t count, capacity;
    uint64_t resumed, omitted; /* omitted: beyond the bound, or memory was out */
};

void takeover_deinit(struct takeover *takeover);

/* An episode of ours. */
void takeover_keep(struct takeover *takeover, const char *robot, const char *kind,
                   const char *text);
void takeover_leave(struct takeover *takeover, const struct robot *robot); /* its open ones */
void takeover_each_own(const struct takeover *takeover,
                       void (*each)(void *user, const char *robot, const char *kind,
                                    const char *text),
                       void *user);

/* What a state says, retained or not. */
struct takeover_word {
    char robot[NAME_MAX_LENGTH + 1];
    bool other;     /* another instance has told it */
    int partition;  /* the robot's, or -1 */
    uint64_t epoch; /* of that owner; UINT64_MAX: it is not told */
    cJSON *tree;    /* NULL: it cannot be read */
};

/* False: the message is no state. Memory: takeover_word_deinit, also after takeover_take. */
bool takeover_read(const struct takeover *takeover, const struct mqtt_message *message,
                   struct takeover_word *ret_word);
void takeover_take(struct takeover *takeover, const struct takeover_word *word);
void takeover_word_deinit(struct takeover_word *word);

/* Opens what is known of the robot, where it has no such episode open. */
void takeover_resume(struct takeover *takeover, struct robot *robot);

#endif

/*
 * message: the JSON that the daemon publishes.
 *
 * A function that returns a text returns NULL when memory is out; the caller frees it. Thread: the
 * loop.
 */
#ifndef ARMWATCH_DAEMON_MESSAGE_H
#define ARMWATCH_DAEMON_MESSAGE_H

#include "base/json.h"
#include "base/text.h"
#include "daemon/robot.h"

#include <stdint.h>

/* A score as it came from the scorer, put behind what is in `out`; thresholds as in scoring_entry.
 * There may be one for every sample, so it is written without a tree. */
void message_score(struct text *out, const struct robot *robot, const struct score *score,
                   const double *thresholds);

struct message_alert {
    const char *source; /* "armwatch/service/<instance>" */
    enum alert_kind kind;
    enum alert_transition transition;
    int64_t now_ns; /* wall clock */
};
/* A structured CloudEvent 1.0 about the robot's episode of a kind. */
char *message_alert(const struct robot *robot, const struct message_alert *alert);

/* The same for the page: the alert's data, with `statement` in the place of the sentence where it
 * is not NULL. */
char *message_episode(const struct robot *robot, const struct message_alert *alert,
                      const char *statement);
/* The sentence about an episode. */
#define MESSAGE_TEXT_MAX 512
void message_sentence(const struct robot *robot, const struct message_alert *alert,
                      char ret_text[MESSAGE_TEXT_MAX]);

/* The retained state of a robot. now_ns: monotonic. */
char *message_state(struct robot *robot, int64_t now_ns);
/* The same with the robot's counters, for the reply to `status`. */
char *message_robot(struct robot *robot, int64_t now_ns);
/* Parts of them, as trees that the caller deletes. */
cJSON *message_state_tree(struct robot *robot, int64_t now_ns);
cJSON *message_rejected_tree(const struct robot *robot);

/* Of an episode: hash of instance, robot, kind, start and first sequence number: the same wherever
 * it is computed. */
int message_alert_id(const char *instance, const char *robot, const char *kind,
                     const struct alert_episode *episode, char ret_id[HASH_HEX_SIZE]);

/* Prints and frees a tree. NULL, too, if memory was out while it was made (json_memory_failed). */
char *message_print(cJSON *tree);

#endif

/*
 * publisher: what the daemon tells the world: scores, alerts, states, status, replies, on their
 * topics.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_PUBLISHER_H
#define ARMWATCH_DAEMON_PUBLISHER_H

#include "base/text.h"
#include "config/config.h"
#include "daemon/journal.h"
#include "daemon/outbox.h"
#include "daemon/robot.h"
#include "mqtt/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evidence;
struct partitions;

struct publisher {
    const struct config *config; /* borrowed */
    struct mqtt_client *client;  /* borrowed; NULL before it is started */
    struct outbox *outbox;
    struct partitions *partitions; /* borrowed; NULL: every robot is ours to tell of */
    struct journal *journal;       /* borrowed; NULL: alerts are not kept */
    struct evidence *evidence;     /* borrowed; NULL: nor is what they rest on */
    char *source;                  /* armwatch/service/<instance>, without a configured root */
    char *status_topic;
    char *control_topic; /* the daemon's own; replies go to control_topic/reply */
    char *reply_topic;
    struct text score;       /* scratch: topic and message of one */
    uint64_t alerts;         /* episodes raised */
    uint64_t alerts_put_off; /* messages that were not made at the first try: memory was out */
    uint64_t scores_dropped; /* that a slow link, or memory, had no room for */
    size_t states_left;      /* in a fleet: those that change may be told until the next tick */
    size_t states_from;      /* number of the first robot that had to wait with its state */
    bool states_short;       /* there is one */
    bool keeps_episodes;     /* somebody may look at them: each robot has an episode_log */
    size_t episodes;         /* in all of them */
};

/* Errors: -ENOMEM. */
int publisher_init(struct publisher *publisher, const struct config *config);
void publisher_deinit(struct publisher *publisher);

/* Whether the robot's share of score messages allows one now. now_ns: monotonic. */
bool publisher_score_is_due(const struct publisher *publisher, const struct robot *robot,
                            int64_t now_ns);
/* A score, if one is due. */
void publisher_score(struct publisher *publisher, struct robot *robot, const struct score *score,
                     int64_t now_ns);

/* An alert message about the robot's episode of a kind, and the state that follows from it; nothing
 * for ALERT_NONE. */
void publisher_alert(struct publisher *publisher, struct robot *robot, enum alert_kind kind,
                     enum alert_transition transition, int64_t now_ns);

/* An open episode goes on: tells of it again. Of one that an operator has acknowledged only the
 * retained state does. */
void publisher_assert(struct publisher *publisher, struct robot *robot, enum alert_kind kind,
                      int64_t now_ns);

/* For the page: the robot's open episodes, which a run before has raised, as they stand. */
void publisher_log_open(struct publisher *publisher, struct robot *robot);

/* Alert messages of the robot for which memory was out, now and then. */
void publisher_retry(struct publisher *publisher, struct robot *robot, int64_t now_ns);

/* Writes into the journal how an open episode stands now; nothing if it is not open. */
void publisher_journal_episode(struct publisher *publisher, const struct robot *robot,
                               enum alert_kind kind);

/* The journal lets alert messages up to this number go. */
void publisher_ready(struct publisher *publisher, int64_t number);

/* The connection is new: what a broker refused is tried again. Or: time has passed. now_ns:
 * monotonic. */
void publisher_tick(struct publisher *publisher, bool connected, int64_t now_ns);

/* The state, if it differs from the one that was published last, or always. In a fleet those that
 * are not told always, nor go with an open alert, are told PUBLISHER_STATES at a tick: robots from
 * states_from on should be asked first. */
#define PUBLISHER_STATES 12
void publisher_state(struct publisher *publisher, struct robot *robot, bool always, int64_t now_ns);

/* A retained message on a topic of no robot; "": there shall be none. */
void publisher_retained(struct publisher *publisher, const char *topic, const char *text);

/* The service's status; text is the JSON. */
void publisher_status(struct publisher *publisher, const char *text);

/* An answer: to response_topic with its correlation, or to the reply topic where that is NULL. */
struct publisher_reply {
    const char *topic;
    const void *correlation;
    size_t correlation_size;
    const char *text;
};
void publisher_reply(struct publisher *publisher, const struct publisher_reply *reply);

#endif

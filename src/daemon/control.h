/*
 * control: commands over MQTT: parsed strictly, run once, answered once.
 *
 * A retained command would run again at every reconnect, a malformed one cannot be trusted: both
 * are refused. A repeated id with the same payload gets the same answer without being run again.
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_CONTROL_H
#define ARMWATCH_DAEMON_CONTROL_H

#include "base/hash.h"
#include "base/json.h"
#include "daemon/fleet.h"
#include "daemon/operations.h"
#include "daemon/publisher.h"

#include <stdint.h>

#define CONTROL_PAYLOAD_MAX 4096
#define CONTROL_ID_MAX 64
#define CONTROL_CORRELATION_MAX 256
#define CONTROL_TOPIC_MAX 1023 /* of an answer; a longer one goes to the reply topic */
#define CONTROL_REMEMBERED 64

/* Where an answer goes, and to what. Kept while a command runs. */
struct control_request {
    char id[CONTROL_ID_MAX + 1];
    const char *command;             /* in the table of commands */
    bool changes;                    /* something: it is audited */
    cJSON *arguments;                /* borrowed; one that is kept owns a copy */
    char model[NAME_MAX_LENGTH + 1]; /* that it names */
    char robot[NAME_MAX_LENGTH + 1]; /* of a swap */
    char *topic;                     /* NULL: the reply topic */
    unsigned char correlation[CONTROL_CORRELATION_MAX];
    size_t correlation_size;
    char digest[HASH_HEX_SIZE]; /* of the payload */
};

#define CONTROL_CODES_MAX 32 /* of errors */

struct control {
    struct fleet *fleet;           /* borrowed */
    struct publisher *publisher;   /* borrowed */
    struct operations *operations; /* borrowed; NULL: no such commands, and no audit */
    /* The service's status as a tree that the caller deletes. */
    cJSON *(*status)(void *user);
    void *user;
    struct control_request *running; /* a reload or rollback that was not answered yet */
    struct remembered {
        char id[CONTROL_ID_MAX + 1];
        char digest[HASH_HEX_SIZE];
        char *reply; /* NULL: free entry */
    } remembered[CONTROL_REMEMBERED];
    size_t next;
    uint64_t commands;
    struct control_refusals {
        char code[32]; /* "": free */
        uint64_t count;
    } refused[CONTROL_CODES_MAX];
};

/* Commands that came and those that were refused, by the code of the error. */
void control_counters(const struct control *control, cJSON *ret_object);

void control_deinit(struct control *control);

/* Runs the command in a message on the control topic. */
void control_message(struct control *control, const struct mqtt_message *message);

#endif

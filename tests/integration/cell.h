/*
 * cell: a broker, a daemon, a client that sends samples and commands, and one that hears all that
 * the daemon says.
 *
 * Tests run under cell_group_setup, which trains the models once:
 *   cell (version 1), cell-v2 (version 2): TOY_ARM_CHANNELS channels; other: three channels.
 */
#ifndef ARMWATCH_TESTS_CELL_H
#define ARMWATCH_TESTS_CELL_H

#include "base/json.h"
#include "daemon_process.h"
#include "harness.h"
#include "toy_arm.h"

#define CELL_INSTANCE "cell7"
#define CELL_STATUS "armwatch/service/" CELL_INSTANCE "/status"
#define CELL_CONTROL "armwatch/service/" CELL_INSTANCE "/control"
#define CELL_REPLY CELL_CONTROL "/reply"
#define CELL_FALSE_ALARMS 0.01 /* a day */

/* One robot and its movement. */
struct cell_robot {
    const char *name;
    struct toy_arm arm;
};

struct cell {
    struct harness *harness;
    struct daemon_process *daemon;
    struct peer *sender, *watcher; /* peers 0 and 1 of the harness */
    cJSON *config;
    unsigned commands;
    bool finished; /* cell_stop was reached: the log is of no interest */
    struct {
        uv_timer_t timer;
        bool open;
        struct cell_robot *robots;
        size_t count;
    } stream;
};

int cell_group_setup(void **state);
int cell_group_teardown(void **state);
/* A broker that is running and two peers that are online; the daemon is not started. */
int cell_setup(void **state);
int cell_teardown(void **state);
#define CELL_TEST(name) cmocka_unit_test_setup_teardown(name, cell_setup, cell_teardown)

/* Where the trained models are. A test that wants others gives the daemon a copy of its own. */
const char *cell_models(void);
/* A copy of the models in the daemon's directory, configured; the path is valid for the test. */
const char *cell_own_models(struct cell *cell);

/* Sets a key of the configuration, "mqtt.protocol", to a JSON value, "\"5\"". */
void cell_configure(struct cell *cell, const char *path, const char *json);
void cell_write_config(struct cell *cell);
/* Writes the configuration, starts the daemon and waits for its status `online`. */
void cell_start(struct cell *cell);
/* SIGTERM and its promises; waits for the status `offline`. Returns how long it took. */
double cell_stop(struct cell *cell);

/* Ends the broker (broker_stop, broker_kill); returns when the cell's own peers have noticed, so
   that none of them still counts as online from before. */
void cell_end_broker(struct cell *cell, void (*end)(struct broker *broker));
/* Starts it again; returns when the peers are online. */
void cell_start_broker(struct cell *cell, const struct broker_options *options);
void cell_restart_broker(struct cell *cell, const struct broker_options *options);

/* Fails with the daemon's log unless the condition comes true while the loop turns. */
#define cell_wait(cell, condition, limit_ms)                                                       \
    do {                                                                                           \
        uint64_t cell_end = uv_hrtime() + (uint64_t)(limit_ms)*TIME_SCALE * 1000000;               \
        while (!(condition)) {                                                                     \
            if (uv_hrtime() > cell_end)                                                            \
                cell_fail(cell, __FILE__, __LINE__, #condition);                                   \
            uv_run(&(cell)->harness->loop, UV_RUN_ONCE);                                           \
        }                                                                                          \
    } while (0)
void cell_fail(struct cell *cell, const char *file, int line, const char *what);

/* ---- what was sent */

void cell_publish(struct cell *cell, const char *topic, const void *payload, size_t size);
void cell_robot_init(struct cell_robot *robot, const char *name, size_t channels, uint64_t seed);
/* Publishes the next row as {"time", "seq", "values"} on the robot's default topic. Returns its
 * sequence number. */
uint64_t cell_send(struct cell *cell, struct cell_robot *robot, double anomaly);
/* The same, but what cannot be sent now is lost. */
void cell_send_if_possible(struct cell *cell, struct cell_robot *robot, double anomaly);
/* Sends that many rows, a few at a time, and waits until the last one was scored (scores.rate_hz
 * -1). */
void cell_run(struct cell *cell, struct cell_robot *robot, size_t rows, double anomaly);

/* Every robot sends a row each 10 ms while the loop turns, until cell_stream_stop. */
void cell_stream_start(struct cell *cell, struct cell_robot *robots, size_t count);
void cell_stream_stop(struct cell *cell);

/* ---- what the daemon said */

/* Messages that the watcher has heard on a topic; NULL or 0 if there are none. */
const struct peer_message *cell_last(const struct cell *cell, const char *topic);
size_t cell_count(const struct cell *cell, const char *topic);
/* Alert messages of a type, "raised", on a topic; one that was delivered twice, with the same id,
 * counts once. */
size_t cell_count_alerts(const struct cell *cell, const char *topic, const char *type);
/* The nth (from 0) message on a topic as JSON, to be deleted by the caller; fails if there is none.
 */
cJSON *cell_json(const struct cell *cell, const char *topic, size_t nth);
cJSON *cell_last_json(const struct cell *cell, const char *topic);
/* Whether the last message on a topic has that text at a path. */
bool cell_last_says(const struct cell *cell, const char *topic, const char *path, const char *text);
const char *cell_topic(const char *robot, const char *leaf); /* static storage, a few of them */

/* Sends {"id": <fresh>, BODY} and waits for the answer, to be deleted by the caller. */
cJSON *cell_command(struct cell *cell, const char *body);
/* The same for a command that must fail with that code. */
void cell_refused(struct cell *cell, const char *body, const char *code);
/* Returns when the disk has all that the daemon has told and heard so far: a kill takes nothing of
   it then. An alert that was heard may be none of that, for alerts wait 50 ms for a disk at most.
 */
void cell_settle(struct cell *cell);
/* A counter of a robot, from the reply to `status`: "received", "rejected.malformed". */
double cell_counter(struct cell *cell, const char *robot, const char *path);

/* ---- JSON by path: "data.model.name" */

const cJSON *json_at(const cJSON *tree, const char *path); /* NULL if it is not there */
double json_number(const cJSON *tree, const char *path);   /* these two fail if it is not */
const char *json_text(const cJSON *tree, const char *path);
bool json_has_text(const cJSON *array, const char *text);

#endif

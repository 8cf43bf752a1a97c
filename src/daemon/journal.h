/*
 * journal: what a crash must not take: alerts that the broker has not acknowledged, the episodes
 * that are open, and which robots there are; written off the loop.
 *
 * Changes are given one by one and written together by journal_write: at most one transaction is
 * under way, what comes meanwhile is in the next one. The disk delays no alert: a message is ready
 * to be sent when it is on the disk, or JOURNAL_WAIT_MS after it was given. When the disk refuses,
 * nothing waits for it any more; the journal tries again each second, and then asks for everything
 * that belongs in it.
 *
 * Thread: the loop; the file is written in libuv's pool.
 */
#ifndef ARMWATCH_DAEMON_JOURNAL_H
#define ARMWATCH_DAEMON_JOURNAL_H

#include "daemon/journal_file.h"
#include "mqtt/client.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define JOURNAL_WAIT_MS 50

struct journal;

struct journal_handlers {
    /* Messages up to this number may be sent. */
    void (*on_ready)(void *user, int64_t number);
    /* What belongs in the file is to be given again, all of it. */
    void (*on_refill)(void *user);
};

/* Errors: -ENOMEM. The directory has to exist. */
int journal_start(uv_loop_t *loop, const char *directory, const struct journal_handlers *handlers,
                  void *user, struct journal **ret_journal);

/* Opens the file and tells what the run before has left; once, before anything is given and before
 * the loop runs. One that cannot be read is no error: the journal is failing then, and goes on
 * trying; what it finds is told as soon as it can be read. */
void journal_read(struct journal *journal, journal_file_found *found, void *user);

/* Of a new message. Where nothing is written now, it is ready at once. */
int64_t journal_next_number(struct journal *journal);
/* A message by its number. created_ns: wall clock. */
void journal_add(struct journal *journal, int64_t number, const struct mqtt_message *message,
                 int64_t created_ns);
/* It is acknowledged, or given up. Written with whatever is written next. */
void journal_remove(struct journal *journal, int64_t number);
/* An open episode; text NULL: it is over. */
void journal_episode(struct journal *journal, const char *robot, const char *kind,
                     const char *text);
/* A robot was heard at that time (wall clock). */
void journal_robot(struct journal *journal, const char *robot, int64_t heard_ns);
/* What was given since is to be on the disk together. Does nothing if there is nothing. */
void journal_write(struct journal *journal);

/* All that was given is on the disk, or the disk refuses. */
bool journal_is_settled(const struct journal *journal);
/* The disk refuses, or has not answered for a second. */
bool journal_failing(const struct journal *journal);
uint64_t journal_errors(const struct journal *journal); /* failures, attempts to recover included */
uint64_t journal_late(const struct journal *journal); /* times that messages did not wait longer */

/* Writes what waits, asking for all of it (on_refill, from within the call) if the disk has refused
 * before, closes the file in the pool, then calls on_stopped (may be NULL) from the loop
 * and frees the journal. */
void journal_stop(struct journal *journal, void (*on_stopped)(void *user), void *user);

#endif

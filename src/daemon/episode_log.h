/*
 * episode_log: the newest alert episodes of a robot, each as the JSON that was told of it last, for
 * the page.
 *
 * A robot keeps EPISODE_LOG_MAX at most, and all of them EPISODE_LOG_TOTAL_MAX: beyond, a robot
 * that has some gives its oldest up for a new one. Made at a robot's first alert. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_EPISODE_LOG_H
#define ARMWATCH_DAEMON_EPISODE_LOG_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>

#define EPISODE_LOG_MAX 50
#define EPISODE_LOG_TOTAL_MAX 4096 /* some 2 KiB each */
#define EPISODE_VERDICT_MAX 16

struct episode_log;

struct episode_log_entry {
    char id[HASH_HEX_SIZE];
    char *json;      /* an object */
    char *statement; /* the sentence that it was raised or went on with; NULL: not known */
    bool acked;
    char verdict[EPISODE_VERDICT_MAX]; /* "": none */
};

void episode_log_free(struct episode_log *log); /* NULL is allowed */

/* How an episode stands now: in the place of what was told of the same id, or as the newest one.
 * json is taken (cJSON's memory); statement is copied, NULL: the one before stays. *log is made
 * where it is NULL; *total counts the entries of all logs. Without memory nothing is kept. */
void episode_log_put(struct episode_log **log, size_t *total, const char *id, char *json,
                     const char *statement);

/* The entry of an id; NULL: it is not there (any more). */
struct episode_log_entry *episode_log_find(struct episode_log *log, const char *id);

size_t episode_log_count(const struct episode_log *log); /* NULL: 0 */
/* n-th newest, from 0. */
const struct episode_log_entry *episode_log_at(const struct episode_log *log, size_t n);

#endif

/*
 * chronicle: a file of JSON lines that only grows, within a bound: what was done, and who said so.
 *
 * Lines are appended in libuv's pool and synced to the disk, several at once where they come
 * together. At CHRONICLE_FILE_MAX the file becomes NAME.1.jsonl, in the place of the one before,
 * and a new one begins. The newest lines are kept in memory as well, those of earlier runs
 * included. A line that a crash has torn is passed over. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_CHRONICLE_H
#define ARMWATCH_DAEMON_CHRONICLE_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define CHRONICLE_FILE_MAX ((size_t)1 << 20)    /* bytes; two such files at most */
#define CHRONICLE_WAITING_MAX ((size_t)1 << 18) /* bytes that wait for a disk that refuses */
#define CHRONICLE_LINE_MAX 6144
#define CHRONICLE_RETRY_S 10

struct chronicle {
    uv_loop_t *loop;
    char *path, *old_path; /* NULL: nothing is written */
    uv_work_t work;
    bool busy;
    bool failed; /* the newest lines are not on the disk */
    uint64_t failures, lost;
    int64_t tried_ns; /* monotonic */
    struct {
        char *data;
        size_t size;
    } writing, waiting;
    int result;
    struct diag diag;

    /* the newest lines, without their ends */
    size_t kept_max, kept, next;
    char **line; /* [kept_max] */
};

/* DIRECTORY/NAME.jsonl; keeps the newest `kept_max` lines in memory. What cannot be read is logged,
 * and ends no start. Errors: -ENOMEM. */
int chronicle_open(struct chronicle *chronicle, uv_loop_t *loop, const char *directory,
                   const char *name, size_t kept_max);
/* The loop must have turned until it was idle. */
void chronicle_deinit(struct chronicle *chronicle);

/* One line of JSON without its end, of CHRONICLE_LINE_MAX bytes at most; taken (from malloc; NULL:
 * memory was out, and it counts as lost). */
void chronicle_append(struct chronicle *chronicle, char *line);

/* Everything that was appended is on the disk, or cannot be. */
bool chronicle_is_settled(const struct chronicle *chronicle);

/* Tries again what could not be written. now_ns: monotonic. */
void chronicle_tick(struct chronicle *chronicle, int64_t now_ns);

/* The line so many before the newest, `back` < chronicle->kept. */
const char *chronicle_line(const struct chronicle *chronicle, size_t back);

#endif

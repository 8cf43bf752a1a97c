/*
 * saved_state: what must survive a restart, written to state.json in the state directory, off the
 * loop.
 *
 * Thread: the loop; the file is written in libuv's pool, one job at a time.
 */
#ifndef ARMWATCH_DAEMON_SAVED_STATE_H
#define ARMWATCH_DAEMON_SAVED_STATE_H

#include "base/diag.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct saved_state {
    uv_loop_t *loop;
    uv_work_t work;
    bool busy;
    bool failed; /* the newest state is not on the disk, or could not be */
    uint64_t failures;
    int64_t tried_ns; /* monotonic; the last attempt */
    char *directory, *path;
    char *text;    /* being written */
    char *waiting; /* to be written after it, or NULL */
    int result;
    struct diag diag;
};

/* Makes the directory if it is not there, and reads what an earlier run left: *ret_text is NULL if
 * there is nothing, else the caller frees it. What cannot be made or read is logged, and `failed`:
 * it ends no start. Errors: -ENOMEM. */
int saved_state_init(struct saved_state *state, uv_loop_t *loop, const char *directory,
                     char **ret_text);
/* The same for another file of the directory than state.json. */
int saved_state_init_file(struct saved_state *state, uv_loop_t *loop, const char *directory,
                          const char *name, char **ret_text);
void saved_state_deinit(struct saved_state *state);

/* Whether it is time to write the present state, because that has failed: once a minute. now_ns:
 * monotonic. */
#define SAVED_STATE_RETRY_S 60
bool saved_state_is_due(const struct saved_state *state, int64_t now_ns);

/* Writes `text`, which is taken (NULL: memory was out); of several that wait the newest is written.
 */
void saved_state_write(struct saved_state *state, char *text);

#endif

#include "daemon/saved_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FILE_MAX ((size_t)1 << 20)

int saved_state_init(struct saved_state *state, uv_loop_t *loop, const char *directory,
                     char **ret_text)
{
    return saved_state_init_file(state, loop, directory, "state.json", ret_text);
}

int saved_state_init_file(struct saved_state *state, uv_loop_t *loop, const char *directory,
                          const char *name, char **ret_text)
{
    struct diag diag = DIAG_INIT;
    void *text = NULL;
    size_t size;
    *state = (struct saved_state){.loop = loop};
    *ret_text = NULL;
    state->directory = strdup(directory);
    if (!state->directory || asprintf(&state->path, "%s/%s", directory, name) < 0) {
        state->path = NULL;
        saved_state_deinit(state);
        return -ENOMEM;
    }
    state->tried_ns = clock_monotonic_ns();
    if ((mkdir(directory, 0750) < 0 && errno != EEXIST) || access(directory, W_OK | X_OK) < 0) {
        state->failed = true;
        log_warning("%s: %s: nothing will be remembered", directory, strerror(errno));
    }
    int r = file_read(state->path, STATE_FILE_MAX, &text, &size, &diag);
    if (r == 0)
        *ret_text = text;
    else if (r != -ENOENT)
        log_warning("saved state: %s", diag.text);
    return 0;
}

void saved_state_deinit(struct saved_state *state)
{
    free(state->directory);
    free(state->path);
    free(state->text);
    free(state->waiting);
    *state = (struct saved_state){0};
}

static void write_in_pool(uv_work_t *work)
{
    struct saved_state *state = work->data;
    mkdir(state->directory, 0750); /* perhaps it can be made by now; the next line tells if not */
    state->result = file_write(state->path, state->text, strlen(state->text), &state->diag);
}

static void on_written(uv_work_t *work, int status)
{
    struct saved_state *state = work->data;
    char *waiting = state->waiting;
    state->failed = status < 0 || state->result < 0;
    if (state->failed && log_is_due(++state->failures))
        log_error("state not saved (%llu times): %s", (unsigned long long)state->failures,
                  state->diag.text);
    free(state->text);
    state->text = state->waiting = NULL;
    state->busy = false;
    if (waiting)
        saved_state_write(state, waiting);
}

bool saved_state_is_due(const struct saved_state *state, int64_t now_ns)
{
    return state->failed && !state->busy &&
           now_ns - state->tried_ns >= SAVED_STATE_RETRY_S * CLOCK_NS_PER_S;
}

void saved_state_write(struct saved_state *state, char *text)
{
    state->tried_ns = clock_monotonic_ns();
    if (!text) {
        state->failed = true;
        return;
    }
    if (state->busy) {
        free(state->waiting);
        state->waiting = text;
        return;
    }
    state->text = text;
    state->work.data = state;
    state->busy = uv_queue_work(state->loop, &state->work, write_in_pool, on_written) == 0;
    if (!state->busy) {
        state->failed = true;
        free(text);
        state->text = NULL;
    }
}

/*
 * A child writes a head (its result and, if that is an error, the text) and then its answer into a
 * pipe, and ends. The end of the pipe tells the parent; the exit status, whether to believe it.
 * Shares are told through one page of shared memory: a number that is read late is still right.
 */
#include "lab/worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 250
#define READ_SIZE 65536
#define WHOLE 10000 /* shares are counted in these parts */

struct head {
    int result;
    char text[DIAG_TEXT_MAX];
};

struct child {
    pid_t pid;
    int fd;
    size_t job;
    struct worker_answer answer; /* head included */
};

struct state {
    const struct worker_pool *pool;
    struct child child[WORKER_AT_ONCE_MAX];
    size_t running, started, ended;
    atomic_uint *share; /* [jobs], shared with the children */
};

int worker_answer_add(struct worker_answer *answer, const void *data, size_t size)
{
    if (size > answer->capacity - answer->size) {
        size_t capacity = 2 * answer->capacity + size;
        void *grown = realloc(answer->data, capacity);
        if (!grown)
            return -ENOMEM;
        answer->data = grown;
        answer->capacity = capacity;
    }
    if (size > 0)
        memcpy((char *)answer->data + answer->size, data, size);
    answer->size += size;
    return 0;
}

int worker_reader_take(struct worker_reader *reader, void *ret_data, size_t size)
{
    if (size > reader->left)
        return -EINVAL;
    if (size > 0)
        memcpy(ret_data, reader->data, size);
    reader->data += size;
    reader->left -= size;
    return 0;
}

/* ---- the child ---- */

static void tell_share(double share, void *worker)
{
    double bounded = share < 0 ? 0 : share > 1 ? 1 : share;
    atomic_store_explicit((atomic_uint *)worker, (unsigned)(bounded * WHOLE), memory_order_relaxed);
}

static int write_all(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)data + done, size - done);
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static _Noreturn void run_child(const struct state *state, size_t job, int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would read the answer */
    const struct worker_pool *pool = state->pool;
    const struct worker_child child = {tell_share, &state->share[job]};
    struct worker_answer answer = {0};
    struct diag diag = DIAG_INIT;
    struct head head = {.result = pool->run(job, &child, &answer, pool->user, &diag)};
    memcpy(head.text, diag.text, sizeof head.text);
    int r = write_all(fd, &head, sizeof head);
    if (r == 0 && head.result >= 0)
        r = write_all(fd, answer.data, answer.size);
    _exit(r == 0 ? 0 : 1); /* not exit: what stdio holds is the parent's */
}

/* ---- the parent ---- */

static int start_next(struct state *state, struct diag *diag)
{
    int fds[2];
    if (pipe(fds) < 0)
        return diag_errno(diag, errno, "pipe");
    pid_t pid = fork();
    if (pid < 0) {
        int error = errno;
        close(fds[0]);
        close(fds[1]);
        return diag_errno(diag, error, "fork");
    }
    if (pid == 0) {
        close(fds[0]);
        run_child(state, state->started, fds[1]);
    }
    close(fds[1]);
    state->child[state->running++] =
        (struct child){.pid = pid, .fd = fds[0], .job = state->started++};
    return 0;
}

/* Waits for a child whose pipe has ended. */
static int end_child(const struct state *state, struct child *child, struct diag *diag)
{
    int status = 0;
    close(child->fd);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    struct worker_reader reader = {child->answer.data, child->answer.size};
    struct head head;
    int r = 0;
    if (worker_reader_take(&reader, &head, sizeof head) < 0 || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0)
        r = diag_errno(diag, ECHILD, "job %zu ended early (wait status %d)", child->job, status);
    else if (head.result < 0)
        diag_set(diag, "%s", head.text);
    if (r == 0)
        r = head.result;
    if (r == 0)
        r = state->pool->take(child->job, &reader, state->pool->user, diag);
    free(child->answer.data);
    return r;
}

static void remove_child(struct state *state, size_t index)
{
    state->child[index] = state->child[--state->running];
    state->ended++;
}

/* Reads what is there; ends the child at the end of its pipe. */
static int read_child(struct state *state, size_t index, struct diag *diag)
{
    char buffer[READ_SIZE];
    struct child *child = &state->child[index];
    ssize_t n = read(child->fd, buffer, sizeof buffer);
    if (n < 0)
        return errno == EINTR ? 0 : diag_errno(diag, errno, "job %zu", child->job);
    if (n > 0) {
        int r = worker_answer_add(&child->answer, buffer, (size_t)n);
        return r < 0 ? diag_errno(diag, r, "job %zu", child->job) : 0;
    }
    int r = end_child(state, child, diag);
    remove_child(state, index);
    return r;
}

static void report(const struct state *state)
{
    if (!state->pool->progress)
        return;
    double sum = (double)state->ended; /* these count whole, whatever they told */
    for (size_t i = 0; i < state->running; i++) {
        size_t job = state->child[i].job;
        sum += (double)atomic_load_explicit(&state->share[job], memory_order_relaxed) / WHOLE;
    }
    state->pool->progress(sum / (double)state->pool->jobs, state->pool->user);
}

static int serve(struct state *state, struct diag *diag)
{
    struct pollfd fds[WORKER_AT_ONCE_MAX];
    size_t count = state->running;
    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = state->child[i].fd, .events = POLLIN};
    int n = poll(fds, (nfds_t)count, POLL_MS);
    if (n < 0 && errno != EINTR)
        return diag_errno(diag, errno, "poll");
    int r = 0;
    /* From the end: one that is removed is replaced by one that was already looked at. */
    for (size_t i = count; n > 0 && r == 0 && i-- > 0;) {
        if (fds[i].revents)
            r = read_child(state, i, diag);
    }
    report(state);
    return r;
}

static void kill_all(struct state *state)
{
    for (size_t i = 0; i < state->running; i++) {
        struct child *child = &state->child[i];
        kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        close(child->fd);
        free(child->answer.data);
    }
}

int worker_pool_run(const struct worker_pool *pool, struct diag *diag)
{
    assert(pool->at_once >= 1 && pool->at_once <= WORKER_AT_ONCE_MAX);
    struct state state = {.pool = pool};
    size_t size = (pool->jobs + 1) * sizeof *state.share;
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return diag_errno(diag, errno, "shared memory");
    state.share = shared;
    int r = 0;
    while (r == 0 && state.ended < pool->jobs) {
        while (r == 0 && state.running < pool->at_once && state.started < pool->jobs)
            r = start_next(&state, diag);
        if (r == 0)
            r = serve(&state, diag);
    }
    kill_all(&state);
    munmap(shared, size);
    return r;
}

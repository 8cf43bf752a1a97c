/*
 * WORKING --a write fails--> FAILED --each second--> REFILLING --written--> WORKING, or FAILED.
 *
 * While FAILED nothing is kept: a refill clears the file and gets everything anew. What the run
 * before has left is read first, if it could not be read at the start.
 */
#include "daemon/journal.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/journal_batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 1000
#define STALLED_NS UINT64_C(1000000000)
#define WAITING_MAX 32768 /* changes; the disk has stalled for long then */

enum state { WORKING, FAILED, REFILLING };

struct journal {
    uv_loop_t *loop;
    char *path;
    const struct journal_handlers *handlers;
    void *user;

    journal_file_found *found; /* of what the run before has left */
    void *found_user;

    enum state state;
    bool was_read; /* what the run before has left is known */
    int64_t last_number;
    struct journal_batch waiting, writing;
    uint64_t errors, late;
    uv_timer_t patience; /* of the messages that wait for the disk */
    uv_timer_t retry;

    /* The job's while it is busy, except where the loop is named. */
    uv_work_t work;
    struct journal_file *file; /* NULL: to be opened by the next job */
    bool closing;              /* it is the last one */
    int result;
    bool damaged;
    bool reading; /* what the run before has left, into `left` */
    struct journal_batch left;
    struct diag diag;
    bool busy; /* the loop's */
    uint64_t busy_since_ns;

    bool stopping;
    void (*on_stopped)(void *user);
    void *stopped_user;
};

/* ---- state */

/* All that was given so far. */
static void make_ready(struct journal *journal)
{
    uv_timer_stop(&journal->patience);
    journal->handlers->on_ready(journal->user, journal->last_number);
}

static void give(struct journal *journal, const struct journal_op *op);
static void on_retry(uv_timer_t *timer);

/* Everybody who waits is let go, and what waits is forgotten: the refill has it all. */
static void fail(struct journal *journal, const char *why)
{
    journal->errors++;
    if (journal->state == WORKING)
        log_error("journal: %s: alerts are sent, but would not survive a crash", why);
    journal->state = FAILED;
    journal_batch_clear(&journal->waiting);
    if (!journal->stopping)
        uv_timer_start(&journal->retry, on_retry, RETRY_MS, 0);
    make_ready(journal);
}

static void on_patience(uv_timer_t *timer)
{
    struct journal *journal = timer->data;
    uint64_t late = ++journal->late;
    if ((late & (late - 1)) == 0)
        log_warning("journal: the disk has not answered for %d ms (%llu so far); alerts do not "
                    "wait for it",
                    JOURNAL_WAIT_MS, (unsigned long long)late);
    make_ready(journal);
}

/* ---- the job */

static void keep_left(void *user, const struct journal_op *op)
{
    struct journal *journal = user;
    if (journal_batch_add(&journal->left, op) < 0)
        journal->result = diag_errno(&journal->diag, ENOMEM, "%s", journal->path);
}

static void read_in_pool(struct journal *journal)
{
    int r = journal_file_read(journal->file, keep_left, journal, &journal->diag);
    if (r < 0)
        journal->result = r;
}

static void write_in_pool(uv_work_t *work)
{
    struct journal *journal = work->data;
    const struct journal_op *ops = journal->writing.first;
    if (!journal->file && (ops || journal->reading))
        journal->result =
            journal_file_open(journal->path, &journal->file, &journal->damaged, &journal->diag);
    if (journal->result == 0 && journal->reading)
        read_in_pool(journal);
    if (journal->result == 0 && ops)
        journal->result = journal_file_apply(journal->file, ops, &journal->diag);
    /* After an error the file is opened anew: it may be damaged, or on another disk by then. */
    if (journal->result < 0 || journal->closing) {
        journal_file_close(journal->file);
        journal->file = NULL;
    }
}

static void go_on(struct journal *journal);

static void note_damage(const struct journal *journal)
{
    if (journal->damaged)
        log_error("journal: %s was damaged; it is %s.damaged now, with what had not been delivered",
                  journal->path, journal->path);
}

static void note_written(struct journal *journal, int64_t last_number)
{
    if (journal->state == REFILLING)
        log_info("journal: written again");
    if (journal->state != FAILED)
        journal->state = WORKING;
    if (last_number == 0)
        return;
    if (last_number == journal->last_number)
        uv_timer_stop(&journal->patience);
    journal->handlers->on_ready(journal->user, last_number);
}

static void tell_found(void *user, const struct journal_op *op)
{
    struct journal *journal = user;
    if (op->number > journal->last_number)
        journal->last_number = op->number;
    journal->found(journal->found_user, op);
}

static void tell_left(struct journal *journal)
{
    for (const struct journal_op *op = journal->left.first; op; op = op->next)
        tell_found(journal, op);
    journal->was_read = true;
    uv_timer_start(&journal->retry, on_retry, 0, 0); /* and now it can be written anew */
}

/* A journal that stops tells nobody: what was left stays in the file. */
static void note_read(struct journal *journal, bool read)
{
    if (read && journal->reading && !journal->stopping)
        tell_left(journal);
    journal->reading = false;
    journal_batch_clear(&journal->left);
}

static void end_stop(struct journal *journal);

static void on_written(uv_work_t *work, int status)
{
    struct journal *journal = work->data;
    int64_t last_number = journal->writing.last_number;
    journal->busy = false;
    journal_batch_clear(&journal->writing);
    note_damage(journal);
    if (status < 0 || journal->result < 0)
        fail(journal, journal->diag.text);
    else
        note_written(journal, last_number);
    note_read(journal, status == 0 && journal->result == 0);
    if (journal->closing)
        end_stop(journal);
    else
        go_on(journal);
}

static int start_job(struct journal *journal)
{
    journal_batch_move(&journal->waiting, &journal->writing);
    journal->work.data = journal;
    journal->closing = journal->stopping;
    journal->result = 0;
    journal->damaged = false;
    journal->diag = (struct diag)DIAG_INIT;
    journal->busy_since_ns = uv_hrtime();
    int r = uv_queue_work(journal->loop, &journal->work, write_in_pool, on_written);
    journal->busy = r == 0;
    return r;
}

/* The next transaction, if there is one, or the end. */
static void go_on(struct journal *journal)
{
    if (journal->busy || (!journal->waiting.first && !journal->stopping))
        return;
    if (start_job(journal) == 0)
        return;
    journal_batch_clear(&journal->writing);
    fail(journal, "no job could be started");
    if (journal->stopping)
        end_stop(journal);
}

static void read_again(struct journal *journal)
{
    journal->reading = true;
    if (start_job(journal) == 0)
        return;
    journal->reading = false;
    fail(journal, "no job could be started");
}

static void refill(struct journal *journal)
{
    journal->state = REFILLING;
    give(journal, &(struct journal_op){.kind = JOURNAL_CLEAR});
    journal->handlers->on_refill(journal->user);
}

static void on_retry(uv_timer_t *timer)
{
    struct journal *journal = timer->data;
    if (journal->busy) { /* a job from before the failure hangs */
        uv_timer_start(&journal->retry, on_retry, RETRY_MS, 0);
        return;
    }
    if (!journal->was_read) {
        read_again(journal);
        return;
    }
    refill(journal);
    go_on(journal);
}

/* ---- what is given */

static void give(struct journal *journal, const struct journal_op *op)
{
    if (journal->state == FAILED)
        return;
    if (journal->waiting.count >= WAITING_MAX || journal_batch_add(&journal->waiting, op) < 0)
        fail(journal, "too much waits for the disk, or memory is out");
}

int64_t journal_next_number(struct journal *journal)
{
    int64_t number = ++journal->last_number;
    if (journal->state != WORKING)
        journal->handlers->on_ready(journal->user, number);
    return number;
}

void journal_add(struct journal *journal, int64_t number, const struct mqtt_message *message,
                 int64_t created_ns)
{
    give(journal, &(struct journal_op){.kind = JOURNAL_ADD,
                                       .number = number,
                                       .created_ns = created_ns,
                                       .topic = message->topic,
                                       .content_type = message->content_type,
                                       .payload = message->payload,
                                       .size = message->size});
}

void journal_remove(struct journal *journal, int64_t number)
{
    give(journal, &(struct journal_op){.kind = JOURNAL_REMOVE, .number = number});
}

void journal_episode(struct journal *journal, const char *robot, const char *kind, const char *text)
{
    give(journal, &(struct journal_op){
                      .kind = JOURNAL_EPISODE, .robot = robot, .alert_kind = kind, .text = text});
}

void journal_robot(struct journal *journal, const char *robot, int64_t heard_ns)
{
    give(journal,
         &(struct journal_op){.kind = JOURNAL_ROBOT, .robot = robot, .created_ns = heard_ns});
}

void journal_write(struct journal *journal)
{
    if (journal->state == WORKING && journal->waiting.last_number &&
        !uv_is_active((uv_handle_t *)&journal->patience))
        uv_timer_start(&journal->patience, on_patience, JOURNAL_WAIT_MS, 0);
    go_on(journal);
}

bool journal_is_settled(const struct journal *journal)
{
    return journal->state != WORKING || (!journal->busy && !journal->waiting.first);
}

bool journal_failing(const struct journal *journal)
{
    return journal->state != WORKING ||
           (journal->busy && uv_hrtime() - journal->busy_since_ns > STALLED_NS);
}

uint64_t journal_errors(const struct journal *journal)
{
    return journal->errors;
}

uint64_t journal_late(const struct journal *journal)
{
    return journal->late;
}

/* ---- start and stop */

int journal_start(uv_loop_t *loop, const char *directory, const struct journal_handlers *handlers,
                  void *user, struct journal **ret_journal)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal || asprintf(&journal->path, "%s/outbox.db", directory) < 0) {
        free(journal);
        return -ENOMEM;
    }
    journal->loop = loop;
    journal->handlers = handlers;
    journal->user = user;
    journal_batch_init(&journal->waiting);
    journal_batch_init(&journal->writing);
    journal_batch_init(&journal->left);
    uv_timer_init(loop, &journal->patience);
    uv_timer_init(loop, &journal->retry);
    journal->patience.data = journal->retry.data = journal;
    *ret_journal = journal;
    return 0;
}

void journal_read(struct journal *journal, journal_file_found *found, void *user)
{
    struct diag diag = DIAG_INIT;
    journal->found = found;
    journal->found_user = user;
    int r = journal_file_open(journal->path, &journal->file, &journal->damaged, &diag);
    note_damage(journal);
    if (r == 0)
        r = journal_file_read(journal->file, tell_found, journal, &diag);
    journal->was_read = r == 0;
    if (r < 0) {
        journal_file_close(journal->file);
        journal->file = NULL;
        journal->last_number = clock_realtime_ns(); /* beyond all that may be in it */
        fail(journal, diag.text);
    }
    make_ready(journal);
}

static void on_handles_closed(uv_handle_t *handle)
{
    struct journal *journal = handle->data;
    void (*on_stopped)(void *user) = journal->on_stopped;
    void *user = journal->stopped_user;
    journal_batch_clear(&journal->waiting);
    free(journal->path);
    free(journal);
    if (on_stopped)
        on_stopped(user);
}

static void on_patience_closed(uv_handle_t *handle)
{
    struct journal *journal = handle->data;
    uv_close((uv_handle_t *)&journal->retry, on_handles_closed);
}

static void end_stop(struct journal *journal)
{
    journal_file_close(journal->file); /* only where no job could be started for it */
    journal->file = NULL;
    uv_close((uv_handle_t *)&journal->patience, on_patience_closed);
}

void journal_stop(struct journal *journal, void (*on_stopped)(void *user), void *user)
{
    journal->stopping = true;
    journal->on_stopped = on_stopped;
    journal->stopped_user = user;
    uv_timer_stop(&journal->retry);
    if (journal->state == FAILED && journal->was_read && !journal->busy)
        refill(journal); /* the last attempt */
    go_on(journal);
}

#include "daemon/journal.h"
#include "fixture.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The fixture's own storage holds only the last path. */
struct path {
    char text[256];
};

static struct path path_of(const char *name)
{
    struct path path;
    snprintf(path.text, sizeof path.text, "%s", fixture_path(name));
    return path;
}

/* ---- the file */

struct found {
    char text[4096];
};

static void note(void *user, const struct journal_op *op)
{
    struct found *found = user;
    size_t used = strlen(found->text);
    if (op->kind == JOURNAL_ADD)
        snprintf(found->text + used, sizeof found->text - used, "%lld@%lld %s %s %.*s;",
                 (long long)op->number, (long long)op->created_ns, op->topic, op->content_type,
                 (int)op->size, op->payload);
    else if (op->kind == JOURNAL_ROBOT)
        snprintf(found->text + used, sizeof found->text - used, "%s@%lld;", op->robot,
                 (long long)op->created_ns);
    else
        snprintf(found->text + used, sizeof found->text - used, "%s %s %s;", op->robot,
                 op->alert_kind, op->text);
}

static struct journal_op add_op(int64_t number, const char *payload)
{
    return (struct journal_op){.kind = JOURNAL_ADD,
                               .number = number,
                               .created_ns = 7 * number,
                               .topic = "t",
                               .content_type = "j",
                               .payload = payload,
                               .size = strlen(payload)};
}

static struct journal_file *open_file(const char *path, bool expect_damaged)
{
    struct journal_file *file = NULL;
    struct diag diag = DIAG_INIT;
    bool damaged = false;
    if (journal_file_open(path, &file, &damaged, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(damaged, expect_damaged);
    return file;
}

static void apply(struct journal_file *file, struct journal_op *ops, size_t count)
{
    struct diag diag = DIAG_INIT;
    for (size_t i = 0; i + 1 < count; i++)
        ops[i].next = &ops[i + 1];
    if (journal_file_apply(file, ops, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void expect_content(struct journal_file *file, const char *expected)
{
    struct found found = {""};
    struct diag diag = DIAG_INIT;
    assert_int_equal(journal_file_read(file, note, &found, &diag), 0);
    assert_string_equal(found.text, expected);
}

static void test_file_keeps_what_was_applied(void **state)
{
    struct path path = path_of("outbox.db");
    struct journal_file *file = open_file(path.text, false);
    expect_content(file, "");
    struct journal_op first[] = {
        add_op(2, "b"),
        add_op(1, "a"),
        add_op(3, "c"),
        {.kind = JOURNAL_EPISODE, .robot = "r1", .alert_kind = "anomaly", .text = "x"},
        {.kind = JOURNAL_EPISODE, .robot = "r1", .alert_kind = "silent", .text = "y"}};
    apply(file, first, 5);
    struct journal_op second[] = {
        {.kind = JOURNAL_REMOVE, .number = 2},
        {.kind = JOURNAL_REMOVE, .number = 99},
        {.kind = JOURNAL_EPISODE, .robot = "r1", .alert_kind = "anomaly", .text = "z"},
        {.kind = JOURNAL_EPISODE, .robot = "r1", .alert_kind = "silent"},
        {.kind = JOURNAL_ROBOT, .robot = "r1", .created_ns = 5},
        {.kind = JOURNAL_ROBOT, .robot = "r2", .created_ns = 6},
        {.kind = JOURNAL_ROBOT, .robot = "r1", .created_ns = 8}};
    apply(file, second, 7);
    const char *expected = "r1 anomaly z;r1@8;r2@6;1@7 t j a;3@21 t j c;";
    expect_content(file, expected);
    journal_file_close(file);
    file = open_file(path.text, false);
    expect_content(file, expected);
    struct journal_op third[] = {{.kind = JOURNAL_CLEAR}, add_op(9, "n")};
    apply(file, third, 2);
    expect_content(file, "9@63 t j n;");
    journal_file_close(file);
    journal_file_close(NULL);
}

/* All or nothing: a list of which one cannot be written leaves nothing behind. */
static void test_file_takes_whole_lists(void **state)
{
    struct journal_file *file = open_file(fixture_path("outbox.db"), false);
    struct diag diag = DIAG_INIT;
    struct journal_op ops[] = {add_op(1, "a"), {.kind = JOURNAL_ADD, .number = 2, .topic = "t"}};
    ops[0].next = &ops[1]; /* no payload: the schema forbids it */
    assert_int_equal(journal_file_apply(file, ops, &diag), -EIO);
    assert_non_null(strstr(diag.text, "payload"));
    expect_content(file, "");
    ops[0].next = NULL;
    apply(file, ops, 1);
    expect_content(file, "1@7 t j a;");
    journal_file_close(file);
}

static void test_file_belongs_to_one(void **state)
{
    struct path path = path_of("outbox.db");
    struct journal_file *file = open_file(path.text, false), *other = NULL;
    struct journal_op op = add_op(1, "a");
    struct diag diag = DIAG_INIT;
    bool damaged;
    apply(file, &op, 1);
    assert_int_equal(journal_file_open(path.text, &other, &damaged, &diag), -EIO);
    assert_false(damaged); /* it must not be moved away under the first one */
    assert_non_null(strstr(diag.text, "locked"));
    expect_content(file, "1@7 t j a;");
    journal_file_close(file);
}

/* As a crash or a torn disk leaves it: the file's own copy with the WAL beside it. */
static void copy_as_left(const char *from, const char *to, size_t wal_bytes)
{
    static const char *const suffixes[] = {"", "-wal"};
    for (size_t i = 0; i < 2; i++) {
        char source[512], target[512];
        void *data;
        size_t size;
        struct diag diag = DIAG_INIT;
        snprintf(source, sizeof source, "%s%s", from, suffixes[i]);
        snprintf(target, sizeof target, "%s%s", to, suffixes[i]);
        assert_int_equal(file_read(source, 1 << 24, &data, &size, &diag), 0);
        if (i == 1 && wal_bytes < size)
            size = wal_bytes;
        int fd = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, data, size), size);
        close(fd);
        free(data);
    }
}

static size_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

/* How many messages are found in a copy that was cut there. */
static size_t count_in_torn(const char *path, const char *torn, size_t wal_bytes)
{
    struct found found = {""};
    struct diag diag = DIAG_INIT;
    copy_as_left(path, torn, wal_bytes);
    struct journal_file *file = open_file(torn, false);
    assert_int_equal(journal_file_read(file, note, &found, &diag), 0);
    journal_file_close(file);
    size_t count = 0;
    for (const char *at = found.text; (at = strchr(at, ';')); at++)
        count++;
    return count;
}

/* Cut anywhere, the file opens, and holds what some number of whole transactions has written. */
static void test_file_torn_at_every_length(void **state)
{
    struct path path = path_of("outbox.db"), torn = path_of("torn.db");
    struct journal_file *file = open_file(path.text, false);
    for (int i = 1; i <= 5; i++) {
        struct journal_op op = add_op(i, "payload");
        apply(file, &op, 1);
    }
    char wal[512];
    snprintf(wal, sizeof wal, "%s-wal", path.text);
    size_t whole = size_of(wal), last = 0;
    assert_true(whole > 5 * 4096);
    /* At the borders of its parts, and between them. A frame is a page behind 24 bytes. */
    for (size_t length = 0; length < whole; length += length % 4120 < 64 ? 1 : 419) {
        size_t count = count_in_torn(path.text, torn.text, length);
        if (count < last || count > 4)
            fail_msg("cut at %zu of %zu: %zu", length, whole, count);
        last = count;
    }
    assert_int_equal(last, 4); /* only the last transaction was lost */
    assert_int_equal(count_in_torn(path.text, torn.text, whole), 5);
    journal_file_close(file);
}

static void test_damaged_file_is_moved_aside(void **state)
{
    static const char *const damages[] = {"this is no database, it never was; it is text",
                                          "SQLite format 3"};
    for (size_t i = 0; i < 2; i++) {
        struct path path = path_of(i ? "half.db" : "text.db");
        char aside[512];
        struct diag diag = DIAG_INIT;
        char page[4096] = {0};
        memcpy(page, damages[i], strlen(damages[i]) + 1);
        assert_int_equal(file_write(path.text, page, sizeof page, &diag), 0);
        struct journal_file *file = open_file(path.text, true);
        expect_content(file, "");
        struct journal_op op = add_op(1, "a");
        apply(file, &op, 1);
        journal_file_close(file);
        snprintf(aside, sizeof aside, "%s.damaged", path.text);
        assert_int_equal(size_of(aside), sizeof page);
    }
}

/* A table of another make is as good as damage. */
static void test_foreign_database_is_moved_aside(void **state)
{
    struct path path = path_of("foreign.db");
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path.text, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE message(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct journal_file *file = open_file(path.text, true);
    expect_content(file, "");
    journal_file_close(file);
}

/* ---- the journal */

struct bench {
    uv_loop_t loop;
    struct journal *journal;
    int64_t ready;
    unsigned refills;
    bool stopped;
    const char *refill; /* payload of message 1 */
    struct found found;
};

static void on_ready(void *user, int64_t number)
{
    struct bench *bench = user;
    if (number > bench->ready)
        bench->ready = number;
}

static const struct mqtt_message *message(const char *payload)
{
    static struct mqtt_message message;
    message = (struct mqtt_message){
        .topic = "t", .payload = payload, .size = strlen(payload), .content_type = "j", .qos = 1};
    return &message;
}

static void on_refill(void *user)
{
    struct bench *bench = user;
    bench->refills++;
    if (bench->refill)
        journal_add(bench->journal, 1, message(bench->refill), 5);
}

static void on_stopped(void *user)
{
    struct bench *bench = user;
    bench->stopped = true;
}

static void start(struct bench *bench, const char *directory)
{
    static const struct journal_handlers handlers = {.on_ready = on_ready, .on_refill = on_refill};
    *bench = (struct bench){.ready = 0};
    log_set_level(LOG_LEVEL_ERROR);
    uv_loop_init(&bench->loop);
    assert_int_equal(journal_start(&bench->loop, directory, &handlers, bench, &bench->journal), 0);
    journal_read(bench->journal, note, &bench->found);
}

static void stop(struct bench *bench)
{
    journal_stop(bench->journal, on_stopped, bench);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_true(bench->stopped);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
}

#define wait_for(bench, condition)                                                                 \
    do {                                                                                           \
        uint64_t wait_end = uv_hrtime() + UINT64_C(20000000000);                                   \
        while (!(condition)) {                                                                     \
            if (uv_hrtime() > wait_end)                                                            \
                fail_msg("not in time: %s", #condition);                                           \
            uv_run(&(bench)->loop, UV_RUN_NOWAIT);                                                 \
            usleep(1000);                                                                          \
        }                                                                                          \
    } while (0)

static int64_t give(struct bench *bench, const char *payload)
{
    int64_t number = journal_next_number(bench->journal);
    journal_add(bench->journal, number, message(payload), 5);
    return number;
}

static void test_ready_when_written(void **state)
{
    struct bench bench;
    start(&bench, fixture_path(""));
    int64_t number = give(&bench, "a");
    journal_episode(bench.journal, "r", "anomaly", "open");
    assert_int_equal(number, 1);
    journal_write(bench.journal);
    assert_int_equal(bench.ready, 0);
    give(&bench, "b"); /* goes with the next transaction */
    journal_write(bench.journal);
    wait_for(&bench, bench.ready == 2);
    journal_remove(bench.journal, 1);
    assert_false(journal_failing(bench.journal));
    assert_int_equal(journal_errors(bench.journal), 0);
    stop(&bench);
    start(&bench, fixture_path(""));
    assert_string_equal(bench.found.text, "r anomaly open;2@5 t j b;");
    assert_int_equal(bench.ready, 2); /* what the run before has left */
    assert_int_equal(give(&bench, "c"), 3);
    stop(&bench);
    start(&bench, fixture_path(""));
    assert_string_equal(bench.found.text, "r anomaly open;2@5 t j b;3@5 t j c;");
    stop(&bench);
}

/* Somebody else holds the file: an error of the disk that a test can end at will. */
static void test_failing_and_well_again(void **state)
{
    struct bench bench;
    struct path path = path_of("outbox.db");
    start(&bench, fixture_path(""));
    give(&bench, "before");
    stop(&bench);
    struct journal_file *holder = open_file(path.text, false);
    struct journal_op op = {.kind = JOURNAL_REMOVE, .number = 99};
    apply(holder, &op, 1);
    log_set_level(LOG_LEVEL_ERROR);
    start(&bench, fixture_path(""));
    assert_true(journal_failing(bench.journal));
    int64_t number = give(&bench, "a");
    assert_int_equal(bench.ready, number); /* it waits for nothing */
    journal_write(bench.journal);
    bench.refill = "again";
    wait_for(&bench, journal_errors(bench.journal) >= 3);
    assert_true(journal_failing(bench.journal));
    assert_string_equal(bench.found.text, "");
    assert_int_equal(bench.refills, 0); /* what is in it comes first */
    journal_file_close(holder);
    wait_for(&bench, !journal_failing(bench.journal));
    assert_string_equal(bench.found.text, "1@5 t j before;");
    assert_int_equal(bench.refills, 1);
    stop(&bench);
    start(&bench, fixture_path(""));
    assert_string_equal(bench.found.text, "1@5 t j again;");
    stop(&bench);
}

/* A file that vanishes and a directory that cannot be written: what was read is written anew. */
static void test_refill_replaces_what_is_there(void **state)
{
    struct bench bench;
    start(&bench, fixture_path(""));
    give(&bench, "a");
    give(&bench, "b");
    journal_write(bench.journal);
    wait_for(&bench, bench.ready == 2);
    stop(&bench);
    start(&bench, fixture_path(""));
    const struct mqtt_message broken = {.topic = "t", .qos = 1};
    journal_add(bench.journal, journal_next_number(bench.journal), &broken, 5); /* refused */
    journal_write(bench.journal);
    wait_for(&bench, journal_failing(bench.journal));
    assert_int_equal(bench.ready, 3);
    bench.refill = "only this";
    wait_for(&bench, !journal_failing(bench.journal));
    assert_int_equal(bench.refills, 1);
    stop(&bench);
    start(&bench, fixture_path(""));
    assert_string_equal(bench.found.text, "1@5 t j only this;");
    stop(&bench);
}

/* The disk has refused a moment ago, and it is to stop. */
static void test_a_stop_tries_once_more(void **state)
{
    struct bench bench;
    log_set_level(LOG_LEVEL_ERROR);
    start(&bench, fixture_path(""));
    const struct mqtt_message broken = {.topic = "t", .qos = 1};
    journal_add(bench.journal, journal_next_number(bench.journal), &broken, 5); /* refused */
    journal_write(bench.journal);
    wait_for(&bench, journal_failing(bench.journal));
    bench.refill = "not lost";
    stop(&bench);
    assert_int_equal(bench.refills, 1);
    start(&bench, fixture_path(""));
    assert_string_equal(bench.found.text, "1@5 t j not lost;");
    stop(&bench);
}

static void occupy(uv_work_t *work)
{
    atomic_int *occupied = work->data;
    while (atomic_load(occupied))
        usleep(1000);
}

/* The pool is busy with other things for long: the same as a disk that does not answer. */
static void test_a_stalled_disk_delays_nothing(void **state)
{
    struct bench bench;
    uv_work_t work[8];
    atomic_int occupied = 1;
    start(&bench, fixture_path(""));
    for (size_t i = 0; i < 8; i++) {
        work[i].data = &occupied;
        assert_int_equal(uv_queue_work(&bench.loop, &work[i], occupy, NULL), 0);
    }
    give(&bench, "a");
    journal_write(bench.journal);
    wait_for(&bench, bench.ready == 1);
    assert_int_equal(journal_late(bench.journal), 1);
    wait_for(&bench, journal_failing(bench.journal));
    give(&bench, "b");
    journal_write(bench.journal);
    wait_for(&bench, bench.ready == 2);
    assert_int_equal(journal_late(bench.journal), 2);
    atomic_store(&occupied, 0);
    wait_for(&bench, !journal_failing(bench.journal));
    stop(&bench);
    start(&bench, fixture_path(""));
    assert_string_equal(bench.found.text, "1@5 t j a;2@5 t j b;");
    stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file_keeps_what_was_applied, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_file_takes_whole_lists, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_file_belongs_to_one, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_file_torn_at_every_length, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_file_is_moved_aside, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_foreign_database_is_moved_aside, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ready_when_written, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_failing_and_well_again, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_stop_tries_once_more, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_refill_replaces_what_is_there, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_stalled_disk_delays_nothing, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

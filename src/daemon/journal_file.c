#include "daemon/journal_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum statement { ADD, REMOVE, EPISODE_PUT, EPISODE_REMOVE, ROBOT_PUT, STATEMENTS };

static const char *const statement_text[STATEMENTS] = {
    [ADD] = ("INSERT OR REPLACE INTO message(number, created_ns, topic, content_type, payload) "
             "VALUES(?1, ?2, ?3, ?4, ?5)"),
    [REMOVE] = "DELETE FROM message WHERE number = ?1",
    [EPISODE_PUT] = "INSERT OR REPLACE INTO episode(robot, kind, text) VALUES(?1, ?2, ?3)",
    [EPISODE_REMOVE] = "DELETE FROM episode WHERE robot = ?1 AND kind = ?2",
    [ROBOT_PUT] = "INSERT OR REPLACE INTO robot(name, heard_ns) VALUES(?1, ?2)",
};

struct journal_file {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
};

static int fail(struct journal_file *file, struct diag *diag)
{
    diag_set(diag, "%s", file->db ? sqlite3_errmsg(file->db) : sqlite3_errstr(SQLITE_NOMEM));
    return -EIO;
}

static bool run(struct journal_file *file, const char *sql)
{
    return sqlite3_exec(file->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool is_damaged(const struct journal_file *file)
{
    int code = file->db ? sqlite3_errcode(file->db) : SQLITE_NOMEM;
    /* SQLITE_ERROR: a table is not what it should be. */
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;
}

/* A page that could not be read, for want of memory or by an error of the disk, is no damage: a
 * file with alerts in it is not set aside for that. */
static bool is_finding(const char *text)
{
    const char *code = strstr(text, "error code=");
    int primary =
        code ? (int)strtol(code + strlen("error code="), NULL, 10) & 0xff : SQLITE_CORRUPT;
    return primary != SQLITE_IOERR && primary != SQLITE_NOMEM;
}

/* SQLITE_OK, or SQLITE_CORRUPT; anything else: it could not be told. */
static int check_pages(struct journal_file *file)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(file->db, "PRAGMA quick_check", -1, &statement, NULL);
    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    const unsigned char *text = code == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
    if (code == SQLITE_ROW)
        code = !text                               ? SQLITE_NOMEM
               : !strcmp((const char *)text, "ok") ? SQLITE_OK
               : is_finding((const char *)text)    ? SQLITE_CORRUPT
                                                   : SQLITE_IOERR;
    int finalized = sqlite3_finalize(statement);
    return finalized == SQLITE_OK ? code : finalized;
}

/* Exclusive locking also keeps the WAL's index in memory: no third file, nothing is mapped. */
static bool prepare(struct journal_file *file)
{
    if (!run(file, "PRAGMA locking_mode=EXCLUSIVE") || !run(file, "PRAGMA journal_mode=WAL") ||
        !run(file, "PRAGMA synchronous=FULL") || !run(file, "PRAGMA journal_size_limit=4194304") ||
        !run(file, "CREATE TABLE IF NOT EXISTS message(number INTEGER PRIMARY KEY, created_ns "
                   "INTEGER NOT NULL, topic TEXT NOT NULL, content_type TEXT NOT NULL, payload "
                   "BLOB NOT NULL)") ||
        !run(file, "CREATE TABLE IF NOT EXISTS episode(robot TEXT NOT NULL, kind TEXT NOT NULL, "
                   "text TEXT NOT NULL, PRIMARY KEY(robot, kind)) WITHOUT ROWID") ||
        !run(file, "CREATE TABLE IF NOT EXISTS robot(name TEXT PRIMARY KEY, heard_ns INTEGER NOT "
                   "NULL) WITHOUT ROWID"))
        return false;
    for (int s = 0; s < STATEMENTS; s++) {
        if (sqlite3_prepare_v3(file->db, statement_text[s], -1, SQLITE_PREPARE_PERSISTENT,
                               &file->statement[s], NULL) != SQLITE_OK)
            return false;
    }
    return true;
}

static int open_once(const char *path, struct journal_file **ret_file, bool *ret_damaged,
                     struct diag *diag)
{
    struct journal_file *file = calloc(1, sizeof *file);
    *ret_damaged = false;
    if (!file)
        return diag_errno(diag, ENOMEM, "%s", path);
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    bool opened = sqlite3_open_v2(path, &file->db, flags, NULL) == SQLITE_OK && prepare(file);
    int checked = opened ? check_pages(file) : SQLITE_OK;
    if (opened && checked == SQLITE_OK) {
        *ret_file = file;
        return 0;
    }
    *ret_damaged = opened ? checked == SQLITE_CORRUPT : is_damaged(file);
    int r = opened ? diag_set(diag, "%s", sqlite3_errstr(checked)), -EIO : fail(file, diag);
    diag_prefix(diag, "%s", path);
    journal_file_close(file);
    return r;
}

static void move_aside(const char *path, const char *suffix)
{
    char *from, *to;
    if (asprintf(&from, "%s%s", path, suffix) < 0)
        return;
    if (asprintf(&to, "%s.damaged%s", path, suffix) >= 0) {
        rename(from, to);
        free(to);
    }
    free(from);
}

int journal_file_open(const char *path, struct journal_file **ret_file, bool *ret_damaged,
                      struct diag *diag)
{
    bool damaged_again;
    int r = open_once(path, ret_file, ret_damaged, diag);
    if (r == 0 || !*ret_damaged)
        return r;
    move_aside(path, "");
    move_aside(path, "-wal");
    return open_once(path, ret_file, &damaged_again, diag);
}

void journal_file_close(struct journal_file *file)
{
    if (!file)
        return;
    for (int s = 0; s < STATEMENTS; s++)
        sqlite3_finalize(file->statement[s]);
    sqlite3_close(file->db);
    free(file);
}

static const char *column_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "";
}

static struct journal_op read_message(sqlite3_stmt *row)
{
    return (struct journal_op){.kind = JOURNAL_ADD,
                               .number = sqlite3_column_int64(row, 0),
                               .created_ns = sqlite3_column_int64(row, 1),
                               .topic = column_text(row, 2),
                               .content_type = column_text(row, 3),
                               .payload = sqlite3_column_blob(row, 4),
                               .size = (size_t)sqlite3_column_bytes(row, 4)};
}

static struct journal_op read_episode(sqlite3_stmt *row)
{
    return (struct journal_op){.kind = JOURNAL_EPISODE,
                               .robot = column_text(row, 0),
                               .alert_kind = column_text(row, 1),
                               .text = column_text(row, 2)};
}

static struct journal_op read_robot(sqlite3_stmt *row)
{
    return (struct journal_op){.kind = JOURNAL_ROBOT,
                               .robot = column_text(row, 0),
                               .created_ns = sqlite3_column_int64(row, 1)};
}

static bool read_table(struct journal_file *file, const char *sql,
                       struct journal_op (*read)(sqlite3_stmt *), journal_file_found *found,
                       void *user)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const struct journal_op op = read(statement);
        found(user, &op);
    }
    return sqlite3_finalize(statement) == SQLITE_OK;
}

int journal_file_read(struct journal_file *file, journal_file_found *found, void *user,
                      struct diag *diag)
{
    bool read =
        read_table(file, "SELECT robot, kind, text FROM episode", read_episode, found, user) &&
        read_table(file, "SELECT name, heard_ns FROM robot", read_robot, found, user) &&
        read_table(file,
                   "SELECT number, created_ns, topic, content_type, payload FROM message "
                   "ORDER BY number",
                   read_message, found, user);
    return read ? 0 : fail(file, diag);
}

static bool finish(sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return done;
}

static bool bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    return sqlite3_bind_text(statement, at, text ? text : "", -1, SQLITE_STATIC) == SQLITE_OK;
}

static bool add_message(struct journal_file *file, const struct journal_op *op)
{
    sqlite3_stmt *statement = file->statement[ADD];
    return sqlite3_bind_int64(statement, 1, op->number) == SQLITE_OK &&
           sqlite3_bind_int64(statement, 2, op->created_ns) == SQLITE_OK &&
           bind_text(statement, 3, op->topic) && bind_text(statement, 4, op->content_type) &&
           sqlite3_bind_blob(statement, 5, op->payload, (int)op->size, SQLITE_STATIC) ==
               SQLITE_OK &&
           finish(statement);
}

static bool remove_message(struct journal_file *file, const struct journal_op *op)
{
    sqlite3_stmt *statement = file->statement[REMOVE];
    return sqlite3_bind_int64(statement, 1, op->number) == SQLITE_OK && finish(statement);
}

static bool put_episode(struct journal_file *file, const struct journal_op *op)
{
    sqlite3_stmt *statement = file->statement[op->text ? EPISODE_PUT : EPISODE_REMOVE];
    return bind_text(statement, 1, op->robot) && bind_text(statement, 2, op->alert_kind) &&
           (!op->text || bind_text(statement, 3, op->text)) && finish(statement);
}

static bool put_robot(struct journal_file *file, const struct journal_op *op)
{
    sqlite3_stmt *statement = file->statement[ROBOT_PUT];
    return bind_text(statement, 1, op->robot) &&
           sqlite3_bind_int64(statement, 2, op->created_ns) == SQLITE_OK && finish(statement);
}

static bool apply(struct journal_file *file, const struct journal_op *op)
{
    switch (op->kind) {
    case JOURNAL_CLEAR:
        return run(file, "DELETE FROM message") && run(file, "DELETE FROM episode") &&
               run(file, "DELETE FROM robot");
    case JOURNAL_ADD:
        return add_message(file, op);
    case JOURNAL_REMOVE:
        return remove_message(file, op);
    case JOURNAL_EPISODE:
        return put_episode(file, op);
    case JOURNAL_ROBOT:
        return put_robot(file, op);
    }
    return false;
}

int journal_file_apply(struct journal_file *file, const struct journal_op *ops, struct diag *diag)
{
    bool done = run(file, "BEGIN IMMEDIATE");
    for (const struct journal_op *op = ops; done && op; op = op->next)
        done = apply(file, op);
    if (done && run(file, "COMMIT"))
        return 0;
    int r = fail(file, diag);
    run(file, "ROLLBACK");
    return r;
}
